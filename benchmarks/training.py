"""Samples per second of the adapter's training against transformers' Trainer, in one run.

Same model, adapter, samples, batches, learning rate and precision, and the loss of the answers
only. The Trainer is measured twice: with the attention that transformers picks by itself (hf), and
with the plain one that this project picks on a CPU, where it trains faster (hf_eager). Each way has
a process of its own, as in a run; rounds alternate between them, and medians are compared. A round
is what hindsight does between two samplings: make the samples, train, be ready to sample; what it
costs beside its steps is the restart.

    python benchmarks/training.py [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, Trainer, TrainingArguments

from arc_submit.clock import Deadline
from arc_submit.config import LoraConfig, ModelConfig, TestTimeTrainingConfig
from arc_submit.dsl.generators import generate_task
from arc_submit.models.loading import LanguageModel, has_bfloat16, load_model, pick_device
from arc_submit.prompting import build_encoder, get_template
from arc_submit.training.lora import LoraTrainer
from arc_submit.training.samples import build_sample, collate
from arc_submit.training.start import build_adapter
from arc_submit.types import TrainingExample, TrainingSample

BATCH_SIZE = 8
RATE = 1e-3
WAYS = ("ours", "hf", "hf_eager")
_EXAMPLES: list[TrainingExample] = []
_WAY: list[Callable[[Sequence[TrainingExample]], None]] = []
"""What the initializer of a way's process leaves there."""


def main() -> None:
    """Run all ways and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    seconds = defaultdict(list)
    with ExitStack() as stack:
        ways = {name: stack.enter_context(_process(name, options.samples)) for name in WAYS}
        for _ in range(options.rounds):
            for name, way in ways.items():
                one_step = way.submit(_fit, BATCH_SIZE).result()
                all_steps = way.submit(_fit, options.samples).result()
                seconds[name].append(all_steps)
                seconds[f"{name}_start"].append(one_step - all_steps * BATCH_SIZE / options.samples)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    figures = {
        "samples_per_s": round(options.samples / medians["ours"], 1),
        "hf_samples_per_s": round(options.samples / medians["hf"], 1),
        "hf_eager_samples_per_s": round(options.samples / medians["hf_eager"], 1),
        "ratio": round(medians["hf"] / medians["ours"], 2),
        "ratio_to_hf_eager": round(medians["hf_eager"] / medians["ours"], 2),
        "restart_s": round(max(medians["ours_start"], 0.0), 4),
        "hf_restart_s": round(max(medians["hf_start"], 0.0), 4),
    }
    for key, value in figures.items():
        print(f"{key:<24}{value}")
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=2) + "\n")


def _process(name: str, samples: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, context, initializer=_build, initargs=(name, samples))


def _build(name: str, samples: int) -> None:
    """Make a way ready, in the process that it has to itself."""
    torch.set_num_threads(1)
    model = load_model(ModelConfig(), pick_device())
    config = TestTimeTrainingConfig(
        batch_size=BATCH_SIZE, learning_rate=RATE, lora=LoraConfig(target_modules="all-linear")
    )
    _EXAMPLES.extend(_examples(model, samples))
    if name == "ours":
        _WAY.append(partial(_fit_ours, LoraTrainer(model, config)))
    else:
        model.model.set_attn_implementation("eager" if name == "hf_eager" else "sdpa")
        _WAY.append(partial(_fit_theirs, build_adapter(model.model, config.lora), model))


def _fit(count: int) -> float:
    """Return the seconds that this process's way takes for so many examples."""
    started = time.perf_counter()
    _WAY[0](_EXAMPLES[:count])
    return time.perf_counter() - started


def _examples(model: LanguageModel, count: int) -> list[TrainingExample]:
    template = get_template(model.settings.prompt)
    encoder = build_encoder(model.settings.grid_encoder)
    tasks = [generate_task("drawing", seed=11, index=index) for index in range(count)]
    return [
        TrainingExample(
            template.question(task.as_task("t"), encoder), template.answer(task.program)
        )
        for task in tasks
    ]


def _fit_ours(trainer: LoraTrainer, examples: Sequence[TrainingExample]) -> None:
    stats = trainer.fit(examples, deadline=Deadline.never())
    assert stats.steps == -(-len(examples) // BATCH_SIZE)


def _fit_theirs(peft: Any, model: LanguageModel, examples: Sequence[TrainingExample]) -> None:
    samples = [build_sample(example, model.tokenizer) for example in examples]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=BATCH_SIZE,
            num_train_epochs=1,
            learning_rate=RATE,
            lr_scheduler_type="constant",
            weight_decay=0.0,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=model.device.type == "cpu",
            bf16=has_bfloat16(model.device),
            remove_unused_columns=False,
        )

        def stack(batch: list[TrainingSample]) -> dict[str, torch.Tensor]:
            stacked = collate(batch, pad_id=model.tokenizer.pad_token_id)
            labels = torch.roll(stacked.labels, 1, dims=1)  # the model shifts them back
            return {"input_ids": stacked.token_ids, "labels": labels}

        trainer = Trainer(peft, arguments, data_collator=stack, train_dataset=samples)
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    model.model.eval()


if __name__ == "__main__":
    main()
