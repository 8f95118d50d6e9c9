"""Scores come from the train pairs only, and answers return to the original frame."""

from __future__ import annotations

import numpy as np
import pytest

from arc_submit.arc.grid import freeze, grids_equal
from arc_submit.arc.symmetry import Symmetry
from arc_submit.arc.task import Pair, Task
from arc_submit.execution.judge import judge
from arc_submit.types import Augmentation, AugmentedTask, Execution, Failure, FailureKind, Program

A = freeze(np.array([[1, 2], [3, 4], [5, 6]]))
B = freeze(np.array([[7, 8, 9]]))
TASK = Task("t", (Pair(A, A), Pair(B, B), Pair(A, B)), (A, B))
AUGMENTATION = Augmentation(Symmetry.ROTATE_90, (0, 2, 3, 4, 5, 6, 7, 8, 9, 1), (2, 0, 1))
VIEW = AugmentedTask(AUGMENTATION.apply_task(TASK), AUGMENTATION)
PROGRAM = Program("def task(img):\n    return img")
LOST = Failure(FailureKind.ERROR, "lost")


def test_a_candidate_is_in_the_original_frame() -> None:
    candidate = judge(Execution(PROGRAM, VIEW.task.inputs, 0.1), VIEW, round_index=3)
    first, second = candidate.test_outputs
    assert first is not None and grids_equal(first, A)
    assert second is not None and grids_equal(second, B)
    assert (candidate.task_id, candidate.program, candidate.round_index) == ("t", PROGRAM, 3)


def test_train_pairs_decide_the_score() -> None:
    candidate = judge(Execution(PROGRAM, VIEW.task.inputs, 0.1), VIEW, round_index=0)
    assert (candidate.train_exact, candidate.n_train) == (2, 3)
    assert candidate.pixel_accuracy == pytest.approx(2 / 3)
    assert not candidate.fits


def test_a_near_miss_counts_its_right_cells() -> None:
    near = VIEW.task.train[1].output.copy()
    near[0, 0] = 0
    outputs = (VIEW.task.train[0].output, near, VIEW.task.train[2].output, A, B)
    candidate = judge(Execution(PROGRAM, outputs, 0.1), VIEW, round_index=0)
    assert candidate.train_exact == 2
    assert candidate.pixel_accuracy == pytest.approx((1 + 5 / 6 + 1) / 3)


def test_failures_score_nothing_and_answer_nothing() -> None:
    outputs = (LOST, VIEW.task.train[1].output, LOST, LOST, VIEW.task.test_inputs[1])
    candidate = judge(Execution(PROGRAM, outputs, 0.1), VIEW, round_index=0)
    assert candidate.train_exact == 1
    assert candidate.pixel_accuracy == pytest.approx(1 / 3)
    assert candidate.test_outputs[0] is None
    assert candidate.test_outputs[1] is not None


def test_all_pairs_right_is_a_fit_whatever_the_test_outputs_are() -> None:
    first, second, third = (pair.output for pair in VIEW.task.train)
    outputs = (first, second, third, LOST, LOST)
    assert judge(Execution(PROGRAM, outputs, 0.1), VIEW, round_index=0).fits


def test_an_execution_on_other_inputs_is_refused() -> None:
    with pytest.raises(ValueError, match="4 outputs for the 5 inputs of task t"):
        judge(Execution(PROGRAM, (A,) * 4, 0.1), VIEW, round_index=0)
