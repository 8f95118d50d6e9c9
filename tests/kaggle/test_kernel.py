"""The kernel's main, run as a script in folders that look like Kaggle's, some of them broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from arc_submit.arc.dataset import load_challenges
from arc_submit.config_file import build_config
from arc_submit.kaggle.kernels import kernel
from arc_submit.kaggle.kernels.kernel_folder import build_kernels
from arc_submit.submission.build import count_entries
from arc_submit.submission.validate import validate_submission

SLUG = "arc-prize-2026-arc-agi-2"
FALLBACK = {"attempt_1": [[0]], "attempt_2": [[0]]}
ANSWER = {"attempt_1": [[1, 2]], "attempt_2": [[3]]}
TASK = {
    "train": [{"input": [[1]], "output": [[2]]}],
    "test": [{"input": [[3]]}, {"input": [[4]]}],
}
CHALLENGES = {"aaaa0000": TASK, "bbbb0000": {**TASK, "test": TASK["test"][:1]}}


@dataclass(frozen=True, slots=True)
class Session:
    """A folder in place of `/kaggle`."""

    root: Path

    @property
    def submission(self) -> Path:
        return self.root / "working" / "submission.json"

    def mount_competition(self, text: str = json.dumps(CHALLENGES)) -> Path:
        path = self.root / "input" / "competitions" / SLUG / kernel.CHALLENGES
        path.parent.mkdir(parents=True)
        path.write_text(text)
        return path

    def mount_wheels(self, **manifest: str) -> Path:
        folder = self.root / "input" / "datasets" / "your-kaggle-name" / "arc-submit-wheels"
        folder.mkdir(parents=True)
        here = {
            "python": "{}.{}".format(*sys.version_info),
            "torch": metadata.version("torch").partition("+")[0],
        }
        (folder / kernel.MANIFEST).write_text(json.dumps(here | manifest))
        (folder / kernel.LOCK).write_text(f"arc-submit==0.1.0 --hash=sha256:{'0' * 64}\n")
        return folder

    def run(self, **kaggle: object) -> str:
        """Run the script kernel of a configuration and return what it printed."""
        config = build_config({"kaggle": kaggle}, source="test")
        build_kernels(config, self.root.parent / "kernels")
        (self.root / "working").mkdir(parents=True, exist_ok=True)
        process = subprocess.run(
            [sys.executable, str(self.root.parent / "kernels" / "script" / "main.py")],
            env={**os.environ, "ARC_SUBMIT_KAGGLE_ROOT": str(self.root)},
            capture_output=True,
            text=True,
        )
        assert process.returncode == 0, process.stderr  # Kaggle scores nothing else
        return process.stdout


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path / "kaggle")


def error_of(output: str) -> str:
    (line,) = (line for line in output.splitlines() if line.startswith("kernel: error: "))
    return line


def check_fallback(session: Session, challenges: Path) -> None:
    entries = count_entries(load_challenges(challenges, skip_bad_tasks=True))
    assert validate_submission(session.submission, entries) == []


def test_without_the_competition_one_line_says_so(session: Session) -> None:
    session.mount_wheels()
    error = error_of(session.run())
    assert SLUG in error and "competition_sources" in error and "datasets" in error
    assert json.loads(session.submission.read_text()) == {}


def test_the_competition_is_found_wherever_it_is_mounted(session: Session) -> None:
    path = session.root / "input" / SLUG / kernel.CHALLENGES
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(CHALLENGES))
    assert "dataset_sources" in error_of(session.run())
    check_fallback(session, path)


def test_without_the_wheels_the_file_is_valid(session: Session) -> None:
    challenges = session.mount_competition()
    error = error_of(session.run())
    assert "your-kaggle-name/arc-submit-wheels" in error and "dataset_sources" in error
    check_fallback(session, challenges)


@pytest.mark.parametrize(("name", "version"), [("python", "3.7"), ("torch", "1.0.0")])
def test_another_image_is_refused_before_anything_is_installed(
    session: Session, name: str, version: str
) -> None:
    challenges = session.mount_competition()
    session.mount_wheels(**{name: version})
    error = error_of(session.run())
    assert name in error and version in error and "kaggle.docker_image" in error
    check_fallback(session, challenges)


def test_a_wheel_that_is_missing_is_not_replaced_by_another(session: Session) -> None:
    challenges = session.mount_competition()
    session.mount_wheels()
    assert "were not installed" in error_of(session.run())
    check_fallback(session, challenges)


def test_a_missing_model_is_named_before_the_run(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.mount_competition()
    monkeypatch.setattr(kernel, "ROOT", session.root)
    monkeypatch.setattr(kernel, "SETTINGS", {"model": "somebody/big-model"})
    with pytest.raises(kernel.Fault, match=r"config.json of the model somebody/big-model"):
        kernel.find_model()


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("somebody/big-model", "datasets/somebody/big-model"),
        ("somebody/big-model", "big-model"),
        ("somebody/big-model", "big-model/checkpoint"),
        ("qwen/qwen-3/transformers/4b/1", "models/qwen/qwen-3/transformers/4b/1"),
        ("qwen/qwen-3/transformers/4b/1", "qwen-3/transformers/4b/1"),
    ],
)
def test_a_model_is_found_in_either_layout(
    session: Session, monkeypatch: pytest.MonkeyPatch, source: str, place: str
) -> None:
    folder = session.root / "input" / place
    folder.mkdir(parents=True)
    (folder / "config.json").touch()
    monkeypatch.setattr(kernel, "ROOT", session.root)
    monkeypatch.setattr(kernel, "SETTINGS", {"model": source})
    assert kernel.find_model() == folder


@pytest.mark.parametrize("text", ["{", "[]", '{"aaaa0000": 1}', '{"aaaa0000": {"train": []}}'])
def test_a_challenges_file_that_cannot_be_read_is_named(session: Session, text: str) -> None:
    challenges = session.mount_competition(text)
    session.mount_wheels()
    assert str(challenges) in error_of(session.run())
    assert isinstance(json.loads(session.submission.read_text()), dict)


@pytest.mark.parametrize(
    "broken",
    [
        [],
        [ANSWER],
        [ANSWER, {"attempt_1": [[1]]}],
        [ANSWER, {**ANSWER, "attempt_3": [[1]]}],
        [ANSWER, {"attempt_1": [[1]], "attempt_2": [[True]]}],
        [ANSWER, {"attempt_1": [[1]], "attempt_2": [[1], [1, 2]]}],
        [ANSWER, {"attempt_1": [[1]], "attempt_2": [[0] * 31]}],
        [ANSWER, {"attempt_1": [[10]], "attempt_2": [[0]]}],
        [ANSWER, {"attempt_1": [], "attempt_2": [[0]]}],
        [ANSWER, {"attempt_1": [[]], "attempt_2": [[0]]}],
        "text",
        None,
    ],
)
def test_what_the_run_wrote_is_published_but_for_what_kaggle_would_refuse(
    session: Session, monkeypatch: pytest.MonkeyPatch, broken: Any
) -> None:
    challenges = session.mount_competition()
    monkeypatch.setattr(kernel, "ROOT", session.root)
    answers = session.root / "working" / "run" / "submission.json"
    answers.parent.mkdir(parents=True)
    answers.write_text(json.dumps({"aaaa0000": broken, "bbbb0000": [ANSWER], "cccc0000": []}))
    kernel.publish(kernel.count_entries(challenges))
    published = json.loads(session.submission.read_text())
    assert published == {"aaaa0000": [FALLBACK] * 2, "bbbb0000": [ANSWER]}
    check_fallback(session, challenges)


def test_a_half_written_file_of_the_run_loses_nothing_that_was_published(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "ROOT", session.root)
    answers = session.root / "working" / "run" / "submission.json"
    answers.parent.mkdir(parents=True)
    answers.write_text(json.dumps({"bbbb0000": [ANSWER]}))
    kernel.publish({"bbbb0000": 1})
    answers.write_text('{"bbbb0000": [{"attempt_1"')
    kernel.publish({"bbbb0000": 1})
    assert json.loads(session.submission.read_text()) == {"bbbb0000": [ANSWER]}
