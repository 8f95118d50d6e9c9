"""Primitives that make a whole grid from a whole grid."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from arc_submit.arc.grid import Grid
from arc_submit.dsl.registry import primitive

# ---- symmetries


@primitive("rotate_90(img, 1)")
def rotate_90(img: Grid, n_rot90: int) -> Grid:
    """Turn counter-clockwise by quarter turns."""
    return np.rot90(img, n_rot90)


@primitive("flip(img, 0)")
def flip(img: Grid, axis: int) -> Grid:
    """Reverse the rows (axis 0) or the columns (axis 1)."""
    return np.flip(img, axis)


@primitive("transpose(img)")
def transpose(img: Grid) -> Grid:
    """Swap rows and columns."""
    return img.T


# ---- colours


@primitive("apply_colormap(img, {1: 2, 2: 1})")
def apply_colormap(img: Grid, colormap: Mapping[int, int]) -> Grid:
    """Replace colours, all at once."""
    mapped = img.copy()
    for old, new in colormap.items():
        mapped[img == old] = new
    return mapped


@primitive("keep_color(img, 3)")
def keep_color(img: Grid, color: int) -> Grid:
    """Set every cell of another colour to 0."""
    return np.where(img == color, img, 0).astype(np.int8)


@primitive("fill_mode(img)")
def fill_mode(img: Grid) -> Grid:
    """Colour every cell in the most common colour."""
    return np.full(img.shape, mode(img), dtype=np.int8)


@primitive("mode(img)")
def mode(img: Grid) -> int:
    """The most common colour, the smallest of several."""
    return int(np.bincount(img.ravel()).argmax())


@primitive("rarest(img)")
def rarest(img: Grid) -> int:
    """The least common colour of those in the grid, the smallest of several."""
    colors, counts = np.unique(img, return_counts=True)
    return int(colors[counts.argmin()])


@primitive("count_color(img, 3)")
def count_color(img: Grid, color: int) -> int:
    """How many cells have a colour."""
    return int((img == color).sum())


# ---- sizes


@primitive("upscale(img, (2, 2))")
def upscale(img: Grid, scale: tuple[int, int]) -> Grid:
    """Make each cell a block of (rows, columns) cells."""
    return np.repeat(np.repeat(img, scale[0], axis=0), scale[1], axis=1)


@primitive("downscale(img, (2, 2))")
def downscale(img: Grid, scale: tuple[int, int]) -> Grid:
    """Keep the top left cell of each block of (rows, columns) cells."""
    return img[:: scale[0], :: scale[1]]


@primitive("tile(img, (1, 2))")
def tile(img: Grid, times: tuple[int, int]) -> Grid:
    """Repeat the grid (down, across)."""
    return np.tile(img, times)


@primitive("mirror(img, 'right')")
def mirror(img: Grid, side: str) -> Grid:
    """Put the mirror image beside the grid: 'right', 'left', 'down' or 'up'."""
    axis = 1 if side in ("right", "left") else 0
    pair = (img, np.flip(img, axis))
    return np.concatenate(pair if side in ("right", "down") else pair[::-1], axis=axis)


@primitive("crop(img, (0, 0), (2, 2))")
def crop(img: Grid, point1: tuple[int, int], point2: tuple[int, int]) -> Grid:
    """Cut out the part between two corner cells, both included."""
    return img[point1[0] : point2[0] + 1, point1[1] : point2[1] + 1]


@primitive("crop_content(img, 0)")
def crop_content(img: Grid, background: int) -> Grid:
    """Cut out the smallest part that holds every cell of another colour."""
    rows, cols = np.nonzero(img != background)
    return img[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1]


@primitive("split(img, 1, 3, 0)")
def split(img: Grid, axis: int, parts: int, index: int) -> Grid:
    """Cut into equal parts along an axis (0 down, 1 across), lines between them out, and take one.

    Raises:
        ValueError: if the side is no multiple of the parts, nor with a line between any two.
    """
    side = img.shape[axis]
    gap = 0 if side % parts == 0 else 1
    length, rest = divmod(side - gap * (parts - 1), parts)
    if rest or length < 1:
        raise ValueError(f"{side} lines cannot be cut into {parts} equal parts")
    start = range(parts)[index] * (length + gap)
    return img.take(range(start, start + length), axis)


@primitive("trim(img, 1)")
def trim(img: Grid, width: int) -> Grid:
    """Cut the border off."""
    return img[width : img.shape[0] - width, width : img.shape[1] - width]


@primitive("pad(img, 1, 0)")
def pad(img: Grid, width: int, color: int) -> Grid:
    """Put a border around the grid."""
    return np.pad(img, width, constant_values=color)


@primitive("deduplicate(img)")
def deduplicate(img: Grid) -> Grid:
    """Keep one of each group of equal neighbouring rows, then the same for columns."""
    for _ in range(2):
        is_new = np.ones(img.shape[0], dtype=bool)
        is_new[1:] = (img[1:] != img[:-1]).any(axis=1)
        img = img[is_new].T
    return img


# ---- moves


@primitive("shift(img, (1, 0), 0)")
def shift(img: Grid, by: tuple[int, int], color: int) -> Grid:
    """Move everything by (rows, columns) and fill what is left behind."""
    height, width = img.shape
    shifted = np.full(img.shape, color, dtype=np.int8)
    down, right = by
    bottom, end = max(height - max(down, 0), 0), max(width - max(right, 0), 0)
    part = img[max(-down, 0) : bottom, max(-right, 0) : end]
    shifted[max(down, 0) :, max(right, 0) :][: part.shape[0], : part.shape[1]] = part
    return shifted


@primitive("roll(img, (1, 0))")
def roll(img: Grid, by: tuple[int, int]) -> Grid:
    """Move everything by (rows, columns); what leaves on one side comes in on the other."""
    return np.roll(img, by, axis=(0, 1))


@primitive("gravity(img, 'down')")
def gravity(img: Grid, side: str) -> Grid:
    """Let every cell that is not 0 fall to a side: 'right', 'left', 'down' or 'up'."""
    lines = img.T if side in ("down", "up") else img
    is_filled = (lines != 0) if side in ("down", "right") else (lines == 0)
    order = np.argsort(is_filled, axis=1, kind="stable")
    fallen = np.take_along_axis(lines, order, axis=1)
    return fallen.T if side in ("down", "up") else fallen


# ---- two grids


@primitive("combine(img, flip(img, 1), 'and', 3)")
def combine(img: Grid, other: Grid, rule: str, color: int) -> Grid:
    """Colour where 'and', 'or', 'xor' or 'nor' of two grids' cells other than 0 holds, else 0."""
    a, b = img != 0, other != 0
    holds = {"and": a & b, "or": a | b, "xor": a ^ b, "nor": ~(a | b)}[rule]
    return np.where(holds, color, 0).astype(np.int8)


@primitive("stamp(img, flip(img, 1))")
def stamp(img: Grid, other: Grid) -> Grid:
    """Put a second grid in place of every cell that is not 0, and 0s in place of the others."""
    return np.kron(img != 0, other).astype(np.int8)


@primitive("overlay(img, flip(img, 1))")
def overlay(img: Grid, other: Grid) -> Grid:
    """Fill the cells of colour 0 with those of a second grid of the same shape."""
    return np.where(img == 0, other, img).astype(np.int8)


@primitive("concatenate(img, flip(img, 1), 1)")
def concatenate(img: Grid, other: Grid, axis: int) -> Grid:
    """Put a second grid below (axis 0) or to the right (axis 1)."""
    return np.concatenate((img, other), axis=axis)
