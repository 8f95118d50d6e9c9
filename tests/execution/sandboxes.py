"""Programs, pools and what the tests of the sandbox ask of both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from arc_submit.arc.grid import Grid, freeze
from arc_submit.clock import Deadline
from arc_submit.config import ExecutionConfig
from arc_submit.execution import process
from arc_submit.execution.pool import ExecutionPool
from arc_submit.types import Execution, Failure, FailureKind, Program

INPUTS = [freeze(np.array([[1, 2], [3, 4]])), freeze(np.array([[5, 0, 0]]))]
NEVER = Deadline.never()
LIMITS = ExecutionConfig(time_limit_s=0.5, memory_mb=128)
SHORT = ExecutionConfig(time_limit_s=0.25, memory_mb=128)

_NO_FILTER = (
    "from arc_submit.execution import sandbox; "
    "sandbox.filter_system_calls = lambda: open('/proc/refused'); from arc_submit"
)

BEHIND = [
    "builtins = create_img.__globals__['__builtins__']",
    "load = builtins['__import__']",
    "os, sys = load('os'), load('sys')",
]
"""Lines that lead a program without a guard out of its namespace."""


def program(*lines: str) -> Program:
    """Return a program of the given lines."""
    return Program("\n".join(["def task(img):", *(f"    {line}" for line in lines)]))


FLIP = program("return img[:, ::-1]")


class _UnfilteredPool(ExecutionPool):
    """As on a machine that has no filter."""

    def _start(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            bootstrap = process._BOOTSTRAP.replace("from arc_submit", _NO_FILTER)
            patch.setattr(process, "_BOOTSTRAP", bootstrap)
            super()._start()


@contextmanager
def unguarded_pool(
    *, is_filtered: bool = True, limits: ExecutionConfig = SHORT
) -> Iterator[ExecutionPool]:
    """Give what child and parent hold on their own, with or without the system-call filter.

    Skips the test where the machine has no filter and one is asked for.
    """
    with (ExecutionPool if is_filtered else _UnfilteredPool)(limits) as pool:
        pool._is_guarded = False
        pool.run([FLIP], INPUTS, deadline=NEVER)
        is_missing = "system calls" in pool._children[0].missing_limits
        assert is_missing or is_filtered
        if is_missing and is_filtered:
            pytest.skip("this machine has no system-call filter")
        yield pool


def failures(execution: Execution) -> set[FailureKind | None]:
    """Return the kinds of failure, with None for a grid."""
    return {o.kind if isinstance(o, Failure) else None for o in execution.outputs}


def message(execution: Execution) -> str:
    """Return the message of the first output, a failure."""
    output = execution.outputs[0]
    assert isinstance(output, Failure)
    return output.message


def rows(output: Grid | Failure) -> object:
    """Return a grid in a form that can be compared."""
    return output if isinstance(output, Failure) else output.tolist()


def assert_flipped(execution: Execution) -> None:
    """Hold that a program flipped ``INPUTS``."""
    assert [rows(output) for output in execution.outputs] == [[[2, 1], [4, 3]], [[0, 0, 5]]]


def run_between_flips(pool: ExecutionPool, bad: Program) -> Execution:
    """Run a program between two good ones, which must not notice."""
    last = program("img = img[:, ::-1]", "return img")
    before, execution, after = pool.run([FLIP, bad, last], INPUTS, deadline=NEVER)
    assert_flipped(before)
    assert_flipped(after)
    assert execution.program is bad
    assert len(execution.outputs) == len(INPUTS)
    return execution


def count_processes(session: int) -> int:
    """Return how many processes there are in a session, the ended ones left out."""
    found = 0
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of_session, *_ = entry.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found += int(of_session) == session and state != "Z"
    return found
