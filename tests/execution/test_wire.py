"""A reply survives the wire, and nothing but a reply does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from arc_submit.arc.grid import Grid, grids_equal
from arc_submit.execution.wire import (
    LENGTH,
    MAX_MESSAGE_BYTES,
    Batch,
    Reply,
    WireError,
    decode_batch,
    decode_reply,
    encode_batch,
    encode_reply,
    max_reply_bytes,
    read_rows,
    split_frame,
    write_rows,
)
from arc_submit.types import Failure, FailureKind

GRIDS = hnp.arrays(
    np.int8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=30), elements=st.integers(0, 9)
)
FAILURES = st.builds(Failure, st.sampled_from(FailureKind), st.text(max_size=40))
GRID = np.array([[1, 2, 3]], dtype=np.int8)


def body_of(frame: bytes) -> bytes:
    return frame[LENGTH.size :]


def is_same(a: Grid | Failure, b: Grid | Failure) -> bool:
    if isinstance(a, Failure) or isinstance(b, Failure):
        return a is b or a == b
    return grids_equal(a, b)


@given(st.lists(GRIDS | FAILURES, max_size=4), st.integers(0, 99))
def test_a_reply_survives(outputs: list[Grid | Failure], index: int) -> None:
    body = body_of(encode_reply(Reply(index, 0.25, tuple(outputs))))
    reply = decode_reply(body, index=index, n_inputs=len(outputs))
    assert len(body) <= max_reply_bytes(len(outputs))
    assert (reply.index, reply.seconds) == (index, 0.25)
    assert all(is_same(a, b) for a, b in zip(reply.outputs, outputs, strict=True))


def test_grids_arrive_read_only() -> None:
    (grid,) = decode_reply(body_of(encode_reply(Reply(0, 0, (GRID,)))), index=0, n_inputs=1).outputs
    assert not isinstance(grid, Failure)
    assert not grid.flags.writeable and grid.dtype == np.int8


def test_long_messages_are_cut() -> None:
    failure = Failure(FailureKind.ERROR, "é" * 10_000)
    body = body_of(encode_reply(Reply(0, 0, (failure,))))
    (output,) = decode_reply(body, index=0, n_inputs=1).outputs
    assert isinstance(output, Failure)
    assert 0 < len(output.message) <= MAX_MESSAGE_BYTES


def test_a_batch_survives_with_any_text() -> None:
    batch = Batch(["é\ud800\0", ""], [["12"]], 0.5)
    assert decode_batch(body_of(encode_batch(batch))) == batch


@given(GRIDS)
def test_an_input_survives(grid: Grid) -> None:
    again = read_rows(write_rows(grid))
    assert grids_equal(again, grid)
    assert again.dtype == np.int8 and again.flags.writeable


@given(st.binary(max_size=60))
def test_noise_is_a_reply_or_refused(noise: bytes) -> None:
    header = body_of(encode_reply(Reply(0, 0, ())))
    try:
        reply = decode_reply(header + noise, index=0, n_inputs=2)
    except WireError:
        return
    for output in reply.outputs:
        if not isinstance(output, Failure):
            assert output.ndim == 2 and 0 < output.size <= 900
            assert output.min() >= 0 and output.max() <= 9


@pytest.mark.parametrize(
    "body",
    [
        b"",
        body_of(encode_reply(Reply(1, 0, (GRID,)))),
        body_of(encode_reply(Reply(0, -1, (GRID,)))),
        body_of(encode_reply(Reply(0, float("nan"), (GRID,)))),
        body_of(encode_reply(Reply(0, 0, ()))),
        body_of(encode_reply(Reply(0, 0, (GRID, GRID)))),
        body_of(encode_reply(Reply(0, 0, (GRID,))))[:-1],
        body_of(encode_reply(Reply(0, 0, (GRID,)))) + b"\0",
        body_of(encode_reply(Reply(0, 0, (GRID + np.int8(8),)))),
        body_of(encode_reply(Reply(0, 0, (GRID - np.int8(2),)))),
        body_of(encode_reply(Reply(0, 0, (np.zeros((1, 31), np.int8),)))),
        body_of(encode_reply(Reply(0, 0, (np.zeros((0, 3), np.int8),)))),
        body_of(encode_reply(Reply(0, 0, ()))) + bytes((99, 0, 0)),
    ],
)
def test_a_forged_reply_is_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        decode_reply(body, index=0, n_inputs=1)


def test_frames_are_taken_whole_and_one_by_one() -> None:
    frames = [encode_reply(Reply(i, 0, (GRID,))) for i in range(2)]
    received = bytearray(frames[0] + frames[1][:-1])
    assert split_frame(received, max_body=1000) == body_of(frames[0])
    assert split_frame(received, max_body=1000) is None
    received += frames[1][-1:]
    assert split_frame(received, max_body=1000) == body_of(frames[1])
    assert not received


def test_a_frame_that_claims_too_much_is_refused_at_once() -> None:
    with pytest.raises(WireError, match="at most 1000"):
        split_frame(bytearray(LENGTH.pack(2**31)), max_body=1000)
