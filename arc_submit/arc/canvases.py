"""Canvas tasks: one picture to be drawn on a black canvas, as in the seeds' experiments.

A canvas task has one train pair, from the black canvas to the picture, and the same black canvas
as its test input. Its picture is known, so it measures how a search goes, not how well it
generalises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from arc_submit.arc.grid import Grid, freeze
from arc_submit.arc.task import Pair, Task, TaskId
from arc_submit.errors import DataError

PALETTE: tuple[tuple[int, int, int], ...] = (
    (0, 0, 0),
    (0, 116, 217),
    (255, 65, 54),
    (46, 204, 64),
    (255, 220, 0),
    (170, 170, 170),
    (240, 18, 190),
    (255, 133, 27),
    (127, 219, 255),
    (135, 12, 37),
)
"""Red, green and blue of each colour, as ARC is usually shown."""

_CHICK = (
    "8888448888",
    "8844444488",
    "8440440448",
    "8424474248",
    "8444774448",
    "8844444488",
    "4444444444",
    "4444444444",
    "8444444448",
    "8847447488",
)


def build_canvas_task(task_id: TaskId, picture: Grid) -> Task:
    """Return the task of drawing a picture on a black canvas of its shape."""
    canvas = freeze(np.zeros(picture.shape))
    return Task(task_id, (Pair(canvas, picture),), (canvas,))


def canvas_names() -> Sequence[str]:
    """Return the names of the canvas tasks, roughly from easy to hard."""
    return tuple(_PICTURES)


def get_canvas_task(name: str) -> Task:
    """Return a canvas task by name.

    Raises:
        DataError: if there is none of this name.
    """
    if name not in _PICTURES:
        raise DataError(f"no canvas task {name!r}; there are {', '.join(_PICTURES)}")
    return build_canvas_task(name, freeze(_PICTURES[name]()))


def _lines() -> Grid:
    return np.tile(np.arange(1, 10, dtype=np.int8), (9, 1))


def _squares(rows: int, columns: int, *, side: int = 2) -> Grid:
    """Squares side by side, coloured 1-9 in turn, column by column."""
    numbers = np.arange(rows * columns).reshape(columns, rows).T
    return np.kron(numbers % 9 + 1, np.ones((side, side))).astype(np.int8)


def _nested_squares() -> Grid:
    """Five squares, each one cell inside the one before."""
    picture = np.zeros((10, 10), dtype=np.int8)
    for i in range(5):
        picture[i : 10 - i, i : 10 - i] = i + 1
    return picture


def _chick() -> Grid:
    return np.array([[int(color) for color in row] for row in _CHICK], dtype=np.int8)


_PICTURES: Mapping[str, Callable[[], Grid]] = {
    "9-vertical-lines": _lines,
    "9-squares": partial(_squares, 3, 3, side=3),
    "overlapping-squares": _nested_squares,
    "12-squares": partial(_squares, 3, 4),
    "16-squares": partial(_squares, 4, 4),
    "20-squares": partial(_squares, 5, 4),
    "25-squares": partial(_squares, 5, 5),
    "chick": _chick,
    "36-squares": partial(_squares, 6, 6),
    "49-squares": partial(_squares, 7, 7),
    "64-squares": partial(_squares, 8, 8),
    "81-squares": partial(_squares, 9, 9),
    "100-squares": partial(_squares, 10, 10),
}
