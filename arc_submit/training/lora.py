"""The adapter that one task trains: reset between tasks, kept alive between rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from arc_submit.clock import Deadline
from arc_submit.config import TestTimeTrainingConfig
from arc_submit.models.loading import LanguageModel, has_bfloat16
from arc_submit.training.loss import AnswerLoss
from arc_submit.training.samples import build_sample, collate
from arc_submit.training.start import build_adapter
from arc_submit.types import TrainingExample


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
        self._peft: Any = build_adapter(language_model.model, config.lora)
        self._loss = AnswerLoss(language_model.model)
        is_cast = language_model.model.dtype == torch.float32 and has_bfloat16(
            language_model.device
        )
        self._autocast = torch.autocast(language_model.device.type, torch.bfloat16, enabled=is_cast)
        language_model.model.eval()
        self._parameters = [p for p in self._peft.parameters() if p.requires_grad]
        self._initial = [p.detach().clone() for p in self._parameters]
        self.reset(seed=0)

    def reset(self, *, seed: int) -> None:
        """Forget all training: the model answers as its base does. ``seed`` starts the adapter."""
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter, initial in zip(self._parameters, self._initial, strict=True):
                parameter.copy_(_restart(initial, generator))
        self._optimizer = torch.optim.AdamW(
            self._parameters, lr=self._config.learning_rate, weight_decay=0.0, fused=True
        )
        self._peft.base_model.disable_adapter_layers()

    def fit(self, examples: Sequence[TrainingExample], *, deadline: Deadline) -> FitStats:
        """Take one step per batch of examples, in the order given, until the deadline."""
        self._peft.base_model.enable_adapter_layers()
        samples = [build_sample(example, self._lm.tokenizer) for example in examples]
        samples = [s for s in samples if len(s.token_ids) <= self._lm.max_context]
        losses = []
        for start in range(0, len(samples), self._config.batch_size):
            if deadline.has_passed:
                break
            batch = collate(
                samples[start : start + self._config.batch_size],
                pad_id=self._lm.tokenizer.pad_token_id or 0,
            )
            with self._autocast:
                loss = self._loss(batch.to(self._lm.device)) / batch.n_labels
            loss.backward()
            nn.utils.clip_grad_norm_(self._parameters, 1.0)
            self._optimizer.step()
            self._optimizer.zero_grad()
            losses.append(float(loss.detach()))
        return FitStats(len(losses), sum(losses) / len(losses) if losses else 0.0)


def _restart(initial: Tensor, generator: torch.Generator) -> Tensor:
    """Redraw a matrix that starts at random, with the spread it had; keep one that starts at 0."""
    if not initial.any():
        return initial
    bound = float(initial.abs().max())
    noise = torch.rand(initial.shape, generator=generator) * 2 - 1
    return (noise * bound).to(initial)
