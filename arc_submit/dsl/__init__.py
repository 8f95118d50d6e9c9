"""The language programs are written in. Numpy only: sandbox children import it, and little else.

A program is a function ``task(img)`` that returns a grid. Primitives take grids, objects and plain
values and return new ones; none changes its arguments. Points are (row, column), counted from
the top left corner.
"""

from arc_submit.dsl import drawing, objects, shapes, transforms
from arc_submit.dsl.registry import PRIMITIVES, Primitive

NAMESPACE = {name: primitive.function for name, primitive in PRIMITIVES.items()}
"""What a program's calls may name."""

__all__ = ["NAMESPACE", "PRIMITIVES", "Primitive", "drawing", "objects", "shapes", "transforms"]
