"""Reading programs out of completions."""

from __future__ import annotations

import re

from arc_submit.types import ParseFailure, Program

_FENCE = re.compile(r"```(?:python)?\n(.*?)(?:```|\Z)", re.DOTALL)
_FUNCTION = re.compile(r"^def task\(img\):\n(?:(?:[ \t].*)?(?:\n|\Z))+", re.MULTILINE)


def extract_program(text: str) -> Program | ParseFailure:
    """Return the function ``task(img)`` in a completion, from a fenced block where there is one."""
    block = _FENCE.search(text)
    function = _FUNCTION.search(block[1] if block else text)
    if function is None:
        return ParseFailure("no function task(img)")
    if "return" not in function[0]:
        return ParseFailure("the function has no return")
    return Program(function[0].rstrip())
