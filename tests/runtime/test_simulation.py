"""The scheduler in replayed runs: what it promises whatever the tasks, times and faults."""

from __future__ import annotations

import math
import random

import pytest

from arc_submit.runtime.budget import Budget
from arc_submit.runtime.events import AssignUnit, Event, StopCause
from arc_submit.runtime.forecast import POLICY_NAMES, STATIC, simulate, summarize_runs
from arc_submit.runtime.policy import POLICIES
from arc_submit.runtime.profiles import Draw, draw_nvarc_l4
from arc_submit.runtime.scheduler import Rules
from arc_submit.runtime.simulation import Faults, SimulatedRun, Simulation
from arc_submit.runtime.traces import Step, Trace, Visit

TWELVE_HOURS = Budget(0.0, 12 * 3600.0, 15.0, min_share_s=2.0)
N_CASES = 2000


class CheckedSimulation(Simulation):
    """Checks the scheduler's invariants after each event."""

    def _feed(self, event: Event) -> None:
        super()._feed(event)
        self.scheduler.check_invariants()


def draw_visit(seconds: float, rng: random.Random) -> Visit:
    n_rounds = rng.randint(1, 8)
    training = (Step("train", 0.2 * seconds),) * rng.randint(0, 1)
    return training + (Step("sample", seconds / n_rounds, 0.3),) * n_rounds


def draw_case(seed: int) -> tuple[CheckedSimulation, int, bool]:
    """Draw a run; return it, its number of workers, and whether its workers may fail."""
    rng = random.Random(seed)
    n_workers, rate = rng.randint(1, 6), rng.choice([0.0, 0.0, 0.02, 0.1])
    mean_s, sigma, power = 10 ** rng.uniform(-1, 3), rng.uniform(0, 1.2), rng.choice([0, 1])
    traces = []
    for index in range(rng.randint(1, 120)):
        size = math.exp(rng.gauss(6, 1))
        seconds = mean_s * math.exp(sigma * rng.gauss(0, 1)) * (size / 400) ** power
        visits = tuple(
            draw_visit(seconds * rng.uniform(0.7, 1.4), rng) for _ in range(rng.randint(1, 5))
        )
        traces.append(
            Trace(
                f"t{index}",
                size,
                visits,
                solved_at=rng.choice([math.inf, rng.expovariate(1)]),
                is_verified=rng.random() < 0.5,
                luck=rng.gauss(0, 1),
            )
        )
    all_s = sum(step.seconds for trace in traces for visit in trace.visits for step in visit)
    budget_s = max(100.0, all_s / n_workers * 10 ** rng.uniform(-2, 0.5))
    simulation = CheckedSimulation(
        traces,
        n_workers=n_workers,
        budget=Budget(rng.choice([0.0, 1e6]), budget_s, rng.uniform(4, 60), rng.choice([0.0, 2.0])),
        policy=rng.choice(list(POLICIES.values())),
        rules=Rules(max_visits=rng.randint(1, 8), silence_s=budget_s / 50, overrun_s=budget_s / 50),
        startup_s=rng.uniform(0, 0.1) * budget_s,
        faults=Faults(*(rng.random() * rate for _ in range(5))),
        rng=rng,
    )
    return simulation, n_workers, rate > 0


def test_any_run_keeps_its_budget_and_its_workers_at_work() -> None:
    late, idle, tails = [], [], []
    for seed in range(N_CASES):
        simulation, n_workers, may_fail = draw_case(seed)
        run = simulation.run()
        if run.is_late:
            late.append(seed)
        if run.utilisation_while_waiting < 0.97:
            idle.append(seed)
        # Slots of workers that died for good, or are being replaced, are idle for a reason; so
        # are those for which the last tasks do not suffice.
        if run.left >= n_workers and not may_fail and run.tail_idle > 0.05:
            tails.append(seed)
        if run.cause is StopCause.COMPLETED:
            assert not run.left

    assert (late, idle, tails) == ([], [], [])


def run_nvarc(policy: str, n_runs: int) -> list[SimulatedRun]:
    def draw(rng: random.Random) -> Draw:
        return draw_nvarc_l4(240, rng)

    return [
        simulate(draw, policy=policy, n_workers=2, budget=TWELVE_HOURS, seed=seed)
        for seed in range(n_runs)
    ]


def test_twelve_hours_on_two_l4_answer_every_task_and_beat_a_static_split() -> None:
    ours = summarize_runs(run_nvarc("marginal-gain", 30))
    static = summarize_runs(run_nvarc(STATIC, 30))

    assert ours["late"] == 0 and ours["coverage_min"] == 1.0
    assert ours["utilisation_median"] > 0.97 and ours["tail_idle_median"] < 0.05
    assert ours["expected_solved"] > 1.3 * static["expected_solved"]


@pytest.mark.parametrize("policy", POLICY_NAMES)
def test_a_seed_gives_the_same_run_again(policy: str) -> None:
    assert run_nvarc(policy, 1) == run_nvarc(policy, 1)


def test_traces_of_the_profile_keep_to_the_published_figures() -> None:
    rng = random.Random(0)
    seconds, shares = [], []
    for _ in range(60):
        for trace in draw_nvarc_l4(60, rng).traces:
            seconds.append(sum(step.seconds for step in trace.whole))
            shares.append(trace.solved_at)

    assert sum(seconds) / len(seconds) == pytest.approx(640, rel=0.05)
    assert sum(at <= 1.0 for at in shares) / len(shares) == pytest.approx(0.297, abs=0.03)
    assert sum(at <= 0.5 for at in shares) / len(shares) == pytest.approx(0.222, abs=0.03)


def simulate_one(*visits: Visit, budget_s: float, faults: Faults) -> Simulation:
    simulation = CheckedSimulation(
        [Trace("a", 1.0, visits)],
        n_workers=1,
        budget=Budget(0.0, budget_s, 5.0),
        policy=POLICIES["fifo"],
        rules=Rules(silence_s=10.0, overrun_s=10.0),
        startup_s=1.0,
        rng=random.Random(0),
        faults=faults,
    )
    simulation.run()
    return simulation


@pytest.mark.parametrize("fault", ["death", "hang"])
def test_task_that_always_fails_is_tried_twice(fault: str) -> None:
    faults = Faults(**{fault: 1.0})
    simulation = simulate_one((Step("sample", 8.0, 1.0),), budget_s=500.0, faults=faults)

    assert simulation.scheduler.cause is StopCause.COMPLETED
    tries = [c for _, cs in simulation.scheduler.log for c in cs if isinstance(c, AssignUnit)]
    assert [unit.profile for unit in tries] == ["full", "small"]


def test_out_of_memory_is_overcome_by_the_small_profile() -> None:
    simulation = simulate_one(
        (Step("sample", 8.0, 1.0),), budget_s=500.0, faults=Faults(out_of_memory=1.0)
    )

    assert simulation.scheduler.tasks["a"].progress.is_answered
