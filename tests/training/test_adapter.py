"""Quick layers and samples in a row, against peft's layers and padded batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    Lfm2Config,
    LlamaConfig,
    MistralConfig,
    PretrainedConfig,
    Qwen2Config,
)

from arc_submit.config import LoraConfig
from arc_submit.training.adapter import PeftLayers, StackedLayers, build_layers
from arc_submit.training.attention import keeps_samples_apart, samples_apart
from arc_submit.training.loss import AnswerLoss
from arc_submit.training.samples import Batch, chain, collate
from arc_submit.training.start import build_adapter
from arc_submit.types import TrainingSample

SHAPE: dict[str, Any] = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.2,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
LLAMA = LlamaConfig(**SHAPE)
WINDOWS = MistralConfig(**SHAPE, sliding_window=6)
CONFIGS = [
    LLAMA,
    Qwen2Config(**SHAPE),
    WINDOWS,
    Gemma3TextConfig(**SHAPE, head_dim=8, sliding_window=6),
]
SAMPLES = [
    TrainingSample(tuple(range(start, start + length)), length // 2)
    for start, length in ((2, 17), (30, 5), (50, 11), (40, 9))
]
PADDED = collate(SAMPLES, pad_id=0)
ROW = chain(SAMPLES, pad_id=0, multiple=16)


def _model(config: PretrainedConfig) -> Any:
    torch.manual_seed(0)
    build: Any = AutoModelForCausalLM.from_config
    model = build(config, attn_implementation="eager").eval()
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.1)
    return model.requires_grad_(False)


def _adapt(
    model: Any, *, is_quick: bool, dtype: torch.dtype = torch.float32, use_dora: bool = False
) -> tuple[Any, PeftLayers]:
    peft = build_adapter(model, LoraConfig(r=4, use_dora=use_dora))
    layers = build_layers(peft, dtype) if is_quick else PeftLayers(peft)
    torch.manual_seed(1)
    with torch.no_grad():
        for matrix in layers.matrices:
            matrix.normal_(std=0.05)
    return peft, layers


def _descend(model: Any, layers: PeftLayers, batch: Batch) -> tuple[float, torch.Tensor]:
    """Return the loss, and how far one plain step moves the adapter's matrices."""
    before = [matrix.detach().clone() for matrix in layers.matrices]
    layers.begin_step()
    loss = AnswerLoss(model)(batch) / batch.n_labels
    loss.backward()
    torch.optim.SGD(layers.parameters, lr=1.0).step()
    moves = [(new - old).flatten() for new, old in zip(layers.matrices, before, strict=True)]
    return float(loss.detach()), torch.cat(moves).detach()


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.model_type)
def test_loss_and_gradients_are_those_of_peft_on_padded_batches(config: PretrainedConfig) -> None:
    model, reference = _model(config), _model(config)
    assert keeps_samples_apart(model)
    _, layers = _adapt(model, is_quick=True)
    assert isinstance(layers, StackedLayers)
    with samples_apart(model):
        loss, moves = _descend(model, layers, ROW)
    expected_loss, expected = _descend(reference, _adapt(reference, is_quick=False)[1], PADDED)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    torch.testing.assert_close(moves, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("config", [LLAMA, WINDOWS], ids=lambda config: config.model_type)
def test_long_samples_attend_as_short_ones_do(config: PretrainedConfig) -> None:
    decode = _model(config).get_decoder()
    lengths = (600, 300)
    samples = [torch.randint(97, (1, n), generator=torch.manual_seed(n)) for n in lengths]
    positions = torch.cat([torch.arange(n) for n in lengths])[None]
    expected = torch.cat([decode(sample, use_cache=False)[0] for sample in samples], dim=1)
    with samples_apart(decode):
        row = torch.cat(samples, dim=1)
        found = decode(row, position_ids=positions, use_cache=False, lengths=lengths)[0]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("config", CONFIGS[:2], ids=lambda config: config.model_type)
def test_merging_in_low_precision_moves_the_adapter_the_same_way(config: PretrainedConfig) -> None:
    model, reference = _model(config), _model(config)
    _, layers = _adapt(model, is_quick=True, dtype=torch.bfloat16)
    with samples_apart(model), torch.autocast("cpu", torch.bfloat16):
        loss, moves = _descend(model, layers, ROW)
    expected_loss, expected = _descend(reference, _adapt(reference, is_quick=False)[1], PADDED)
    assert loss == pytest.approx(expected_loss, rel=0.02)
    assert float((moves - expected).norm() / expected.norm()) < 0.05


def test_sampling_sees_the_adapter_and_then_the_bare_model() -> None:
    model, reference = _model(LLAMA), _model(LLAMA)
    before = model(PADDED.token_ids).logits
    _, layers = _adapt(model, is_quick=True, dtype=torch.bfloat16)
    _adapt(reference, is_quick=False)
    layers.settle()
    expected = reference(PADDED.token_ids).logits
    torch.testing.assert_close(model(PADDED.token_ids).logits, expected, rtol=1e-4, atol=1e-4)
    layers.switch_off()
    assert torch.equal(model(PADDED.token_ids).logits, before)


def test_peft_loads_what_was_trained(tmp_path: Path) -> None:
    model = _model(LLAMA)
    peft, layers = _adapt(model, is_quick=True)
    with samples_apart(model):
        _descend(model, layers, ROW)
    layers.settle()
    peft.save_pretrained(tmp_path, save_embedding_layers=False)
    loaded = PeftModel.from_pretrained(_model(LLAMA), str(tmp_path))
    expected = model(PADDED.token_ids).logits
    torch.testing.assert_close(loaded(PADDED.token_ids).logits, expected, rtol=1e-4, atol=1e-4)


def test_dora_stays_with_peft() -> None:
    model = _model(LLAMA)
    before = model(PADDED.token_ids).logits
    _, layers = _adapt(model, is_quick=True, use_dora=True)
    assert not isinstance(layers, StackedLayers)
    with samples_apart(model):
        _, moves = _descend(model, layers, ROW)
    assert moves.any()
    layers.switch_off()
    assert torch.equal(model(PADDED.token_ids).logits, before)


@pytest.mark.parametrize(
    "config",
    [
        Gemma2Config(**SHAPE, head_dim=8),
        Lfm2Config(**SHAPE, layer_types=["conv", "full_attention"]),
    ],
    ids=lambda config: config.model_type,
)
def test_a_model_that_cannot_keep_samples_apart_is_found_out(config: PretrainedConfig) -> None:
    model = _model(config)
    assert not keeps_samples_apart(model)
    assert model.config._attn_implementation == "eager"
