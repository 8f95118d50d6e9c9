"""What an engine is started with, by device, adapter and configuration; no GPU is needed here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from arc_submit.config import ModelConfig, RunConfig
from arc_submit.config_file import build_config
from arc_submit.errors import ConfigError
from arc_submit.models.loading import load_model
from arc_submit.sampling.vllm.settings import EngineSettings, plan_engine
from arc_submit.training.lora import LoraTrainer

T4, L4 = ((7, 5), 14.7), ((8, 9), 22.2)


def _config(**parts: Any) -> RunConfig:
    return build_config(parts, source="test")


def _plan(folder: Path, config: RunConfig, *, device: str = "cpu") -> EngineSettings:
    model = load_model(ModelConfig(path=str(folder)), "cpu")
    trainer = LoraTrainer(model, config.test_time_training)
    return plan_engine(config, replace(model, device=torch.device(device)), trainer)


@pytest.fixture
def on_gpu(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def plan(gpu: tuple[tuple[int, int], float], config: RunConfig) -> EngineSettings:
        capability, memory_gb = gpu
        properties = SimpleNamespace(total_memory=int(memory_gb * 2**30))
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
        return _plan(tiny_model, config, device="cuda:0")

    return plan


def test_on_a_cpu_nothing_sleeps_and_no_prompt_is_read_in_parts(tiny_model: Path) -> None:
    settings = _plan(tiny_model, _config(runtime={"silence": "7s"}))
    arguments = settings.arguments
    assert not arguments["enable_chunked_prefill"] and arguments["enforce_eager"]
    assert arguments["max_num_batched_tokens"] >= arguments["max_model_len"] == 256
    assert arguments["dtype"] == "float32" and "enable_sleep_mode" not in arguments
    assert settings.merges and not settings.sleeps and settings.silence_s == 7


@pytest.mark.parametrize(
    ("lora", "unties"), [({"use_dora": True}, False), ({"target_modules": ["embed_tokens"]}, True)]
)
def test_what_vllm_does_not_take_is_merged_on_any_device(
    on_gpu: Any, lora: dict[str, Any], unties: bool
) -> None:
    settings = on_gpu(L4, _config(test_time_training={"lora": lora}))
    assert settings.merges and settings.unties is unties
    assert "enable_lora" not in settings.arguments
    assert ("hf_overrides" in settings.arguments) is unties


def test_on_a_gpu_plain_adapters_go_by_request(on_gpu: Any) -> None:
    settings = on_gpu(L4, _config(test_time_training={"lora": {"r": 48}}))
    arguments = settings.arguments
    assert not settings.merges
    assert (arguments["enable_lora"], arguments["max_lora_rank"]) == (True, 64)
    assert "attention_backend" not in arguments and not arguments["enforce_eager"]
    assert 0 < arguments["gpu_memory_utilization"] < 1
    assert "kv_cache_memory_bytes" not in arguments


def test_a_t4_gets_the_backend_that_runs_on_it_unless_told_otherwise(on_gpu: Any) -> None:
    arguments = on_gpu(T4, _config()).arguments
    assert arguments["attention_backend"] == "TRITON_ATTN" and arguments["enforce_eager"]
    options = {"attention_backend": "FLASHINFER", "enforce_eager": False}
    arguments = on_gpu(T4, _config(sampling={"vllm": options})).arguments
    assert arguments["attention_backend"] == "FLASHINFER" and not arguments["enforce_eager"]


@pytest.mark.parametrize("sleep", [True, False])
def test_sleep_is_as_configured(on_gpu: Any, sleep: bool) -> None:
    settings = on_gpu(T4, _config(sampling={"vllm": {"sleep": sleep}}))
    assert settings.sleeps is sleep is settings.arguments["enable_sleep_mode"]


@pytest.mark.parametrize(
    "parts",
    [
        {"sampling": {"vllm": {"adapters": "merge"}}},
        {"test_time_training": {"lora": {"use_dora": True}}},
    ],
)
def test_nothing_is_merged_into_4_bits(on_gpu: Any, parts: dict[str, Any]) -> None:
    assert not on_gpu(L4, _config(model={"load_in_4bit": True})).merges
    with pytest.raises(ConfigError, match=r"model\.load_in_4bit"):
        on_gpu(L4, _config(model={"load_in_4bit": True}, **parts))
