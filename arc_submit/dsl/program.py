"""How programs are laid out: the one form that generators write and models learn."""

from __future__ import annotations

from collections.abc import Sequence

_INDENT = "    "
_HEAD, _TAIL = "def task(img):", f"{_INDENT}return img"


def build_program(calls: Sequence[str]) -> str:
    """Return the source of a program that applies calls such as ``flip(img, 0)`` in order."""
    return join_statements([build_statement(call) for call in calls])


def build_statement(call: str) -> str:
    """Return the statement, indented, that applies a call."""
    return f"{_INDENT}img = {call}"


def join_statements(statements: Sequence[str]) -> str:
    """Return the source of a program with a body of indented statements that change ``img``."""
    return "\n".join([_HEAD, *statements, _TAIL])


def read_statements(source: str) -> list[str] | None:
    """Return the statements of a program's body, indented, a loop with its own as one.

    None where the program is not laid out in this form or returns before its end.
    """
    head, *body = source.rstrip().split("\n")
    if head != _HEAD or body[-1:] != [_TAIL] or "return" in "".join(body[:-1]):
        return None
    statements: list[str] = []
    for line in body[:-1]:
        if line.startswith(_INDENT * 2) and statements:
            statements[-1] += f"\n{line}"
        else:
            statements.append(line)
    return statements
