"""The loss on samples that are never trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from arc_submit.seeds import derive_seed
from arc_submit.training.loss import AnswerLoss
from arc_submit.training.mixture import Mixture
from arc_submit.training.recipe import Recipe
from arc_submit.training.samples import Batch, collate


@dataclass(frozen=True, slots=True)
class Validation:
    """Held-out samples, from a seed that only they have."""

    batches: list[Batch]

    @classmethod
    def build(cls, recipe: Recipe, tokenizer: Any, *, max_length: int) -> Validation | None:
        """Make the samples that the recipe names; None if it names none."""
        if recipe.validation is None:
            return None
        seed = derive_seed(recipe.seed, "validation")
        mixture = Mixture(
            [recipe.validation.source], recipe, tokenizer, seed=seed, max_length=max_length
        )
        drawn = map(mixture.sample, range(recipe.validation.samples))
        batches = mixture.split([sample for sample in drawn if sample is not None])
        pad_id = tokenizer.pad_token_id or 0
        return cls([collate(samples, pad_id=pad_id) for samples in batches])

    @torch.inference_mode()
    def loss(self, answer_loss: AnswerLoss, device: torch.device) -> float:
        """Return the mean loss per answer token."""
        total = sum(float(answer_loss(batch.to(device))) for batch in self.batches)
        return total / sum(batch.n_labels for batch in self.batches)
