"""Whole-grid transforms: one to three calls that map every input of a task to its output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from arc_submit.arc.grid import Grid, freeze, grids_equal
from arc_submit.dsl.generators import scenes
from arc_submit.dsl.generators.base import GeneratedTask, apply_call, build_program, is_legal

Pair = tuple[int, int]
Scene = Callable[[np.random.Generator, Pair, tuple[int, ...]], Grid]


@dataclass(frozen=True, slots=True)
class Step:
    """One call, and what its inputs should look like for it to have something to do."""

    call: str
    multiple: Pair = (1, 1)
    """Input sides are multiples of these."""
    repeat: bool = False
    """Blocks of ``multiple`` cells have one colour."""
    scenes: tuple[Scene, ...] = scenes.SCENES


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
    palette = tuple(int(c) for c in rng.permutation(np.arange(1, 10))[: rng.integers(1, 5)])
    n_calls = 1 + int(rng.random() < 0.4) + int(rng.random() < 0.1)
    steps = [_random_step(rng, palette) for _ in range(min(n_calls, max_calls))]
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

    def random_shape() -> Pair:
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


# ---- one random step each


def _random_step(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    return _STEPS[rng.choice(len(_STEPS), p=_WEIGHTS)](rng, palette)


def _pick(rng: np.random.Generator, *options: object) -> object:
    return options[rng.integers(len(options))]


def _rotate(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    return Step(f"rotate_90(img, {rng.integers(1, 4)})")


def _flip(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    return Step(f"flip(img, {rng.integers(2)})")


def _transpose(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    return Step("transpose(img)")


def _colormap(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    old = sorted(rng.permutation((0, *palette))[: rng.integers(1, 5)].tolist())
    new = rng.permutation(10)[: len(old)].tolist()
    if len(palette) > 1 and rng.random() < 0.3:
        old = sorted(palette[:2])
        new = old[::-1]
    entries = ", ".join(f"{a}: {b}" for a, b in zip(old, new, strict=True) if a != b)
    return Step(f"apply_colormap(img, {{{entries}}})")


def _keep_color(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    return Step(f"keep_color(img, {palette[0]})")


def _fill_mode(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    return Step("fill_mode(img)", scenes=(scenes.full_noise, scenes.noise))


def _scale(rng: np.random.Generator) -> Pair:
    k = int(rng.integers(2, 5))
    return _pick(rng, (k, k), (k, k), (1, k), (k, 1))  # type: ignore[return-value]


def _upscale(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    return Step(f"upscale(img, {_scale(rng)})")


def _downscale(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    scale = _scale(rng)
    return Step(f"downscale(img, {scale})", multiple=scale, repeat=True)


def _deduplicate(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    return Step("deduplicate(img)", multiple=_scale(rng), repeat=True)


def _tile(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    return Step(f"tile(img, {_scale(rng)})")


def _mirror(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    return Step(f"mirror(img, {_pick(rng, 'right', 'left', 'down', 'up')!r})")


def _crop(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    top, left, height, width = rng.integers(0, 4, 4).tolist()
    if rng.random() < 0.5:
        top = left = 0
    return Step(f"crop(img, ({top}, {left}), ({top + height}, {left + width}))")


def _crop_content(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    return Step("crop_content(img, 0)", scenes=(scenes.lone_shape,))


def _split(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    axis, parts = int(rng.integers(2)), int(rng.integers(2, 5))
    multiple = (parts, 1) if axis == 0 else (1, parts)
    return Step(f"split(img, {axis}, {parts}, {rng.integers(parts)})", multiple=multiple)


def _trim(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    return Step(f"trim(img, {rng.integers(1, 3)})")


def _pad(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    return Step(f"pad(img, {rng.integers(1, 3)}, {rng.integers(10)})")


def _offset(rng: np.random.Generator) -> Pair:
    k = int(rng.integers(-3, 4)) or 1
    return _pick(rng, (k, 0), (0, k), (k, int(rng.integers(-2, 3))))  # type: ignore[return-value]


def _shift(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    return Step(f"shift(img, {_offset(rng)}, 0)")


def _roll(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    return Step(f"roll(img, {_offset(rng)})")


def _gravity(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    side = _pick(rng, "right", "left", "down", "up")
    return Step(f"gravity(img, {side!r})", scenes=(scenes.scattered, scenes.rectangles))


def _fill_holes(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    return Step(f"fill_holes(img, {rng.integers(1, 10)})", scenes=(scenes.rectangles, scenes.noise))


def _hollow(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    return Step("hollow(img)", scenes=(scenes.rectangles,))


def _other(rng: np.random.Generator) -> object:
    return _pick(
        rng,
        "flip(img, 0)",
        "flip(img, 1)",
        "transpose(img)",
        f"rotate_90(img, {rng.integers(1, 4)})",
    )


def _overlay(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    return Step(f"overlay(img, {_other(rng)})", scenes=(scenes.scattered, scenes.rectangles))


def _concatenate(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    return Step(f"concatenate(img, {_other(rng)}, {rng.integers(2)})")


_WEIGHTED_STEPS: Sequence[tuple[Callable[[np.random.Generator, tuple[int, ...]], Step], float]] = (
    (_rotate, 2),
    (_flip, 2),
    (_transpose, 1),
    (_colormap, 4),
    (_keep_color, 1),
    (_fill_mode, 0.5),
    (_upscale, 1.5),
    (_downscale, 1),
    (_deduplicate, 0.5),
    (_tile, 1),
    (_mirror, 1.5),
    (_crop, 1.5),
    (_crop_content, 1.5),
    (_split, 1.5),
    (_trim, 0.5),
    (_pad, 1),
    (_shift, 1),
    (_roll, 0.5),
    (_gravity, 1),
    (_fill_holes, 1),
    (_hollow, 0.5),
    (_overlay, 1),
    (_concatenate, 1),
)
_STEPS = [step for step, _ in _WEIGHTED_STEPS]
_WEIGHTS = np.array([weight for _, weight in _WEIGHTED_STEPS]) / sum(w for _, w in _WEIGHTED_STEPS)
