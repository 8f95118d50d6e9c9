"""What the scheduler is told and what it orders. Plain values: time arrives inside events."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from arc_submit.arc.task import TaskId

WorkerId: TypeAlias = int
"""One per started process; a replacement gets a new one."""


class StopCause(StrEnum):
    """Why a run ended."""

    COMPLETED = "completed"
    """Every task is done or given up."""
    DEADLINE = "deadline"
    NO_WORKERS = "no_workers"
    """No worker is left and none may be started."""
    INTERRUPTED = "interrupted"


# ---- events


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The first event of a run."""

    now: float


@dataclass(frozen=True, slots=True)
class WorkerReady:
    """A worker has its solver and waits for a task."""

    now: float
    worker_id: WorkerId


@dataclass(frozen=True, slots=True)
class TaskFinished:
    """A worker returned a result, whatever it says, and waits for the next task."""

    now: float
    worker_id: WorkerId
    task_id: TaskId


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
    RunStarted | WorkerReady | TaskFinished | WorkerDied | DeadlineReached | Interrupted
)

# ---- commands


@dataclass(frozen=True, slots=True)
class StartWorker:
    """Start a process in a slot."""

    worker_id: WorkerId
    slot: int
    """Index of the worker's place and device, from 0."""


@dataclass(frozen=True, slots=True)
class AssignTask:
    """Give a waiting worker a task."""

    worker_id: WorkerId
    task_id: TaskId
    deadline: float
    """The instant at which the task's work must have stopped."""


@dataclass(frozen=True, slots=True)
class GiveUpTask:
    """Record that a task stays without a result of its own."""

    task_id: TaskId


@dataclass(frozen=True, slots=True)
class StopWorker:
    """Tell a worker to end once it has returned what it has."""

    worker_id: WorkerId


@dataclass(frozen=True, slots=True)
class FinishRun:
    """End the run; given once."""

    cause: StopCause


Command: TypeAlias = StartWorker | AssignTask | GiveUpTask | StopWorker | FinishRun
