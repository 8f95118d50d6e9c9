"""The transformers sampler against transformers itself, and its promises about seeds and time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch

from arc_submit.arc.task import Task
from arc_submit.augmentation.views import build_views
from arc_submit.clock import Deadline, ManualClock
from arc_submit.config import AugmentationConfig, ModelConfig
from arc_submit.models.chat import encode_prompt
from arc_submit.models.loading import LanguageModel, load_model
from arc_submit.sampling.transformers import TransformersSampler
from arc_submit.types import Completion, Prompt, SamplingParams

TEXTS = ["input 2x2 bg 0", "input 3x3 bg 1\nr0-1 5@0-2\noutput 3x3 bg 1", "output"]
GREEDY = SamplingParams(1, 0.0, top_p=1.0, max_new_tokens=12)
WARM = SamplingParams(4, 1.0, top_p=0.95, max_new_tokens=12)


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> LanguageModel:
    return load_model(ModelConfig(path=str(tiny_model)), "cpu")


@pytest.fixture
def prompts(flip_task: Task) -> list[Prompt]:
    (view,) = build_views(flip_task, count=1, config=AugmentationConfig(), seed=0)
    return [Prompt(view, text) for text in TEXTS]


def _sample(
    model: LanguageModel,
    prompts: list[Prompt],
    params: list[SamplingParams],
    *,
    seed: int = 0,
    batch_size: int = 64,
) -> list[Completion]:
    sampler = TransformersSampler(model, batch_size=batch_size)
    return sampler.sample(prompts, params, seed=seed, deadline=Deadline.never())


def test_greedy_agrees_with_generate(model: LanguageModel, prompts: list[Prompt]) -> None:
    for completion in _sample(model, prompts, [GREEDY]):
        ids = torch.tensor([encode_prompt(model.tokenizer, completion.prompt.text)])
        written = model.model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False
        )
        expected = model.tokenizer.decode(written[0, ids.shape[1] :], skip_special_tokens=True)
        assert completion.text == expected


def test_completions_come_in_order_of_prompts_and_params(
    model: LanguageModel, prompts: list[Prompt]
) -> None:
    completions = _sample(model, prompts, [GREEDY, WARM])
    assert [c.prompt.text for c in completions] == [text for text in TEXTS for _ in range(5)]
    assert completions[0].text == _sample(model, prompts[:1], [GREEDY])[0].text
    assert len({c.text for c in completions[1:5]}) > 1


def test_the_batch_size_changes_nothing(model: LanguageModel, prompts: list[Prompt]) -> None:
    one_by_one = _sample(model, prompts, [WARM], batch_size=1)
    together = _sample(model, prompts, [WARM], batch_size=64)
    assert [c.text for c in one_by_one] == [c.text for c in together]
    assert [c.logprob for c in one_by_one] == pytest.approx([c.logprob for c in together], abs=1e-3)


def test_same_seed_same_text_other_seed_other_text(
    model: LanguageModel, prompts: list[Prompt]
) -> None:
    first, again, other = (_sample(model, prompts, [WARM], seed=seed) for seed in (1, 1, 2))
    assert [c.text for c in first] == [c.text for c in again]
    assert [c.seed for c in first] == [c.seed for c in again]
    assert [c.text for c in first] != [c.text for c in other]
    assert len({c.seed for c in first}) == len(first)


def test_the_log_probability_is_the_models_own(model: LanguageModel, prompts: list[Prompt]) -> None:
    cut = SamplingParams(1, 0.0, top_p=1.0, max_new_tokens=5)
    (completion,) = _sample(model, prompts[1:2], [cut])
    prompt = encode_prompt(model.tokenizer, completion.prompt.text)
    answer = model.tokenizer(completion.text, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logits = model.model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
    expected = logits.log_softmax(-1)[range(len(answer)), answer].sum()
    assert completion.n_tokens == len(answer)
    assert completion.logprob == pytest.approx(float(expected), abs=1e-3)


def test_frequencies_follow_the_models_distribution(
    model: LanguageModel, prompts: list[Prompt]
) -> None:
    many = SamplingParams(4000, 1.0, top_p=1.0, max_new_tokens=1)
    drawn = _sample(model, prompts[:1], [many], batch_size=4000)
    ids = torch.tensor([encode_prompt(model.tokenizer, TEXTS[0])])
    with torch.no_grad():
        probabilities = model.model(ids).logits[0, -1].softmax(-1)
    expected: Counter[str] = Counter()
    for token, probability in enumerate(probabilities.tolist()):
        expected[model.tokenizer.decode([token], skip_special_tokens=True)] += probability
    for text, probability in expected.most_common(5):
        share = sum(c.text == text for c in drawn) / len(drawn)
        deviation = (probability * (1 - probability) / len(drawn)) ** 0.5
        assert abs(share - probability) < 4.5 * deviation


def test_a_narrow_top_p_is_greedy(model: LanguageModel, prompts: list[Prompt]) -> None:
    narrow = SamplingParams(3, 1.0, top_p=1e-6, max_new_tokens=8)
    short = SamplingParams(1, 0.0, top_p=1.0, max_new_tokens=8)
    (greedy,) = _sample(model, prompts[:1], [short])
    assert {c.text for c in _sample(model, prompts[:1], [narrow])} == {greedy.text}


def test_past_the_deadline_nothing_is_started(model: LanguageModel, prompts: list[Prompt]) -> None:
    clock = ManualClock()
    deadline = Deadline.after(1, clock)
    clock.advance(2)
    sampler = TransformersSampler(model, batch_size=8)
    assert sampler.sample(prompts, [WARM], seed=0, deadline=deadline) == []
