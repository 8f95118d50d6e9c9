"""The worker process: builds a solver, then solves the tasks that it is given, one by one.

Whatever a solver raises ends here, as a value. What a solver cannot catch (a crash, a kill, a
hang) is the coordinator's to handle; a worker whose beats stay away hangs.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Protocol, TypeAlias

from arc_submit.arc.task import Task, TaskId
from arc_submit.clock import Deadline, MonotonicClock
from arc_submit.config import RunConfig
from arc_submit.errors import ArcSubmitError, is_out_of_memory
from arc_submit.execution.sandbox import end_with_parent
from arc_submit.types import AttemptPair, Profile, StopReason, Tally, TaskResult

_BEAT_S = 1.0


class Solver(Protocol):
    """What a worker needs to know about the pipeline."""

    def solve(self, task: Task, deadline: Deadline, *, visit: int, profile: Profile) -> TaskResult:
        """Return the best answers found until the deadline.

        Args:
            visit: how many visits to the task there were before.
            profile: how much the visit may ask of the device.
        """
        ...

    def close(self) -> None:
        """Release processes and files."""
        ...


SolverFactory: TypeAlias = Callable[[RunConfig, str], Solver]
"""From the configuration and a torch device to a solver."""


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """Everything that a worker is started with."""

    config: RunConfig
    solver: str
    """A :data:`SolverFactory` as ``package.module:name``."""
    device: str
    """`cpu`, or `cuda:` and an entry of CUDA_VISIBLE_DEVICES."""
    threads: int
    """Of one numerical operation."""


# ---- what coordinator and worker send to each other; a worker also sends TaskResult


@dataclass(frozen=True, slots=True)
class Job:
    """A visit to a task, for a worker; in its place, None tells the worker to end."""

    task: Task
    deadline: float
    """An instant of the machine's monotonic clock."""
    visit: int = 0
    profile: Profile = Profile.FULL


@dataclass(frozen=True, slots=True)
class Ready:
    """The solver is built."""


@dataclass(frozen=True, slots=True)
class Beat:
    """The worker is alive."""


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """A visit took more memory than there was; the worker lives, in an unknown state."""

    task_id: TaskId
    message: str
    """One line."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The solver cannot be built; the worker ends."""

    message: str
    """One line."""


def worker_environment(spec: WorkerSpec) -> dict[str, str]:
    """Return the variables that must be set before the worker's process begins."""
    return {
        "OMP_NUM_THREADS": str(spec.threads),
        # Waiting threads that spin take the cores of the other workers.
        "OMP_WAIT_POLICY": "PASSIVE",
        "TOKENIZERS_PARALLELISM": "false",
        # A solver on the CPU must not see a GPU that is not its own.
        "CUDA_VISIBLE_DEVICES": spec.device.removeprefix("cuda:") if spec.device != "cpu" else "",
        # glibc reads these when a process begins. Tensors then come from the heap and their pages
        # are used again, where by default each one is mapped, zeroed and unmapped anew.
        "MALLOC_MMAP_THRESHOLD_": str(2**30),
        "MALLOC_TRIM_THRESHOLD_": str(2**32),
        "MALLOC_TOP_PAD_": str(2**24),
    }


def worker_main(connection: Connection, spec: WorkerSpec) -> None:
    """Run a worker until it is told to end or its coordinator is gone.

    The process must have been started with :func:`worker_environment`.
    """
    _leave_signals_to_coordinator()
    outbox = _Outbox(connection)
    threading.Thread(target=outbox.beat_forever, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):  # the coordinator is gone
        solver = build_guarded(spec)
        if isinstance(solver, Refusal):
            outbox.send(solver)
            return
        try:
            outbox.send(Ready())
            while (job := connection.recv()) is not None:
                outbox.send(solve_guarded(solver, job))
        finally:
            solver.close()


class _Outbox:
    """The way to the coordinator, for more than one thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, message: object) -> None:
        with self._lock:
            self._connection.send(message)

    def beat_forever(self) -> None:
        with contextlib.suppress(OSError):  # the coordinator is gone
            while True:
                self.send(Beat())
                time.sleep(_BEAT_S)


def build_guarded(spec: WorkerSpec) -> Solver | Refusal:
    """Build the solver, or return why it cannot be built."""
    try:
        return _build_solver(spec)
    except Exception as error:  # the worker's boundary: nothing that a solver raises may pass
        return Refusal(_describe(error))


def solve_guarded(solver: Solver, job: Job) -> TaskResult | OutOfMemory:
    """Solve a task; whatever goes wrong becomes a value."""
    clock = MonotonicClock()
    started = clock.now()
    try:
        deadline = Deadline(job.deadline, clock)
        result = solver.solve(job.task, deadline, visit=job.visit, profile=job.profile)
        return _checked(job.task, result)
    except Exception as error:  # as above
        if is_out_of_memory(error):
            return OutOfMemory(job.task.task_id, _describe(error))
        return error_result(job.task, _describe(error), clock.now() - started)


def error_result(task: Task, message: str, seconds: float = 0.0) -> TaskResult:
    """Return the result of a task that went wrong: no attempts, and one line of why."""
    n_tests = len(task.test_inputs)
    return TaskResult(
        task_id=task.task_id,
        attempts=(AttemptPair(None, None),) * n_tests,
        tallies=(Tally((), (), 0),) * n_tests,
        stop_reason=StopReason.ERROR,
        rounds=0,
        seconds=seconds,
        train_exact=0,
        n_train=len(task.train),
        program="",
        message=message,
    )


def _checked(task: Task, result: TaskResult) -> TaskResult:
    if result.task_id != task.task_id or len(result.attempts) != len(task.test_inputs):
        raise ValueError(
            f"the solver answered task {task.task_id} ({len(task.test_inputs)} test inputs) with "
            f"a result for task {result.task_id} ({len(result.attempts)} test inputs)"
        )
    return result


def _build_solver(spec: WorkerSpec) -> Solver:
    module, _, name = spec.solver.partition(":")
    factory: SolverFactory = getattr(importlib.import_module(module), name)
    # Of all GPUs a worker sees only its own, which is then number 0.
    return factory(spec.config, "cpu" if spec.device == "cpu" else "cuda:0")


def _describe(error: Exception) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, ArcSubmitError):
        return text
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {text} ({os.path.basename(place.filename)}:{place.lineno})"


def _leave_signals_to_coordinator() -> None:
    # Ctrl-C reaches all processes of a terminal; the coordinator decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    with contextlib.suppress(OSError, AttributeError):
        end_with_parent()
