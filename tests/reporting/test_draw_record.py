"""What is kept of a run on a canvas, with a scripted model and real child processes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import grid

from arc_submit.arc.canvases import build_canvas_task
from arc_submit.augmentation.views import build_views
from arc_submit.clock import Deadline, ManualClock, MonotonicClock
from arc_submit.config import AugmentationConfig, ExecutionConfig, RunConfig
from arc_submit.config_file import build_config
from arc_submit.execution.pool import ExecutionPool
from arc_submit.pipeline import Tools
from arc_submit.prompting import Prompter, build_encoder, get_template
from arc_submit.reporting.drawing import DrawnRound, draw_canvas, freeze_model
from arc_submit.sampling import ScriptedSampler
from arc_submit.sampling.base import Draw
from arc_submit.solver import build_tools
from arc_submit.types import Prompt, SamplingParams, StopReason, TrainingExample

TASK = build_canvas_task("corners", grid("12", "34"))


def _program(*calls: str) -> str:
    return "\n".join(["def task(img):", *(f"    {call}" for call in calls), "    return img"])


ONE = _program("img = draw_pixel(img, (0, 0), 1)")
TWO = _program("img = draw_pixel(img, (0, 0), 1)", "img = draw_pixel(img, (0, 1), 2)")
AGAIN = _program("img = draw_pixel(img, (0, 0), 1)", "img = draw_pixel(img, (0, 0), 1)")
ALL = _program(
    "img = draw_horizontal_line(img, 0, 2)",
    "img = draw_horizontal_line(img, 1, 4)",
    "img = draw_pixel(img, (0, 0), 1)",
    "img = draw_pixel(img, (1, 0), 3)",
)
FAILS = _program("img = upscale(img, 99)")
TOO_WIDE = _program("img = tile(img, (1, 2))")


class RecordingTrainer:
    """Keeps what it was asked."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def reset(self, *, seed: int) -> None:
        self.calls.append("reset")

    def fit(self, examples: Sequence[TrainingExample], *, deadline: Deadline) -> None:
        self.calls.append("fit")

    def switched_off(self) -> AbstractContextManager[None]:
        return nullcontext()


@pytest.fixture(scope="module")
def pool() -> Iterator[ExecutionPool]:
    with ExecutionPool(ExecutionConfig()) as pool:
        yield pool


def _config(per_round: int, **training: object) -> RunConfig:
    values = {
        "augmentation": {"views": 1},
        "sampling": {"draws": [{"count": per_round, "temperature": 1.0}], "max_new_tokens": 40},
        "test_time_training": {"max_prompt_tokens": 10**6, **training},
    }
    return build_config(values, source="test")


def _tools(pool: ExecutionPool, answer: Callable[[], str]) -> Tools:
    prompter = Prompter(get_template("code-from-examples"), build_encoder("runs"), len, 10**6)
    sampler = ScriptedSampler(lambda prompt, draw: answer())
    return Tools(prompter, sampler, RecordingTrainer(), pool, MonotonicClock())


def test_each_round_is_kept_in_figures(pool: ExecutionPool) -> None:
    rounds = [[ONE, AGAIN, "a picture", FAILS, TOO_WIDE], [TWO, ONE, TOO_WIDE, ALL, FAILS]]
    answers = iter([answer for answers in rounds for answer in answers])
    told: list[DrawnRound] = []
    record = draw_canvas(
        TASK,
        _tools(pool, lambda: next(answers)),
        _config(5, max_rounds=9),
        seed=4,
        on_round=told.append,
    )
    first, second = record.rounds
    assert sorted(first.accuracies) == [0, 0, 0, 0.25, 0.25]
    assert sorted(second.accuracies) == [0, 0, 0.25, 0.5, 1]
    assert (first.best_accuracy, first.mean_accuracy) == (0.25, 0.1)
    assert (second.best_accuracy, second.mean_accuracy) == (1, 0.35)
    assert (first.n_unique, first.n_novel) == (2, 2)
    assert (second.n_unique, second.n_novel) == (4, 2)
    assert (first.n_lines, second.n_lines) == (3, 6)
    assert first.drawing is not None and first.drawing.tolist() == [[1, 0], [0, 0]]
    assert second.drawing is not None and second.drawing.tolist() == [[1, 2], [3, 4]]
    assert (first.n_examples, second.n_examples) == (2, 0)
    assert record.is_solved and record.n_programs == 10 and record.program == ALL
    assert tuple(told) == record.rounds


def test_the_figures_are_one_json_object(pool: ExecutionPool) -> None:
    answers = iter([ONE, ALL])
    record = draw_canvas(
        TASK, _tools(pool, lambda: next(answers)), _config(1, max_rounds=9), seed=4
    )
    figures = json.loads(json.dumps(record.figures()))
    assert figures["seconds"] >= 0
    expected = {
        "task": "corners",
        "seed": 4,
        "solved": True,
        "stop_reason": "solved",
        "rounds": 2,
        "programs": 2,
        "best_accuracy": [0.25, 1],
        "unique": [1, 1],
        "new": [1, 1],
        "examples": [1, 0],
        "program": ALL,
    }
    assert {key: figures[key] for key in expected} == expected


def test_a_round_without_any_drawing_is_kept_too(pool: ExecutionPool) -> None:
    record = draw_canvas(TASK, _tools(pool, lambda: FAILS), _config(2, max_rounds=0), seed=0)
    (only,) = record.rounds
    assert not record.is_solved and record.stop_reason is StopReason.MAX_ROUNDS
    assert (only.best_accuracy, only.n_unique, only.drawing) == (0, 0, None)


def test_all_is_shown_in_the_colours_of_the_task(pool: ExecutionPool) -> None:
    """Whatever a view's colours are, its program drew the same picture."""
    config = _config(1).model_copy(
        update={"augmentation": AugmentationConfig(views=5, symmetries=False)}
    )

    def answer(prompt: Prompt, draw: Draw) -> str:
        corner = prompt.view.augmentation.colors[1]
        return _program(f"img = draw_pixel(img, (0, 0), {corner})")

    tools = replace(_tools(pool, lambda: ONE), sampler=ScriptedSampler(answer))
    record = draw_canvas(TASK, tools, config, seed=0)
    first = record.rounds[0]
    assert first.accuracies == (0.25,) * 5 and (first.n_unique, first.n_novel) == (1, 1)
    assert first.drawing is not None and first.drawing.tolist() == [[1, 0], [0, 0]]


def test_a_deadline_ends_the_run(pool: ExecutionPool) -> None:
    clock = ManualClock()

    def answer() -> str:
        clock.advance(3)
        return ONE

    tools = replace(_tools(pool, answer), clock=clock)
    deadline = Deadline.after(4, clock)
    record = draw_canvas(TASK, tools, _config(1, max_rounds=50), seed=0, deadline=deadline)
    assert record.stop_reason is StopReason.DEADLINE and len(record.rounds) == 1


def test_the_seed_decides_what_is_sampled(pool: ExecutionPool) -> None:
    def seeds_of(seed: int) -> list[int]:
        drawn: list[int] = []

        def script(prompt: Prompt, draw: Draw) -> str:
            drawn.append(draw.seed)
            return ONE

        tools = replace(_tools(pool, lambda: ONE), sampler=ScriptedSampler(script))
        draw_canvas(TASK, tools, _config(2, max_rounds=1), seed=seed)
        return drawn

    assert seeds_of(1) == seeds_of(1) != seeds_of(2)


def test_a_frozen_model_is_reset_but_never_trained(pool: ExecutionPool) -> None:
    tools = _tools(pool, lambda: ONE)
    draw_canvas(TASK, freeze_model(tools), _config(2, max_rounds=2), seed=0)
    assert isinstance(tools.trainer, RecordingTrainer) and tools.trainer.calls == ["reset"]


@pytest.mark.parametrize("is_frozen", [True, False], ids=["frozen", "trained"])
def test_only_training_changes_what_the_model_answers(tiny_model: Path, is_frozen: bool) -> None:
    config = _config(1, max_rounds=1, learning_rate=0.1)
    config = config.model_copy(
        update={"model": config.model.model_copy(update={"path": str(tiny_model)})}
    )
    tools = build_tools(config, "cpu")
    with tools.pool:
        before = _greedy_logprob(tools)
        scripted = replace(tools, sampler=ScriptedSampler(lambda prompt, draw: ONE))
        record = draw_canvas(
            TASK, freeze_model(scripted) if is_frozen else scripted, config, seed=0
        )
        after = _greedy_logprob(tools)
    assert record.rounds[0].n_examples == 1
    assert (before == after) == is_frozen


def _greedy_logprob(tools: Tools) -> float:

    (view,) = build_views(TASK, count=1, config=AugmentationConfig(), seed=0)
    prompt = tools.prompter.render(view)
    assert prompt is not None
    params = SamplingParams(count=1, temperature=0.0, top_p=1.0, max_new_tokens=8)
    (completion,) = tools.sampler.sample([prompt], [params], seed=0, deadline=Deadline.never())
    return completion.logprob
