"""Random input grids of the kinds that real tasks show: noise, scattered cells, shapes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from arc_submit.arc.grid import Grid

Shape = tuple[int, int]
Palette = tuple[int, ...]


def random_palette(rng: np.random.Generator) -> Palette:
    """One to four colours other than 0."""
    return tuple(int(c) for c in rng.permutation(np.arange(1, 10))[: rng.integers(1, 5)])


def noise(rng: np.random.Generator, shape: Shape, palette: Palette) -> Grid:
    """Every cell at random, from the palette and 0."""
    return rng.choice((0, *palette), shape).astype(np.int8)


def full_noise(rng: np.random.Generator, shape: Shape, palette: Palette) -> Grid:
    """Every cell at random, from the palette only."""
    return rng.choice(palette, shape).astype(np.int8)


def scattered(rng: np.random.Generator, shape: Shape, palette: Palette) -> Grid:
    """A few cells on 0."""
    grid = noise(rng, shape, palette)
    grid[rng.random(shape) > rng.uniform(0.1, 0.4)] = 0
    return grid


def rectangles(rng: np.random.Generator, shape: Shape, palette: Palette) -> Grid:
    """One to three rectangles on 0, filled or outlined."""
    grid = np.zeros(shape, dtype=np.int8)
    for _ in range(rng.integers(1, 4)):
        (top, bottom), (left, right) = (np.sort(rng.integers(0, side, 2)) for side in shape)
        grid[top : bottom + 1, left : right + 1] = rng.choice(palette)
        if rng.random() < 0.5:
            grid[top + 1 : bottom, left + 1 : right] = 0
    return grid


def lone_shape(rng: np.random.Generator, shape: Shape, palette: Palette) -> Grid:
    """One small irregular shape somewhere on 0."""
    grid = np.zeros(shape, dtype=np.int8)
    height, width = (int(rng.integers(1, max(2, side // 2 + 1))) for side in shape)
    top, left = rng.integers(shape[0] - height + 1), rng.integers(shape[1] - width + 1)
    cells = noise(rng, (height, width), palette[: int(rng.integers(1, 3))])
    grid[top : top + height, left : left + width] = cells
    return grid


def separate_shapes(
    rng: np.random.Generator, shape: Shape, palette: Palette, most: int = 4
) -> Grid:
    """Two to ``most`` small shapes on 0, as far as there is room, none beside another."""
    grid = np.zeros(shape, dtype=np.int8)
    for _ in range(rng.integers(2, most + 1)):
        cells = _small_shape(rng, palette)
        height, width = cells.shape
        if height > shape[0] or width > shape[1]:
            continue
        top = int(rng.integers(shape[0] - height + 1))
        left = int(rng.integers(shape[1] - width + 1))
        if not grid[max(top - 1, 0) : top + height + 1, max(left - 1, 0) : left + width + 1].any():
            grid[top : top + height, left : left + width] = cells
    return grid


def _small_shape(rng: np.random.Generator, palette: Palette) -> Grid:
    kind = rng.integers(6)
    height, width = rng.integers(1, 5, 2).tolist() if kind else (1, 1)
    if kind == 1:
        height, width = (1, width) if rng.random() < 0.5 else (height, 1)
    elif kind == 2:
        width = height
    elif kind == 3:
        height, width = max(height, 3), max(width, 3)
    cells = np.full((height, width), rng.choice(palette), dtype=np.int8)
    if kind == 3:
        cells[1:-1, 1:-1] = 0
    elif kind == 4:
        cells[rng.random((height, width)) < 0.35] = 0
    elif kind == 5 and rng.random() < 0.3:
        cells = rng.choice(palette, (height, width)).astype(np.int8)
    return cells


def torn_tiling(rng: np.random.Generator, shape: Shape, palette: Palette) -> Grid:
    """A tile of up to 3x3 cells repeated, with a rectangle of 0 torn out."""
    tile = full_noise(rng, (int(rng.integers(1, 4)), int(rng.integers(1, 4))), palette)
    times = tuple(-(-side // part) for side, part in zip(shape, tile.shape, strict=True))
    grid = np.tile(tile, times)[: shape[0], : shape[1]]
    height, width = (int(rng.integers(1, max(2, side // 2))) for side in shape)
    top, left = rng.integers(shape[0] - height + 1), rng.integers(shape[1] - width + 1)
    grid[top : top + height, left : left + width] = 0
    return grid


def divided(
    rng: np.random.Generator, shape: Shape, palette: Palette, *, axis: int, parts: int, line: int
) -> Grid:
    """Scattered cells, one colour for each equal part; lines between parts unless -1."""
    is_filled = np.split(rng.random(shape) < 0.5, parts, axis=axis)
    cells = [part * palette[i % len(palette)] for i, part in enumerate(is_filled)]
    grid = np.concatenate(cells, axis=axis).astype(np.int8)
    if line < 0:
        return grid
    starts = [shape[axis] // parts * i for i in range(1, parts)]
    return np.insert(grid, starts, line, axis=axis)


SCENES: tuple[Callable[[np.random.Generator, Shape, Palette], Grid], ...] = (
    noise,
    full_noise,
    scattered,
    rectangles,
    lone_shape,
)
