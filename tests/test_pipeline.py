"""One task through all stages, with a scripted model and real child processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import grid
from scripted import RecordingTrainer, build_tools

from arc_submit.arc.task import Task
from arc_submit.clock import Deadline, ManualClock
from arc_submit.config import AugmentationConfig, ExecutionConfig, RunConfig
from arc_submit.config_file import build_config
from arc_submit.execution.pool import ExecutionPool
from arc_submit.pipeline import solve_task
from arc_submit.types import Prompt, Round, StopReason

RIGHT = "def task(img):\n    img = flip(img, 1)\n    return img"
WRONG = "def task(img):\n    img = flip(img, 0)\n    return img"
NO_AUGMENTATION = {"views": 1}


@pytest.fixture(scope="module")
def pool() -> Iterator[ExecutionPool]:
    with ExecutionPool(ExecutionConfig()) as pool:
        yield pool


def _config(max_rounds: int = 2, **training: object) -> RunConfig:
    values = {
        "augmentation": NO_AUGMENTATION,
        "sampling": {"draws": [{"count": 2, "temperature": 1.0}]},
        "test_time_training": {
            "max_rounds": max_rounds,
            "max_prompt_tokens": 10**6,
            **training,
        },
    }
    return build_config(values, source="test")


def test_a_program_that_fits_ends_the_search(pool: ExecutionPool, flip_task: Task) -> None:
    tools = build_tools(pool, lambda prompt, draw: RIGHT)
    result = solve_task(flip_task, tools, _config(), Deadline.never())
    assert result.stop_reason is StopReason.SOLVED and result.rounds == 1
    assert result.fits and result.program == RIGHT
    attempt = result.attempts[0].attempt_1
    assert attempt is not None and attempt.tolist() == grid("987").tolist()


def test_answers_come_back_from_every_view(pool: ExecutionPool, flip_task: Task) -> None:
    """In a view turned by a quarter the other flip is right."""
    values = {"augmentation": {"views": 8}, "test_time_training": {"max_rounds": 0}}
    config = build_config(values, source="test")
    tools = build_tools(pool, lambda prompt, draw: RIGHT if draw.seed % 2 else WRONG)
    result = solve_task(flip_task, tools, config, Deadline.never())
    attempt = result.attempts[0].attempt_1
    assert attempt is not None and attempt.tolist() == grid("987").tolist()


def test_what_was_drawn_is_learned_before_the_next_round(
    pool: ExecutionPool, flip_task: Task
) -> None:
    trainer = RecordingTrainer()
    tools = build_tools(
        pool, lambda prompt, draw: RIGHT if len(trainer.examples) == 1 else WRONG, trainer=trainer
    )
    result = solve_task(flip_task, tools, _config(), Deadline.never())
    assert result.stop_reason is StopReason.SOLVED and result.rounds == 2
    assert len(trainer.resets) == 1
    assert [[example.answer for example in taught] for taught in trainer.examples] == [[WRONG]]
    assert "output 2x3 bg 0\nr0-0 3@0-0\nr1-1 1@0-0 2@1-1" in trainer.examples[0][0].prompt


def test_some_views_are_answered_as_before_training(pool: ExecutionPool, flip_task: Task) -> None:
    trainer = RecordingTrainer()
    was_off: list[bool] = []

    def script(prompt: Prompt, draw: object) -> str:
        was_off.append(trainer.is_off)
        return f"def task(img):\n    img = tile(img, (1, {len(was_off) + 1}))\n    return img"

    config = _config(1, base_views=0.4).model_copy(
        update={"augmentation": AugmentationConfig(views=5)}
    )
    solve_task(flip_task, build_tools(pool, script, trainer=trainer), config, Deadline.never())
    draws = config.sampling.draws[0].count
    assert was_off == draws * 5 * [False] + draws * 3 * [False] + draws * 2 * [True]


def test_a_model_that_repeats_itself_is_heated_and_then_given_up(
    pool: ExecutionPool, flip_task: Task
) -> None:
    rounds: list[Round] = []
    result = solve_task(
        flip_task,
        build_tools(pool, lambda prompt, draw: WRONG),
        _config(50),
        Deadline.never(),
        on_round=rounds.append,
    )
    assert result.stop_reason is StopReason.COLLAPSED
    assert result.is_answered and not result.fits
    factors = [done.temperature_factor for done in rounds]
    assert factors == sorted(factors) and factors[0] == 1 and factors[-3:] == [1.4] * 3
    assert [done.n_novel for done in rounds] == [1] + [0] * (len(rounds) - 1)
    assert [done.n_examples for done in rounds] == [done.n_novel for done in rounds]


def test_a_model_that_writes_no_programs_is_given_up(pool: ExecutionPool, flip_task: Task) -> None:
    tools = build_tools(pool, lambda prompt, draw: "flip it!")
    result = solve_task(flip_task, tools, _config(50), Deadline.never())
    assert result.stop_reason is StopReason.NOTHING_TO_LEARN
    assert not result.is_answered and 3 < result.rounds < 20


@pytest.mark.parametrize(("reset", "resets"), [("task", 1), ("round", 2), ("never", 0)])
def test_the_adapter_is_reset_as_configured(
    pool: ExecutionPool, flip_task: Task, reset: str, resets: int
) -> None:
    trainer = RecordingTrainer()
    config = _config(1, reset=reset)
    tools = build_tools(pool, lambda prompt, draw: WRONG, trainer=trainer)
    solve_task(flip_task, tools, config, Deadline.never())
    assert len(trainer.resets) == len(set(trainer.resets)) == resets


def test_the_rounds_are_bounded(pool: ExecutionPool, flip_task: Task) -> None:
    def script(prompt: object, draw: object) -> str:
        counter.append(1)
        return f"def task(img):\n    img = tile(img, (1, {len(counter)}))\n    return img"

    counter: list[int] = []
    result = solve_task(flip_task, build_tools(pool, script), _config(1), Deadline.never())
    assert result.stop_reason is StopReason.MAX_ROUNDS and result.rounds == 2


def test_text_that_is_no_program_is_counted_as_unanswered(
    pool: ExecutionPool, flip_task: Task
) -> None:
    result = solve_task(
        flip_task,
        build_tools(pool, lambda prompt, draw: "I am not sure"),
        _config(0),
        Deadline.never(),
    )
    assert not result.is_answered and result.program == ""
    assert result.tallies[0].unanswered == 2 and result.tallies[0].votes == ()


def test_a_task_too_long_for_the_context_says_so(pool: ExecutionPool, flip_task: Task) -> None:
    tools = build_tools(pool, lambda prompt, draw: RIGHT, max_tokens=5)
    result = solve_task(flip_task, tools, _config(), Deadline.never())
    assert result.stop_reason is StopReason.TOO_LONG and not result.is_answered


def test_prompts_that_come_to_nothing_are_asked_again_shorter(
    pool: ExecutionPool, flip_task: Task
) -> None:
    lengths: list[int] = []

    def script(prompt: Prompt, draw: object) -> str:
        lengths.append(len(prompt.text))
        return RIGHT if len(prompt.text) < 100 else "I am not sure"

    tools = build_tools(pool, script, max_tokens=250)
    result = solve_task(flip_task, tools, _config(0), Deadline.never())
    assert result.stop_reason is StopReason.SOLVED and result.rounds == 2
    assert lengths[0] > 125 >= lengths[-1], "no round is lost by it"


def test_no_round_is_started_that_would_not_fit(pool: ExecutionPool, flip_task: Task) -> None:
    clock = ManualClock()

    def script(prompt: object, draw: object) -> str:
        clock.advance(3)
        return WRONG

    tools = build_tools(pool, script, clock=clock)
    result = solve_task(flip_task, tools, _config(), Deadline.after(10, clock))
    assert result.stop_reason is StopReason.DEADLINE and result.rounds == 1
    assert result.seconds == 6
