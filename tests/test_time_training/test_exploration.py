"""Temperatures rise where a model repeats itself, fall where it does not, and work ends in time."""

from __future__ import annotations

from arc_submit.config import ExplorationConfig
from arc_submit.test_time_training import Exploration


def _factors(rounds: list[tuple[int, int]], **values: float) -> tuple[list[float], bool]:
    exploration = Exploration(ExplorationConfig.model_validate(values))
    factors = []
    for n_unique, n_novel in rounds:
        exploration.observe(n_sound=10, n_unique=n_unique, n_novel=n_novel)
        factors.append(round(exploration.factor, 3))
    return factors, exploration.is_exhausted


def test_the_factor_follows_the_share_of_different_outputs() -> None:
    rounds = [(9, 9), (2, 2), (2, 2), (6, 6), (6, 6), (6, 6)]
    assert _factors(rounds) == ([1, 1.1, 1.21, 1.1, 1, 1], False)


def test_nothing_new_heats_too_however_different_the_outputs() -> None:
    assert _factors([(9, 0), (9, 0)])[0] == [1.1, 1.21]


def test_only_barren_rounds_at_the_highest_temperature_end_the_work() -> None:
    barren = (1, 0)
    assert _factors([barren] * 6, max_factor=1.3, patience=2)[1]
    assert not _factors([barren] * 4, max_factor=1.3, patience=2)[1]
    assert not _factors([barren] * 4 + [(1, 1), barren], max_factor=1.3, patience=2)[1]
