"""The validator names every fault by its place, in hand-written and in corrupted files."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arc_submit.arc.grid import freeze
from arc_submit.arc.task import BadTask, Challenges, Pair, Task
from arc_submit.errors import SubmissionError
from arc_submit.submission.build import count_entries
from arc_submit.submission.validate import read_submission, validate_submission

CELL = freeze(np.array([[1]]))
CHALLENGES = Challenges(
    "set",
    {"t1": Task("t1", (Pair(CELL, CELL),), (CELL, CELL))},
    {"t2": BadTask("t2", "is malformed", 1)},
)
N_ENTRIES = count_entries(CHALLENGES)


def _entry(attempt_1: object = ((1, 2), (3, 4)), attempt_2: object = ((9,),)) -> dict[str, Any]:
    return {"attempt_1": attempt_1, "attempt_2": attempt_2}


def _valid(entry: object = None) -> dict[str, Any]:
    return {"t1": [_entry(), _entry() if entry is None else entry], "t2": [_entry()]}


def _faults(tmp_path: Path, value: object) -> list[str]:
    path = tmp_path / "submission.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    faults = validate_submission(path, N_ENTRIES)
    assert all(len(fault.splitlines()) == 1 for fault in faults)
    return faults


def test_a_valid_file_has_no_fault(tmp_path: Path) -> None:
    largest = [[0] * 30] * 30
    assert _faults(tmp_path, _valid(_entry(largest, [[0]]))) == []


@pytest.mark.parametrize(
    ("grid", "fault"),
    [
        ([], "has 0 rows; a grid has 1 to 30"),
        ([[0]] * 31, "has 31 rows; a grid has 1 to 30"),
        (None, "is null; expected a list of rows"),
        ("1", "is a text; expected a list of rows"),
        ([[]], "row 0: has 0 cells; a row has 1 to 30"),
        ([[0] * 31], "row 0: has 31 cells; a row has 1 to 30"),
        ([[1, 2], [3]], "row 1: has 1 cells where the first row has 2"),
        ([[1, 2], 3], "row 1: is an integer; expected a list of colours"),
        ([[1, 10]], "row 0, cell 1: 10 is not a colour"),
        ([[-1]], "row 0, cell 0: -1 is not a colour"),
        ([[1.0]], "row 0, cell 0: 1.0 is not a colour"),
        ([[True]], "row 0, cell 0: True is not a colour"),
        ([[None]], "row 0, cell 0: None is not a colour"),
        ([["1"]], "row 0, cell 0: '1' is not a colour"),
        ([[[1]]], "row 0, cell 0: [1] is not a colour"),
        ([[float("nan")]], "row 0, cell 0: nan is not a colour"),
    ],
)
def test_a_grid_that_kaggle_would_refuse_is_named(tmp_path: Path, grid: object, fault: str) -> None:
    (line,) = _faults(tmp_path, _valid(_entry(attempt_2=grid)))
    assert line.startswith("task t1: entry 1: attempt_2: ")
    assert line.replace(": cell", ", cell").startswith(f"task t1: entry 1: attempt_2: {fault}")


@pytest.mark.parametrize(
    ("entry", "faults"),
    [
        ({"attempt_1": [[1]]}, ["attempt_2: is missing"]),
        ({}, ["attempt_1: is missing", "attempt_2: is missing"]),
        (_entry() | {"attempt_3": [[1]]}, ["attempt_3: is no key of an entry"]),
        ([[1]], ["is a list; expected an object with attempt_1 and attempt_2"]),
        (3.5, ["is a number; expected an object"]),
    ],
)
def test_an_entry_without_its_two_attempts_is_named(
    tmp_path: Path, entry: object, faults: list[str]
) -> None:
    lines = _faults(tmp_path, _valid(entry))
    assert len(lines) == len(faults)
    for line, fault in zip(lines, faults, strict=True):
        assert line.startswith(f"task t1: entry 1: {fault}")


def test_missing_and_unknown_tasks_and_wrong_numbers_of_entries_are_named(tmp_path: Path) -> None:
    lines = _faults(tmp_path, {"t1": [_entry()], "new\nline": []})
    assert lines == [
        "task 'new\\nline': is not in the challenges",
        "task t1: has 1 entries; expected 2, one per test input",
        "task t2: is missing",
    ]
    (line,) = _faults(tmp_path, _valid() | {"t2": _entry()})
    assert line.startswith("task t2: is an object; expected a list of entries")


def test_keys_that_occur_twice_are_named(tmp_path: Path) -> None:
    entry = '{"attempt_1": [[1]], "attempt_2": [[1]], "attempt_1": [[2]]}'
    t2 = json.dumps([_entry()])
    text = f'{{"t1": [{entry}, {entry}], "t2": {t2}, "t2": {t2}}}'
    assert _faults(tmp_path, text) == [
        "task t2: occurs more than once",
        "task t1: entry 0: attempt_1: occurs more than once",
        "task t1: entry 1: attempt_1: occurs more than once",
    ]


@pytest.mark.parametrize("text", ["", "{", '{"t1": [}', "submission"])
def test_a_file_that_is_not_json_is_named(tmp_path: Path, text: str) -> None:
    (line,) = _faults(tmp_path, text)
    assert "submission.json: is not JSON" in line


@pytest.mark.parametrize("text", ["[]", "null", "NaN"])
def test_a_root_that_is_no_object_is_named(tmp_path: Path, text: str) -> None:
    (line,) = _faults(tmp_path, text)
    assert "expected one object by task id" in line


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    (line,) = validate_submission(tmp_path / "none.json", N_ENTRIES)
    assert "none.json: cannot be read" in line


def test_every_fault_of_a_file_is_named(tmp_path: Path) -> None:
    value = {"t1": [_entry([[10, -1]], [[1], []]), {"attempt_1": 0}], "t2": []}
    assert len(_faults(tmp_path, value)) == 7


def test_reading_refuses_a_faulty_file_with_the_first_fault_and_the_count(tmp_path: Path) -> None:
    path = tmp_path / "submission.json"
    path.write_text(json.dumps({"t1": [_entry(), _entry()]} | {"t3": []}))
    with pytest.raises(SubmissionError) as caught:
        read_submission(path, N_ENTRIES)
    assert str(caught.value).startswith(f"{path}: task t3: is not in the challenges (and 1 more)")


def test_reading_gives_the_attempts_of_every_test_input(tmp_path: Path) -> None:
    path = tmp_path / "submission.json"
    path.write_text(json.dumps(_valid()))
    attempts = read_submission(path, N_ENTRIES)
    assert {task_id: len(pairs) for task_id, pairs in attempts.items()} == {"t1": 2, "t2": 1}
    first, second = attempts["t1"][0]
    assert first.tolist() == [[1, 2], [3, 4]] and second.tolist() == [[9]]


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of the value itself and of everything inside it."""
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list | tuple)
        else ()
    )
    return [path, *(place for key, item in items for place in _places(item, (*path, key)))]


def _name(place: tuple[Any, ...]) -> str:
    """Return how a fault names a place in the file."""
    words = ("task {}", "entry {}", "{}", "row {}", "cell {}")
    return ": ".join(word.format(key) for word, key in zip(words, place, strict=False))


VALID = json.loads(json.dumps(_valid()))
# None of these is right anywhere in a submission.
NEVER_RIGHT = [None, True, False, -1, 10, 1.0, 0.5, "0", {}, {"attempt_3": 1}]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(_places(VALID)[1:]), wrong=st.sampled_from(NEVER_RIGHT))
def test_one_wrong_value_anywhere_is_named_by_its_place(
    tmp_path: Path, place: tuple[Any, ...], wrong: object
) -> None:
    value = copy.deepcopy(VALID)
    parent = value
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = wrong
    faults = _faults(tmp_path, value)
    assert faults
    assert all(fault.startswith(f"{_name(place)}: ") for fault in faults)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from([place for place in _places(VALID) if 1 <= len(place) <= 3]))
def test_a_part_that_is_left_out_is_named(tmp_path: Path, place: tuple[Any, ...]) -> None:
    value = copy.deepcopy(VALID)
    parent = value
    for key in place[:-1]:
        parent = parent[key]
    del parent[place[-1]]
    (fault,) = _faults(tmp_path, value)
    # An entry that is missing shows in its task's count.
    shown = place[:1] if len(place) == 2 else place
    assert fault.startswith(f"{_name(shown)}: ")
