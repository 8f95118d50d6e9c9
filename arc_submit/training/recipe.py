"""Recipes: the JSON files that say how a base model is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from arc_submit.errors import ConfigError


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ShapeConfig(_Part):
    """Sizes of a Llama decoder with tied embeddings."""

    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    key_value_heads: int
    max_context: int
    """Longest sequence in tokens, prompt and completion together."""
    initializer_range: float
    """Standard deviation of the initial weights. Small models that start at the usual 0.02 do
    not learn to locate a shape in a grid."""
    rope_theta: float


class SourceConfig(_Part):
    """One family of generated tasks in the mixture."""

    family: Literal["drawing", "transform"]
    weight: Annotated[float, Field(gt=0)]
    """Share of the samples, relative to the other sources."""
    difficulty: dict[str, int] = {}
    """Keyword arguments of the family's generator."""


class OptimizerConfig(_Part):
    """AdamW with a linear warmup, a constant stretch and a linear decay to zero."""

    learning_rate: float
    weight_decay: float = 0.01
    warmup_steps: int
    steps: int
    decay_steps: int
    """The last steps, in which the rate falls to zero."""
    batch_tokens: int
    """Tokens per step, padding included."""


class Recipe(_Part):
    """Everything that decides what a trained model becomes."""

    name: str
    seed: int
    prompt: str
    grid_encoder: str
    shape: ShapeConfig
    sources: Annotated[tuple[SourceConfig, ...], Field(min_length=1)]
    optimizer: OptimizerConfig


def load_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        ConfigError: naming the file, the key and what is allowed.
    """
    try:
        return Recipe.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()
        )
        raise ConfigError(f"{path}: {faults}") from error
