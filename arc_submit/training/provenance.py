"""Where a trained model comes from, written beside its weights."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import torch
import transformers

import arc_submit
from arc_submit.training.recipe import Recipe

PROVENANCE_FILE = "training.json"


def write_provenance(folder: Path, recipe: Recipe, *, steps: int, loss: float | None) -> None:
    """Write the recipe, the steps taken, their last mean loss and the versions that took them.

    ``loss`` is None where no step was left to take.
    """
    values = {
        "recipe": recipe.model_dump(mode="json"),
        "steps": steps,
        "loss": None if loss is None else round(loss, 4),
        "git_revision": git_revision(),
        "arc_submit": arc_submit.__version__,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    (folder / PROVENANCE_FILE).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def git_revision() -> str:
    """Return the revision of the checkout this package is in, or ``unknown`` outside of one."""
    command = ["git", "-C", str(Path(arc_submit.__file__).parent), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()
