"""One run: the scheduler's commands carried out, its results kept, its time held.

Does the input and output around the pure scheduler, and decides nothing but how processes end.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from arc_submit.arc.task import Challenges, TaskId
from arc_submit.clock import Clock, Deadline
from arc_submit.config import RunConfig, RuntimeConfig
from arc_submit.errors import RunError
from arc_submit.runtime.budget import Budget
from arc_submit.runtime.crew import Crew, Exit, Message
from arc_submit.runtime.devices import assign_devices
from arc_submit.runtime.events import (
    AssignUnit,
    Command,
    DeadlineReached,
    Event,
    FinishRun,
    GiveUpTask,
    Heartbeat,
    Interrupted,
    KillWorker,
    RunStarted,
    StartWorker,
    StopCause,
    StopWorker,
    Tick,
    UnitFailed,
    UnitFinished,
    UnitRestored,
    WorkerDied,
    WorkerId,
    WorkerReady,
)
from arc_submit.runtime.folder import RunFolder
from arc_submit.runtime.identity import Identity
from arc_submit.runtime.interrupt import catch_interrupts
from arc_submit.runtime.merging import add_result, progress_of, size_of
from arc_submit.runtime.policy import POLICIES, Fifo
from arc_submit.runtime.processes import ProcessCrew
from arc_submit.runtime.scheduler import Rules, Scheduler
from arc_submit.runtime.worker import Beat, Job, OutOfMemory, Ready, WorkerSpec, error_result
from arc_submit.types import StopReason, TaskResult

DEFAULT_SOLVER = "arc_submit.solver:build_solver"

_MAX_GRACE_S = 2.0
_MAX_PATIENCE_S = 1.0
_MAX_DRIVER_S = 10.0
_MAX_DISK_S, _DISK_STEP_S = 60.0, 0.1


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
    """From the budget's beginning, earlier sittings counted in."""
    sitting_s: float
    """Of this sitting."""
    busy_s: tuple[float, ...]
    """Per worker slot, the seconds for which it had a task."""
    tail_idle_s: tuple[float, ...]
    """Per worker slot, the seconds from the end of its last task to the end of all work."""
    deaths: tuple[Death, ...]
    visits: Mapping[TaskId, int]
    """Finished ones, those of earlier sittings counted in."""
    retries: Mapping[TaskId, int]
    """Workers that a task brought down in this sitting; tasks without any are missing."""

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
    identity: Identity,
    recorded: Sequence[TaskResult] | None = None,
    on_result: Callable[[TaskResult], None],
    solver: str = DEFAULT_SOLVER,
) -> RunOutcome:
    """Solve the tasks in worker processes and return before the budget is over.

    Writes ``submission.json`` and ``journal.jsonl`` in the run folder. SIGTERM and SIGINT end the
    run early with what there is.

    Args:
        challenges: bad tasks keep their fallback.
        config: ``runtime`` is read here; all of it goes to the solvers.
        run_dir: created where missing.
        clock: the machine's monotonic clock, as workers read it too.
        started: the clock's reading when the budget began to run.
        identity: stands in the journal; see :func:`~arc_submit.runtime.identity.identify`.
        recorded: results in the folder's journal, to go on from; None starts a new journal in
            place of that of an earlier run.
        on_result: called here after each visit to a task with all that its visits came to.
        solver: a :data:`~arc_submit.runtime.worker.SolverFactory` as ``package.module:name``.

    Raises:
        RunError: if the run folder cannot be used, or its disk did not take all results; or,
            with the fallback submission in place, if the devices are not those asked for or no
            worker could start.
        SubmissionError: if the submission cannot be written.
    """
    runtime = config.runtime
    budget = Budget(started, runtime.budget, runtime.reserve, min_share_s=runtime.min_share)
    with (
        catch_interrupts() as interrupts,
        closing(RunFolder(run_dir, challenges, identity, recorded)) as folder,
    ):
        left_s = max(0.0, budget.work_deadline - clock.now())
        coordinator = _Coordinator(
            challenges,
            config,
            budget=budget,
            crew=_build_crew(config, solver, timeout_s=min(_MAX_DRIVER_S, left_s)),
            clock=clock,
            folder=folder,
            interrupts=interrupts,
            on_result=on_result,
        )
        return coordinator.run(recorded or ())


def _build_crew(config: RunConfig, solver: str, *, timeout_s: float) -> Crew:
    if config.runtime.executor == "ray":
        from arc_submit.runtime.ray_crew import RayCrew

        spec = WorkerSpec(config, solver, config.runtime.device, threads=1)
        return RayCrew([spec] * config.runtime.workers, None)
    devices = assign_devices(config, timeout_s=timeout_s)
    threads = max(1, len(os.sched_getaffinity(0)) // len(devices))
    return ProcessCrew([WorkerSpec(config, solver, device, threads) for device in devices])


def _build_rules(runtime: RuntimeConfig) -> Rules:
    if runtime.deterministic:
        return Rules(max_visits=1, has_shares=False, silence_s=runtime.silence)
    return Rules(silence_s=runtime.silence, overrun_s=runtime.silence)


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
            {task_id: size_of(task) for task_id, task in self._tasks.items()},
            n_workers=self._n_slots,
            budget=budget,
            policy=Fifo() if config.runtime.deterministic else POLICIES[config.runtime.policy],
            rules=_build_rules(config.runtime),
        )
        self._posts: dict[WorkerId, _Post] = {}
        self._busy_s = [0.0] * self._n_slots
        self._begun = clock.now()
        self._last_work = [self._begun] * self._n_slots
        self._deaths: list[Death] = []
        self._last_words: dict[TaskId, str] = {}
        """Of the last worker that a task brought down."""

    def run(self, recorded: Sequence[TaskResult]) -> RunOutcome:
        """Go on from what an earlier sitting recorded, until the run is finished."""
        # A third of the reserve hears workers out, a third ends them, a third is for slow machines.
        reserve_s = self._budget.effective_reserve_s
        try:
            self._restore(recorded)
            self._feed(RunStarted(self._clock.now()))
            while self._scheduler.cause is None:
                self._wait_for_news()
            self._hear_out(Deadline.after(min(_MAX_GRACE_S, reserve_s / 3), self._clock))
        finally:
            self._crew.end(min(_MAX_PATIENCE_S, reserve_s / 6))
        self._wait_for_space(reserve_s / 3)
        return self._conclude(self._scheduler.cause)

    def _restore(self, recorded: Sequence[TaskResult]) -> None:
        merged: dict[TaskId, TaskResult] = {}
        now = self._clock.now()
        for result in recorded:
            progress = progress_of(add_result(merged, result))
            is_cut = result.stop_reason is StopReason.DEADLINE
            self._feed(
                UnitRestored(now, result.task_id, progress, result.seconds, result.rounds, is_cut)
            )

    def _wait_for_news(self) -> None:
        left_s = self._budget.work_deadline - self._clock.now()
        self._receive(left_s, self._interrupts)
        if self._interrupts.poll():
            self._feed(Interrupted(self._clock.now()))
        elif self._clock.now() >= self._budget.work_deadline:
            self._feed(DeadlineReached(self._clock.now()))
        else:
            self._folder.flush()
            self._feed(Tick(self._clock.now()))

    def _hear_out(self, grace: Deadline) -> None:
        while len(self._crew) and not grace.has_passed:
            self._receive(grace.remaining_s)

    def _wait_for_space(self, reserve_s: float) -> None:
        """Give a full disk some time; what it does not take until then is lost."""
        left_s = self._budget.start + self._budget.budget_s - reserve_s - self._clock.now()
        patience = Deadline.after(min(_MAX_DISK_S, left_s), self._clock)
        while self._folder.flush() is not None and not patience.has_passed:
            time.sleep(_DISK_STEP_S)

    # ---- news in

    def _receive(self, timeout_s: float, wake: Connection | None = None) -> None:
        for worker_id, message in self._crew.receive(timeout_s, wake):
            self._take_in(worker_id, message)

    def _take_in(self, worker_id: WorkerId, message: Message) -> None:
        now = self._clock.now()
        match message:
            case Ready():
                self._feed(WorkerReady(now, worker_id))
            case Beat():
                self._feed(Heartbeat(now, worker_id))
            case OutOfMemory(failed_id, text):
                self._leave_task(worker_id, now)
                self._last_words[failed_id] = text
                self._feed(UnitFailed(now, worker_id, failed_id))
            case TaskResult():
                self._leave_task(worker_id, now)
                progress = progress_of(self._keep(message))
                is_cut = message.stop_reason is StopReason.DEADLINE
                now = self._clock.now()
                self._feed(
                    UnitFinished(now, worker_id, message.task_id, progress, message.rounds, is_cut)
                )
            case Exit() if self._scheduler.cause is None:
                task_id = self._leave_task(worker_id, now)
                slot = self._posts[worker_id].slot
                self._deaths.append(Death(slot, task_id, message.message))
                if task_id is not None:
                    self._last_words[task_id] = message.message
                self._feed(WorkerDied(now, worker_id, message.is_refusal))

    def _leave_task(self, worker_id: WorkerId, now: float) -> TaskId | None:
        post = self._posts[worker_id]
        task_id, post.task_id = post.task_id, None
        if task_id is not None:
            self._busy_s[post.slot] += now - post.since
            self._last_work[post.slot] = now
        return task_id

    def _keep(self, result: TaskResult) -> TaskResult:
        spent_s = self._clock.now() - self._budget.start
        merged = self._folder.add(result, spent_s=spent_s)
        self._on_result(merged)
        return merged

    # ---- commands out

    def _feed(self, event: Event) -> None:
        for command in self._scheduler.handle(event):
            self._carry_out(command, event.now)

    def _carry_out(self, command: Command, now: float) -> None:
        match command:
            case StartWorker(worker_id, slot):
                self._posts[worker_id] = _Post(slot)
                self._crew.start(worker_id, slot)
            case AssignUnit(worker_id, task_id, deadline, visit, profile):
                post = self._posts[worker_id]
                post.task_id, post.since = task_id, now
                self._crew.send(worker_id, Job(self._tasks[task_id], deadline, visit, profile))
            case GiveUpTask(task_id):
                text = f"given up, as it brought each worker down: {self._last_words[task_id]}"
                self._keep(error_result(self._tasks[task_id], text))
            case KillWorker(worker_id):
                self._crew.kill(worker_id)
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
        tasks = self._scheduler.tasks.values()
        return RunOutcome(
            results=self._folder.results,
            cause=cause,
            seconds=now - self._budget.start,
            sitting_s=now - self._begun,
            busy_s=tuple(self._busy_s),
            tail_idle_s=tuple(now - last for last in self._last_work),
            deaths=tuple(self._deaths),
            visits={task.task_id: task.visits for task in tasks},
            retries={task.task_id: task.failures for task in tasks if task.failures},
        )
