"""The workers of a run, wherever they live: what the coordinator needs to know about them."""

from __future__ import annotations

from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Protocol, TypeAlias

from arc_submit.runtime.events import WorkerId
from arc_submit.runtime.worker import Beat, Job, OutOfMemory, Ready
from arc_submit.types import TaskResult


@dataclass(frozen=True, slots=True)
class Exit:
    """A worker is gone."""

    message: str
    """One line: what it said, or how it ended."""
    is_refusal: bool
    """Whether its solver could not be built."""


Message: TypeAlias = Ready | Beat | TaskResult | OutOfMemory | Exit
"""What comes from a worker; :class:`Exit` is its last."""


class Crew(Protocol):
    """Workers started, spoken to and ended without ever waiting longer than allowed."""

    def __len__(self) -> int:
        """Workers that have not been seen to end."""
        ...

    def start(self, worker_id: WorkerId, slot: int) -> None:
        """Start a worker; it reports later that it is ready."""
        ...

    def send(self, worker_id: WorkerId, job: Job) -> None:
        """Give a worker a job; to one that is gone, nothing happens."""
        ...

    def kill(self, worker_id: WorkerId) -> None:
        """End a worker by force; its exit shows at a later receive."""
        ...

    def stop(self, worker_id: WorkerId) -> None:
        """Tell a worker to end after its job; one that is not ready yet has none and is killed."""
        ...

    def receive(
        self, timeout_s: float, wake: Connection | None = None
    ) -> list[tuple[WorkerId, Message]]:
        """Return what workers sent, at once if there is anything, else as soon as there is.

        Args:
            timeout_s: the longest wait; the answer may be empty, and may come earlier.
            wake: ends the wait when it becomes readable.
        """
        ...

    def end(self, patience_s: float) -> None:
        """Ask all workers to end, then force those left, waiting ``patience_s`` for each step."""
        ...
