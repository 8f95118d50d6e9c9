"""Joining programs of the model into longer ones, for it to learn to write such.

What a joined program draws is as true a lesson as what a sampled one draws, and it is longer than
anything the model has written so far. Some of its strokes may be moved, so that lessons show what
no program has drawn. Joined programs are only trained on: they are never compared with the task's
outputs and never become candidates.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from arc_submit.clock import Deadline
from arc_submit.config import CompositionConfig
from arc_submit.dsl.program import join_statements, read_statements
from arc_submit.dsl.strokes import move_statement
from arc_submit.execution.pool import ExecutionPool
from arc_submit.test_time_training.achieved import Achieved, GridsKey
from arc_submit.types import Program


def compose(
    parents: Sequence[Achieved],
    config: CompositionConfig,
    rng: random.Random,
    pool: ExecutionPool,
    *,
    is_judged: bool,
    deadline: Deadline,
) -> list[Achieved]:
    """Join parts of parents of one frame at random, run them, and return each outcome once.

    The quality is that of the best parent, since the outcome is not compared with anything. Where
    the parents are not judged either, what is moved may go anywhere.
    """
    families = [family for _ in range(config.count) if (family := _choose(parents, config, rng))]
    made: dict[GridsKey, Achieved] = {}
    for frame in dict.fromkeys(family[0].frame for family in families):
        of_frame = [family for family in families if family[0].frame == frame]
        joined = [_join_parts(family, config, rng, is_judged=is_judged) for family in of_frame]
        executions = pool.run(joined, of_frame[0][0].inputs, deadline=deadline)
        for family, execution in zip(of_frame, executions, strict=True):
            outputs = execution.grids
            if outputs is not None:
                quality = max(parent.quality for parent in family)
                achieved = Achieved(family[0].view, execution.program, outputs, quality)
                made.setdefault(achieved.key, achieved)
    return list(made.values())


def is_joinable(program: Program) -> bool:
    """Whether a program is laid out as one run of statements that change ``img``."""
    return read_statements(program.source) is not None


def _choose(
    parents: Sequence[Achieved], config: CompositionConfig, rng: random.Random
) -> list[Achieved]:
    """Return at least two parents of one frame in random order, or none."""
    if not parents:
        return []
    first = rng.choice(parents)
    kin = [parent for parent in parents if parent.frame == first.frame]
    count = min(rng.randint(2, config.max_parents), len(kin))
    return rng.sample(kin, count) if count > 1 else []


def _join_parts(
    family: Sequence[Achieved], config: CompositionConfig, rng: random.Random, *, is_judged: bool
) -> Program:
    """Return a program of some of the statements of each, one program after the other."""
    kept: list[str] = []
    for parent in family:
        share = rng.uniform(config.min_part, 1)
        statements = read_statements(parent.program.source) or []
        kept += [statement for statement in statements if rng.random() < share]
    if config.moved:
        kept = _move(kept, family, config.moved, rng, is_judged=is_judged)
    return Program(join_statements(kept))


def _move(
    statements: list[str],
    family: Sequence[Achieved],
    share: float,
    rng: random.Random,
    *,
    is_judged: bool,
) -> list[str]:
    """Return the statements, a share of them moved to where the best of the family is wrong."""
    best, shape = max(family, key=lambda parent: parent.quality), family[0].inputs[0].shape
    cells = best.wrong_cells if is_judged else list(np.ndindex(shape))
    if not cells:
        return statements
    return [
        move_statement(statement, rng.choice(cells), shape, rng)
        if rng.random() < share
        else statement
        for statement in statements
    ]
