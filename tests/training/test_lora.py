"""The adapter of one task: it learns, a reset forgets, and no step is taken too late."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from arc_submit.clock import Deadline, ManualClock
from arc_submit.config import ModelConfig, TestTimeTrainingConfig
from arc_submit.models.loading import LanguageModel, load_model
from arc_submit.training.lora import LoraTrainer
from arc_submit.training.samples import Batch
from arc_submit.types import TrainingExample

EXAMPLES = [
    TrainingExample("input 2x2 bg 0", "def task(img):\n    img = flip(img, 0)\n    return img"),
    TrainingExample("input 3x3 bg 1", "def task(img):\n    img = trim(img, 1)\n    return img"),
]


@pytest.fixture(params=["float32", "bfloat16"])
def model(tiny_model: Path, request: pytest.FixtureRequest) -> LanguageModel:
    return load_model(ModelConfig(path=str(tiny_model), dtype=request.param), "cpu")


def _logits(model: LanguageModel) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = model.model(torch.arange(20)[None]).logits
    return logits


def test_an_adapter_learns_and_a_reset_forgets(model: LanguageModel) -> None:
    before = _logits(model)
    trainer = LoraTrainer(model, TestTimeTrainingConfig(learning_rate=0.003))
    trainer.reset(seed=1)
    assert torch.equal(_logits(model), before)
    losses = [trainer.fit(EXAMPLES, deadline=Deadline.never()).mean_loss for _ in range(40)]
    assert losses[-1] < 0.5 * losses[0]
    assert not torch.equal(_logits(model), before)
    trainer.reset(seed=1)
    assert torch.equal(_logits(model), before)
    again = [trainer.fit(EXAMPLES, deadline=Deadline.never()).mean_loss for _ in range(40)]
    assert again == losses


@pytest.mark.parametrize("use_dora", [False, True])
def test_switched_off_it_answers_as_its_base(model: LanguageModel, use_dora: bool) -> None:
    config = {"learning_rate": 0.003, "lora": {"use_dora": use_dora}}
    trainer = LoraTrainer(model, TestTimeTrainingConfig.model_validate(config))
    trainer.reset(seed=1)
    before = _logits(model)
    with trainer.switched_off():
        pass
    assert torch.equal(_logits(model), before)
    trainer.fit(EXAMPLES, deadline=Deadline.never())
    trained, version = _logits(model), trainer.version
    with trainer.switched_off():
        assert torch.equal(_logits(model), before) and trainer.version == 0
    assert torch.equal(_logits(model), trained) and trainer.version == version
    assert not torch.equal(trained, before)


def test_epochs_rates_and_optimizer_are_as_configured(model: LanguageModel) -> None:
    settings = {"batch_size": 1, "epochs": 3, "warmup": 0.5, "schedule": "linear"}
    config = TestTimeTrainingConfig.model_validate({**settings, "keep_optimizer": False})
    trainer = LoraTrainer(model, config)
    rates: list[float] = []
    take_step = trainer._take_step

    def note(batch: Batch) -> float:
        rates.append(trainer._optimizer.param_groups[0]["lr"] / config.learning_rate)
        return take_step(batch)

    setattr(trainer, "_take_step", note)  # noqa: B010
    optimizer = trainer._optimizer
    assert trainer.fit(EXAMPLES, deadline=Deadline.never()).steps == 6
    assert rates == pytest.approx([1 / 3, 2 / 3, 4 / 6, 3 / 6, 2 / 6, 1 / 6])
    assert trainer._optimizer is not optimizer


def test_the_torchao_of_the_kaggle_image_is_no_obstacle(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "torchao").mkdir()
    (tmp_path / "torchao" / "__init__.py").write_text("")
    metadata = tmp_path / "torchao-0.10.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: torchao\nVersion: 0.10.0\n")
    (metadata / "top_level.txt").write_text("torchao\n")
    build = (
        "from arc_submit.config import ModelConfig, TestTimeTrainingConfig\n"
        "from arc_submit.models.loading import load_model\n"
        "from arc_submit.training.lora import LoraTrainer\n"
        f"model = load_model(ModelConfig(path={str(tiny_model)!r}), 'cpu')\n"
        "LoraTrainer(model, TestTimeTrainingConfig())\n"
    )
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", build],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_no_step_is_taken_past_the_deadline(model: LanguageModel) -> None:
    clock = ManualClock()
    deadline = Deadline.after(1, clock)
    clock.advance(1)
    trainer = LoraTrainer(model, TestTimeTrainingConfig())
    assert trainer.fit(EXAMPLES, deadline=deadline).steps == 0


def test_dora_starts_as_the_base_does(tiny_model: Path) -> None:
    model = load_model(ModelConfig(path=str(tiny_model)), "cpu")
    before = _logits(model)
    config = TestTimeTrainingConfig.model_validate({"lora": {"use_dora": True}})
    trainer = LoraTrainer(model, config)
    trainer.reset(seed=1)
    trainer._layers.begin_step()
    assert torch.allclose(_logits(model), before, atol=1e-4)


def test_each_training_has_a_version_and_makes_room_first(model: LanguageModel) -> None:
    trainer = LoraTrainer(model, TestTimeTrainingConfig())
    versions: list[int] = []
    trainer.make_room = lambda: versions.append(trainer.version)
    trainer.fit(EXAMPLES, deadline=Deadline.never())
    trainer.fit(EXAMPLES, deadline=Deadline.never())
    trainer.reset(seed=2)
    trainer.fit(EXAMPLES, deadline=Deadline.never())
    assert versions[0] == versions[2] == 0
    assert len({0, versions[1], trainer.version}) == 3
    trainer.reset(seed=2)
    assert trainer.version == 0
