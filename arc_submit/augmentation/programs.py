"""Bringing a program that was written for a view back to the task as it is."""

from __future__ import annotations

from collections.abc import Mapping

from arc_submit.dsl.program import build_program, join_statements, read_statements
from arc_submit.types import Augmentation


def to_original_frame(source: str, augmentation: Augmentation) -> str:
    """Return the source of a program that does in the original frame what one does in a view.

    It goes into the frame of the view and back by calls of the language. A program that is not
    laid out as one run of statements comes back as it is.
    """
    statements = read_statements(source)
    if statements is None:
        return source
    is_flipped, turns = augmentation.symmetry.value
    colors = {old: new for old, new in enumerate(augmentation.colors) if old != new}
    recolor, restore = _recolor(colors), _recolor({new: old for old, new in colors.items()})
    flip = ["flip(img, 1)"] if is_flipped else []
    there = [*recolor, *flip, *([f"rotate_90(img, {turns})"] if turns else [])]
    back = [*([f"rotate_90(img, {4 - turns})"] if turns else []), *flip, *restore]
    before, after = (read_statements(build_program(calls)) or [] for calls in (there, back))
    return join_statements([*before, *statements, *after])


def _recolor(colors: Mapping[int, int]) -> list[str]:
    return [f"apply_colormap(img, {dict(colors)})"] if colors else []
