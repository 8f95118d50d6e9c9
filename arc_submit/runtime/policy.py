"""Which of the waiting tasks is worth the next visit: small objects that can be exchanged.

A policy only orders tasks. That every task is visited once before any is visited twice, that
what is begun fits into the time, and that nothing is lost, is the scheduler's concern.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from arc_submit.arc.task import TaskId
from arc_submit.runtime.costs import UNKNOWN, Cost
from arc_submit.runtime.events import Progress
from arc_submit.types import Profile


@dataclass(slots=True, eq=False)
class TaskState:
    """All that the scheduler knows of a task; policies only read it."""

    task_id: TaskId
    index: int
    """Place among the run's tasks, from 0."""
    size: float
    """What its costs grow with, such as its cells; above 0."""
    visits: int = 0
    """Finished ones."""
    failures: int = 0
    """Workers that it brought down."""
    progress: Progress = field(default_factory=Progress)
    cost: Cost = UNKNOWN
    """Of the next visit."""
    surprise: float = 0.0
    """How much dearer the last visit was than predicted; see :class:`CostModel`."""
    last_round_s: float = 0.0
    """What a round of the last visit took; 0 before there was one."""

    @property
    def profile(self) -> Profile:
        """On which profile the next visit runs."""
        return Profile.SMALL if self.failures else Profile.FULL


class Policy(Protocol):
    """An order of tasks."""

    def priority(self, task: TaskState) -> float | None:
        """Return what the next visit is worth, more first; None retires the task.

        Among equals, tasks are served in the run's order.
        """
        ...


@dataclass(frozen=True, slots=True)
class MarginalGain:
    """Solutions to hope for per second: unsolved before solved, unsure before sure, cheap first.

    A task whose answers agree is probably right already (measured for a public ARC-AGI-2 model:
    the share of agreeing views tells right from wrong with an AUC of 0.83), and one that has
    been visited in vain is probably out of reach.
    """

    retire_at: float = 0.9
    """Agreement from which on a task is left alone."""
    decay: float = 0.5
    """By which each visit in vain lowers the hope in the next."""

    def priority(self, task: TaskState) -> float | None:
        """As in :class:`Policy`."""
        progress = task.progress
        if progress.is_solved or progress.agreement >= self.retire_at:
            return None
        doubt = 1.0 - progress.agreement if progress.is_answered else 1.0
        return doubt * self.decay**task.visits / (task.cost.median_s or task.size)


class Fifo:
    """Pass by pass, each in the run's order."""

    def priority(self, task: TaskState) -> float | None:
        """As in :class:`Policy`."""
        return None if task.progress.is_solved else -float(task.visits)


class CheapFirst:
    """Pass by pass, cheap tasks first."""

    def priority(self, task: TaskState) -> float | None:
        """As in :class:`Policy`."""
        if task.progress.is_solved:
            return None
        cost = task.cost.median_s or task.size
        return 1.0 / (1.0 + cost) - task.visits  # below 1 within a pass


POLICIES: Mapping[str, Policy] = {
    "marginal-gain": MarginalGain(),
    "fifo": Fifo(),
    "cheap-first": CheapFirst(),
}
"""By the names that users give."""
