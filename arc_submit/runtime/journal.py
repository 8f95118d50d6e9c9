"""The run's memory on disk: one JSON line per finished task, safe against a crash at any instant.

Owns the file's format. A last line that was cut off while being written does not count; damage
anywhere else is refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from arc_submit.arc.grid import Grid, parse_rows, to_rows
from arc_submit.errors import RunError
from arc_submit.types import AttemptPair, StopReason, Tally, TaskResult

_FORMAT = 1
_HEADER_KIND = "header"
_TASK_KIND = "task"


class Journal:
    """An append-only file of results; the first record is a header.

    Args:
        path: created where missing; an existing journal is gone on with, without its torn line.

    Raises:
        RunError: if the file cannot be opened or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            whole = _whole_lines(path.read_bytes()) if path.exists() else b""
            self._file = path.open("ab")
            self._file.truncate(len(whole))
        except OSError as error:
            raise _unusable(path, error) from error
        if not whole:
            self._write({"kind": _HEADER_KIND, "format": _FORMAT})

    def append(self, result: TaskResult) -> None:
        """Write a result; it is on the disk when this returns.

        Raises:
            RunError: if it cannot be written.
        """
        self._write({"kind": _TASK_KIND, **result_to_json(result)})

    def _write(self, record: Mapping[str, object]) -> None:
        line = json.dumps(record, separators=(",", ":")) + "\n"
        try:
            self._file.write(line.encode())
            self._file.flush()
            os.fsync(self._file.fileno())
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


def read_journal(path: Path) -> list[TaskResult]:
    """Return the results in the order in which they were written.

    Raises:
        RunError: if the file cannot be read, or naming the first line that is not a record.
    """
    try:
        lines = _whole_lines(path.read_bytes()).splitlines()
    except OSError as error:
        raise _unusable(path, error) from error
    results = []
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            if number == 1:
                _check_header(record)
            else:
                results.append(result_from_json(record))
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"{path}, line {number}: is not a journal record ({error}); "
                "remove the line or start a new run"
            ) from error
    return results


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
    )


def _rows(grid: Grid | None) -> list[list[int]] | None:
    return None if grid is None else to_rows(grid)


def _grid(rows: object) -> Grid | None:
    return None if rows is None else parse_rows(rows)


def _whole_lines(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def _check_header(record: Mapping[str, object]) -> None:
    if record["kind"] != _HEADER_KIND or record["format"] != _FORMAT:
        raise ValueError(f"expected the header of a journal of format {_FORMAT}")


def _unusable(path: Path, error: OSError) -> RunError:
    return RunError(f"{path}: cannot be used ({error.strerror}); check the folder and its space")
