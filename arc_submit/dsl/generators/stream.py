"""Endless, reproducible streams of generated tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from arc_submit.dsl.generators.base import GeneratedTask
from arc_submit.dsl.generators.drawing import generate_drawing
from arc_submit.dsl.generators.transforms import generate_transform
from arc_submit.seeds import derive_seed

FAMILIES: Mapping[str, Callable[..., GeneratedTask]] = {
    "drawing": generate_drawing,
    "transform": generate_transform,
}


def generate_task(
    family: str, *, seed: int, index: int, difficulty: Mapping[str, int] | None = None
) -> GeneratedTask:
    """Return the task with this index in a family's stream.

    Raises:
        KeyError: if there is no such family.
    """
    rng = np.random.default_rng(derive_seed(seed, family, index))
    return FAMILIES[family](rng, **(difficulty or {}))


def generate_tasks(
    family: str,
    *,
    seed: int,
    worker: int = 0,
    workers: int = 1,
    difficulty: Mapping[str, int] | None = None,
) -> Iterator[GeneratedTask]:
    """Yield a worker's share of a family's stream: indices no other worker has."""
    index = worker
    while True:
        yield generate_task(family, seed=seed, index=index, difficulty=difficulty)
        index += workers
