"""Pictures of grids, and grids out of pictures. Needs the ``report`` extra, but for JSON files.

Refuses pictures larger than a grid: it never scales one down.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arc_submit.arc.canvases import PALETTE, build_canvas_task
from arc_submit.arc.grid import MAX_SIDE, Grid, freeze
from arc_submit.arc.json_file import read_json
from arc_submit.arc.parsing import parse_task
from arc_submit.arc.task import Task
from arc_submit.errors import DataError
from arc_submit.reporting.drawing import DrawnRound, DrawRecord

_SHOWN_ROUNDS = 12
_PANELS_A_ROW = 7
_BINS = np.linspace(-0.01, 1.01, 52)
_RIDGE_HEIGHT = 0.85
_TICKS = 20


def load_canvas(path: Path) -> Task:
    """Read a file with one ARC task, or a PNG that is to be drawn on a black canvas.

    Args:
        path: ``.json``, ``{"train": [{"input", "output"}], "test": [{"input"}]}``; or ``.png``,
            one pixel per cell: each takes the nearest of ARC's colours, transparent ones are
            black.

    Raises:
        DataError: naming the file, what is wrong with it and the remedy.
    """
    if path.suffix.lower() == ".png":
        return build_canvas_task(path.stem, _read_png(path))
    value = read_json(path)
    try:
        return parse_task(path.stem, value)
    except ValueError as error:
        raise DataError(f"{path}: {error}; give a file with one ARC task") from error


def _read_png(path: Path) -> Grid:
    try:
        from matplotlib.image import imread
    except ModuleNotFoundError as error:
        raise DataError(
            f"{path}: PNG files are read with matplotlib, which is not installed; "
            "run: pip install 'arc-submit[report]'"
        ) from error
    try:
        pixels = imread(path, format="png")
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error) as error:
        raise DataError(f"{path}: is not a sound PNG ({error}); save it anew") from error
    height, width = pixels.shape[:2]
    if max(height, width) > MAX_SIDE:
        raise DataError(
            f"{path}: has {width}x{height} pixels, and a grid at most {MAX_SIDE}x{MAX_SIDE} cells, "
            "one for each pixel; scale it down without smoothing"
        )
    return _nearest_colors(pixels)


def _nearest_colors(pixels: npt.NDArray[Any]) -> Grid:
    """Return the grid of a picture: (height, width) or (height, width, 3 or 4), from 0 to 1."""
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., np.newaxis], 3, axis=2)
    palette = np.array(PALETTE) / 255
    distances = np.linalg.norm(pixels[:, :, np.newaxis, :3] - palette, axis=-1)
    colors = distances.argmin(axis=-1)
    if pixels.shape[2] == 4:
        colors[pixels[..., 3] < 0.5] = 0
    return freeze(colors)


def plot_rounds(record: DrawRecord, path: Path) -> None:
    """Draw how a run went, as a PNG.

    Above, the best drawing of each round (of many, an even choice) and the picture that was to
    be drawn; below, how the accuracies of each round's programs are spread.

    Raises:
        ModuleNotFoundError: without matplotlib.
    """
    from matplotlib.figure import Figure

    shown = _choose(record.rounds, _SHOWN_ROUNDS)
    n_rows = math.ceil((len(shown) + 1) / _PANELS_A_ROW)
    heights = [1.9 * n_rows, min(2.2 + 0.2 * len(record.rounds), 7)]
    figure = Figure(figsize=(11, sum(heights) + 0.4), layout="constrained")
    figure.suptitle(_title(record))
    above, below = figure.subfigures(2, 1, height_ratios=heights, squeeze=False).flat
    _plot_drawings(above, shown, record.task.train[0].output, n_rows)
    _plot_accuracies(below, record.rounds)
    figure.savefig(path, dpi=100)


def _title(record: DrawRecord) -> str:
    end = "solved" if record.is_solved else f"not solved ({record.stop_reason})"
    rounds = "1 round" if len(record.rounds) == 1 else f"{len(record.rounds)} rounds"
    course = f"{rounds}, {record.n_programs} programs, {record.seconds:.0f} s"
    return f"{record.task.task_id}, seed {record.seed}: {end} after {course}"


def _choose(rounds: Sequence[DrawnRound], count: int) -> list[DrawnRound]:
    """Return the first round, the last one, and evenly chosen ones between."""
    places = np.linspace(0, len(rounds) - 1, min(count, len(rounds)))
    return [rounds[place] for place in places.round().astype(int)]


def _plot_drawings(figure: Any, shown: Sequence[DrawnRound], goal: Grid, n_rows: int) -> None:
    panels = [(f"round {done.index + 1}: {done.best_accuracy:.1%}", done.drawing) for done in shown]
    panels.append(("goal", goal))
    n_columns = min(len(panels), _PANELS_A_ROW)
    axes = list(figure.subplots(n_rows, n_columns, squeeze=False).flat)
    for axis, (title, grid) in zip(axes, panels, strict=False):
        axis.set_title(title, fontsize=9, fontweight="bold" if grid is goal else "normal")
        axis.set(xticks=[], yticks=[])
        if grid is None:
            axis.set_aspect("equal")
            axis.text(0.5, 0.5, "no drawing", ha="center", va="center", fontsize=8)
        else:
            _plot_grid(axis, grid)
    for axis in axes[len(panels) :]:
        axis.remove()


def _plot_grid(axis: Any, grid: Grid) -> None:
    height, width = grid.shape
    axis.imshow(np.array(PALETTE, dtype=np.uint8)[grid])
    axis.hlines(np.arange(1, height) - 0.5, -0.5, width - 0.5, colors="#555555", linewidth=0.4)
    axis.vlines(np.arange(1, width) - 0.5, -0.5, height - 0.5, colors="#555555", linewidth=0.4)


def _plot_accuracies(figure: Any, rounds: Sequence[DrawnRound]) -> None:
    """Draw one histogram per round above the other, the first one at the bottom."""
    from matplotlib import colormaps

    axis = figure.subplots()
    numbers = np.array([done.index + 1 for done in rounds])
    colors = colormaps["viridis"](np.linspace(0, 0.9, len(rounds)))
    for number, done, color in zip(numbers, rounds, colors, strict=True):
        counts, _ = np.histogram(done.accuracies, _BINS)
        # The root keeps a single program visible beside a hundred equal ones.
        heights = _RIDGE_HEIGHT * np.sqrt(counts / max(counts.max(), 1))
        axis.stairs(number + heights, _BINS, baseline=number, fill=True, color=color)
        axis.axhline(number, color=color, linewidth=0.5)
    middle = numbers + _RIDGE_HEIGHT / 2
    axis.plot([done.mean_accuracy for done in rounds], middle, "k.-", label="mean", linewidth=1)
    axis.plot([done.best_accuracy for done in rounds], middle, "r.:", label="best", linewidth=1)
    axis.set(xlim=(-0.01, 1.01), ylim=(0.8, len(rounds) + 1.1), ylabel="round")
    axis.set_xlabel("share of right cells: how many programs have it, by round")
    axis.set_yticks([done.index + 1 for done in rounds[:: math.ceil(len(rounds) / _TICKS)]])
    axis.xaxis.set_major_formatter(lambda share, position: f"{share:.0%}")
    axis.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper right", ncols=2)
