"""Attention for samples that stand one after another in a row, each on its own.

A batch of samples of different lengths is then one row without padding, and every linear layer
works on real tokens only. Not for sampling: there is no cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

from arc_submit.models.attention import attend_grouped

_NAME = "arc_submit_samples_apart"
_NOT_HERE = ("softcap", "s_aux", "position_bias")
"""What some models ask of attention on top, and these few lines do not do."""
_BLOCK = 256
"""Queries at once on a CPU."""


@contextmanager
def samples_apart(model: Any) -> Iterator[None]:
    """Within, the decoder takes rows of samples, and their ``lengths`` as a keyword argument."""
    usual = model.config._attn_implementation
    model.set_attn_implementation(_NAME)
    try:
        yield
    finally:
        model.set_attn_implementation(usual)


@torch.no_grad()
def keeps_samples_apart(model: Any) -> bool:
    """Whether a model makes the same of a sample in a row as of the sample alone.

    Not all do: some mix neighbouring tokens in other ways too, or attend in ways of their own.
    """
    device, vocabulary = model.device, model.config.get_text_config().vocab_size
    decode = model.get_decoder()
    token_ids = torch.arange(12, device=device)[None] % vocabulary
    position_ids = torch.tensor([[0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4]], device=device)
    alone = decode(input_ids=token_ids[:, 7:], position_ids=position_ids[:, 7:], use_cache=False)[0]
    try:
        with samples_apart(model):
            row = decode(
                input_ids=token_ids, position_ids=position_ids, use_cache=False, lengths=(7, 5)
            )[0]
    except (TypeError, ValueError, NotImplementedError):
        return False
    error = (row[:, 7:] - alone).float().norm() / alone.float().norm()
    return bool(error < torch.finfo(alone.dtype).eps ** 0.5)


def _attend_apart(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    lengths: Sequence[int],
    scaling: float | None = None,
    sliding_window: int | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Attend causally within each sample; from (1, H, N, d) to (1, N, H, d).

    Args:
        lengths: of the samples, N tokens in all.
    """
    if any(others.get(name) is not None for name in _NOT_HERE):
        raise NotImplementedError("attention of a kind that is not done by sample")
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    attend = _attend_in_blocks if query.device.type == "cpu" else _attend_fused
    samples = (torch.split(t.to(value.dtype), list(lengths), dim=2) for t in (query, key, value))
    with torch.autocast(query.device.type, enabled=False):
        attended = [
            attend(q, k, v, scaling, sliding_window) for q, k, v in zip(*samples, strict=True)
        ]
    return torch.cat(attended, dim=2).transpose(1, 2), None


def _attend_fused(
    query: Tensor, key: Tensor, value: Tensor, scaling: float, window: int | None
) -> Tensor:
    length, mask = query.shape[2], None
    if window is not None and length > window:
        mask = _seen(length, length, window, query.device)
    groups = query.shape[1] // key.shape[1]
    key, value = (t[:, :, None].expand(-1, -1, groups, -1, -1).flatten(1, 2) for t in (key, value))
    return nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, is_causal=mask is None, scale=scaling
    )


def _attend_in_blocks(
    query: Tensor, key: Tensor, value: Tensor, scaling: float, window: int | None
) -> Tensor:
    """The same on CPUs, in half the time of fused attention's two passes; no block looks ahead."""
    attended = []
    for start in range(0, query.shape[2], _BLOCK):
        rows = query[:, :, start : start + _BLOCK]
        stop = start + rows.shape[2]
        mask = _seen(rows.shape[2], stop, window, query.device)
        bias = torch.zeros_like(mask, dtype=query.dtype).masked_fill(~mask, -torch.inf)
        attended.append(
            attend_grouped(rows, key[:, :, :stop], value[:, :, :stop], bias, scaling=scaling)
        )
    return torch.cat(attended, dim=2)


def _seen(n_queries: int, n_keys: int, window: int | None, device: torch.device) -> Tensor:
    """Return (n_queries, n_keys): which keys the last queries see, in a window up to themselves."""
    start = n_keys - n_queries
    mask = torch.ones(n_queries, n_keys, dtype=torch.bool, device=device).tril(start)
    return mask if window is None else mask.triu(1 + start - window)


AttentionInterface.register(_NAME, _attend_apart)
