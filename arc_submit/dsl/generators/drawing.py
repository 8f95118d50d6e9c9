"""Drawings: a few draw calls on each of a task's canvases.

Family and parameters after the seeds' iteration 5, which draws on one canvas of one colour.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from arc_submit.arc.grid import MAX_SIDE, Grid, freeze
from arc_submit.dsl.generators import scenes
from arc_submit.dsl.generators.base import GeneratedTask
from arc_submit.dsl.generators.scenes import Shape
from arc_submit.dsl.program import build_program
from arc_submit.dsl.strokes import Stroke, canonical_strokes, draw

Canvas = Callable[[np.random.Generator, Shape], Grid]


def solid_canvas(rng: np.random.Generator, shape: Shape) -> Grid:
    """One colour, mostly 0."""
    return np.full(shape, 0 if rng.random() < 0.7 else rng.integers(10), dtype=np.int8)


def noise_canvas(rng: np.random.Generator, shape: Shape) -> Grid:
    """Scattered cells of a few colours on 0."""
    return scenes.scattered(rng, shape, scenes.random_palette(rng))


def object_canvas(rng: np.random.Generator, shape: Shape) -> Grid:
    """A few rectangles on 0."""
    return scenes.rectangles(rng, shape, scenes.random_palette(rng))


def generate_drawing(
    rng: np.random.Generator,
    *,
    canvas: Canvas = solid_canvas,
    min_calls: int = 1,
    max_calls: int = 5,
    max_extent: int = MAX_SIDE,
    min_side: int = 3,
    max_side: int = 10,
    max_inputs: int = 1,
) -> GeneratedTask:
    """Draw ``min_calls`` to ``max_calls`` calls on canvases of one shape.

    Args:
        max_extent: where it is smaller than the largest grid, only pixels, straight lines and
            rectangles of at most so many cells across are drawn.
        min_side, max_side: of the canvases.
    """
    rows, cols = rng.integers(min_side, max_side + 1, 2).tolist()
    n_inputs = int(rng.integers(1, max_inputs + 1))
    canvases = [canvas(rng, (rows, cols)) for _ in range(n_inputs)]

    def propose() -> list[Stroke]:
        n_calls = int(rng.integers(min_calls, max_calls + 1))
        return [_stroke(rng, (rows, cols), max_extent) for _ in range(n_calls)]

    return draw_on(canvases, propose)


def draw_on(canvases: Sequence[Grid], propose: Callable[[], list[Stroke]]) -> GeneratedTask:
    """Return the task whose program draws the first proposed strokes of which any are seen."""
    strokes: list[Stroke] = []
    while not strokes:
        strokes = canonical_strokes(propose(), canvases)
    program = build_program([stroke.call(canvases[0].shape) for stroke in strokes])
    outputs = tuple(freeze(draw(strokes, img)) for img in canvases)
    return GeneratedTask(tuple(map(freeze, canvases)), outputs, program)


# ---- one random stroke each


def _stroke(rng: np.random.Generator, shape: Shape, max_extent: int) -> Stroke:
    if max_extent < MAX_SIDE:
        return _small_stroke(rng, shape, max_extent)
    return _STROKES[rng.integers(len(_STROKES))](rng, shape)


def _small_stroke(rng: np.random.Generator, shape: Shape, max_extent: int) -> Stroke:
    """Anywhere with the same chance, in any size with the same chance."""
    height, width = (int(rng.integers(1, min(side, max_extent) + 1)) for side in shape)
    top, left = int(rng.integers(shape[0] - height + 1)), int(rng.integers(shape[1] - width + 1))
    return Stroke(top, left, top + height - 1, left + width - 1, random_color(rng))


def _pixel(rng: np.random.Generator, shape: Shape) -> Stroke:
    row, col = (int(rng.integers(side)) for side in shape)
    return Stroke(row, col, row, col, random_color(rng))


def _horizontal_line(rng: np.random.Generator, shape: Shape) -> Stroke:
    row = int(rng.integers(shape[0]))
    return Stroke(row, 0, row, shape[1] - 1, random_color(rng))


def _vertical_line(rng: np.random.Generator, shape: Shape) -> Stroke:
    col = int(rng.integers(shape[1]))
    return Stroke(0, col, shape[0] - 1, col, random_color(rng))


def _line(rng: np.random.Generator, shape: Shape) -> Stroke:
    """At least two cells: across, down, or along a diagonal."""
    down, right, slope = ((0, 1, 0), (1, 0, 0), (1, 1, 1), (1, 1, -1))[rng.integers(4)]
    length = int(rng.integers(1, min(s for s, d in zip(shape, (down, right), strict=True) if d)))
    top = int(rng.integers(0, shape[0] - length * down))
    left = int(rng.integers(0, shape[1] - length * right))
    return Stroke(top, left, top + length * down, left + length * right, random_color(rng), slope)


def _rectangle(rng: np.random.Generator, shape: Shape) -> Stroke:
    """At least 2x2 cells."""
    (top, bottom), (left, right) = (
        sorted(rng.choice(side, 2, replace=False).tolist()) for side in shape
    )
    return Stroke(top, left, bottom, right, random_color(rng))


def random_color(rng: np.random.Generator) -> int:
    """Return any of the ten."""
    return int(rng.integers(10))


_STROKES: tuple[Callable[[np.random.Generator, Shape], Stroke], ...] = (
    _pixel,
    _horizontal_line,
    _vertical_line,
    _line,
    _rectangle,
)
