"""Whether a model folder fits what the pipeline does with it, found out without its weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from arc_submit.arc.grid import N_COLORS, freeze
from arc_submit.arc.task import Pair, Task
from arc_submit.config import ModelConfig, SamplingConfig
from arc_submit.errors import ModelError
from arc_submit.models.chat import encode_prompt
from arc_submit.models.settings import ModelSettings, model_folder, read_settings
from arc_submit.prompting import build_encoder, get_template

GB = 2**30
_SIDE, _PAIRS = 10, 3
_BYTES_IN_4BIT = 0.57
"""Of one weight, with what scales it."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found."""

    findings: dict[str, str]
    problems: list[str]
    """Each in one line, with its remedy."""
    skeleton: Any
    """The model without its weights, on torch's `meta` device."""
    weights_gb: float
    """Of one copy, in units of 2**30 bytes."""


def inspect_model(config: ModelConfig, sampling: SamplingConfig, *, is_gpu: bool) -> Inspection:
    """Look at tokenizer, template and size of the configured model.

    Raises:
        ModelError: if there is no model that transformers knows, or no tokenizer.
    """
    folder = model_folder(config)
    settings = read_settings(folder, config)
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        shape = AutoConfig.from_pretrained(folder, local_files_only=True)
        with torch.device("meta"):
            skeleton: Any = AutoModelForCausalLM.from_config(shape)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"{folder}: is no causal language model with a tokenizer: {reason}"
        ) from error
    limit = int(getattr(shape, "max_position_embeddings", tokenizer.model_max_length))
    context = min(limit, config.max_context or limit)
    weights_gb = sum(p.numel() for p in skeleton.parameters()) * _bytes(config, is_gpu) / GB
    findings = {"tokenizer": _describe_colors(tokenizer)}
    findings["chat template"] = (
        "the model's own" if tokenizer.chat_template else "none: prompts are given as they are"
    )
    problems = []
    if tokenizer.eos_token_id is None:
        problems.append(f"{folder}: the tokenizer has no end token; set eos_token in its settings")
    else:
        room = context - min(sampling.max_new_tokens, context // 2)
        findings["prompt"] = (
            f"{_count_prompt(tokenizer, settings, _PAIRS)} tokens for {_PAIRS} pairs of "
            f"{_SIDE}x{_SIDE}; a context of {context} has room for {room}"
        )
        needed = _count_prompt(tokenizer, settings, 1)
        if needed > room:
            problems.append(
                f"{folder}: a prompt with one pair takes {needed} tokens, and its context of "
                f"{context} has room for {room}; choose another model.prompt or "
                "model.grid_encoder, or another model"
            )
    return Inspection(findings, problems, skeleton, weights_gb)


def _describe_colors(tokenizer: Any) -> str:
    digits = "".join(map(str, range(N_COLORS)))
    row = tokenizer(digits, add_special_tokens=False)["input_ids"]
    if len(row) == N_COLORS and len(set(row)) == N_COLORS:
        return "one token per colour"
    if len(row) < N_COLORS:
        return f"not one token per colour: {digits} is {len(row)} tokens, some of several colours"
    return f"not one token per colour: {digits} is {len(row)} tokens"


def _count_prompt(tokenizer: Any, settings: ModelSettings, pairs: int) -> int:
    grid = freeze(np.arange(_SIDE * _SIDE).reshape(_SIDE, _SIDE) % N_COLORS)
    task = Task("typical", (Pair(grid, grid),) * pairs, (grid,))
    question = get_template(settings.prompt).question(task, build_encoder(settings.grid_encoder))
    return len(encode_prompt(tokenizer, question))


def _bytes(config: ModelConfig, is_gpu: bool) -> float:
    if config.load_in_4bit:
        return _BYTES_IN_4BIT
    if config.dtype == "auto":
        return 2.0 if is_gpu else 4.0
    return float(getattr(torch, config.dtype).itemsize)
