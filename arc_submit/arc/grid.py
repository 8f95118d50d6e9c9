"""Grids: rectangular arrays of colours. Owns what a grid is, and how it becomes plain ints."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Grid: TypeAlias = npt.NDArray[np.int8]
"""Shape (height, width), int8, colours 0-9, sides 1-30, read-only."""

MAX_SIDE = 30
N_COLORS = 10


def freeze(array: npt.NDArray[Any]) -> Grid:
    """Return a read-only int8 copy of a 2-D array that is known to be a grid."""
    grid = np.array(array, dtype=np.int8, order="C")
    grid.setflags(write=False)
    return grid


def parse_rows(rows: object) -> Grid:
    """Return the grid that JSON rows (a list of lists of ints) describe.

    Raises:
        ValueError: naming the first row or cell, counted from 0, that is not in a grid's format.
    """
    if not isinstance(rows, list) or not rows:
        raise ValueError("expected a non-empty list of rows")
    if len(rows) > MAX_SIDE:
        raise ValueError(f"has {len(rows)} rows; a grid has at most {MAX_SIDE}")
    for r, row in enumerate(rows):
        _check_row(r, row, width=len(rows[0]) if isinstance(rows[0], list) else 0)
    return freeze(np.array(rows))


def _check_row(r: int, row: object, width: int) -> None:
    if not isinstance(row, list) or not row:
        raise ValueError(f"row {r}: expected a non-empty list of colours")
    if len(row) != width:
        raise ValueError(f"row {r}: has {len(row)} cells where row 0 has {width}")
    if width > MAX_SIDE:
        raise ValueError(f"row {r}: has {width} cells; a grid has at most {MAX_SIDE}")
    for c, color in enumerate(row):
        if type(color) is not int or not 0 <= color < N_COLORS:
            raise ValueError(
                f"row {r}, cell {c}: {color!r} is not a colour, an integer from 0 to 9"
            )


def to_rows(grid: Grid) -> list[list[int]]:
    """Return the grid as JSON rows of plain ints."""
    rows: list[list[int]] = grid.tolist()
    return rows


def grid_key(grid: Grid) -> tuple[int, int, bytes]:
    """Return a hashable value that is equal exactly for equal grids."""
    height, width = grid.shape
    return height, width, grid.tobytes()


def grids_equal(a: Grid, b: Grid) -> bool:
    """Whether two grids have the same shape and cells."""
    return a.shape == b.shape and bool((a == b).all())
