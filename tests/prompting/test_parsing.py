"""Programs are found in what models write."""

from __future__ import annotations

import pytest

from arc_submit.prompting import extract_program
from arc_submit.types import ParseFailure, Program

PROGRAM = "def task(img):\n    img = flip(img, 0)\n\n    return img"


@pytest.mark.parametrize(
    "text",
    [
        PROGRAM,
        f"```python\n{PROGRAM}\n```",
        f"Here it is:\n```\n{PROGRAM}\n```\nIt flips the grid.",
        f"```python\n{PROGRAM}",
        f"{PROGRAM}\nprint(task(img))",
    ],
)
def test_the_function_is_found(text: str) -> None:
    assert extract_program(text) == Program(PROGRAM)


@pytest.mark.parametrize(
    "text", ["", "no code", "def other(img):\n    return img", "def task(img):"]
)
def test_text_without_the_function_is_a_value(text: str) -> None:
    assert isinstance(extract_program(text), ParseFailure)


def test_a_function_cut_off_before_its_return_is_no_program() -> None:
    failure = extract_program("def task(img):\n    img = flip(img, 0)")
    assert isinstance(failure, ParseFailure) and "return" in failure.reason


def test_malformed_calls_do_not_cost_the_others() -> None:
    text = (
        "def task(img):\n    img = flip(img, 0)\n    img = draw_line(img, (0, 2)\n"
        "    img = rotate(img, 1)\n    return img"
    )
    mended = "def task(img):\n    img = flip(img, 0)\n    img = rotate(img, 1)\n    return img"
    assert extract_program(text) == Program(mended)


def test_a_function_without_one_sound_call_stays_as_it_is() -> None:
    text = "def task(img):\n    img = flip(img, \n    return img"
    assert extract_program(text) == Program(text)


def test_numbers_run_together_are_malformed_and_nothing_is_warned_of() -> None:
    text = "def task(img):\n    img = flip(img, 1if)\n    img = flip(img, 0)\n    return img"
    mended = "def task(img):\n    img = flip(img, 0)\n    return img"
    assert extract_program(text) == Program(mended)
