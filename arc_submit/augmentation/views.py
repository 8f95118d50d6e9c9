"""Draws the views of a task. Owns which frames are taken; how a frame acts is Augmentation's.

The frames of one symmetry are numbered: a number is, in mixed radix, an order of the train pairs
and the colours that the task's own colours become. Drawing numbers without repetition keeps
views distinct for as long as there are further ones.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Sequence
from itertools import chain

import numpy as np

from arc_submit.arc.grid import N_COLORS
from arc_submit.arc.symmetry import Symmetry
from arc_submit.arc.task import Task
from arc_submit.config import AugmentationConfig
from arc_submit.seeds import derive_seed
from arc_submit.types import Augmentation, AugmentedTask


def build_views(
    task: Task, *, count: int, config: AugmentationConfig, seed: int
) -> list[AugmentedTask]:
    """Return ``count`` views of a task; the same arguments give the same views.

    The first view is the task as it is. The next seven have the other symmetries in random
    order, where the configuration has them, and further ones repeat that cycle with other colours
    and orders of pairs. A view
    comes twice only once all that the configuration allows for its symmetry have come.
    """
    rng = random.Random(derive_seed(seed, "views", task.task_id))
    others = [symmetry for symmetry in Symmetry if symmetry is not Symmetry.IDENTITY]
    cycle = [Symmetry.IDENTITY]
    if config.symmetries:
        cycle += rng.sample(others, len(others))
    frames = _Frames(task, config)
    turns = math.ceil(count / len(cycle))
    numbers = {symmetry: frames.draw(symmetry, turns, rng) for symmetry in cycle}
    views = []
    for i in range(count):
        turn, step = divmod(i, len(cycle))
        drawn = numbers[cycle[step]]
        augmentation = frames.augmentation(cycle[step], drawn[turn % len(drawn)], rng)
        views.append(AugmentedTask(augmentation.apply_task(task), augmentation))
    return views


class _Frames:
    """The numbered frames that a configuration allows for a task, of any one symmetry.

    Number 0 changes no pair's place and no colour of the task.
    """

    def __init__(self, task: Task, config: AugmentationConfig) -> None:
        used = _used_colors(task)
        fixed = {0} if config.keep_background else set()
        movable = [color for color in range(N_COLORS) if color not in fixed]
        self._config = config
        self._used = [color for color in movable if color in used]
        self._unused = [color for color in movable if color not in used]
        self._n_pairs = len(task.train)
        self._n_recolorings = (
            math.perm(len(movable), len(self._used)) if config.permute_colors else 1
        )
        self._n_orders = math.factorial(self._n_pairs) if config.shuffle_pairs else 1

    def draw(self, symmetry: Symmetry, count: int, rng: random.Random) -> list[int]:
        """Return distinct numbers, ``count`` of them or all; the identity's first one is 0."""
        # Beyond sys.maxsize a range cannot be sampled; no public task has that many pairs.
        total = min(self._n_recolorings * self._n_orders, sys.maxsize)
        if symmetry is Symmetry.IDENTITY:
            return [0, *rng.sample(range(1, total), min(count, total) - 1)]
        return rng.sample(range(total), min(count, total))

    def augmentation(self, symmetry: Symmetry, number: int, rng: random.Random) -> Augmentation:
        order_number, recoloring_number = divmod(number, self._n_recolorings)
        order = _arrange(order_number, range(self._n_pairs), self._n_pairs)
        colors = list(range(N_COLORS))
        if self._config.permute_colors and number:
            targets = [*self._used, *self._unused]
            chosen = _arrange(recoloring_number, targets, len(self._used))
            rest = [color for color in targets if color not in chosen]
            rng.shuffle(rest)
            for color, target in zip(targets, chain(chosen, rest), strict=True):
                colors[color] = target
        return Augmentation(symmetry, tuple(colors), tuple(order))


def _used_colors(task: Task) -> set[int]:
    outputs = (pair.output for pair in task.train)
    return {int(color) for grid in chain(task.inputs, outputs) for color in np.unique(grid)}


def _arrange(number: int, items: Sequence[int], length: int) -> list[int]:
    """Return the arrangement of ``length`` items with this number; 0 keeps their order."""
    left = list(items)
    arranged = []
    for _ in range(length):
        number, index = divmod(number, len(left))
        arranged.append(left.pop(index))
    return arranged
