"""Random programs: legal and illegal syntax trees, and long drawings with lines to spare."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from arc_submit.dsl import NAMESPACE, PRIMITIVES
from arc_submit.execution.guard import ATTRIBUTES, BUILTINS

_NAMES = ["img", "a", "b", "c", "xs", "i"]
_EXAMPLES = [primitive.example for primitive in PRIMITIVES.values()]
_FUNCTIONS = sorted(NAMESPACE.keys() | BUILTINS)
_FOREIGN_NAMES = ["open", "__builtins__", "eval", "_", "os", "task", "getattr", "super", "__name__"]
_FOREIGN_ATTRIBUTES = [
    *("__class__", "__globals__", "__dict__", "__init__", "__subclasses__", "__mro__", "ctypes"),
    *("tofile", "dump", "format", "gi_frame", "f_back", "base", "data", "setflags", "resize"),
]
_BINARY = ["+", "-", "*", "//", "%", "/", "&", "|", "^", "@", "<<", ">>", "**"]
_COMPARISONS = ["==", "!=", "<", ">=", "in", "is", "not in"]
_FOREIGN_STATEMENTS = [
    *("import os", "from os import *", "while {e}: pass", "del {n}", "global {n}", "assert {e}"),
    *("raise {e}", "yield {e}", "try: {n} = {e}\n{p}except: pass", "with {e} as {n}: pass"),
    *("def f({n}={e}): return {e}", "class K({e}): {n} = {e}", "{n}: int = {e}", "await {e}"),
    *("match {e}:\n{p}    case {n}: pass", "{e}.shape = {e}", "return (", "\tx", "{e} = {e}"),
]


class ProgramMaker:
    """Writes programs that nobody would write."""

    def __init__(self, rng: random.Random, *, foreign: float) -> None:
        """``foreign`` is the share of nodes that the guard refuses."""
        self._rng = rng
        self._foreign = foreign

    def make(self) -> str:
        """Return the source of a function ``task``, or of something near it."""
        head = "def task(img):"
        if self._is_foreign():
            head = self._rng.choice(["def task(img, a=1):", "async def task(img):", "@len", "task"])
        lines = [line for _ in range(self._rng.randrange(1, 6)) for line in self._statement(1)]
        first = ["    a, b, c, i, xs = 1, img, 3, 2, [0, img]"] if self._rng.random() < 0.9 else []
        return "\n".join([head, *first, *lines, f"    return {self._last()}"])

    def _last(self) -> str:
        return "img" if self._rng.random() < 0.8 else self._value(3)

    def _is_foreign(self) -> bool:
        return self._rng.random() < self._foreign

    def _statement(self, depth: int) -> list[str]:
        pad = "    " * depth
        if self._is_foreign():
            text = self._rng.choice(_FOREIGN_STATEMENTS)
            return (pad + text.format(e=self._value(2), n=self._name(), p=pad)).split("\n")
        kind = self._rng.randrange(10) if depth < 4 else 0
        if kind == 9:
            head = f"{pad}for {self._target()} in {self._value(1)}:"
        elif kind == 8:
            head = f"{pad}if {self._value(2)}:"
        elif kind == 7:
            return [f"{pad}{self._target()} {self._rng.choice(_BINARY)}= {self._value(1)}"]
        elif kind > 3:
            return [f"{pad}{self._target()} = {self._value(2)}"]
        else:
            return [f"{pad}{self._rng.choice(['img', 'b'])} = {self._example()}"]
        return [head, *(line for _ in range(2) for line in self._statement(depth + 1))]

    def _target(self) -> str:
        if self._rng.random() < 0.8:
            return self._name()
        return self._rng.choice(["a, b", "img[0]", "xs[:]", "a, *b", "img[img > 2]", "_"])

    def _name(self) -> str:
        return self._rng.choice(_FOREIGN_NAMES if self._is_foreign() else _NAMES)

    def _value(self, depth: int) -> str:
        makers: list[Callable[[int], str]] = [self._number, lambda _: self._name()]
        if depth > 0:
            makers += [self._call, self._operation, self._part, self._collection]
            makers += [lambda _: self._example()]
        return self._rng.choice(makers)(depth - 1)

    def _example(self) -> str:
        """A call that makes sense, and then perhaps does not."""

        def change(number: re.Match[str]) -> str:
            return number[0] if self._rng.random() < 0.8 else self._value(1)

        return re.sub(r"\b\d+\b(?!\()", change, self._rng.choice(_EXAMPLES))

    def _number(self, _: int) -> str:
        # Large numbers now and then: each may cost its whole time limit.
        if self._rng.random() < 0.03:
            return self._rng.choice(["10**9", "-(2**63)", "9**9**9", "1 << 10**7", "1e308"])
        return self._rng.choice([*map(str, range(-2, 10)), "True", "None", "0.5", "'ab'", "30"])

    def _call(self, depth: int) -> str:
        count = self._rng.choice([0, 1, 1, 2, 2, 3, 4])
        arguments = [self._value(depth) for _ in range(count)]
        if self._rng.random() < 0.2:
            arguments.append(f"{self._rng.choice(['axis', 'key', 'color', 'a'])}={self._name()}")
        if self._rng.random() < 0.05:
            arguments.append(f"*{self._value(depth)}")
        if self._is_foreign():
            return f"({self._value(depth)})({', '.join(arguments)})"
        return f"{self._rng.choice(_FUNCTIONS)}({', '.join(arguments)})"

    def _operation(self, depth: int) -> str:
        left, right = self._value(depth), self._value(depth)
        kind = self._rng.randrange(6)
        if kind == 0:
            return f"({left} {self._rng.choice(_COMPARISONS)} {right})"
        if kind == 1:
            return f"({left} if {right} else {self._value(depth)})"
        if kind == 2:
            return f"({self._rng.choice(['not', '-', '~'])} {left})"
        # Powers and shifts of what has been computed grow beyond all bounds at once.
        operators = _BINARY if self._rng.random() < 0.1 else _BINARY[:-3]
        return f"({left} {self._rng.choice(operators)} {right})"

    def _part(self, depth: int) -> str:
        value = self._value(depth)
        if self._is_foreign():
            return f"({value}).{self._rng.choice(_FOREIGN_ATTRIBUTES)}"
        if self._rng.random() < 0.4:
            called = self._rng.choice(["", "()", f"({self._value(depth)})"])
            return f"({value}).{self._rng.choice(sorted(ATTRIBUTES))}{called}"
        index = self._rng.choice(["0", "-1", "::-1", "1:", ":, 0", "None", "...", "a", "img > 3"])
        return f"({value})[{index}]"

    def _collection(self, depth: int) -> str:
        a, b = self._value(depth), self._value(depth)
        forms = [f"[{a}, {b}]", f"({a}, {b})", f"{{{a}, {b}}}", f"{{{a}: {b}}}", f"[*{a}, {b}]"]
        if self._rng.random() < 0.3:
            loop = f"for {self._name()} in {b}"
            forms = [f"[{a} {loop}]", f"{{{a} {loop} if {self._name()}}}", f"sum({a} {loop})"]
        elif self._is_foreign():
            forms = [
                f"(lambda {self._name()}: {a})",
                f"(a := {a})",
                f"f'{{img}}{{{self._name()}}}'",
            ]
        return self._rng.choice(forms)


def make_drawing(rng: random.Random, *, n_calls: int, side: int) -> list[str]:
    """Return the lines of a program that draws on ``img``, many of them over and over."""

    def place() -> int:
        return rng.randrange(-1, side + 1)

    def draw() -> str:
        row, col, reach, color = place(), place(), rng.randrange(side), rng.randrange(10)
        down, right = rng.choice([(0, 1), (1, 0), (1, 1), (1, -1)])
        end = f"({row + down * reach}, {col + right * reach})"
        return rng.choice(
            [
                f"draw_pixel(img, ({row}, {col}), {color})",
                f"draw_line(img, ({row}, {col}), {end}, {color})",
                f"draw_rectangle(img, ({row}, {col}), ({place()}, {place()}), {color})",
                f"draw_horizontal_line(img, {row}, {color})",
                f"draw_vertical_line(img, {col}, {color})",
                f"apply_colormap(img, {{{color}: {rng.randrange(10)}}})",
                f"flip(img, {rng.randrange(2)})",
                f"rotate_90(img, {rng.randrange(4)})",
            ]
        )

    return [*(f"img = {draw()}" for _ in range(n_calls)), "return img"]


def add_noise(rng: random.Random, lines: list[str], *, count: int) -> list[str]:
    """Return the lines with statements between them whose values nobody uses."""
    noisy = list(lines)
    for _ in range(count):
        call = rng.choice(["img.copy()", "draw_pixel(img, (0, 0), 1)", "mode(img)", "img + 1"])
        noise = rng.choice([call, f"unused = {call}", f"if {call} is None: pass", "pass"])
        noisy.insert(rng.randrange(len(noisy)), noise)
    return noisy
