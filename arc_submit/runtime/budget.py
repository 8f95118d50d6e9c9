"""Time as arithmetic: when work ends, and what the next task may take. Reads no clock."""

from __future__ import annotations

from dataclasses import dataclass

_MAX_RESERVED_SHARE = 1 / 5


@dataclass(frozen=True, slots=True)
class Budget:
    """The time of a whole run. Instants are readings of the run's clock."""

    start: float
    """The instant at which the program started, so that start-up counts."""
    budget_s: float
    reserve_s: float
    """What the user wants kept back at the end; see :attr:`effective_reserve_s`."""
    min_share_s: float = 0.0
    """What a task needs to come to anything: where shares would be smaller, fewer tasks get one."""

    @property
    def effective_reserve_s(self) -> float:
        """Seconds kept back to stop workers and write files: at most a fifth of the budget."""
        return min(self.reserve_s, self.budget_s * _MAX_RESERVED_SHARE)

    @property
    def work_deadline(self) -> float:
        """The instant at which work on tasks ends."""
        return self.start + self.budget_s - self.effective_reserve_s

    def share(
        self, now: float, *, tasks_left: int, workers: int, committed_s: float = 0.0
    ) -> float:
        """Return the seconds that the next task may take.

        Worker time that is left and not promised is split evenly over the tasks left, so time
        that a task does not use returns to the later ones by itself. No task gets less than
        ``min_share_s`` while there is as much left.

        Args:
            now: the current instant.
            tasks_left: tasks that wait, the next one among them; at least 1.
            workers: workers at work on the run.
            committed_s: worker seconds that tasks at work may still take.
        """
        left_s = max(0.0, self.work_deadline - now)
        even_s = (left_s * workers - committed_s) / tasks_left
        return min(left_s, max(self.min_share_s, even_s))
