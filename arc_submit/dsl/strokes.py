"""Draw calls as data, and their canonical form: one picture, as few programs as possible.

A model that sees many programs for one picture learns the average of them. In canonical form no
stroke can be left out, none reaches further than what is seen of it, each is written by the
narrowest call, and strokes that may change places stand in the order of their first cells.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from arc_submit.arc.grid import Grid
from arc_submit.dsl.program import build_statement, read_statements


@dataclass(frozen=True, slots=True)
class Stroke:
    """A filled rectangle or a diagonal, in one colour; all four bounds are inside the canvas."""

    top: int
    left: int
    bottom: int
    right: int
    color: int
    slope: int = 0
    """0 for a rectangle; 1 for a diagonal that falls to the right, -1 for one that rises."""

    @property
    def cells(self) -> tuple[Any, Any]:
        """What it covers, as an index into a canvas."""
        if self.slope:
            cols = np.arange(self.left, self.right + 1)[:: self.slope]
            return np.arange(self.top, self.bottom + 1), cols
        return slice(self.top, self.bottom + 1), slice(self.left, self.right + 1)

    def call(self, shape: tuple[int, ...]) -> str:
        """Return the narrowest call that draws this stroke on a canvas of this shape."""
        top, left, bottom, right = self.top, self.left, self.bottom, self.right
        if self.slope < 0:
            left, right = right, left
        if (top, left) == (bottom, right):
            return f"draw_pixel(img, ({top}, {left}), {self.color})"
        if self.slope == 0:
            if top == bottom and right - left + 1 == shape[1]:
                return f"draw_horizontal_line(img, {top}, {self.color})"
            if left == right and bottom - top + 1 == shape[0]:
                return f"draw_vertical_line(img, {left}, {self.color})"
        name = "draw_line" if self.slope or top == bottom or left == right else "draw_rectangle"
        return f"{name}(img, ({top}, {left}), ({bottom}, {right}), {self.color})"


def read_strokes(source: str, shape: tuple[int, ...]) -> list[Stroke] | None:
    """Return the strokes of a program that only draws, as they fall on a canvas of a shape.

    What would fall beside the canvas is left out. None where the program does anything else.
    """
    statements = read_statements(source)
    if statements is None:
        return None
    strokes = []
    for line in statements:
        stroke = _read_stroke(line, shape)
        if stroke is None:
            return None
        clipped = _clip(stroke, shape)
        if clipped is not None:
            strokes.append(clipped)
    return strokes


def move_statement(
    statement: str, cell: tuple[int, int], shape: tuple[int, ...], rng: random.Random
) -> str:
    """Return a statement that draws the same stroke around a cell; any other as it is."""
    stroke = _read_stroke(statement, shape)
    stroke = stroke and _clip(stroke, shape)
    if stroke is None:
        return statement
    down = _shift(stroke.top, stroke.bottom, cell[0], shape[0], rng)
    across = _shift(stroke.left, stroke.right, cell[1], shape[1], rng)
    moved = replace(
        stroke,
        top=stroke.top + down,
        left=stroke.left + across,
        bottom=stroke.bottom + down,
        right=stroke.right + across,
    )
    return build_statement(moved.call(shape))


def _shift(first: int, last: int, goal: int, size: int, rng: random.Random) -> int:
    """Return a random shift by which first to last holds the goal, and stays within the size."""
    length = last - first
    return rng.randint(max(goal - length, 0), min(goal, size - 1 - length)) - first


def _read_stroke(statement: str, shape: tuple[int, ...]) -> Stroke | None:
    """Return the stroke of a draw call, wherever it falls, or None for any other statement."""
    call = re.fullmatch(r" +img = (draw_\w+)\(img, ([\d, ()]+)\)", statement)
    if call is None:
        return None
    *point, color = map(int, re.findall(r"\d+", call[2]))
    height, width = shape
    match name := call[1], point:
        case "draw_pixel", [row, col]:
            ends = (row, col, row, col)
        case "draw_horizontal_line", [row]:
            ends = (row, 0, row, width - 1)
        case "draw_vertical_line", [col]:
            ends = (0, col, height - 1, col)
        case (("draw_line" | "draw_rectangle"), [top, left, bottom, right]):
            ends = (top, left, bottom, right)
        case _:
            return None
    (top, bottom), (left, right) = sorted(ends[::2]), sorted(ends[1::2])
    slope = 0
    if name == "draw_line" and top != bottom and left != right:
        if bottom - top != right - left:
            return None
        slope = 1 if (ends[0] < ends[2]) == (ends[1] < ends[3]) else -1
    return Stroke(top, left, bottom, right, color, slope) if color <= 9 else None


def _clip(stroke: Stroke, shape: tuple[int, ...]) -> Stroke | None:
    """Return the part of a stroke that is on the canvas, if any."""
    below = max(stroke.bottom - shape[0] + 1, 0)
    beyond = max(stroke.right - shape[1] + 1, 0)
    top, left = stroke.top, stroke.left
    if stroke.slope > 0:
        below = beyond = max(below, beyond)
    elif stroke.slope < 0:
        top, left = top + beyond, left + below
    bottom, right = stroke.bottom - below, stroke.right - beyond
    is_there = top <= bottom and left <= right
    return replace(stroke, top=top, left=left, bottom=bottom, right=right) if is_there else None


def draw(strokes: Iterable[Stroke], canvas: Grid) -> Grid:
    """Return the canvas with all strokes on it, the later over the earlier."""
    img = canvas.copy()
    for stroke in strokes:
        img[stroke.cells] = stroke.color
    return img


def canonical_strokes(strokes: Sequence[Stroke], canvases: Sequence[Grid]) -> list[Stroke]:
    """Return the canonical form of strokes that are drawn on each of some canvases of one shape."""
    kept = list(strokes)
    pictures = [draw(kept, canvas) for canvas in canvases]
    for i in reversed(range(len(kept))):
        kept[i : i + 1] = _shrink(kept, i, canvases, pictures)
    while True:
        kept = _sorted(kept, canvases[0].shape)
        idle = _find_idle(kept, canvases)
        if idle is None:
            return kept
        del kept[idle]


def _find_idle(strokes: list[Stroke], canvases: Sequence[Grid]) -> int | None:
    """Return the last stroke without which the pictures are the same."""
    needed: set[int] = set()
    for canvas in canvases:
        seen, beneath = canvas.copy(), canvas.copy()
        owner = np.full(canvas.shape, -1)
        for i, stroke in enumerate(strokes):
            cells = stroke.cells
            beneath[cells] = seen[cells]
            seen[cells] = stroke.color
            owner[cells] = i
        needed.update(owner[beneath != seen].tolist())
    return next((i for i in reversed(range(len(strokes))) if i not in needed), None)


def _shrink(
    strokes: list[Stroke], i: int, canvases: Sequence[Grid], pictures: Sequence[Grid]
) -> list[Stroke]:
    """Return stroke i no larger than needed: no cell beyond those that only its colour explains."""
    stroke = strokes[i]
    others = [other for other in strokes if other.color != stroke.color]
    is_needed = np.zeros(canvases[0].shape, dtype=bool)
    for canvas, picture in zip(canvases, pictures, strict=True):
        needs = picture == stroke.color
        if stroke.color in canvas:  # the picture may have it without any stroke
            needs &= draw(others, canvas) != stroke.color
        is_needed |= needs
    is_own = np.zeros_like(is_needed)
    is_own[stroke.cells] = True
    rows, cols = np.nonzero(is_needed & is_own)
    if not len(rows):
        return []
    bounds = {
        "top": int(rows.min()),
        "left": int(cols.min()),
        "bottom": int(rows.max()),
        "right": int(cols.max()),
    }
    return [replace(stroke, **bounds)]


def _sorted(strokes: list[Stroke], shape: tuple[int, ...]) -> list[Stroke]:
    """Sort by first cell, as far as no stroke comes before one that it is seen to lie on."""
    owner = np.full(shape, -1)
    for i, stroke in enumerate(strokes):
        owner[stroke.cells] = i
    above = [
        {o for o in owner[stroke.cells].ravel().tolist() if strokes[o].color != stroke.color}
        for stroke in strokes
    ]
    n_below = Counter(o for owners in above for o in owners)
    left = sorted(range(len(strokes)), key=lambda i: (strokes[i].top, strokes[i].left, i))
    order: list[Stroke] = []
    while left:
        first = next(i for i in left if not n_below[i])
        left.remove(first)
        n_below.subtract(above[first])
        order.append(strokes[first])
    return order
