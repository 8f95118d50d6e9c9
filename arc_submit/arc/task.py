"""Tasks: train pairs and test inputs. A task never holds a test output (see :class:`Solutions`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from arc_submit.arc.grid import Grid

TaskId: TypeAlias = str


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One demonstration: an input and its output."""

    input: Grid
    output: Grid


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What a solver may see of a task."""

    task_id: TaskId
    train: tuple[Pair, ...]
    """At least one pair."""
    test_inputs: tuple[Grid, ...]
    """At least one grid; the submission has one entry for each, in this order."""

    @property
    def inputs(self) -> tuple[Grid, ...]:
        """Train inputs, then test inputs: what a program is run on."""
        return (*(pair.input for pair in self.train), *self.test_inputs)


@dataclass(frozen=True, slots=True)
class BadTask:
    """A task that was refused, and what its submission entry still needs."""

    task_id: TaskId
    message: str
    n_test_inputs: int
    """1 where the file does not tell."""
    content: object = None
    """The JSON value as read; None where it is not JSON."""


@dataclass(frozen=True, slots=True)
class Challenges:
    """The tasks of one data set, in the file's order."""

    name: str
    tasks: Mapping[TaskId, Task]
    bad_tasks: Mapping[TaskId, BadTask]
    """Empty unless bad tasks were to be skipped."""


@dataclass(frozen=True, slots=True)
class Solutions:
    """Test outputs by task: a type of its own, so that only metrics and reports can hold them."""

    outputs: Mapping[TaskId, tuple[Grid, ...]]
