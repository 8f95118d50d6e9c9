"""The system calls that a child may make once it has started: a seccomp filter.

Owns the list and its installation through prctl(2). All that is not listed fails with ``EPERM``:
opening or changing a file, sockets, new processes and threads, signals to any process. Refuses to
guess: where platform or kernel has no such filter, installing it is an ``OSError``.

Written with ctypes, since a list of numbers needs no more: ``pyseccomp`` and the bindings of
libseccomp want a C library that is not everywhere, and a Kaggle notebook cannot install it.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys

_PR_SET_SECCOMP = 22  # prctl(2)
_SECCOMP_MODE_FILTER = 2
_ALLOW = 0x7FFF0000  # seccomp(2): what a filter returns
_REFUSE = 0x00050000 | errno.EPERM

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS: a word of struct seccomp_data
_JUMP_IF_EQUAL = 0x15
_RETURN = 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, (16, 24)
_INSTRUCTION = struct.Struct("=HBBI")

# What an interpreter with numpy needs: its channel, memory, locks, signals, clocks and its end.
# x86-64 counts the calls in one way, all newer machines in another.
_CALLS = {
    "brk": (12, 214),
    "clock_gettime": (228, 113),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "futex": (202, 98),
    "getpid": (39, 172),
    "getrusage": (98, 165),
    "gettimeofday": (96, 169),
    "madvise": (28, 233),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "munmap": (11, 215),
    "read": (0, 63),
    "restart_syscall": (219, 128),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sched_yield": (24, 124),
    "setitimer": (38, 103),
    "write": (1, 64),
}
_PRLIMIT = (302, 261)
"""Allowed on the caller itself (process 0) and its CPU time (``RLIMIT_CPU``, 0) alone.

Root may raise its own limits, so the others must stay out of reach.
"""

_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""The kernel's name of an architecture (AUDIT_ARCH), and its column in the tables."""


class _Program(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def filter_system_calls() -> None:
    """Allow this process the listed calls and no other, for good.

    The caller has given up new privileges before (``PR_SET_NO_NEW_PRIVS``) and has one thread.

    Raises:
        OSError: if the machine has no such filter.
    """
    if not sys.platform.startswith("linux") or platform.machine() not in _MACHINES:
        raise OSError(errno.ENOSYS, "there is no list of system calls for this machine")
    instructions = build_filter(platform.machine())
    program = _Program(len(instructions) // _INSTRUCTION.size, instructions)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel refuses a filter of system calls")


def build_filter(machine: str) -> bytes:
    """Return the filter's BPF instructions (``struct sock_filter``) for x86_64 or aarch64.

    Numbers mean other calls under another architecture's convention, so all of those are refused.
    """
    architecture, column = _MACHINES[machine]
    numbers = [call[column] for call in _CALLS.values()]
    end = len(numbers) + 8
    refuse, allow = end, end + 1
    # Code, operand, and where a comparison goes on: if it holds, and if not.
    steps = [
        (_LOAD, _ARCHITECTURE_AT, None, None),
        (_JUMP_IF_EQUAL, architecture, None, refuse),
        (_LOAD, _NUMBER_AT, None, None),
        *((_JUMP_IF_EQUAL, number, allow, None) for number in numbers),
        (_JUMP_IF_EQUAL, _PRLIMIT[column], None, refuse),
        (_LOAD, _ARGUMENTS_AT[0], None, None),
        (_JUMP_IF_EQUAL, 0, None, refuse),
        (_LOAD, _ARGUMENTS_AT[1], None, None),
        (_JUMP_IF_EQUAL, 0, allow, refuse),
        (_RETURN, _REFUSE, None, None),
        (_RETURN, _ALLOW, None, None),
    ]
    return b"".join(
        _INSTRUCTION.pack(code, *(0 if to is None else to - i - 1 for to in targets), operand)
        for i, (code, operand, *targets) in enumerate(steps)
    )
