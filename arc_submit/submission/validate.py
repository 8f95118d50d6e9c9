"""Checks submission.json against its challenges, and reads one that is valid.

Names every fault of a file, not only the first, so that one look is enough to mend it.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from arc_submit.arc.grid import MAX_SIDE, N_COLORS, Grid, parse_rows
from arc_submit.arc.json_file import JsonObject, describe_type, read_json
from arc_submit.arc.task import TaskId
from arc_submit.errors import DataError, SubmissionError

ATTEMPTS = ("attempt_1", "attempt_2")


def validate_submission(path: Path, n_entries: Mapping[TaskId, int]) -> list[str]:
    """Return every fault for which Kaggle would refuse the file, one line each; none if valid.

    A line names the task, the entry, the attempt, the row and the cell, all counted from 0.

    Args:
        path: the file.
        n_entries: the entries that each task must have, as ``count_entries`` tells.
    """
    try:
        root = read_json(path)
    except DataError as error:
        return [str(error)]
    return list(_root_faults(root, n_entries))


def read_submission(
    path: Path, n_entries: Mapping[TaskId, int]
) -> dict[TaskId, tuple[tuple[Grid, Grid], ...]]:
    """Return the attempts of a valid submission, one pair per test input.

    Raises:
        SubmissionError: with the first fault and the number of further ones.
    """
    faults = validate_submission(path, n_entries)
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        place = "" if faults[0].startswith(f"{path}: ") else f"{path}: "
        raise SubmissionError(f"{place}{faults[0]}{more}; mend the file or write it anew")
    root = read_json(path)
    assert isinstance(root, JsonObject)
    return {
        task_id: tuple(
            (parse_rows(entry["attempt_1"]), parse_rows(entry["attempt_2"])) for entry in entries
        )
        for task_id, entries in root.items()
    }


def _root_faults(root: object, n_entries: Mapping[TaskId, int]) -> Iterator[str]:
    if not isinstance(root, JsonObject):
        yield f"the file holds {describe_type(root)}; expected one object by task id"
        return
    for task_id in root.duplicates:
        yield f"task {_show(task_id)}: occurs more than once"
    for task_id in root:
        if task_id not in n_entries:
            yield f"task {_show(task_id)}: is not in the challenges"
    for task_id, n in n_entries.items():
        if task_id in root:
            for fault in _task_faults(root[task_id], n):
                yield f"task {task_id}: {fault}"
        else:
            yield f"task {task_id}: is missing"


def _task_faults(entries: object, n: int) -> Iterator[str]:
    if not isinstance(entries, list):
        yield f"is {describe_type(entries)}; expected a list of entries, one per test input"
        return
    if len(entries) != n:
        yield f"has {len(entries)} entries; expected {n}, one per test input"
    for i, entry in enumerate(entries):
        for fault in _entry_faults(entry):
            yield f"entry {i}: {fault}"


def _entry_faults(entry: object) -> Iterator[str]:
    if not isinstance(entry, JsonObject):
        yield f"is {describe_type(entry)}; expected an object with attempt_1 and attempt_2"
        return
    for key in entry.duplicates:
        yield f"{_show(key)}: occurs more than once"
    for key in entry:
        if key not in ATTEMPTS:
            yield f"{_show(key)}: is no key of an entry; only attempt_1 and attempt_2 are"
    for key in ATTEMPTS:
        if key in entry:
            for fault in _grid_faults(entry[key]):
                yield f"{key}: {fault}"
        else:
            yield f"{key}: is missing"


def _grid_faults(rows: object) -> Iterator[str]:
    if not isinstance(rows, list):
        yield f"is {describe_type(rows)}; expected a list of rows"
        return
    if not 1 <= len(rows) <= MAX_SIDE:
        yield f"has {len(rows)} rows; a grid has 1 to {MAX_SIDE}"
    width = next((len(row) for row in rows if isinstance(row, list)), 0)
    for r, row in enumerate(rows):
        for fault in _row_faults(row, width):
            yield f"row {r}: {fault}"


def _row_faults(row: object, width: int) -> Iterator[str]:
    if not isinstance(row, list):
        yield f"is {describe_type(row)}; expected a list of colours"
        return
    if not 1 <= len(row) <= MAX_SIDE:
        yield f"has {len(row)} cells; a row has 1 to {MAX_SIDE}"
    if len(row) != width:
        yield f"has {len(row)} cells where the first row has {width}"
    for c, color in enumerate(row):
        if type(color) is not int or not 0 <= color < N_COLORS:
            yield f"cell {c}: {reprlib.repr(color)} is not a colour, an integer from 0 to 9"


def _show(key: str) -> str:
    # A key of the file may be anything, also what would break the line.
    return key if key.isprintable() and len(key) <= 40 else reprlib.repr(key)
