"""Workers as actors of a Ray cluster, each on whichever node has room. Decides nothing.

Imports Ray, so it is itself imported only by runs that ask for it. An actor is never restarted by
Ray: a task whose worker died is tried again with a smaller profile, so the scheduler must know of
every death, and it is the one to replace a worker.

The nodes must be there when the run begins, each with this package, its solver and its model.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import signal
import socket
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, RayActorError, RayError

from arc_submit.clock import Deadline, MonotonicClock
from arc_submit.errors import RunError
from arc_submit.runtime.crew import Exit, Message
from arc_submit.runtime.events import WorkerId
from arc_submit.runtime.worker import (
    Beat,
    Job,
    Ready,
    Refusal,
    Solver,
    WorkerSpec,
    build_guarded,
    solve_guarded,
    worker_environment,
)

_BEAT_S = 1.0
_BEATS = "beats"  # what runs in a thread of its own
_MAX_WAIT_S = 1.0
_WAKE_S = 0.1  # how often a wait looks whether it is to end
_CONNECT_S = 5.0
_STORE_BYTES = 2**27  # Ray would reserve a third of the memory, and only tasks and results pass
_MAX_MESSAGE = 300


class RayCrew:
    """A :class:`~arc_submit.runtime.crew.Crew` of Ray actors.

    A worker on a GPU takes one GPU of a node, and Ray tells it which; one on the CPU takes as many
    cores as it has threads. A worker for which there is no room at the moment is not ready yet.
    One that was killed while its process was stopped is gone for the run at once, but holds its
    room for some seconds more, until its node ends it.

    Args:
        specs: one per slot. Of a GPU's name, only that it is one counts.
        address: of a node of a running cluster, which this machine must belong to. None stands for
            RAY_ADDRESS, and where that is unset too, for a cluster on this machine that lives as
            long as the run. A connection that this process already has is used and left open.

    Raises:
        RunError: if there is no such cluster, or all its nodes have too little room.
    """

    def __init__(self, specs: Sequence[WorkerSpec], address: str | None) -> None:
        self._specs = specs
        self._clock = MonotonicClock()
        self._members: dict[WorkerId, _Member] = {}
        self._is_connection_ours = not ray.is_initialized()
        if self._is_connection_ours:
            _connect(address or os.environ.get("RAY_ADDRESS") or "local", specs)
        try:
            _check_room(specs)
        except RunError:
            self._disconnect()
            raise

    def __len__(self) -> int:
        """Actors that have not been seen to end."""
        return len(self._members)

    def start(self, worker_id: WorkerId, slot: int) -> None:
        """As :meth:`Crew.start`."""
        spec = self._specs[slot]
        actor = _start_actor(spec)
        self._members[worker_id] = _Member(actor, [actor.build.remote(spec)])

    def send(self, worker_id: WorkerId, job: Job) -> None:
        """As :meth:`Crew.send`."""
        member = self._members.get(worker_id)
        if member is not None:
            seconds = job.deadline - self._clock.now()
            member.calls.append(member.actor.solve.remote(job, seconds))

    def kill(self, worker_id: WorkerId) -> None:
        """As :meth:`Crew.kill`."""
        member = self._members.get(worker_id)
        if member is not None:
            ray.kill(member.actor, no_restart=True)

    def stop(self, worker_id: WorkerId) -> None:
        """As :meth:`Crew.stop`."""
        member = self._members.get(worker_id)
        if member is None:
            return
        if member.is_ready:
            member.calls.append(member.actor.leave.remote())
        else:
            self.kill(worker_id)

    def receive(
        self, timeout_s: float, wake: Connection | None = None
    ) -> list[tuple[WorkerId, Message]]:
        """As :meth:`Crew.receive`."""
        deadline = Deadline.after(min(timeout_s, _MAX_WAIT_S), self._clock)
        while True:
            left_s = max(0.0, deadline.remaining_s)
            arrived = self._wait(min(left_s, _WAKE_S))
            messages = [
                (worker_id, message)
                for worker_id in list(self._members)
                for message in self._read(worker_id, arrived)
            ]
            if messages or not left_s or (wake is not None and wake.poll()):
                return messages

    def _wait(self, timeout_s: float) -> Collection[ray.ObjectRef[Any]]:
        now = self._clock.now()
        for member in self._members.values():
            member.ping(now)
        pending = [call for member in self._members.values() for call in member.pending]
        if not pending:
            time.sleep(timeout_s)
            return ()
        ray.wait(pending, num_returns=1, timeout=timeout_s)
        arrived, _ = ray.wait(pending, num_returns=len(pending), timeout=0)
        return set(arrived)

    def _read(
        self, worker_id: WorkerId, arrived: Collection[ray.ObjectRef[Any]]
    ) -> Iterator[Message]:
        member = self._members[worker_id]
        try:
            for call in [call for call in member.calls if call in arrived]:
                member.calls.remove(call)
                message: Message | Refusal = pickle.loads(ray.get(call))
                if isinstance(message, Refusal):
                    yield self._bury(worker_id, Exit(message.message, is_refusal=True))
                    return
                member.is_ready = True
                yield message
            if member.pinged in arrived and member.has_answered(self._clock.now()):
                yield Beat()
        except RayError as error:
            # The error says so too if the actor's class cannot be loaded on its node.
            is_refusal = isinstance(error, RayActorError) and error.actor_init_failed
            yield self._bury(worker_id, Exit(_describe(error), is_refusal=is_refusal))

    def _bury(self, worker_id: WorkerId, exit_: Exit) -> Exit:
        self.kill(worker_id)  # there may be an actor still, of no known state
        del self._members[worker_id]
        return exit_

    def end(self, patience_s: float) -> None:
        """As :meth:`Crew.end`; a cluster of this run takes a second or two more to end."""
        for ask in (self.stop, self.kill):
            for worker_id in self._members:
                ask(worker_id)
            deadline = Deadline.after(patience_s, self._clock)
            while self._members and not deadline.has_passed:
                self.receive(deadline.remaining_s)
        self._members.clear()
        self._disconnect()

    def _disconnect(self) -> None:
        if self._is_connection_ours:
            ray.shutdown()  # the cluster ends what actors of this process are left


@dataclass(slots=True)
class _Member:
    actor: Any
    calls: list[ray.ObjectRef[Any]]
    """What was asked of it and not answered, in this order."""
    is_ready: bool = False
    pinged: ray.ObjectRef[Any] | None = None
    ping_after: float = 0.0

    @property
    def pending(self) -> list[ray.ObjectRef[Any]]:
        return self.calls if self.pinged is None else [*self.calls, self.pinged]

    def ping(self, now: float) -> None:
        if self.pinged is None and now >= self.ping_after:
            self.pinged = self.actor.ping.options(concurrency_group=_BEATS).remote()

    def has_answered(self, now: float) -> bool:
        """Return whether the ping came back, which may also have been lost on the way.

        Raises:
            RayError: if the actor is gone.
        """
        assert self.pinged is not None
        ping, self.pinged, self.ping_after = self.pinged, None, now + _BEAT_S
        try:
            ray.get(ping)
        except ActorUnavailableError:
            return False
        return True


# ---- in the actor's process


class _Worker:
    """The actor: its methods run one by one in a thread, and pings in another.

    Answers are pickled. Ray would hand out large arrays in memory that it shares between processes,
    and that other data takes once the connection is closed.
    """

    def __init__(self) -> None:
        self._solver: Solver | None = None

    def build(self, spec: WorkerSpec) -> bytes:
        solver = build_guarded(spec)
        if isinstance(solver, Refusal):
            return pickle.dumps(solver)
        self._solver = solver
        return pickle.dumps(Ready())

    def solve(self, job: Job, seconds: float) -> bytes:
        """Solve a job that has ``seconds`` left, as clocks of other nodes show other instants."""
        assert self._solver is not None, "jobs come after Ready"
        deadline = MonotonicClock().now() + seconds
        return pickle.dumps(solve_guarded(self._solver, replace(job, deadline=deadline)))

    def ping(self) -> None:
        pass

    def leave(self) -> None:
        assert self._solver is not None, "a worker that is not ready is killed"
        self._solver.close()
        ray.actor.exit_actor()


def _start_actor(spec: WorkerSpec) -> Any:
    environment = worker_environment(spec)
    if _is_on_gpu(spec):
        del environment["CUDA_VISIBLE_DEVICES"]  # for Ray to say
    options: dict[str, Any] = {
        "num_gpus": int(_is_on_gpu(spec)),
        "num_cpus": 0 if _is_on_gpu(spec) else spec.threads,
        "scheduling_strategy": "SPREAD",
        "concurrency_groups": {_BEATS: 1},
        "max_restarts": 0,
        "runtime_env": {"env_vars": environment},
    }
    return ray.remote(**options)(_Worker).remote()


# ---- the cluster


def _connect(address: str, specs: Sequence[WorkerSpec]) -> None:
    options: dict[str, Any] = {}
    if address == "local":
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing leaves the machine
        # As with processes, it is the user's to start more workers than there are cores.
        cores = sum(spec.threads for spec in specs)
        options = {
            "num_cpus": cores,
            "include_dashboard": False,
            "object_store_memory": _STORE_BYTES,
        }
    try:
        with _own_sigterm():
            _knock(address)
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except (OSError, RuntimeError, ValueError) as error:
        raise RunError(
            f"no connection to a Ray cluster at {address!r} ({_describe(error)}); start one with "
            "'ray start --head' or mend RAY_ADDRESS, or unset it for a cluster on this machine"
        ) from error


def _knock(address: str) -> None:
    # Ray itself would try for a quarter of an hour, and take no signal meanwhile.
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()


@contextlib.contextmanager
def _own_sigterm() -> Iterator[None]:
    # Ray replaces the handler by one that exits, which is the coordinator's to decide.
    former = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            # As in catch_interrupts: None cannot be put back.
            signal.signal(signal.SIGTERM, signal.SIG_DFL if former is None else former)


def _check_room(specs: Sequence[WorkerSpec]) -> None:
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    needs = Counter(("GPU", 1) if _is_on_gpu(spec) else ("CPU", spec.threads) for spec in specs)
    for (resource, amount), wanted in needs.items():
        room = sum(int(node.get(resource, 0) // amount) for node in nodes)
        if room < wanted:
            raise RunError(
                f"the Ray cluster has room for {room} of {wanted} workers, which take {amount} "
                f"{resource} each; nodes: {len(nodes)}, {resource} in all: "
                f"{sum(node.get(resource, 0) for node in nodes):g}; add nodes to the cluster or "
                "lower runtime.workers"
            )


def _is_on_gpu(spec: WorkerSpec) -> bool:
    return spec.device.startswith("cuda")


def _describe(error: Exception) -> str:
    lines = str(error).split("\n")  # of Ray's, the last one says why
    return textwrap.shorten(lines[-1] or type(error).__name__, _MAX_MESSAGE)
