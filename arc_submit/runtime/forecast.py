"""Many simulated runs of one kind, and the figures that they are judged by."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from statistics import fmean, median
from typing import Any

from arc_submit.runtime.budget import Budget
from arc_submit.runtime.policy import POLICIES
from arc_submit.runtime.profiles import Draw
from arc_submit.runtime.scheduler import Rules
from arc_submit.runtime.simulation import SimulatedRun, Simulation
from arc_submit.seeds import derive_seed

STATIC = "fifo"
"""What public notebooks do: tasks split over the workers beforehand, each in full, in order."""
_IN_PASSES = {
    "marginal-gain": "marginal-gain",
    "cheap-first": "cheap-first",
    "fifo-in-passes": "fifo",
}
POLICY_NAMES = (*_IN_PASSES, STATIC)

Drawer = Callable[[random.Random], Draw]
"""From a source of chance to the tasks of one run."""


def simulate(
    draw: Drawer, *, policy: str, n_workers: int, budget: Budget, seed: int
) -> SimulatedRun:
    """Draw the tasks of a seed, the same for each policy, and run them.

    Args:
        policy: one of :data:`POLICY_NAMES`.
    """
    drawn = draw(random.Random(derive_seed(seed, "tasks")))
    is_static = policy == STATIC
    traces = [trace.in_one_visit() for trace in drawn.traces] if is_static else drawn.traces
    return Simulation(
        traces,
        n_workers=n_workers,
        budget=budget,
        policy=POLICIES[STATIC if is_static else _IN_PASSES[policy]],
        rules=Rules(has_shares=not is_static, is_split=is_static),
        startup_s=drawn.startup_s,
        rng=random.Random(derive_seed(seed, "workers")),
    ).run()


def summarize_runs(runs: Sequence[SimulatedRun]) -> dict[str, Any]:
    """Return the figures of runs that differ in their seeds; at least one."""
    return {
        "runs": len(runs),
        "late": sum(run.is_late for run in runs),
        "makespan_median_s": median(run.makespan_s for run in runs),
        "makespan_max_s": max(run.makespan_s for run in runs),
        "coverage_min": min(run.coverage for run in runs),
        "coverage_median": median(run.coverage for run in runs),
        "utilisation_min": min(run.utilisation for run in runs),
        "utilisation_median": median(run.utilisation for run in runs),
        "tail_idle_median": median(run.tail_idle for run in runs),
        "tail_idle_max": max(run.tail_idle for run in runs),
        "visits_median": median(run.visits for run in runs),
        "expected_solved": fmean(run.solved for run in runs),
    }
