"""What ``doctor`` finds in a model folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from foreign import write_foreign_model

from arc_submit.config import ModelConfig, SamplingConfig
from arc_submit.config_file import build_config
from arc_submit.errors import ModelError
from arc_submit.models.inspection import inspect_model
from arc_submit.sampling.fit import describe_adapter, describe_memory


def _inspect(folder: Path, **model: Any) -> Any:
    return inspect_model(ModelConfig(path=str(folder), **model), SamplingConfig(), is_gpu=False)


def test_the_bundled_model_fits() -> None:
    inspection = inspect_model(ModelConfig(), SamplingConfig(), is_gpu=False)
    assert inspection.problems == []
    assert inspection.findings["tokenizer"] == "one token per colour"
    assert inspection.weights_gb == pytest.approx(2.5e6 * 4 / 2**30, rel=0.1)


@pytest.mark.parametrize(
    ("family", "colours"), [("qwen", "one token per colour"), ("llama", "not one token per colour")]
)
def test_whether_a_colour_is_a_token_is_told(family: str, colours: str, tmp_path: Path) -> None:
    findings = _inspect(write_foreign_model(family, tmp_path)).findings
    assert findings["tokenizer"].startswith(colours)
    assert findings["chat template"] == "the model's own"


def test_a_context_too_small_for_the_template_is_a_problem(tmp_path: Path) -> None:
    folder = write_foreign_model("qwen", tmp_path)
    (problem,) = _inspect(folder, max_context=512).problems
    assert "model.prompt" in problem and str(folder) in problem
    assert _inspect(folder, prompt="code-from-examples", max_context=1800).problems == []


def test_a_tokenizer_without_an_end_is_a_problem(tiny_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    del settings["eos_token"]
    path.write_text(json.dumps(settings))
    (problem,) = _inspect(folder).problems
    assert "end token" in problem


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=str(tmp_path)):
        _inspect(tmp_path)


@pytest.mark.parametrize(
    ("lora", "finding", "problem"),
    [
        ({}, "rank 16 on 14 layers", None),
        ({"use_dora": True}, "merged: DoRA", None),
        ({"r": 64}, "rank 64", "smallest side of a layer, 32"),
        ({"target_modules": ["no_such"]}, "does not fit", "target_modules"),
    ],
    ids=str,
)
def test_whether_the_adapter_fits_is_told(
    lora: dict[str, Any], finding: str, problem: str | None, tiny_model: Path
) -> None:
    config = build_config({"test_time_training": {"lora": lora}}, source="test")
    told, problems = describe_adapter(_inspect(tiny_model).skeleton, config)
    assert finding in told
    assert len(problems) == (problem is not None)
    assert problem is None or problem in problems[0]


@pytest.mark.parametrize(
    ("weights_gb", "device_gb", "is_gpu", "engine", "fits"),
    [
        (0.01, 16.0, False, "vllm", True),
        (6.0, 24.0, False, "transformers", True),
        (6.0, 24.0, False, "vllm", False),
        (3.0, 14.7, True, "vllm", True),
        (7.0, 14.7, True, "transformers", True),
        (7.0, 14.7, True, "vllm", False),
    ],
)
def test_whether_memory_is_enough_is_told(
    weights_gb: float, device_gb: float, is_gpu: bool, engine: str, fits: bool
) -> None:
    config = build_config({"sampling": {"engine": engine}}, source="test")
    _, problems = describe_memory(weights_gb, config, device_gb=device_gb, is_gpu=is_gpu)
    assert (problems == []) == fits
