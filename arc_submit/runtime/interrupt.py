"""SIGTERM and SIGINT as something that a loop can wait for."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def catch_interrupts() -> Iterator[Connection]:
    """Yield a connection that becomes readable when the process is asked to stop.

    Former handlers come back at the end. Outside the main thread, where Python takes no signal
    handlers, the connection never becomes readable.
    """
    reader, writer = multiprocessing.Pipe(duplex=False)

    def remember(*_: object) -> None:
        if not reader.poll():
            writer.send_bytes(b"stop")

    is_main = threading.current_thread() is threading.main_thread()
    former = {number: signal.signal(number, remember) for number in _SIGNALS} if is_main else {}
    try:
        yield reader
    finally:
        for number, handler in former.items():
            # None stands for a handler that was not set from Python and cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        reader.close()
        writer.close()
