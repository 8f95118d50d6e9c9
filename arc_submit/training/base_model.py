"""Base-model training: from a recipe and nothing else to a model folder, resumable at any time."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

from arc_submit.models.loading import CPU_ATTENTION
from arc_submit.models.settings import ModelSettings, write_settings
from arc_submit.models.tokenizer import build_tokenizer
from arc_submit.training.loss import answer_loss
from arc_submit.training.mixture import Mixture
from arc_submit.training.recipe import OptimizerConfig, Recipe
from arc_submit.training.samples import Batch, collate

_SHAPE_MULTIPLE = 32
_LABELS_PER_STEP = 1000


def train_base_model(
    recipe: Recipe,
    folder: Path,
    *,
    on_step: Callable[[int, float], None],
    threads: int = 1,
    is_compiled: bool = False,
    save_every: int = 500,
) -> Path:
    """Train by the recipe in ``folder``, from its checkpoint where there is one.

    Writes ``checkpoint.pt`` and ``loss.csv`` on the way and the model folder ``model/`` at the
    end, and returns the latter. ``on_step`` is told each step's number and loss. Compiled
    training needs a C++ compiler, starts minutes later and is about a third faster.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(threads)
    torch.manual_seed(recipe.seed)
    tokenizer = build_tokenizer(recipe.shape.max_context)
    model = build_model(recipe, tokenizer)
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=recipe.optimizer.learning_rate,
        betas=(0.9, 0.98),
        weight_decay=recipe.optimizer.weight_decay,
        fused=True,
    )
    step, window = _resume(folder, model, optimizer)
    last = recipe.optimizer.steps
    decoder = torch.compile(model.model, dynamic=True) if is_compiled else model.model
    mixture = Mixture(recipe, tokenizer)
    with (folder / "loss.csv").open("a", newline="") as file:
        log = csv.writer(file)
        for number, batches in mixture.batches(window):
            if step >= last:
                break
            for samples in batches[: last - step]:
                batch = collate(
                    samples,
                    pad_id=tokenizer.pad_token_id,
                    device=torch.device("cpu"),
                    multiple=_SHAPE_MULTIPLE,
                )
                loss = _step(model, decoder, optimizer, batch, _rate(step, recipe.optimizer))
                step += 1
                log.writerow([step, f"{loss:.5f}", f"{time.time():.1f}"])
                on_step(step, loss)
            if step // save_every != (step - len(batches)) // save_every or step >= last:
                file.flush()
                _save(folder, model, optimizer, step, number + 1)
    write_model(folder / "model", recipe, model, tokenizer)
    return folder / "model"


def build_model(recipe: Recipe, tokenizer: Any) -> LlamaForCausalLM:
    """Return an untrained decoder of the recipe's shape, in float32."""
    shape = recipe.shape
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=-(-len(tokenizer) // 64) * 64,
            hidden_size=shape.hidden_size,
            intermediate_size=shape.intermediate_size,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.key_value_heads,
            max_position_embeddings=shape.max_context,
            initializer_range=shape.initializer_range,
            rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    model.set_attn_implementation(CPU_ATTENTION)
    return model


def _rate(step: int, config: OptimizerConfig) -> float:
    warmup = (step + 1) / config.warmup_steps
    decay = (config.steps - step) / config.decay_steps
    return config.learning_rate * min(1.0, warmup, decay)


def _step(
    model: LlamaForCausalLM,
    decoder: Any,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    rate: float,
) -> float:
    for group in optimizer.param_groups:
        group["lr"] = rate
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = answer_loss(decoder, model.lm_head, batch)
    # Batches hold equal numbers of tokens and so, where prompts are long, few answers. Divided by
    # a constant, not by the batch's own number, each answer token weighs the same.
    (loss / _LABELS_PER_STEP).backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return float(loss.detach()) / batch.n_labels


def _save(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, step: int, window: int
) -> None:
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": step,
        "window": window,
    }
    partial = folder / "checkpoint.pt.partial"
    torch.save(state, partial)
    os.replace(partial, folder / "checkpoint.pt")


def _resume(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[int, int]:
    path = folder / "checkpoint.pt"
    if not path.exists():
        return 0, 0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return state["step"], state["window"]


def write_model(folder: Path, recipe: Recipe, model: Any, tokenizer: Any) -> None:
    """Save weights in bfloat16, tokenizer and prompt settings as a model folder."""
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_settings(folder, ModelSettings(recipe.prompt, recipe.grid_encoder))
