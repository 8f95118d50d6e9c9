"""Canonical strokes: the same picture, with nothing in the program that does not show."""

from __future__ import annotations

import random

import numpy as np
import pytest
from conftest import grid
from hypothesis import given
from hypothesis import strategies as st

from arc_submit.dsl.generators.base import compile_program
from arc_submit.dsl.program import build_program, build_statement
from arc_submit.dsl.strokes import (
    Stroke,
    canonical_strokes,
    draw,
    move_statement,
    read_strokes,
)

BLACK = np.zeros((5, 6), dtype=np.int8)
CANVASES = [BLACK, grid("123412", "000000", "330033", "111111", "020202")]


@st.composite
def any_stroke(pick: st.DrawFn) -> Stroke:
    top, bottom = sorted(pick(st.tuples(*[st.integers(0, 4)] * 2)))
    left, right = sorted(pick(st.tuples(*[st.integers(0, 5)] * 2)))
    color, slope = pick(st.integers(0, 3)), pick(st.sampled_from((0, 0, 1, -1)))
    if slope:
        steps = min(bottom - top, right - left)
        bottom, right, slope = top + steps, left + steps, slope if steps else 0
    return Stroke(top, left, bottom, right, color, slope)


@given(st.lists(any_stroke(), min_size=1, max_size=6))
def test_the_canonical_form_makes_the_same_pictures(strokes: list[Stroke]) -> None:
    kept = canonical_strokes(strokes, CANVASES)
    for canvas in CANVASES:
        assert np.array_equal(draw(kept, canvas), draw(strokes, canvas))


@given(st.lists(any_stroke(), min_size=1, max_size=6))
def test_no_canonical_stroke_can_be_left_out(strokes: list[Stroke]) -> None:
    kept = canonical_strokes(strokes, CANVASES)
    for i in range(len(kept)):
        shorter = kept[:i] + kept[i + 1 :]
        assert any((draw(shorter, c) != draw(kept, c)).any() for c in CANVASES)


@given(st.lists(any_stroke(), min_size=1, max_size=6))
def test_calls_draw_what_strokes_draw(strokes: list[Stroke]) -> None:
    program = compile_program(build_program([stroke.call(BLACK.shape) for stroke in strokes]))
    for canvas in CANVASES:
        assert np.array_equal(program(canvas), draw(strokes, canvas))


@given(any_stroke(), st.tuples(st.integers(0, 4), st.integers(0, 5)), st.randoms())
def test_a_moved_stroke_covers_the_cell_as_it_was(
    stroke: Stroke, cell: tuple[int, int], rng: random.Random
) -> None:
    statement = move_statement(build_statement(stroke.call(BLACK.shape)), cell, BLACK.shape, rng)
    (call,) = read_strokes(build_program([statement.partition(" = ")[2]]), BLACK.shape) or []
    assert call.top <= cell[0] <= call.bottom and call.left <= cell[1] <= call.right
    height, width = call.bottom - call.top, call.right - call.left
    assert (height, width) == (stroke.bottom - stroke.top, stroke.right - stroke.left)
    assert (call.slope, call.color) == (stroke.slope, stroke.color)


@pytest.mark.parametrize(
    "call", ["flip(img, 0)", "draw_pixel(img, (9, 9), 1)", "draw_pixel(img, (x, 1), 1)"]
)
def test_what_is_no_stroke_on_the_canvas_is_not_moved(call: str) -> None:
    statement = build_statement(call)
    assert move_statement(statement, (1, 1), BLACK.shape, random.Random(0)) == statement


def test_strokes_that_commute_are_sorted_and_no_others() -> None:
    low, high = Stroke(3, 3, 3, 3, 1), Stroke(0, 0, 0, 0, 2)
    assert canonical_strokes([low, high], [BLACK]) == [high, low]
    column, dot = Stroke(0, 1, 4, 1, 1), Stroke(0, 1, 0, 1, 2)
    far = Stroke(0, 0, 0, 0, 3)
    assert canonical_strokes([column, dot, far], [BLACK]) != [dot, column, far]


def test_a_stroke_reaches_no_further_than_it_is_seen() -> None:
    under, over = Stroke(0, 0, 0, 5, 1), Stroke(0, 3, 4, 5, 2)
    assert canonical_strokes([under, over], [BLACK]) == [Stroke(0, 0, 0, 2, 1), over]


@given(st.lists(any_stroke(), min_size=1, max_size=6))
def test_a_drawing_is_read_back_from_its_program(strokes: list[Stroke]) -> None:
    shape = CANVASES[0].shape
    source = build_program([stroke.call(shape) for stroke in strokes])
    read = read_strokes(source, shape)
    assert read is not None
    assert all(np.array_equal(draw(read, c), draw(strokes, c)) for c in CANVASES)


@pytest.mark.parametrize(
    "call",
    [
        "draw_line(img, (0, 9), (4, 2), 5)",
        "draw_pixel(img, (0, 0), 12)",
        "draw_pixel(img, (0, 0), img[0, 0])",
        "flip(img, 0)",
    ],
)
def test_what_does_more_or_less_than_draw_is_left_to_others(call: str) -> None:
    assert read_strokes(build_program([call]), CANVASES[0].shape) is None


@pytest.mark.parametrize(
    "call",
    [
        "draw_rectangle(img, (3, 2), (1, 20), 5)",
        "draw_rectangle(img, (3, 20), (30, 25), 5)",
        "draw_line(img, (3, 3), (9, 9), 5)",
        "draw_line(img, (2, 4), (0, 6), 5)",
        "draw_line(img, (1, 7), (8, 0), 5)",
        "draw_line(img, (0, 9), (9, 0), 5)",
        "draw_line(img, (9, 9), (20, 20), 5)",
        "draw_horizontal_line(img, 12, 5)",
        "draw_pixel(img, (40, 0), 5)",
    ],
)
def test_a_stroke_is_clipped_as_the_primitive_clips(call: str) -> None:
    shape = CANVASES[0].shape
    source = build_program([call])
    read = read_strokes(source, shape)
    expected = compile_program(source)(CANVASES[0])
    assert read is not None and np.array_equal(draw(read, CANVASES[0]), expected)
