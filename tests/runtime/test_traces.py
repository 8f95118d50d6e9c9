from __future__ import annotations

import json
import math
import random
from pathlib import Path

import pytest
from fake_solvers import IDENTITY

from arc_submit.errors import DataError, RunError
from arc_submit.runtime.journal import Journal
from arc_submit.runtime.traces import Step, draw_traces, load_traces
from arc_submit.types import AttemptPair, StopReason, Tally, TaskResult


def result(task_id: str, stop: StopReason, *, rounds: int, seconds: float) -> TaskResult:
    is_solved = stop is StopReason.SOLVED
    return TaskResult(
        task_id=task_id,
        attempts=(AttemptPair(None, None),),
        tallies=(Tally((), (), 0),),
        stop_reason=stop,
        rounds=rounds,
        seconds=seconds,
        train_exact=2 if is_solved else 0,
        n_train=2,
        program="",
    )


def write_timings(path: Path, task: dict[str, object]) -> Path:
    path.write_text(json.dumps({"tasks": [task]}))
    return path


def test_timings_file_is_read(tmp_path: Path) -> None:
    visit = [{"stage": "train", "seconds": 60}, {"stage": "sample", "seconds": 40, "work": 0.5}]
    task = {"task_id": "a", "size": 900, "solved_at": 1.5, "visits": [visit, visit]}

    (trace,) = load_traces(write_timings(tmp_path / "timings.json", task))

    steps = (Step("train", 60.0, 0.0), Step("sample", 40.0, 0.5))
    assert trace.visits == (steps, steps) and trace.solved_at == 1.5
    assert trace.in_one_visit().visits == (steps + steps,)


@pytest.mark.parametrize(
    "task",
    [
        {"task_id": "a", "size": 1, "visits": []},
        {"task_id": "a", "size": 0, "visits": [[{"stage": "s", "seconds": 1}]]},
        {"task_id": "a", "size": 1, "visits": [[{"stage": "s", "seconds": -1}]]},
        {"task_id": "a", "size": 1, "visits": [[{"seconds": 1}]]},
        {"task_id": "a", "size": 1, "visits": 3},
    ],
)
def test_faulty_timings_are_refused_by_name(tmp_path: Path, task: dict[str, object]) -> None:
    path = write_timings(tmp_path / "timings.json", task)

    with pytest.raises(DataError, match=r"timings\.json: is not a timings file"):
        load_traces(path)


def test_empty_timings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "timings.json"
    path.write_text('{"tasks": []}')

    with pytest.raises(DataError, match="holds no task"):
        load_traces(path)


def test_journal_gives_the_visits_of_each_task(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path, IDENTITY) as journal:
        journal.append(result("a", StopReason.DEADLINE, rounds=2, seconds=10.0), spent_s=0.0)
        journal.append(result("b", StopReason.SOLVED, rounds=1, seconds=3.0), spent_s=0.0)
        journal.append(result("a", StopReason.SOLVED, rounds=1, seconds=7.0), spent_s=0.0)
        journal.append(result("c", StopReason.DEADLINE, rounds=1, seconds=4.0), spent_s=0.0)

    a, b, c = load_traces(path)

    assert a.visits == ((Step("round", 5.0, 1.0),) * 2, (Step("round", 7.0, 1.0),))
    assert (a.solved_at, b.solved_at) == (3.0, 1.0)
    assert len(c.visits) > 1 and c.solved_at == math.inf, "c had been cut off, and may go on"
    (drawn,) = draw_traces([c], 1, random.Random(0))
    assert 1.0 < drawn.solved_at < math.inf


def test_damaged_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text("{}\n")

    with pytest.raises(RunError, match="is not a journal record"):
        load_traces(path)


def test_more_tasks_than_recorded_are_drawn_with_distinct_names(tmp_path: Path) -> None:
    task = {"task_id": "a", "size": 1, "visits": [[{"stage": "s", "seconds": 1, "work": 1}]]}
    traces = load_traces(write_timings(tmp_path / "timings.json", task))

    drawn = draw_traces(traces, 5, random.Random(0))

    assert len({trace.task_id for trace in drawn}) == 5
