"""The parent's handle on the engine's child process: starts it, exchanges messages, kills it.

A child that stays silent for too long is taken for frozen. What it prints goes to a file, whose
last line tells why it died.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Callable, Mapping
from typing import IO

from arc_submit.sampling.vllm.wire import Answer, Command, Done, Failed, Progress, Start, Written

START_LIMIT_S = 600.0
"""For a child to load vLLM and a large model from a cold disk, and to capture its graphs."""

_BOOTSTRAP = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "from arc_submit.sampling.vllm.engine import main; main(int(sys.argv[1]))"
)
_LOG_END_BYTES = 4096
_EXIT_S = 5.0


class EngineLost(RuntimeError):
    """The engine died, refused or froze; its child is of no further use."""


class EngineProcess:
    """An engine's child process.

    Args:
        start: what the engine is started with.
        environment: variables laid over those of this process.
        silence_s: longest time of one step; also what a child has beyond a deadline.

    Raises:
        EngineLost: if it does not start.
        MemoryError: if there is not enough memory for it.
    """

    def __init__(self, start: Start, *, environment: Mapping[str, str], silence_s: float) -> None:
        self._silence_s = silence_s
        self._connection, theirs = multiprocessing.Pipe()
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOTSTRAP, str(theirs.fileno()), *sys.path],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                env={**os.environ, **environment},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._end = weakref.finalize(self, _end, self._process, self._log)
        self.call(start, limit_s=START_LIMIT_S)

    @property
    def pid(self) -> int:
        """The child's process number."""
        return self._process.pid

    def call(
        self,
        command: Command,
        *,
        on_finished: Callable[[Written], None] = lambda written: None,
        limit_s: float | None = None,
    ) -> None:
        """Have a command carried out.

        Args:
            on_finished: is told each completion once it is finished.
            limit_s: longest silence; that of the process by default.

        Raises:
            EngineLost: if the child died, froze or refused; it is killed then.
            MemoryError: if its device has no memory left.
        """
        limit_s = self._silence_s if limit_s is None else limit_s
        try:
            self._connection.send(command)
            while isinstance(answer := self._receive(limit_s), Progress):
                for written in answer.finished:
                    on_finished(written)
        except (EOFError, OSError) as error:
            message = f"the vLLM engine died: {self._last_words()}"
            self.kill()
            raise EngineLost(message) from error
        if isinstance(answer, Done):
            return
        self.kill()
        if isinstance(answer, Failed) and answer.is_out_of_memory:
            raise MemoryError(f"the vLLM engine is out of memory: {answer.message}")
        raise EngineLost(f"the vLLM engine failed: {answer.message}")

    def _receive(self, limit_s: float) -> Answer:
        ends = time.monotonic() + limit_s
        while not self._connection.poll(max(0.0, ends - time.monotonic())):
            if time.monotonic() >= ends:
                self.kill()
                raise EngineLost(
                    f"the vLLM engine took more than {limit_s:g} s for one step and was taken for "
                    "frozen; if it was not, raise runtime.silence"
                )
        answer: Answer = self._connection.recv()
        return answer

    def close(self) -> None:
        """Let the child end by itself."""
        with contextlib.suppress(OSError):
            self._connection.send(None)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT_S)
        self.kill()

    def kill(self) -> None:
        """End the child at once."""
        self._end()
        self._connection.close()

    def _last_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT_S)
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - _LOG_END_BYTES))
        lines = self._log.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "without a word")


def _end(process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    process.kill()
    process.wait()
    log.close()
