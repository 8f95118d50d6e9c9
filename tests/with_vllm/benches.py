"""What the tests of the real engine share; they are skipped where vLLM is not installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from arc_submit.arc.canvases import get_canvas_task
from arc_submit.augmentation.views import build_views
from arc_submit.clock import Deadline
from arc_submit.config import AugmentationConfig, RunConfig
from arc_submit.config_file import build_config
from arc_submit.models.loading import LanguageModel, load_model
from arc_submit.sampling import Sampler
from arc_submit.sampling.transformers import TransformersSampler
from arc_submit.sampling.vllm.handle import VllmEngine
from arc_submit.sampling.vllm.sampler import VllmSampler
from arc_submit.sampling.vllm.settings import plan_engine
from arc_submit.solver import build_prompter
from arc_submit.training.lora import LoraTrainer
from arc_submit.types import Completion, Prompt, SamplingParams, TrainingExample

GREEDY = SamplingParams(1, 0.0, top_p=1.0, max_new_tokens=60)


needs_vllm = pytest.mark.skipif(
    importlib.util.find_spec("vllm") is None,
    reason="vLLM is not installed; make test-vllm installs it and runs these tests",
)


class Bench:
    """One model in training, and both samplers on it."""

    def __init__(self, config: RunConfig) -> None:
        self.lm: LanguageModel = load_model(config.model, "cpu")
        self.trainer = LoraTrainer(self.lm, config.test_time_training)
        self.settings = plan_engine(config, self.lm, self.trainer)
        self.engine = VllmEngine(self.settings, self.trainer)
        size = config.sampling.batch_size
        self.ours = VllmSampler(self.engine, self.lm, batch_size=size)
        self.theirs = TransformersSampler(self.lm, batch_size=size)
        prompter = build_prompter(self.lm, max_new_tokens=config.sampling.max_new_tokens)
        task = get_canvas_task("12-squares")
        views = build_views(task, count=3, config=AugmentationConfig(), seed=0)
        self.prompts: list[Prompt] = [p for p in map(prompter.render, views) if p is not None]

    def train(self, call: str) -> None:
        """Teach the model to answer with a call, over and over."""
        answer = f"def task(img):\n    img = {call}\n    return img"
        examples = [TrainingExample(prompt.text, answer) for prompt in self.prompts] * 64
        self.trainer.fit(examples, deadline=Deadline.never())

    def compare(self, params: SamplingParams = GREEDY) -> list[Completion]:
        """Return what the engine writes, once it is what transformers writes."""
        expected, written = (draw(s, self.prompts, [params]) for s in (self.theirs, self.ours))
        assert [c.text for c in written] == [c.text for c in expected]
        assert [c.n_tokens for c in written] == [c.n_tokens for c in expected]
        assert [c.seed for c in written] == [c.seed for c in expected]
        logprobs = [c.logprob for c in expected]
        assert [c.logprob for c in written] == pytest.approx(logprobs, abs=1e-3)
        return written


@contextmanager
def running(**values: Mapping[str, Any]) -> Iterator[Bench]:
    """Start an engine for the block, by parts of a configuration."""
    bench = Bench(build_config(values, source="test"))
    try:
        yield bench
    finally:
        bench.engine.close()


def draw(
    sampler: Sampler,
    prompts: Sequence[Prompt],
    params: Sequence[SamplingParams],
    *,
    seed: int = 0,
    deadline: Deadline | None = None,
) -> list[Completion]:
    return sampler.sample(prompts, params, seed=seed, deadline=deadline or Deadline.never())
