"""A pool of child processes that runs programs in batches, whatever they do.

Owns which child runs what, the watchdog and who is charged when a child hangs or dies: only the
program that was running. Not for use from two threads at once; on Linux a child dies with the
thread that started it, and is replaced.
"""

from __future__ import annotations

import selectors
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from arc_submit.arc.grid import Grid, to_rows
from arc_submit.clock import Deadline
from arc_submit.config import ExecutionConfig
from arc_submit.errors import RunError
from arc_submit.execution.process import Child
from arc_submit.execution.wire import Batch, WireError
from arc_submit.types import Execution, Failure, FailureKind, Program

_MAX_BATCH = 64
_MAX_FALSE_STARTS = 5


@dataclass(frozen=True, slots=True)
class _Outcome:
    outputs: tuple[Grid | Failure, ...]
    seconds: float


@dataclass(slots=True)
class _Work:
    waiting: deque[str]
    """Sources that no child has."""
    rows: list[list[list[int]]]
    done: dict[str, _Outcome] = field(default_factory=dict)

    def fail(self, source: str, failure: Failure, seconds: float) -> None:
        self.done[source] = _Outcome((failure,) * len(self.rows), seconds)


class ExecutionPool:
    """Runs programs in ``size`` child processes, which start when first needed."""

    def __init__(self, config: ExecutionConfig, *, size: int = 1) -> None:
        """Raise ValueError if ``size`` is not positive."""
        if size < 1:
            raise ValueError(f"a pool has at least 1 child, not {size}")
        self._config = config
        self._size = size
        self._children: list[Child] = []
        self._selector = selectors.DefaultSelector()
        self._false_starts = 0
        self._is_guarded = True  # tests of the child's own defences turn it off

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all children. A closed pool cannot run."""
        for child in list(self._children):
            self._remove(child)
        self._selector.close()

    def run(
        self, programs: Sequence[Program], inputs: Sequence[Grid], *, deadline: Deadline
    ) -> list[Execution]:
        """Run each program on all inputs; identical sources are run once.

        Returns:
            One execution per program, in order, with one output per input. What a program does
            wrong is a failure in it; programs that the deadline cut off are ``TIMEOUT``.

        Raises:
            RunError: if children cannot be started on this machine.
        """
        sources = dict.fromkeys(program.source for program in programs)
        work = _Work(deque(sources), [to_rows(grid) for grid in inputs])
        try:
            while len(work.done) < len(sources) and not deadline.has_passed:
                self._hand_out(work)
                self._collect(work, deadline)
        finally:
            for child in [child for child in self._children if child.pending]:
                self._remove(child)
        for source in sources.keys() - work.done.keys():
            work.fail(source, Failure(FailureKind.TIMEOUT, "deadline"), 0.0)
        outcomes = (work.done[program.source] for program in programs)
        return [
            Execution(program, outcome.outputs, outcome.seconds)
            for program, outcome in zip(programs, outcomes, strict=True)
        ]

    def _hand_out(self, work: _Work) -> None:
        """Give every idle child a batch, and start the children that are missing."""
        for child in [child for child in self._children if child.is_idle]:
            if not work.waiting:
                return
            size = min(_MAX_BATCH, -(-len(work.waiting) // (2 * self._size)))
            sources = [work.waiting.popleft() for _ in range(size)]
            batch = Batch(sources, work.rows, self._config.time_limit_s, self._is_guarded)
            try:
                child.send(batch)
            except WireError:
                self._retire(child, work, FailureKind.CRASH)
        while len(self._children) < min(self._size, len(work.waiting)):
            self._start()

    def _start(self) -> None:
        try:
            child = Child(self._config)
        except OSError as error:
            raise RunError(f"execution: no child process can be started ({error})") from error
        self._children.append(child)
        self._selector.register(child, selectors.EVENT_READ, child)

    def _collect(self, work: _Work, deadline: Deadline) -> None:
        """Wait for replies and take them; retire children that died or hung."""
        active = [child for child in self._children if not child.is_idle]
        timeout_s = min([child.patience_s for child in active] + [deadline.remaining_s])
        ready = {key.data for key, _ in self._selector.select(max(timeout_s, 0))}
        for child in ready:
            try:
                for source, reply in child.replies():
                    work.done[source] = _Outcome(reply.outputs, reply.seconds)
                    self._false_starts = 0
            except WireError:
                self._retire(child, work, FailureKind.CRASH)
        for child in active:
            if child not in ready and child.patience_s < 0:
                self._retire(child, work, FailureKind.TIMEOUT)

    def _retire(self, child: Child, work: _Work, kind: FailureKind) -> None:
        """End a child; charge what it was running, and leave the rest of its batch to others."""
        pending, seconds, was_running = child.pending, child.silent_s, child.is_running
        end = self._remove(child)
        if was_running:
            hung = f"took longer than {self._config.time_limit_s:g} s and was killed"
            died = f"its process ended with {end}"
            message = hung if kind is FailureKind.TIMEOUT else died
            work.fail(pending.pop(0), Failure(kind, message), seconds)
        else:
            self._false_starts += 1
        work.waiting.extendleft(reversed(pending))
        if self._false_starts > _MAX_FALSE_STARTS:
            raise RunError(f"execution: child processes end before they run anything: {end}")

    def _remove(self, child: Child) -> str:
        self._children.remove(child)
        self._selector.unregister(child)
        return child.kill()
