"""What a program may return, and what the child's process carries with it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from arc_submit.execution.child import BadOutput, read_output


@pytest.mark.parametrize(
    "value",
    [
        [[1, 2], [3, 4]],
        ((1, 2), (3, 4)),
        [np.array([1, 2]), [3, np.int8(4)]],
        np.array([[1, 2], [3, 4]], dtype=np.int64),
        np.array([[1, 3], [2, 4]], dtype=np.uint8).T,
    ],
)
def test_integers_in_equal_rows_are_a_grid(value: object) -> None:
    grid = read_output(value)
    assert grid.dtype == np.int8
    assert grid.tolist() == [[1, 2], [3, 4]]


class _Unmeasured(np.ndarray[Any, Any]):
    """Claims nothing: only its real shape may count."""


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "NoneType"),
        (3, "int"),
        ("12", "str"),
        ({1: 2}, "dict"),
        (np.int8(3), "int8"),
        (np.array(3), "0 dimensions"),
        (np.zeros(3, np.int8), "1 dimensions"),
        (np.zeros((2, 2, 2), np.int8), "3 dimensions"),
        (np.full((2, 2), np.nan), "float64"),
        (np.ones((2, 2)), "float64"),
        (np.ones((2, 2), bool), "bool"),
        (np.ones((2, 2), object), "object"),
        (np.full((2, 2), 10), "holds 10"),
        (np.full((2, 2), -1), "holds -1"),
        (np.zeros((0, 3), np.int8), "0x3"),
        (np.zeros((3, 31), np.int8), "3x31"),
        (np.broadcast_to(np.int8(0), (2**20, 2**20)), "1048576x1048576"),
        (np.zeros((2, 2), np.int8).view(_Unmeasured).astype(float), "float64"),
        ([], "0 rows"),
        ([[]], "list of 1-30"),
        ([[1]] * 31, "31 rows"),
        ([[1] * 31], "list of 1-30"),
        ([[1, 2], [3]], "as many as in row 0"),
        ([1, 2], "list of 1-30"),
        ([[1, 2], None], "as many as in row 0"),
        ([np.array(1)], "list of 1-30"),
        ([[[1]]], "list"),
        ([[1, 2.0]], "float"),
        ([[1, True]], "bool"),
        ([[1, np.True_]], "bool"),
        ([[1, "2"]], "str"),
        ([[1, 10**40]], "object"),
        ([[1, 300]], "holds 300"),
    ],
)
def test_anything_else_is_a_bad_output(value: object, message: str) -> None:
    with pytest.raises(BadOutput, match=message):
        read_output(value)


def test_the_child_loads_no_model_and_no_schema_library() -> None:
    script = (
        "import sys, arc_submit.execution.child\n"
        "heavy = {'torch', 'transformers', 'pydantic', 'arc_submit.config'} & sys.modules.keys()\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
