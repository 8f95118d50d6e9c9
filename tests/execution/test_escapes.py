"""Every way to ``os.system`` that we know is refused by the guard, and does nothing behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sandboxes import failures, program, rows, run_between_flips, unguarded_pool

from arc_submit.execution.guard import check_source
from arc_submit.execution.pool import ExecutionPool
from arc_submit.types import FailureKind

DEAD_ENDS = {
    "import": ["import os", "status = os.system(COMMAND)"],
    "from import": ["from os import system", "status = system(COMMAND)"],
    "star import": ["from os import *", "status = system(COMMAND)"],
    "dunder import": ["status = __import__('os').system(COMMAND)"],
    "builtins by name": ["status = __builtins__['__import__']('os').system(COMMAND)"],
    "builtins by global": ["global __builtins__", "status = __builtins__['eval'](COMMAND)"],
    "eval": ["status = eval('__import__(\"os\")').system(COMMAND)"],
    "exec": ["exec('import os')", "status = os.system(COMMAND)"],
    "compile": ["status = compile('import os', '', 'exec')"],
    "getattr": ["status = getattr(create_img, '__globals__')['np']"],
    "type": ["status = type('Made', (), {})"],
    "vars": ["status = vars()"],
    "globals": ["status = globals()['create_img'].__globals__"],
    "breakpoint": ["status = breakpoint()"],
    "class body": ["class Made:", "    import os", "status = Made.os.system(COMMAND)"],
    "ctypes of an array": ["status = img.ctypes._ctypes.CDLL(None).system(COMMAND.encode())"],
    "str.format": ["status = '{0.__globals__[np]}'.format(create_img).system(COMMAND)"],
    "str.format_map": ["status = '{f.__globals__}'.format_map({'f': create_img}).system(COMMAND)"],
}
"""Refused by the guard, and stopped by the child's namespace too."""

BUILTINS = "create_img.__globals__['__builtins__']"
OS = f"{BUILTINS}['__import__']('os')"
TYPE = "().__class__.__class__"
SUBCLASSES = "().__class__.__base__.__subclasses__()"

ROUTES = {
    "subclasses of object": [
        f"for found in {SUBCLASSES}:",
        "    if found.__name__ == '_wrap_close':",
        "        status = found.__init__.__globals__['system'](COMMAND)",
    ],
    "method resolution order": [
        "for found in img.__class__.__mro__[-1].__subclasses__():",
        "    if found.__name__ == '_wrap_close':",
        "        status = found.__init__.__globals__['system'](COMMAND)",
    ],
    "comprehension": [
        f"found = [c for c in {SUBCLASSES} if c.__name__ == '_wrap_close']",
        "status = found[0].__init__.__globals__['system'](COMMAND)",
    ],
    "warnings": [
        f"found = [c for c in {SUBCLASSES} if c.__name__ == 'catch_warnings']",
        "status = found[0]()._module.__builtins__['__import__']('os').system(COMMAND)",
    ],
    "globals of a primitive": [f"status = {OS}.system(COMMAND)"],
    "builtins of a primitive": [
        "status = create_img.__builtins__['__import__']('os').system(COMMAND)"
    ],
    "a module of a primitive": [
        "numpy = create_img.__globals__['np']",
        "status = numpy.__builtins__['__import__']('os').system(COMMAND)",
    ],
    "loader of a module": [
        "loader = create_img.__globals__['__loader__']",
        "status = loader.__init__.__globals__['sys'].modules['os'].system(COMMAND)",
    ],
    "ctypes": [
        f"ctypes = {BUILTINS}['__import__']('ctypes')",
        "status = ctypes.CDLL(None).system(COMMAND.encode())",
    ],
    "frame of a generator": [
        "def look():",
        "    yield me.gi_frame.f_back.f_back.f_globals",
        "me = look()",
        "for found in me:",
        "    status = found['os'].system(COMMAND)",
    ],
    "frame of a coroutine": [
        "seen = []",
        "async def look():",
        "    seen.append(me.cr_frame.f_back.f_back.f_globals)",
        "me = look()",
        "try:",
        "    me.send(None)",
        "except:",
        "    status = seen[0]['os'].system(COMMAND)",
    ],
    "frame of a traceback": [
        "try:",
        "    1 / 0",
        f"except {BUILTINS}['ZeroDivisionError'] as error:",
        "    found = error.__traceback__.tb_frame.f_back.f_globals",
        "    status = found['os'].system(COMMAND)",
    ],
    "exec behind a primitive": [
        f"found = {{'__builtins__': {BUILTINS}}}",
        f"{BUILTINS}['exec']('import os', found)",
        "status = found['os'].system(COMMAND)",
    ],
    "pickle": [
        "size = len(COMMAND).to_bytes(4, 'little')",
        "words = b'cos\\nsystem\\nX' + size + COMMAND.encode() + b'\\x85R.'",
        f"status = {BUILTINS}['__import__']('pickle')._loads(words)",
    ],
    "posix": [f"status = {BUILTINS}['__import__']('posix').system(COMMAND)"],
    "lambda default": [f"status = (lambda run={OS}.system: run(COMMAND))()"],
    "decorator": [
        f"@(lambda function: {OS}.system(COMMAND))",
        "def status():",
        "    pass",
    ],
    "walrus": [f"status = (found := {OS}).system(COMMAND)"],
    "f-string": [
        "texts = []",
        f'f"{{texts.append({OS}.system(COMMAND))}}"',
        "status = texts[0]",
    ],
    "match": [
        "match ():",
        "    case tuple(__class__=kind):",
        "        for found in kind.__base__.__subclasses__():",
        "            if found.__name__ == '_wrap_close':",
        "                status = found.__init__.__globals__['system'](COMMAND)",
    ],
    "getattribute": [
        "found = create_img.__getattribute__('__globals__')['__builtins__']",
        "status = found['__import__']('os').system(COMMAND)",
    ],
    "new global builtins": [
        "global __builtins__",
        f"__builtins__ = {BUILTINS}",
        "def find():",
        "    import os",
        "    return os",
        "found = find.__class__(find.__code__, {'__builtins__': __builtins__})",
        "status = found().system(COMMAND)",
    ],
    "nonlocal": [
        "status = None",
        "def run():",
        "    nonlocal status",
        f"    status = {OS}.system(COMMAND)",
        "run()",
    ],
    "sort key": [
        "texts = []",
        f"sorted([COMMAND], key=lambda text: texts.append({OS}.system(text)) or 0)",
        "status = texts[0]",
    ],
    "keyword unpacking": [f"status = (lambda run: run(COMMAND))(**{{'run': {OS}.system}})"],
    "swapped code": [
        "def run(shape, color=0):",
        "    return __import__('os').system(shape)",
        "old, create_img.__code__ = create_img.__code__, run.__code__",
        "status = create_img(COMMAND)",
        "create_img.__code__ = old",
    ],
    "operator of a made class": [
        f"status = {TYPE}('Made', (), {{'__add__': lambda self, o: {OS}.system(o)}})() + COMMAND"
    ],
    "with": [
        f"made = {TYPE}('Made', (), {{'__enter__': lambda self: {OS}.system(COMMAND),",
        "    '__exit__': lambda *args: None})",
        "with made() as status:",
        "    pass",
    ],
    "yield from": [
        "def run():",
        f"    return (yield from [{OS}.system(COMMAND)])",
        "for status in run():",
        "    pass",
    ],
    "deletion": [
        "texts = []",
        f"drop = lambda self: texts.append({OS}.system(COMMAND))",
        f"{TYPE}('Made', (), {{'__del__': drop}})()",
        "status = texts[0]",
    ],
}
"""Refused by the guard; without it they lead to a call that starts nothing."""


@pytest.fixture(scope="module", params=["filtered", "unfiltered"])
def open_pool(request: pytest.FixtureRequest) -> Iterator[ExecutionPool]:
    with unguarded_pool(is_filtered=request.param == "filtered") as pool:
        yield pool


@pytest.mark.parametrize("lines", [pytest.param(v, id=k) for k, v in (DEAD_ENDS | ROUTES).items()])
def test_the_guard_refuses_every_way_to_a_shell(lines: list[str]) -> None:
    attack = program("COMMAND = 'true'", *lines, "return img")
    failure = check_source(attack.source)
    assert failure is not None
    assert failure.kind is FailureKind.FORBIDDEN


@pytest.mark.parametrize("lines", [pytest.param(v, id=k) for k, v in DEAD_ENDS.items()])
def test_the_namespace_of_a_program_has_no_way_out(
    open_pool: ExecutionPool, lines: list[str], tmp_path: Path
) -> None:
    command = f"COMMAND = 'touch {tmp_path}/here'"
    execution = run_between_flips(open_pool, program(command, *lines, "return [[1]]"))
    assert failures(execution) <= {FailureKind.ERROR, FailureKind.SYNTAX}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("lines", [pytest.param(v, id=k) for k, v in ROUTES.items()])
def test_a_shell_that_is_called_does_not_start(
    open_pool: ExecutionPool, lines: list[str], tmp_path: Path
) -> None:
    command = f"COMMAND = 'touch {tmp_path}/here'"
    attack = program(command, *lines, "return [[7 if status else 1]]")
    execution = run_between_flips(open_pool, attack)
    assert [rows(output) for output in execution.outputs] == [[[7]], [[7]]]  # the call was made
    assert list(tmp_path.iterdir()) == []
