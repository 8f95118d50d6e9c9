"""Learning rates over time, and optimizers that together move every weight."""

from __future__ import annotations

from typing import Any

import pytest

from arc_submit.models.tokenizer import build_tokenizer
from arc_submit.training.optimization import build_optimizers, learning_rate
from arc_submit.training.recipe import OptimizerConfig, Recipe
from arc_submit.training.start import build_model


def _rates(**values: Any) -> list[float]:
    config = OptimizerConfig(learning_rate=1.0, batch_tokens=1, **values)
    return [round(learning_rate(step, config), 3) for step in range(config.steps)]


def test_schedules() -> None:
    assert _rates(steps=4) == [1, 1, 1, 1]
    assert _rates(steps=6, warmup_steps=2, decay_steps=2) == [0.5, 1, 1, 1, 1, 0.5]
    assert _rates(steps=4, schedule="linear") == [1, 0.75, 0.5, 0.25]
    assert _rates(steps=4, schedule="cosine") == [1, 0.854, 0.5, 0.146]
    assert _rates(steps=4, schedule="cyclic", cycles=2) == [1, 0.5, 1, 0.5]


def test_a_decay_belongs_to_a_constant_schedule() -> None:
    with pytest.raises(ValueError, match="decay_steps goes with schedule 'constant'"):
        OptimizerConfig(learning_rate=1, steps=9, decay_steps=3, schedule="cosine", batch_tokens=1)
    with pytest.raises(ValueError, match="more than steps"):
        OptimizerConfig(learning_rate=1, steps=9, decay_steps=5, warmup_steps=5, batch_tokens=1)


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_every_weight_is_moved_by_one_optimizer(tiny_recipe: Recipe, name: str) -> None:
    assert tiny_recipe.shape is not None
    model = build_model(tiny_recipe.shape, build_tokenizer(256))
    config = tiny_recipe.optimizer.model_copy(update={"name": name})
    moved = [
        parameter
        for optimizer in build_optimizers(model, config)
        for group in optimizer.param_groups
        for parameter in group["params"]
    ]
    assert {id(p) for p in moved} == {id(p) for p in model.parameters()}
    assert len(moved) == len(list(model.parameters()))
