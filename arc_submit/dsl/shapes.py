"""Primitives that go by the shapes in a grid: fill, outline, join or complete them."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np

from arc_submit.arc.grid import Grid
from arc_submit.dsl.registry import primitive


@primitive("fill_holes(img, 4)")
def fill_holes(img: Grid, color: int) -> Grid:
    """Colour every cell of colour 0 from which no path of such cells leads off the grid."""
    is_empty = np.pad(img == 0, 1, constant_values=True)
    reached = np.zeros_like(is_empty)
    reached[[0, -1], :] = reached[:, [0, -1]] = True
    while True:
        grown = reached.copy()
        grown[1:] |= reached[:-1]
        grown[:-1] |= reached[1:]
        grown[:, 1:] |= reached[:, :-1]
        grown[:, :-1] |= reached[:, 1:]
        grown &= is_empty
        if (grown == reached).all():
            break
        reached = grown
    return np.where((is_empty & ~reached)[1:-1, 1:-1], color, img).astype(np.int8)


@primitive("hollow(img)")
def hollow(img: Grid) -> Grid:
    """Set to 0 every cell whose eight neighbours all have its own colour."""
    padded = np.pad(img, 1, constant_values=-1)
    height, width = img.shape
    is_inner = np.ones(img.shape, dtype=bool)
    for r in range(3):
        for c in range(3):
            is_inner &= padded[r : r + height, c : c + width] == img
    return np.where(is_inner, 0, img).astype(np.int8)


@primitive("outline(img, 3)")
def outline(img: Grid, color: int) -> Grid:
    """Colour every cell of colour 0 that touches another, corners included."""
    height, width = img.shape
    padded = np.pad(img != 0, 1)
    is_near = np.zeros(img.shape, dtype=bool)
    for r in range(3):
        for c in range(3):
            is_near |= padded[r : r + height, c : c + width]
    return np.where(is_near & (img == 0), color, img).astype(np.int8)


@primitive("extend(img, 'right')")
def extend(img: Grid, side: str) -> Grid:
    """Let every cell that is not 0 run on over cells of 0: to 'right', 'left', 'down' or 'up'."""
    lines = img.T if side in ("down", "up") else img
    lines = lines if side in ("right", "down") else lines[:, ::-1]
    source = np.maximum.accumulate(np.where(lines != 0, np.arange(lines.shape[1]), 0), axis=1)
    extended = np.take_along_axis(lines, source, axis=1)
    extended = extended if side in ("right", "down") else extended[:, ::-1]
    return extended.T if side in ("down", "up") else extended


@primitive("connect(img)")
def connect(img: Grid) -> Grid:
    """Join each two cells of one colour that have only 0 between them in a row or a column."""
    connected = img.copy()
    for lines, drawn in ((img, connected), (img.T, connected.T)):
        for line, joined in zip(lines, drawn, strict=True):
            for start, end in pairwise(np.flatnonzero(line)):
                if line[start] == line[end]:
                    joined[start:end] = line[start]
    return connected


@primitive("complete_tiling(img, 0)")
def complete_tiling(img: Grid, color: int) -> Grid:
    """Replace the cells of one colour by what the smallest tile that repeats has in their place.

    A grid whose other cells do not repeat stays as it is.
    """
    height, width = img.shape
    sides = product(_periods(img, color), _periods(img.T, color))
    for rows, cols in sorted(sides, key=lambda side: (side[0] * side[1], side)):
        margins = ((0, -height % rows), (0, -width % cols))
        padded = np.pad(img, margins, constant_values=color)
        down, across = padded.shape[0] // rows, padded.shape[1] // cols
        tiles = padded.reshape(down, rows, across, cols).transpose(0, 2, 1, 3)
        is_free = tiles == color
        repeated = np.where(is_free, -1, tiles).max(axis=(0, 1))
        if repeated.min() >= 0 and (is_free | (tiles == repeated)).all():
            return np.tile(repeated, (down, across))[:height, :width]
    return img


def _periods(img: Grid, color: int) -> list[int]:
    """Return the shifts down, up to the height, after which no two cells contradict each other."""
    is_free = img == color
    return [
        by
        for by in range(1, len(img) + 1)
        if ((img[by:] == img[:-by]) | is_free[by:] | is_free[:-by]).all()
    ]
