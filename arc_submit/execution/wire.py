"""The closed schema between pool and child: a batch goes out as JSON, a reply comes back as bytes.

The parent trusts nothing that it reads: a reply becomes grids and failures here or is refused with
:class:`WireError`. Nothing is ever unpickled.

A frame is its length (uint32, little-endian) and its body. A child's first one says that it has
started, and holds the names of the limits that its machine refused, a line each. An empty one
says that it has a batch in hand. A reply's body is the program's index in the batch (uint32) and
seconds (float64), then for each input either ``0, height, width, cells`` or ``1 + kind, length
(uint16), UTF-8 message``.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import asdict, dataclass

import numpy as np

from arc_submit.arc.grid import MAX_SIDE, N_COLORS, Grid
from arc_submit.types import Failure, FailureKind

LENGTH = struct.Struct("<I")
"""In front of each frame's body."""

MAX_MESSAGE_BYTES = 300
"""Of a failure, and of a child's first frame."""

_HEADER = struct.Struct("<Id")
_KINDS = tuple(FailureKind)
_COLORS = bytes(range(N_COLORS))
_ZERO = ord("0")
_MAX_OUTPUT_BYTES = 3 + max(MAX_SIDE * MAX_SIDE, MAX_MESSAGE_BYTES)


class WireError(Exception):
    """A reply that no honest child sends."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Programs to run one after the other on the same inputs."""

    sources: list[str]
    inputs: list[list[str]]
    """Grids as :func:`write_rows` writes them."""
    limit_s: float
    """Wall-clock time of one program over all inputs."""
    is_guarded: bool = True
    """False only in tests of what stands behind the guard."""


@dataclass(frozen=True, slots=True, eq=False)
class Reply:
    """What one program of a batch made."""

    index: int
    seconds: float
    outputs: tuple[Grid | Failure, ...]
    """One per input."""


def write_rows(grid: Grid) -> list[str]:
    """Write each row of a grid as digits, which takes a fraction of the time of JSON numbers."""
    return [row.tobytes().decode() for row in grid + np.int8(_ZERO)]


def read_rows(rows: list[str]) -> Grid:
    """Return the grid in rows of digits; it can be written to."""
    cells = np.frombuffer("".join(rows).encode(), dtype=np.int8)
    return (cells - np.int8(_ZERO)).reshape(len(rows), -1)


def encode_batch(batch: Batch) -> bytes:
    """Return the frame of a batch."""
    return frame(json.dumps(asdict(batch)).encode())


def decode_batch(body: bytes) -> Batch:
    """Return the batch in a frame's body; it comes from the parent and is trusted."""
    return Batch(**json.loads(body))


def frame(body: bytes) -> bytes:
    """Put a body's length before it."""
    return LENGTH.pack(len(body)) + body


def encode_ready(missing: list[str]) -> bytes:
    """Return the frame of a child that is ready, but for the named limits."""
    return frame("\n".join(missing).encode())


def decode_ready(body: bytes) -> list[str]:
    """Return the limits that are missing; what a child sent before it ran a program is trusted."""
    return body.decode(errors="replace").splitlines()


def encode_reply(reply: Reply) -> bytes:
    """Return the frame of a reply; long messages are cut."""
    parts = [_HEADER.pack(reply.index, reply.seconds)]
    for output in reply.outputs:
        if isinstance(output, Failure):
            text = output.message.encode(errors="replace")[:MAX_MESSAGE_BYTES]
            parts.append(struct.pack("<BH", 1 + _KINDS.index(output.kind), len(text)) + text)
        else:
            parts.append(bytes((0, *output.shape)) + output.tobytes())
    return frame(b"".join(parts))


def split_frame(received: bytearray, *, max_body: int) -> bytes | None:
    """Take the first whole frame's body off what was received; None until there is one.

    Raises:
        WireError: if it says that it is longer than ``max_body`` bytes.
    """
    if len(received) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack_from(received)
    if length > max_body:
        raise WireError(f"a frame of {length} bytes; at most {max_body} were expected")
    end = LENGTH.size + length
    if len(received) < end:
        return None
    body = bytes(received[LENGTH.size : end])
    del received[:end]
    return body


def max_reply_bytes(n_inputs: int) -> int:
    """Return the longest body that a reply for so many inputs can have."""
    return _HEADER.size + n_inputs * _MAX_OUTPUT_BYTES


def decode_reply(body: bytes, *, index: int, n_inputs: int) -> Reply:
    """Read and check a reply.

    Raises:
        WireError: if it answers for another program, is cut or too long, or holds anything that
            is not a grid or a failure.
    """
    try:
        answered, seconds = _HEADER.unpack_from(body)
        position = _HEADER.size
        outputs = []
        for _ in range(n_inputs):
            output, position = _read_output(body, position)
            outputs.append(output)
    except (struct.error, IndexError) as error:
        raise WireError("a reply is cut short") from error
    if position != len(body):
        raise WireError("a reply is longer than its outputs")
    if answered != index or not (math.isfinite(seconds) and seconds >= 0):
        raise WireError(f"a reply says {seconds} s for program {answered}, where {index} ran")
    return Reply(index, seconds, tuple(outputs))


def _read_output(body: bytes, position: int) -> tuple[Grid | Failure, int]:
    tag = body[position]
    if tag > len(_KINDS):
        raise WireError(f"a reply has no outputs of kind {tag}")
    if tag:
        (length,) = struct.unpack_from("<H", body, position + 1)
        start, end = position + 3, position + 3 + length
        text = body[start:end].decode(errors="replace")
        return Failure(_KINDS[tag - 1], text), end
    height, width = body[position + 1], body[position + 2]
    start, end = position + 3, position + 3 + height * width
    cells = body[start:end]
    if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE) or len(cells) != height * width:
        raise WireError(f"a reply holds a grid of {height}x{width} in {len(cells)} cells")
    if cells.translate(None, _COLORS):
        raise WireError("a reply holds a grid with colours outside 0-9")
    return np.frombuffer(cells, dtype=np.int8).reshape(height, width), end
