"""One test per guarantee of the sandbox: whatever a program tries, it harms no one but itself."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sandboxes import (
    BEHIND,
    FLIP,
    INPUTS,
    NEVER,
    SHORT,
    assert_flipped,
    count_processes,
    failures,
    message,
    program,
    rows,
    run_between_flips,
    unguarded_pool,
)

from arc_submit.config import ExecutionConfig
from arc_submit.dsl import NAMESPACE
from arc_submit.execution.guard import check_source
from arc_submit.execution.pool import ExecutionPool, find_missing_limits
from arc_submit.execution.syscalls import build_filter
from arc_submit.types import FailureKind, Program

TIMEOUT, MEMORY, CRASH = FailureKind.TIMEOUT, FailureKind.MEMORY, FailureKind.CRASH
ERROR, BAD_OUTPUT = FailureKind.ERROR, FailureKind.BAD_OUTPUT


@pytest.fixture(scope="module")
def pool() -> Iterator[ExecutionPool]:
    with ExecutionPool(SHORT) as pool:
        yield pool


@pytest.fixture(scope="module", params=["filtered", "unfiltered"])
def open_pool(request: pytest.FixtureRequest) -> Iterator[ExecutionPool]:
    """Without the guard: what holds behind it, with the system-call filter and without."""
    with unguarded_pool(is_filtered=request.param == "filtered") as pool:
        yield pool


@pytest.fixture(scope="module")
def filtered_pool() -> Iterator[ExecutionPool]:
    """Without the guard: what the system-call filter must hold."""
    with unguarded_pool() as pool:
        yield pool


# ---- time, memory and depth

LOOPS = {
    "while": ["while True:", "    pass"],
    "while that catches": ["while True:", "    try:", "        1 / 0", "    except: pass"],
    "while that catches the alarm": [
        "while True:",
        "    try:",
        "        for i in range(10**12): i",
        "    except: pass",
    ],
    "recursion that catches": [
        "def down(n):",
        "    try: down(n + 1)",
        "    finally: down(n + 1)",
        "down(0)",
    ],
    "generator": ["def endless():", "    while True: yield 1", "sum(endless())"],
    "no alarm": [*BEHIND, "load('signal').setitimer(0, 0)", "while True: pass"],
    "a deaf process": [
        *BEHIND,
        "load('signal').signal(14, load('signal').SIG_IGN)",
        "while True: pass",
    ],
}


@pytest.mark.parametrize("lines", [pytest.param(v, id=k) for k, v in LOOPS.items()])
def test_an_endless_program_is_ended(open_pool: ExecutionPool, lines: list[str]) -> None:
    attack = program(*lines, "return img")
    assert check_source(attack.source) is not None
    assert failures(run_between_flips(open_pool, attack)) == {TIMEOUT}


SLOW = {
    "for": ["for i in range(10**12):", "    pass"],
    "comprehension": ["x = [0 for i in range(10**12) if i < 0]"],
    "power": ["x = 9 ** 9 ** 9"],
    "sum": ["x = sum(range(10**12))"],
    "search": ["x = -1 in [i for i in range(3)] * 10**6 * 4 or max(range(10**12))"],
}


@pytest.mark.parametrize("lines", [pytest.param(v, id=k) for k, v in SLOW.items()])
def test_a_guarded_program_that_takes_too_long_is_ended(
    pool: ExecutionPool, lines: list[str]
) -> None:
    attack = program(*lines, "return img")
    assert check_source(attack.source) is None
    assert failures(run_between_flips(pool, attack)) == {TIMEOUT}


BOMBS = {
    "list": ["xs = [0]", "for i in range(99):", "    xs = xs + xs"],
    "list that is extended": ["xs = [0]", "for x in xs:", "    xs.extend([xs] * 10**6)"],
    "list of lists": ["xs = [[0] * 10**6 for _ in range(10**6)]"],
    "dict": ["xs = {i: [i] * 10**5 for i in range(10**6)}"],
    "set": ["xs = {(i,) * 10**6 for i in range(10**6)}"],
    "text": ["x = 'ab'", "for i in range(60):", "    x = x + x"],
    "padded text": ["x = '%' + '9' * 9 + 'd'", "y = x % 1"],
    "integer": ["x = 1 << 10**11"],
    "numpy": ["x = create_img((10**5, 10**5), 1)"],
    "numpy, growing": ["for i in range(40):", "    img = tile(img, (2, 2))"],
    "numpy, one by one": ["xs = [create_img((10**3, 10**3)) for _ in range(10**6)]"],
}


@pytest.fixture(scope="module")
def patient_pool() -> Iterator[ExecutionPool]:
    with ExecutionPool(ExecutionConfig(time_limit_s=60, memory_mb=64)) as pool:
        yield pool


@pytest.mark.parametrize("lines", [pytest.param(v, id=k) for k, v in BOMBS.items()])
def test_a_guarded_program_that_takes_too_much_memory_is_ended(
    patient_pool: ExecutionPool, lines: list[str]
) -> None:
    bomb = program(*lines, "return img")
    assert check_source(bomb.source) is None
    assert failures(run_between_flips(patient_pool, bomb)) == {MEMORY}


RECURSIONS = {
    "in Python": ["def down(n): return down(n + 1)", "return down(0)"],
    "in Python, without a limit": [
        *BEHIND,
        "sys.setrecursionlimit(10**9)",
        "def down(n): return down(n + 1)",
        "return down(0)",
    ],
    "in C, without a limit": [
        *BEHIND,
        "sys.setrecursionlimit(10**9)",
        "def down(n): return [*builtins['map'](down, [n])]",
        "return down(0)",
    ],
}


@pytest.mark.parametrize("lines", [pytest.param(v, id=k) for k, v in RECURSIONS.items()])
def test_a_recursion_bomb_ends_in_a_failure(open_pool: ExecutionPool, lines: list[str]) -> None:
    attack = program(*lines)
    assert check_source(attack.source) is not None
    assert failures(run_between_flips(open_pool, attack)) <= {ERROR, MEMORY, CRASH, TIMEOUT}


# ---- the process

ENDS = {
    "SystemExit": (["sys.exit(3)"], "SystemExit", None),
    "KeyboardInterrupt": (["raise builtins['KeyboardInterrupt']"], "KeyboardInterrupt", None),
    "GeneratorExit": (["raise builtins['GeneratorExit']"], "GeneratorExit", None),
    "exit": (["os._exit(3)"], "exit status 3", None),
    "exit in peace": (["os._exit(0)"], "exit status 0", None),
    "abort": (["os.abort()"], "signal", None),
    "segmentation fault": (["load('ctypes').string_at(0)"], "signal 11", None),
    "an error that cannot be told": (
        [
            "def fail(self): raise self",
            "raise ().__class__.__class__('E', (builtins['ValueError'],), {'__str__': fail})",
        ],
        "exit status 1",
        None,
    ),
    "kill": (["os.kill(os.getpid(), 9)"], "PermissionError", "signal 9"),
    "kill the group": (["os.killpg(0, 9)"], "PermissionError", "signal 9"),
    "stop": (["os.kill(os.getpid(), 19)"], "PermissionError", "was killed"),
    "close the channel": (["os.close(0)"], "PermissionError", "process ended"),
    "noise on the channel": (["os.write(0, b'x' * 9)"], "process ended", None),
    "a gigabyte on the channel": (
        ["for _ in range(1000): os.write(0, b'x' * 10**6)"],
        "process ended",
        None,
    ),
    "read the channel": (["os.read(0, 1)"], "took longer", None),
}


@pytest.mark.parametrize(
    ("lines", "words", "words_unfiltered"),
    [pytest.param(*end, id=name) for name, end in ENDS.items()],
)
def test_a_program_that_ends_its_child_is_charged_alone(
    open_pool: ExecutionPool, lines: list[str], words: str, words_unfiltered: str | None
) -> None:
    attack = program(*BEHIND, *lines, "return img")
    is_filtered = "system calls" not in open_pool._children[0].missing_limits
    execution = run_between_flips(open_pool, attack)
    assert failures(execution) <= {ERROR, CRASH, TIMEOUT}
    assert (words if is_filtered else words_unfiltered or words) in message(execution)


def test_a_gigabyte_may_be_printed() -> None:
    assert check_source(program("print(img)", "return img").source) is not None
    text = ["for stream in (sys.stdout, sys.stderr):", "    for _ in range(250):"]
    noisy = program(*BEHIND, *text, "        stream.write('x' * 10**6)", "return img[:, ::-1]")
    raw = program(*BEHIND, "for _ in range(500): os.write(2, b'x' * 10**6)", "return [[7]]")
    with unguarded_pool(limits=ExecutionConfig(time_limit_s=60)) as pool:
        assert_flipped(run_between_flips(pool, noisy))
        assert rows(run_between_flips(pool, raw).outputs[0]) == [[7]]


def test_the_child_knows_nothing_of_its_parent(open_pool: ExecutionPool) -> None:
    attack = program(*BEHIND, "return [[len(os.environ.keys() & {'HOME', 'PATH', 'USER'})]]")
    assert rows(run_between_flips(open_pool, attack).outputs[0]) == [[0]]


# ---- what the filter refuses

NEW_FILE = "TMP + '/new'"
OLD_FILE = "TMP + '/old'"
DEEDS = {
    # files: written, changed, read
    "open to write": f"os.open({NEW_FILE}, os.O_CREAT | os.O_WRONLY)",
    "open": f"builtins['open']({NEW_FILE}, 'w')",
    "append": f"builtins['open']({OLD_FILE}, 'a')",
    "numpy.save": f"create_img.__globals__['np'].save({NEW_FILE}, img)",
    "mkdir": f"os.mkdir({NEW_FILE})",
    "mknod": f"os.mknod({NEW_FILE})",
    "mkfifo": f"os.mkfifo({NEW_FILE})",
    "remove": f"os.remove({OLD_FILE})",
    "rename": f"os.rename({OLD_FILE}, {NEW_FILE})",
    "link": f"os.link({OLD_FILE}, {NEW_FILE})",
    "symlink": f"os.symlink({OLD_FILE}, {NEW_FILE})",
    "truncate": f"os.truncate({OLD_FILE}, 0)",
    "chmod": f"os.chmod({OLD_FILE}, 0)",
    "utime": f"os.utime({OLD_FILE}, (0, 0))",
    "read": f"builtins['open']({OLD_FILE})",
    "numpy.load": f"create_img.__globals__['np'].load({OLD_FILE})",
    "stat": f"os.stat({OLD_FILE})",
    "listdir": "os.listdir('/')",
    "readlink": "os.readlink('/proc/self/exe')",
    "environment": "builtins['open']('/proc/self/environ')",
    "chdir": "os.chdir('/')",
    # descriptors and the network
    "dup": "os.dup(0)",
    "pipe": "os.pipe()",
    "memfd": "os.memfd_create('x')",
    "socket": "libc.socket(2, 1, 0)",
    "unix socket": "libc.socket(1, 1, 0)",
    "connect": "libc.connect(0, b'\\2\\0\\0\\x50\\x7f\\0\\0\\1' + b'\\0' * 8, 16)",
    "send": "libc.send(0, b'x', 1, 0)",
    # processes
    "fork": "os.fork()",
    "posix_spawn": "os.posix_spawn('/bin/true', ['true'], {})",
    "execv": "os.execv('/bin/true', ['true'])",
    "thread": "load('_thread').start_new_thread(len, ('x',))",
    "signal to the parent": "os.kill(PARENT, 0)",
    "limits of the parent": "resource.prlimit(PARENT, resource.RLIMIT_CPU)",
    "priority of the parent": "os.setpriority(os.PRIO_PROCESS, PARENT, 19)",
    "trace": "libc.ptrace(0, 0, 0, 0)",
    "session": "libc.setsid()",
    # its own fences, and corners of the kernel
    "open files": "resource.setrlimit(resource.RLIMIT_NOFILE, (99, 99))",
    "address space": "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
    "privileges": "libc.prctl(38, 0, 0, 0, 0)",
    "another filter": "libc.prctl(22, 2, 0, 0, 0)",
    "user": "libc.setuid(0)",
    "namespaces": "libc.unshare(0x10000000)",
    "root folder": "os.chroot('/')",
    "shared memory": "libc.shmget(0, 4096, 0o600)",
    "io_uring": "libc.syscall(425, 1, 0)",
    "another numbering": "libc.syscall(0x40000000 + 57)",
}


@pytest.mark.parametrize("deed", [pytest.param(v, id=k) for k, v in DEEDS.items()])
def test_the_kernel_refuses_what_a_program_has_no_need_of(
    filtered_pool: ExecutionPool, deed: str, tmp_path: Path
) -> None:
    old = tmp_path / "old"
    old.write_text("precious")
    before = old.stat()
    attack = program(
        *BEHIND,
        f"PARENT, TMP = {os.getpid()}, {str(tmp_path)!r}",
        "resource, libc = load('resource'), load('ctypes').CDLL(None)",
        "try:",
        f"    result = {deed}",
        "except (builtins['OSError'], builtins['RuntimeError'], builtins['ValueError']):",
        "    result = -1",
        "return [[7 if result == -1 else 1]]",
    )
    execution = run_between_flips(filtered_pool, attack)
    assert rows(execution.outputs[0]) == [[7]]
    assert list(tmp_path.iterdir()) == [old]
    assert (old.read_text(), old.stat().st_mode) == ("precious", before.st_mode)
    assert old.stat().st_mtime_ns == before.st_mtime_ns


def test_a_fork_bomb_makes_no_process(filtered_pool: ExecutionPool) -> None:
    bomb = program(
        *BEHIND,
        "for _ in range(100):",
        "    try: os.fork()",
        "    except builtins['OSError']: pass",
        "return [[7]]",
    )
    assert rows(run_between_flips(filtered_pool, bomb).outputs[0]) == [[7]]
    assert count_processes(filtered_pool._children[0].pid) == 1


def test_processes_that_a_child_starts_in_spite_of_all_end_with_it() -> None:
    fork = program(*BEHIND, "os.fork() or load('time').sleep(60)", "return [[7]]")
    with unguarded_pool(is_filtered=False) as pool:
        session = pool._children[0].pid
        pool.run([fork, FLIP], INPUTS[:1], deadline=NEVER)
    for _ in range(100):  # a killed process takes a moment to be gone
        if count_processes(session) == 0:
            return
        time.sleep(0.05)
    raise AssertionError("a process outlived the child that started it")


def test_without_the_filter_no_file_can_be_opened_all_the_same() -> None:
    read = program(*BEHIND, "return os.open('/etc/passwd', 0)")
    with unguarded_pool(is_filtered=False) as pool:
        assert "Too many open files" in message(run_between_flips(pool, read))
        assert pool._children[0].missing_limits == ["system calls"]


def test_this_machine_lays_every_limit(filtered_pool: ExecutionPool) -> None:
    assert filtered_pool._children[0].missing_limits == []
    assert find_missing_limits(SHORT) == []
    status = Path(f"/proc/{filtered_pool._children[0].pid}/status").read_text()
    assert "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_ends_in_a_verdict_whatever_is_asked(machine: str) -> None:
    """A reading of the filter in the way of the kernel, on every call there may be."""
    code = np.frombuffer(build_filter(machine), dtype="u2, u1, u1, u4").tolist()
    architecture = code[1][3]

    def verdict(words: dict[int, int]) -> int:
        position, value = 0, 0
        while True:
            operation, if_equal, if_not, operand = code[position]
            position += 1
            if operation == 0x06:
                return int(operand)
            if operation == 0x20:
                value = words[operand]
            else:
                position += if_equal if value == operand else if_not

    def is_allowed(number: int, *arguments: int, where: int = architecture) -> bool:
        words = {0: number, 4: where, 16: arguments[0], 24: arguments[1]}
        return verdict(words) == 0x7FFF0000

    allowed = {number for number in range(1000) if is_allowed(number, 0, 0)}
    assert len(allowed) == 22
    (limit,) = {number for number in allowed if not is_allowed(number, 1, 0)}
    assert not is_allowed(limit, 0, 7)
    assert not any(is_allowed(number, 0, 0, where=0x40000003) for number in allowed)
    assert not any(is_allowed(number | 0x40000000, 0, 0) for number in allowed)


# ---- what comes back

OUTPUTS = {
    "10^9 cells": ("create_img((31623, 31623), 1)", MEMORY),
    "10^9 cells in rows": ("[[0] * 10**6] * 10**3", BAD_OUTPUT),
    "NaN": ("img * 0 / 0", BAD_OUTPUT),
    "NaN in rows": ("[[1e999 - 1e999]]", BAD_OUTPUT),
    "infinity": ("img / 0", BAD_OUTPUT),
    "floats": ("img / 2", BAD_OUTPUT),
    "whole floats in rows": ("[[1.0, 2.0]]", BAD_OUTPUT),
    "bools": ("img > 1", BAD_OUTPUT),
    "bools in rows": ("[[True, False]]", BAD_OUTPUT),
    "ragged rows": ("[[1, 2], [3]]", BAD_OUTPUT),
    "no rows": ("[]", BAD_OUTPUT),
    "no columns": ("[[]]", BAD_OUTPUT),
    "an array of no rows": ("img[:0]", BAD_OUTPUT),
    "an array of no columns": ("img[:, :0]", BAD_OUTPUT),
    "31 rows": ("[[1]] * 31", BAD_OUTPUT),
    "31 columns": ("[[1] * 31]", BAD_OUTPUT),
    "an array of 31 rows": ("create_img((31, 1), 1)", BAD_OUTPUT),
    "an array of 31 columns": ("create_img((1, 31), 1)", BAD_OUTPUT),
    "colour 10": ("[[10]]", BAD_OUTPUT),
    "colour -1": ("[[-1]]", BAD_OUTPUT),
    "colour 10^40": ("[[10**40]]", BAD_OUTPUT),
    "a list in itself": ("[a.append(a) or a for a in [[1]]]", BAD_OUTPUT),
    "text": ("'12'", BAD_OUTPUT),
    "a function": ("create_img", BAD_OUTPUT),
    "None": ("None", BAD_OUTPUT),
}


@pytest.mark.parametrize(
    ("value", "kind"), [pytest.param(*output, id=name) for name, output in OUTPUTS.items()]
)
def test_what_is_no_grid_does_not_come_back(
    pool: ExecutionPool, value: str, kind: FailureKind
) -> None:
    attack = program(f"return {value}")
    assert check_source(attack.source) is None
    assert failures(run_between_flips(pool, attack)) == {kind}


LIARS = {
    "a list that lies about its length": "(list,), {'__len__': lambda self: 1}",
    "a tuple that hides its rows": "(tuple,), {'__iter__': lambda self: 1 / 0}",
    "an array that casts to floats": "(img.__class__,), {'astype': lambda self, t: self / 2}",
    "an array that casts to text": "(img.__class__,), {'astype': lambda self, t: 'x'}",
    "an array that casts to noughts": "(img.__class__,), {'astype': lambda self, t: self[:0]}",
    "an array of a false shape": "(img.__class__,), {'shape': (1, 1), 'ndim': 2}",
    "an array of false extremes": "(img.__class__,), {'max': lambda s: 0, 'min': lambda s: 0}",
}


@pytest.mark.parametrize("parts", [pytest.param(v, id=k) for k, v in LIARS.items()])
def test_outputs_that_lie_are_found_out(open_pool: ExecutionPool, parts: str) -> None:
    made = f"kind = ().__class__.__class__('Made', {parts})"
    value = "kind([[3, 4] * 20] * 3)" if "list" in parts or "tuple" in parts else None
    array = "create_img((40, 40), 99).view(kind)"
    attack = program(made, f"return {value or array}")
    got = failures(run_between_flips(open_pool, attack))
    assert got <= {BAD_OUTPUT, CRASH, ERROR}


# ---- what a program leaves behind

CHANGES = {
    "a name of the language": "draw_pixel = create_img = flip = None",
    "a builtin's name": "len = range = sorted = None",
    "its input": "img[:] = 0",
    "global names": "global draw_pixel, len\n    draw_pixel = len = None",
    "the builtins it has": "__builtins__.clear()",
    "the builtins it has, one by one": "__builtins__['len'] = __builtins__['max'] = None",
    "the namespace": "(lambda: 0).__globals__.clear()",
}


@pytest.mark.parametrize("change", [pytest.param(v, id=k) for k, v in CHANGES.items()])
def test_the_next_program_finds_all_as_it_was(open_pool: ExecutionPool, change: str) -> None:
    names = ", ".join(NAMESPACE)
    after = program(
        f"x = [{names}, len, max, range, sorted]",
        "return img[:, ::-1] if len(x) and all(f for f in x) else None",
    )
    before = Program(f"{after.source}  # before")
    changed = program(change, "return img")
    first, _, last = open_pool.run([before, changed, after], INPUTS, deadline=NEVER)
    assert_flipped(first)
    assert_flipped(last)


@pytest.mark.parametrize("call", ["all", "any", "max", "min", "sum"])
def test_a_first_program_can_do_what_a_later_one_can(call: str) -> None:
    """What numpy imports at first use is there before any program runs."""
    with ExecutionPool(ExecutionConfig()) as pool:
        (execution,) = pool.run([program(f"return img + 0 * img.{call}()")], INPUTS, deadline=NEVER)
    assert [rows(output) for output in execution.outputs] == [rows(grid) for grid in INPUTS]
