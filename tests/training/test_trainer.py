"""Training by recipe: resumable, for whole models and adapters, on one process or two."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from arc_submit.config import ModelConfig
from arc_submit.errors import ConfigError, ModelError
from arc_submit.models.loading import load_model
from arc_submit.training.recipe import Recipe, load_recipe
from arc_submit.training.start import load_adapter, merge_adapter
from arc_submit.training.trainer import TrainingOptions, train


def _change(recipe: Recipe, **values: Any) -> Recipe:
    return Recipe.model_validate_json(json.dumps({**recipe.model_dump(mode="json"), **values}))


def _optimizer(recipe: Recipe, **values: Any) -> dict[str, Any]:
    return {**recipe.optimizer.model_dump(mode="json"), **values}


def _train(recipe: Recipe, folder: Path, **options: Any) -> tuple[Path, dict[int, float]]:
    losses: dict[int, float] = {}
    result = train(
        recipe,
        folder,
        options=TrainingOptions(**options),
        on_step=lambda step, loss: losses.update({step: loss}),
    )
    return result, losses


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


# ---- a training that stops and goes on


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_a_resumed_training_ends_as_an_unbroken_one(
    tiny_recipe: Recipe, tmp_path: Path, name: str
) -> None:
    class Stop(Exception):
        pass

    def stop_late(step: int, loss: float) -> None:
        if step == 14:
            raise Stop

    recipe = _change(tiny_recipe, optimizer=_optimizer(tiny_recipe, name=name, accumulation=2))
    whole, losses = _train(recipe, tmp_path / "a")
    with pytest.raises(Stop):
        train(recipe, tmp_path / "b", options=TrainingOptions(save_every=3), on_step=stop_late)
    resumed, later = _train(recipe, tmp_path / "b", data_workers=1)
    assert min(later) == 13 and max(later) == 16
    assert later == {step: loss for step, loss in losses.items() if step in later}
    weights = [(folder / "model.safetensors").read_bytes() for folder in (whole, resumed)]
    assert weights[0] == weights[1]
    assert (tmp_path / "a" / "loss.csv").read_text() == (tmp_path / "b" / "loss.csv").read_text()


def test_a_checkpoint_goes_on_longer_but_under_no_other_recipe(
    tiny_recipe: Recipe, tmp_path: Path
) -> None:
    _train(tiny_recipe, tmp_path)
    longer = _change(tiny_recipe, optimizer=_optimizer(tiny_recipe, steps=20))
    assert list(_train(longer, tmp_path)[1]) == [17, 18, 19, 20]
    with pytest.raises(ConfigError, match=r"another recipe.*--output"):
        _train(_change(tiny_recipe, seed=4), tmp_path)
    (tmp_path / "checkpoint.pt").write_bytes(b"torn")
    with pytest.raises(ConfigError, match=r"checkpoint.pt.*remove it"):
        _train(longer, tmp_path)


def test_models_are_kept_and_measured_on_the_way(tiny_recipe: Recipe, tmp_path: Path) -> None:
    validation = {"source": {"family": "drawing"}, "samples": 8, "every_steps": 8}
    recipe = _change(tiny_recipe, validation=validation, keep_steps=[8])
    folder, _ = (
        train(
            recipe,
            tmp_path,
            options=TrainingOptions(),
            on_step=lambda step, loss: None,
            measure=lambda model: {"width": float(model.model.config.hidden_size)},
        ),
        None,
    )
    rows = _rows(tmp_path / "validation.csv")
    assert [row["step"] for row in rows] == ["8", "16"]
    assert float(rows[1]["loss"]) < float(rows[0]["loss"]) and rows[0]["width"] == "64"
    early = load_model(ModelConfig(path=str(tmp_path / "model-8")), "cpu").model.state_dict()
    late = load_model(ModelConfig(path=str(folder)), "cpu").model.state_dict()
    assert early.keys() == late.keys() and any(not early[n].equal(late[n]) for n in late)


# ---- adapters


def _adapter_recipe(recipe: Recipe, model: Path, **adapter: Any) -> Recipe:
    return _change(recipe, shape=None, model=str(model), adapter={"r": 4, "alpha": 8, **adapter})


@pytest.mark.parametrize("adapter", [{}, {"use_dora": True}, {"target_modules": ["q_proj"]}])
def test_an_adapter_is_trained_continued_and_merged(
    tiny_recipe: Recipe, tiny_model: Path, tmp_path: Path, adapter: dict[str, Any]
) -> None:
    base = load_file(tiny_model / "model.safetensors")
    first, losses = _train(_adapter_recipe(tiny_recipe, tiny_model, **adapter), tmp_path / "1")
    assert first.name == "adapter" and losses[16] < losses[1]
    start = _adapter_recipe(tiny_recipe, tiny_model, start=str(first))
    second, more = _train(start, tmp_path / "2")
    assert more[1] < losses[1]
    merged_folder = merge_adapter(str(tiny_model), second, tmp_path / "merged")
    merged = load_model(ModelConfig(path=str(merged_folder), dtype="float32"), "cpu")
    adapted = load_model(ModelConfig(path=str(tiny_model), dtype="float32"), "cpu")
    model = load_adapter(adapted.model, second).eval()
    ids = torch.arange(5, 25)[None]
    assert torch.allclose(model(ids).logits, merged.model(ids).logits, atol=0.1)
    after = load_file(merged_folder / "model.safetensors")
    assert merged.settings.grid_encoder == tiny_recipe.grid_encoder
    assert any(not base[name].equal(after[name]) for name in base)


def test_a_model_trained_further_keeps_the_length_of_its_prompts(
    tiny_recipe: Recipe, tiny_model: Path, tmp_path: Path
) -> None:
    start = tmp_path / "start"
    shutil.copytree(tiny_model, start)
    settings = json.loads((start / "arc_submit.json").read_text())
    (start / "arc_submit.json").write_text(json.dumps({**settings, "max_prompt": 99}))
    folder, _ = _train(_change(tiny_recipe, shape=None, model=str(start)), tmp_path / "further")
    assert json.loads((folder / "arc_submit.json").read_text())["max_prompt"] == 99


def test_a_folder_without_an_adapter_is_named(
    tiny_recipe: Recipe, tiny_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"nowhere: no adapter there"):
        _train(_adapter_recipe(tiny_recipe, tiny_model, start="nowhere"), tmp_path)


# ---- two processes


@pytest.mark.integration
def test_two_processes_share_the_samples_and_keep_equal_weights(
    tiny_recipe: Recipe, tmp_path: Path
) -> None:
    large = [{"family": "drawing-on-noise", "difficulty": {"min_side": 8}}]
    recipe = _change(tiny_recipe, sources=large)
    (tmp_path / "recipe.json").write_text(recipe.model_dump_json())
    script = Path(__file__).with_name("train_and_tell.py")
    launch = [sys.executable, "-m", "accelerate.commands.launch"]
    launch += ["--multi_gpu", "--num_processes", "2", "--main_process_port", "0"]
    done = subprocess.run(
        [*launch, str(script), str(tmp_path / "recipe.json"), str(tmp_path / "out")],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads((tmp_path / "out" / f"rank-{rank}.json").read_text()) for rank in (0, 1)]
    assert told[0]["weights"] == told[1]["weights"]
    samples = [set(map(tuple, rank["samples"])) for rank in told]
    assert len(samples[0]) > 50 and len(samples[1]) > 50
    assert not samples[0] & samples[1]
    assert len(_rows(tmp_path / "out" / "loss.csv")) == 16


# ---- what a recipe may not say


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"shape": None}, "name either 'shape' or 'model'"),
        ({"adapter": {"r": 4}}, "an 'adapter' needs a 'model'"),
        ({"sources": [{}]}, "name either 'family' or 'challenges'"),
        ({"sources": [{"family": "poems"}]}, "no task generator 'poems'; there are drawing"),
        ({"sources": [{"family": "drawing", "difficulty": {"depth": 3}}]}, "no difficulty 'depth'"),
        ({"prompt": "limerick"}, "unknown template 'limerick'"),
        ({"precision": "float16"}, "float16 trains on GPUs only"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused(
    tiny_recipe: Recipe, tmp_path: Path, change: dict[str, Any], fault: str
) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({**tiny_recipe.model_dump(mode="json"), **change}))
    with pytest.raises(ConfigError, match=fault):
        _train(load_recipe(path), tmp_path / "out")


def test_a_misspelt_recipe_key_is_named(tmp_path: Path, tiny_recipe: Recipe) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(tiny_recipe.model_dump_json().replace('"seed"', '"sed"'))
    with pytest.raises(ConfigError, match=r"recipe.json.*sed"):
        load_recipe(path)
