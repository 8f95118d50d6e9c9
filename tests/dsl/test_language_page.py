"""The page of the language shows the language as it is."""

from __future__ import annotations

from pathlib import Path

from arc_submit.dsl import PRIMITIVES
from arc_submit.dsl.objects import MOVES, PROPERTIES
from arc_submit.dsl.page import render_page
from arc_submit.execution.guard import ATTRIBUTES, check_source

PAGE = Path(__file__).parents[2] / "docs" / "language.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_page(), "run: make language"


def test_the_page_shows_every_call_and_every_attribute() -> None:
    page = render_page()
    shown = [p.signature for p in PRIMITIVES.values()] + [*PROPERTIES, *MOVES]
    assert all(f"| `{name}` |" in page for name in shown)


def test_programs_may_use_what_the_page_shows() -> None:
    assert {name.partition("(")[0] for name in (*PROPERTIES, *MOVES)} <= ATTRIBUTES
    example = render_page().split("```")[1].removeprefix("python\n")
    assert check_source(example) is None
