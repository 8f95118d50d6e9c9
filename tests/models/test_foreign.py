"""Models of other families go all the way: prompt, sampling, a step of training, sampling again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from foreign import FAMILIES, write_foreign_model

from arc_submit.arc.task import Task
from arc_submit.augmentation.views import build_views
from arc_submit.clock import Deadline
from arc_submit.config import AugmentationConfig, ModelConfig, TestTimeTrainingConfig
from arc_submit.errors import ModelError
from arc_submit.models.chat import encode_prompt, end_ids
from arc_submit.models.loading import LanguageModel, load_model
from arc_submit.sampling.transformers import TransformersSampler
from arc_submit.training.lora import LoraTrainer
from arc_submit.types import Completion, Prompt, SamplingParams, TrainingExample

ANSWER = "def task(img):\n    return img"


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_foreign_model(request.param, tmp_path_factory.mktemp(request.param))


def _write(model: LanguageModel, task: Task) -> list[Completion]:
    (view,) = build_views(task, count=1, config=AugmentationConfig(), seed=0)
    params = [SamplingParams(2, 0.0, top_p=1.0, max_new_tokens=24)]
    sampler = TransformersSampler(model, batch_size=4)
    return sampler.sample([Prompt(view, "Go")], params, seed=0, deadline=Deadline.never())


def test_an_adapter_teaches_it_an_answer(folder: Path, flip_task: Task) -> None:
    model = load_model(ModelConfig(path=str(folder)), "cpu")
    trainer = LoraTrainer(model, TestTimeTrainingConfig(learning_rate=0.01))
    before = _write(model, flip_task)
    losses = [
        trainer.fit([TrainingExample("Go", ANSWER)], deadline=Deadline.never()).mean_loss
        for _ in range(30)
    ]
    assert losses[-1] < 0.5 * losses[0]
    assert {c.text for c in _write(model, flip_task)} != {c.text for c in before}
    trainer.reset(seed=1)
    assert [c.text for c in _write(model, flip_task)] == [c.text for c in before]


def test_it_is_asked_by_its_own_template_and_ends_by_its_own_tokens(folder: Path) -> None:
    model = load_model(ModelConfig(path=str(folder)), "cpu")
    prompt = model.tokenizer.decode(encode_prompt(model.tokenizer, "Go"))
    assert prompt.count("Go") == 1 and "assistant" in prompt.split("Go")[1]
    assert len(end_ids(model.model, model.tokenizer)) == 2
    assert model.settings.prompt == "code-from-examples-v1"


def test_weights_of_4_bits_are_asked_for(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def load(folder: Path, **options: Any) -> None:
        asked.update(options)
        raise OSError("no GPU here")

    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", load)
    config = ModelConfig(path=str(tiny_model), load_in_4bit=True, dtype="bfloat16")
    with pytest.raises(ModelError, match="no GPU here"):
        load_model(config, "cuda:0")
    settings = asked["quantization_config"]
    assert settings.load_in_4bit and settings.bnb_4bit_quant_type == "nf4"
    assert settings.bnb_4bit_compute_dtype is torch.bfloat16
    assert asked["device_map"] == {"": "cuda:0"}


@pytest.mark.parametrize(
    ("device", "words"), [("cuda:0", "pip install bitsandbytes"), ("cpu", "is for GPUs")]
)
def test_what_4_bits_lack_is_told(
    device: str, words: str, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=f"model.load_in_4bit.*{words}"):
        load_model(ModelConfig(path=str(tiny_model), load_in_4bit=True, dtype="float16"), device)
