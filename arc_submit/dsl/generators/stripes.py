"""Stripes: lines from edge to edge, all in one direction, also beside others that stood before.

Beside others the next line to draw is not the next one of the picture: a model that learned to
count, and not to look, is wrong there.
"""

from __future__ import annotations

import numpy as np

from arc_submit.arc.grid import Grid
from arc_submit.dsl.generators.base import GeneratedTask
from arc_submit.dsl.generators.drawing import Canvas, draw_on, random_color, solid_canvas
from arc_submit.dsl.generators.scenes import Shape
from arc_submit.dsl.strokes import Stroke, draw

_MOST_ON_CANVAS = 8


def striped_canvas(rng: np.random.Generator, shape: Shape) -> Grid:
    """One to eight stripes on one colour."""
    count = int(rng.integers(1, _MOST_ON_CANVAS + 1))
    return draw(_stripes(rng, shape, count), solid_canvas(rng, shape))


def generate_stripes(
    rng: np.random.Generator,
    *,
    canvas: Canvas = solid_canvas,
    min_calls: int = 1,
    max_calls: int = 5,
    min_side: int = 3,
    max_side: int = 10,
) -> GeneratedTask:
    """Draw ``min_calls`` to ``max_calls`` stripes on a canvas, as far as there is room.

    Args:
        min_side, max_side: of the canvas.
    """
    rows, cols = rng.integers(min_side, max_side + 1, 2).tolist()
    return draw_on(
        [canvas(rng, (rows, cols))],
        lambda: _stripes(rng, (rows, cols), int(rng.integers(min_calls, max_calls + 1))),
    )


def _stripes(rng: np.random.Generator, shape: Shape, count: int) -> list[Stroke]:
    """Stripes side by side, or with gaps between them."""
    stand = bool(rng.integers(2))
    side, end = (shape[1], shape[0] - 1) if stand else (shape[0], shape[1] - 1)
    count = min(count, side)
    places = np.arange(count) + rng.integers(side - count + 1)
    if rng.random() < 0.4:
        places = rng.permutation(side)[:count]
    return [
        Stroke(0, at, end, at, random_color(rng))
        if stand
        else Stroke(at, 0, at, end, random_color(rng))
        for at in places.tolist()
    ]
