"""What a program may say: an allow-list over its syntax tree.

Owns the shape of a legal program, its builtins and its attributes. Refuses by what a construct
is, never by how its text looks: comments, strings and harmless names pass whatever they contain.
It bounds no running time: a ``for`` over a list that grows is left to the limits of the child.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from typing import Any

from arc_submit.dsl import NAMESPACE
from arc_submit.types import Failure, FailureKind

# fmt: off
BUILTINS = frozenset({
    "abs", "all", "any", "bool", "dict", "enumerate", "int", "len", "list", "max", "min",
    "range", "reversed", "set", "sorted", "sum", "tuple", "zip"
})
"""The only builtins that a program may call."""

ATTRIBUTES = frozenset({
    "T", "add", "all", "any", "append", "area", "bottom", "change_color", "color", "copy",
    "extend", "get", "has_hole", "height", "is_horizontal_line", "is_line", "is_point",
    "is_rectangle", "is_square", "is_vertical_line", "items", "keys", "left", "max", "min",
    "move", "right", "shape", "size", "sum", "top", "values", "width"
})
"""The only attributes that a program may read; none may be assigned."""
# fmt: on

_CALLABLE = BUILTINS | NAMESPACE.keys()

_CHILDREN: dict[type[ast.AST], tuple[str, ...]] = {
    ast.Assign: ("targets", "value"),
    ast.AugAssign: ("target", "value"),
    ast.Expr: ("value",),
    ast.Return: ("value",),
    ast.If: ("test", "body", "orelse"),
    ast.For: ("target", "iter", "body", "orelse"),
    ast.Pass: (),
    ast.Break: (),
    ast.Continue: (),
    ast.BoolOp: ("values",),
    ast.BinOp: ("left", "right"),
    ast.UnaryOp: ("operand",),
    ast.Compare: ("left", "comparators"),
    ast.IfExp: ("test", "body", "orelse"),
    ast.Call: ("func", "args", "keywords"),
    ast.keyword: ("value",),
    ast.Starred: ("value",),
    ast.Attribute: ("value",),
    ast.Subscript: ("value", "slice"),
    ast.Slice: ("lower", "upper", "step"),
    ast.Tuple: ("elts",),
    ast.List: ("elts",),
    ast.Set: ("elts",),
    ast.Dict: ("keys", "values"),
    ast.ListComp: ("elt", "generators"),
    ast.SetComp: ("elt", "generators"),
    ast.GeneratorExp: ("elt", "generators"),
    ast.DictComp: ("key", "value", "generators"),
    ast.comprehension: ("target", "iter", "ifs"),
    ast.Name: (),
    ast.Constant: (),
}
"""The node types that a function's body may hold, and the fields in which their children lie."""


def check_source(source: str) -> Failure | None:
    """Return why a program may not run (SYNTAX or FORBIDDEN, naming the line), or None."""
    checked = parse_program(source)
    return checked if isinstance(checked, Failure) else None


def parse_program(source: str) -> ast.Module | Failure:
    """Return the tree of a program that may run, or why it may not."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except SyntaxError as error:
        return Failure(FailureKind.SYNTAX, f"line {error.lineno or 1}: {error.msg}")
    except (ValueError, RecursionError, MemoryError) as error:
        return Failure(FailureKind.SYNTAX, f"line 1: cannot be parsed ({type(error).__name__})")
    return _find_forbidden(tree) or tree


def _find_forbidden(tree: ast.Module) -> Failure | None:
    function = tree.body[0] if len(tree.body) == 1 else None
    if not isinstance(function, ast.FunctionDef) or not _is_task(function):
        return _forbid(1, "expected one plain function task(img) and nothing else")
    pending: list[ast.AST | None] = [*function.body]
    while pending:
        node = pending.pop()
        if node is None:
            continue
        fields = _CHILDREN.get(type(node))
        if fields is None:
            return _forbid(getattr(node, "lineno", 1), f"{type(node).__name__} is not allowed")
        check = _CHECKS.get(type(node))
        if check is not None and (fault := check(node)) is not None:
            return _forbid(getattr(node, "lineno", 1), fault)
        for field in fields:
            value = getattr(node, field)
            if type(value) is list:
                pending += value
            else:
                pending.append(value)
    return None


def _forbid(line: int, fault: str) -> Failure:
    return Failure(FailureKind.FORBIDDEN, f"line {line}: {fault}")


def _is_task(function: ast.FunctionDef) -> bool:
    arguments = function.args
    only = arguments.args[0] if len(arguments.args) == 1 else None
    return (
        function.name == "task"
        and only is not None
        and only.arg == "img"
        and only.annotation is None
        and not any((arguments.posonlyargs, arguments.kwonlyargs, arguments.defaults))
        and arguments.vararg is None
        and arguments.kwarg is None
        and function.returns is None
        and not function.decorator_list
        and not getattr(function, "type_params", ())
    )


def _check_name(node: ast.Name) -> str | None:
    if node.id.startswith("_") and node.id != "_":
        return f"the name {node.id!r} starts with an underscore"
    return None


def _check_attribute(node: ast.Attribute) -> str | None:
    if node.attr not in ATTRIBUTES:
        return f"the attribute {node.attr!r} is not allowed"
    return None if isinstance(node.ctx, ast.Load) else "attributes cannot be assigned"


def _check_call(node: ast.Call) -> str | None:
    if isinstance(node.func, ast.Name):
        return None if node.func.id in _CALLABLE else f"there is no function {node.func.id!r}"
    return None if isinstance(node.func, ast.Attribute) else "only functions with a name are called"


def _check_keyword(node: ast.keyword) -> str | None:
    if node.arg is None or node.arg.startswith("_"):
        return f"the argument {node.arg or '**'!r} is not allowed"
    return None


def _check_constant(node: ast.Constant) -> str | None:
    if node.value is None or isinstance(node.value, int | float | str):
        return None
    return f"a constant of type {type(node.value).__name__} is not allowed"


def _check_comprehension(node: ast.comprehension) -> str | None:
    return "async is not allowed" if node.is_async else None


_CHECKS: dict[type[ast.AST], Callable[[Any], str | None]] = {
    ast.Name: _check_name,
    ast.Attribute: _check_attribute,
    ast.Call: _check_call,
    ast.keyword: _check_keyword,
    ast.Constant: _check_constant,
    ast.comprehension: _check_comprehension,
}
