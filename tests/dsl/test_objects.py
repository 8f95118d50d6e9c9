"""Objects: found, told apart, moved and drawn, and never changed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from conftest import grid
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from arc_submit.arc.grid import Grid
from arc_submit.dsl import objects as o
from arc_submit.execution.guard import check_source
from arc_submit.types import FailureKind

PICTURE = grid("1100", "0002", "3002", "0330")
grids = arrays(np.int8, st.tuples(st.integers(1, 8), st.integers(1, 8)), elements=st.integers(0, 3))


def find(*rows: str) -> o.Object:
    """Return the only object, of any colours."""
    (found,) = o.detect_objects(grid(*rows), monochrome=False)
    return found


def test_objects_come_by_first_row_then_first_column() -> None:
    found = o.detect_objects(PICTURE)
    assert [(f.top, f.left, f.color, f.area) for f in found] == [
        (0, 0, 1, 2),
        (1, 3, 2, 2),
        (2, 0, 3, 1),
        (3, 1, 3, 2),
    ]


def test_corners_join_eight_ways_only() -> None:
    assert [f.area for f in o.detect_objects(PICTURE, connectivity=8)] == [2, 2, 3]
    assert [f.area for f in o.detect_objects(PICTURE, 0, 8, False)] == [2, 5]


def test_colours_join_only_where_asked_and_the_background_may_have_any() -> None:
    img = grid("5125")
    assert [f.area for f in o.detect_objects(img, 5)] == [1, 1]
    assert [f.area for f in o.detect_objects(img, 5, monochrome=False)] == [2]


@given(grids, st.sampled_from((4, 8)), st.booleans())
def test_drawing_all_objects_gives_the_grid_back(
    img: Grid, connectivity: int, monochrome: bool
) -> None:
    found = o.detect_objects(img, 0, connectivity, monochrome)
    assert sum(f.area for f in found) == np.count_nonzero(img)
    canvas = np.zeros_like(img)
    for each in found:
        assert not monochrome or len({color for _, _, color in each.cells}) == 1
        canvas = o.draw_object(canvas, each)
    assert np.array_equal(canvas, img)
    assert found == sorted(found, key=lambda f: (f.top, f.left))


@pytest.mark.parametrize(
    ("rows", "true"),
    [
        (("1",), {"point"}),
        (("111",), {"line", "horizontal_line"}),
        (("1", "1"), {"line", "vertical_line"}),
        (("11", "11"), {"rectangle", "square"}),
        (("111", "111"), {"rectangle"}),
        (("10", "11"), set()),
        (("111", "101", "111"), set()),
    ],
)
def test_kinds_of_objects(rows: tuple[str, ...], true: set[str]) -> None:
    found = find(*rows)
    kinds = ("point", "line", "horizontal_line", "vertical_line", "rectangle", "square")
    assert {kind for kind in kinds if getattr(found, f"is_{kind}")} == true


def test_an_object_has_a_hole_where_it_surrounds_a_cell() -> None:
    assert find("111", "101", "111").has_hole
    ring, core = o.detect_objects(grid("111", "121", "111"))
    assert ring.has_hole and not core.has_hole
    assert not find("111", "101", "101").has_hole
    assert not find("111", "111").has_hole


def test_the_box_and_the_colour_of_an_object() -> None:
    found = find("0000", "0220", "0010")
    assert (found.top, found.left, found.bottom, found.right) == (1, 1, 2, 2)
    assert (found.height, found.width, found.color) == (2, 2, 2)


def test_moves_return_new_objects_and_clip_at_the_edge() -> None:
    img = grid("110", "000")
    (found,) = o.detect_objects(img)
    moved = found.move((1, 2)).change_color(4)
    assert o.draw_object(img, moved).tolist() == grid("110", "004").tolist()
    assert o.draw_object(img, found.move((-1, 0))).tolist() == img.tolist()
    assert (found.top, found.left, found.color) == (0, 0, 1)


def test_an_object_cannot_be_changed() -> None:
    (found,) = o.detect_objects(grid("1"))
    for name in ("cells", "color", "note"):
        with pytest.raises((dataclasses.FrozenInstanceError, AttributeError, TypeError)):
            setattr(found, name, ())
    assert hash(found) == hash(o.Object(((0, 0, 1),))) and found == o.Object(((0, 0, 1),))


@pytest.mark.parametrize("line", ["obj.color = 3", "x = obj.cells", "obj.move = 1", "del obj.area"])
def test_a_program_that_tries_to_is_refused(line: str) -> None:
    source = f"def task(img):\n    for obj in detect_objects(img):\n        {line}\n    return img"
    failure = check_source(source)
    assert failure is not None and failure.kind is FailureKind.FORBIDDEN


def test_choosing_objects() -> None:
    found = o.detect_objects(PICTURE)
    assert o.largest_object(found) == found[0] and o.smallest_object(found) == found[2]
    assert [f.color for f in o.sort_objects(found, "height")] == [1, 3, 3, 2]
    assert o.odd_object(found, "color").color == 1
    assert o.odd_object(found, "area") == found[2]
    with pytest.raises(ValueError, match="cells"):
        o.sort_objects(found, "cells")


def test_an_object_is_cut_out_with_all_in_its_box() -> None:
    img = grid("4444", "4114", "4124", "4444")
    one = o.detect_objects(img, 4)[0]
    assert o.crop_object(img, one).tolist() == grid("11", "12").tolist()
