"""How commands print figures."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from arc_submit.arc.json_file import replace_text
from arc_submit.errors import ConfigError


def progress_bar(total: int, unit: str, *, is_shown: bool = True) -> tqdm[Any]:
    """Return a progress bar: live on a terminal, a line now and then in a log."""
    interval_s = 0.2 if sys.stderr.isatty() else 30
    return tqdm(
        total=total, unit=unit, disable=not is_shown, mininterval=interval_s, maxinterval=60
    )


def print_rows(rows: Sequence[tuple[str, str]]) -> None:
    """Print names and values in two columns."""
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of equal length; the first column is text, the others are figures."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        print("  ".join([first.ljust(widths[0]), *cells]))


def write_figures(path: str | None, figures: Mapping[str, object]) -> None:
    """Write the figures as JSON where the user asked for it.

    Raises:
        ConfigError: if the file cannot be written.
    """
    if path is None:
        return
    try:
        replace_text(Path(path), json.dumps(figures, indent=2) + "\n")
    except OSError as error:
        raise ConfigError(f"--json {path}: cannot be written ({error.strerror})") from error
