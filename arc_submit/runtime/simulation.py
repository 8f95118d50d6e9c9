"""A run without workers: traces replayed through the scheduler of real runs, on its own clock.

Owns what workers do with the scheduler's commands, faults included; decides nothing of what a
coordinator would not. Reads no clock and no file.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from arc_submit.arc.task import TaskId
from arc_submit.runtime.budget import Budget
from arc_submit.runtime.events import (
    AssignUnit,
    Command,
    DeadlineReached,
    Event,
    Heartbeat,
    KillWorker,
    Progress,
    RunStarted,
    StartWorker,
    StopCause,
    Tick,
    UnitFailed,
    UnitFinished,
    WorkerDied,
    WorkerId,
    WorkerReady,
)
from arc_submit.runtime.policy import Policy
from arc_submit.runtime.scheduler import Rules, Scheduler
from arc_submit.runtime.traces import Trace, Visit
from arc_submit.types import Profile

_MAX_STOP_S = 3.0
"""Within which a coordinator ends workers that do not stop by themselves."""


@dataclass(frozen=True, slots=True)
class Faults:
    """How likely each visit is to go wrong."""

    death: float = 0.0
    hang: float = 0.0
    """Neither returns nor gives signs of life."""
    out_of_memory: float = 0.0
    """On the full profile only."""
    deaf: float = 0.0
    """Takes ten times as long, and heeds no deadline."""
    startup_death: float = 0.0
    """Of a worker, before it is ready."""


NO_FAULTS = Faults()


@dataclass(frozen=True, slots=True)
class SimulatedRun:
    """What a run came to."""

    cause: StopCause
    makespan_s: float
    is_late: bool
    """Whether it ended after its budget."""
    coverage: float
    """Share of tasks with an answer."""
    solved: int
    """Tasks whose answer is right."""
    visits: int
    left: int
    """Tasks that still waited for a visit."""
    utilisation: float
    """Share of the workers' time until the last end of work for which they were at work."""
    utilisation_while_waiting: float
    """The same of ready workers, and of the time for which work was left for them: a task that
    waited and one of whose rounds would have fitted, whatever the scheduler thought of it."""
    tail_idle: float
    """Share of the workers' time for which they were idle after their last visit."""


@dataclass(slots=True)
class _Worker:
    slot: int
    ready_at: float
    is_silent: bool = False
    unit: AssignUnit | None = None
    since: float = 0.0
    work: float = 0.0
    """That its task will have when it returns."""


class Simulation:
    """One run.

    Args:
        traces: in the run's order, with distinct ids.
        n_workers: slots.
        budget: the run's time.
        policy, rules: as for :class:`Scheduler`.
        startup_s: until a worker is ready.
        faults: see :class:`Faults`.
        rng: the source of all chance.
    """

    def __init__(
        self,
        traces: Sequence[Trace],
        *,
        n_workers: int,
        budget: Budget,
        policy: Policy,
        rules: Rules,
        startup_s: float,
        rng: random.Random,
        faults: Faults = NO_FAULTS,
    ) -> None:
        self._traces = {trace.task_id: trace for trace in traces}
        self._budget = budget
        self._startup_s = startup_s
        self._rng = rng
        self._faults = faults
        self._tick_s = budget.budget_s / 400
        self.scheduler = Scheduler(
            {trace.task_id: trace.size for trace in traces},
            n_workers=n_workers,
            budget=budget,
            policy=policy,
            rules=rules,
        )
        self._n_slots = max(1, min(n_workers, len(traces)))
        self._work: dict[TaskId, float] = dict.fromkeys(self._traces, 0.0)
        self._workers: dict[WorkerId, _Worker] = {}
        self._events: list[tuple[float, int, Event]] = []
        self._numbers = count()
        self._busy_s = 0.0
        self._waiting_s = 0.0
        self._last_work: dict[int, float] = {}
        self._visits = 0

    def run(self) -> SimulatedRun:
        """Let all events come, in the order of their instants, until the run is finished."""
        now = self._budget.start
        self._feed(RunStarted(now))
        self._push(DeadlineReached(max(now, self._budget.work_deadline)))
        self._push(Tick(now + self._tick_s))
        while self.scheduler.cause is None:
            instant, _, event = heapq.heappop(self._events)
            self._pass_time(now, instant)
            now = instant
            if isinstance(event, Tick):
                self._push(Tick(now + self._tick_s))
                for worker_id, worker in list(self._workers.items()):
                    if not worker.is_silent:
                        self._feed(Heartbeat(now, worker_id))
            self._take_in(event)
        return self._conclude(self.scheduler.cause, now)

    # ---- events

    def _push(self, event: Event) -> None:
        heapq.heappush(self._events, (event.now, next(self._numbers), event))

    def _pass_time(self, since: float, until: float) -> None:
        for worker in self._workers.values():
            if worker.unit is not None:
                self._busy_s += until - since
                self._last_work[worker.slot] = until
            elif since >= worker.ready_at:
                left_s = self._budget.work_deadline - since
                self._waiting_s += min(until - since, max(0.0, left_s - self._least_round_s()))

    def _least_round_s(self) -> float:
        """Return what the shortest visit with any outcome takes among those that wait."""
        visits = (self._traces[t.task_id].visits[t.visits] for t in self.scheduler.waiting)
        return min(map(_first_outcome_s, visits), default=math.inf)

    def _take_in(self, event: Event) -> None:
        match event:
            case UnitFinished(worker_id=worker_id) | UnitFailed(worker_id=worker_id):
                worker = self._workers.get(worker_id)
                if worker is None or worker.unit is None:
                    return
                if isinstance(event, UnitFinished):
                    self._work[event.task_id] = worker.work
                worker.unit = None
            case WorkerDied(worker_id=worker_id):
                if self._workers.pop(worker_id, None) is None:
                    return
            case WorkerReady(worker_id=worker_id) if worker_id not in self._workers:
                return
        self._feed(event)

    def _feed(self, event: Event) -> None:
        for command in self.scheduler.handle(event):
            self._carry_out(command, event.now)

    # ---- commands

    def _carry_out(self, command: Command, now: float) -> None:
        match command:
            case StartWorker(worker_id, slot):
                ready_at = now + self._startup_s
                self._workers[worker_id] = _Worker(slot, ready_at)
                is_lost = self._rng.random() < self._faults.startup_death
                outcome = WorkerDied if is_lost else WorkerReady
                self._push(outcome(ready_at, worker_id))
            case AssignUnit(worker_id):
                self._begin(self._workers[worker_id], command, now)
            case KillWorker(worker_id):
                self._push(WorkerDied(now, worker_id))

    def _begin(self, worker: _Worker, unit: AssignUnit, now: float) -> None:
        worker.unit, worker.since = unit, now
        self._visits += 1
        trace = self._traces[unit.task_id]
        taken = _take(trace.visits[unit.visit], unit.deadline - now, unit.profile)
        worker.work = self._work[unit.task_id] + taken.work
        end = now + taken.seconds
        chance, faults = self._rng.random(), self._faults
        if (chance := chance - faults.death) < 0:
            self._push(WorkerDied(now + self._rng.random() * taken.seconds, unit.worker_id))
        elif (chance := chance - faults.hang) < 0:
            worker.is_silent = True
        elif (chance := chance - faults.out_of_memory) < 0 and unit.profile is Profile.FULL:
            at = now + self._rng.random() * taken.seconds
            self._push(UnitFailed(at, unit.worker_id, unit.task_id))
        else:
            if chance - faults.deaf < 0 <= chance:
                end = now + 10 * taken.seconds
            progress = self._progress(trace, worker.work, unit.visit)
            event = UnitFinished(
                end, unit.worker_id, unit.task_id, progress, taken.rounds, taken.is_cut
            )
            self._push(event)

    def _progress(self, trace: Trace, work: float, visit: int) -> Progress:
        is_solved = work >= trace.solved_at
        is_answered = trace.is_answerable and work > 0
        return Progress(
            is_answered=is_answered,
            is_solved=is_solved and trace.is_verified,
            is_exhausted=visit + 1 >= len(trace.visits),
            agreement=trace.agreement(is_solved=is_solved)
            if is_answered and not trace.is_verified
            else 0.0,
        )

    # ---- figures

    def _conclude(self, cause: StopCause, now: float) -> SimulatedRun:
        is_at_work = any(worker.unit is not None for worker in self._workers.values())
        stop_s = self._rng.uniform(0, _MAX_STOP_S) if is_at_work else 0.0
        makespan_s = now - self._budget.start + stop_s
        all_s = self._n_slots * max(now - self._budget.start, 1e-9)
        tail_s = sum(
            now - self._last_work.get(slot, self._budget.start) for slot in range(self._n_slots)
        )
        traces = self._traces.values()
        n = max(1, len(traces))
        answered = sum(t.is_answerable and self._work[t.task_id] > 0 for t in traces)
        return SimulatedRun(
            cause=cause,
            makespan_s=makespan_s,
            is_late=makespan_s > self._budget.budget_s,
            coverage=answered / n,
            solved=sum(self._work[t.task_id] >= t.solved_at for t in traces),
            visits=self._visits,
            left=len(self.scheduler.waiting),
            utilisation=self._busy_s / all_s,
            utilisation_while_waiting=self._busy_s / max(self._busy_s + self._waiting_s, 1e-9),
            tail_idle=tail_s / all_s,
        )


def _first_outcome_s(visit: Visit) -> float:
    seconds = 0.0
    for step in visit:
        seconds += step.seconds
        if step.work:
            break
    return seconds


@dataclass(frozen=True, slots=True)
class _Taken:
    seconds: float
    work: float
    rounds: int
    is_cut: bool


def _take(visit: Visit, allowed_s: float, profile: Profile) -> _Taken:
    """Return what a visit comes to within its time.

    As in a real worker, no step begins where one of its kind did not fit before, and one that is
    cut off is lost. The small profile leaves out training and halves both work and time.
    """
    scale = 0.5 if profile is Profile.SMALL else 1.0
    seconds, work, rounds = 0.0, 0.0, 0
    last_s: dict[str, float] = {}
    for step in visit:
        if profile is Profile.SMALL and not step.work:
            continue
        step_s = step.seconds * scale
        if seconds + step_s > allowed_s:
            begins = seconds + last_s.get(step.stage, 0.0) <= allowed_s
            return _Taken(allowed_s if begins else seconds, work, max(rounds, 1), True)
        seconds += step_s
        work += step.work * scale
        rounds += step.work > 0
        last_s[step.stage] = step_s
    return _Taken(seconds, work, max(rounds, 1), False)
