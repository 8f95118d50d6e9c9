"""What several visits to one task come to together: a later one never takes an answer away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from arc_submit.arc.grid import Grid
from arc_submit.arc.task import Task, TaskId
from arc_submit.runtime.events import Progress
from arc_submit.types import AttemptPair, StopReason, TaskResult

RESUMABLE = (StopReason.DEADLINE, StopReason.PAUSED)
"""Why a visit ended whose task another visit could help."""


def merge_results(old: TaskResult, new: TaskResult) -> TaskResult:
    """Return the better result, its gaps filled from the other; rounds and seconds add up.

    The stop reason and the message are the new one's, unless the task is solved.
    """
    better, other = (new, old) if _rank(new) >= _rank(old) else (old, new)
    return replace(
        better,
        attempts=tuple(map(_fill, better.attempts, other.attempts)),
        stop_reason=StopReason.SOLVED if better.fits else new.stop_reason,
        rounds=old.rounds + new.rounds,
        seconds=old.seconds + new.seconds,
        stages=dict(Counter(old.stages) + Counter(new.stages)),
        message=new.message,
    )


def add_result(results: dict[TaskId, TaskResult], result: TaskResult) -> TaskResult:
    """Put what a visit came to among the results by task; return what all its visits came to."""
    former = results.get(result.task_id)
    merged = result if former is None else merge_results(former, result)
    results[result.task_id] = merged
    return merged


def progress_of(result: TaskResult) -> Progress:
    """Return how a task stands that has this result.

    Votes count for as much as their best program is right about the train pairs.
    """
    shares = [
        tally.votes[0] / (sum(tally.votes) + tally.unanswered) if tally.votes else 0.0
        for tally in result.tallies
    ]
    trust = result.train_exact / result.n_train if result.n_train else 0.0
    return Progress(
        is_answered=result.is_answered,
        is_solved=result.fits,
        is_exhausted=result.stop_reason not in RESUMABLE,
        agreement=trust * min(shares, default=0.0),
    )


def size_of(task: Task) -> float:
    """Return the cells of all grids that a solver is shown."""
    cells = sum(pair.input.size + pair.output.size for pair in task.train)
    return float(cells + sum(grid.size for grid in task.test_inputs))


def _rank(result: TaskResult) -> tuple[bool, int]:
    return result.is_answered, result.train_exact


def _fill(pair: AttemptPair, other: AttemptPair) -> AttemptPair:
    grids = _distinct([pair.attempt_1, pair.attempt_2, other.attempt_1, other.attempt_2])
    return AttemptPair(*(*grids, None, None)[:2])


def _distinct(grids: Sequence[Grid | None]) -> list[Grid]:
    kept: list[Grid] = []
    for grid in grids:
        if grid is not None and not any(np.array_equal(grid, one) for one in kept):
            kept.append(grid)
    return kept
