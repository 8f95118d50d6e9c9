"""Drawings: a few draw calls on a canvas of one colour, one input and one output.

Calls are in a canonical form: no call without effect, and neighbours that commute are sorted, so
that one picture has few programs. Family and parameters after the seeds' iteration 5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from arc_submit.arc.grid import Grid, freeze, grids_equal
from arc_submit.dsl.generators.base import GeneratedTask, apply_call, build_program

Shape = tuple[int, ...]


def generate_drawing(
    rng: np.random.Generator, *, max_calls: int = 5, min_side: int = 3, max_side: int = 10
) -> GeneratedTask:
    """Draw 1 to ``max_calls`` calls on a canvas with sides in the given range."""
    shape = tuple(int(side) for side in rng.integers(min_side, max_side + 1, 2))
    canvas = np.full(shape, 0 if rng.random() < 0.7 else rng.integers(10), dtype=np.int8)
    while True:
        n_calls = int(rng.integers(1, max_calls + 1))
        calls = [_CALLS[rng.integers(len(_CALLS))](rng, shape) for _ in range(n_calls)]
        calls = canonical_order(_drop_idle(calls, canvas), canvas)
        if calls:
            break
    output = _draw(calls, canvas)
    return GeneratedTask((freeze(canvas),), (freeze(output),), build_program(calls))


def canonical_order(calls: Sequence[str], canvas: Grid) -> list[str]:
    """Sort neighbouring calls whose order does not matter on this canvas."""
    ordered = list(calls)
    for end in range(len(ordered) - 1, 0, -1):
        for i in range(end):
            swapped = [*ordered[:i], ordered[i + 1], ordered[i], *ordered[i + 2 :]]
            if ordered[i + 1] < ordered[i] and grids_equal(
                _draw(swapped, canvas), _draw(ordered, canvas)
            ):
                ordered = swapped
    return ordered


def _drop_idle(calls: list[str], canvas: Grid) -> list[str]:
    """Remove calls without effect, one at a time against the calls kept so far."""
    for i in reversed(range(len(calls))):
        shorter = calls[:i] + calls[i + 1 :]
        if grids_equal(_draw(shorter, canvas), _draw(calls, canvas)):
            calls = shorter
    return calls


def _draw(calls: Sequence[str], img: Grid) -> Grid:
    for call in calls:
        img = apply_call(call, img)
    return img


# ---- one random call each


def _pixel(rng: np.random.Generator, shape: Shape) -> str:
    row, col = (int(rng.integers(side)) for side in shape)
    return f"draw_pixel(img, ({row}, {col}), {_color(rng)})"


def _horizontal_line(rng: np.random.Generator, shape: Shape) -> str:
    return f"draw_horizontal_line(img, {rng.integers(shape[0])}, {_color(rng)})"


def _vertical_line(rng: np.random.Generator, shape: Shape) -> str:
    return f"draw_vertical_line(img, {rng.integers(shape[1])}, {_color(rng)})"


def _line(rng: np.random.Generator, shape: Shape) -> str:
    """At least two cells; the end further left, then further up, comes first."""
    down, right = ((0, 1), (1, 0), (1, 1), (-1, 1))[rng.integers(4)]
    length = int(rng.integers(1, min(s for s, d in zip(shape, (down, right), strict=True) if d)))
    row = int(rng.integers(length if down < 0 else 0, shape[0] - (length if down > 0 else 0)))
    col = int(rng.integers(0, shape[1] - (length if right else 0)))
    end = f"({row + down * length}, {col + right * length})"
    return f"draw_line(img, ({row}, {col}), {end}, {_color(rng)})"


def _rectangle(rng: np.random.Generator, shape: Shape) -> str:
    """At least 2x2 cells, from the top left to the bottom right corner."""
    (top, bottom), (left, right) = (
        sorted(rng.choice(side, 2, replace=False).tolist()) for side in shape
    )
    return f"draw_rectangle(img, ({top}, {left}), ({bottom}, {right}), {_color(rng)})"


def _color(rng: np.random.Generator) -> int:
    return int(rng.integers(10))


_CALLS: tuple[Callable[[np.random.Generator, Shape], str], ...] = (
    _pixel,
    _horizontal_line,
    _vertical_line,
    _line,
    _rectangle,
)
