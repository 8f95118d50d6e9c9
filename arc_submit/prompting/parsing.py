"""Reading programs out of completions."""

from __future__ import annotations

import ast
import re
import warnings

from arc_submit.dsl.program import join_statements
from arc_submit.types import ParseFailure, Program

_FENCE = re.compile(r"```(?:python)?\n(.*?)(?:```|\Z)", re.DOTALL)
_FUNCTION = re.compile(r"^def task\(img\):\n(?:(?:[ \t].*)?(?:\n|\Z))+", re.MULTILINE)
_STATEMENT = re.compile(r"    img = \S.*")


def extract_program(text: str) -> Program | ParseFailure:
    """Return the function ``task(img)`` in a completion, from a fenced block where there is one.

    Of a function that is no Python, the lines that are statements on ``img`` are kept: a program
    of many calls is not lost for one that is malformed.
    """
    block = _FENCE.search(text)
    function = _FUNCTION.search(block[1] if block else text)
    if function is None:
        return ParseFailure("no function task(img)")
    if "return" not in function[0]:
        return ParseFailure("the function has no return")
    return Program(_mend(function[0].rstrip()))


def _mend(source: str) -> str:
    if _parses(source):
        return source
    lines = [line for line in source.split("\n") if _STATEMENT.fullmatch(line)]
    kept = [line for line in lines if _parses(line.strip())]
    return join_statements(kept) if kept else source


def _parses(source: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as of 1if, which is two tokens for now
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
