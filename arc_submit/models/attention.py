"""Attention on CPUs: plain, since the backward pass of the fused one is slow there, and grouped.

Where several query heads share their keys and values, transformers' plain attention first copies
these for each head. A model that writes many completions at once spends most of its time on such
copies; here the heads of a group are rows of one product.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface, eager_mask

_NAME = "arc_submit_grouped"
_MODEL_TYPES = ("llama", "mistral", "qwen2", "qwen3")
"""Models whose plain attention is nothing but this."""


def set_cpu_attention(model: Any) -> None:
    """Give a model the attention that is fastest on CPUs."""
    is_known = model.config.model_type in _MODEL_TYPES
    model.set_attn_implementation(_NAME if is_known else "eager")


def attend_grouped(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    *,
    scaling: float,
    dropout: float = 0.0,
) -> Tensor:
    """Attend from (B, H, N, d) to (B, G, T, d), with H a multiple of G; to (B, H, N, d).

    Args:
        mask: (..., N, T), added to the scores.
    """
    batch, heads, length, width = query.shape
    groups, seen = key.shape[1:3]
    rows = query.reshape(batch, groups, -1, width) * scaling
    scores = (rows @ key.transpose(2, 3)).view(batch, heads, length, seen)
    if mask is not None:
        scores = scores + mask
    weights = nn.functional.dropout(nn.functional.softmax(scores, dim=-1), p=dropout)
    attended = weights.view(batch, groups, -1, seen) @ value
    return attended.view(batch, heads, length, width)


def _forward(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, None]:
    rate = dropout if module.training else 0.0
    attended = attend_grouped(query, key, value, attention_mask, scaling=scaling, dropout=rate)
    return attended.transpose(1, 2).contiguous(), None


AttentionInterface.register(_NAME, _forward)
AttentionMaskInterface.register(_NAME, eager_mask)
