from __future__ import annotations

import math
import random

import pytest

from arc_submit.runtime.costs import QUANTILE, UNKNOWN, Cost, CostModel


def of_a_round(cost: Cost) -> float:
    """The median; a prediction holds how short one may be, and is as far below as above."""
    return cost.round_s * cost.safe_s / cost.median_s


def test_nothing_is_known_before_anything_was_measured() -> None:
    assert CostModel().predict(0, 100.0) == UNKNOWN


def test_one_measurement_tells_of_tasks_of_other_sizes() -> None:
    costs = CostModel()
    costs.observe(0, 100.0, 10.0, rounds=5)

    assert costs.predict(0, 300.0).median_s == pytest.approx(30.0)
    assert of_a_round(costs.predict(0, 100.0)) == pytest.approx(2.0)
    assert costs.predict(3, 100.0).median_s == pytest.approx(10.0), "as dear as the visit before"


def test_visits_differ_in_their_costs() -> None:
    costs = CostModel()
    for _ in range(20):
        costs.observe(0, 100.0, 10.0)
        costs.observe(1, 100.0, 40.0)

    assert costs.predict(0, 100.0).median_s == pytest.approx(10.0)
    assert costs.predict(1, 100.0).median_s == pytest.approx(40.0)


def test_task_that_was_dear_for_its_size_is_expected_to_stay_so() -> None:
    costs = CostModel()
    for _ in range(20):
        costs.observe(0, 100.0, 10.0)
    surprise = costs.observe(0, 100.0, 40.0)

    cost = costs.predict(0, 100.0, surprise=surprise)

    assert 1.5 * costs.predict(0, 100.0).median_s < cost.median_s < 40.0


def test_own_rounds_tell_more_than_those_of_other_tasks() -> None:
    costs = CostModel()
    costs.observe(0, 100.0, 10.0)

    assert of_a_round(costs.predict(0, 100.0, last_round_s=2.0)) == pytest.approx(2.0)


@pytest.mark.parametrize(("slope", "sigma"), [(0.0, 0.1), (0.5, 0.5), (1.3, 0.9)])
def test_safe_cost_suffices_for_the_stated_share_of_visits(slope: float, sigma: float) -> None:
    rng = random.Random(7)

    def draw() -> tuple[float, float]:
        size = math.exp(rng.gauss(6, 1))
        return size, 0.1 * size**slope * math.exp(rng.gauss(0, sigma))

    costs = CostModel()
    for _ in range(300):
        costs.observe(0, *draw())

    fresh = [draw() for _ in range(2000)]
    within = sum(seconds <= costs.predict(0, size).safe_s for size, seconds in fresh)
    # A little more at first: the guess of the width counts as a few measurements.
    assert QUANTILE - 0.04 <= within / len(fresh) <= 0.97
