from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arc_submit.runtime.budget import Budget

BUDGET = Budget(start=100.0, budget_s=60.0, reserve_s=10.0)


def test_work_ends_a_reserve_before_the_budget() -> None:
    assert BUDGET.work_deadline == 150.0


def test_reserve_never_takes_more_than_a_fifth() -> None:
    short = Budget(start=0.0, budget_s=10.0, reserve_s=15.0)

    assert short.effective_reserve_s == 2.0
    assert short.work_deadline == 8.0


def test_time_is_split_evenly_over_tasks_and_workers() -> None:
    assert BUDGET.share(100.0, tasks_left=10, workers=2) == 10.0


def test_second_of_two_workers_gets_the_same_share_as_the_first() -> None:
    first = BUDGET.share(100.0, tasks_left=10, workers=2)

    assert BUDGET.share(100.0, tasks_left=9, workers=2, committed_s=first) == first


def test_unspent_time_goes_to_later_tasks() -> None:
    planned = BUDGET.share(100.0, tasks_left=5, workers=1)

    assert BUDGET.share(101.0, tasks_left=4, workers=1) > planned


def test_a_task_never_outlasts_the_work_deadline() -> None:
    assert BUDGET.share(140.0, tasks_left=1, workers=2) == 10.0


def test_nothing_is_left_after_the_work_deadline() -> None:
    assert BUDGET.share(155.0, tasks_left=3, workers=2) == 0.0


def test_no_task_gets_less_than_it_needs_while_there_is_as_much() -> None:
    scarce = Budget(start=0.0, budget_s=60.0, reserve_s=10.0, min_share_s=2.0)
    assert scarce.share(0.0, tasks_left=400, workers=2) == 2.0
    assert scarce.share(0.0, tasks_left=10, workers=2) == 10.0
    assert scarce.share(49.0, tasks_left=400, workers=2) == 1.0


@given(
    now=st.floats(90, 170),
    tasks_left=st.integers(1, 500),
    workers=st.integers(1, 8),
    committed_s=st.floats(0, 500),
)
def test_share_lies_between_nothing_and_what_is_left(
    now: float, tasks_left: int, workers: int, committed_s: float
) -> None:
    share = BUDGET.share(now, tasks_left=tasks_left, workers=workers, committed_s=committed_s)

    assert share >= 0.0
    assert share == 0.0 or now + share <= BUDGET.work_deadline + 1e-9


def test_equal_tasks_of_two_workers_fill_the_time_exactly() -> None:
    free_at = [100.0, 100.0]
    for tasks_left in range(6, 0, -1):
        now = min(free_at)
        committed_s = max(free_at) - now
        worker = free_at.index(now)
        free_at[worker] += BUDGET.share(
            now, tasks_left=tasks_left, workers=2, committed_s=committed_s
        )

    assert free_at == pytest.approx([150.0, 150.0])
