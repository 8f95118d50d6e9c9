"""Runs pip in a child process, and turns its failures into one line.

Which indexes, proxies and certificates it uses is the user's own pip configuration.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence

from arc_submit.errors import KaggleError

_MAX_REASONS = 4
_CONFLICT = "The conflict is caused by:"
_NO_CONNECTION = "after connection broken by"


class PipConflict(KaggleError):
    """What was asked for contradicts itself or the constraints."""


def run_pip(
    arguments: Sequence[str], *, environment: Mapping[str, str] | None = None, umask: int = -1
) -> None:
    """Run ``pip`` with the Python that runs this.

    Args:
        environment: all of the child's variables; None hands on one's own.
        umask: of the child; -1 hands on one's own.

    Raises:
        PipConflict: if pip finds no set of versions, with what stands against what.
        KaggleError: if it fails otherwise, with what it names as the cause.
    """
    child = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments],
        env=environment,
        umask=umask,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if child.returncode:
        raise _error(f"{child.stdout}\n{child.stderr}")


def _error(output: str) -> KaggleError:
    """Return what pip says of a failure: the conflict, else its errors, else its last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    reasons = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    if _CONFLICT in lines:
        start = lines.index(_CONFLICT) + 1
        end = next(
            (
                n
                for n in range(start, len(lines))
                if lines[n].startswith(("Additionally", "To fix"))
            ),
            None,
        )
        return PipConflict(_join(lines[start:end]))
    if _NO_CONNECTION in output:
        reasons.append("an index could not be reached")
    return KaggleError(f"pip failed: {_join(reasons or lines[-1:]) or 'it said nothing'}")


def _join(reasons: Sequence[str]) -> str:
    return "; ".join(dict.fromkeys(reasons[-_MAX_REASONS:]))
