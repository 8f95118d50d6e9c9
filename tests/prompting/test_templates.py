"""Prompts: what they say, and what is left out where they get too long."""

from __future__ import annotations

import numpy as np
import pytest

from arc_submit.arc.grid import freeze
from arc_submit.arc.task import Pair, Task
from arc_submit.augmentation.views import build_views
from arc_submit.config import AugmentationConfig
from arc_submit.dsl import PRIMITIVES
from arc_submit.errors import ConfigError
from arc_submit.prompting import Prompter, build_encoder, get_template
from arc_submit.types import AugmentedTask


def _view(task: Task) -> AugmentedTask:
    return build_views(task, count=1, config=AugmentationConfig(), seed=0)[0]


def _prompter(max_tokens: int, name: str = "code-from-examples") -> Prompter:
    return Prompter(get_template(name), build_encoder("runs"), len, max_tokens)


def test_the_bare_prompt_is_the_pairs(flip_task: Task) -> None:
    prompt = _prompter(1000).render(_view(flip_task))
    assert prompt is not None
    assert prompt.text == (
        "input 2x3 bg 0\nr0-0 1@0-0 2@1-1\nr1-1 3@0-0\n"
        "output 2x3 bg 0\nr0-0 2@1-1 1@2-2\nr1-1 3@2-2\n"
        "input 2x2 bg 0\nr0-0 4@0-0 5@1-1\nr1-1 6@0-0\n"
        "output 2x2 bg 0\nr0-0 5@0-0 4@1-1\nr1-1 6@1-1"
    )


def test_the_instructions_name_every_primitive(flip_task: Task) -> None:
    prompt = _prompter(10**6, "code-from-examples-v1").render(_view(flip_task))
    assert prompt is not None
    assert all(primitive.signature in prompt.text for primitive in PRIMITIVES.values())
    assert prompt.text.count("## Example") == 2


def test_a_prompt_too_long_shows_fewer_pairs(flip_task: Task) -> None:
    whole = _prompter(1000).render(_view(flip_task))
    assert whole is not None
    shorter = _prompter(len(whole.text) - 1).render(_view(flip_task))
    assert shorter is not None
    assert whole.text.startswith(shorter.text) and shorter.text.count("input") == 1
    assert len(shorter.view.task.train) == 2  # programs are still checked on both


def test_of_a_pair_too_long_a_corner_is_shown() -> None:
    big = freeze(np.random.default_rng(0).integers(0, 10, (30, 30)))
    task = Task("big", (Pair(big, big),), (big,))
    prompt = _prompter(800).render(_view(task))
    assert prompt is not None
    assert prompt.text.startswith("input 7x7 ") and len(prompt.text) <= 800
    assert prompt.view.task.train[0].input.shape == (30, 30)  # programs still run on whole grids


def test_no_prompt_where_no_pair_fits(flip_task: Task) -> None:
    assert _prompter(10).render(_view(flip_task)) is None


def test_an_unknown_template_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"predict-output-v2.*code-from-examples"):
        get_template("predict-output-v2")
