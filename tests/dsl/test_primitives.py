"""The language: every primitive does what its entry says and changes nothing it was given."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import grid

from arc_submit.arc.grid import Grid
from arc_submit.dsl import NAMESPACE, PRIMITIVES, Primitive
from arc_submit.dsl import drawing as d
from arc_submit.dsl import shapes as s
from arc_submit.dsl import transforms as t
from arc_submit.dsl.objects import Object

PICTURE = np.random.default_rng(0).integers(0, 4, (6, 6)).astype(np.int8)


@pytest.mark.parametrize("primitive", PRIMITIVES.values(), ids=PRIMITIVES)
def test_each_example_runs_and_leaves_its_input_alone(primitive: Primitive) -> None:
    img = PICTURE.copy()
    img.setflags(write=False)
    output = eval(primitive.example, dict(NAMESPACE), {"img": img})
    assert np.array_equal(img, PICTURE)
    if isinstance(output, np.ndarray):
        assert output.ndim == 2 and output.dtype == np.int8
    else:
        assert isinstance(output, int | list | Object) and not isinstance(output, bool)


@pytest.mark.parametrize("primitive", PRIMITIVES.values(), ids=PRIMITIVES)
def test_each_entry_can_be_shown_in_a_prompt(primitive: Primitive) -> None:
    assert primitive.signature.startswith(f"{primitive.name}(")
    assert primitive.example.startswith(f"{primitive.name}(")
    assert primitive.meaning.endswith(".") and len(primitive.meaning) < 100


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (d.create_img((1, 2), 3), grid("33")),
        (d.draw_line(grid("000", "000", "000"), (0, 0), (2, 2), 5), grid("500", "050", "005")),
        (d.draw_line(grid("000", "000"), (1, 0), (0, 1), 5), grid("050", "500")),
        (d.draw_line(grid("000"), (0, -5), (0, 1), 5), grid("550")),
        (d.draw_rectangle(grid("000", "000"), (1, 2), (0, 1), 4), grid("044", "044")),
        (d.draw_rectangle(grid("000"), (-9, -9), (-1, -1), 4), grid("000")),
        (d.draw_horizontal_line(grid("00", "00"), 1, 2), grid("00", "22")),
        (d.draw_vertical_line(grid("00", "00"), 7, 2), grid("00", "00")),
        (d.draw_pixel(grid("00"), (0, 1), 9), grid("09")),
        (t.rotate_90(grid("12", "34"), 1), grid("24", "13")),
        (t.flip(grid("12", "34"), 0), grid("34", "12")),
        (t.transpose(grid("12", "34")), grid("13", "24")),
        (t.apply_colormap(grid("121"), {1: 2, 2: 1}), grid("212")),
        (t.keep_color(grid("121"), 2), grid("020")),
        (t.fill_mode(grid("121")), grid("111")),
        (t.upscale(grid("12"), (2, 1)), grid("12", "12")),
        (t.downscale(grid("1122", "1122"), (2, 2)), grid("12")),
        (t.tile(grid("12"), (2, 2)), grid("1212", "1212")),
        (t.mirror(grid("12"), "right"), grid("1221")),
        (t.mirror(grid("12"), "left"), grid("2112")),
        (t.mirror(grid("1", "2"), "up"), grid("2", "1", "1", "2")),
        (t.crop(grid("123", "456"), (0, 1), (1, 2)), grid("23", "56")),
        (t.crop_content(grid("000", "012"), 0), grid("12")),
        (t.split(grid("1234"), 1, 2, 1), grid("34")),
        (t.trim(grid("111", "121", "111"), 1), grid("2")),
        (t.pad(grid("2"), 1, 1), grid("111", "121", "111")),
        (t.deduplicate(grid("1122", "1122", "3322")), grid("12", "32")),
        (t.shift(grid("123", "456"), (1, -1), 0), grid("000", "230")),
        (t.shift(grid("12"), (0, 9), 7), grid("77")),
        (t.shift(grid("12"), (0, 3), 7), grid("77")),
        (t.shift(grid("1", "2"), (-3, 0), 7), grid("7", "7")),
        (t.roll(grid("123"), (0, 1)), grid("312")),
        (t.gravity(grid("10", "02", "00"), "down"), grid("00", "00", "12")),
        (t.gravity(grid("0102"), "left"), grid("1200")),
        (s.fill_holes(grid("111", "101", "111"), 4), grid("111", "141", "111")),
        (s.fill_holes(grid("111", "101", "101"), 4), grid("111", "101", "101")),
        (s.hollow(grid("111", "111", "111")), grid("111", "101", "111")),
        (s.outline(grid("0000", "0100", "0000"), 3), grid("3330", "3130", "3330")),
        (s.extend(grid("0102", "3000"), "right"), grid("0112", "3333")),
        (s.extend(grid("0102"), "left"), grid("1122")),
        (s.extend(grid("1", "0", "2", "0"), "down"), grid("1", "1", "2", "2")),
        (s.extend(grid("1", "0", "2", "0"), "up"), grid("1", "2", "2", "0")),
        (s.connect(grid("1001", "0000", "2001")), grid("1111", "0001", "2001")),
        (s.connect(grid("10201")), grid("10201")),
        (s.complete_tiling(grid("1212", "3400", "1200"), 0), grid("1212", "3434", "1212")),
        (s.complete_tiling(grid("10105"), 5), grid("10101")),
        (s.complete_tiling(grid("120", "215"), 0), grid("120", "215")),
        (t.split(grid("12", "55", "34"), 0, 2, 1), grid("34")),
        (t.combine(grid("0110"), grid("0022"), "and", 5), grid("0050")),
        (t.combine(grid("0110"), grid("0022"), "or", 5), grid("0555")),
        (t.combine(grid("0110"), grid("0022"), "xor", 5), grid("0505")),
        (t.combine(grid("0110"), grid("0022"), "nor", 5), grid("5000")),
        (t.stamp(grid("01"), grid("23")), grid("0023")),
        (t.overlay(grid("01"), grid("22")), grid("21")),
        (t.concatenate(grid("1"), grid("2"), 1), grid("12")),
    ],
)
def test_primitives_by_hand(output: Grid, expected: Grid) -> None:
    assert output.tolist() == expected.tolist()


def test_colours_are_counted() -> None:
    img = grid("11203", "11203")
    assert (t.mode(img), t.rarest(img), t.count_color(img, 3)) == (1, 0, 2)


def test_what_does_not_come_apart_is_refused() -> None:
    with pytest.raises(ValueError, match="2 equal parts"):
        t.split(grid("1"), 1, 2, 0)


def test_a_line_at_another_slope_is_refused() -> None:
    with pytest.raises(ValueError, match="45 degrees"):
        d.draw_line(PICTURE, (0, 0), (1, 2), 3)
