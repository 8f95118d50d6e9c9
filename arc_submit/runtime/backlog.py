"""The tasks that wait for a visit, in the order in which they are served. Pure.

Three tiers, and within each the policy's order: tasks never visited; tasks whose visits brought
no answer yet, for one more; all others. A policy can so not keep an answer from any task. A task
that the policy retires is not taken in.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Sequence

from arc_submit.runtime.costs import CostModel
from arc_submit.runtime.policy import Policy, TaskState

_MAX_VAIN_VISITS = 2


def is_first(task: TaskState) -> bool:
    """Return whether the next visit belongs to the first pass."""
    return task.visits == 0 and task.failures == 0


def is_owed(task: TaskState) -> bool:
    """Return whether the task has no answer, and not been visited in vain too often for one."""
    return not task.progress.is_answered and task.visits < _MAX_VAIN_VISITS


class Backlog:
    """A sorted list; predicted costs are renewed each time the measurements have doubled."""

    def __init__(self, tasks: Sequence[TaskState], policy: Policy, costs: CostModel) -> None:
        self._policy = policy
        self._costs = costs
        self._ranked_at = 0
        self._keyed: list[tuple[tuple[int, float, int], TaskState]] = []
        for task in tasks:
            self.add(task)

    def __len__(self) -> int:
        return len(self._keyed)

    def __iter__(self) -> Iterator[TaskState]:
        """Yield the tasks, next one first."""
        return (task for _, task in self._keyed)

    def add(self, task: TaskState) -> bool:
        """Take a task in; return False where the policy retires it instead."""
        task.cost = self._costs.predict(
            task.visits, task.size, surprise=task.surprise, last_round_s=task.last_round_s
        )
        priority = self._policy.priority(task)
        if priority is None:
            return False
        insort(self._keyed, ((_tier(task), -priority, task.index), task))
        return True

    def remove(self, task: TaskState) -> bool:
        """Take a task out, to be visited; return whether it was there."""
        n_before = len(self._keyed)
        self._keyed = [entry for entry in self._keyed if entry[1] is not task]
        return len(self._keyed) < n_before

    def renew(self) -> None:
        """Predict costs anew, if much has been measured since, and order the tasks by them."""
        if len(self._costs) >= 2 * self._ranked_at + 1:
            self._ranked_at = len(self._costs)
            tasks, self._keyed = list(self), []
            for task in tasks:
                self.add(task)

    def first_visits(self) -> tuple[int, float]:
        """Return how many tasks wait for their first visit, and what these should take at most."""
        safe_s = [task.cost.safe_s for task in self if is_first(task)]
        return len(safe_s), sum(safe_s)


def _tier(task: TaskState) -> int:
    if is_first(task):
        return 0
    return 1 if is_owed(task) else 2
