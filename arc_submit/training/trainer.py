"""Training by recipe: a base model or an adapter, on one device or several, resumable.

Runs under ``accelerate launch`` too: the processes share the samples and average their
gradients, and the first one writes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object

from arc_submit.errors import ConfigError
from arc_submit.models.loading import LanguageModel, has_bfloat16
from arc_submit.models.saving import write_model
from arc_submit.models.settings import write_settings
from arc_submit.seeds import derive_seed
from arc_submit.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from arc_submit.training.log import CsvLog
from arc_submit.training.loss import AnswerLoss
from arc_submit.training.mixture import Mixture, Position
from arc_submit.training.optimization import build_optimizers, learning_rate
from arc_submit.training.provenance import write_provenance
from arc_submit.training.recipe import Recipe
from arc_submit.training.samples import Batch, collate, pack, stretch
from arc_submit.training.start import build_start
from arc_submit.training.validation import Validation
from arc_submit.types import TrainingSample

_SHAPE_MULTIPLE = 32
_LABELS_PER_BATCH = 1000
_RECENT_STEPS = 200

Measure = Callable[[LanguageModel], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """What changes the speed of a training and not its result."""

    threads: int = 1
    is_compiled: bool = False
    """Needs a C++ compiler, starts minutes later and is about a third faster."""
    data_workers: int = 0
    """Processes that make samples; 0 makes them between the steps."""
    save_every: int = 500
    """Steps between checkpoints."""


def train(
    recipe: Recipe,
    folder: Path,
    *,
    options: TrainingOptions,
    on_step: Callable[[int, float], None],
    measure: Measure | None = None,
) -> Path:
    """Train by the recipe in ``folder``, from its checkpoint where there is one.

    A checkpoint goes on only under its own recipe, but for what decides how long and how fast:
    steps, rates, validation and precision may change on the way.

    Writes ``checkpoint.pt``, ``loss.csv`` and ``validation.csv`` on the way, and returns the
    folder that it writes at the end: ``model/``, or ``adapter/`` where the recipe trains one.

    Args:
        on_step: is told each step's number and its loss per answer token.
        measure: further figures of the model, for ``validation.csv``.

    Raises:
        ConfigError: if the recipe does not go with this machine, or the checkpoint with it.
        ModelError: if the recipe's model or adapter cannot be loaded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    torch.manual_seed(recipe.seed)
    training = _Training(recipe, folder, options)
    for step, loss in training.steps():
        on_step(step, loss)
        if step in recipe.keep_steps:
            training.write(f"{training.kind}-{step}")
        if recipe.validation and step % recipe.validation.every_steps == 0:
            training.validate(measure)
        if step % options.save_every == 0:
            training.save()
    training.save()
    return training.write(training.kind)


class _Training:
    """A model in training, and all that moves it."""

    def __init__(self, recipe: Recipe, folder: Path, options: TrainingOptions) -> None:
        self._recipe, self._folder = recipe, folder
        self._accelerator = Accelerator(
            cpu=not torch.cuda.is_available(), mixed_precision=_precision(recipe)
        )
        device = _device_name(self._accelerator.device)
        start = build_start(recipe, device)
        self._model, self._tokenizer, self._settings = start.model, start.tokenizer, start.settings
        self.kind = "adapter" if recipe.adapter else "model"
        causal = self._model.get_base_model() if recipe.adapter else self._model
        if recipe.gradient_checkpointing:
            causal.gradient_checkpointing_enable({"use_reentrant": False})
            causal.enable_input_require_grads()
        self._max_length = min(recipe.max_length or start.max_context, start.max_context)
        self._mixture = Mixture(
            recipe.sources, recipe, self._tokenizer, seed=recipe.seed, max_length=self._max_length
        )
        self._validation = Validation.build(recipe, self._tokenizer, max_length=self._max_length)
        self._optimizers = build_optimizers(causal, recipe.optimizer)
        self._progress = self._load()
        self._position = self._progress.position(
            self._accelerator.process_index, self._accelerator.num_processes
        )
        self._batches = self._mixture.batches(
            self._position,
            stride=self._accelerator.num_processes,
            data_workers=options.data_workers,
        )
        self._answer_loss = AnswerLoss(causal, is_compiled=options.is_compiled)
        self._loss = self._accelerator.prepare(self._answer_loss)
        self._steppers = [self._accelerator.prepare(o) for o in self._optimizers]
        self._recent: deque[float] = deque(maxlen=_RECENT_STEPS)

    # ---- steps

    def steps(self) -> Iterator[tuple[int, float]]:
        """Take the steps that are left, and yield the number and the loss of each."""
        with CsvLog.open(self._folder / "loss.csv", self._progress.step, self._is_main) as log:
            while self._progress.step < self._recipe.optimizer.steps:
                rate, loss = self._rate, self._take_step()
                self._progress.step += 1
                self._recent.append(loss)
                log.add(self._progress.step, {"loss": loss, "rate": rate})
                yield self._progress.step, loss

    def _take_step(self) -> float:
        total, labels = 0.0, 0
        n_batches = self._recipe.optimizer.accumulation
        for left in reversed(range(n_batches)):
            batch = self._build_batch(next(self._batches))
            with self._accelerator.no_sync(self._loss) if left else nullcontext():
                loss = self._loss(batch.to(self._accelerator.device))
                # Batches hold equal numbers of tokens and so, where prompts are long, few
                # answers. Divided by a constant, each answer token weighs the same.
                self._accelerator.backward(loss / (_LABELS_PER_BATCH * n_batches))
            total += float(loss.detach())
            labels += batch.n_labels
        self._accelerator.clip_grad_norm_(self._loss.parameters(), 1.0)
        for optimizer in self._steppers:
            for group in optimizer.param_groups:
                group["lr"] = self._rate
            optimizer.step()
            optimizer.zero_grad()
        return total / labels

    def _build_batch(self, samples: list[TrainingSample]) -> Batch:
        pad_id = self._tokenizer.pad_token_id or 0
        if self._recipe.batching == "packing":
            return pack(samples, pad_id=pad_id, width=self._max_length)
        batch = collate(samples, pad_id=pad_id, multiple=_SHAPE_MULTIPLE)
        if self._recipe.stretch is None:
            return batch
        place = self._position
        seed = derive_seed(self._recipe.seed, "stretch", place.window, place.batch)
        rng = np.random.default_rng(seed)
        return stretch(batch, samples, max_positions=self._recipe.stretch, rng=rng)

    @property
    def _rate(self) -> float:
        return learning_rate(self._progress.step, self._recipe.optimizer)

    # ---- between the steps

    @property
    def _is_main(self) -> bool:
        return bool(self._accelerator.is_main_process)

    def validate(self, measure: Measure | None) -> None:
        """Log the loss on held-out samples, and what else is measured."""
        if self._validation is None or not self._is_main:
            return
        self._model.eval()
        figures = {"loss": self._validation.loss(self._answer_loss, self._accelerator.device)}
        if measure is not None:
            figures |= measure(self._language_model)
        self._model.train()
        path = self._folder / "validation.csv"
        with CsvLog.open(path, self._progress.step - 1, self._is_main) as log:
            log.add(self._progress.step, figures)

    @property
    def _language_model(self) -> LanguageModel:
        return LanguageModel(
            model=self._answer_loss.model,
            tokenizer=self._tokenizer,
            settings=self._settings,
            max_context=self._max_length,
            device=self._accelerator.device,
        )

    # ---- files

    @property
    def _identity(self) -> str:
        free = {"optimizer", "validation", "keep_steps", "precision", "gradient_checkpointing"}
        return self._recipe.model_dump_json(exclude=free) + self._recipe.optimizer.name

    def save(self) -> None:
        """Write the checkpoint."""
        self._progress.positions = gather_object([self._position])
        if self._is_main:
            save_checkpoint(
                self._folder, self._identity, self._model, self._optimizers, self._progress
            )

    def _load(self) -> Progress:
        started = Progress(0, [Position(i) for i in range(self._accelerator.num_processes)])
        loaded = load_checkpoint(self._folder, self._identity, self._model, self._optimizers)
        return loaded or started

    def write(self, name: str) -> Path:
        """Write the model or the adapter, with all that loading it takes."""
        folder = self._folder / name
        if self._is_main:
            if self._recipe.adapter is None:
                write_model(folder, self._model, self._tokenizer, self._settings)
            else:
                self._model.save_pretrained(folder)
                write_settings(folder, self._settings)
            mean_loss = sum(self._recent) / len(self._recent) if self._recent else None
            write_provenance(folder, self._recipe, steps=self._progress.step, loss=mean_loss)
        self._accelerator.wait_for_everyone()
        return folder


def _precision(recipe: Recipe) -> str:
    """Return accelerate's name of the precision."""
    names = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}
    has_gpu = torch.cuda.is_available()
    if recipe.precision == "float16" and not has_gpu:
        raise ConfigError("precision: float16 trains on GPUs only; use 'auto'")
    if recipe.precision != "auto":
        return names[recipe.precision]
    if has_bfloat16(torch.device("cuda" if has_gpu else "cpu")):
        return "bf16"
    return "fp16" if has_gpu else "no"


def _device_name(device: torch.device) -> str:
    return "cpu" if device.type == "cpu" else f"{device.type}:{device.index or 0}"
