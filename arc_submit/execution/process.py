"""The parent's handle on one child: starts it, sends it a batch, reads its replies, kills it.

A fresh interpreter is started, never a fork, so that the parent may have loaded torch or CUDA.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from enum import Enum, auto
from pathlib import Path

import arc_submit
from arc_submit.config import ExecutionConfig
from arc_submit.execution.wire import (
    MAX_MESSAGE_BYTES,
    Batch,
    Reply,
    WireError,
    decode_ready,
    decode_reply,
    encode_batch,
    max_reply_bytes,
    split_frame,
)

START_LIMIT_S = 60.0
"""For a child to import what it needs, from a cold disk at worst."""

GRACE_S = 0.5
"""What a child has beyond a program's limit, to stop the program itself and say so."""

_READ_BYTES = 65536
_BOOTSTRAP = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "from arc_submit.execution.child import main; main(int(sys.argv[1]))"
)
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_KEPT_VARIABLES = ("LD_LIBRARY_PATH",)


class _State(Enum):
    STARTING = auto()
    IDLE = auto()
    SENT = auto()
    """A batch is on its way; the child has not said that it has it."""
    RUNNING = auto()


class Child:
    """A child process and the batch that it works on."""

    def __init__(self, config: ExecutionConfig) -> None:
        """Start the process; it is ready once its first frame has been read."""
        self._limit_s = config.time_limit_s
        self._channel, theirs = socket.socketpair()
        self._channel.settimeout(config.time_limit_s + GRACE_S)
        with theirs:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                _command(config.memory_mb),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd="/",
                env=_ENVIRONMENT | {k: os.environ[k] for k in _KEPT_VARIABLES if k in os.environ},
                start_new_session=True,
            )
        self._received = bytearray()
        self._batch = Batch([], [], config.time_limit_s)
        self._answered = 0
        self._since = time.monotonic()
        self._state = _State.STARTING
        self.missing_limits: list[str] = []
        """What the machine refused it, by name; known once it is idle."""

    @property
    def pid(self) -> int:
        """The process, which leads its own group and session."""
        return self._process.pid

    @property
    def pending(self) -> list[str]:
        """Sources without a reply; if the child is running, the first of them is what it runs."""
        return self._batch.sources[self._answered :]

    @property
    def is_idle(self) -> bool:
        """Whether it is ready for a batch."""
        return self._state is _State.IDLE

    @property
    def is_running(self) -> bool:
        """Whether it has a batch in hand, so that the first pending source is to be charged."""
        return self._state is _State.RUNNING

    @property
    def silent_s(self) -> float:
        """Seconds since it last showed life: the time of the running program, or of the start."""
        return time.monotonic() - self._since

    @property
    def patience_s(self) -> float:
        """Seconds after which a child that is not idle will have hung; negative where it has."""
        limit_s = START_LIMIT_S if self._state is _State.STARTING else self._limit_s + GRACE_S
        return limit_s - self.silent_s

    def fileno(self) -> int:
        """The channel's descriptor, for a selector."""
        return self._channel.fileno()

    def send(self, batch: Batch) -> None:
        """Hand a batch to an idle child.

        Raises:
            WireError: if the child is gone or does not take it.
        """
        assert self.is_idle, "one batch at a time"
        self._batch, self._answered, self._state = batch, 0, _State.SENT
        try:
            self._channel.sendall(encode_batch(batch))
        except OSError as error:
            raise WireError("the child took no batch") from error
        self._since = time.monotonic()

    def replies(self) -> Iterator[tuple[str, Reply]]:
        """Read what has arrived, as (source, reply); call it when the channel can be read.

        Raises:
            WireError: after the last good reply, if the child died or sent anything else.
        """
        try:
            data = self._channel.recv(_READ_BYTES)
        except OSError as error:
            raise WireError("the channel broke") from error
        if not data:
            raise WireError("the child closed the channel")
        self._received += data
        while (body := split_frame(self._received, max_body=self._max_body)) is not None:
            self._since = time.monotonic()
            if self._state is _State.RUNNING:
                yield self._read_reply(body)
            elif self._state is _State.SENT:
                self._state = _State.RUNNING
            elif self._state is _State.STARTING:
                self.missing_limits = decode_ready(body)
                self._close_stderr()
                self._state = _State.IDLE
            else:
                raise WireError("an idle child spoke")

    @property
    def _max_body(self) -> int:
        if self._state is _State.STARTING:
            return MAX_MESSAGE_BYTES
        return max_reply_bytes(len(self._batch.inputs)) if self.is_running else 0

    def _read_reply(self, body: bytes) -> tuple[str, Reply]:
        source = self._batch.sources[self._answered]
        reply = decode_reply(body, index=self._answered, n_inputs=len(self._batch.inputs))
        self._answered += 1
        if not self.pending:
            self._state = _State.IDLE
        return source, reply

    def kill(self) -> str:
        """End the process and all of its group; return how it ended, for a message."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        code = self._process.wait()
        self._channel.close()
        last_words = self._close_stderr()
        cause = f"signal {-code}" if code < 0 else f"exit status {code}"
        return f"{cause} ({last_words})" if last_words else cause

    def _close_stderr(self) -> str:
        """Return the last line of a child that died before it entered the sandbox."""
        stderr = self._process.stderr
        if stderr is None or stderr.closed:
            return ""
        with stderr:
            if self._process.poll() is None:
                return ""
            lines = stderr.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""


def _command(memory_mb: int) -> list[str]:
    package_root = str(Path(arc_submit.__file__).resolve().parent.parent)
    path = [package_root, *(os.path.abspath(entry) for entry in sys.path if entry)]
    # No site, no user site, no current folder: only what the parent itself imports from.
    return [sys.executable, "-S", "-s", "-P", "-c", _BOOTSTRAP, str(memory_mb), *path]
