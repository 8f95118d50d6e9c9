"""Which worker does which task until when. Pure: no clock, no process, no file.

Tasks are served first in, first out. A worker that dies is replaced a few times; its task is
tried once more, after all others, and then given up. State changes only in :meth:`handle`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from arc_submit.arc.task import TaskId
from arc_submit.runtime.budget import Budget
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

MAX_REPLACEMENTS = 3
"""Per slot, in the whole run."""
MAX_TRIES = 2
"""Per task."""


@dataclass(slots=True)
class _Worker:
    slot: int
    is_ready: bool = False
    task_id: TaskId | None = None
    deadline: float = 0.0


class Scheduler:
    """Turns events into commands.

    Args:
        task_ids: distinct, in the order in which they are served.
        n_workers: slots; no more are used than there are tasks.
        budget: the run's time.
        deterministic: each task gets the run's work deadline and no share of the time, so that
            the work done does not depend on its speed.
    """

    def __init__(
        self, task_ids: Sequence[TaskId], *, n_workers: int, budget: Budget, deterministic: bool
    ) -> None:
        self.log: list[tuple[Event, tuple[Command, ...]]] = []
        """All that happened, and what was ordered in answer."""
        self._task_ids = tuple(task_ids)
        self._n_workers = n_workers
        self._budget = budget
        self._deterministic = deterministic
        self._pending = deque(task_ids)
        self._done: set[TaskId] = set()
        self._given_up: set[TaskId] = set()
        self._tries: Counter[TaskId] = Counter()
        self._workers: dict[WorkerId, _Worker] = {}
        self._starts: Counter[int] = Counter()
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

    def handle(self, event: Event) -> list[Command]:
        """Take in an event and return what is to be done, in order.

        News of a worker that is gone, or of a task that it does not have, changes nothing. Once
        the run is finished, results are still taken in, but nothing is started or assigned.
        """
        commands = [*self._update(event), *self._decide(event)]
        self.log.append((event, tuple(commands)))
        return commands

    # ---- what happened

    def _update(self, event: Event) -> Iterator[Command]:
        match event:
            case RunStarted():
                self._vacant = list(range(min(self._n_workers, len(self._pending))))
            case WorkerReady(worker_id=worker_id) if worker_id in self._workers:
                self._workers[worker_id].is_ready = True
                self._was_ever_ready = True
            case TaskFinished(worker_id=worker_id, task_id=task_id):
                worker = self._workers.get(worker_id)
                if worker is not None and worker.task_id == task_id:
                    worker.task_id = None
                    self._done.add(task_id)
            case WorkerDied(worker_id=worker_id) if worker_id in self._workers:
                yield from self._bury(self._workers.pop(worker_id), event)

    def _bury(self, worker: _Worker, event: WorkerDied) -> Iterator[Command]:
        # Where no worker could ever build its solver, the next one could not either.
        is_hopeless = event.is_refusal and not self._was_ever_ready
        if not is_hopeless and self._starts[worker.slot] <= MAX_REPLACEMENTS:
            self._vacant.append(worker.slot)
        if worker.task_id is None:
            return
        if self._tries[worker.task_id] < MAX_TRIES:
            self._pending.append(worker.task_id)
        else:
            self._given_up.add(worker.task_id)
            yield GiveUpTask(worker.task_id)

    # ---- what to do

    def _decide(self, event: Event) -> Iterator[Command]:
        if self._cause is not None:
            return
        self._cause = self._find_cause(event)
        if self._cause is not None:
            yield from (StopWorker(worker_id) for worker_id in self._workers)
            yield FinishRun(self._cause)
            return
        while self._vacant:
            yield self._start(self._vacant.pop(0))
        for worker_id, worker in self._workers.items():
            if self._pending and worker.is_ready and worker.task_id is None:
                yield self._assign(worker_id, worker, event.now)

    def _find_cause(self, event: Event) -> StopCause | None:
        if not self._pending and not self._busy:
            return StopCause.COMPLETED
        if isinstance(event, Interrupted):
            return StopCause.INTERRUPTED
        if isinstance(event, DeadlineReached) or event.now >= self._budget.work_deadline:
            return StopCause.DEADLINE
        if not self._workers and not self._vacant:
            return StopCause.NO_WORKERS
        return None

    def _start(self, slot: int) -> Command:
        worker_id = self._starts.total()
        self._starts[slot] += 1
        self._workers[worker_id] = _Worker(slot)
        return StartWorker(worker_id, slot)

    def _assign(self, worker_id: WorkerId, worker: _Worker, now: float) -> Command:
        deadline = self._next_deadline(now)
        task_id = self._pending.popleft()
        self._tries[task_id] += 1
        worker.task_id, worker.deadline = task_id, deadline
        return AssignTask(worker_id, task_id, deadline)

    def _next_deadline(self, now: float) -> float:
        if self._deterministic:
            return self._budget.work_deadline
        return now + self._budget.share(
            now,
            tasks_left=len(self._pending),
            workers=len(self._workers),
            committed_s=sum(max(0.0, worker.deadline - now) for worker in self._busy),
        )

    @property
    def _busy(self) -> list[_Worker]:
        return [worker for worker in self._workers.values() if worker.task_id is not None]

    def check_invariants(self) -> None:
        """Assert what holds between any two events; for tests."""
        at_work = [worker.task_id for worker in self._busy if worker.task_id is not None]
        placed = [*self._pending, *at_work, *self._done, *self._given_up]
        assert sorted(placed) == sorted(self._task_ids), "each task is in exactly one state"
        assert all(worker.is_ready for worker in self._busy), "only ready workers have tasks"
        slots = [worker.slot for worker in self._workers.values()]
        assert len(slots) == len(set(slots)), "a slot holds one worker"
        assert all(n <= 1 + MAX_REPLACEMENTS for n in self._starts.values())
        assert all(n <= MAX_TRIES for n in self._tries.values())
        if self._cause is None:
            assert not self._vacant, "a vacant slot is filled at once"
            idle = [w for w in self._workers.values() if w.is_ready and w.task_id is None]
            assert not (idle and self._pending), "no ready worker waits while tasks do"
