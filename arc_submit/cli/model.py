"""``train``, ``merge``, ``evaluate``, ``model import``: making models and measuring them."""

from __future__ import annotations

import argparse
import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from arc_submit.cli.main import EXIT_OK
from arc_submit.cli.output import print_rows, progress_bar, write_figures
from arc_submit.config import ExecutionConfig
from arc_submit.config_file import load_config
from arc_submit.execution.pool import ExecutionPool
from arc_submit.reporting.evaluation import measure_programs
from arc_submit.reporting.plots import plot_loss
from arc_submit.reporting.tables import percent
from arc_submit.seeds import derive_seed
from arc_submit.solver import build_prompter, build_tools
from arc_submit.types import SamplingParams

if TYPE_CHECKING:
    from arc_submit.models.loading import LanguageModel
    from arc_submit.training.recipe import Recipe
    from arc_submit.training.trainer import Measure

_MAX_NEW_TOKENS = 160


def train(options: argparse.Namespace) -> int:
    """Train a model or an adapter by a recipe."""
    from arc_submit.training.recipe import load_recipe
    from arc_submit.training.trainer import TrainingOptions
    from arc_submit.training.trainer import train as train_by_recipe

    recipe, output = load_recipe(Path(options.recipe)), Path(options.output)
    is_first_process = os.environ.get("RANK", "0") == "0"
    with progress_bar(recipe.optimizer.steps, "step", is_shown=is_first_process) as progress:

        def show(step: int, loss: float) -> None:
            progress.update(step - progress.n)
            progress.set_postfix(loss=f"{loss:.3f}", refresh=False)

        folder = train_by_recipe(
            recipe,
            output,
            options=TrainingOptions(
                threads=options.threads or os.cpu_count() or 1,
                is_compiled=options.compile,
                data_workers=options.data_workers,
                save_every=options.save_every,
            ),
            on_step=show,
            measure=_measure_by(recipe),
        )
    if not is_first_process:
        return EXIT_OK
    rows = [(folder.name, str(folder)), ("losses", str(output / "loss.csv"))]
    with contextlib.suppress(ModuleNotFoundError):
        plot_loss(output / "loss.csv", output / "loss.png")
        rows.append(("plot", str(output / "loss.png")))
    print_rows(rows)
    return EXIT_OK


def _measure_by(recipe: Recipe) -> Measure | None:
    """Return what counts the programs that fit, where the recipe's validation asks for that."""
    from arc_submit.sampling.transformers import TransformersSampler

    validation = recipe.validation
    if validation is None or not validation.programs:
        return None
    params = SamplingParams(validation.programs, validation.temperature, 1.0, _MAX_NEW_TOKENS)

    def measure(model: LanguageModel) -> dict[str, float]:
        with ExecutionPool(ExecutionConfig()) as pool:
            measured = measure_programs(
                build_prompter(model, max_new_tokens=_MAX_NEW_TOKENS),
                TransformersSampler(model, batch_size=64),
                pool,
                family=validation.source.family or "",
                difficulty=validation.source.difficulty,
                n_tasks=validation.tasks,
                params=params,
                seed=derive_seed(recipe.seed, "validation"),
            )
        k = validation.programs
        return {f"pass_{k}": measured.pass_k, f"acc_{k}": measured.accuracy}

    return measure


def merge(options: argparse.Namespace) -> int:
    """Write a model with an adapter merged into its weights."""
    from arc_submit.training.start import merge_adapter

    folder = merge_adapter(options.model, Path(options.adapter), Path(options.output))
    print_rows([("model", str(folder))])
    return EXIT_OK


def import_model(options: argparse.Namespace) -> int:
    """Write a model folder from a GGUF file."""
    from arc_submit.models.importing import import_model as import_from

    folder = import_from(Path(options.source), Path(options.output))
    print_rows([("model", str(folder))])
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
            tools.prompter,
            tools.sampler,
            tools.pool,
            family=options.generator,
            difficulty=options.difficulty,
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
