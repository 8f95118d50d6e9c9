"""Time as a parameter: clocks and deadlines. Durations are seconds, instants are clock readings."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """Where an instant comes from."""

    def now(self) -> float:
        """Return the current instant in seconds; only differences have a meaning."""
        ...


class MonotonicClock:
    """The machine's monotonic clock; on Linux its readings agree between processes."""

    def now(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that moves only when told to, for tests and simulation."""

    def __init__(self, now: float = 0.0) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock forward.

        Raises:
            ValueError: if ``seconds`` is negative.
        """
        if seconds < 0:
            raise ValueError(f"a clock cannot go back {-seconds} s")
        self._now += seconds


@dataclass(frozen=True, slots=True)
class Deadline:
    """An instant on a clock after which work must have stopped."""

    instant: float
    clock: Clock

    @classmethod
    def after(cls, seconds: float, clock: Clock) -> Deadline:
        """Return the deadline that lies ``seconds`` from now."""
        return cls(clock.now() + seconds, clock)

    @classmethod
    def never(cls) -> Deadline:
        """Return a deadline that does not come."""
        return cls(math.inf, MonotonicClock())

    @property
    def remaining_s(self) -> float:
        """Seconds left; negative once the deadline has passed."""
        return self.instant - self.clock.now()

    @property
    def has_passed(self) -> bool:
        """Whether no time is left."""
        return self.remaining_s <= 0
