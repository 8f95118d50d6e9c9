"""``train`` and ``evaluate``: making models and measuring them."""

from __future__ import annotations

import argparse
import contextlib
import os
from pathlib import Path

from arc_submit.cli.main import EXIT_OK
from arc_submit.cli.output import print_rows, progress_bar, write_figures
from arc_submit.config import load_config
from arc_submit.pipeline import build_tools
from arc_submit.reporting.evaluation import measure_programs
from arc_submit.reporting.plots import plot_loss
from arc_submit.reporting.tables import percent
from arc_submit.types import SamplingParams

_MAX_NEW_TOKENS = 160
_HELD_OUT_SIDES = {"drawing": {"min_side": 3, "max_side": 10}, "transform": {"max_side": 6}}


def train(options: argparse.Namespace) -> int:
    """Train a base model by a recipe."""
    from arc_submit.training.base_model import train_base_model
    from arc_submit.training.recipe import load_recipe

    recipe, output = load_recipe(Path(options.recipe)), Path(options.output)
    with progress_bar(recipe.optimizer.steps, "step") as progress:

        def show(step: int, loss: float) -> None:
            progress.update(step - progress.n)
            progress.set_postfix(loss=f"{loss:.3f}", refresh=False)

        folder = train_base_model(
            recipe,
            output,
            on_step=show,
            threads=options.threads or os.cpu_count() or 1,
            is_compiled=options.compile,
        )
    rows = [("model", str(folder)), ("losses", str(output / "loss.csv"))]
    with contextlib.suppress(ModuleNotFoundError):
        plot_loss(output / "loss.csv", output / "loss.png")
        rows.append(("plot", str(output / "loss.png")))
    print_rows(rows)
    return EXIT_OK


def evaluate(options: argparse.Namespace) -> int:
    """Measure a model on generated tasks."""
    from arc_submit.models.loading import pick_device

    overrides = {"model.path": options.model, "model.prompt": options.prompt}
    tools = build_tools(load_config(None, overrides), pick_device())
    params = SamplingParams(
        options.samples, options.temperature, top_p=1.0, max_new_tokens=_MAX_NEW_TOKENS
    )
    with tools.pool, progress_bar(options.tasks, "task") as progress:
        measured = measure_programs(
            tools,
            family=options.generator,
            difficulty=_HELD_OUT_SIDES[options.generator],
            n_tasks=options.tasks,
            params=params,
            seed=options.seed,
            on_tasks=progress.update,
        )
    k = options.samples
    figures = {
        "generator": options.generator,
        "tasks": options.tasks,
        "temperature": options.temperature,
        "seed": options.seed,
        f"pass_{k}": measured.pass_k,
        f"acc_{k}": measured.accuracy,
    }
    write_figures(options.json, figures)
    print_rows([(f"pass@{k}", percent(measured.pass_k)), (f"acc@{k}", percent(measured.accuracy))])
    return EXIT_OK
