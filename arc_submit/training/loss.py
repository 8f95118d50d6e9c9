"""The answer loss, with logits computed only where there is a label."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from arc_submit.training.samples import IGNORED, Batch


def answer_loss(decoder: nn.Module, head: nn.Module, batch: Batch) -> Tensor:
    """Return the mean cross-entropy per answer token.

    Padding stands on the right and attention is causal, so no mask is needed: no answer token
    sees padding.

    Args:
        decoder: from (B, T) token ids to a result whose first item is (B, T, D) hidden states.
        head: from (N, D) hidden states to (N, V) logits.
    """
    is_labelled = batch.labels != IGNORED
    hidden = decoder(input_ids=batch.token_ids, use_cache=False)[0]
    logits: Tensor = head(hidden[is_labelled])
    return nn.functional.cross_entropy(logits.float(), batch.labels[is_labelled])


def cosine_after_warmup(step: int, *, warmup: int, total: int) -> float:
    """Return the factor of the learning rate at a step, from 0 up to 1 and down to 0."""
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, total - warmup)
    return 0.5 * (1 + float(torch.cos(torch.tensor(torch.pi * min(progress, 1.0)))))
