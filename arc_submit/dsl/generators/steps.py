"""One random call each: the steps that whole-grid transforms are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from arc_submit.arc.grid import Grid
from arc_submit.dsl.generators import scenes

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


def random_step(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    """Return a step for inputs in the colours of a palette."""
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
    call = f"split(img, {axis}, {parts}, {rng.integers(parts)})"
    return _on_parts(rng, call, axis, parts, scenes.SCENES)


def _on_parts(
    rng: np.random.Generator, call: str, axis: int, parts: int, others: tuple[Scene, ...] = ()
) -> Step:
    line = int(rng.integers(1, 10)) if rng.random() < 0.6 else -1
    scene = partial(scenes.divided, axis=axis, parts=parts, line=line)
    multiple = (parts, 1) if axis == 0 else (1, parts)
    return Step(call, multiple, scenes=(scene,) if line >= 0 else (scene, *others))


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


def _outline(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    kinds = (scenes.separate_shapes, scenes.lone_shape)
    return Step(f"outline(img, {rng.integers(1, 10)})", scenes=kinds)


def _extend(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    side = _pick(rng, "right", "left", "down", "up")
    return Step(f"extend(img, {side!r})", scenes=(scenes.scattered, scenes.lone_shape))


def _connect(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    return Step("connect(img)", scenes=(scenes.scattered,))


def _complete_tiling(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    return Step("complete_tiling(img, 0)", scenes=(scenes.torn_tiling,))


def _stamp(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    other = "img" if rng.random() < 0.7 else _other(rng)
    return Step(f"stamp(img, {other})", scenes=(_small_noise,))


def _small_noise(rng: np.random.Generator, shape: Pair, palette: tuple[int, ...]) -> Grid:
    return scenes.noise(rng, (min(shape[0], 4), min(shape[1], 4)), palette[:1])


def _combine(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    axis = int(rng.integers(2))
    first, second = f"split(img, {axis}, 2, 0)", f"split(img, {axis}, 2, 1)"
    rule = _pick(rng, "and", "or", "xor", "nor")
    call = f"combine({first}, {second}, {rule!r}, {rng.integers(1, 10)})"
    if rng.random() < 0.2:
        call = f"overlay({first}, {second})"
    return _on_parts(rng, call, axis, 2)


def _common_color(rng: np.random.Generator, palette: tuple[int, ...]) -> Step:
    color = _pick(rng, "mode(img)", "rarest(img)")
    call = _pick(
        rng,
        f"keep_color(img, {color})",
        f"create_img((1, 1), {color})",
        f"apply_colormap(img, {{{color}: {rng.integers(10)}}})",
        "create_img(img.shape, rarest(img))",
        "crop_content(img, mode(img))",
        "crop_content(keep_color(img, rarest(img)), 0)",
    )
    return Step(str(call))


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
    (_outline, 1),
    (_extend, 1),
    (_connect, 1),
    (_complete_tiling, 1),
    (_stamp, 0.5),
    (_combine, 2),
    (_common_color, 1.5),
)
_STEPS = [step for step, _ in _WEIGHTED_STEPS]
_WEIGHTS = np.array([weight for _, weight in _WEIGHTED_STEPS]) / sum(w for _, w in _WEIGHTED_STEPS)
