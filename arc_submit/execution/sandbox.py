"""What the operating system takes away from a child before it runs a program.

Every limit is laid as far as the machine lets it be; one that cannot be laid is left out and
named, since the guard and the parent's watchdog do not rest on it. Needs no privileges.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

from arc_submit.execution.syscalls import filter_system_calls

_PR_SET_PDEATHSIG = 1  # prctl(2)
_PR_SET_NO_NEW_PRIVS = 38
_MEGABYTE = 2**20


def enter_sandbox(memory_mb: int) -> list[str]:
    """Limit this process for good: memory beyond what it has now, files, processes, privileges.

    Standard output and standard error go nowhere. Modules must have been imported before: no
    file can be opened after.

    Returns:
        The names of the limits that this machine refused; none where all hold.
    """
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os.close(null)
    limits: dict[str, Callable[[], None]] = {
        "end with the parent": end_with_parent,
        "no new privileges": partial(_control, _PR_SET_NO_NEW_PRIVS, 1),
        "memory": partial(_limit_memory, memory_mb),
        "core dumps": partial(_limit, resource.RLIMIT_CORE, 0),
        "file size": partial(_limit, resource.RLIMIT_FSIZE, 0),
        "processes": partial(_limit, resource.RLIMIT_NPROC, 0),
        "open files": partial(_limit, resource.RLIMIT_NOFILE, 3),  # 0, 1 and 2 are open
        "system calls": filter_system_calls,  # last: it refuses what laid the others
    }
    return [name for name, lay in limits.items() if not _is_laid(lay)]


def end_with_parent() -> None:
    """Have the kernel kill this process when the one that started it ends.

    Raises:
        OSError, AttributeError: where the system does not offer that.
    """
    _control(_PR_SET_PDEATHSIG, signal.SIGKILL)


def limit_cpu(seconds: float) -> None:
    """Have the kernel kill this process once it has used so much more CPU time.

    It ends a runaway program even where the parent is stopped and its watchdog with it.
    """
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = usage.ru_utime + usage.ru_stime
    with contextlib.suppress(ValueError, OSError):
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (int(used + seconds) + 1, hard))


def _is_laid(lay: Callable[[], None]) -> bool:
    try:
        lay()
    except (OSError, ValueError, AttributeError):
        return False
    return True


def _control(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def _limit_memory(memory_mb: int) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _limit(resource.RLIMIT_AS, pages * resource.getpagesize() + memory_mb * _MEGABYTE)


def _limit(kind: int, value: int) -> None:
    resource.setrlimit(kind, (value, value))
