"""The pictures that are drawn: each as the seeds had it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from arc_submit.arc.canvases import PALETTE, canvas_names, get_canvas_task
from arc_submit.arc.grid import MAX_SIDE, N_COLORS, Grid, grids_equal
from arc_submit.errors import DataError

each_name = pytest.mark.parametrize("name", canvas_names())
BLOCKS = {
    "9-squares": (9, 9, 3),
    "12-squares": (6, 8, 2),
    "16-squares": (8, 8, 2),
    "20-squares": (10, 8, 2),
    "25-squares": (10, 10, 2),
    "36-squares": (12, 12, 2),
    "49-squares": (14, 14, 2),
    "64-squares": (16, 16, 2),
    "81-squares": (18, 18, 2),
    "100-squares": (20, 20, 2),
}


def picture(name: str) -> Grid:
    (pair,) = get_canvas_task(name).train
    return pair.output


@each_name
def test_a_canvas_is_black_and_as_large_as_its_picture(name: str) -> None:
    task = get_canvas_task(name)
    (pair,) = task.train
    (test_input,) = task.test_inputs
    assert task.task_id == name
    assert pair.input.shape == pair.output.shape and not pair.input.any()
    assert grids_equal(pair.input, test_input)


@each_name
def test_a_picture_is_a_grid(name: str) -> None:
    grid = picture(name)
    assert grid.dtype == np.int8 and not grid.flags.writeable
    assert max(grid.shape) <= MAX_SIDE and grid.min() >= 0 and grid.max() < N_COLORS


@pytest.mark.parametrize(("name", "layout"), BLOCKS.items(), ids=BLOCKS.keys())
def test_squares_go_from_1_to_9_in_turn_down_each_column(
    name: str, layout: tuple[int, int, int]
) -> None:
    height, width, side = layout
    grid = picture(name)
    assert grid.shape == (height, width)
    blocks = [
        grid[top : top + side, left : left + side]
        for left in range(0, width, side)
        for top in range(0, height, side)
    ]
    assert len(blocks) == int(name.partition("-")[0])
    assert [np.unique(block).tolist() for block in blocks] == [
        [1 + i % 9] for i in range(len(blocks))
    ]


def test_the_vertical_lines_are_coloured_from_left_to_right() -> None:
    assert picture("9-vertical-lines").tolist() == [[1, 2, 3, 4, 5, 6, 7, 8, 9]] * 9


def test_the_overlapping_squares_lie_in_each_other() -> None:
    grid = picture("overlapping-squares")
    assert grid.shape == (10, 10)
    assert Counter(grid.flatten().tolist()) == {1: 36, 2: 28, 3: 20, 4: 12, 5: 4}
    assert grid[4].tolist() == [1, 2, 3, 4, 5, 5, 4, 3, 2, 1]


def test_the_chick_looks_at_us() -> None:
    rows = ["".join(map(str, row)) for row in picture("chick").tolist()]
    assert " ".join(rows) == (
        "8888448888 8844444488 8440440448 8424474248 8444774448 "
        "8844444488 4444444444 4444444444 8444444448 8847447488"
    )


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(DataError, match=r"'duck'.*9-vertical-lines.*chick"):
        get_canvas_task("duck")


def test_the_palette_has_a_colour_for_each_number() -> None:
    assert len(set(PALETTE)) == N_COLORS and PALETTE[0] == (0, 0, 0)
