"""``simulate``: predict a run from the timings of another, or from published ones."""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from arc_submit.cli.main import EXIT_INCOMPLETE, EXIT_OK
from arc_submit.cli.output import print_rows, progress_bar, write_figures
from arc_submit.config import RuntimeConfig, parse_duration
from arc_submit.errors import ConfigError
from arc_submit.runtime.budget import Budget
from arc_submit.runtime.forecast import Drawer, simulate, summarize_runs
from arc_submit.runtime.profiles import PROFILES, Draw
from arc_submit.runtime.traces import draw_traces, load_traces

_STARTUP_S = 30.0
"""Where the timings tell nothing of it."""


def simulate_runs(options: argparse.Namespace) -> int:
    """Run a number of seeds through the scheduler and print what came of them."""
    budget_s = _positive("--budget", options.budget)
    for name in ("workers", "seeds"):
        _positive(f"--{name}", getattr(options, name))
    defaults = RuntimeConfig()
    budget = Budget(0.0, budget_s, defaults.reserve, defaults.min_share)
    draw, n_tasks = _build_drawer(options)
    runs = []
    with progress_bar(options.seeds, "run", is_shown=options.seeds > 1) as progress:
        for seed in range(options.seeds):
            run = simulate(
                draw, policy=options.policy, n_workers=options.workers, budget=budget, seed=seed
            )
            runs.append(run)
            progress.update()
    asked = {
        "policy": options.policy,
        "tasks": n_tasks,
        "workers": options.workers,
        "budget_s": budget_s,
    }
    figures = asked | summarize_runs(runs)
    print_rows(
        [
            ("policy", f"{options.policy}, {n_tasks} tasks, {options.workers} workers"),
            ("runs", f"{figures['runs']}, {figures['late']} of them late"),
            ("makespan", f"{figures['makespan_median_s']:.0f} s of {budget_s:.0f} s"),
            ("coverage", f"{figures['coverage_median']:.1%}, least {figures['coverage_min']:.1%}"),
            ("utilisation", f"{figures['utilisation_median']:.1%}"),
            ("tail idle", f"{figures['tail_idle_median']:.2%}"),
            ("expected solved", f"{figures['expected_solved']:.1f} tasks"),
        ]
    )
    write_figures(options.json, figures)
    return EXIT_INCOMPLETE if figures["late"] else EXIT_OK


def _build_drawer(options: argparse.Namespace) -> tuple[Drawer, int]:
    if options.timings is None:
        n_tasks = 240 if options.tasks is None else options.tasks
        _positive("--tasks", n_tasks)
        profile = PROFILES[options.profile]
        return lambda rng: profile(n_tasks, rng), n_tasks
    traces = load_traces(Path(options.timings))
    count = len(traces) if options.tasks is None else options.tasks
    _positive("--tasks", count)

    def draw(rng: random.Random) -> Draw:
        return Draw(draw_traces(traces, count, rng), startup_s=_STARTUP_S)

    return draw, count


def _positive(option: str, value: object) -> float:
    try:
        number = parse_duration(value)
    except ValueError as error:
        raise ConfigError(f"{option}: {error} (got {value!r})") from error
    if not 0 < number < float("inf"):
        raise ConfigError(f"{option}: must be above 0 (got {value!r})")
    return number
