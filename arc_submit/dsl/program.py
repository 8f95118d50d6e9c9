"""How programs are laid out: the one form that generators write and models learn."""

from __future__ import annotations

from collections.abc import Sequence


def build_program(calls: Sequence[str]) -> str:
    """Return the source of a program that applies calls such as ``flip(img, 0)`` in order."""
    lines = [f"    img = {call}" for call in calls]
    return "\n".join(["def task(img):", *lines, "    return img"])
