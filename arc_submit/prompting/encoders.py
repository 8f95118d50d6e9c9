"""Grid encoders: exact text forms of a grid, named by expressions such as ``shape(rows(minimal))``.

The names nest as in the seeds (GridShapeEncoder(RowNumberEncoder(MinimalGridEncoder()))), but are
parsed, never evaluated. Row and column numbers count from 0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Protocol

import numpy as np

from arc_submit.arc.grid import Grid, freeze, parse_rows
from arc_submit.errors import ConfigError
from arc_submit.prompting.tiles import (
    TileEncoder,
    find_background,
    read_header,
    write_header,
)


class GridEncoder(Protocol):
    """Writes grids as text and reads them back."""

    def encode(self, grid: Grid) -> str:
        """Return the grid's text, without a line break at its end."""
        ...

    def decode(self, text: str) -> Grid:
        """Return the grid of a text that :meth:`encode` could have written.

        Raises:
            ValueError: if it could not.
        """
        ...


class MinimalEncoder:
    """One digit per cell, one line per row."""

    def encode(self, grid: Grid) -> str:
        return "\n".join("".join(map(str, row)) for row in grid.tolist())

    def decode(self, text: str) -> Grid:
        return parse_rows([[int(cell) for cell in line] for line in text.split("\n")])


class RowNumberEncoder:
    """The row's number before each line of another encoder."""

    def __init__(self, inner: GridEncoder) -> None:
        self._inner = inner

    def encode(self, grid: Grid) -> str:
        lines = self._inner.encode(grid).split("\n")
        return "\n".join(f"{row} {line}" for row, line in enumerate(lines))

    def decode(self, text: str) -> Grid:
        numbered = [line.partition(" ") for line in text.split("\n")]
        if any(number != str(row) for row, (number, _, _) in enumerate(numbered)):
            raise ValueError("the rows are not numbered 0, 1, 2, ...")
        return self._inner.decode("\n".join(line for _, _, line in numbered))


class ShapeEncoder:
    """Another encoder in a fenced block that states the grid's shape."""

    def __init__(self, inner: GridEncoder) -> None:
        self._inner = inner

    def encode(self, grid: Grid) -> str:
        height, width = grid.shape
        return f"```grid shape: {height}x{width}\n{self._inner.encode(grid)}\n```"

    def decode(self, text: str) -> Grid:
        match = re.fullmatch(r"```grid shape: (\d+)x(\d+)\n(.*)\n```", text, re.DOTALL)
        if match is None:
            raise ValueError("expected a fenced block that states a shape")
        grid = self._inner.decode(match[3])
        if grid.shape != (int(match[1]), int(match[2])):
            raise ValueError(f"the block states {match[1]}x{match[2]} and holds {grid.shape}")
        return grid


class RunEncoder:
    """Runs of equal cells, equal neighbouring rows once, the most common colour left out.

    The 4x6 grid of 0 with a rectangle of 5 in rows 1-2 and columns 2-4 reads ``4x6 bg 0``, then
    on a new line ``r1-2 5@2-4``. Coordinates stand there as a program needs them, so that a small
    model can copy what a larger one would count.
    """

    def encode(self, grid: Grid) -> str:
        background = find_background(grid)
        lines = [write_header(grid.shape, background)]
        for (first, last), row in _row_groups(grid):
            runs = [f" {c}@{start}-{end}" for c, start, end in _runs(row) if c != background]
            if runs:
                lines.append(f"r{first}-{last}{''.join(runs)}")
        return "\n".join(lines)

    def decode(self, text: str) -> Grid:
        header, *lines = text.split("\n")
        shape, background = read_header(header)
        grid = np.full(shape, background)
        for line in lines:
            if re.fullmatch(r"r\d+-\d+( \d@\d+-\d+)+", line) is None:
                raise ValueError(f"not a line of runs: {line!r}")
            first, last, *runs = map(int, re.findall(r"\d+", line))
            for color, start, end in zip(*[iter(runs)] * 3, strict=True):
                grid[first : last + 1, start : end + 1] = color
        if self.encode(freeze(grid)) != text:
            raise ValueError("the runs overlap, leave the grid or stand in another order")
        return parse_rows(grid.tolist())


def _row_groups(grid: Grid) -> Iterator[tuple[tuple[int, int], list[int]]]:
    first = 0
    for row, group in groupby(grid.tolist()):
        n_rows = sum(1 for _ in group)
        yield (first, first + n_rows - 1), row
        first += n_rows


def _runs(row: list[int]) -> Iterator[tuple[int, int, int]]:
    start = 0
    for color, group in groupby(row):
        length = sum(1 for _ in group)
        yield color, start, start + length - 1
        start += length


_LEAVES: dict[str, Callable[[], GridEncoder]] = {
    "minimal": MinimalEncoder,
    "runs": RunEncoder,
    "tiles": TileEncoder,
}
_WRAPPERS: dict[str, Callable[[GridEncoder], GridEncoder]] = {
    "rows": RowNumberEncoder,
    "shape": ShapeEncoder,
}


def build_encoder(name: str) -> GridEncoder:
    """Return the encoder that a name such as ``shape(rows(minimal))`` describes.

    Raises:
        ConfigError: if the name is not built from the known encoders.
    """
    if name in _LEAVES:
        return _LEAVES[name]()
    match = re.fullmatch(r"(\w+)\((.+)\)", name)
    if match is None or match[1] not in _WRAPPERS:
        wrappers = ", ".join(f"{wrapper}(...)" for wrapper in _WRAPPERS)
        raise ConfigError(
            f"grid_encoder: unknown {name!r}; allowed: {', '.join(_LEAVES)}, {wrappers}"
        )
    return _WRAPPERS[match[1]](build_encoder(match[2]))
