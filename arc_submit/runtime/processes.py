"""Workers as processes of this machine, spoken to through pipes. Decides nothing."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from arc_submit.clock import Deadline, MonotonicClock
from arc_submit.runtime.crew import Exit, Message
from arc_submit.runtime.events import WorkerId
from arc_submit.runtime.worker import (
    Beat,
    Job,
    Refusal,
    WorkerSpec,
    worker_environment,
    worker_main,
)

# A process may live on in a child that holds its end of the pipe, so its end is looked for too.
_LOOK_AFTER_S = 1.0
_EXIT_S = 0.2


@dataclass(slots=True)
class _Member:
    process: SpawnProcess
    connection: Connection
    is_ready: bool = False
    refusal: Refusal | None = None


class ProcessCrew:
    """A :class:`~arc_submit.runtime.crew.Crew` of processes.

    Args:
        specs: one per slot.
    """

    def __init__(self, specs: Sequence[WorkerSpec]) -> None:
        self._specs = specs
        self._context = multiprocessing.get_context("spawn")
        self._members: dict[WorkerId, _Member] = {}

    def __len__(self) -> int:
        """Processes that have not been seen to end."""
        return len(self._members)

    def start(self, worker_id: WorkerId, slot: int) -> None:
        """As :meth:`Crew.start`."""
        spec = self._specs[slot]
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=worker_main, args=(theirs, spec), name=f"arc-submit worker {worker_id}"
        )
        with _inherited(worker_environment(spec)):
            process.start()
        theirs.close()
        self._members[worker_id] = _Member(process, ours)

    def send(self, worker_id: WorkerId, job: Job) -> None:
        """As :meth:`Crew.send`."""
        member = self._members.get(worker_id)
        if member is not None:
            with contextlib.suppress(OSError):  # its end shows at the next receive
                member.connection.send(job)

    def kill(self, worker_id: WorkerId) -> None:
        """As :meth:`Crew.kill`."""
        member = self._members.get(worker_id)
        if member is not None:
            member.process.kill()

    def stop(self, worker_id: WorkerId) -> None:
        """As :meth:`Crew.stop`."""
        member = self._members.get(worker_id)
        if member is None:
            return
        if not member.is_ready:
            member.process.kill()
        with contextlib.suppress(OSError):
            member.connection.send(None)

    def receive(
        self, timeout_s: float, wake: Connection | None = None
    ) -> list[tuple[WorkerId, Message]]:
        """As :meth:`Crew.receive`."""
        wakers = [member.connection for member in self._members.values()]
        if wake is not None:
            wakers.append(wake)
        wait(wakers, min(max(0.0, timeout_s), _LOOK_AFTER_S))
        return [
            (worker_id, message)
            for worker_id in list(self._members)
            for message in self._read(worker_id)
        ]

    def _read(self, worker_id: WorkerId) -> Iterator[Message]:
        member = self._members[worker_id]
        # Looked up before the pipe is emptied, so that no last message is lost.
        is_gone = member.process.exitcode is not None
        try:
            while member.connection.poll():
                message = member.connection.recv()
                if isinstance(message, Refusal):
                    member.refusal = message
                    continue
                member.is_ready |= not isinstance(message, Beat)
                yield message
        except (EOFError, OSError):
            is_gone = True
        if is_gone:
            yield self._bury(worker_id)

    def _bury(self, worker_id: WorkerId) -> Exit:
        member = self._members.pop(worker_id)
        member.connection.close()
        member.process.join(_EXIT_S)
        exitcode = member.process.exitcode
        member.process.kill()
        if member.refusal is not None:
            return Exit(member.refusal.message, is_refusal=True)
        return Exit(_describe_exit(exitcode), is_refusal=False)

    def end(self, patience_s: float) -> None:
        """As :meth:`Crew.end`."""
        for force in (SpawnProcess.terminate, SpawnProcess.kill):
            for member in self._members.values():
                force(member.process)
            deadline = Deadline.after(patience_s, MonotonicClock())
            for member in self._members.values():
                member.process.join(max(0.0, deadline.remaining_s))
        for member in self._members.values():
            member.connection.close()
        self._members.clear()


@contextmanager
def _inherited(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables, and hold SIGINT back, for a process started meanwhile.

    The worker lets SIGINT in again once it ignores it; for this process, none is lost.
    """
    resource_tracker.ensure_running()  # starting it would let SIGINT in
    former = {name: os.environ.get(name) for name in variables}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _describe_exit(exitcode: int | None) -> str:
    if exitcode is None:
        return "the worker closed its pipe"
    if exitcode < 0:
        return f"the worker was killed by {signal.Signals(-exitcode).name}"
    return f"the worker ended with exit code {exitcode}"
