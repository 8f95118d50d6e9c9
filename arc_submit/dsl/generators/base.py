"""What a generator makes, and how its program text is put together and run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from arc_submit.arc.grid import MAX_SIDE, Grid
from arc_submit.arc.task import Pair, Task, TaskId
from arc_submit.dsl import NAMESPACE


@dataclass(frozen=True, slots=True, eq=False)
class GeneratedTask:
    """Inputs, the outputs of a program on them, and the program."""

    inputs: tuple[Grid, ...]
    outputs: tuple[Grid, ...]
    program: str

    def as_task(self, task_id: TaskId) -> Task:
        """Return all pairs as train pairs; the first input stands for the test input too."""
        pairs = zip(self.inputs, self.outputs, strict=True)
        return Task(task_id, tuple(Pair(*pair) for pair in pairs), self.inputs[:1])


def apply_call(call: str, img: Grid) -> Grid:
    """Evaluate one call made by a generator (never by a model) on a grid."""
    output: Grid = eval(call, {"__builtins__": {}}, {**NAMESPACE, "img": img})
    return output


def compile_program(source: str) -> Callable[[Grid], Grid]:
    """Return the function that a generator's program (never a model's) defines."""
    namespace: dict[str, Any] = {**NAMESPACE, "__builtins__": {"enumerate": enumerate, "len": len}}
    exec(source, namespace)
    task: Callable[[Grid], Grid] = namespace["task"]
    return task


def is_legal(grid: Grid) -> bool:
    """Whether an array has the sides of a grid."""
    return grid.ndim == 2 and min(grid.shape) > 0 and max(grid.shape) <= MAX_SIDE
