"""A pruned program makes the same outputs with no statement to spare."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator

import numpy as np
import pytest
from random_programs import add_noise, make_drawing
from sandboxes import NEVER, program

from arc_submit.arc.grid import freeze, grids_equal
from arc_submit.clock import Deadline, ManualClock
from arc_submit.config import ExecutionConfig
from arc_submit.execution.pool import ExecutionPool
from arc_submit.execution.prune import normalise, prune_programs
from arc_submit.types import Execution, Failure, Program

INPUTS = [freeze(np.zeros((6, 6))), freeze(np.ones((6, 6)))]


@pytest.fixture(scope="module")
def pool() -> Iterator[ExecutionPool]:
    with ExecutionPool(ExecutionConfig()) as pool:
        yield pool


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


def test_noise_goes_and_nothing_else_does(pool: ExecutionPool) -> None:
    rng = random.Random(1)
    plain = [make_drawing(rng, n_calls=6, side=6) for _ in range(100)]
    noisy = [program(*add_noise(rng, lines, count=4)) for lines in plain]
    # The lines kept of a program do not depend on what stood between them.
    pruned = prune_programs(noisy, INPUTS, pool, deadline=NEVER)
    assert pruned == prune_programs(
        [program(*lines) for lines in plain], INPUTS, pool, deadline=NEVER
    )


def test_five_thousand_random_programs_keep_their_outputs_and_nothing_to_spare() -> None:
    rng = random.Random(0)
    lengths = [min(int(31 ** rng.random()), 30) for _ in range(5000)]
    assert max(lengths) == 30
    programs = [program(*make_drawing(rng, n_calls=length, side=5)) for length in lengths]
    inputs = [freeze(np.arange(20).reshape(4, 5) % 7), freeze(np.full((3, 4), 2))]
    with ExecutionPool(ExecutionConfig(time_limit_s=30.0), size=2) as pool:
        pruned = prune_programs(programs, inputs, pool, deadline=NEVER)
        before = pool.run(programs, inputs, deadline=NEVER)
        after = pool.run(pruned, inputs, deadline=NEVER)
        disagreements = [a for a, b in zip(after, before, strict=True) if not is_same(a, b)]
        assert disagreements == []
        assert len(set(pruned)) < len(set(programs))
        longest = sorted(after, key=lambda execution: -len(execution.program.source))
        for execution in [*longest[:50], *rng.sample(after, 150)]:
            shorter = remove_each_line(execution.program)
            for trial in pool.run(shorter, inputs, deadline=NEVER):
                assert not is_same(trial, execution)


def remove_each_line(program: Program) -> list[Program]:
    head, *lines = program.source.splitlines()
    return [Program("\n".join([head, *lines[:i], *lines[i + 1 :]])) for i in range(len(lines) - 1)]


def is_same(a: Execution, b: Execution) -> bool:
    return all(
        not isinstance(x, Failure) and not isinstance(y, Failure) and grids_equal(x, y)
        for x, y in zip(a.outputs, b.outputs, strict=True)
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
