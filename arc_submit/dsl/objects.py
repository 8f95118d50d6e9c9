"""Primitives that see a grid as objects: connected cells that can be told apart, moved and drawn.

An object is made of plain numbers and cannot be changed; its moves return new objects. What lies
outside a grid is clipped when it is drawn, never an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arc_submit.arc.grid import Grid
from arc_submit.dsl.registry import primitive


@dataclass(frozen=True, slots=True)
class Object:
    """Cells (row, column, colour) in reading order: at least one."""

    cells: tuple[tuple[int, int, int], ...]

    @property
    def area(self) -> int:
        """How many cells it has."""
        return len(self.cells)

    @property
    def color(self) -> int:
        """Its most common colour, the smallest of several."""
        return int(np.bincount([color for _, _, color in self.cells]).argmax())

    @property
    def top(self) -> int:
        """Its first row."""
        return self.cells[0][0]

    @property
    def bottom(self) -> int:
        """Its last row."""
        return self.cells[-1][0]

    @property
    def left(self) -> int:
        """Its first column."""
        return min(col for _, col, _ in self.cells)

    @property
    def right(self) -> int:
        """Its last column."""
        return max(col for _, col, _ in self.cells)

    @property
    def height(self) -> int:
        """How many rows it spans."""
        return self.bottom - self.top + 1

    @property
    def width(self) -> int:
        """How many columns it spans."""
        return self.right - self.left + 1

    @property
    def is_point(self) -> bool:
        """Whether it is one cell."""
        return self.area == 1

    @property
    def is_horizontal_line(self) -> bool:
        """Whether it is a row of at least two cells."""
        return self.area > 1 and self.height == 1

    @property
    def is_vertical_line(self) -> bool:
        """Whether it is a column of at least two cells."""
        return self.area > 1 and self.width == 1

    @property
    def is_line(self) -> bool:
        """Whether it is a horizontal or a vertical line."""
        return self.is_horizontal_line or self.is_vertical_line

    @property
    def is_rectangle(self) -> bool:
        """Whether it fills a box of at least 2x2 cells."""
        height, width = self.height, self.width
        return min(height, width) > 1 and self.area == height * width

    @property
    def is_square(self) -> bool:
        """Whether it is a rectangle as high as wide."""
        return self.is_rectangle and self.height == self.width

    @property
    def has_hole(self) -> bool:
        """Whether it surrounds a cell that is not its own."""
        height, width = self.height, self.width
        outside = {(r, c) for r in range(-1, height + 1) for c in range(-1, width + 1)}
        outside -= {(row - self.top, col - self.left) for row, col, _ in self.cells}
        _take_connected(outside, (-1, -1), _STEPS[4])
        return bool(outside)

    def move(self, by: tuple[int, int]) -> Object:
        """Move it by (rows, columns)."""
        down, right = by
        return Object(tuple((row + down, col + right, color) for row, col, color in self.cells))

    def change_color(self, color: int) -> Object:
        """Give all its cells one colour."""
        return Object(tuple((row, col, color) for row, col, _ in self.cells))


PROPERTIES = {
    name: str(member.__doc__)
    for name, member in vars(Object).items()
    if isinstance(member, property)
}
"""What a program may read of an object, and its meaning."""

MOVES = {
    "move(by)": str(Object.move.__doc__),
    "change_color(color)": str(Object.change_color.__doc__),
}
"""What makes a new object of one, and its meaning."""

COMPARABLE = ("area", "color", "top", "left", "bottom", "right", "height", "width")
"""The properties that objects are sorted by."""


# ---- finding and choosing


@primitive("detect_objects(img)")
def detect_objects(
    img: Grid, background: int = 0, connectivity: int = 4, monochrome: bool = True
) -> list[Object]:
    """Groups of neighbours (4 or 8 ways), of one colour or any, by first row, then column."""
    colors = img.tolist()
    groups: dict[int, set[tuple[int, int]]] = {}
    for row, line in enumerate(colors):
        for col, color in enumerate(line):
            if color != background:
                groups.setdefault(color if monochrome else 0, set()).add((row, col))
    objects = []
    for free in groups.values():
        while free:
            points = _take_connected(free, next(iter(free)), _STEPS[connectivity])
            objects.append(Object(tuple((r, c, colors[r][c]) for r, c in sorted(points))))
    return sorted(objects, key=lambda found: (found.top, found.left, found.cells))


_ACROSS = ((0, 1), (1, 0), (0, -1), (-1, 0))
_STEPS = {4: _ACROSS, 8: (*_ACROSS, (1, 1), (1, -1), (-1, 1), (-1, -1))}


def _take_connected(
    free: set[tuple[int, int]], start: tuple[int, int], steps: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Take a point and all that steps lead to out of a set."""
    free.discard(start)
    taken = [start]
    for row, col in taken:
        for down, right in steps:
            point = row + down, col + right
            if point in free:
                free.remove(point)
                taken.append(point)
    return taken


@primitive("largest_object(detect_objects(img))")
def largest_object(objects: Sequence[Object]) -> Object:
    """The object with the most cells, the first of several."""
    return max(objects, key=lambda found: found.area)


@primitive("smallest_object(detect_objects(img))")
def smallest_object(objects: Sequence[Object]) -> Object:
    """The object with the fewest cells, the first of several."""
    return min(objects, key=lambda found: found.area)


@primitive("sort_objects(detect_objects(img), 'area')")
def sort_objects(objects: Sequence[Object], by: str) -> list[Object]:
    """Objects by a property such as 'area', 'color', 'top' or 'height', the smallest first."""
    return sorted(objects, key=lambda found: _property(found, by))


@primitive("odd_object(detect_objects(img), 'color')")
def odd_object(objects: Sequence[Object], by: str) -> Object:
    """The first object whose property, such as 'color' or 'area', the fewest share."""
    values = [_property(found, by) for found in objects]
    counts = Counter(values)
    return min(zip(objects, values, strict=True), key=lambda pair: counts[pair[1]])[0]


def _property(found: Object, name: str) -> int:
    if name not in COMPARABLE:
        raise ValueError(f"objects have no property {name!r} to compare")
    value: int = getattr(found, name)
    return value


# ---- drawing and cutting out


@primitive("draw_object(img, largest_object(detect_objects(img)).move((0, 1)))")
def draw_object(img: Grid, object: Object) -> Grid:
    """Colour an object's cells."""
    drawn = img.copy()
    for row, col, color in object.cells:
        if 0 <= row < img.shape[0] and 0 <= col < img.shape[1]:
            drawn[row, col] = color
    return drawn


@primitive("crop_object(img, largest_object(detect_objects(img)))")
def crop_object(img: Grid, object: Object) -> Grid:
    """Cut out the part that an object spans."""
    top, left = max(object.top, 0), max(object.left, 0)
    return img[top : max(object.bottom + 1, 0), left : max(object.right + 1, 0)]
