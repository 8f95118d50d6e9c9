"""The stream of samples: fixed by the recipe, from generators and data sets, short enough."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from arc_submit.arc.task import Task
from arc_submit.errors import ConfigError
from arc_submit.models.tokenizer import build_tokenizer
from arc_submit.training.mixture import Mixture, Position
from arc_submit.training.recipe import Recipe, SourceConfig

TOKENIZER = build_tokenizer(256)


def _text(token_ids: Sequence[int]) -> str:
    return str(TOKENIZER.decode(list(token_ids)))


def _mixture(recipe: Recipe, sources: list[dict[str, Any]], max_length: int = 256) -> Mixture:
    configs = [SourceConfig.model_validate(source) for source in sources]
    return Mixture(configs, recipe, TOKENIZER, seed=recipe.seed, max_length=max_length)


def test_samples_are_fixed_by_recipe_and_index(tiny_recipe: Recipe) -> None:
    mixture = _mixture(tiny_recipe, [{"family": "drawing"}])
    samples = [mixture.sample(i) for i in range(50)]
    assert [mixture.sample(i) for i in range(50)] == samples
    assert len(set(samples)) > 45


def test_weights_decide_the_shares(tiny_recipe: Recipe) -> None:
    sources = [{"family": "drawing", "weight": 3}, {"family": "transform", "weight": 1}]
    mixture = _mixture(tiny_recipe, sources, max_length=2048)
    samples = [sample for sample in map(mixture.sample, range(400)) if sample is not None]
    drawings = sum("draw_" in _text(sample.token_ids) for sample in samples)
    assert 0.68 < drawings / len(samples) < 0.82


def test_long_samples_are_dropped_or_lose_pairs(tiny_recipe: Recipe) -> None:
    source = [{"family": "transform", "difficulty": {"max_side": 5}}]
    whole = _mixture(tiny_recipe, source, max_length=2048)
    limit = 100
    dropped = _mixture(tiny_recipe, source, max_length=limit)
    shortened = _mixture(
        tiny_recipe.model_copy(update={"long_samples": "shorten"}), source, max_length=limit
    )
    n_shortened = 0
    for index in range(60):
        sample, short = whole.sample(index), shortened.sample(index)
        assert sample is not None
        if len(sample.token_ids) <= limit:
            assert dropped.sample(index) == short == sample
        else:
            assert dropped.sample(index) is None
            if short is not None:
                n_shortened += 1
                assert len(short.token_ids) <= limit
                answer = sample.token_ids[sample.n_prompt :]
                assert short.token_ids[short.n_prompt :] == answer
                assert (
                    sample.token_ids[: short.n_prompt - 1] == short.token_ids[: short.n_prompt - 1]
                )
    assert n_shortened > 5


def test_processes_share_the_windows_and_resume_at_any_batch(tiny_recipe: Recipe) -> None:
    mixture = _mixture(tiny_recipe, [{"family": "drawing"}])
    position = Position(1)
    stream = mixture.batches(position, stride=2, data_workers=0)
    first = list(islice(stream, len(mixture[1]) + 3))
    assert first == [*mixture[1], *mixture[3][:3]]
    assert position == Position(3, 3)
    again = mixture.batches(Position(3, 3), stride=2, data_workers=0)
    assert next(again) == next(stream) == mixture[3][3]


@pytest.fixture
def challenges(tmp_path: Path, flip_task: Task) -> Path:
    pairs = [{"input": p.input.tolist(), "output": p.output.tolist()} for p in flip_task.train]
    path = tmp_path / "challenges.json"
    content = {"flip": {"train": pairs, "test": [{"input": flip_task.test_inputs[0].tolist()}]}}
    path.write_text(json.dumps(content))
    return path


def test_a_data_set_asks_for_the_output_of_a_train_pair(
    tiny_recipe: Recipe, challenges: Path
) -> None:
    source = {"challenges": str(challenges), "prompt": "output-from-examples"}
    mixture = _mixture(tiny_recipe, [source])
    samples = {mixture.sample(i) for i in range(30)}
    assert len(samples) > 10 and None not in samples
    texts = [_text(s.token_ids) for s in samples if s is not None]
    assert all(text.count("input") == 2 and text.count("output") == 2 for text in texts)
    assert not any("1x3 bg" in text or "3x1 bg" in text for text in texts), "the test input"


def test_a_generator_serves_a_grid_prompt_too(tiny_recipe: Recipe) -> None:
    source = {"family": "transform", "prompt": "output-from-examples"}
    mixture = _mixture(tiny_recipe, [source], max_length=2048)
    sample = mixture.sample(0)
    assert sample is not None
    assert "def task" not in _text(sample.token_ids)


def test_a_data_set_holds_no_programs(tiny_recipe: Recipe, challenges: Path) -> None:
    with pytest.raises(ConfigError, match=r"challenges.json holds no programs"):
        _mixture(tiny_recipe, [{"challenges": str(challenges)}])


def test_the_pair_asked_for_is_not_shown(tiny_recipe: Recipe, challenges: Path) -> None:
    source = {"challenges": str(challenges), "prompt": "output-from-examples"}
    mixture = _mixture(tiny_recipe, [source])
    for sample in map(mixture.sample, range(20)):
        assert sample is not None
        prompt = _text(sample.token_ids[: sample.n_prompt])
        shown = prompt[prompt.index("output ") + len("output ") :].split("\ninput")[0]
        assert _text(sample.token_ids[sample.n_prompt : -1]) != shown
