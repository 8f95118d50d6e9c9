"""What commands read from their options in the same way: times, and folders to write to."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from arc_submit.config import parse_duration
from arc_submit.errors import ConfigError, RunError


def read_duration(option: str, text: str) -> float:
    """Return the seconds that an option gives, such as ``90s`` or ``12h``.

    Raises:
        ConfigError: naming the option, if it gives no duration.
    """
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"{option} {text}: {error}") from error


def make_folder(option: str, name: str | None, *, kind: str = "") -> Path:
    """Return the folder that an option names, made where missing; else one by date and time.

    Args:
        kind: stands before the date.

    Raises:
        RunError: naming the option, if the folder cannot be made.
    """
    folder = Path(name or f"runs/{kind}{datetime.now():%Y%m%d-%H%M%S}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{option} {folder}: cannot be made ({error.strerror})") from error
    return folder
