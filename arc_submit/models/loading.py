"""Loading any causal language model folder, the bundled one by default."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
from transformers.utils import logging as transformers_logging

from arc_submit.config import ModelConfig
from arc_submit.errors import ModelError
from arc_submit.models.attention import set_cpu_attention
from arc_submit.models.settings import ModelSettings, model_folder, read_settings


@dataclass(frozen=True, slots=True, eq=False)
class LanguageModel:
    """A model on its device, its tokenizer, and how it wants to be asked."""

    model: Any
    """A transformers causal language model, in evaluation mode."""
    tokenizer: Any
    settings: ModelSettings
    max_context: int
    """Tokens of prompt and completion together."""
    device: torch.device


def pick_device() -> str:
    """Return the first GPU where there is one, else the CPU."""
    return "cuda:0" if torch.cuda.is_available() else "cpu"


def spare_threads() -> None:
    """Compute on one thread from here on, unless ``OMP_NUM_THREADS`` is set.

    More threads gain little on a small model, and where cores are busy they wait for each other
    most of the time.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)


def load_model(config: ModelConfig, device: str) -> LanguageModel:
    """Load the configured model onto a device such as ``cpu`` or ``cuda:0``.

    Raises:
        ModelError: naming the folder and what is missing in it.
    """
    folder = model_folder(config)
    # Its warnings (a prompt being measured is too long) are values here, not news for the user.
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        dtype = _dtype(config, device)
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, dtype=dtype, **_quantization(config, dtype, device)
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"{folder}: cannot be loaded as a causal language model: {reason}"
        ) from error
    if device == "cpu":
        set_cpu_attention(model)
    if not config.load_in_4bit:  # else it is there already, and does not move
        model.to(device)
    model.eval()
    model.requires_grad_(False)
    limit = int(getattr(model.config, "max_position_embeddings", tokenizer.model_max_length))
    return LanguageModel(
        model=model,
        tokenizer=tokenizer,
        settings=read_settings(folder, config),
        max_context=min(limit, config.max_context or limit),
        device=torch.device(device),
    )


def _quantization(config: ModelConfig, dtype: torch.dtype, device: str) -> dict[str, Any]:
    if not config.load_in_4bit:
        return {}
    if not device.startswith("cuda"):
        # On a CPU bitsandbytes packs weights in a way that gradients do not pass.
        raise ModelError("model.load_in_4bit: is for GPUs; set it to false for a CPU")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(
            "model.load_in_4bit: needs the package bitsandbytes: pip install bitsandbytes, or set "
            "it to false"
        )
    settings = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
    return {"quantization_config": settings, "device_map": {"": device}}


def _dtype(config: ModelConfig, device: str) -> torch.dtype:
    if config.dtype != "auto":
        dtype: torch.dtype = getattr(torch, config.dtype)
        return dtype
    if not device.startswith("cuda"):
        return torch.float32
    return torch.bfloat16 if has_bfloat16(torch.device(device)) else torch.float16


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies matrices in bfloat16 faster than in float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
