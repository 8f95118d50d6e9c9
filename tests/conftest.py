"""Shared fixtures: a tiny random model folder, and tasks that are quick to look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from arc_submit.arc.grid import Grid, freeze
from arc_submit.arc.task import Pair, Task
from arc_submit.training.recipe import Recipe


def grid(*rows: str) -> Grid:
    """Return the grid that rows of digits describe."""
    return freeze(np.array([[int(cell) for cell in row] for row in rows]))


@pytest.fixture
def flip_task() -> Task:
    """Two train pairs and a test input whose outputs are the flipped inputs."""
    pairs = (
        Pair(grid("120", "300"), grid("021", "003")),
        Pair(grid("45", "60"), grid("54", "06")),
    )
    return Task("flip", pairs, (grid("789"),))


@pytest.fixture(scope="session")
def tiny_recipe() -> Recipe:
    """A recipe that trains in seconds and learns next to nothing."""
    return Recipe.model_validate(
        {
            "name": "tiny",
            "seed": 3,
            "prompt": "code-from-examples",
            "grid_encoder": "runs",
            "shape": {
                "hidden_size": 64,
                "intermediate_size": 128,
                "layers": 2,
                "heads": 2,
                "key_value_heads": 1,
                "max_context": 256,
                "initializer_range": 0.06,
                "rope_theta": 1000.0,
            },
            "sources": [{"family": "drawing", "weight": 1, "difficulty": {"max_side": 4}}],
            "optimizer": {
                "learning_rate": 0.002,
                "warmup_steps": 4,
                "steps": 16,
                "decay_steps": 4,
                "batch_tokens": 2048,
            },
        }
    )


@pytest.fixture(scope="session")
def tiny_model(tiny_recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an untrained model of the tiny recipe."""
    import torch

    from arc_submit.models.saving import write_model
    from arc_submit.models.settings import ModelSettings
    from arc_submit.models.tokenizer import build_tokenizer
    from arc_submit.training.start import build_model

    assert tiny_recipe.shape is not None
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("tiny-model")
    tokenizer = build_tokenizer(tiny_recipe.shape.max_context)
    settings = ModelSettings(tiny_recipe.prompt, tiny_recipe.grid_encoder)
    write_model(folder, build_model(tiny_recipe.shape, tokenizer), tokenizer, settings)
    return folder
