"""What a visit will cost, from the size of its task and what visits have cost so far. Pure.

Costs are taken to be log-normal around a power of the task's size: ``log(seconds) = a + b *
log(size)`` and noise, with one ``a`` for each visit number, and one ``b`` and one width for all.
Both start from a guess (costs proportional to size, a factor of 2 either way) that measurements
outweigh after a few tasks. A task that was dearer than its size says stays so, by half.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

QUANTILE = 0.9
"""A visit is safe to start where this share of such visits would fit."""

_PRIOR_SLOPE, _PRIOR_WEIGHT = 1.0, 2.0
_PRIOR_SIGMA, _PRIOR_COUNT = math.log(2.0), 4
_PERSISTENCE = 0.5


@dataclass(frozen=True, slots=True)
class Cost:
    """The predicted seconds of one visit."""

    median_s: float
    safe_s: float
    """Enough in all but the dearest cases; see :data:`QUANTILE`."""
    round_s: float
    """One round of it, should it go well: with less, it would hardly come to anything."""


UNKNOWN = Cost(0.0, 0.0, 0.0)
"""Before anything was measured: every visit is worth a try."""


@dataclass(slots=True)
class _Visits:
    """Sums over the measured visits with one number; x is log size, y is log seconds."""

    n: int = 0
    mean_x: float = 0.0
    mean_y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0
    yy: float = 0.0
    rounds: int = 0

    def add(self, x: float, y: float, rounds: int) -> None:
        self.n += 1
        from_x, from_y = x - self.mean_x, y - self.mean_y
        self.mean_x += from_x / self.n
        self.mean_y += from_y / self.n
        self.xx += from_x * (x - self.mean_x)
        self.xy += from_x * (y - self.mean_y)
        self.yy += from_y * (y - self.mean_y)
        self.rounds += rounds


class CostModel:
    """Learns from each measured visit."""

    def __init__(self) -> None:
        self._visits: dict[int, _Visits] = {}
        self._slope = _PRIOR_SLOPE
        self._sigma = _PRIOR_SIGMA
        self._n = 0

    def __len__(self) -> int:
        """Measured visits."""
        return self._n

    def observe(self, visit: int, size: float, seconds: float, *, rounds: int = 1) -> float:
        """Take in what a visit took and return its surprise, to predict the task's next by.

        Args:
            visit: 0 for a task's first.
            size: of the task, in any unit that is the same for all; above 0.
            seconds: measured.
            rounds: in which the seconds were spent.
        """
        x, y = math.log(size), math.log(max(seconds, 1e-3))
        self._visits.setdefault(visit, _Visits()).add(x, y, max(rounds, 1))
        self._n += 1
        groups = self._visits.values()
        xx, xy = sum(v.xx for v in groups), sum(v.xy for v in groups)
        slope = (xy + _PRIOR_SLOPE * _PRIOR_WEIGHT) / (xx + _PRIOR_WEIGHT)
        squares = sum(v.yy for v in groups) - 2 * slope * xy + slope * slope * xx
        variance = (max(0.0, squares) + _PRIOR_COUNT * _PRIOR_SIGMA**2) / (self._n + _PRIOR_COUNT)
        self._slope, self._sigma = slope, math.sqrt(variance)
        return y - self._expect(visit, x)

    def predict(
        self, visit: int, size: float, *, surprise: float = 0.0, last_round_s: float = 0.0
    ) -> Cost:
        """Return the cost of a visit; that of the one before where none was measured.

        Args:
            visit: 0 for a task's first.
            size: as in :meth:`observe`.
            surprise: what :meth:`observe` returned for the task's last visit.
            last_round_s: what a round of that visit took; 0 where there was none.
        """
        if not self._n:
            return UNKNOWN
        log_median = self._expect(visit, math.log(size)) + _PERSISTENCE * surprise
        median_s = math.exp(log_median)
        measured = self._nearest(visit)
        round_s = min(last_round_s or math.inf, median_s * measured.n / measured.rounds)
        spread = math.exp(_Z * self._sigma)
        return Cost(median_s=median_s, safe_s=median_s * spread, round_s=round_s / spread)

    def _expect(self, visit: int, x: float) -> float:
        measured = self._nearest(visit)
        return measured.mean_y + self._slope * (x - measured.mean_x)

    def _nearest(self, visit: int) -> _Visits:
        earlier = [number for number in self._visits if number <= visit]
        return self._visits[max(earlier) if earlier else min(self._visits)]


_Z = NormalDist().inv_cdf(QUANTILE)
