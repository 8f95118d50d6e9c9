"""What a vLLM engine is started with: by the device, the model and the configuration.

Holds for vLLM 0.19.1, which goes with the torch of Kaggle's image, and for 0.32.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch

from arc_submit.config import RunConfig
from arc_submit.errors import ConfigError
from arc_submit.models.loading import LanguageModel, has_bfloat16
from arc_submit.models.settings import model_folder
from arc_submit.sampling.adapters import Adapter, adapts_embeddings, find_refusal, rank_for
from arc_submit.sampling.vllm.memory import MemoryPlan, plan_on_cpu, plan_on_gpu

_GB = 2**30
_TOKENS_AT_ONCE = 4096

_ENVIRONMENT = {
    # The engine runs in the child itself: no third process, and a start of seconds.
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Everything that an engine is started with but its model's folder."""

    folder: str
    """Of the model as it was before any training."""
    arguments: dict[str, Any]
    """Of vLLM's ``EngineArgs``, without the model."""
    environment: dict[str, str]
    merges: bool
    """Whether adapters reach it merged into the weights."""
    unties: bool
    """Whether its output weights are not those of its embeddings, though the model's are."""
    sleeps: bool
    """Whether it gives its memory back while the adapter trains."""
    silence_s: float
    """After so long without a sign of life it is frozen."""


def plan_engine(config: RunConfig, lm: LanguageModel, adapter: Adapter) -> EngineSettings:
    """Return what an engine is started with that samples beside a model in training.

    Raises:
        ConfigError: if the configuration asks for what vLLM or the device cannot do.
    """
    sampling, options = config.sampling, config.sampling.vllm
    is_gpu = lm.device.type == "cuda"
    is_old = is_gpu and not has_bfloat16(lm.device)
    merges = _merges(config, adapter, is_gpu=is_gpu)
    unties = adapts_embeddings(adapter) and bool(lm.model.config.tie_word_embeddings)
    memory = _plan_memory(config, lm)
    backend = options.attention_backend or ("TRITON_ATTN" if is_old else None)
    eager = options.enforce_eager if options.enforce_eager is not None else is_old or not is_gpu
    arguments: dict[str, Any] = {
        "dtype": str(lm.model.dtype).removeprefix("torch."),
        "max_model_len": lm.max_context,
        "max_num_seqs": sampling.batch_size,
        "enforce_eager": eager,
        "enable_prefix_caching": True,
        # So that no step is under way when the engine is put to sleep or given other weights.
        "async_scheduling": False,
        # Tokens go in and out; what ends a completion is said by each request.
        "skip_tokenizer_init": True,
        "generation_config": "vllm",
        "disable_log_stats": True,
        "seed": 0,
    }
    if backend is not None:
        arguments["attention_backend"] = backend
    if not merges:
        rank = rank_for(adapter.peft.peft_config["default"].r)
        arguments |= {"enable_lora": True, "max_loras": 1, "max_lora_rank": rank}
    if unties:
        arguments["hf_overrides"] = {"tie_word_embeddings": False}
    if config.model.load_in_4bit:
        arguments["quantization"] = "bitsandbytes"
    environment = dict(_ENVIRONMENT)
    if is_gpu:
        total = torch.cuda.get_device_properties(lm.device).total_memory
        arguments["gpu_memory_utilization"] = round(memory.engine_gb * _GB / total, 3)
        arguments["enable_sleep_mode"] = memory.sleeps
    else:
        arguments["kv_cache_memory_bytes"] = int(memory.engine_gb * _GB)
        # A prompt read in parts kills the engine where requests have seeds.
        arguments["enable_chunked_prefill"] = False
        arguments["max_num_batched_tokens"] = max(lm.max_context, _TOKENS_AT_ONCE)
        if eager:
            environment["TORCHDYNAMO_DISABLE"] = "1"  # spares a compiler, and seconds of its time
    return EngineSettings(
        folder=str(model_folder(config.model)),
        arguments=arguments,
        environment=environment,
        merges=merges,
        unties=unties,
        sleeps=memory.sleeps,
        silence_s=config.runtime.silence,
    )


def _merges(config: RunConfig, adapter: Adapter, *, is_gpu: bool) -> bool:
    way = config.sampling.vllm.adapters
    refusal = find_refusal(adapter)
    is_4bit = config.model.load_in_4bit
    if way == "request" and refusal is not None:
        raise ConfigError(
            f"sampling.vllm.adapters: 'request' is not possible, since vLLM does not take {refusal}"
            "; use 'auto' or 'merge', or change test_time_training.lora"
        )
    if is_4bit and (way == "merge" or refusal is not None):
        raise ConfigError(
            "model.load_in_4bit: nothing can be merged into weights of 4 bits"
            + (f", and vLLM does not take {refusal}" if refusal else "")
            + "; change sampling.vllm.adapters, test_time_training.lora or sampling.engine"
        )
    if way != "auto":
        return way == "merge"
    # With adapters by request, the engine's build for CPUs samples several times slower.
    return refusal is not None or not (is_gpu or is_4bit)


def _plan_memory(config: RunConfig, lm: LanguageModel) -> MemoryPlan:
    asked_gb = config.sampling.vllm.memory_gb
    cache_gb = config.sampling.batch_size * lm.max_context * _cache_bytes(lm) / _GB
    if lm.device.type != "cuda":
        total_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GB
        return plan_on_cpu(total_gb=total_gb, cache_gb=cache_gb, asked_gb=asked_gb)
    return plan_on_gpu(
        total_gb=torch.cuda.get_device_properties(lm.device).total_memory / _GB,
        weights_gb=lm.model.get_memory_footprint() / _GB,
        cache_gb=cache_gb,
        asked_gb=asked_gb,
        sleep=config.sampling.vllm.sleep,
    )


def _cache_bytes(lm: LanguageModel) -> float:
    """Of keys and values of one token."""
    config = lm.model.config.get_text_config()
    heads = config.num_attention_heads
    side = getattr(config, "head_dim", None) or config.hidden_size // heads
    key_value_heads = getattr(config, "num_key_value_heads", None) or heads
    n_numbers: int = 2 * config.num_hidden_layers * key_value_heads * side
    return float(n_numbers * lm.model.dtype.itemsize)
