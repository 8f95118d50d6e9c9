from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_solvers import IDENTITY, answer

from arc_submit.arc.task import Challenges, Task
from arc_submit.errors import RunError
from arc_submit.runtime.folder import RunFolder
from arc_submit.runtime.journal import read_journal


@contextmanager
def full_disk(path: Path) -> Iterator[None]:
    """Let no file become longer than this one is."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 5, limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)


def submitted(path: Path, task: Task) -> object:
    return json.loads((path / "submission.json").read_text())[task.task_id][0]["attempt_1"]


def journaled(path: Path) -> int:
    recorded = read_journal(path / "journal.jsonl")
    return len(recorded.results) if recorded else 0


def challenges(task: Task) -> Challenges:
    return Challenges("set", {task.task_id: task}, {})


def test_full_disk_keeps_what_was_there_and_gets_the_rest_later(
    tmp_path: Path, flip_task: Task
) -> None:
    folder = RunFolder(tmp_path, challenges(flip_task), IDENTITY)
    with full_disk(tmp_path / "journal.jsonl"):
        folder.add(answer(flip_task), spent_s=1.0)

        assert isinstance(folder.flush(), RunError)
        assert submitted(tmp_path, flip_task) == [[0]] and journaled(tmp_path) == 0

    folder.close()

    assert submitted(tmp_path, flip_task) == [[7]] and journaled(tmp_path) == 1


def test_disk_that_stays_full_is_told_in_the_end(tmp_path: Path, flip_task: Task) -> None:
    folder = RunFolder(tmp_path, challenges(flip_task), IDENTITY)
    with full_disk(tmp_path / "journal.jsonl"):
        folder.add(answer(flip_task), spent_s=1.0)

        with pytest.raises(RunError, match=r"journal.jsonl: cannot be used .*space"):
            folder.close()


def test_what_was_recorded_is_submitted_at_once(tmp_path: Path, flip_task: Task) -> None:
    folder = RunFolder(tmp_path, challenges(flip_task), IDENTITY)
    folder.add(answer(flip_task), spent_s=1.0)
    folder.close()
    recorded = read_journal(tmp_path / "journal.jsonl")
    assert recorded is not None
    (tmp_path / "submission.json").unlink()

    RunFolder(tmp_path, challenges(flip_task), IDENTITY, recorded.results).close()

    assert submitted(tmp_path, flip_task) == [[7]] and journaled(tmp_path) == 1
