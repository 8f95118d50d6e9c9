"""The child process: reads batches from its standard input, a socket, and answers on it.

Imports numpy and the language and little else, so that it starts fast and small; never torch. One
reply goes out as each program ends, so that the parent knows which one was running when the child
hung or died.
"""

from __future__ import annotations

import builtins
import gc
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from arc_submit.arc.grid import MAX_SIDE, N_COLORS, Grid
from arc_submit.dsl import NAMESPACE
from arc_submit.execution.guard import BUILTINS, parse_program
from arc_submit.execution.sandbox import enter_sandbox, limit_cpu
from arc_submit.execution.wire import (
    LENGTH,
    MAX_MESSAGE_BYTES,
    Reply,
    decode_batch,
    encode_ready,
    encode_reply,
    frame,
    read_rows,
)
from arc_submit.types import Failure, FailureKind

_CHANNEL = 0
_CPU_SLACK_S = 2.0
_SAFE_BUILTINS = {name: getattr(builtins, name) for name in BUILTINS}


class _TimeUp(BaseException):
    """The alarm: no ``except Exception`` on the way holds it."""


class BadOutput(ValueError):
    """What a program returned is not a grid."""


def main(memory_mb: int) -> None:
    """Enter the sandbox and serve batches until the parent closes the channel.

    The first frame says that the child is ready, and names the limits that the machine refused;
    an empty one says that it has a batch in hand.
    """
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _raise_time_up)
    _warm_up()
    gc.freeze()
    missing = enter_sandbox(memory_mb)
    _send(encode_ready(missing))
    while True:
        batch = decode_batch(_receive(LENGTH.unpack(_receive(LENGTH.size))[0]))
        _send(frame(b""))
        inputs = [read_rows(rows) for rows in batch.inputs]
        limit_cpu(batch.limit_s * len(batch.sources) + _CPU_SLACK_S)
        for index, source in enumerate(batch.sources):
            start = time.monotonic()
            outputs = run_program(
                source, inputs, limit_s=batch.limit_s, is_guarded=batch.is_guarded
            )
            _send(encode_reply(Reply(index, time.monotonic() - start, tuple(outputs))))


def _warm_up() -> None:
    """Have numpy import what it imports at first use, since a program's frame has no import."""
    grid = np.zeros((1, 1), dtype=np.int8)
    for method in (grid.all, grid.any, grid.max, grid.min, grid.sum):
        method()
    str(grid)


def run_program(
    source: str, inputs: Sequence[Grid], *, limit_s: float, is_guarded: bool
) -> list[Grid | Failure]:
    """Return one output per input; anything at all that a program raises becomes a failure.

    A program that takes longer than ``limit_s`` over all inputs has no output for any of them.
    """
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, limit_s)
            outputs = _run(source, inputs, is_guarded=is_guarded)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _TimeUp:
        outputs = [Failure(FailureKind.TIMEOUT, f"took longer than {limit_s:g} s")] * len(inputs)
    except BaseException as error:
        outputs = [_describe(error)] * len(inputs)
    # Garbage in cycles would count against the next program's memory; the frozen heap makes it
    # cheap to find.
    gc.collect()
    return outputs


def _run(source: str, inputs: Sequence[Grid], *, is_guarded: bool) -> list[Grid | Failure]:
    parsed = parse_program(source) if is_guarded else source
    if isinstance(parsed, Failure):
        return [parsed] * len(inputs)
    namespace: dict[str, Any] = {**NAMESPACE, "__builtins__": dict(_SAFE_BUILTINS)}
    try:
        exec(compile(parsed, "<program>", "exec"), namespace)
        task = namespace["task"]
        return [_run_on(task, grid) for grid in inputs]
    finally:
        namespace.clear()


def _run_on(task: Callable[[Grid], object], grid: Grid) -> Grid | Failure:
    try:
        return read_output(task(grid.copy()))
    except _TimeUp:
        raise
    except BaseException as error:
        return _describe(error)


def _describe(error: BaseException) -> Failure:
    if isinstance(error, MemoryError):
        return Failure(FailureKind.MEMORY, "needs more memory than the limit")
    if isinstance(error, BadOutput):
        return Failure(FailureKind.BAD_OUTPUT, f"the output {error}")
    kind = FailureKind.SYNTAX if isinstance(error, SyntaxError) else FailureKind.ERROR
    return Failure(kind, f"{type(error).__name__}: {error}"[:MAX_MESSAGE_BYTES])


def read_output(value: object) -> Grid:
    """Return what a program returned as a grid.

    Raises:
        BadOutput: if it is no 2-D array or list of equal rows of integers from 0 to 9 with sides
            from 1 to 30; booleans and floats are no integers.
    """
    array = value if isinstance(value, np.ndarray) else _read_rows(value)
    if array.ndim != 2:
        raise BadOutput(f"has {array.ndim} dimensions; a grid has 2")
    if array.dtype.kind not in "iu":
        raise BadOutput(f"holds {array.dtype}; a grid holds integers")
    height, width = array.shape
    if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE):
        raise BadOutput(f"is {height}x{width}; a grid's sides are 1-{MAX_SIDE}")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= N_COLORS:
        raise BadOutput(f"holds {low if low < 0 else high}; colours are 0-{N_COLORS - 1}")
    return array.astype(np.int8)


def _read_rows(value: object) -> npt.NDArray[Any]:
    if not isinstance(value, list | tuple):
        raise BadOutput(f"is a {type(value).__name__}; a grid is an array or a list of rows")
    if not 0 < len(value) <= MAX_SIDE:
        raise BadOutput(f"has {len(value)} rows; a grid's sides are 1-{MAX_SIDE}")
    return np.array([_read_row(row, width=_width(value[0])) for row in value])


def _width(row: object) -> int:
    if isinstance(row, np.ndarray):
        return row.size if row.ndim == 1 else 0
    return len(row) if isinstance(row, list | tuple) else 0


def _read_row(row: Any, *, width: int) -> list[int]:
    if _width(row) != width or not 0 < width <= MAX_SIDE:
        raise BadOutput(f"has a row that is no list of 1-{MAX_SIDE} cells, as many as in row 0")
    for cell in row:
        if not isinstance(cell, int | np.integer) or isinstance(cell, bool):
            raise BadOutput(f"holds a {type(cell).__name__}; a grid holds integers")
    return [int(cell) for cell in row]


def _receive(n_bytes: int) -> bytes:
    received = bytearray()
    while len(received) < n_bytes:
        part = os.read(_CHANNEL, n_bytes - len(received))
        if not part:
            sys.exit(0)
        received += part
    return bytes(received)


def _send(data: bytes) -> None:
    while data:
        data = data[os.write(_CHANNEL, data) :]


def _raise_time_up(number: int, stack: object) -> None:
    raise _TimeUp
