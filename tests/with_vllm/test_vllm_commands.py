"""The commands as users type them, with the bundled model in vLLM."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from benches import needs_vllm

from arc_submit.arc.dataset import load_challenges
from arc_submit.submission.build import count_entries
from arc_submit.submission.validate import validate_submission

pytestmark = [needs_vllm, pytest.mark.integration]
EASY = "68b16354,67a3c6ac,9172f3a0"


def _arc_submit(folder: Path, *arguments: str, **parts: Any) -> dict[str, Any]:
    config, figures = folder / "config.json", folder / "figures.json"
    config.write_text(json.dumps({"sampling": {"engine": "vllm"}, **parts}))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "arc_submit", *arguments),
            *("--config", str(config), "--json", str(figures)),
        ],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    read: dict[str, Any] = json.loads(figures.read_text())
    return read


def test_hindsight_draws_12_squares(tmp_path: Path) -> None:
    figures = _arc_submit(
        tmp_path,
        *("draw", "12-squares", "--preset", "small-rounds", "--max-rounds", "40"),
        *("--output", str(tmp_path)),
    )
    (run,) = figures["runs"]
    assert run["solved"] and run["rounds"] > 1
    assert figures["config"]["sampling"]["engine"] == "vllm"


def test_a_dry_run_solves_easy_tasks(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    figures = _arc_submit(
        tmp_path,
        *("dry-run", "--split", "training", "--task-ids", EASY, "--workers", "1"),
        *("--budget", "4m", "--run-dir", str(run_dir)),
        augmentation={"views": 4},
        test_time_training={"max_rounds": 1, "max_examples": 8},
    )
    challenges = load_challenges(run_dir / "challenges.json")
    assert validate_submission(run_dir / "submission.json", count_entries(challenges)) == []
    assert figures["solved_by_fitting_program"] >= 2, figures
