"""Where a model lies and how it wants to be asked. Loads no model: torch stays out of here."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from arc_submit.config import BUNDLED_MODEL, ModelConfig
from arc_submit.errors import ModelError

SETTINGS_FILE = "arc_submit.json"
"""In a model folder: the prompt template and grid encoder that the model was trained with."""

DEFAULT_PROMPT = "code-from-examples-v1"
DEFAULT_GRID_ENCODER = "shape(rows(minimal))"


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """How a model is asked."""

    prompt: str
    """Name of a prompt template."""
    grid_encoder: str
    """Name of a grid encoder."""
    max_prompt: int | None = None
    """Tokens of the longest prompt that it answers well; None where its context is the limit."""


def model_folder(config: ModelConfig) -> Path:
    """Return the configured model's folder.

    Raises:
        ModelError: if there is no model in it.
    """
    if config.path == BUNDLED_MODEL:
        folder = Path(str(resources.files("arc_submit.models") / "bundled"))
    else:
        folder = Path(config.path)
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"{folder}: no model there (no config.json); set model.path to a folder that "
            f"save_pretrained wrote, or to '{BUNDLED_MODEL}'"
        )
    return folder


def read_settings(folder: Path, config: ModelConfig) -> ModelSettings:
    """Return the model's own settings, with those of the configuration laid over them.

    Raises:
        ModelError: if the settings file is not one.
    """
    path = folder / SETTINGS_FILE
    own: dict[str, Any] = {}
    if path.is_file():
        try:
            own = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ModelError(f"{path}: is not JSON ({error})") from error
    max_prompt = own.get("max_prompt")
    if max_prompt is not None and not (isinstance(max_prompt, int) and max_prompt > 0):
        raise ModelError(f"{path}: max_prompt is {max_prompt!r}; expected a number of tokens")
    return ModelSettings(
        prompt=config.prompt or own.get("prompt", DEFAULT_PROMPT),
        grid_encoder=config.grid_encoder or own.get("grid_encoder", DEFAULT_GRID_ENCODER),
        max_prompt=max_prompt,
    )


def write_settings(folder: Path, settings: ModelSettings) -> None:
    """Write a model folder's settings file."""
    values = {name: value for name, value in asdict(settings).items() if value is not None}
    (folder / SETTINGS_FILE).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
