"""A sample of programs is run twice: outputs that change are no outputs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from sandboxes import FLIP, INPUTS, LIMITS, NEVER, assert_flipped, program, rows, unguarded_pool

from arc_submit.execution.pool import ExecutionPool, is_run_twice
from arc_submit.types import Failure, FailureKind, Program

CHANGED = Failure(FailureKind.NONDETERMINISTIC, "a second run made something else")
COUNT = [
    "found = create_img.__globals__",
    "found['runs'] = found.get('runs', 0) + 1",
]
"""Lines that leave a trace in the child, which only a program past the guard can do."""


def vary(program: Program, *, is_twice: bool) -> Program:
    """Add a comment with which a program is in the sample, or is not."""
    sources = (f"{program.source}  # {i}" for i in count())
    return Program(next(source for source in sources if is_run_twice(source) == is_twice))


@pytest.fixture
def open_pool() -> Iterator[ExecutionPool]:
    with unguarded_pool(is_filtered=False) as pool:
        yield pool


def test_about_one_program_in_thirty_is_run_twice() -> None:
    assert 200 < sum(is_run_twice(f"{FLIP.source}  # {i}") for i in range(10_000)) < 500


def test_outputs_that_change_are_failures(open_pool: ExecutionPool) -> None:
    counter = vary(program(*COUNT, "return [[found['runs'] % 10]]"), is_twice=True)
    flip = vary(FLIP, is_twice=True)
    execution, after = open_pool.run([counter, flip], INPUTS, deadline=NEVER)
    assert execution.outputs == (CHANGED, CHANGED)
    assert_flipped(after)


def test_only_the_output_that_changed_is_lost(open_pool: ExecutionPool) -> None:
    for_one = program(*COUNT, "return img if len(img) == 2 else [[found['runs'] % 10]]")
    (execution,) = open_pool.run([vary(for_one, is_twice=True)], INPUTS, deadline=NEVER)
    assert [rows(output) for output in execution.outputs] == [rows(INPUTS[0]), CHANGED]


def test_an_error_the_second_time_is_a_change(open_pool: ExecutionPool) -> None:
    errs = vary(program(*COUNT, "return img if found['runs'] < 3 else 1 / 0"), is_twice=True)
    (execution,) = open_pool.run([errs], INPUTS, deadline=NEVER)
    assert execution.outputs == (CHANGED, CHANGED)


def test_a_program_outside_the_sample_is_run_once(open_pool: ExecutionPool) -> None:
    counter = vary(program(*COUNT, "return [[found['runs']]]"), is_twice=False)
    (execution,) = open_pool.run([counter], INPUTS, deadline=NEVER)
    assert [rows(output) for output in execution.outputs] == [[[1]], [[2]]]


@pytest.mark.parametrize(
    "line",
    ["while found['runs'] > 2: pass", "found['runs'] > 2 and load('os')._exit(1)"],
    ids=["hangs", "ends the child"],
)
def test_what_the_machine_may_have_done_is_no_change(open_pool: ExecutionPool, line: str) -> None:
    load = "load = create_img.__globals__['__builtins__']['__import__']"
    late = vary(program(load, *COUNT, line, "return img[:, ::-1]"), is_twice=True)
    execution, after = open_pool.run([late, vary(FLIP, is_twice=True)], INPUTS, deadline=NEVER)
    assert_flipped(execution)
    assert_flipped(after)


def test_a_program_that_fails_is_run_once(open_pool: ExecutionPool) -> None:
    fails = vary(program(*COUNT, "return 1 / 0"), is_twice=True)
    tells = vary(program("return [[create_img.__globals__['runs']]]"), is_twice=False)
    _, told = open_pool.run([fails, tells], INPUTS, deadline=NEVER)
    assert rows(told.outputs[0]) == [[len(INPUTS)]]


def test_two_children_share_the_second_runs() -> None:
    programs = [vary(program(f"x = {i}", "return img[:, ::-1]"), is_twice=True) for i in range(150)]
    with ExecutionPool(LIMITS, size=2) as pool:
        for execution in pool.run(programs, INPUTS, deadline=NEVER):
            assert_flipped(execution)
