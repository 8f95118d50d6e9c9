"""Where a model lies and how it wants to be asked. Loads no model: torch stays out of here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

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
    own: dict[str, str] = {}
    if path.is_file():
        try:
            own = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ModelError(f"{path}: is not JSON ({error})") from error
    return ModelSettings(
        prompt=config.prompt or own.get("prompt", DEFAULT_PROMPT),
        grid_encoder=config.grid_encoder or own.get("grid_encoder", DEFAULT_GRID_ENCODER),
    )


def write_settings(folder: Path, settings: ModelSettings) -> None:
    """Write a model folder's settings file."""
    values = {"prompt": settings.prompt, "grid_encoder": settings.grid_encoder}
    (folder / SETTINGS_FILE).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
