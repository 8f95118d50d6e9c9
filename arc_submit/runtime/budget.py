"""Time as arithmetic: when work ends, what fits, and what the next visit may take.

Reads no clock.
"""

from __future__ import annotations

from dataclasses import dataclass

_MAX_RESERVED_SHARE = 1 / 5
_RUNAWAY = 3.0


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


class Ledger:
    """The one account of a run's time: what is left, what fits into it, what starting costs."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._startup_s = 0.0

    @property
    def startup_s(self) -> float:
        """Seconds that a worker needs to get ready: the longest measured; 0 before any was."""
        return self._startup_s

    def note_startup(self, seconds: float) -> None:
        """Take in how long a worker took to get ready."""
        self._startup_s = max(self._startup_s, seconds)

    def left_s(self, now: float) -> float:
        """Return the seconds that are left for work, on each worker."""
        return max(0.0, self.budget.work_deadline - now)

    def fits(self, now: float, cost_s: float) -> bool:
        """Return whether what takes so long may still be begun."""
        return 0.0 < self.left_s(now) >= cost_s

    def allow(
        self,
        now: float,
        *,
        safe_s: float,
        waiting: int,
        others_safe_s: float,
        workers: int,
        committed_s: float,
    ) -> float:
        """Return the instant at which a visit must end.

        A visit gets an even share of what is left. Where all waiting visits together need less
        than that, it gets what they leave over, up to a few times its own prediction, so that
        one that runs away is stopped.

        Args:
            now: the current instant.
            safe_s: what the visit should take at most; 0 where nothing is known.
            waiting: visits of its pass that wait, this one among them; at least 1.
            others_safe_s: what the others of them should take at most, together.
            workers: workers at work on the run.
            committed_s: worker seconds already given away.
        """
        even_s = self.budget.share(
            now, tasks_left=waiting, workers=workers, committed_s=committed_s
        )
        spare_s = self.left_s(now) * workers - committed_s - others_safe_s
        allowed_s = max(even_s, min(spare_s, _RUNAWAY * safe_s))
        return min(now + allowed_s, self.budget.work_deadline)
