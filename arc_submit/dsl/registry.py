"""The table of primitives: all that prompts, tokenizer and sandbox know of the language."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

_Function = TypeVar("_Function", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Primitive:
    """One entry of the language."""

    name: str
    function: Callable[..., object]
    example: str

    @property
    def signature(self) -> str:
        """Name and parameters, such as ``create_img(shape, color=0)``."""
        parameters = inspect.signature(self.function).parameters.values()
        written = (p.name if p.default is p.empty else f"{p.name}={p.default}" for p in parameters)
        return f"{self.name}({', '.join(written)})"

    @property
    def meaning(self) -> str:
        """One line."""
        return (inspect.getdoc(self.function) or "").splitlines()[0]


PRIMITIVES: dict[str, Primitive] = {}


def primitive(example: str) -> Callable[[_Function], _Function]:
    """Enter a function in the table; the first line of its docstring is its meaning."""

    def register(function: _Function) -> _Function:
        PRIMITIVES[function.__name__] = Primitive(function.__name__, function, example)
        return function

    return register
