"""Relabelling: wrong programs become right examples, once each, pruned, best last."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import grid

from arc_submit.arc.task import Pair, Task
from arc_submit.augmentation.views import build_views
from arc_submit.clock import Deadline
from arc_submit.config import AugmentationConfig, ExecutionConfig, TestTimeTrainingConfig
from arc_submit.execution.pool import ExecutionPool
from arc_submit.pipeline import run_programs
from arc_submit.prompting import Prompter, build_encoder, get_template
from arc_submit.test_time_training import Hindsight
from arc_submit.types import AugmentedTask, Completion, Prompt, TrainingExample, Trial

TASK = Task("t", (Pair(grid("000", "000"), grid("111", "222")),), (grid("000"),))
PROMPTER = Prompter(get_template("code-from-examples"), build_encoder("runs"), len, 10**6)
VIEW = build_views(TASK, count=1, config=AugmentationConfig(), seed=0)[0]


@pytest.fixture(scope="module")
def pool() -> Iterator[ExecutionPool]:
    with ExecutionPool(ExecutionConfig()) as pool:
        yield pool


def _program(*calls: str) -> str:
    return "\n".join(["def task(img):", *(f"    img = {call}" for call in calls), "    return img"])


def _trials(pool: ExecutionPool, *sources: str, view: AugmentedTask = VIEW) -> list[Trial]:
    prompt = Prompt(view, "")
    completions = [Completion(prompt, source, 0, 0.0, 0) for source in sources]
    return run_programs(completions, pool, round_index=0, deadline=Deadline.never())


def _hindsight(pool: ExecutionPool, seed: int = 0, **settings: object) -> Hindsight:
    values = {"max_examples": 10, "max_prompt_tokens": 10**6, **settings}
    return Hindsight(PROMPTER, pool, TestTimeTrainingConfig.model_validate(values), seed=seed)


def _examples(hindsight: Hindsight, trials: list[Trial]) -> list[TrainingExample]:
    return hindsight.relabel(trials, deadline=Deadline.never()).examples


def test_a_wrong_program_is_right_for_what_it_drew(pool: ExecutionPool) -> None:
    source = _program("draw_horizontal_line(img, 0, 5)")
    (example,) = _examples(_hindsight(pool), _trials(pool, source))
    assert example.prompt == "input 2x3 bg 0\noutput 2x3 bg 0\nr0-0 5@0-2"
    assert example.answer == source


def test_lines_without_effect_are_not_learned(pool: ExecutionPool) -> None:
    source = _program("draw_pixel(img, (0, 0), 4)", "draw_horizontal_line(img, 0, 5)")
    (example,) = _examples(_hindsight(pool), _trials(pool, source))
    assert example.answer == _program("draw_horizontal_line(img, 0, 5)")


def test_the_shortest_program_of_an_output_is_learned_once(pool: ExecutionPool) -> None:
    short = _program("draw_horizontal_line(img, 0, 5)")
    long = _program("draw_rectangle(img, (0, 0), (0, 2), 5)")
    hindsight = _hindsight(pool)
    trials = _trials(pool, long, short, short)
    assert [e.answer for e in _examples(hindsight, trials)] == [short]
    assert _examples(hindsight, _trials(pool, long)) == []


def test_what_covers_the_picture_without_aim_ranks_below_a_little_that_is_right(
    pool: ExecutionPool,
) -> None:
    aimless = _program("draw_rectangle(img, (0, 0), (1, 2), 2)")
    right = _program("draw_line(img, (0, 0), (0, 1), 1)")
    trials = _trials(pool, right, aimless)
    assert trials[0].candidate.pixel_accuracy < trials[1].candidate.pixel_accuracy
    assert [example.answer for example in _examples(_hindsight(pool), trials)] == [aimless, right]


def test_the_best_come_last_and_the_worst_are_dropped(pool: ExecutionPool) -> None:
    worst = _program("draw_pixel(img, (0, 0), 9)")
    better = _program("draw_horizontal_line(img, 0, 1)")
    best = _program("draw_horizontal_line(img, 0, 1)", "draw_pixel(img, (1, 1), 2)")
    trials = _trials(pool, best, worst, better)
    examples = _examples(_hindsight(pool), trials)
    assert [example.answer for example in examples] == [worst, better, best]
    examples = _examples(_hindsight(pool, max_examples=2), trials)
    assert [example.answer for example in examples] == [better, best]


def test_programs_that_fail_teach_nothing(pool: ExecutionPool) -> None:
    failing = _program("split(img, 0, 7, 0)")
    assert _examples(_hindsight(pool), _trials(pool, failing)) == []


def test_examples_keep_the_augmented_inputs(pool: ExecutionPool) -> None:
    views = build_views(TASK, count=8, config=AugmentationConfig(), seed=0)
    turned = next(view for view in views if view.task.train[0].input.shape == (3, 2))
    source = _program("draw_horizontal_line(img, 0, 5)")
    trials = _trials(pool, source, view=turned)
    (example,) = _examples(_hindsight(pool), trials)
    assert example.prompt == "input 3x2 bg 0\noutput 3x2 bg 0\nr0-0 5@0-1"


def test_an_example_too_long_shows_fewer_pairs(pool: ExecutionPool) -> None:
    two_pairs = Task("t", TASK.train * 2, TASK.test_inputs)
    view = build_views(two_pairs, count=1, config=AugmentationConfig(), seed=0)[0]
    trials = _trials(pool, _program("draw_horizontal_line(img, 0, 5)"), view=view)
    whole, shorter = (
        _examples(_hindsight(pool, max_prompt_tokens=limit), trials) for limit in (10**6, 60)
    )
    assert whole[0].prompt.count("output") == 2
    assert shorter[0].prompt.count("output") == 1 and shorter[0].answer == whole[0].answer


def test_drawings_are_learned_in_their_canonical_form(pool: ExecutionPool) -> None:
    source = _program(
        "draw_rectangle(img, (1, 0), (1, 2), 2)",
        "draw_rectangle(img, (0, 0), (0, 2), 1)",
        "draw_pixel(img, (0, 0), 3)",
    )
    (example,) = _examples(_hindsight(pool), _trials(pool, source))
    assert example.answer == _program(
        "draw_pixel(img, (0, 0), 3)",
        "draw_line(img, (0, 1), (0, 2), 1)",
        "draw_horizontal_line(img, 1, 2)",
    )


def test_the_order_is_as_configured(pool: ExecutionPool) -> None:
    worst = _program("draw_pixel(img, (0, 0), 9)")
    better = _program("draw_horizontal_line(img, 0, 1)")
    best = _program("draw_horizontal_line(img, 0, 1)", "draw_pixel(img, (1, 1), 2)")
    trials = _trials(pool, better, best, worst)

    def answers(seed: int = 0, **settings: object) -> list[str]:
        hindsight = _hindsight(pool, seed, **settings)
        return [example.answer for example in _examples(hindsight, trials)]

    assert answers(order="descending") == [best, better, worst]
    shuffles = {tuple(answers(seed, order="shuffled")) for seed in range(20)}
    assert len(shuffles) > 3 and all(set(s) == {worst, better, best} for s in shuffles)
    kept = {answers(seed, order="shuffled", max_examples=1)[0] for seed in range(20)}
    assert kept == {worst, better, best}, "no score decides which examples are kept"


def test_all_of_a_round_or_only_what_is_new(pool: ExecutionPool) -> None:
    first, second = (_program(f"draw_horizontal_line(img, {row}, 5)") for row in (0, 1))
    for novelty, expected in (("new", [second]), ("all", [first, second])):
        hindsight = _hindsight(pool, novelty=novelty)
        _examples(hindsight, _trials(pool, first))
        lessons = hindsight.relabel(_trials(pool, first, second), deadline=Deadline.never())
        assert [example.answer for example in lessons.examples] == expected
        assert (lessons.n_unique, lessons.n_novel) == (2, 1)


def test_past_lessons_come_back_the_best_of_them_always(pool: ExecutionPool) -> None:
    best = _program("draw_horizontal_line(img, 0, 1)", "draw_pixel(img, (1, 1), 2)")
    others = [_program(f"draw_pixel(img, (0, 0), {color})") for color in range(3, 8)]
    fresh = _program("draw_pixel(img, (1, 2), 9)")
    hindsight = _hindsight(pool, replay={"best": 1, "random": 2})
    _examples(hindsight, _trials(pool, best, *others))
    answers = [example.answer for example in _examples(hindsight, _trials(pool, fresh))]
    assert len(answers) == 4 and answers[-1] == best and fresh in answers
    assert len(set(answers) & set(others)) == 2


def test_one_picture_in_other_colours_is_not_new(pool: ExecutionPool) -> None:
    recoloring = AugmentationConfig(views=3, symmetries=False)
    views = build_views(TASK, count=3, config=recoloring, seed=0)
    colors = [view.augmentation.colors[1] for view in views]
    assert len(set(colors)) == 3
    trials = [
        trial
        for view, color in zip(views, colors, strict=True)
        for trial in _trials(pool, _program(f"draw_pixel(img, (0, 0), {color})"), view=view)
    ]
    lessons = _hindsight(pool).relabel(trials, deadline=Deadline.never())
    assert (lessons.n_unique, lessons.n_novel, len(lessons.examples)) == (1, 1, 1)


def test_joined_programs_hold_what_the_best_leave_out(pool: ExecutionPool) -> None:
    best = [_program("draw_pixel(img, (0, 0), 1)"), _program("draw_pixel(img, (0, 1), 1)")]
    useful, useless = "draw_rectangle(img, (0, 0), (1, 2), 2)", "draw_pixel(img, (1, 2), 7)"
    trials = _trials(pool, *best, _program(useful), _program(useless))

    def answers(others: int) -> str:
        composition = {"count": 40, "min_part": 1.0, "pool": 2, "others": others}
        hindsight = _hindsight(pool, max_examples=1, composition=composition)
        return "\n".join(example.answer for example in _examples(hindsight, trials))

    assert useful not in answers(0) and useless not in answers(0)
    assert useful in answers(1) and useless not in answers(1)
    assert useful in answers(2) and useless in answers(2)
