"""Recipes: the JSON files that say how a model is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from arc_submit.config import LoraConfig
from arc_submit.errors import ConfigError


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ShapeConfig(_Part):
    """A Llama decoder with tied embeddings, trained from scratch."""

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


class AdapterConfig(LoraConfig):
    """An adapter, the only part that is then trained."""

    start: str | None = None
    """Folder of an adapter to go on from; its own shape then counts."""


class SourceConfig(_Part):
    """One source of the mixture: a family of generated tasks, or a data set."""

    family: str | None = None
    """Name of a task generator."""
    challenges: str | None = None
    """A challenges file or folder. One train pair at random is asked for; test pairs are not
    used."""
    prompt: str | None = None
    """Prompt template; default: the recipe's."""
    weight: Annotated[float, Field(gt=0)] = 1.0
    """Share of the samples, relative to the other sources."""
    difficulty: dict[str, int] = {}
    """Keyword arguments of the generator."""

    @model_validator(mode="after")
    def _check_kind(self) -> SourceConfig:
        if (self.family is None) == (self.challenges is None):
            raise ValueError("name either 'family' or 'challenges'")
        return self


class ValidationConfig(_Part):
    """What is measured on the way, on samples that are never trained on."""

    source: SourceConfig
    samples: Annotated[int, Field(ge=1)] = 256
    every_steps: Annotated[int, Field(ge=1)] = 500
    programs: Annotated[int, Field(ge=0)] = 0
    """Programs drawn for each of the first ``tasks`` tasks of a generator, to see how many fit."""
    tasks: Annotated[int, Field(ge=1)] = 64
    temperature: Annotated[float, Field(ge=0)] = 0.6


class OptimizerConfig(_Part):
    """The optimizer, its learning rate over time, and the batches."""

    name: Literal["adamw", "muon"] = "adamw"
    """``muon`` for matrices needs about half the steps when training from scratch."""
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: float = 0.01
    schedule: Literal["constant", "linear", "cosine", "cyclic"] = "constant"
    """After the warmup. ``cyclic`` is cosine with ``cycles`` restarts."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    steps: Annotated[int, Field(ge=1)]
    decay_steps: Annotated[int, Field(ge=0)] = 0
    """Of a constant schedule: the last steps, in which the rate falls to zero."""
    cycles: Annotated[int, Field(ge=1)] = 1
    batch_tokens: Annotated[int, Field(ge=1)]
    """Tokens of a batch, padding included."""
    accumulation: Annotated[int, Field(ge=1)] = 1
    """Batches per step."""

    @model_validator(mode="after")
    def _check_schedule(self) -> OptimizerConfig:
        if self.warmup_steps + self.decay_steps > self.steps:
            raise ValueError("warmup_steps and decay_steps are more than steps")
        if self.decay_steps and self.schedule != "constant":
            raise ValueError(f"decay_steps goes with schedule 'constant', not {self.schedule!r}")
        return self


class Recipe(_Part):
    """Everything that decides what a trained model becomes."""

    name: str
    seed: int
    shape: ShapeConfig | None = None
    """Start from scratch in this shape..."""
    model: str | None = None
    """...or from a model: ``bundled`` or a folder."""
    adapter: AdapterConfig | None = None
    """Train an adapter of ``model`` instead of all its weights."""
    prompt: str
    grid_encoder: str
    sources: Annotated[tuple[SourceConfig, ...], Field(min_length=1)]
    optimizer: OptimizerConfig
    max_length: Annotated[int, Field(ge=1)] | None = None
    """Longest sample in tokens; default: the model's context."""
    long_samples: Literal["drop", "shorten"] = "drop"
    """What becomes of longer ones: ``shorten`` leaves out train pairs until they fit."""
    batching: Literal["buckets", "packing"] = "buckets"
    """Samples of similar length side by side, or several in one row that do not see each other."""
    stretch: Annotated[int, Field(ge=1)] | None = None
    """Put gaps between the positions of two samples in three, up to this position: what is
    learned on short samples then holds in longer ones."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Of matrix products; weights stay in float32. ``auto`` takes bfloat16 where the device has
    it, else float16 on a GPU and float32 on a CPU."""
    gradient_checkpointing: bool = False
    """Less memory for about a third more time."""
    validation: ValidationConfig | None = None
    keep_steps: tuple[int, ...] = ()
    """Steps after which the model is kept, in a folder of its own."""

    @model_validator(mode="after")
    def _check_start(self) -> Recipe:
        if (self.shape is None) == (self.model is None):
            raise ValueError("name either 'shape' or 'model'")
        if self.adapter is not None and self.model is None:
            raise ValueError("an 'adapter' needs a 'model'")
        if self.stretch and self.batching == "packing":
            raise ValueError("'stretch' goes with batching 'buckets', not 'packing'")
        return self


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
            ": ".join(filter(None, (".".join(map(str, fault["loc"])), fault["msg"])))
            for fault in error.errors()
        )
        raise ConfigError(f"{path}: {faults}") from error
