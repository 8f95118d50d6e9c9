"""The language programs are written in. Numpy only: sandbox children import it, and little else.

A program is a function ``task(img)`` that returns a grid. Every primitive takes grids and plain
values and returns a new grid; none changes its arguments. Points are (row, column), counted from
the top left corner.
"""

from arc_submit.dsl import drawing, transforms
from arc_submit.dsl.registry import PRIMITIVES, Primitive

NAMESPACE = {name: primitive.function for name, primitive in PRIMITIVES.items()}
"""What a program's calls may name."""

__all__ = ["NAMESPACE", "PRIMITIVES", "Primitive", "drawing", "transforms"]
