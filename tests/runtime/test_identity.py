from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from arc_submit.arc.task import Challenges, Task
from arc_submit.config import RunConfig
from arc_submit.config_file import build_config
from arc_submit.errors import ModelError
from arc_submit.runtime.identity import identify


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(bytes(3 * 2**20))
    return folder


def config(model: Path, **parts: object) -> RunConfig:
    return build_config({"model": {"path": str(model)}, **parts}, source="test")


def challenges(*tasks: Task) -> Challenges:
    return Challenges("set", {task.task_id: task for task in tasks}, {})


def test_time_workers_and_places_do_not_count(model: Path, flip_task: Task) -> None:
    moved = model.with_name("moved")
    shutil.copytree(model, moved)
    one = identify(config(model), challenges(flip_task))
    other = identify(
        config(moved, runtime={"workers": 7, "budget": "1h"}, data={"split": "training"}),
        Challenges("another name", {flip_task.task_id: flip_task}, {}),
    )

    assert one.differences(other) == []


def test_changed_key_is_named_with_both_values(model: Path, flip_task: Task) -> None:
    one = identify(config(model), challenges(flip_task))
    other = identify(config(model, augmentation={"views": 3}), challenges(flip_task))

    assert one.differences(other) == ["augmentation.views (8 in the journal, now 3)"]


@pytest.mark.parametrize("place", [0, 3 * 2**20 - 1])
def test_other_weights_are_told(model: Path, flip_task: Task, place: int) -> None:
    one = identify(config(model), challenges(flip_task))
    weights = bytearray((model / "model.safetensors").read_bytes())
    weights[place] = 1
    (model / "model.safetensors").write_bytes(weights)

    found = one.differences(identify(config(model), challenges(flip_task)))

    assert found == ["the model's files"]


def test_other_tasks_are_told(model: Path, flip_task: Task) -> None:
    shorter = Task(flip_task.task_id, flip_task.train[:1], flip_task.test_inputs)
    one = identify(config(model), challenges(flip_task))

    found = one.differences(identify(config(model), challenges(shorter)))

    assert found == ["the tasks in challenges.json"]


def test_missing_model_is_an_error(tmp_path: Path, flip_task: Task) -> None:
    with pytest.raises(ModelError, match="no model there"):
        identify(config(tmp_path), challenges(flip_task))
