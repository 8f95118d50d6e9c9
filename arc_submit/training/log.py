"""Figures by step, as CSV files that survive a stop."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


class CsvLog:
    """One row per step: ``step`` and the figures' names are the columns."""

    def __init__(self, file: TextIO | None, *, is_empty: bool) -> None:
        self._file = file
        self._is_empty = is_empty

    @classmethod
    @contextmanager
    def open(cls, path: Path, last_step: int, is_written: bool) -> Iterator[CsvLog]:
        """Append to a log, without the rows after a step, since those will be taken again.

        Args:
            is_written: else nothing is: another process does it.
        """
        if not is_written:
            yield cls(None, is_empty=True)
            return
        header, *rows = path.read_text().splitlines() if path.exists() else [""]
        kept = [row for row in rows if int(row.split(",")[0]) <= last_step]
        path.write_text("".join(f"{row}\n" for row in [header, *kept] if kept))
        with path.open("a", newline="", buffering=1) as file:
            yield cls(file, is_empty=not kept)

    def add(self, step: int, figures: Mapping[str, float]) -> None:
        """Write a row."""
        if self._file is None:
            return
        writer = csv.writer(self._file)
        if self._is_empty:
            writer.writerow(["step", *figures])
            self._is_empty = False
        writer.writerow([step, *(f"{value:.6g}" for value in figures.values())])
