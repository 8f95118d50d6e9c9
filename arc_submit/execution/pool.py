"""A pool of child processes that runs programs in batches, whatever they do.

Owns which child runs what, the watchdog, who is charged when a child hangs or dies (only the
program that was running), and the second run of a sample of programs, which brings to light what
outputs depend on beside the inputs: chance, memory that nobody set, what another program left
behind. Not for use from two threads at once; on Linux a child dies with the thread that started
it, and is replaced.
"""

from __future__ import annotations

import selectors
import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from arc_submit.arc.grid import Grid, grids_equal
from arc_submit.clock import Deadline
from arc_submit.config import ExecutionConfig
from arc_submit.errors import RunError
from arc_submit.execution.process import Child
from arc_submit.execution.wire import Batch, WireError, write_rows
from arc_submit.types import Execution, Failure, FailureKind, Program

_MIN_BATCH = 4
_MAX_BATCH = 64
_MAX_FALSE_STARTS = 5
_RUN_TWICE = 32
"""One program in so many, whichever they are: by a checksum of the source."""

_BY_THE_MACHINE = (FailureKind.TIMEOUT, FailureKind.MEMORY, FailureKind.CRASH)
"""Failures that one run may have and the next has not, through no fault of the program."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    outputs: tuple[Grid | Failure, ...]
    seconds: float

    @property
    def has_grid(self) -> bool:
        return any(not isinstance(output, Failure) for output in self.outputs)

    def confirm(self, second: _Outcome) -> _Outcome:
        """Return this outcome, with a failure where a second run made something else."""
        return _Outcome(tuple(map(_confirm, self.outputs, second.outputs)), self.seconds)


def _confirm(first: Grid | Failure, second: Grid | Failure) -> Grid | Failure:
    failures = [output for output in (first, second) if isinstance(output, Failure)]
    if len(failures) == 2 or any(failure.kind in _BY_THE_MACHINE for failure in failures):
        return first
    if isinstance(first, Failure) or isinstance(second, Failure) or not grids_equal(first, second):
        return Failure(FailureKind.NONDETERMINISTIC, "a second run made something else")
    return first


@dataclass(slots=True)
class _Work:
    waiting: deque[str]
    """Sources that no child has; one that has been run is there to be run again."""
    rows: list[list[str]]
    """Of each input."""
    n_open: int = field(init=False)
    """Runs that are still to be made, or under way."""
    done: dict[str, _Outcome] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.n_open = len(self.waiting)

    def take(self, source: str, outcome: _Outcome) -> None:
        self.n_open -= 1
        if source in self.done:
            self.done[source] = self.done[source].confirm(outcome)
            return
        self.done[source] = outcome
        if outcome.has_grid and is_run_twice(source):
            self.waiting.append(source)
            self.n_open += 1

    def fail(self, source: str, failure: Failure, seconds: float) -> None:
        self.take(source, _Outcome((failure,) * len(self.rows), seconds))


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
        """Run each program on all inputs; identical sources share one execution.

        Returns:
            One execution per program, in order, with one output per input. What a program does
            wrong is a failure in it; programs that the deadline cut off are ``TIMEOUT``, and those
            that made something else when run again ``NONDETERMINISTIC``.

        Raises:
            RunError: if children cannot be started on this machine.
        """
        sources = dict.fromkeys(program.source for program in programs)
        work = _Work(deque(sources), [write_rows(grid) for grid in inputs])
        try:
            while work.n_open and not deadline.has_passed:
                self._hand_out(work)
                self._collect(work, deadline)
        finally:
            for child in [child for child in self._children if child.pending]:
                self._remove(child)
        cut_off = _Outcome((Failure(FailureKind.TIMEOUT, "deadline"),) * len(inputs), 0.0)
        outcomes = (work.done.get(program.source, cut_off) for program in programs)
        return [
            Execution(program, outcome.outputs, outcome.seconds)
            for program, outcome in zip(programs, outcomes, strict=True)
        ]

    def _hand_out(self, work: _Work) -> None:
        """Give every idle child a batch, and start the children that are missing."""
        for child in [child for child in self._children if child.is_idle]:
            if not work.waiting:
                return
            # Smaller ones towards the end, so that all children end together.
            share = -(-len(work.waiting) // (2 * self._size - 1))
            size = min(max(share, _MIN_BATCH), _MAX_BATCH, len(work.waiting))
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
                    work.take(source, _Outcome(reply.outputs, reply.seconds))
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


def is_run_twice(source: str) -> bool:
    """Whether a program that makes a grid is run once more."""
    return zlib.crc32(source.encode(errors="replace")) % _RUN_TWICE == 0


def find_missing_limits(config: ExecutionConfig) -> list[str]:
    """Start a child and return the names of the limits that this machine refuses it.

    Raises:
        RunError: as :meth:`ExecutionPool.run`.
    """
    with ExecutionPool(config) as pool:
        pool.run([Program("")], [], deadline=Deadline.never())
        return pool._children[0].missing_limits
