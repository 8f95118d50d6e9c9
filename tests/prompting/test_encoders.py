"""Grid encoders are exact both ways."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import grid
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from arc_submit.arc.grid import Grid, freeze
from arc_submit.errors import ConfigError
from arc_submit.prompting import build_encoder

ENCODERS = ["minimal", "rows(minimal)", "shape(minimal)", "shape(rows(minimal))", "runs", "tiles"]
PICTURE = grid("000000", "005550", "005550", "000000")

grids = hnp.arrays(
    np.int8,
    st.tuples(st.integers(1, 30), st.integers(1, 30)),
    elements=st.integers(0, 9),
    fill=st.integers(0, 9),
).map(freeze)


@pytest.mark.parametrize("name", ENCODERS)
@given(img=grids)
def test_decoding_undoes_encoding(name: str, img: Grid) -> None:
    encoder = build_encoder(name)
    assert encoder.decode(encoder.encode(img)).tolist() == img.tolist()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("minimal", "000000\n005550\n005550\n000000"),
        ("rows(minimal)", "0 000000\n1 005550\n2 005550\n3 000000"),
        ("shape(minimal)", "```grid shape: 4x6\n000000\n005550\n005550\n000000\n```"),
        ("runs", "4x6 bg 0\nr1-2 5@2-4"),
        ("tiles", "4x6 bg 0\nr1-2 5@2-4"),
    ],
)
def test_what_a_grid_looks_like(name: str, text: str) -> None:
    assert build_encoder(name).encode(PICTURE) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("minimal", "00\n0"),
        ("rows(minimal)", "1 00\n2 00"),
        ("shape(minimal)", "```grid shape: 3x2\n00\n00\n```"),
        ("runs", "2x2 bg 0\nr0-5 1@0-0"),
        ("runs", "2x2 bg 0\nr0-0 1@0-0 2@0-0"),
        ("runs", "nonsense"),
    ],
)
def test_text_of_no_grid_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError):
        build_encoder(name).decode(text)


def test_tiles_are_the_largest_rectangles_and_diagonals() -> None:
    crossed = grid("2070003", "0070030", "0070300", "0773000", "0055000")
    assert build_encoder("tiles").encode(crossed) == (
        "5x7 bg 0\nr0 2@0\nr0-3 7@2 3@6/3\nr3 7@1\nr4 5@2-3"
    )


@pytest.mark.parametrize(
    "text",
    [
        "4x6 bg 0\nr1 5@2-4\nr2 5@2-4",
        "4x6 bg 0\nr1-2 5@4-2",
        "4x6 bg 0\nr3-9 5@2",
        "4x6 bg 0\nr0 5@2 6@2",
        "4x6\nr0 5@2",
        "4x6 bg 0\n5@2",
    ],
)
def test_tiles_that_no_grid_has_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"tile|background"):
        build_encoder("tiles").decode(text)


@pytest.mark.parametrize("name", ["Minimal", "rows", "rows()", "__import__('os')", "runs(minimal)"])
def test_an_unknown_encoder_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigError, match="minimal, runs, tiles, rows"):
        build_encoder(name)
