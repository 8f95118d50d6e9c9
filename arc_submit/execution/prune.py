"""Removing the statements of a program that change nothing of what it makes.

Each removal is tried on the program kept so far and kept only if every output stays equal, so the
result is confirmed by having been run, and none of its statements can be removed alone.
"""

from __future__ import annotations

import ast
import textwrap
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from arc_submit.arc.grid import Grid, grids_equal
from arc_submit.clock import Deadline
from arc_submit.execution.pool import ExecutionPool
from arc_submit.types import Execution, Failure, Program


def normalise(source: str) -> str:
    """Return the source in the one layout of ``ast.unparse``, without comments.

    Raises:
        SyntaxError: if it is not Python.
        RecursionError: if it is nested more deeply than ``ast.unparse`` can go.
    """
    return ast.unparse(_parse(source))


def prune_programs(
    programs: Sequence[Program],
    inputs: Sequence[Grid],
    pool: ExecutionPool,
    *,
    deadline: Deadline,
) -> list[Program]:
    """Return each program without the statements that do not matter for any of the inputs.

    Statements of the function's own body are tried one at a time, the last one first, until none
    can go; a return stays. A program that fails on any input comes back as it was, and where the
    deadline passes, what has been pruned so far is kept.
    """
    executions = pool.run(programs, inputs, deadline=deadline)
    prunings = [_Pruning.begin(execution) for execution in executions]
    while not deadline.has_passed:
        active = [pruning for pruning in prunings if pruning is not None and pruning.advance()]
        if not active:
            break
        trials = pool.run([pruning.trial for pruning in active], inputs, deadline=deadline)
        for pruning, trial in zip(active, trials, strict=True):
            pruning.settle(trial)
    return [
        program if pruning is None else pruning.program
        for program, pruning in zip(programs, prunings, strict=True)
    ]


@dataclass(slots=True)
class _Pruning:
    """One program on its way: the statements kept so far and the one whose removal is tried."""

    body: list[_Statement]
    outputs: tuple[Grid | Failure, ...]
    untried: int
    """How many statements have not been tried since the last removal."""
    position: int = 0
    """Of the statement on trial; the one before it comes next, and the last one after the first."""

    @classmethod
    def begin(cls, execution: Execution) -> _Pruning | None:
        """Return None for a program that is to be left as it is."""
        if not _is_whole(execution):
            return None
        function = _parse(execution.program.source).body[0]
        assert isinstance(function, ast.FunctionDef), "the guard lets nothing else run"
        try:
            body = [_Statement.write(node) for node in function.body]
        except RecursionError:  # the child could run it, but it cannot be written back
            return None
        return cls(body, execution.outputs, untried=len(body))

    def advance(self) -> bool:
        """Go to the next statement to try; False where none can go any more."""
        while self.untried:
            self.untried -= 1
            self.position = (self.position - 1) % len(self.body)
            if not self.body[self.position].is_return:
                return True
        return False

    @property
    def trial(self) -> Program:
        return _build(self._remaining)

    @property
    def program(self) -> Program:
        return _build(self.body)

    @property
    def _remaining(self) -> list[_Statement]:
        return self.body[: self.position] + self.body[self.position + 1 :]

    def settle(self, trial: Execution) -> None:
        """Keep the removal if the trial made the same outputs."""
        if _is_whole(trial) and all(map(_equal, trial.outputs, self.outputs)):
            self.body = self._remaining
            self.untried = len(self.body)


@dataclass(frozen=True, slots=True)
class _Statement:
    text: str
    """Indented; written once, since writing costs as much as running."""
    is_return: bool

    @classmethod
    def write(cls, node: ast.stmt) -> _Statement:
        return cls(textwrap.indent(ast.unparse(node), "    "), isinstance(node, ast.Return))


def _build(body: Sequence[_Statement]) -> Program:
    return Program("\n".join(["def task(img):", *(statement.text for statement in body)]))


def _parse(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def _is_whole(execution: Execution) -> bool:
    return not any(isinstance(output, Failure) for output in execution.outputs)


def _equal(a: Grid | Failure, b: Grid | Failure) -> bool:
    return not isinstance(a, Failure) and not isinstance(b, Failure) and grids_equal(a, b)
