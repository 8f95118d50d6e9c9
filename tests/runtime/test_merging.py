from __future__ import annotations

from dataclasses import replace

import numpy as np
from fake_solvers import answer

from arc_submit.arc.grid import Grid, freeze
from arc_submit.arc.task import Task
from arc_submit.runtime.merging import merge_results, progress_of, size_of
from arc_submit.types import AttemptPair, StopReason, Tally, TaskResult


def grid(value: int) -> Grid:
    return freeze(np.array([[value]]))


def result(
    task: Task, *grids: Grid, train_exact: int = 0, stop: StopReason = StopReason.DEADLINE
) -> TaskResult:
    pair = AttemptPair(*(*grids, None, None)[:2])
    return replace(
        answer(task),
        attempts=(pair,),
        tallies=(Tally(grids, (3,) * len(grids), 1),),
        stop_reason=stop,
        train_exact=train_exact,
        n_train=2,
        seconds=2.0,
    )


def values(merged: TaskResult) -> list[int | None]:
    (pair,) = merged.attempts
    return [g if g is None else int(g[0, 0]) for g in (pair.attempt_1, pair.attempt_2)]


def test_worse_result_never_takes_an_answer_away(flip_task: Task) -> None:
    good = result(flip_task, grid(1), train_exact=1)
    failed = result(flip_task, stop=StopReason.ERROR)

    merged = merge_results(good, failed)

    assert values(merged) == [1, None] and merged.train_exact == 1
    assert merged.stop_reason is StopReason.ERROR
    assert (merged.rounds, merged.seconds) == (2, 4.0)


def test_better_result_leads_and_the_other_fills_its_gap(flip_task: Task) -> None:
    old = result(flip_task, grid(1), train_exact=0)
    new = result(flip_task, grid(2), train_exact=1)

    assert values(merge_results(old, new)) == [2, 1]
    assert values(merge_results(old, old)) == [1, None], "attempts differ"


def test_solved_task_stays_solved(flip_task: Task) -> None:
    solved = result(flip_task, grid(1), train_exact=2, stop=StopReason.SOLVED)

    assert merge_results(solved, result(flip_task)).stop_reason is StopReason.SOLVED


def test_progress_tells_agreement_and_whether_another_visit_could_help(flip_task: Task) -> None:
    progress = progress_of(result(flip_task, grid(1), train_exact=1))

    assert progress.is_answered and not progress.is_solved and not progress.is_exhausted
    assert progress.agreement == 0.5 * 3 / 4
    assert progress_of(result(flip_task, stop=StopReason.MAX_ROUNDS)).is_exhausted
    assert progress_of(result(flip_task, grid(1), train_exact=2)).is_solved


def test_size_counts_all_cells_shown(flip_task: Task) -> None:
    assert size_of(flip_task) == 2 * 6 + 2 * 4 + 3
