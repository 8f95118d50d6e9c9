"""Adapters on their way into vLLM: what is refused, and what merged weights compute."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from arc_submit.clock import Deadline
from arc_submit.config import ModelConfig, TestTimeTrainingConfig
from arc_submit.models.loading import LanguageModel, load_model
from arc_submit.sampling.adapters import (
    AdapterError,
    adapts_embeddings,
    check_adapter,
    find_refusal,
    rank_for,
    save_adapter,
    save_merged,
)
from arc_submit.training.lora import LoraTrainer
from arc_submit.types import TrainingExample

pytestmark = pytest.mark.filterwarnings("ignore:.*(tie|lora_bias|lora_B)")
PLAIN = {"target_modules": "all-linear", "r": 4}


@pytest.fixture
def model(tiny_model: Path) -> LanguageModel:
    return load_model(ModelConfig(path=str(tiny_model)), "cpu")


def _adapter(model: LanguageModel, **settings: Any) -> Any:
    config = LoraConfig(**{**PLAIN, **settings}, task_type="CAUSAL_LM")
    return SimpleNamespace(version=1, peft=get_peft_model(model.model, config))


def _trained(model: LanguageModel, **lora: Any) -> LoraTrainer:
    config = TestTimeTrainingConfig.model_validate({"learning_rate": 0.01, "lora": lora})
    trainer = LoraTrainer(model, config)
    trainer.reset(seed=1)
    for _ in range(3):
        trainer.fit([TrainingExample("input 2x2", "def task(img)")], deadline=Deadline.never())
    return trainer


@pytest.mark.parametrize("settings", [{}, {"use_rslora": True}, {"r": 12}], ids=str)
def test_plain_adapters_go_as_they_are(
    model: LanguageModel, settings: dict[str, Any], tmp_path: Path
) -> None:
    adapter = _adapter(model, **settings)
    assert find_refusal(adapter) is None
    save_adapter(adapter, tmp_path)
    check_adapter(tmp_path, max_rank=16)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"use_dora": True}, "DoRA"),
        ({"modules_to_save": ["lm_head"]}, "modules trained whole"),
        ({"target_modules": ["embed_tokens", "q_proj"]}, "embeddings"),
        ({"target_modules": ["lm_head"]}, "embeddings"),
        ({"lora_bias": True}, "a bias"),
        ({"bias": "lora_only"}, "a bias"),
        ({"init_lora_weights": "pissa"}, "a start by pissa"),
        ({"r": 600}, "rank 600"),
        ({"rank_pattern": {"q_proj": 8}}, "ranks that differ"),
    ],
    ids=str,
)
def test_others_are_refused_by_what_they_are(
    model: LanguageModel, settings: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    adapter = _adapter(model, **settings)
    refusal = find_refusal(adapter)
    assert refusal is not None and reason in refusal
    save_adapter(adapter, tmp_path)
    with pytest.raises(AdapterError, match=reason):
        check_adapter(tmp_path, max_rank=512)


def test_a_rank_above_what_was_announced_is_refused(model: LanguageModel, tmp_path: Path) -> None:
    save_adapter(_adapter(model, r=12), tmp_path)
    with pytest.raises(AdapterError, match="rank 12"):
        check_adapter(tmp_path, max_rank=8)
    assert [rank_for(rank) for rank in (1, 2, 16, 300, 1000)] == [1, 8, 16, 320, 512]


@pytest.mark.parametrize(
    "lora",
    [
        {"use_rslora": False},
        {"use_rslora": True},
        {"use_dora": True},
        {"target_modules": ["embed_tokens", "q_proj", "down_proj"]},
    ],
    ids=str,
)
def test_merged_weights_compute_what_the_model_in_training_does(
    model: LanguageModel, lora: dict[str, Any], tmp_path: Path
) -> None:
    ids = torch.arange(20)[None]
    with torch.no_grad():
        base = model.model(ids).logits
    trainer = _trained(model, **lora)
    with torch.no_grad():
        expected = model.model(ids).logits
        save_merged(trainer, tmp_path, is_untied=adapts_embeddings(trainer))
        merged = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
        assert torch.equal(model.model(ids).logits, expected), "the model is left as it was"
        written = merged(ids).logits
    assert not torch.allclose(base, expected, atol=1e-2)
    assert torch.allclose(written, expected, atol=1e-4)


def test_weights_that_are_no_numbers_are_not_written(model: LanguageModel, tmp_path: Path) -> None:
    trainer = _trained(model)
    trainer._layers.matrices[0].data.fill_(float("inf"))
    with pytest.raises(AdapterError, match="finite"):
        save_merged(trainer, tmp_path)
    assert not list(tmp_path.iterdir())
