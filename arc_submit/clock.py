"""Time as a parameter: clocks and deadlines. Durations are seconds, instants are clock readings."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
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

    def keeping(self, share: float) -> Deadline:
        """Return the deadline that leaves a share of the time left, 0 to 1, for what follows."""
        remaining_s = self.remaining_s
        if math.isinf(remaining_s):
            return self
        return Deadline(self.instant - share * max(0.0, remaining_s), self.clock)

    @property
    def remaining_s(self) -> float:
        """Seconds left; negative once the deadline has passed."""
        return self.instant - self.clock.now()

    @property
    def has_passed(self) -> bool:
        """Whether no time is left."""
        return self.remaining_s <= 0


class Stopwatch:
    """Adds up the time spent under each of a few names."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.seconds: dict[str, float] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Count the time of the block under a name."""
        started = self._clock.now()
        try:
            yield
        finally:
            spent_s = self._clock.now() - started
            self.seconds[name] = self.seconds.get(name, 0.0) + spent_s
