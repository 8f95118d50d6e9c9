"""A program found in a view does the same to the task as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import grid

from arc_submit.arc.symmetry import Symmetry
from arc_submit.augmentation.programs import to_original_frame
from arc_submit.dsl import NAMESPACE
from arc_submit.dsl.program import build_program
from arc_submit.types import Augmentation

IMG = grid("0123", "4506", "7089")
PROGRAM = build_program(["draw_pixel(img, (0, 1), 5)", "tile(img, (1, 2))"])
COLORS = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (0, 2, 3, 1, 9, 8, 7, 4, 6, 5),
    (1, 0, 3, 2, 4, 5, 6, 7, 8, 9),
)


def _run(source: str, img: Any) -> Any:
    namespace: dict[str, Any] = dict(NAMESPACE)
    exec(source, namespace)
    return namespace["task"](img)


@pytest.mark.parametrize("symmetry", Symmetry)
@pytest.mark.parametrize("colors", COLORS)
def test_the_way_there_and_back_is_part_of_the_program(
    symmetry: Symmetry, colors: tuple[int, ...]
) -> None:
    augmentation = Augmentation(symmetry, colors, (0,))
    expected = augmentation.invert(_run(PROGRAM, augmentation.apply(IMG)))
    assert np.array_equal(_run(to_original_frame(PROGRAM, augmentation), IMG), expected)


def test_in_the_frame_of_the_task_nothing_is_added() -> None:
    as_it_is = Augmentation(Symmetry.IDENTITY, COLORS[0], (0,))
    assert to_original_frame(PROGRAM, as_it_is) == PROGRAM


def test_a_program_of_another_form_is_left_alone() -> None:
    source = "def task(img):\n    if img[0][0] > 2:\n        return img\n    return flip(img, 0)"
    assert to_original_frame(source, Augmentation(Symmetry.FLIP, COLORS[1], (0,))) == source
