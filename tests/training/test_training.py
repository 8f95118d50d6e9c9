"""Learning: the loss falls, a reset forgets everything, and a stopped training goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from arc_submit.clock import Deadline, ManualClock
from arc_submit.config import ModelConfig, TestTimeTrainingConfig
from arc_submit.errors import ConfigError
from arc_submit.models.loading import LanguageModel, load_model
from arc_submit.models.tokenizer import build_tokenizer
from arc_submit.training.base_model import train_base_model
from arc_submit.training.lora import LoraTrainer
from arc_submit.training.mixture import Mixture
from arc_submit.training.recipe import Recipe, load_recipe
from arc_submit.training.samples import IGNORED, build_sample, collate
from arc_submit.types import TrainingExample

EXAMPLES = [
    TrainingExample("input 2x2 bg 0", "def task(img):\n    img = flip(img, 0)\n    return img"),
    TrainingExample("input 3x3 bg 1", "def task(img):\n    img = trim(img, 1)\n    return img"),
]


@pytest.fixture
def model(tiny_model: Path) -> LanguageModel:
    return load_model(ModelConfig(path=str(tiny_model)), "cpu")


def _logits(model: LanguageModel) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = model.model(torch.arange(20)[None]).logits
    return logits


def test_an_adapter_learns_and_a_reset_forgets(model: LanguageModel) -> None:
    before = _logits(model)
    trainer = LoraTrainer(model, TestTimeTrainingConfig(learning_rate=0.01))
    trainer.reset(seed=1)
    assert torch.equal(_logits(model), before)
    losses = [trainer.fit(EXAMPLES, deadline=Deadline.never()).mean_loss for _ in range(20)]
    assert losses[-1] < 0.5 * losses[0]
    assert not torch.equal(_logits(model), before)
    trainer.reset(seed=1)
    assert torch.equal(_logits(model), before)
    again = [trainer.fit(EXAMPLES, deadline=Deadline.never()).mean_loss for _ in range(20)]
    assert again == losses


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


def test_only_the_answer_carries_loss(model: LanguageModel) -> None:
    samples = [build_sample(example, model.tokenizer) for example in EXAMPLES]
    batch = collate(samples, pad_id=0, device=torch.device("cpu"))
    for row, (sample, example) in enumerate(zip(samples, EXAMPLES, strict=True)):
        labelled = batch.labels[row][batch.labels[row] != IGNORED]
        assert model.tokenizer.decode(labelled, skip_special_tokens=True) == example.answer
        assert labelled[-1] == model.tokenizer.eos_token_id
        first = sample.n_prompt - 1
        assert batch.labels[row][first] == batch.token_ids[row][first + 1]


def test_a_resumed_training_ends_as_an_unbroken_one(tiny_recipe: Recipe, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop_late(step: int, loss: float) -> None:
        if step == 14:
            raise Stop

    losses: dict[int, float] = {}
    train_base_model(tiny_recipe, tmp_path / "a", on_step=lambda s, x: losses.update({s: x}))
    with pytest.raises(Stop):
        train_base_model(tiny_recipe, tmp_path / "b", on_step=stop_late, save_every=1)
    resumed: dict[int, float] = {}
    train_base_model(tiny_recipe, tmp_path / "b", on_step=lambda s, x: resumed.update({s: x}))
    assert min(resumed) > 1 and max(resumed) == 16
    assert resumed == {step: loss for step, loss in losses.items() if step in resumed}
    weights = [(tmp_path / run / "model" / "model.safetensors").read_bytes() for run in "ab"]
    assert weights[0] == weights[1]


def test_a_checkpoint_goes_on_longer_but_under_no_other_recipe(
    tiny_recipe: Recipe, tmp_path: Path
) -> None:
    def change(**values: object) -> Recipe:
        return Recipe.model_validate({**tiny_recipe.model_dump(), **values})

    steps: list[int] = []
    longer = {**tiny_recipe.optimizer.model_dump(), "steps": 20}
    train_base_model(tiny_recipe, tmp_path, on_step=lambda step, loss: None)
    train_base_model(change(optimizer=longer), tmp_path, on_step=lambda s, loss: steps.append(s))
    assert steps == [17, 18, 19, 20]
    with pytest.raises(ConfigError, match=r"another recipe.*--output"):
        train_base_model(change(seed=4), tmp_path, on_step=lambda step, loss: None)


def test_samples_are_fixed_by_recipe_and_index(tiny_recipe: Recipe) -> None:
    mixture = Mixture(tiny_recipe, build_tokenizer(256))
    samples = [mixture.sample(i) for i in range(50)]
    assert [mixture.sample(i) for i in range(50)] == samples
    assert len(set(samples)) > 45


def test_a_misspelt_recipe_key_is_named(tmp_path: Path, tiny_recipe: Recipe) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(tiny_recipe.model_dump_json().replace('"seed"', '"sed"'))
    with pytest.raises(ConfigError, match=r"recipe.json.*sed"):
        load_recipe(path)
