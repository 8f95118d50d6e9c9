"""The run's memory on disk: one JSON line per visit to a task, safe against a crash at any instant.

Owns the file's format. A last line that was cut off while being written does not count; damage
anywhere else is refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from arc_submit.arc.grid import Grid, parse_rows, to_rows
from arc_submit.errors import RunError
from arc_submit.runtime.identity import Identity
from arc_submit.types import AttemptPair, StopReason, Tally, TaskResult

_FORMAT = 2
_HEADER_KIND = "header"
_TASK_KIND = "task"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a journal holds."""

    identity: Identity
    results: tuple[TaskResult, ...]
    """One per visit, in the order in which they were written."""
    spent_s: float
    """Of the run's time, when the last one was written."""


class Journal:
    """An append-only file of results; the first record says whose they are.

    Args:
        path: created where missing; an existing journal is gone on with, without its torn line.
        identity: written where the journal begins.

    Raises:
        RunError: if the file cannot be opened or written.
    """

    def __init__(self, path: Path, identity: Identity) -> None:
        self._path = path
        try:
            whole = _whole_lines(path.read_bytes()) if path.exists() else b""
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise _unusable(path, error) from error
        self._end = len(whole)
        self._cut()
        if not whole:
            self._write({"kind": _HEADER_KIND, "format": _FORMAT, **asdict(identity)})

    def append(self, result: TaskResult, *, spent_s: float) -> None:
        """Write a result; it is on the disk when this returns.

        Args:
            spent_s: of the run's time.

        Raises:
            RunError: if it cannot be written; it may be tried again later.
        """
        record = {"kind": _TASK_KIND, "spent_s": round(spent_s, 3), **result_to_json(result)}
        self._write(record)

    def _write(self, record: Mapping[str, object]) -> None:
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        try:
            rest = line
            while rest:  # a disk that fills up takes a part
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            self._cut()
            raise _unusable(self._path, error) from error
        self._end += len(line)

    def _cut(self) -> None:
        """Take away what was written in part."""
        try:
            self._file.truncate(self._end)
        except OSError as error:
            raise _unusable(self._path, error) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def read_journal(path: Path) -> Recorded | None:
    """Return what a journal holds; None if its first record was torn while being written.

    Raises:
        RunError: if the file cannot be read, or naming the first line that is not a record.
    """
    try:
        lines = _whole_lines(path.read_bytes()).splitlines()
    except OSError as error:
        raise _unusable(path, error) from error
    identity, results, spent_s = None, [], 0.0
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            if number == 1:
                identity = _read_header(record)
            else:
                results.append(result_from_json(record))
                spent_s = float(record["spent_s"])
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"{path}, line {number}: is not a journal record ({error}); "
                "remove the line or start a new run"
            ) from error
    return Recorded(identity, tuple(results), spent_s) if identity is not None else None


def result_to_json(result: TaskResult) -> dict[str, Any]:
    """Return the result as plain JSON values; grids are rows, None stays null."""
    return {
        "task_id": result.task_id,
        "attempts": [
            {"attempt_1": _rows(pair.attempt_1), "attempt_2": _rows(pair.attempt_2)}
            for pair in result.attempts
        ],
        "tallies": [
            {
                "grids": [to_rows(grid) for grid in tally.grids],
                "votes": list(tally.votes),
                "unanswered": tally.unanswered,
            }
            for tally in result.tallies
        ],
        "stop_reason": result.stop_reason.value,
        "rounds": result.rounds,
        "seconds": result.seconds,
        "train_exact": result.train_exact,
        "n_train": result.n_train,
        "program": result.program,
        "message": result.message,
        "stages": dict(result.stages),
    }


def result_from_json(record: Mapping[str, Any]) -> TaskResult:
    """Undo :func:`result_to_json`; other keys are left alone.

    Raises:
        KeyError, TypeError, ValueError: if the record does not hold a result.
    """
    return TaskResult(
        task_id=record["task_id"],
        attempts=tuple(
            AttemptPair(_grid(pair["attempt_1"]), _grid(pair["attempt_2"]))
            for pair in record["attempts"]
        ),
        tallies=tuple(
            Tally(
                tuple(parse_rows(rows) for rows in tally["grids"]),
                tuple(tally["votes"]),
                tally["unanswered"],
            )
            for tally in record["tallies"]
        ),
        stop_reason=StopReason(record["stop_reason"]),
        rounds=record["rounds"],
        seconds=record["seconds"],
        train_exact=record["train_exact"],
        n_train=record["n_train"],
        program=record["program"],
        message=record["message"],
        stages=dict(record["stages"]),
    )


def _rows(grid: Grid | None) -> list[list[int]] | None:
    return None if grid is None else to_rows(grid)


def _grid(rows: object) -> Grid | None:
    return None if rows is None else parse_rows(rows)


def _whole_lines(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def _read_header(record: Mapping[str, Any]) -> Identity:
    if record["kind"] != _HEADER_KIND or record["format"] != _FORMAT:
        raise ValueError(f"expected the header of a journal of format {_FORMAT}")
    return Identity(dict(record["config"]), str(record["model"]), str(record["challenges"]))


def _unusable(path: Path, error: OSError) -> RunError:
    return RunError(f"{path}: cannot be used ({error.strerror}); check the folder and its space")
