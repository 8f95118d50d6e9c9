from __future__ import annotations

from collections.abc import Sequence

import pytest

from arc_submit.runtime.costs import Cost
from arc_submit.runtime.events import Progress
from arc_submit.runtime.policy import POLICIES, CheapFirst, Fifo, MarginalGain, Policy, TaskState


def task(
    name: str, *, index: int = 0, visits: int = 1, cost_s: float = 10.0, agreement: float = 0.5
) -> TaskState:
    progress = Progress(is_answered=True, agreement=agreement)
    cost = Cost(cost_s, cost_s, cost_s)
    return TaskState(name, index, 1.0, visits=visits, progress=progress, cost=cost)


def order(policy: Policy, tasks: Sequence[TaskState]) -> list[str]:
    ranked = [(priority, each) for each in tasks if (priority := policy.priority(each)) is not None]
    return [each.task_id for _, each in sorted(ranked, key=lambda r: (-r[0], r[1].index))]


def test_marginal_gain_prefers_doubt_cheapness_and_what_was_tried_less() -> None:
    policy = MarginalGain()

    assert (
        order(policy, [task("sure", agreement=0.8), task("unsure", agreement=0.2)])[0] == "unsure"
    )
    assert order(policy, [task("dear", cost_s=20.0), task("cheap", cost_s=5.0)])[0] == "cheap"
    assert order(policy, [task("tried", visits=3), task("new", visits=1)])[0] == "new"


def test_marginal_gain_leaves_confident_tasks_alone() -> None:
    assert order(MarginalGain(retire_at=0.9), [task("a", agreement=0.9), task("b")]) == ["b"]


def test_marginal_gain_takes_no_agreement_for_no_answer() -> None:
    state = task("a", agreement=0.95)
    state.progress = Progress(is_answered=False)

    assert MarginalGain().priority(state) is not None


def test_fifo_works_pass_by_pass_in_the_runs_order() -> None:
    tasks = [task("c", index=2, visits=0), task("b", index=1, visits=1), task("a", visits=1)]

    assert order(Fifo(), tasks) == ["c", "a", "b"]


def test_cheap_first_works_pass_by_pass() -> None:
    tasks = [
        task("cheap again", visits=1, cost_s=1e-6),
        task("dear", visits=0, cost_s=1e6),
        task("cheap", visits=0, cost_s=2.0),
    ]

    assert order(CheapFirst(), tasks) == ["cheap", "dear", "cheap again"]


@pytest.mark.parametrize("name", POLICIES)
def test_solved_tasks_are_retired_by_every_policy(name: str) -> None:
    state = task("a")
    state.progress = Progress(is_answered=True, is_solved=True)

    assert POLICIES[name].priority(state) is None
