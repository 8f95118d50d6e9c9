"""Figures as text for people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from statistics import median
from typing import Any

Rows = list[tuple[str, str]]


def run_rows(figures: Mapping[str, Any]) -> Rows:
    """Return names and values of a run's course."""
    reasons = [f"{name} {count}" for name, count in figures["stop_reasons"].items()]
    busy = ", ".join(percent(share) for share in figures["utilisation"])
    rows = [
        ("tasks", f"{figures['finished']} finished of {figures['tasks']}"),
        ("answered by the model", percent(figures["coverage"])),
        ("fit all train pairs", str(figures["fit_all_train_pairs"])),
        ("run ended by", figures["stop_cause"]),
        ("tasks ended by", ", ".join(reasons) or "none ended"),
        ("seconds", f"{figures['seconds']:.1f} of {figures['budget_s']:g}"),
        ("workers busy", busy),
    ]
    if figures["bad_tasks"]:
        rows.append(("bad tasks", f"{figures['bad_tasks']} (fallback entry)"))
    if figures["worker_deaths"]:
        rows.append(("worker deaths", str(figures["worker_deaths"])))
    if figures["coverage"] < figures["min_coverage"]:
        rows.append(("not complete", f"coverage is under {percent(figures['min_coverage'])}"))
    return rows


def score_rows(figures: Mapping[str, Any]) -> Rows:
    """Return names and values of a score."""
    rows = [
        ("score", f"{percent(figures['score'])} (mean over tasks of the outputs solved)"),
        ("outputs solved", f"{figures['solved_outputs']} of {figures['outputs']}"),
        ("tasks solved", f"{figures['solved_tasks']} of {figures['tasks']}"),
    ]
    if "solved_by_fitting_program" in figures:
        solved = str(figures["solved_by_fitting_program"])
        rows.append(("solved by a fitting program", solved))
    return rows


def metric_table(figures: Mapping[str, Any]) -> list[list[str]]:
    """Return the seeds' metrics, of all completions and of the two most voted answers."""
    kinds = ["all_completions", "two_most_voted"]
    names = figures[kinds[0]]
    head = ["mean over tasks", *(kind.replace("_", " ") for kind in kinds)]
    return [head, *([name, *(percent(figures[kind][name]) for kind in kinds)] for name in names)]


def draw_table(runs: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return one row per task of runs in their tasks' order, under a row of heads.

    A run that did not solve its task counts as longer than any other; where that leaves no
    median, there is a dash.
    """
    head = ["task", "solved", "rounds", "programs", "seconds", "best accuracy"]
    rows = []
    for task, group in groupby(runs, key=lambda run: run["task"]):
        of_task = list(group)
        solved = sum(run["solved"] for run in of_task)
        medians = [
            _median([run[name] if run["solved"] else math.inf for run in of_task], digits)
            for name, digits in (("rounds", 0), ("programs", 0), ("seconds", 1))
        ]
        best = max((share for run in of_task for share in run["best_accuracy"]), default=0.0)
        rows.append([task, f"{solved} of {len(of_task)}", *medians, percent(best)])
    return [head, *rows]


def _median(values: Sequence[float], digits: int) -> str:
    middle = median(values)
    if math.isinf(middle):
        return "-"
    return f"{middle:.{digits}f}" if digits else f"{middle:g}"


def percent(share: float) -> str:
    """Return a share as a percentage with one decimal."""
    return f"{100 * share:.1f}%"
