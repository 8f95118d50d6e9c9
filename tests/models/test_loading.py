"""Model folders: what is refused, and whose settings count."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from arc_submit.config import ModelConfig
from arc_submit.errors import ModelError
from arc_submit.models.loading import load_model
from arc_submit.models.settings import SETTINGS_FILE, model_folder, read_settings


def test_a_folder_without_a_model_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no config.json.*model.path"):
        model_folder(ModelConfig(path=str(tmp_path)))


def test_a_broken_model_is_refused_by_folder(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=str(tmp_path)):
        load_model(ModelConfig(path=str(tmp_path)), "cpu")


def test_loading_leaves_the_threads_that_training_asked_for(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    torch.set_num_threads(2)
    try:
        load_model(ModelConfig(path=str(tiny_model)), "cpu")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_configuration_overrides_the_models_own_settings(tiny_model: Path) -> None:
    own = read_settings(tiny_model, ModelConfig())
    assert (own.prompt, own.grid_encoder) == ("code-from-examples", "runs")
    changed = read_settings(tiny_model, ModelConfig(grid_encoder="minimal"))
    assert (changed.prompt, changed.grid_encoder) == ("code-from-examples", "minimal")


def test_a_foreign_model_is_asked_with_instructions(tmp_path: Path) -> None:
    settings = read_settings(tmp_path, ModelConfig())
    assert settings.prompt == "code-from-examples-v1"


def test_broken_settings_are_refused(tmp_path: Path) -> None:
    (tmp_path / SETTINGS_FILE).write_text("{")
    with pytest.raises(ModelError, match=SETTINGS_FILE):
        read_settings(tmp_path, ModelConfig())


def test_the_context_is_the_smaller_of_model_and_configuration(tiny_model: Path) -> None:
    limit = json.loads((tiny_model / "config.json").read_text())["max_position_embeddings"]
    path = str(tiny_model)
    assert load_model(ModelConfig(path=path), "cpu").max_context == limit
    assert load_model(ModelConfig(path=path, max_context=100), "cpu").max_context == 100
    assert load_model(ModelConfig(path=path, max_context=10**6), "cpu").max_context == limit


def test_longest_prompt_is_the_models_own_to_say(tiny_model: Path, tmp_path: Path) -> None:
    assert read_settings(tiny_model, ModelConfig()).max_prompt is None
    (tmp_path / SETTINGS_FILE).write_text('{"max_prompt": 300}')
    assert read_settings(tmp_path, ModelConfig()).max_prompt == 300
    (tmp_path / SETTINGS_FILE).write_text('{"max_prompt": "many"}')
    with pytest.raises(ModelError, match=r"max_prompt is 'many'; expected a number of tokens"):
        read_settings(tmp_path, ModelConfig())
