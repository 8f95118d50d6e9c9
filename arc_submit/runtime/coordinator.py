"""One run: the scheduler's commands carried out, its results kept, its time held.

Does the input and output around the pure scheduler, and decides nothing but how processes end.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from arc_submit.arc.task import Challenges, TaskId
from arc_submit.clock import Clock, Deadline
from arc_submit.config import RunConfig
from arc_submit.errors import RunError
from arc_submit.runtime.budget import Budget
from arc_submit.runtime.crew import Crew, Exit, Message
from arc_submit.runtime.devices import assign_devices
from arc_submit.runtime.events import (
    AssignTask,
    Command,
    DeadlineReached,
    Event,
    FinishRun,
    GiveUpTask,
    Interrupted,
    RunStarted,
    StartWorker,
    StopCause,
    StopWorker,
    TaskFinished,
    WorkerDied,
    WorkerId,
    WorkerReady,
)
from arc_submit.runtime.folder import RunFolder
from arc_submit.runtime.interrupt import catch_interrupts
from arc_submit.runtime.scheduler import Scheduler
from arc_submit.runtime.worker import Job, Ready, WorkerSpec, error_result
from arc_submit.types import TaskResult

DEFAULT_SOLVER = "arc_submit.pipeline:build_solver"

_MAX_GRACE_S = 2.0
_MAX_PATIENCE_S = 1.0
_MAX_DRIVER_S = 10.0


@dataclass(frozen=True, slots=True)
class Death:
    """A worker that ended before the run did."""

    slot: int
    task_id: TaskId | None
    """What it worked on; None where it had no task."""
    message: str


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What a run came to."""

    results: Mapping[TaskId, TaskResult]
    """In the order in which they came; tasks that were not finished in time are missing."""
    cause: StopCause
    seconds: float
    """From the program's start."""
    busy_s: tuple[float, ...]
    """Per worker slot, the seconds for which it had a task."""
    deaths: tuple[Death, ...]

    @property
    def is_interrupted(self) -> bool:
        """Whether somebody stopped the run."""
        return self.cause is StopCause.INTERRUPTED


def run_tasks(
    challenges: Challenges,
    config: RunConfig,
    *,
    run_dir: Path,
    clock: Clock,
    started: float,
    on_result: Callable[[TaskResult], None],
    solver: str = DEFAULT_SOLVER,
) -> RunOutcome:
    """Solve the tasks in worker processes and return before the budget is over.

    Writes ``submission.json`` and ``journal.jsonl`` in the run folder, in place of those of an
    earlier run. SIGTERM and SIGINT end the run early with what there is.

    Args:
        challenges: tasks are served in this order; bad tasks keep their fallback.
        config: ``runtime`` is read here; all of it goes to the solvers.
        run_dir: created where missing.
        clock: the machine's monotonic clock, as workers read it too.
        started: the clock's reading at the program's start.
        on_result: called here with each result, once it is safe on disk.
        solver: a :data:`~arc_submit.runtime.worker.SolverFactory` as ``package.module:name``.

    Raises:
        RunError: if the run folder cannot be used; or, with the fallback submission in place, if
            there are too few GPUs or no worker could start.
        SubmissionError: if the submission cannot be written.
    """
    runtime = config.runtime
    budget = Budget(started, runtime.budget, runtime.reserve, min_share_s=runtime.min_share)
    with catch_interrupts() as interrupts, closing(RunFolder(run_dir, challenges)) as folder:
        left_s = max(0.0, budget.work_deadline - clock.now())
        devices = assign_devices(config.runtime, timeout_s=min(_MAX_DRIVER_S, left_s))
        threads = max(1, len(os.sched_getaffinity(0)) // len(devices))
        coordinator = _Coordinator(
            challenges,
            config,
            budget=budget,
            crew=Crew([WorkerSpec(config, solver, device, threads) for device in devices]),
            clock=clock,
            folder=folder,
            interrupts=interrupts,
            on_result=on_result,
        )
        return coordinator.run()


@dataclass(slots=True)
class _Post:
    """What a started worker is at."""

    slot: int
    task_id: TaskId | None = None
    since: float = 0.0
    """The instant at which it got its task."""


class _Coordinator:
    def __init__(
        self,
        challenges: Challenges,
        config: RunConfig,
        *,
        budget: Budget,
        crew: Crew,
        clock: Clock,
        folder: RunFolder,
        interrupts: Connection,
        on_result: Callable[[TaskResult], None],
    ) -> None:
        self._tasks = challenges.tasks
        self._n_slots = config.runtime.workers
        self._budget = budget
        self._crew = crew
        self._clock = clock
        self._folder = folder
        self._interrupts = interrupts
        self._on_result = on_result
        self._scheduler = Scheduler(
            list(self._tasks),
            n_workers=self._n_slots,
            budget=budget,
            deterministic=config.runtime.deterministic,
        )
        self._posts: dict[WorkerId, _Post] = {}
        self._busy_s = [0.0] * self._n_slots
        self._deaths: list[Death] = []

    def run(self) -> RunOutcome:
        # A third of the reserve hears workers out, a third ends them, a third is for slow machines.
        reserve_s = self._budget.effective_reserve_s
        try:
            self._feed(RunStarted(self._clock.now()))
            while self._scheduler.cause is None:
                self._wait_for_news()
            self._hear_out(Deadline.after(min(_MAX_GRACE_S, reserve_s / 3), self._clock))
        finally:
            self._crew.end(min(_MAX_PATIENCE_S, reserve_s / 6))
        return self._conclude(self._scheduler.cause)

    def _wait_for_news(self) -> None:
        left_s = self._budget.work_deadline - self._clock.now()
        self._receive(left_s, self._interrupts)
        if self._interrupts.poll():
            self._feed(Interrupted(self._clock.now()))
        elif self._clock.now() >= self._budget.work_deadline:
            self._feed(DeadlineReached(self._clock.now()))

    def _hear_out(self, grace: Deadline) -> None:
        while len(self._crew) and not grace.has_passed:
            self._receive(grace.remaining_s)

    # ---- news in

    def _receive(self, timeout_s: float, wake: Connection | None = None) -> None:
        for worker_id, message in self._crew.receive(timeout_s, wake):
            self._take_in(worker_id, message)

    def _take_in(self, worker_id: WorkerId, message: Message) -> None:
        now = self._clock.now()
        match message:
            case Ready():
                self._feed(WorkerReady(now, worker_id))
            case TaskResult():
                self._leave_task(worker_id, now)
                self._keep(message)
                self._feed(TaskFinished(self._clock.now(), worker_id, message.task_id))
            case Exit() if self._scheduler.cause is None:
                task_id = self._leave_task(worker_id, now)
                slot = self._posts[worker_id].slot
                self._deaths.append(Death(slot, task_id, message.message))
                self._feed(WorkerDied(now, worker_id, message.is_refusal))

    def _leave_task(self, worker_id: WorkerId, now: float) -> TaskId | None:
        post = self._posts[worker_id]
        task_id, post.task_id = post.task_id, None
        if task_id is not None:
            self._busy_s[post.slot] += now - post.since
        return task_id

    def _keep(self, result: TaskResult) -> None:
        self._folder.add(result)
        self._on_result(result)

    # ---- commands out

    def _feed(self, event: Event) -> None:
        for command in self._scheduler.handle(event):
            self._carry_out(command, event.now)

    def _carry_out(self, command: Command, now: float) -> None:
        match command:
            case StartWorker(worker_id, slot):
                self._posts[worker_id] = _Post(slot)
                self._crew.start(worker_id, slot)
            case AssignTask(worker_id, task_id, deadline):
                post = self._posts[worker_id]
                post.task_id, post.since = task_id, now
                self._crew.send(worker_id, Job(self._tasks[task_id], deadline))
            case GiveUpTask(task_id):
                message = f"given up, as each worker that tried it died: {self._deaths[-1].message}"
                self._keep(error_result(self._tasks[task_id], message))
            case StopWorker(worker_id):
                self._crew.stop(worker_id)
            case FinishRun():
                pass  # the loop looks at the scheduler's cause

    def _conclude(self, cause: StopCause | None) -> RunOutcome:
        assert cause is not None
        if cause is StopCause.NO_WORKERS and not self._scheduler.was_ever_ready:
            raise RunError(f"no worker could start: {self._deaths[-1].message}")
        now = self._clock.now()
        for worker_id in self._posts:
            self._leave_task(worker_id, now)
        return RunOutcome(
            results=self._folder.results,
            cause=cause,
            seconds=now - self._budget.start,
            busy_s=tuple(self._busy_s),
            deaths=tuple(self._deaths),
        )
