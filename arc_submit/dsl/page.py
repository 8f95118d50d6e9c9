"""The documentation page of the language, made from its registry."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Sequence
from itertools import groupby

from arc_submit.dsl import PRIMITIVES
from arc_submit.dsl.objects import MOVES, PROPERTIES

_INTRODUCTION = """\
# The language

A program is a Python function `task(img)` that takes a grid and returns one:

```python
def task(img):
    for obj in detect_objects(img):
        if obj.is_line:
            img = draw_object(img, obj.change_color(3))
    return img
```

Grids are arrays of the colours 0-9, points are (row, column) from the top left corner, counted from
0. No call changes what it is given. Besides these calls a program may use arithmetic, comparisons,
`if`, `for`, comprehensions and a few builtins; `execution/guard.py` lists them.

This page is made from the code by `make language`."""


def render_page() -> str:
    """Return the page in Markdown: every primitive by module, and what an object is."""
    parts = [_INTRODUCTION]
    for module, group in groupby(PRIMITIVES.values(), key=lambda p: p.function.__module__):
        summary = (inspect.getdoc(sys.modules[module]) or "").partition("\n\n")[0]
        rows = [(f"`{p.signature}`", p.meaning, f"`{p.example}`") for p in group]
        parts += [f"## {module.rpartition('.')[2].capitalize()}", summary]
        parts += [_table(("call", "meaning", "example"), rows)]
    members = {**PROPERTIES, **MOVES}
    attributes = [(f"`{name}`", meaning) for name, meaning in members.items()]
    parts += ["## What an object has", _table(("attribute", "meaning"), attributes)]
    return "\n\n".join(parts) + "\n"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
