"""Whole-grid transforms: one to three calls that map every input of a task to its output."""

from __future__ import annotations

import numpy as np

from arc_submit.arc.grid import Grid, freeze, grids_equal
from arc_submit.dsl.generators import scenes
from arc_submit.dsl.generators.base import GeneratedTask, apply_call, is_legal
from arc_submit.dsl.generators.steps import Step, random_step
from arc_submit.dsl.program import build_program


def generate_transform(
    rng: np.random.Generator, *, max_calls: int = 3, min_side: int = 2, max_side: int = 8
) -> GeneratedTask:
    """Two to four inputs with sides in the given range, and the same calls on each."""
    while True:
        task = _try_transform(rng, max_calls, min_side, max_side)
        if task is not None:
            return task


def _try_transform(
    rng: np.random.Generator, max_calls: int, min_side: int, max_side: int
) -> GeneratedTask | None:
    palette = scenes.random_palette(rng)
    n_calls = 1 + int(rng.random() < 0.4) + int(rng.random() < 0.1)
    steps = [random_step(rng, palette) for _ in range(min(n_calls, max_calls))]
    inputs = _build_inputs(rng, steps[0], palette, min_side, max_side)
    grids = inputs
    for step in steps:
        before = grids
        try:
            grids = [apply_call(step.call, grid) for grid in before]
        except (ValueError, IndexError):
            return None
        if not all(map(is_legal, grids)) or all(map(grids_equal, before, grids)):
            return None
    if all(map(grids_equal, inputs, grids)) or all(len(np.unique(grid)) == 1 for grid in inputs):
        return None
    program = build_program([step.call for step in steps])
    return GeneratedTask(tuple(map(freeze, inputs)), tuple(map(freeze, grids)), program)


def _build_inputs(
    rng: np.random.Generator, step: Step, palette: tuple[int, ...], min_side: int, max_side: int
) -> list[Grid]:
    scene = step.scenes[rng.integers(len(step.scenes))]
    is_same_shape, is_square = rng.random() < 0.5, rng.random() < 0.5

    def random_shape() -> tuple[int, int]:
        sides = rng.integers(min_side, max_side + 1, 2).tolist()
        if is_square:
            sides[1] = sides[0]
        height, width = (max(1, s // m) for s, m in zip(sides, step.multiple, strict=True))
        return (
            (height, width)
            if step.repeat
            else (height * step.multiple[0], width * step.multiple[1])
        )

    shape = random_shape()
    inputs = []
    for _ in range(rng.integers(2, 5)):
        grid = scene(rng, shape if is_same_shape else random_shape(), palette)
        if step.repeat:
            grid = np.kron(grid, np.ones(step.multiple, dtype=np.int8))
        inputs.append(grid)
    return inputs
