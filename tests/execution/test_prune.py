"""A pruned program makes the same outputs with no statement to spare."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator

import numpy as np
import pytest

from arc_submit.arc.grid import freeze, grids_equal
from arc_submit.clock import Deadline, ManualClock
from arc_submit.config import ExecutionConfig
from arc_submit.execution.pool import ExecutionPool
from arc_submit.execution.prune import normalise, prune_programs
from arc_submit.types import Failure, Program

INPUTS = [freeze(np.zeros((6, 6))), freeze(np.ones((6, 6)))]
NEVER = Deadline.never()


@pytest.fixture(scope="module")
def pool() -> Iterator[ExecutionPool]:
    with ExecutionPool(ExecutionConfig()) as pool:
        yield pool


def program(*lines: str) -> Program:
    return Program("\n".join(["def task(img):", *(f"    {line}" for line in lines)]))


def prune(pool: ExecutionPool, *lines: str) -> list[str]:
    (pruned,) = prune_programs([program(*lines)], INPUTS, pool, deadline=NEVER)
    head, *body = pruned.source.splitlines()
    assert head == "def task(img):"
    return [line.removeprefix("    ") for line in body]


def test_one_of_two_equal_lines_stays(pool: ExecutionPool) -> None:
    line = "img = draw_pixel(img, (2, 3), 4)"
    assert prune(pool, line, line, "return img") == [line, "return img"]


def test_what_is_drawn_over_goes(pool: ExecutionPool) -> None:
    big = "img = draw_rectangle(img, (0, 0), (3, 3), 5)"
    assert prune(pool, "img = draw_pixel(img, (1, 1), 4)", big, "return img") == [big, "return img"]


def test_a_chain_that_leads_nowhere_goes(pool: ExecutionPool) -> None:
    lines = ["a = img + 1", "b = a + 1", "for i in range(3):", "    b = b + i", "return img"]
    assert prune(pool, *lines) == ["return img"]


def test_what_a_removal_makes_needless_goes_too(pool: ExecutionPool) -> None:
    there, back = "img = apply_colormap(img, {1: 2})", "img = apply_colormap(img, {2: 1})"
    assert prune(pool, there, back, "return img") == ["return img"]


def test_a_statement_that_matters_for_one_input_only_stays(pool: ExecutionPool) -> None:
    line = "img = apply_colormap(img, {1: 7})"
    assert prune(pool, line, "return img") == [line, "return img"]


def test_the_result_is_in_the_normal_layout(pool: ExecutionPool) -> None:
    lines = ['"""Words."""', "img=draw_pixel( img,(2,3), 4 )  # dot", "return (img)"]
    assert prune(pool, *lines) == ["img = draw_pixel(img, (2, 3), 4)", "return img"]


def test_programs_that_fail_or_cannot_be_written_back_come_back_as_they_were(
    pool: ExecutionPool,
) -> None:
    programs = [
        program("x=1", "return img[9]"),
        program("x=1", "return ("),
        program("import os", "return img"),
        program("x=1", "return img if img.max() else 3"),
        program("x=1", "return " + "-" * 2 * 200 + "img"),
        program("x=1", "return img"),
    ]
    pruned = prune_programs(programs, INPUTS, pool, deadline=NEVER)
    assert pruned[:5] == programs[:5]
    assert pruned[5].source == "def task(img):\n    return img"


def test_random_programs_keep_their_outputs_and_nothing_to_spare(pool: ExecutionPool) -> None:
    rng = random.Random(0)
    programs = []
    for _ in range(30):
        points = [tuple(rng.randrange(6) for _ in range(5)) for _ in range(rng.randrange(1, 12))]
        draws = [
            f"img = draw_rectangle(img, ({a}, {b}), ({c}, {d}), {e})" for a, b, c, d, e in points
        ]
        programs.append(program(*draws, "return img"))
    pruned = prune_programs(programs, INPUTS, pool, deadline=NEVER)
    assert sum(len(p.source) for p in pruned) < sum(len(p.source) for p in programs)
    for before, after in zip(programs, pruned, strict=True):
        assert makes_the_same(pool, before, after)
        lines = after.source.splitlines()
        for i in range(1, len(lines) - 1):
            less = Program("\n".join(lines[:i] + lines[i + 1 :]))
            assert not makes_the_same(pool, before, less)


def makes_the_same(pool: ExecutionPool, a: Program, b: Program) -> bool:
    first, second = pool.run([a, b], INPUTS, deadline=NEVER)
    return all(
        not isinstance(x, Failure) and not isinstance(y, Failure) and grids_equal(x, y)
        for x, y in zip(first.outputs, second.outputs, strict=True)
    )


def test_past_the_deadline_programs_are_kept(pool: ExecutionPool) -> None:
    programs = [program("x=1", "return img")]
    deadline = Deadline.after(0, ManualClock())
    assert prune_programs(programs, INPUTS, pool, deadline=deadline) == programs


def test_normalise_keeps_the_meaning_and_nothing_else() -> None:
    source = "def task(img):\n\n  x=(1,2) # two\n  return   img"
    assert normalise(source) == "def task(img):\n    x = (1, 2)\n    return img"
    assert ast.dump(ast.parse(normalise(source))) == ast.dump(ast.parse(source))
    with pytest.raises(SyntaxError):
        normalise("def task(")
