"""Which worker visits which task until when. Pure: no clock, no process, no file.

Works in passes: each task is visited once, then time goes where the policy sees most to gain. A
task can be stopped at any time, with its best so far. A worker that dies, hangs or runs out of
memory is replaced; its task is tried once more on the small profile, then given up, with the
answer that it has. State changes only in :meth:`Scheduler.handle`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from arc_submit.arc.task import TaskId
from arc_submit.runtime.backlog import Backlog, is_first, is_owed
from arc_submit.runtime.budget import Budget, Ledger
from arc_submit.runtime.costs import CostModel
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
from arc_submit.runtime.policy import MarginalGain, Policy, TaskState
from arc_submit.types import Profile

MAX_REPLACEMENTS = 3
"""Per slot, in a row: a finished visit gives them all back."""
MAX_TRIES = 2
"""Workers that a task may bring down."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a run lets its tasks and workers do."""

    max_visits: int = 8
    """Of one task."""
    has_shares: bool = True
    """Each visit gets a share of the time; else it may last until the end of all work."""
    is_split: bool = False
    """Task ``i`` belongs to slot ``i % n`` for good, as in public notebooks; for comparison."""
    silence_s: float = math.inf
    """A worker not heard of for so long hangs."""
    overrun_s: float = math.inf
    """A worker that has not returned so long after its deadline hangs."""


@dataclass(slots=True)
class _Worker:
    slot: int
    started: float
    heard: float
    is_ready: bool = False
    is_doomed: bool = False
    """It is to die, or is being killed: nothing more is given to it."""
    task: TaskState | None = None
    since: float = 0.0
    deadline: float = math.inf


class Scheduler:
    """Turns events into commands.

    Args:
        sizes: of each task, in the run's order; what its costs grow with, above 0.
        n_workers: slots; no more are used than there are tasks.
        budget: the run's time.
        policy: what is worth the next visit.
        rules: see :class:`Rules`.
    """

    def __init__(
        self,
        sizes: Mapping[TaskId, float],
        *,
        n_workers: int,
        budget: Budget,
        policy: Policy | None = None,
        rules: Rules | None = None,
    ) -> None:
        self.log: list[tuple[Event, tuple[Command, ...]]] = []
        """All that happened, and what was ordered in answer; but no tick or heartbeat that led to
        nothing."""
        self.ledger = Ledger(budget)
        self.tasks: Mapping[TaskId, TaskState] = {
            task_id: TaskState(task_id, index, size)
            for index, (task_id, size) in enumerate(sizes.items())
        }
        self._n_slots = n_workers
        self._rules = rules or Rules()
        self._costs = CostModel()
        self._backlog = Backlog(list(self.tasks.values()), policy or MarginalGain(), self._costs)
        self._done: set[TaskId] = set()
        self._given_up: set[TaskId] = set()
        self._workers: dict[WorkerId, _Worker] = {}
        self._n_started = 0
        self._deaths_in_a_row: Counter[int] = Counter()
        self._vacant: list[int] = []
        self._was_ever_ready = False
        self._cause: StopCause | None = None

    @property
    def cause(self) -> StopCause | None:
        """Why the run ended; None while it goes on."""
        return self._cause

    @property
    def was_ever_ready(self) -> bool:
        """Whether any worker of the run could build its solver."""
        return self._was_ever_ready

    @property
    def waiting(self) -> list[TaskState]:
        """Tasks that wait for a visit, next one first."""
        return list(self._backlog)

    def handle(self, event: Event) -> list[Command]:
        """Take in an event and return what is to be done, in order.

        News of a worker that is gone, or of a task that it does not have, changes nothing. Once
        the run is finished, results are still taken in, but nothing is started or assigned.
        """
        commands = list(self._update(event))
        if self._cause is None and not isinstance(event, UnitRestored):
            commands += self._decide(event)
        if commands or not isinstance(event, Tick | Heartbeat):
            self.log.append((event, tuple(commands)))
        return commands

    # ---- what happened

    def _update(self, event: Event) -> Iterator[Command]:
        match event:
            case UnitRestored(task_id=task_id) if task_id in self.tasks:
                task = self.tasks[task_id]
                if self._backlog.remove(task):
                    self._record(task, event, event.seconds)
            case RunStarted():
                self._vacant = list(range(min(self._n_slots, len(self._backlog))))
            case WorkerDied(worker_id=worker_id) if worker_id in self._workers:
                yield from self._bury(self._workers.pop(worker_id), event)
            case (
                WorkerReady(worker_id=worker_id)
                | Heartbeat(worker_id=worker_id)
                | UnitFinished(worker_id=worker_id)
                | UnitFailed(worker_id=worker_id)
            ) if worker_id in self._workers:
                worker = self._workers[worker_id]
                worker.heard = event.now
                yield from self._hear(worker_id, worker, event)

    def _hear(self, worker_id: WorkerId, worker: _Worker, event: Event) -> Iterator[Command]:
        task = worker.task
        match event:
            case WorkerReady() if not worker.is_ready:
                worker.is_ready = self._was_ever_ready = True
                self.ledger.note_startup(event.now - worker.started)
            case UnitFinished(task_id=task_id) if task is not None and task.task_id == task_id:
                worker.task = None
                self._deaths_in_a_row[worker.slot] = 0
                self._record(task, event, event.now - worker.since)
            case UnitFailed(task_id=task_id) if task is not None and task.task_id == task_id:
                worker.task = None
                worker.is_doomed = True
                yield KillWorker(worker_id)
                yield from self._fail(task)

    def _record(self, task: TaskState, event: UnitFinished | UnitRestored, seconds: float) -> None:
        # A visit that was cut short says something only where it was already dear.
        is_news = not event.is_cut or seconds >= task.cost.median_s
        if is_news and task.profile is Profile.FULL:
            task.surprise = self._costs.observe(
                task.visits, task.size, seconds, rounds=event.rounds
            )
        task.last_round_s = seconds / max(event.rounds, 1)
        task.visits += 1
        task.progress = event.progress
        is_over = event.progress.is_exhausted or task.visits >= self._rules.max_visits
        if is_over or not self._backlog.add(task):
            self._done.add(task.task_id)

    def _fail(self, task: TaskState) -> Iterator[Command]:
        task.failures += 1
        if task.failures >= MAX_TRIES:
            self._given_up.add(task.task_id)
            yield GiveUpTask(task.task_id)
        elif not self._backlog.add(task):
            self._done.add(task.task_id)

    def _bury(self, worker: _Worker, event: WorkerDied) -> Iterator[Command]:
        # Where no worker could ever build its solver, the next one could not either.
        is_hopeless = event.is_refusal and not self._was_ever_ready
        self._deaths_in_a_row[worker.slot] += 1
        if not is_hopeless and self._deaths_in_a_row[worker.slot] <= MAX_REPLACEMENTS:
            self._vacant.append(worker.slot)
        if worker.task is not None:
            yield from self._fail(worker.task)

    # ---- what to do

    def _decide(self, event: Event) -> Iterator[Command]:
        self._cause = self._find_cause(event)
        if self._cause is None:
            if isinstance(event, Tick):
                yield from self._kill_hanging(event.now)
            yield from self._start_workers(event.now)
            yield from self._assign_units(event.now)
            self._cause = self._find_standstill()
        if self._cause is not None:
            yield from (StopWorker(worker_id) for worker_id in self._workers)
            yield FinishRun(self._cause)

    def _find_cause(self, event: Event) -> StopCause | None:
        if not self._backlog and not self._busy:
            return StopCause.COMPLETED
        if isinstance(event, Interrupted):
            return StopCause.INTERRUPTED
        if isinstance(event, DeadlineReached) or not self.ledger.left_s(event.now):
            return StopCause.DEADLINE
        return None

    def _find_standstill(self) -> StopCause | None:
        """Return why nothing can happen any more; None while something can."""
        if not self._workers:
            return StopCause.DEADLINE if self._vacant else StopCause.NO_WORKERS
        is_moving = any(
            w.task is not None or w.is_doomed or not w.is_ready for w in self._workers.values()
        )
        return None if is_moving else StopCause.DEADLINE

    def _kill_hanging(self, now: float) -> Iterator[Command]:
        for worker_id, worker in self._workers.items():
            is_silent = now - worker.heard > self._rules.silence_s
            is_late = worker.task is not None and now - worker.deadline > self._rules.overrun_s
            if (is_silent or is_late) and not worker.is_doomed:
                worker.is_doomed = True
                yield KillWorker(worker_id)

    def _start_workers(self, now: float) -> Iterator[Command]:
        while self._vacant and self.ledger.fits(now, self.ledger.startup_s):
            slot = self._vacant.pop(0)
            worker_id = self._n_started
            self._n_started += 1
            self._workers[worker_id] = _Worker(slot, started=now, heard=now)
            yield StartWorker(worker_id, slot)

    def _assign_units(self, now: float) -> Iterator[Command]:
        for worker_id, worker in self._workers.items():
            if not worker.is_ready or worker.is_doomed or worker.task is not None:
                continue
            self._backlog.renew()
            task = self._choose(worker.slot, now)
            if task is None:
                continue
            deadline = self._next_deadline(task, now)
            self._backlog.remove(task)
            worker.task, worker.since, worker.deadline = task, now, deadline
            yield AssignUnit(worker_id, task.task_id, deadline, task.visits, task.profile)

    def _choose(self, slot: int, now: float) -> TaskState | None:
        """Return the first task whose visit fits whole, else the first with a round that fits."""
        in_part = None
        for task in self._backlog:
            if self._rules.is_split and task.index % self._n_slots != slot:
                continue
            needed_s = task.cost.safe_s
            if is_owed(task):  # any answer is better than none
                needed_s = min(needed_s, self.ledger.budget.min_share_s)
            if self.ledger.fits(now, needed_s):
                return task
            if in_part is None and self.ledger.fits(now, task.cost.round_s):
                in_part = task
        return in_part

    def _next_deadline(self, task: TaskState, now: float) -> float:
        if not self._rules.has_shares:
            return self.ledger.budget.work_deadline
        waiting, others_safe_s = len(self._backlog), 0.0
        if is_first(task):
            waiting, all_safe_s = self._backlog.first_visits()
            others_safe_s = all_safe_s - task.cost.safe_s
        return self.ledger.allow(
            now,
            safe_s=task.cost.safe_s,
            waiting=waiting,
            others_safe_s=others_safe_s,
            workers=len(self._workers),
            committed_s=sum(self._committed_s(worker, now) for worker in self._workers.values()),
        )

    def _committed_s(self, worker: _Worker, now: float) -> float:
        if not worker.is_ready:
            return max(0.0, worker.started + self.ledger.startup_s - now)
        return max(0.0, worker.deadline - now) if worker.task is not None else 0.0

    @property
    def _busy(self) -> list[_Worker]:
        return [worker for worker in self._workers.values() if worker.task is not None]

    def check_invariants(self) -> None:
        """Assert what holds between any two events; for tests."""
        waiting = [task.task_id for task in self._backlog]
        at_work = [worker.task.task_id for worker in self._busy if worker.task is not None]
        placed = [*waiting, *at_work, *self._done, *self._given_up]
        assert sorted(placed) == sorted(self.tasks), "each task is in exactly one state"
        assert all(worker.is_ready for worker in self._busy), "only ready workers have tasks"
        end = self.ledger.budget.work_deadline + 1e-9
        assert all(worker.deadline <= end for worker in self._busy), "no visit outlasts the work"
        slots = [worker.slot for worker in self._workers.values()]
        assert len(slots) == len(set(slots)), "a slot holds one worker"
        assert all(n <= 1 + MAX_REPLACEMENTS for n in self._deaths_in_a_row.values())
        for task in self.tasks.values():
            assert task.visits <= self._rules.max_visits
            assert (task.failures >= MAX_TRIES) == (task.task_id in self._given_up)
        later = [task for task in self._backlog if not is_first(task)]
        assert waiting[len(waiting) - len(later) :] == [task.task_id for task in later], (
            "first visits come first"
        )
        if self._cause is None:
            assert self._find_standstill() is None, "a run at a standstill ends"
