"""Endless, reproducible streams of generated tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from inspect import signature

import numpy as np

from arc_submit.dsl.generators.base import GeneratedTask
from arc_submit.dsl.generators.drawing import generate_drawing, noise_canvas, object_canvas
from arc_submit.dsl.generators.objects import generate_object_task
from arc_submit.dsl.generators.stripes import generate_stripes, striped_canvas
from arc_submit.dsl.generators.transforms import generate_transform
from arc_submit.errors import ConfigError
from arc_submit.seeds import derive_seed

FAMILIES: Mapping[str, Callable[..., GeneratedTask]] = {
    "drawing": generate_drawing,
    "drawing-on-noise": partial(generate_drawing, canvas=noise_canvas),
    "drawing-on-objects": partial(generate_drawing, canvas=object_canvas),
    "stripes": generate_stripes,
    "stripes-on-stripes": partial(generate_stripes, canvas=striped_canvas),
    "transform": generate_transform,
    "object": generate_object_task,
}


def get_generator(
    family: str, difficulty: Mapping[str, int] | None = None
) -> Callable[[np.random.Generator], GeneratedTask]:
    """Return a family's generator at a difficulty.

    Raises:
        ConfigError: if there is no such family, or it has no such parameter.
    """
    if family not in FAMILIES:
        raise ConfigError(f"no task generator {family!r}; there are {', '.join(FAMILIES)}")
    parameters = signature(FAMILIES[family]).parameters
    allowed = [name for name, parameter in parameters.items() if parameter.annotation == "int"]
    for name in difficulty or {}:
        if name not in allowed:
            raise ConfigError(f"{family} has no difficulty {name!r}; it has {', '.join(allowed)}")
    return partial(FAMILIES[family], **(difficulty or {}))


def generate_task(
    family: str, *, seed: int, index: int, difficulty: Mapping[str, int] | None = None
) -> GeneratedTask:
    """Return the task with this index in a family's stream.

    Raises:
        ConfigError: as :func:`get_generator`.
    """
    rng = np.random.default_rng(derive_seed(seed, family, index))
    return get_generator(family, difficulty)(rng)


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
