"""Primitives that draw on a canvas. What lies outside it is clipped, never an error."""

from __future__ import annotations

import numpy as np

from arc_submit.arc.grid import Grid
from arc_submit.dsl.registry import primitive

Point = tuple[int, int]


@primitive("create_img((5, 5), 3)")
def create_img(shape: tuple[int, int], color: int = 0) -> Grid:
    """A new canvas of one colour."""
    return np.full(shape, color, dtype=np.int8)


@primitive("draw_pixel(img, (2, 3), 4)")
def draw_pixel(img: Grid, point: Point, color: int) -> Grid:
    """Colour one cell."""
    return draw_rectangle(img, point, point, color)


@primitive("draw_line(img, (0, 0), (4, 4), 2)")
def draw_line(img: Grid, point1: Point, point2: Point, color: int) -> Grid:
    """A horizontal, vertical or 45 degree line between two cells, both included.

    Raises:
        ValueError: if the line has another slope.
    """
    height, width = point2[0] - point1[0], point2[1] - point1[1]
    steps = max(abs(height), abs(width))
    if height and width and abs(height) != abs(width):
        raise ValueError(f"the line from {point1} to {point2} is at no multiple of 45 degrees")
    along = np.arange(steps + 1)
    rows = point1[0] + np.sign(height) * along
    cols = point1[1] + np.sign(width) * along
    inside = (rows >= 0) & (rows < img.shape[0]) & (cols >= 0) & (cols < img.shape[1])
    drawn = img.copy()
    drawn[rows[inside], cols[inside]] = color
    return drawn


@primitive("draw_rectangle(img, (1, 1), (3, 4), 5)")
def draw_rectangle(img: Grid, point1: Point, point2: Point, color: int) -> Grid:
    """A filled rectangle with the two cells as opposite corners."""
    (top, bottom), (left, right) = sorted((point1[0], point2[0])), sorted((point1[1], point2[1]))
    drawn = img.copy()
    drawn[max(top, 0) : max(bottom + 1, 0), max(left, 0) : max(right + 1, 0)] = color
    return drawn


@primitive("draw_horizontal_line(img, 2, 7)")
def draw_horizontal_line(img: Grid, row: int, color: int) -> Grid:
    """Colour a whole row."""
    return draw_rectangle(img, (row, 0), (row, img.shape[1] - 1), color)


@primitive("draw_vertical_line(img, 2, 7)")
def draw_vertical_line(img: Grid, col: int, color: int) -> Grid:
    """Colour a whole column."""
    return draw_rectangle(img, (0, col), (img.shape[0] - 1, col), color)
