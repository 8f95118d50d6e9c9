"""What programs did, as opposed to what they should have done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from arc_submit.arc.grid import Grid, grid_key
from arc_submit.arc.metrics import net_accuracy
from arc_submit.test_time_training.replay import Quality
from arc_submit.types import AugmentedTask, Program, Trial

GridsKey: TypeAlias = tuple[tuple[int, int, bytes], ...]


@dataclass(frozen=True, eq=False)
class Achieved:
    """A program and what it made of a view's train inputs."""

    view: AugmentedTask
    program: Program
    outputs: tuple[Grid, ...]
    """One per train pair."""
    quality: Quality
    """How near the outputs are to those of the task."""

    @property
    def inputs(self) -> list[Grid]:
        """The view's train inputs."""
        return [pair.input for pair in self.view.task.train]

    @cached_property
    def frame(self) -> GridsKey:
        """Equal for views with the same train inputs: programs of one can run in the other."""
        return tuple(map(grid_key, self.inputs))

    @cached_property
    def key(self) -> GridsKey:
        """Equal for programs that do the same to the task itself, whatever their views."""
        return tuple(map(grid_key, self.view.augmentation.invert_pairs(self.outputs)))

    @cached_property
    def is_right(self) -> npt.NDArray[np.bool_]:
        """For each cell of the task's train outputs, whether it is as it should be."""
        invert = self.view.augmentation.invert_pairs
        expected = invert([pair.output for pair in self.view.task.train])
        return np.concatenate(
            [
                (out == goal if out.shape == goal.shape else np.zeros(goal.shape, bool)).ravel()
                for out, goal in zip(invert(self.outputs), expected, strict=True)
            ]
        )

    @cached_property
    def wrong_cells(self) -> list[tuple[int, int]]:
        """The cells of the first output that are not as they should be, in the view's frame.

        None where the output, or the view's, has another shape than the input.
        """
        pair, output = self.view.task.train[0], self.outputs[0]
        if not output.shape == pair.output.shape == pair.input.shape:
            return []
        return [(int(row), int(col)) for row, col in np.argwhere(output != pair.output)]


def find_achieved(trials: Sequence[Trial]) -> dict[GridsKey, Achieved]:
    """Return the shortest program of all that do the same; those that fail on an input do nothing.

    The shortest come first, programs of one length in the order of their text.
    """
    found: dict[GridsKey, Achieved] = {}
    for trial in sorted(trials, key=_length):
        if trial.train_outputs is not None:
            nets = map(net_accuracy, trial.train_outputs, trial.view.task.train)
            quality = trial.candidate.train_exact, sum(nets) / trial.candidate.n_train
            achieved = Achieved(trial.view, trial.execution.program, trial.train_outputs, quality)
            found.setdefault(achieved.key, achieved)
    return found


def _length(trial: Trial) -> tuple[int, str]:
    source = trial.execution.program.source
    return len(source), source
