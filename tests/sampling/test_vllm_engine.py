"""The engine's child and its watchdog, with a stand-in for vLLM that fails on cue.

What needs the real one is in ``tests/with_vllm``.
"""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from arc_submit.clock import Deadline
from arc_submit.config import ModelConfig, TestTimeTrainingConfig
from arc_submit.errors import ConfigError, ModelError
from arc_submit.models.loading import LanguageModel, load_model
from arc_submit.sampling.adapters import AdapterError
from arc_submit.sampling.vllm.handle import VllmEngine, start_engine
from arc_submit.sampling.vllm.process import EngineLost
from arc_submit.sampling.vllm.sampler import VllmSampler
from arc_submit.sampling.vllm.settings import EngineSettings
from arc_submit.sampling.vllm.wire import Request, Write, Written
from arc_submit.training.lora import LoraTrainer
from arc_submit.types import Prompt, SamplingParams, TrainingExample

DIE, FREEZE, RUN_OUT, NEVER_END, DIE_ONCE = 901, 902, 903, 904, 905
FAKE = Path(__file__).parent / "fake_vllm"


@pytest.fixture(autouse=True)
def fake_vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FAKE))


@pytest.fixture(scope="module")
def trainer(tiny_model: Path) -> LoraTrainer:
    model = load_model(ModelConfig(path=str(tiny_model)), "cpu")
    return LoraTrainer(model, TestTimeTrainingConfig(learning_rate=0.01))


@pytest.fixture
def settings(tiny_model: Path, tmp_path: Path) -> EngineSettings:
    return EngineSettings(
        folder=str(tiny_model),
        arguments={"max_lora_rank": 16, "enable_sleep_mode": True, "mark": str(tmp_path / "mark")},
        environment={},
        merges=False,
        unties=False,
        sleeps=True,
        silence_s=2.0,
    )


@pytest.fixture
def engine(settings: EngineSettings, trainer: LoraTrainer) -> Iterator[VllmEngine]:
    trainer.reset(seed=0)
    engine = VllmEngine(settings, trainer)
    yield engine
    engine.close()


def _write(engine: VllmEngine, *prompts: int, seconds: float = math.inf) -> list[tuple[int, ...]]:
    requests = tuple(Request(i, i, 1.0, 1.0, 5, seed=i) for i in range(len(prompts)))
    written: list[Written] = []
    deadline = time.monotonic() + seconds
    command = Write(tuple((one,) for one in prompts), requests, (4,), 2, deadline)
    engine.write(command, written.append)
    return [one.token_ids for one in sorted(written, key=lambda one: one.index)]


def _train(trainer: LoraTrainer) -> None:
    trainer.fit([TrainingExample("input", "def task(img)")], deadline=Deadline.never())


# ---- the adapter


def test_a_trained_adapter_reaches_the_engine_once_and_a_reset_drops_it(
    engine: VllmEngine, trainer: LoraTrainer
) -> None:
    assert _write(engine, 7) == [(0, 0, 0, 7)]
    _train(trainer)
    first = trainer.version
    assert _write(engine, 7, 8) == [(0, first, 0, 7), (0, first, 0, 8)]
    _train(trainer)
    assert _write(engine, 7) == [(0, trainer.version, 0, 7)] and trainer.version != first
    trainer.reset(seed=1)
    assert _write(engine, 7) == [(0, 0, 0, 7)]


def test_a_merged_adapter_comes_with_all_weights(
    settings: EngineSettings, trainer: LoraTrainer
) -> None:
    trainer.reset(seed=0)
    engine = VllmEngine(replace(settings, merges=True), trainer)
    assert _write(engine, 7) == [(0, 0, 0, 7)], "the engine starts with those of the base"
    for weights in (1, 2):
        _train(trainer)
        assert _write(engine, 7) == _write(engine, 7) == [(weights, 0, 0, 7)]
    trainer.reset(seed=0)
    assert _write(engine, 7) == [(3, 0, 0, 7)]
    engine.close()


def test_an_adapter_that_is_no_number_never_reaches_the_engine(
    engine: VllmEngine, trainer: LoraTrainer
) -> None:
    _train(trainer)
    before, pid = _write(engine, 7), engine.pid
    _train(trainer)
    matrix = trainer._layers.matrices[0]
    kept = matrix.data.clone()
    matrix.data.fill_(float("nan"))
    with pytest.raises(AdapterError, match="finite"):
        _write(engine, 7)
    matrix.data.copy_(kept)
    trainer.version += 1000
    assert _write(engine, 7)[0][1] == trainer.version != before[0][1]
    assert engine.pid == pid
    trainer.version -= 1000


def test_an_adapter_that_was_not_announced_never_reaches_the_engine(
    settings: EngineSettings, tiny_model: Path
) -> None:
    model = load_model(ModelConfig(path=str(tiny_model)), "cpu")
    config = TestTimeTrainingConfig.model_validate({"lora": {"use_dora": True}})
    dora = LoraTrainer(model, config)
    _train(dora)
    engine = VllmEngine(settings, dora)
    with pytest.raises(AdapterError, match="DoRA"):
        _write(engine, 7)
    engine.close()


# ---- sleep


def test_the_engine_sleeps_while_the_adapter_trains(
    engine: VllmEngine, trainer: LoraTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(trainer, "make_room", engine.sleep)
    _write(engine, 7)
    _train(trainer)
    assert _write(engine, 7) == [(0, trainer.version, 1, 7)]
    assert _write(engine, 7) == [(0, trainer.version, 1, 7)], "it is not put to sleep in between"
    engine.sleep()
    engine.sleep()
    assert _write(engine, 7) == [(0, trainer.version, 2, 7)]


# ---- what goes wrong


def test_at_the_deadline_what_is_finished_is_kept_and_the_rest_aborted(engine: VllmEngine) -> None:
    assert _write(engine, 7, NEVER_END, 8, seconds=1.5) == [(0, 0, 0, 7), (0, 0, 0, 8)]
    assert _write(engine, 9) == [(0, 0, 0, 9)]


@pytest.mark.parametrize(
    ("cue", "words"),
    [(DIE, "these are my last words"), (FREEZE, "runtime.silence")],
)
def test_an_engine_that_dies_or_freezes_is_given_up_and_started_anew(
    engine: VllmEngine, trainer: LoraTrainer, cue: int, words: str
) -> None:
    _train(trainer)
    _write(engine, 7)
    lost = engine.pid
    assert lost is not None
    with pytest.raises(EngineLost, match=words):
        _write(engine, cue)
    assert not _is_alive(lost)
    assert _write(engine, 7) == [(0, trainer.version, 0, 7)], "with the adapter of before"


def test_a_stopped_engine_is_taken_for_frozen(engine: VllmEngine) -> None:
    _write(engine, 7)
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGSTOP)
    with pytest.raises(EngineLost, match="frozen"):
        _write(engine, 7)
    assert _write(engine, 7) == [(0, 0, 0, 7)]


def test_out_of_memory_is_told_as_such(engine: VllmEngine) -> None:
    with pytest.raises(MemoryError, match="CUDA out of memory"):
        _write(engine, RUN_OUT)
    assert _write(engine, 7) == [(0, 0, 0, 7)]


def test_an_engine_that_does_not_start_is_the_users_to_mend(
    settings: EngineSettings, trainer: LoraTrainer
) -> None:
    engine = VllmEngine(replace(settings, folder="no model"), trainer)
    with pytest.raises(ModelError, match=r"sampling\.engine.*no model either"):
        start_engine(engine)


def test_without_vllm_the_remedy_is_told(
    settings: EngineSettings, trainer: LoraTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"arc-submit\[vllm\]"):
        VllmEngine(settings, trainer)


# ---- the sampler


@pytest.mark.parametrize(("cue", "is_lost"), [(DIE_ONCE, False), (DIE, True)])
def test_a_sampler_replaces_a_lost_engine_once(
    engine: VllmEngine, trainer: LoraTrainer, cue: int, is_lost: bool
) -> None:
    """One completion side by side: the first prompt is answered before the second kills."""
    lm = _asking_by_id(trainer)
    sampler = VllmSampler(engine, lm, batch_size=1)
    prompts = [Prompt(None, str(ids)) for ids in (7, cue, 8)]  # type: ignore[arg-type]
    params = [SamplingParams(1, 1.0, top_p=1.0, max_new_tokens=5)]
    if is_lost:
        with pytest.raises(EngineLost):
            sampler.sample(prompts, params, seed=0, deadline=Deadline.never())
        return
    completions = sampler.sample(prompts, params, seed=0, deadline=Deadline.never())
    assert [c.prompt for c in completions] == prompts
    assert [c.text for c in completions] == ["0 0 0 7", f"0 0 0 {cue}", "0 0 0 8"]
    assert [(c.logprob, c.n_tokens) for c in completions] == [(-1.5, 4)] * 3


def _asking_by_id(trainer: LoraTrainer) -> LanguageModel:
    """A language model whose prompts are written as one token id."""
    tokenizer: Any = _Tokenizer()
    lm = trainer._lm
    return LanguageModel(lm.model, tokenizer, lm.settings, 100, lm.device)


class _Tokenizer:
    chat_template = None
    eos_token_id = 4

    def __call__(self, text: str) -> dict[str, list[int]]:
        return {"input_ids": [int(text)]}

    def decode(self, ids: list[int], *, skip_special_tokens: bool) -> str:
        return " ".join(map(str, ids))


def _is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
