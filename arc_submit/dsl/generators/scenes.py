"""Random input grids of the kinds that real tasks show: noise, scattered cells, shapes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from arc_submit.arc.grid import Grid

Shape = tuple[int, int]
Palette = tuple[int, ...]


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


SCENES: tuple[Callable[[np.random.Generator, Shape, Palette], Grid], ...] = (
    noise,
    full_noise,
    scattered,
    rectangles,
    lone_shape,
)
