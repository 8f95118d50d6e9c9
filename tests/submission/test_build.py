"""Building and writing: every entry is there, and the file is never half written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from arc_submit.arc.grid import Grid, freeze
from arc_submit.arc.task import BadTask, Challenges, Pair, Task
from arc_submit.errors import SubmissionError
from arc_submit.submission.build import build_submission, count_entries, write_submission
from arc_submit.submission.validate import read_submission, validate_submission
from arc_submit.types import AttemptPair


def _cell(color: int) -> Grid:
    return freeze(np.array([[color]]))


def _task(task_id: str, n_test_inputs: int) -> Task:
    return Task(task_id, (Pair(_cell(1), _cell(2)),), (_cell(3),) * n_test_inputs)


CHALLENGES = Challenges(
    "set",
    {"b": _task("b", 1), "a": _task("a", 2)},
    {"bad": BadTask("bad", "is malformed", 2)},
)
N_ENTRIES = count_entries(CHALLENGES)
FALLBACK = {"attempt_1": [[0]], "attempt_2": [[0]]}


def test_without_attempts_every_entry_is_the_fallback() -> None:
    submission = build_submission(CHALLENGES, {})
    assert list(submission) == ["b", "a", "bad"]
    assert submission == {"b": [FALLBACK], "a": [FALLBACK] * 2, "bad": [FALLBACK] * 2}


def test_attempts_stand_in_the_order_of_the_test_inputs_and_gaps_are_filled() -> None:
    attempts = {"a": [AttemptPair(_cell(4), None), AttemptPair(_cell(5), _cell(6))]}
    assert build_submission(CHALLENGES, attempts)["a"] == [
        {"attempt_1": [[4]], "attempt_2": [[0]]},
        {"attempt_1": [[5]], "attempt_2": [[6]]},
    ]


def test_cells_are_plain_ints() -> None:
    submission = build_submission(CHALLENGES, {"b": [AttemptPair(_cell(4), _cell(5))]})
    assert type(submission["b"][0]["attempt_1"][0][0]) is int


@pytest.mark.parametrize(("task_id", "count"), [("a", 1), ("a", 3), ("unknown", 1)])
def test_attempts_that_do_not_belong_to_the_set_are_refused(task_id: str, count: int) -> None:
    with pytest.raises(SubmissionError, match=f"task {task_id}: {count} attempt pairs for"):
        build_submission(CHALLENGES, {task_id: [AttemptPair(None, None)] * count})


def test_a_written_submission_is_valid_and_read_back_equal(tmp_path: Path) -> None:
    path = tmp_path / "submission.json"
    pair = AttemptPair(freeze(np.arange(6).reshape(2, 3)), None)
    write_submission(path, build_submission(CHALLENGES, {"b": [pair]}))
    assert validate_submission(path, N_ENTRIES) == []
    ((first, second),) = read_submission(path, N_ENTRIES)["b"]
    assert first.tolist() == [[0, 1, 2], [3, 4, 5]] and second.tolist() == [[0]]
    assert os.listdir(tmp_path) == ["submission.json"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "submission.json"
    write_submission(path, build_submission(CHALLENGES, {}))
    before = path.read_bytes()

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(SubmissionError, match=r"cannot be written \(No space left on device\)"):
        write_submission(path, {"b": []})
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["submission.json"]


def test_the_path_holds_the_old_file_until_the_new_one_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "submission.json"
    write_submission(path, {"old": []})
    seen: list[object] = []
    replace = os.replace

    def watch(source: Path, target: Path) -> None:
        seen.extend([json.loads(path.read_text()), json.loads(Path(source).read_text())])
        assert Path(source).parent == path.parent, "another file system could not be atomic"
        replace(source, target)

    monkeypatch.setattr(os, "replace", watch)
    write_submission(path, {"new": []})
    assert seen == [{"old": []}, {"new": []}]
    assert json.loads(path.read_text()) == {"new": []}
