"""Windows: views that show a part of what is to be drawn, where the whole is too much at first.

A part of a goal is a goal, too, and what a model writes for it is as good a lesson. Its programs
are judged by the whole task, like all others.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from arc_submit.arc.grid import Grid, freeze
from arc_submit.arc.task import Pair
from arc_submit.seeds import derive_seed
from arc_submit.types import AugmentedTask

_MIN_SIDE = 4


def show_windows(views: Sequence[AugmentedTask], *, count: int, seed: int) -> list[AugmentedTask]:
    """Return what is shown of each view: of the last ``count`` ones, only a window.

    Outside of its window a train output is like its input. The first view is always shown whole,
    as are tasks in which an output has another shape than its input.
    """
    rng = random.Random(derive_seed(seed, "windows"))
    first = max(len(views) - count, 1)
    return [*views[:first], *(_narrow(view, rng) for view in views[first:])]


def _narrow(view: AugmentedTask, rng: random.Random) -> AugmentedTask:
    pairs = view.task.train
    if any(pair.input.shape != pair.output.shape for pair in pairs):
        return view
    vertical, horizontal = _Range(rng), _Range(rng)
    shown = tuple(_cut(pair, vertical, horizontal) for pair in pairs)
    return replace(view, task=replace(view.task, train=shown))


def _cut(pair: Pair, vertical: _Range, horizontal: _Range) -> Pair:
    height, width = pair.output.shape
    window = vertical.within(height), horizontal.within(width)
    output: Grid = pair.input.copy()
    output[window] = pair.output[window]
    return Pair(pair.input, freeze(output))


class _Range:
    """A random part of any side; its length is log-uniform, so that small ones are not rare."""

    def __init__(self, rng: random.Random) -> None:
        self._size, self._place = rng.random(), rng.random()

    def within(self, side: int) -> slice:
        smallest = min(_MIN_SIDE, side)
        length = round(smallest * (side / smallest) ** self._size)
        start = round(self._place * (side - length))
        return slice(start, start + length)
