"""Attention on CPUs: what transformers' own makes of a batch, whatever the model."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, Phi3Config, Phi3ForCausalLM

from arc_submit.models.attention import set_cpu_attention

SHAPE: dict[str, Any] = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "pad_token_id": 0,
}


def _logits(model: LlamaForCausalLM) -> list[Tensor]:
    """Return what a padded batch gives, then two more tokens of each row, then all gradients."""
    token_ids = torch.arange(2, 14).view(2, 6)
    mask = torch.tensor([[0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]])
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    output = model(token_ids, attention_mask=mask, position_ids=positions, use_cache=True)
    found = [output.logits[mask.bool()]]
    for step in range(2):
        mask = torch.cat([mask, torch.ones(2, 1, dtype=mask.dtype)], dim=1)
        output = model(
            torch.tensor([[20 + step], [30 + step]]),
            attention_mask=mask,
            position_ids=mask.sum(1, keepdim=True) - 1,
            past_key_values=output.past_key_values,
        )
        found.append(output.logits)
    output.logits.square().sum().backward()
    return [*found, *(p.grad for p in model.parameters() if p.grad is not None)]


@pytest.mark.parametrize("key_value_heads", [1, 2, 4])
def test_attention_on_cpus_is_that_of_transformers(key_value_heads: int) -> None:
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**SHAPE, num_key_value_heads=key_value_heads))
    model.set_attn_implementation("eager")
    expected = _logits(model)
    model.zero_grad()
    set_cpu_attention(model)
    assert model.config._attn_implementation != "eager"
    for ours, theirs in zip(_logits(model), expected, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)


def test_other_models_keep_the_attention_they_come_with() -> None:
    model = Phi3ForCausalLM(Phi3Config(**SHAPE))
    set_cpu_attention(model)
    assert model.config._attn_implementation == "eager"
