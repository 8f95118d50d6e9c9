"""What the scheduler is told and what it orders. Plain values: time arrives inside events.

The unit of work is one visit to one task: the first visits are a run's first pass, and so on.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from arc_submit.arc.task import TaskId
from arc_submit.types import Profile

WorkerId: TypeAlias = int
"""One per started process; a replacement gets a new one."""


class StopCause(StrEnum):
    """Why a run ended."""

    COMPLETED = "completed"
    """No task is left that another visit could help."""
    DEADLINE = "deadline"
    """The time is over, or what is left of it suffices for no visit."""
    NO_WORKERS = "no_workers"
    """No worker is left and none may be started."""
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Progress:
    """How a task stands after a visit, all earlier ones counted in."""

    is_answered: bool = False
    """Whether any answer is the model's."""
    is_solved: bool = False
    """Whether an answer is verified on the train pairs."""
    is_exhausted: bool = False
    """Whether another visit would bring nothing new, whatever its time."""
    agreement: float = 0.0
    """Share of the votes that the first answer has, 0 to 1."""


# ---- events


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The first event of a run."""

    now: float


@dataclass(frozen=True, slots=True)
class UnitRestored:
    """A visit was made in an earlier sitting of the run; comes before :class:`RunStarted`."""

    now: float
    task_id: TaskId
    progress: Progress
    seconds: float
    rounds: int = 1
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class WorkerReady:
    """A worker has its solver and waits for a unit of work."""

    now: float
    worker_id: WorkerId


@dataclass(frozen=True, slots=True)
class UnitFinished:
    """A worker returned from a visit, whatever came of it, and waits for the next unit."""

    now: float
    worker_id: WorkerId
    task_id: TaskId
    progress: Progress
    rounds: int = 1
    """Rounds that the visit had time for."""
    is_cut: bool = False
    """Whether the deadline ended it: it would have taken longer."""


@dataclass(frozen=True, slots=True)
class UnitFailed:
    """A worker ran out of memory on a visit; it lives, but is not to be trusted again."""

    now: float
    worker_id: WorkerId
    task_id: TaskId


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A sign of life."""

    now: float
    worker_id: WorkerId


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed: the moment to look for workers that hang."""

    now: float


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """A worker's process is gone."""

    now: float
    worker_id: WorkerId
    is_refusal: bool = False
    """Whether its solver could not be built, rather than the process having crashed."""


@dataclass(frozen=True, slots=True)
class DeadlineReached:
    """The time for work on tasks is over."""

    now: float


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Somebody asked the run to stop."""

    now: float


Event: TypeAlias = (
    UnitRestored
    | RunStarted
    | WorkerReady
    | UnitFinished
    | UnitFailed
    | Heartbeat
    | Tick
    | WorkerDied
    | DeadlineReached
    | Interrupted
)

# ---- commands


@dataclass(frozen=True, slots=True)
class StartWorker:
    """Start a process in a slot."""

    worker_id: WorkerId
    slot: int
    """Index of the worker's place and device, from 0."""


@dataclass(frozen=True, slots=True)
class AssignUnit:
    """Give a waiting worker a unit of work."""

    worker_id: WorkerId
    task_id: TaskId
    deadline: float
    """The instant at which the visit must have ended, with its best so far."""
    visit: int = 0
    """How many visits to the task have been finished before."""
    profile: Profile = Profile.FULL


@dataclass(frozen=True, slots=True)
class KillWorker:
    """End a process at once, by force, and report its death."""

    worker_id: WorkerId


@dataclass(frozen=True, slots=True)
class GiveUpTask:
    """Record that a task is visited no more; an answer that it has stays."""

    task_id: TaskId


@dataclass(frozen=True, slots=True)
class StopWorker:
    """Tell a worker to end once it has returned what it has."""

    worker_id: WorkerId


@dataclass(frozen=True, slots=True)
class FinishRun:
    """End the run; given once."""

    cause: StopCause


Command: TypeAlias = StartWorker | AssignUnit | KillWorker | GiveUpTask | StopWorker | FinishRun
