"""From JSON values to tasks and test outputs.

Refuses, with the place counted from 0, everything that is not in ARC's format: missing or
repeated keys, empty lists, ragged rows, sides outside 1-30, colours that are not integers 0-9.
"""

from __future__ import annotations

from arc_submit.arc.grid import Grid, parse_rows
from arc_submit.arc.json_file import JsonObject, describe_type
from arc_submit.arc.task import Pair, Task, TaskId


def parse_task(task_id: TaskId, value: object) -> Task:
    """Return the task that ``{"train": [...], "test": [...]}`` describes, without test outputs.

    Raises:
        ValueError: naming the first fault's place, such as ``train pair 2 output: row 0, cell 3``.
    """
    train = tuple(
        Pair(_grid(pair, "input", f"train pair {i}"), _grid(pair, "output", f"train pair {i}"))
        for i, pair in enumerate(_items(value, "train"))
    )
    test_inputs = tuple(
        _grid(entry, "input", f"test entry {i}") for i, entry in enumerate(_items(value, "test"))
    )
    return Task(task_id, train, test_inputs)


def parse_test_outputs(value: object) -> tuple[Grid, ...]:
    """Return the outputs that a one-task file's test entries hold.

    Raises:
        ValueError: as :func:`parse_task`, also for a test entry without output.
    """
    return tuple(
        _grid(entry, "output", f"test entry {i}") for i, entry in enumerate(_items(value, "test"))
    )


def parse_outputs(value: object) -> tuple[Grid, ...]:
    """Return the outputs in one task's entry of a solutions file, a list of grids.

    Raises:
        ValueError: naming the first fault's place, such as ``output 1: row 0, cell 3``.
    """
    if not isinstance(value, list) or not value:
        raise ValueError("expected a non-empty list of output grids")
    return tuple(_rows(rows, f"output {i}") for i, rows in enumerate(value))


def count_test_inputs(value: object) -> int:
    """Return how many submission entries a malformed task needs; 1 where it does not tell."""
    test = value.get("test") if isinstance(value, JsonObject) else None
    return len(test) if isinstance(test, list) and test else 1


def _items(task: object, key: str) -> list[object]:
    items = _member(task, key, place="")
    if not isinstance(items, list) or not items:
        raise ValueError(f"'{key}' is empty or no list; a task needs at least one {key} entry")
    return items


def _grid(entry: object, key: str, place: str) -> Grid:
    return _rows(_member(entry, key, place=f"{place}: "), f"{place} {key}")


def _rows(rows: object, place: str) -> Grid:
    try:
        return parse_rows(rows)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


def _member(value: object, key: str, *, place: str) -> object:
    if not isinstance(value, JsonObject):
        raise ValueError(f"{place}expected an object with '{key}', not {describe_type(value)}")
    if key not in value:
        raise ValueError(f"{place}has no '{key}'")
    if key in value.duplicates:
        raise ValueError(f"{place}has '{key}' more than once")
    member: object = value[key]
    return member
