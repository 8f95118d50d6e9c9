"""The answer loss, with logits computed only where there is a label."""

from __future__ import annotations

from torch import Tensor, nn

from arc_submit.training.samples import IGNORED, Batch


def answer_loss(decoder: nn.Module, head: nn.Module, batch: Batch) -> Tensor:
    """Return the cross-entropy of the answers, summed over their tokens.

    Padding stands on the right and attention is causal, so no mask is needed: no answer token
    sees padding.

    Args:
        decoder: from (B, T) token ids to a result whose first item is (B, T, D) hidden states.
        head: from (N, D) hidden states to (N, V) logits.
        batch: with N labels.
    """
    is_labelled = batch.labels != IGNORED
    hidden = decoder(input_ids=batch.token_ids, use_cache=False)[0]
    logits: Tensor = head(hidden[is_labelled])
    return nn.functional.cross_entropy(logits.float(), batch.labels[is_labelled], reduction="sum")
