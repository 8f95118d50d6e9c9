"""How weights move: the optimizers and the learning rate over time."""

from __future__ import annotations

import math

import torch
from torch import nn

from arc_submit.training.recipe import OptimizerConfig


def build_optimizers(model: nn.Module, config: OptimizerConfig) -> list[torch.optim.Optimizer]:
    """Return the optimizers that together move every trainable weight of a model.

    Muon (Jordan et al., 2024) takes the matrices inside the decoder; embeddings and vectors are
    AdamW's in any case. Both take the same rate: Muon's updates are scaled to AdamW's size.
    """
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    embeddings = {
        id(p) for m in model.modules() if isinstance(m, nn.Embedding) for p in m.parameters()
    }
    for parameter in model.parameters():
        if parameter.requires_grad:
            is_matrix = parameter.ndim == 2 and id(parameter) not in embeddings
            (matrices if is_matrix and config.name == "muon" else others).append(parameter)
    optimizers: list[torch.optim.Optimizer] = []
    if matrices:
        optimizers.append(
            torch.optim.Muon(
                matrices,
                lr=config.learning_rate,
                weight_decay=config.weight_decay,
                adjust_lr_fn="match_rms_adamw",
            )
        )
    if others:
        optimizers.append(
            torch.optim.AdamW(
                others,
                lr=config.learning_rate,
                betas=(0.9, 0.98),
                weight_decay=config.weight_decay,
                fused=True,
            )
        )
    return optimizers


def learning_rate(step: int, config: OptimizerConfig) -> float:
    """Return the rate of a step, counted from 0."""
    warmup = (step + 1) / max(config.warmup_steps, 1)
    if warmup < 1:
        return config.learning_rate * warmup
    progress = (step - config.warmup_steps) / max(config.steps - config.warmup_steps, 1)
    match config.schedule:
        case "constant":
            share = min(1.0, (config.steps - step) / max(config.decay_steps, 1))
        case "linear":
            share = 1 - progress
        case "cosine":
            share = (1 + math.cos(math.pi * progress)) / 2
        case "cyclic":
            share = (1 + math.cos(math.pi * (progress * config.cycles % 1))) / 2
    return config.learning_rate * share
