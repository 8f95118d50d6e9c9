"""Runs a command without any network but the loopback device.

In a network namespace of its own where the system allows one; elsewhere, Python processes refuse
to connect.  Run as a script, it brings the loopback device up, then becomes the command. Only the
standard library is used: in the namespace nothing else may be installed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_SIOCSIFFLAGS, _IFF_UP = 0x8914, 0x1
_NAMESPACE = ["unshare", "--user", "--map-root-user", "--net", "--"]
_BLOCK = '''\
"""Refuses connections to other machines; laid into the environment of a rehearsal."""
import socket

_connect = socket.socket.connect


def _refuse(self, address):
    if isinstance(address, tuple) and not str(address[0]).startswith(("127.", "::1", "localhost")):
        raise OSError(101, "Network is unreachable (this is a rehearsal without network)")
    return _connect(self, address)


socket.socket.connect = _refuse
'''


def wrap_offline(command: Sequence[str], site_packages: Path) -> tuple[list[str], str]:
    """Return the command that runs without network, and in a word how.

    Args:
        command: what to run.
        site_packages: of the environment it runs in; gets the refusal where there is no namespace.
    """
    if _has_namespaces():
        return [*_NAMESPACE, sys.executable, __file__, *command], "network namespace"
    (site_packages / "sitecustomize.py").write_text(_BLOCK, encoding="utf-8")
    return list(command), "blocked sockets"


def _has_namespaces() -> bool:
    if shutil.which("unshare") is None:
        return False
    probe = [*_NAMESPACE, sys.executable, __file__, "true"]
    return subprocess.run(probe, capture_output=True, timeout=30).returncode == 0


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        fcntl.ioctl(device, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


if __name__ == "__main__":
    _raise_loopback()
    os.execvp(sys.argv[1], sys.argv[1:])
