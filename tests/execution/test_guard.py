"""Legal programs pass whatever they look like; everything else is refused with its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arc_submit.dsl import PRIMITIVES
from arc_submit.execution.guard import check_source
from arc_submit.types import FailureKind


def wrap(*lines: str) -> str:
    return "\n".join(["def task(img):", *(f"    {line}" for line in lines), "    return img"])


@pytest.mark.parametrize(
    "source",
    [
        wrap("img = create_img((5, 5), 3)", "img = draw_rectangle(img, (1, 1), (2, 3), 4)"),
        wrap("# import os; os.system('rm'); eval(time.sleep)", "text = 'import os.__class__'"),
        wrap("is_open = timer = evaluate = 1", "img[0, 0] += is_open * timer - 1 % evaluate"),
        wrap("for _ in range(3):", "    if img[0, 0] > 2 and not img[0, 1]:", "        continue"),
        wrap("cells = [c for row in img for c in row if c != 0]", "n = len({c for c in cells})"),
        wrap("counts = {c: (img == c).sum() for c in range(10)}", "a, *b = sorted(counts.items())"),
        wrap("img = img[::-1, 1:].T.copy() if img.shape[0] > 1 else img", "img[0] = -~1 ** 2"),
        wrap("sizes = [1]", "sizes.append(max(img.max(), 2, 3))", "k = max(sizes, default=0)"),
        wrap('"""A docstring."""', "pass"),
    ],
)
def test_legal_programs_pass(source: str) -> None:
    assert check_source(source) is None


def test_every_primitive_may_be_called() -> None:
    assert check_source(wrap(*(f"x = {p.example}" for p in PRIMITIVES.values()))) is None


@pytest.mark.parametrize(
    "line",
    [
        "import os",
        "from os import system",
        "__import__('os').system('true')",
        "open('/etc/passwd')",
        "eval('1')",
        "exec('1')",
        "getattr(img, 'T')",
        "print(img)",
        "task(img)",
        "os.system('true')",
        "x = img.ctypes",
        "x = img.tofile",
        "x = img.dump",
        "x = img.__class__",
        "x = ().__class__.__base__.__subclasses__()",
        "x = (c for c in img).gi_frame",
        "x = '{0.__class__}'.format(img)",
        "x = '{0.__class__}'.format_map(img)",
        "x = f'{img.__class__}'",
        "x = f'{img}'",
        "x = __builtins__",
        "x = create_img.__globals__",
        "_hidden = 1",
        "range(3, _x=1)",
        "max(**{'key': len})",
        "img.shape = (1, 1)",
        "(lambda: 1)()",
        "[len][0](img)",
        "x = [(y := 1)]",
        "x = b'1'",
        "x = 1j",
        "del img",
        "global img",
        "assert img",
        "raise img",
        "yield img",
        "x = await img",
        "x: int = 1",
        "while True: pass",
        "with img: pass",
        "try: pass\n    except: pass",
        "def inner(): pass",
        "class Inner: pass",
        "match img:\n        case _: pass",
    ],
)
def test_what_is_not_on_the_list_is_refused_with_its_line(line: str) -> None:
    failure = check_source(wrap("img = img", line))
    assert failure is not None
    assert failure.kind is FailureKind.FORBIDDEN
    assert failure.message.startswith("line 3: ")
    assert "\n" not in failure.message


@pytest.mark.parametrize(
    "source",
    [
        "",
        "x = 1",
        "def other(img): return img",
        "def task(): return 1",
        "def task(grid): return grid",
        "def task(img, other): return img",
        "def task(img=len): return img",
        "def task(img: len): return img",
        "def task(img) -> len: return img",
        "def task(*img): return img",
        "def task(img, /): return img",
        "def task(img, *, a): return img",
        "async def task(img): return img",
        "@len\ndef task(img): return img",
        "import os\ndef task(img): return img",
        "def task(img): return img\ntask(1)",
    ],
)
def test_only_one_plain_task_function_is_a_program(source: str) -> None:
    failure = check_source(source)
    assert failure is not None
    assert failure.kind is FailureKind.FORBIDDEN


@pytest.mark.parametrize(
    "source",
    [
        "def task(img):\n    return (",
        "def task(img)\n    return img",
        "def task(img):\nreturn img",
        "def task(img): return '\ud800'",
        "def task(img): return '\0'",
        "def task(img): return " + "(" * 5000 + ")" * 5000,
        "def task(img): return " + "-" * 100_000 + "1",
    ],
)
def test_what_does_not_parse_is_a_syntax_failure(source: str) -> None:
    failure = check_source(source)
    assert failure is not None
    assert failure.kind is FailureKind.SYNTAX
    assert failure.message.startswith("line ")


def test_warnings_of_the_parser_stay_inside() -> None:
    assert check_source(wrap(r"x = '\d'", "y = 1 is 1")) is None


@given(st.text() | st.text("_ab.()[]:\n 1'{}*=").map(wrap))
def test_no_text_makes_the_guard_raise(source: str) -> None:
    failure = check_source(source)
    assert failure is None or failure.kind in (FailureKind.SYNTAX, FailureKind.FORBIDDEN)
