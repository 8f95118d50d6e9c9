"""The answer loss, with logits computed only where there is a label."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from arc_submit.training.samples import IGNORED, Batch


class AnswerLoss(nn.Module):
    """A causal language model as the loss of its answers."""

    def __init__(self, model: Any, *, is_compiled: bool = False) -> None:
        super().__init__()
        self.model = model
        decode = model.get_decoder().forward
        self._decode = torch.compile(decode, dynamic=True) if is_compiled else decode

    def forward(self, batch: Batch) -> Tensor:
        """Return the cross-entropy of the answers, summed over their tokens.

        Padding stands on the right and attention is causal, so no mask is needed where a row
        holds one sample: no answer token sees padding.
        """
        apart = {} if batch.lengths is None else {"lengths": batch.lengths}
        hidden = self._decode(
            input_ids=batch.token_ids,
            position_ids=batch.position_ids,
            attention_mask=batch.mask,
            use_cache=False,
            **apart,
        )[0]
        is_labelled = batch.labels != IGNORED
        logits: Tensor = self.model.get_output_embeddings()(hidden[is_labelled])
        return nn.functional.cross_entropy(
            logits.float(), batch.labels[is_labelled], reduction="sum"
        )
