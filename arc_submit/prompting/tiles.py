"""Grids as tiles: rectangles and diagonals of one colour, each with its corners."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

import numpy as np

from arc_submit.arc.grid import Grid, freeze, parse_rows

_MIN_DIAGONAL = 3


class _Tile(NamedTuple):
    top: int
    bottom: int
    left: int
    right: int
    """Of a diagonal: the column of its bottom end, which may lie left of ``left``."""
    is_diagonal: bool
    color: int

    def cells(self) -> Iterator[tuple[int, int]]:
        if self.is_diagonal:
            step = 1 if self.right > self.left else -1
            yield from ((self.top + i, self.left + i * step) for i in range(self.height))
        else:
            for row in range(self.top, self.bottom + 1):
                yield from ((row, col) for col in range(self.left, self.right + 1))

    @property
    def height(self) -> int:
        return self.bottom - self.top + 1

    def __str__(self) -> str:
        end = "" if self.left == self.right else f"{'/' if self.is_diagonal else '-'}{self.right}"
        return f" {self.color}@{self.left}{end}"


class TileEncoder:
    """Every cell of another colour than the most common one, in the largest tiles that it makes.

    The 4x6 grid of 0 with a rectangle of 5 in rows 1-2 and columns 2-4, and a 3 in the cell under
    its left corner, reads ``4x6 bg 0``, then on new lines ``r1-2 5@2-4`` and ``r3 3@2``.
    ``r0-3 7@4/1`` is a diagonal from row 0, column 4 to row 3, column 1. Tiles do not overlap,
    and those of the same rows share a line. What a program draws mostly stands there as it was
    drawn, so that a small model can copy what a larger one would have to make out.
    """

    def encode(self, grid: Grid) -> str:
        background = find_background(grid)
        lines = [write_header(grid.shape, background)]
        tiles = sorted(_Tiling(grid.tolist(), background))
        for (top, bottom), row in groupby(tiles, key=lambda tile: (tile.top, tile.bottom)):
            rows = f"r{top}" if top == bottom else f"r{top}-{bottom}"
            lines.append(rows + "".join(map(str, row)))
        return "\n".join(lines)

    def decode(self, text: str) -> Grid:
        header, *lines = text.split("\n")
        (height, width), background = read_header(header)
        grid = np.full((height, width), background)
        for line in lines:
            for tile in _read_line(line):
                for row, col in tile.cells():
                    if not (row < height and 0 <= col < width):
                        raise ValueError(f"a tile leaves the grid: {line!r}")
                    grid[row, col] = tile.color
        if self.encode(freeze(grid)) != text:
            raise ValueError("the tiles are not those of any grid")
        return parse_rows(grid.tolist())


def find_background(grid: Grid) -> int:
    """Return the most common colour."""
    return int(np.bincount(grid.ravel()).argmax())


def write_header(shape: tuple[int, ...], background: int) -> str:
    """Return the first line of a grid that is written as what stands on its background."""
    return f"{shape[0]}x{shape[1]} bg {background}"


def read_header(line: str) -> tuple[tuple[int, int], int]:
    """Return shape and background of such a line.

    Raises:
        ValueError: if it states none.
    """
    match = re.fullmatch(r"(\d+)x(\d+) bg (\d)", line)
    if match is None:
        raise ValueError("the first line does not state shape and background")
    height, width, background = map(int, match.groups())
    return (height, width), background


class _Tiling:
    """Takes tiles off a grid, from the top left, until only background is left."""

    def __init__(self, rows: list[list[int]], background: int) -> None:
        self._rows = rows
        self._height, self._width = len(rows), len(rows[0])
        self._is_taken = [[color == background for color in row] for row in rows]

    def __iter__(self) -> Iterator[_Tile]:
        for row in range(self._height):
            for col in range(self._width):
                if not self._is_taken[row][col]:
                    tile = self._largest(row, col)
                    for r, c in tile.cells():
                        self._is_taken[r][c] = True
                    yield tile

    def _largest(self, top: int, left: int) -> _Tile:
        color = self._rows[top][left]
        right = self._right(top, left, color)
        wide = (self._bottom(top, left, right, color), right)
        bottom = self._bottom(top, left, left, color)
        tall = (bottom, min(self._right(row, left, color) for row in range(top, bottom + 1)))
        bottom, right = max(
            wide, tall, key=lambda corner: (corner[0] - top + 1) * (corner[1] - left + 1)
        )
        if (bottom, right) == (top, left):
            for step in (1, -1):
                length = self._diagonal(top, left, step, color)
                if length >= _MIN_DIAGONAL:
                    bottom, right = top + length - 1, left + step * (length - 1)
                    return _Tile(top, bottom, left, right, True, color)
        return _Tile(top, bottom, left, right, False, color)

    def _is_free(self, row: int, col: int, color: int) -> bool:
        return self._rows[row][col] == color and not self._is_taken[row][col]

    def _right(self, row: int, left: int, color: int) -> int:
        col = left
        while col + 1 < self._width and self._is_free(row, col + 1, color):
            col += 1
        return col

    def _bottom(self, top: int, left: int, right: int, color: int) -> int:
        row = top
        while row + 1 < self._height and all(
            self._is_free(row + 1, col, color) for col in range(left, right + 1)
        ):
            row += 1
        return row

    def _diagonal(self, top: int, left: int, step: int, color: int) -> int:
        length = 1
        while (
            top + length < self._height
            and 0 <= left + step * length < self._width
            and self._is_free(top + length, left + step * length, color)
        ):
            length += 1
        return length


def _read_line(line: str) -> Iterator[_Tile]:
    match = re.fullmatch(r"r(\d+)(?:-(\d+))?((?: \d@\d+(?:[-/]\d+)?)+)", line)
    if match is None:
        raise ValueError(f"not a line of tiles: {line!r}")
    top, bottom = int(match[1]), int(match[2] or match[1])
    for color, left, kind, right in re.findall(r" (\d)@(\d+)(?:([-/])(\d+))?", match[3]):
        yield _Tile(top, bottom, int(left), int(right or left), kind == "/", int(color))
