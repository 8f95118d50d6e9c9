"""Objects: programs that find a grid's objects and recolour, move, keep or cut out some of them.

Of all ways to name the same objects on a task's inputs, a program uses the first in a fixed order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from arc_submit.arc.grid import Grid, freeze, grids_equal
from arc_submit.dsl import NAMESPACE
from arc_submit.dsl.generators import scenes
from arc_submit.dsl.generators.base import GeneratedTask, compile_program, is_legal
from arc_submit.dsl.objects import Object

Lines = Sequence[str]
"""A function's body, without the first indentation."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a task is about, before it has a program."""

    inputs: Sequence[Grid]
    palette: tuple[int, ...]
    detect: str
    """The call that finds the objects."""
    objects: Sequence[Sequence[Object]]
    """What it finds on each input, at least one."""


def generate_object_task(
    rng: np.random.Generator, *, max_objects: int = 5, min_side: int = 5, max_side: int = 10
) -> GeneratedTask:
    """Two to four inputs of 1 to ``max_objects`` shapes, with sides in the given range."""
    while True:
        stage = _build_stage(rng, max_objects, min_side, max_side)
        lines = (
            None if stage is None else _PROGRAMS[rng.choice(len(_PROGRAMS), p=_WEIGHTS)](rng, stage)
        )
        task = None if stage is None or lines is None else _run(stage.inputs, lines)
        if task is not None:
            return task


def _build_stage(
    rng: np.random.Generator, max_objects: int, min_side: int, max_side: int
) -> Stage | None:
    palette = scenes.random_palette(rng)
    inputs = []
    for _ in range(rng.integers(2, 5)):
        shape = rng.integers(min_side, max_side + 1, 2).tolist()
        inputs.append(scenes.separate_shapes(rng, tuple(shape), palette, max_objects))
    found = {call: [_evaluate(call, img=img) for img in inputs] for call in _DETECTORS}
    chosen = found[_DETECTORS[rng.choice(len(_DETECTORS), p=(0.6, 0.2, 0.2))]]
    detect = next(call for call in _DETECTORS if found[call] == chosen)
    return Stage(inputs, palette, detect, chosen) if all(chosen) else None


_DETECTORS = (
    "detect_objects(img)",
    "detect_objects(img, 0, 8)",
    "detect_objects(img, 0, 8, False)",
)


def _evaluate(expression: str, **names: object) -> Any:
    return eval(expression, {"__builtins__": {"len": len}}, {**NAMESPACE, **names})


def _run(inputs: Sequence[Grid], lines: Lines) -> GeneratedTask | None:
    """Return None if the program changes nothing, or a picture of one colour, or fails."""
    program = "\n".join(["def task(img):", *(f"    {line}" for line in lines)])
    task = compile_program(program)
    try:
        outputs = [task(img) for img in inputs]
    except ValueError:
        return None
    if not all(is_legal(grid) and grid.max() < 10 for grid in outputs):
        return None
    if sum(map(grids_equal, inputs, outputs)) > len(inputs) // 2:
        return None
    return GeneratedTask(tuple(map(freeze, inputs)), tuple(map(freeze, outputs)), program)


# ---- naming some objects


def _condition(rng: np.random.Generator, stage: Stage) -> str | None:
    """Return a test such as ``obj.is_line`` that holds for some objects, not for all."""
    objects = list(chain(*stage.objects))
    tests = list(_tests(objects))
    results = {test: [_evaluate(test, obj=obj) for obj in objects] for test in tests}
    parting = [test for test in tests if any(results[test]) and not all(results[test])]
    if not parting:
        return None
    drawn = results[parting[rng.integers(len(parting))]]
    return next(test for test in parting if results[test] == drawn)


def _tests(objects: Iterable[Object]) -> Iterator[str]:
    for name in ("point", "square", "rectangle", "line", "horizontal_line", "vertical_line"):
        yield f"obj.is_{name}"
    yield "obj.has_hole"
    yield from (f"obj.color == {color}" for color in sorted({obj.color for obj in objects}))
    yield from ("not obj.is_point", "not obj.is_rectangle", "not obj.is_line", "not obj.has_hole")
    yield from ("obj.height > obj.width", "obj.height < obj.width", "obj.height == obj.width")
    for sign in ("==", ">"):
        yield from (f"obj.area {sign} {area}" for area in sorted({obj.area for obj in objects}))


def _choice(rng: np.random.Generator, stage: Stage) -> str | None:
    """Return a call that takes one object of several."""
    if not any(len(objects) > 1 for objects in stage.objects):
        return None
    taken = {
        choice: [_evaluate(choice.format("objects"), objects=objects) for objects in stage.objects]
        for choice in _CHOICES
    }
    drawn = taken[_CHOICES[rng.integers(len(_CHOICES))]]
    return next(choice for choice in _CHOICES if taken[choice] == drawn).format(stage.detect)


_CHOICES = (
    "largest_object({})",
    "smallest_object({})",
    *(f"odd_object({{}}, '{name}')" for name in ("color", "area")),
    *(
        f"sort_objects({{}}, '{name}')[{i}]"
        for i in (0, -1)
        for name in ("top", "left", "height", "width")
    ),
)


# ---- programs


def _loop(stage: Stage, body: Lines, condition: str | None = None) -> Lines:
    inside = [f"    {line}" for line in body]
    if condition:
        inside = [f"    if {condition}:", *(f"    {line}" for line in inside)]
    return [f"for obj in {stage.detect}:", *inside, "return img"]


def _single(expression: str) -> Lines:
    return [f"img = {expression}", "return img"]


def _color(rng: np.random.Generator) -> int:
    return int(rng.integers(1, 10))


def _recolor_some(rng: np.random.Generator, stage: Stage) -> Lines | None:
    condition = _condition(rng, stage)
    color = 0 if rng.random() < 0.4 else _color(rng)
    return condition and _loop(
        stage, [f"img = draw_object(img, obj.change_color({color}))"], condition
    )


def _recolor_all(rng: np.random.Generator, stage: Stage) -> Lines | None:
    condition = _condition(rng, stage)
    colors = rng.permutation(np.arange(1, 10))[:2].tolist()
    color = f"{colors[0]} if {condition} else {colors[1]}"
    return condition and _loop(stage, [f"img = draw_object(img, obj.change_color({color}))"])


def _recolor_by_size(rng: np.random.Generator, stage: Stage) -> Lines:
    name = ("area", "height", "width")[rng.integers(3)]
    return _loop(stage, [f"img = draw_object(img, obj.change_color(obj.{name}))"])


def _recolor_by_rank(rng: np.random.Generator, stage: Stage) -> Lines:
    name = ("area", "height", "width", "top", "left")[rng.integers(5)]
    return [
        f"for color, obj in enumerate(sort_objects({stage.detect}, '{name}'), 1):",
        "    img = draw_object(img, obj.change_color(color))",
        "return img",
    ]


def _move(rng: np.random.Generator, stage: Stage) -> Lines | None:
    condition = _condition(rng, stage)
    erase = "img = draw_object(img, obj.change_color(0))"
    return condition and _loop(stage, [erase, _draw_moved(rng)], condition)


def _copy(rng: np.random.Generator, stage: Stage) -> Lines:
    return _loop(stage, [_draw_moved(rng)], _condition(rng, stage) if rng.random() < 0.5 else None)


def _draw_moved(rng: np.random.Generator) -> str:
    steps = int(rng.choice((-4, -3, -2, -1, 1, 2, 3, 4)))
    by = ((steps, 0), (0, steps), (steps, int(rng.integers(-2, 3))))[rng.integers(3)]
    return f"img = draw_object(img, obj.move({by}))"


def _draw_lines(rng: np.random.Generator, stage: Stage) -> Lines:
    horizontal = "img = draw_horizontal_line(img, obj.top, obj.color)"
    vertical = "img = draw_vertical_line(img, obj.left, obj.color)"
    body = ([horizontal], [vertical], [horizontal, vertical])[rng.integers(3)]
    return _loop(stage, body, _condition(rng, stage) if rng.random() < 0.7 else None)


def _draw_box(rng: np.random.Generator, stage: Stage) -> Lines:
    color = "obj.color" if rng.random() < 0.4 else str(_color(rng))
    corners = "(obj.top, obj.left), (obj.bottom, obj.right)"
    condition = _condition(rng, stage) if rng.random() < 0.5 else None
    return _loop(stage, [f"img = draw_rectangle(img, {corners}, {color})"], condition)


def _with_one(rng: np.random.Generator, stage: Stage) -> Lines | None:
    choice = _choice(rng, stage)
    what = (
        f"crop_object(img, {choice})",
        f"crop_object(img, {choice})",
        f"draw_object(create_img(img.shape), {choice})",
        f"draw_object(img, {choice}.change_color({int(rng.integers(10))}))",
        f"keep_color(img, {choice}.color)",
        f"create_img((1, 1), {choice}.color)",
        f"create_img(img.shape, {choice}.color)",
    )
    return choice and _single(what[rng.integers(len(what))])


def _count(rng: np.random.Generator, stage: Stage) -> Lines:
    count = stage.detect if rng.random() < 0.5 else ""
    number = f"len({count})" if count else f"count_color(img, {stage.palette[0]})"
    shape = (f"(1, {number})", f"({number}, 1)")[rng.integers(2)]
    color = _color(rng) if count else stage.palette[0]
    return _single(f"create_img({shape}, {color})")


_WEIGHTED_PROGRAMS: Sequence[tuple[Callable[[np.random.Generator, Stage], Lines | None], float]] = (
    (_recolor_some, 4),
    (_recolor_all, 2),
    (_recolor_by_size, 1),
    (_recolor_by_rank, 1),
    (_move, 1.5),
    (_copy, 1.5),
    (_draw_lines, 1.5),
    (_draw_box, 1),
    (_with_one, 6),
    (_count, 1),
)
_PROGRAMS = [program for program, _ in _WEIGHTED_PROGRAMS]
_WEIGHTS = np.array([weight for _, weight in _WEIGHTED_PROGRAMS])
_WEIGHTS /= _WEIGHTS.sum()
