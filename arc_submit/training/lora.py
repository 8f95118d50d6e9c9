"""The adapter that one task trains: reset between tasks, kept alive between rounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn

from arc_submit.clock import Deadline
from arc_submit.config import TestTimeTrainingConfig
from arc_submit.models.loading import LanguageModel, has_bfloat16
from arc_submit.training.adapter import build_layers
from arc_submit.training.attention import keeps_samples_apart, samples_apart
from arc_submit.training.loss import AnswerLoss
from arc_submit.training.samples import Batch, build_sample, chain, collate
from arc_submit.training.start import build_adapter
from arc_submit.types import TrainingExample, TrainingSample

_SHAPE_MULTIPLE = 32
"""Tokens of a row; on a CPU each new shape costs more than its first product."""


@dataclass(frozen=True, slots=True)
class FitStats:
    """What one call of :meth:`LoraTrainer.fit` did."""

    steps: int
    mean_loss: float


class LoraTrainer:
    """Trains a LoRA adapter inside a loaded model; the model samples with it from then on."""

    def __init__(self, language_model: LanguageModel, config: TestTimeTrainingConfig) -> None:
        self._lm = language_model
        self._config = config
        model, device = language_model.model.eval(), language_model.device
        self._loss = AnswerLoss(model)
        self._in_a_row = keeps_samples_apart(model)
        is_cast = model.dtype == torch.float32 and has_bfloat16(device)
        self._autocast = torch.autocast(device.type, torch.bfloat16, enabled=is_cast)
        self.peft: Any = build_adapter(model, config.lora)
        """The model with the adapter in it, as peft wraps it."""
        self.version = 0
        """Of the adapter's weights; 0 while untrained, else never the same again."""
        self.make_room: Callable[[], None] = lambda: None
        """Called before each training; what shares the device may give its memory back."""
        self._versions = count(1)
        self._layers = build_layers(self.peft, torch.bfloat16 if is_cast else model.dtype)
        self._initial = [matrix.detach().clone() for matrix in self._layers.matrices]
        self.reset(seed=0)

    def reset(self, *, seed: int) -> None:
        """Forget all training: the model answers as its base does. ``seed`` starts the adapter."""
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for matrix, initial in zip(self._layers.matrices, self._initial, strict=True):
                matrix.copy_(_restart(initial, generator))
        self._optimizer = self._build_optimizer()
        self._layers.switch_off()
        self.version = 0

    def fit(self, examples: Sequence[TrainingExample], *, deadline: Deadline) -> FitStats:
        """Take a step per batch of examples, in the order given, in each of the configured epochs.

        No step begins after the deadline.
        """
        samples = [build_sample(example, self._lm.tokenizer) for example in examples]
        samples = [s for s in samples if len(s.token_ids) <= self._lm.max_context]
        size = self._config.batch_size
        batches = [samples[start : start + size] for start in range(0, len(samples), size)]
        batches *= self._config.epochs
        if not self._config.keep_optimizer:
            self._optimizer = self._build_optimizer()
        losses: list[float] = []
        self.make_room()
        with samples_apart(self._lm.model) if self._in_a_row else nullcontext():
            for batch in batches:
                if deadline.has_passed:
                    break
                for group in self._optimizer.param_groups:
                    group["lr"] = self._rate(len(losses), len(batches))
                losses.append(self._take_step(self._stack(batch)))
        self._layers.settle()
        if losses:
            self.version = next(self._versions)
        return FitStats(len(losses), sum(losses) / len(losses) if losses else 0.0)

    @contextmanager
    def switched_off(self) -> Iterator[None]:
        """Within it, the model answers as its base does."""
        version, self.version = self.version, 0
        self._layers.switch_off()
        try:
            yield
        finally:
            self.version = version
            if version:
                self._layers.settle()

    def _build_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            self._layers.parameters, lr=self._config.learning_rate, weight_decay=0.0, fused=True
        )

    def _rate(self, step: int, steps: int) -> float:
        warmup = self._config.warmup * steps
        share = 1 - step / steps if self._config.schedule == "linear" else 1.0
        return self._config.learning_rate * min(share, (step + 1) / max(warmup, 1))

    def _stack(self, samples: Sequence[TrainingSample]) -> Batch:
        pad_id = self._lm.tokenizer.pad_token_id or 0
        if self._in_a_row:
            return chain(samples, pad_id=pad_id, multiple=_SHAPE_MULTIPLE)
        return collate(samples, pad_id=pad_id)

    def _take_step(self, batch: Batch) -> float:
        self._layers.begin_step()
        with self._autocast:
            loss = self._loss(batch.to(self._lm.device)) / batch.n_labels
        loss.backward()
        nn.utils.clip_grad_norm_(self._layers.parameters, 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return float(loss.detach())


def _restart(initial: Tensor, generator: torch.Generator) -> Tensor:
    """Redraw a matrix that starts at random, with the spread it had; keep one that starts at 0.

    The sizes that DoRA learns are no matrix; they start as those of the weights.
    """
    if initial.dim() < 2 or not initial.any():
        return initial
    bound = float(initial.abs().max())
    noise = torch.rand(initial.shape, generator=generator) * 2 - 1
    return (noise * bound).to(initial)
