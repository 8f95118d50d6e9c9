"""Metrics against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from arc_submit.arc.grid import Grid, freeze
from arc_submit.arc.metrics import (
    Metrics,
    evaluate,
    measure_output,
    pixel_accuracy,
    score_submission,
)
from arc_submit.arc.task import Solutions
from arc_submit.errors import SubmissionError
from arc_submit.types import Tally


def _grid(*rows: str) -> Grid:
    return freeze(np.array([[int(cell) for cell in row] for row in rows]))


EXPECTED = _grid("12", "34")
ONE_OFF = _grid("12", "30")
ALL_WRONG = _grid("00", "00")
OTHER_SHAPE = _grid("1234")

# 10 completions: 1 exact, 3 with three of four cells, 4 of another shape, 2 without a grid.
TALLY = Tally((OTHER_SHAPE, ONE_OFF, EXPECTED), (4, 3, 1), unanswered=2)


def test_pixel_accuracy_is_the_share_of_right_cells_and_0_for_another_shape() -> None:
    assert pixel_accuracy(EXPECTED, EXPECTED) == 1
    assert pixel_accuracy(ONE_OFF, EXPECTED) == 0.75
    assert pixel_accuracy(ALL_WRONG, EXPECTED) == 0
    assert pixel_accuracy(OTHER_SHAPE, EXPECTED) == 0


def test_the_metrics_of_one_output_are_shares_of_all_completions() -> None:
    assert measure_output(TALLY, EXPECTED) == Metrics(
        accuracy=0.1,
        correct_pixels=(3 * 0.75 + 1) / 10,
        max_correct_pixels=1,
        correct_size=0.4,
        any_correct_size=1,
        pass_n=1,
        unanswered=0.2,
    )


def test_after_voting_only_the_two_most_voted_answers_count_once_each() -> None:
    assert measure_output(TALLY, EXPECTED, most_voted=2) == Metrics(
        accuracy=0,
        correct_pixels=0.375,
        max_correct_pixels=0.75,
        correct_size=0.5,
        any_correct_size=1,
        pass_n=0,
        unanswered=0,
    )


@pytest.mark.parametrize("unanswered", [0, 3])
@pytest.mark.parametrize("most_voted", [None, 2])
def test_an_output_that_nothing_answers_is_wrong_and_unanswered(
    unanswered: int, most_voted: int | None
) -> None:
    metrics = measure_output(Tally((), (), unanswered), EXPECTED, most_voted=most_voted)
    assert metrics == Metrics(0, 0, 0, 0, 0, 0, unanswered=1)


def test_means_go_over_a_tasks_outputs_and_then_over_all_tasks() -> None:
    solutions = Solutions({"two": (EXPECTED, EXPECTED), "one": (EXPECTED,), "none": (EXPECTED,)})
    right, wrong = Tally((EXPECTED,), (2,), 0), Tally((ONE_OFF,), (1,), 1)
    evaluation = evaluate({"two": [right, wrong], "one": [right], "none": []}, solutions)
    assert (evaluation.n_tasks, evaluation.n_outputs) == (3, 4)
    assert evaluation.sampled.pass_n == pytest.approx((0.5 + 1 + 0) / 3)
    assert evaluation.sampled.correct_pixels == pytest.approx(((1 + 0.375) / 2 + 1 + 0) / 3)
    assert evaluation.sampled.unanswered == pytest.approx((0.25 + 0 + 1) / 3)
    assert evaluation.voted.correct_pixels == pytest.approx(((1 + 0.75) / 2 + 1 + 0) / 3)
    assert evaluate({}, solutions).sampled.pass_n == 0


def test_answers_to_only_some_outputs_of_a_task_are_refused() -> None:
    with pytest.raises(ValueError):
        evaluate({"x": [TALLY]}, Solutions({"x": (EXPECTED, EXPECTED)}))


def test_kaggles_score_is_a_mean_over_tasks_and_either_attempt_counts() -> None:
    solutions = Solutions({"two": (EXPECTED, ALL_WRONG), "one": (EXPECTED,), "none": (EXPECTED,)})
    score = score_submission(
        {
            "none": [(ONE_OFF, OTHER_SHAPE)],
            "one": [(ONE_OFF, EXPECTED)],
            "two": [(EXPECTED, EXPECTED), (EXPECTED, EXPECTED)],
        },
        solutions,
    )
    assert score.score == pytest.approx((0.5 + 1 + 0) / 3)
    assert score.output_share == 2 / 4
    assert (score.n_tasks, score.n_outputs, score.n_solved_outputs) == (3, 4, 2)
    assert score.by_task == {"two": 0.5, "one": 1, "none": 0}


def test_attempts_are_scored_in_the_order_of_the_test_inputs() -> None:
    solutions = Solutions({"x": (EXPECTED, ALL_WRONG)})
    swapped = [(ALL_WRONG, ALL_WRONG), (EXPECTED, EXPECTED)]
    assert score_submission({"x": swapped}, solutions).score == 0


def test_a_submission_of_other_tasks_is_not_scored() -> None:
    solutions = Solutions({"x": (EXPECTED,), "y": (EXPECTED,)})
    entry = [(EXPECTED, EXPECTED)]
    with pytest.raises(SubmissionError, match="task y: is only in the solutions"):
        score_submission({"x": entry}, solutions)
    with pytest.raises(SubmissionError, match="task z: is only in the submission"):
        score_submission({"x": entry, "y": entry, "z": entry}, solutions)
    with pytest.raises(SubmissionError, match="task y: has 2 entries for 1 test outputs"):
        score_submission({"x": entry, "y": entry * 2}, solutions)
