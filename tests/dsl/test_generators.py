"""Generated tasks: right by construction, reproducible, and never the same twice."""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

import numpy as np
import pytest

from arc_submit.arc.grid import grid_key, parse_rows
from arc_submit.dsl import NAMESPACE, PRIMITIVES
from arc_submit.dsl.generators import FAMILIES, GeneratedTask, generate_task, generate_tasks
from arc_submit.dsl.generators.base import compile_program
from arc_submit.dsl.objects import detect_objects
from arc_submit.dsl.strokes import read_strokes
from arc_submit.execution.guard import check_source


def _key(task: GeneratedTask) -> tuple[object, ...]:
    return (*map(grid_key, (*task.inputs, *task.outputs)), task.program)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_program_makes_the_outputs_and_all_grids_are_legal(family: str) -> None:
    for index in range(300):
        task = generate_task(family, seed=1, index=index)
        namespace: dict[str, Any] = dict(NAMESPACE)
        exec(task.program, namespace)
        program = namespace["task"]
        for img, expected in zip(task.inputs, task.outputs, strict=True):
            assert np.array_equal(program(img), expected)
            parse_rows(img.tolist())
            parse_rows(expected.tolist())
        assert any(a.tolist() != b.tolist() for a, b in zip(task.inputs, task.outputs, strict=True))


@pytest.mark.parametrize("family", FAMILIES)
def test_workers_share_one_stream_without_repeats(family: str) -> None:
    whole = [_key(task) for task in islice(generate_tasks(family, seed=5), 40)]
    shares = [
        [_key(t) for t in islice(generate_tasks(family, seed=5, worker=w, workers=2), 20)]
        for w in range(2)
    ]
    assert shares[0] == whole[0::2] and shares[1] == whole[1::2]
    assert not set(shares[0]) & set(shares[1])


def test_difficulty_bounds_sides_and_calls() -> None:
    difficulty = {"max_calls": 2, "min_side": 4, "max_side": 6}
    for index in range(100):
        task = generate_task("drawing", seed=2, index=index, difficulty=difficulty)
        assert all(4 <= side <= 6 for side in task.inputs[0].shape)
        assert task.program.count("draw_") <= 2


def test_difficulty_bounds_how_large_strokes_are() -> None:
    difficulty = {"min_calls": 4, "max_extent": 3, "min_side": 8}
    counts = []
    for index in range(100):
        task = generate_task("drawing", seed=2, index=index, difficulty=difficulty)
        strokes = read_strokes(task.program, task.inputs[0].shape)
        assert strokes is not None
        counts.append(len(strokes))
        assert all(s.bottom - s.top < 3 and s.right - s.left < 3 for s in strokes)
    assert max(counts) == 5 and np.mean(counts) > 3.5, (
        "few of four or five small strokes hide others"
    )


def test_stripes_all_lie_in_one_direction() -> None:
    for index in range(100):
        task = generate_task("stripes", seed=2, index=index, difficulty={"max_calls": 3})
        rows, cols = task.inputs[0].shape
        strokes = read_strokes(task.program, (rows, cols))
        assert strokes is not None and len(strokes) <= 3
        stands = {(s.top, s.bottom) == (0, rows - 1) for s in strokes}
        lies = {(s.left, s.right) == (0, cols - 1) for s in strokes}
        assert stands == {True} or lies == {True}


def test_stripes_beside_stripes_are_not_all_that_is_seen() -> None:
    tasks = [generate_task("stripes-on-stripes", seed=2, index=index) for index in range(100)]
    assert sum(len(np.unique(task.inputs[0])) > 1 for task in tasks) > 90
    assert all(task.program.count("draw_") <= 5 for task in tasks)


def test_difficulty_bounds_sides_and_objects() -> None:
    difficulty = {"max_objects": 3, "min_side": 6, "max_side": 8}
    for index in range(100):
        task = generate_task("object", seed=2, index=index, difficulty=difficulty)
        assert all(6 <= side <= 8 for img in task.inputs for side in img.shape)
        assert all(len(detect_objects(img, 0, 8, False)) <= 3 for img in task.inputs)


def test_every_primitive_is_in_some_program() -> None:
    programs = [
        generate_task(family, seed=4, index=index).program
        for family in ("drawing", "transform", "object")
        for index in range(700)
    ]
    used = set(re.findall(r"(\w+)\(", "\n".join(programs)))
    assert PRIMITIVES.keys() <= used


@pytest.mark.parametrize("family", FAMILIES)
def test_programs_pass_the_guard(family: str) -> None:
    for index in range(100):
        assert check_source(generate_task(family, seed=6, index=index).program) is None


def test_objects_are_named_in_the_simplest_way() -> None:
    """Of two tests that hold for the same objects, programs use the earlier one."""
    for index in range(300):
        task = generate_task("object", seed=7, index=index)
        if "0, 8, False" in task.program:
            found = [[detect_objects(img, 0, 8, m) for img in task.inputs] for m in (True, False)]
            assert found[0] != found[1]
        if "if obj.is_line:" in task.program:
            program = compile_program(task.program.replace("is_line", "is_rectangle"))
            outputs = [program(img) for img in task.inputs]
            assert not all(map(np.array_equal, outputs, task.outputs))
