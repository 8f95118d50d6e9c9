"""All that a training needs to go on where it stopped, in one file that is replaced whole."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from arc_submit.errors import ConfigError
from arc_submit.training.mixture import Position

CHECKPOINT_FILE = "checkpoint.pt"


@dataclass(slots=True)
class Progress:
    """How far a training has come."""

    step: int
    positions: list[Position]
    """One per process."""

    def position(self, rank: int, processes: int) -> Position:
        """Return where a process goes on; another number of processes skips what was begun."""
        if len(self.positions) == processes:
            return self.positions[rank]
        return Position(max(position.window for position in self.positions) + 1 + rank)


def save_checkpoint(
    folder: Path,
    identity: str,
    model: nn.Module,
    optimizers: list[torch.optim.Optimizer],
    progress: Progress,
) -> None:
    """Write the trainable weights, the optimizers, the random state and the progress.

    Args:
        identity: what of the recipe must be the same for the checkpoint to go on.
    """
    weights = {n: p for n, p in model.named_parameters() if p.requires_grad}
    state = {
        "identity": identity,
        "weights": weights,
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "random": torch.get_rng_state(),
        "step": progress.step,
        "positions": [(p.window, p.batch) for p in progress.positions],
    }
    partial = folder / f"{CHECKPOINT_FILE}.partial"
    torch.save(state, partial)
    os.replace(partial, folder / CHECKPOINT_FILE)


def load_checkpoint(
    folder: Path, identity: str, model: nn.Module, optimizers: list[torch.optim.Optimizer]
) -> Progress | None:
    """Restore a training and return how far it had come; None if there is no checkpoint.

    Raises:
        ConfigError: if the checkpoint is of another recipe or cannot be read.
    """
    path = folder / CHECKPOINT_FILE
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        is_same = state["identity"] == identity
    except Exception as error:
        raise ConfigError(
            f"{path}: is no checkpoint ({error}); remove it to start again"
        ) from error
    if not is_same:
        raise ConfigError(f"{path}: is of another recipe; name another --output folder")
    weights = dict(model.named_parameters())
    with torch.no_grad():
        for name, value in state["weights"].items():
            weights[name].copy_(value)
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    torch.set_rng_state(state["random"])
    return Progress(state["step"], [Position(*values) for values in state["positions"]])
