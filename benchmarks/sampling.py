"""Completions per second of an engine beside the transformers sampler, in one run.

Same model, prompts and parameters; the ways take turns, so that both see the same machine, and
medians are compared. An engine is measured in each way that adapters reach it, once as the base and
once with an adapter trained. Then hindsight works on a picture, and the swap of the adapter is
measured as a share of each round. An engine starts after the model that trains beside it has been
loaded; both wait for that.

    python benchmarks/sampling.py --engine vllm [--model FOLDER] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from arc_submit.arc.canvases import get_canvas_task
from arc_submit.augmentation.views import build_views
from arc_submit.clock import Deadline
from arc_submit.config import BUNDLED_MODEL, RunConfig
from arc_submit.config_file import build_config
from arc_submit.models.loading import LanguageModel, load_model, pick_device
from arc_submit.presets import get_preset
from arc_submit.reporting.drawing import DrawnRound, draw_canvas
from arc_submit.sampling import Sampler
from arc_submit.sampling.transformers import TransformersSampler
from arc_submit.solver import build_prompter, build_tools
from arc_submit.training.lora import LoraTrainer
from arc_submit.types import Prompt, SamplingParams, TrainingExample

PICTURE = "12-squares"
VIEWS = 8
ANSWER = "def task(img):\n    img = flip(img, 0)\n    return img"


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=["transformers", "vllm"], default="vllm")
    parser.add_argument("--model", metavar="FOLDER", default=BUNDLED_MODEL)
    parser.add_argument("--count", type=int, default=16, help="completions per view")
    parser.add_argument("--max-new-tokens", type=int, default=160)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    figures = _measure_rates(options)
    figures |= _measure_swap(options)
    for key, value in figures.items():
        print(f"{key:<40}{value}")
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=2) + "\n")


def _measure_rates(options: argparse.Namespace) -> dict[str, Any]:
    started = time.perf_counter()
    config = _config(options)
    lm = load_model(config.model, pick_device())
    figures: dict[str, Any] = {"transformers_start_s": round(time.perf_counter() - started, 1)}
    trainer = LoraTrainer(lm, config.test_time_training)
    ways: dict[str, Sampler] = {"transformers": TransformersSampler(lm, batch_size=128)}
    if options.engine == "vllm":
        for name in ("merge", "request"):
            started = time.perf_counter()
            ways[f"vllm_{name}"] = _start(_config(options, adapters=name), lm, trainer)
            figures[f"vllm_{name}_start_s"] = round(time.perf_counter() - started, 1)
    prompts = _prompts(config, lm)
    params = [SamplingParams(options.count, 0.9, 0.98, options.max_new_tokens)]
    for state in ("base", "adapter"):
        if state == "adapter":
            examples = [TrainingExample(prompt.text, ANSWER) for prompt in prompts]
            trainer.fit(examples, deadline=Deadline.never())
        rates = defaultdict(list)
        for sampler in ways.values():
            _time(sampler, prompts, params, seed=-1)
        for repeat in range(options.repeats):
            for name, sampler in ways.items():
                rates[name].append(_time(sampler, prompts, params, seed=repeat))
        for name, values in rates.items():
            per_s, tokens_per_s = (
                statistics.median(column) for column in zip(*values, strict=True)
            )
            figures[f"{name}_{state}_completions_per_s"] = round(per_s, 1)
            figures[f"{name}_{state}_tokens_per_s"] = round(tokens_per_s)
    return figures


def _start(config: RunConfig, lm: LanguageModel, trainer: LoraTrainer) -> Sampler:
    from arc_submit.sampling.vllm.handle import VllmEngine, start_engine
    from arc_submit.sampling.vllm.sampler import VllmSampler
    from arc_submit.sampling.vllm.settings import plan_engine

    engine = VllmEngine(plan_engine(config, lm, trainer), trainer)
    start_engine(engine)
    return VllmSampler(engine, lm, batch_size=config.sampling.batch_size)


def _time(
    sampler: Sampler, prompts: Sequence[Prompt], params: Sequence[SamplingParams], *, seed: int
) -> tuple[float, float]:
    """Return completions and tokens per second."""
    started = time.perf_counter()
    written = sampler.sample(prompts, params, seed=seed, deadline=Deadline.never())
    seconds = time.perf_counter() - started
    return len(written) / seconds, sum(one.n_tokens for one in written) / seconds


def _measure_swap(options: argparse.Namespace) -> dict[str, Any]:
    """Return what a round of hindsight takes, and the swap's median share of it."""
    if options.engine != "vllm":
        return {}
    figures: dict[str, Any] = {}
    for name in ("merge", "request"):
        tools = build_tools(_config(options, adapters=name), pick_device())
        engine = getattr(tools.sampler, "_engine")  # noqa: B009
        rounds: list[tuple[float, float]] = []
        swapped_s = 0.0

        def note(done: DrawnRound) -> None:
            nonlocal swapped_s
            rounds.append((done.seconds, engine.swap_s - swapped_s))  # noqa: B023
            swapped_s = engine.swap_s  # noqa: B023

        with tools.pool:
            draw_canvas(get_canvas_task(PICTURE), tools, _config(options), seed=0, on_round=note)
        engine.close()
        seconds, swaps = zip(*rounds[1:], strict=True)
        share = statistics.median(swap / whole for whole, swap in rounds[1:])
        figures[f"{name}_rounds"] = len(rounds)
        figures[f"{name}_round_s"] = round(statistics.median(seconds), 3)
        figures[f"{name}_swap_s"] = round(statistics.median(swaps), 4)
        figures[f"{name}_swap_share_of_round"] = round(share, 4)
    return figures


def _prompts(config: RunConfig, lm: LanguageModel) -> list[Prompt]:
    prompter = build_prompter(lm, max_new_tokens=config.sampling.max_new_tokens)
    task = get_canvas_task(PICTURE)
    views = build_views(task, count=VIEWS, config=config.augmentation, seed=0)
    return [prompt for prompt in map(prompter.render, views) if prompt is not None]


def _config(options: argparse.Namespace, *, adapters: str = "auto") -> RunConfig:
    preset = get_preset("small-rounds")
    sampling = {**preset["sampling"], "engine": options.engine, "vllm": {"adapters": adapters}}
    training = {**preset["test_time_training"], "max_rounds": 12}
    return build_config(
        {
            **preset,
            "model": {"path": options.model},
            "sampling": sampling,
            "test_time_training": training,
        },
        source="benchmark",
    )


if __name__ == "__main__":
    main()
