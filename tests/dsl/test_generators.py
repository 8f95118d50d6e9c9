"""Generated tasks: right by construction, reproducible, and never the same twice."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from arc_submit.arc.grid import grid_key, parse_rows
from arc_submit.dsl import NAMESPACE
from arc_submit.dsl.generators import FAMILIES, GeneratedTask, generate_task, generate_tasks
from arc_submit.dsl.generators.drawing import canonical_order


def _key(task: GeneratedTask) -> tuple[object, ...]:
    return (*map(grid_key, (*task.inputs, *task.outputs)), task.program)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_program_makes_the_outputs_and_all_grids_are_legal(family: str) -> None:
    for index in range(300):
        task = generate_task(family, seed=1, index=index)
        namespace = dict(NAMESPACE)
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


def test_canonical_order_sorts_what_commutes_and_nothing_else() -> None:
    canvas = np.zeros((4, 4), dtype=np.int8)
    apart = ["draw_pixel(img, (3, 3), 1)", "draw_pixel(img, (0, 0), 2)"]
    assert canonical_order(apart, canvas) == apart[::-1]
    covering = ["draw_vertical_line(img, 0, 1)", "draw_pixel(img, (0, 0), 2)"]
    assert canonical_order(covering, canvas) == covering
