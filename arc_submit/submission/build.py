"""Builds and writes submission.json. Every task of the set gets its entries, answered or not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from arc_submit.arc.grid import Grid, parse_rows, to_rows
from arc_submit.arc.json_file import replace_text
from arc_submit.arc.task import Challenges, TaskId
from arc_submit.errors import SubmissionError
from arc_submit.types import AttemptPair

Submission: TypeAlias = dict[TaskId, list[dict[str, list[list[int]]]]]
"""As in the file: by task, one ``{"attempt_1": rows, "attempt_2": rows}`` per test input."""

FALLBACK_GRID: Grid = parse_rows([[0]])
"""Stands in for an attempt that there is no candidate for; Kaggle refuses empty ones."""


def build_submission(
    challenges: Challenges, attempts: Mapping[TaskId, Sequence[AttemptPair]]
) -> Submission:
    """Return the submission of a set: the fallback grid wherever an attempt is missing.

    Args:
        challenges: decides the tasks, in the file's order and bad ones last, and the number of
            entries of each.
        attempts: those known so far, one per test input; tasks may be missing.

    Raises:
        SubmissionError: if attempts are for no task of the set, or not for each test input.
    """
    n_entries = count_entries(challenges)
    for task_id, pairs in attempts.items():
        if len(pairs) != n_entries.get(task_id, 0):
            raise SubmissionError(
                f"task {task_id}: {len(pairs)} attempt pairs for {n_entries.get(task_id, 0)} test "
                f"inputs in {challenges.name}; solve and submit the same set"
            )
    missing = AttemptPair(None, None)
    return {
        task_id: [_entry(pair) for pair in attempts.get(task_id, [missing] * n)]
        for task_id, n in n_entries.items()
    }


def count_entries(challenges: Challenges) -> dict[TaskId, int]:
    """Return how many entries each task has in a submission, bad tasks included."""
    counts = {task_id: len(task.test_inputs) for task_id, task in challenges.tasks.items()}
    return counts | {task_id: bad.n_test_inputs for task_id, bad in challenges.bad_tasks.items()}


def write_submission(path: Path, submission: Submission) -> None:
    """Write submission.json so that at every instant the path holds a whole file.

    Raises:
        SubmissionError: if the file cannot be written; the old one then stays as it was.
    """
    try:
        replace_text(path, json.dumps(submission, separators=(",", ":")))
    except OSError as error:
        raise SubmissionError(
            f"{path}: cannot be written ({error.strerror}); check the folder and its free space"
        ) from error


def _entry(pair: AttemptPair) -> dict[str, list[list[int]]]:
    return {"attempt_1": _rows(pair.attempt_1), "attempt_2": _rows(pair.attempt_2)}


def _rows(grid: Grid | None) -> list[list[int]]:
    return to_rows(FALLBACK_GRID if grid is None else grid)
