from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from fake_solvers import IDENTITY

from arc_submit.arc.grid import freeze
from arc_submit.arc.task import BadTask, Challenges, Pair, Task
from arc_submit.clock import MonotonicClock
from arc_submit.config import ModelConfig, RunConfig, RuntimeConfig
from arc_submit.errors import RunError
from arc_submit.runtime.coordinator import RunOutcome, run_tasks
from arc_submit.runtime.events import StopCause
from arc_submit.runtime.journal import read_journal
from arc_submit.types import StopReason, TaskResult

GRID = freeze(np.array([[1, 2], [3, 4]]))


def challenges(*task_ids: str) -> Challenges:
    tasks = {i: Task(i, (Pair(GRID, GRID),), (GRID, GRID)) for i in task_ids}
    return Challenges("test", tasks, {"broken": BadTask("broken", "no pairs", 1)})


def config(budget_s: float = 30.0, **runtime: object) -> RunConfig:
    values = {"budget": budget_s, "workers": 1, "device": "cpu", **runtime}
    return RunConfig(runtime=RuntimeConfig.model_validate(values))


def run(
    run_dir: Path,
    solver: str,
    *task_ids: str,
    config: RunConfig,
    elapsed_s: float = 0.0,
    seen: list[TaskResult] | None = None,
    recorded: Sequence[TaskResult] | None = None,
) -> RunOutcome:
    clock = MonotonicClock()
    return run_tasks(
        challenges(*task_ids),
        config,
        run_dir=run_dir,
        clock=clock,
        started=clock.now() - elapsed_s,
        identity=IDENTITY,
        recorded=recorded,
        on_result=(seen if seen is not None else []).append,
        solver=f"fake_solvers:{solver}",
    )


def answered(run_dir: Path) -> set[str]:
    """Check that the submission is complete, and return the tasks that solvers answered."""
    submission = json.loads((run_dir / "submission.json").read_text())
    assert "broken" in submission
    for entries in submission.values():
        for entry in entries:
            assert set(entry) == {"attempt_1", "attempt_2"}
            assert all(entry.values()), "an attempt is never empty"
    return {
        task_id
        for task_id, entries in submission.items()
        if [entry["attempt_1"] for entry in entries] == [[[7]], [[7]]]
    }


def covered(run_dir: Path) -> set[str]:
    return set(json.loads((run_dir / "submission.json").read_text()))


def recorded_ids(run_dir: Path) -> list[str]:
    recorded = read_journal(run_dir / "journal.jsonl")
    assert recorded is not None
    return [result.task_id for result in recorded.results]


def test_all_tasks_are_answered_recorded_and_told(tmp_path: Path) -> None:
    seen: list[TaskResult] = []

    outcome = run(tmp_path, "works", "a", "b", "c", config=config(workers=2), seen=seen)

    assert outcome.cause is StopCause.COMPLETED and not outcome.is_interrupted
    assert answered(tmp_path) == set(outcome.results) == {"a", "b", "c"}
    assert recorded_ids(tmp_path) == [result.task_id for result in seen]
    assert len(outcome.busy_s) == 2 and not outcome.deaths


def test_worker_gets_its_share_of_threads_and_this_process_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "99")
    monkeypatch.delenv("MALLOC_TOP_PAD_", raising=False)

    outcome = run(tmp_path, "works", "a", config=config())

    assert outcome.results["a"].message == str(len(os.sched_getaffinity(0)))
    assert os.environ["OMP_NUM_THREADS"] == "99" and "MALLOC_TOP_PAD_" not in os.environ


def test_exception_costs_one_task_and_no_worker(tmp_path: Path) -> None:
    outcome = run(tmp_path, "raises", "bad", "b", config=config())

    assert outcome.cause is StopCause.COMPLETED and not outcome.deaths
    assert answered(tmp_path) == {"b"} and covered(tmp_path) == {"bad", "b", "broken"}
    failed = outcome.results["bad"]
    assert failed.stop_reason is StopReason.ERROR
    assert failed.message.startswith("IndexError: no such row (fake_solvers.py:")


def test_result_for_another_task_is_an_error_of_its_own_task(tmp_path: Path) -> None:
    outcome = run(tmp_path, "confuses_tasks", "a", config=config())

    assert outcome.results["a"].stop_reason is StopReason.ERROR
    assert "result for task another" in outcome.results["a"].message
    assert answered(tmp_path) == set()


def test_crash_is_tried_twice_then_given_up(tmp_path: Path) -> None:
    outcome = run(tmp_path, "exits", "bad", "b", config=config())

    assert outcome.cause is StopCause.COMPLETED
    assert [death.task_id for death in outcome.deaths] == ["bad", "bad"]
    assert outcome.deaths[0].message == "the worker ended with exit code 3"
    assert outcome.results["bad"].stop_reason is StopReason.ERROR
    assert "exit code 3" in outcome.results["bad"].message
    assert answered(tmp_path) == {"b"} and covered(tmp_path) == {"bad", "b", "broken"}


def test_task_that_takes_too_much_memory_is_answered_on_the_small_profile(tmp_path: Path) -> None:
    outcome = run(tmp_path, "runs_out_of_memory", "bad", "b", config=config())

    assert answered(tmp_path) == {"bad", "b"}
    assert outcome.results["bad"].message.startswith("small profile")
    assert len(outcome.deaths) == 1, "the worker that ran out of memory is replaced"
    assert outcome.retries == {"bad": 1}


def test_worker_without_a_sign_of_life_is_replaced(tmp_path: Path) -> None:
    outcome = run(tmp_path, "stops_once", "bad", "b", config=config(silence=3.0))

    assert outcome.cause is StopCause.COMPLETED
    assert answered(tmp_path) == {"bad", "b"}
    assert outcome.results["bad"].message == "small"


def test_tasks_are_visited_until_nothing_is_left_to_do(tmp_path: Path) -> None:
    outcome = run(tmp_path, "comes_back", "a", "b", config=config())

    visited = recorded_ids(tmp_path)
    assert sorted(visited[:2]) == ["a", "b"], "each task is visited once before any is twice"
    assert sorted(visited) == ["a", "a", "a", "b", "b", "b"]
    assert outcome.visits == {"a": 3, "b": 3}


def test_resumed_run_does_nothing_finished_twice(tmp_path: Path) -> None:
    run(tmp_path, "comes_back", "a", config=config())
    recorded = read_journal(tmp_path / "journal.jsonl")
    assert recorded is not None

    outcome = run(tmp_path, "works", "a", "b", config=config(workers=2), recorded=recorded.results)

    assert recorded_ids(tmp_path) == ["a", "a", "a", "b"]
    assert outcome.results["a"].message == "visit 2" and outcome.visits["a"] == 3
    assert answered(tmp_path) == {"a", "b"}


def test_resumed_run_goes_on_where_a_task_stood(tmp_path: Path) -> None:
    run(tmp_path, "comes_back", "a", config=config())
    recorded = read_journal(tmp_path / "journal.jsonl")
    assert recorded is not None

    outcome = run(tmp_path, "comes_back", "a", config=config(), recorded=recorded.results[:1])

    assert outcome.visits == {"a": 3} and outcome.results["a"].message == "visit 2"


def test_hang_does_not_outlast_the_budget(tmp_path: Path) -> None:
    outcome = run(tmp_path, "hangs", "a", "bad", config=config(budget_s=4.0))

    assert outcome.cause is StopCause.DEADLINE
    assert outcome.seconds < 4.0
    assert answered(tmp_path) == {"a"} and covered(tmp_path) == {"a", "bad", "broken"}


def test_result_that_comes_at_the_work_deadline_is_kept(tmp_path: Path) -> None:
    outcome = run(tmp_path, "keeps_deadline", "bad", config=config(budget_s=5.0))

    assert answered(tmp_path) == set(outcome.results) == {"bad"}


def test_worker_that_never_gets_ready_does_not_outlast_the_budget(tmp_path: Path) -> None:
    outcome = run(tmp_path, "starts_forever", "a", config=config(budget_s=2.0))

    assert outcome.cause is StopCause.DEADLINE
    assert outcome.seconds < 2.0
    assert not outcome.results and covered(tmp_path) == {"a", "broken"}


def test_budget_of_one_second_still_gives_a_submission(tmp_path: Path) -> None:
    outcome = run(tmp_path, "hangs", "bad", config=config(budget_s=1.0))

    assert outcome.cause is StopCause.DEADLINE
    assert outcome.seconds < 1.0
    assert answered(tmp_path) == set() and covered(tmp_path) == {"bad", "broken"}


def test_run_whose_time_is_over_starts_nothing(tmp_path: Path) -> None:
    outcome = run(tmp_path, "works", "a", config=config(budget_s=60.0), elapsed_s=59.0)

    assert outcome.cause is StopCause.DEADLINE
    assert not outcome.results and outcome.busy_s == (0.0,)
    assert covered(tmp_path) == {"a", "broken"}


def test_solver_that_cannot_be_built_is_told_in_its_own_words(tmp_path: Path) -> None:
    message = r"^no worker could start: /no/model: no such folder; check model.path$"
    with pytest.raises(RunError, match=message):
        run(tmp_path, "lacks_model", "a", config=config())

    assert answered(tmp_path) == set() and covered(tmp_path) == {"a", "broken"}


def test_worker_that_always_dies_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"the worker ended with exit code 4"):
        run(tmp_path, "dies_at_start", "a", config=config())

    assert covered(tmp_path) == {"a", "broken"}


def test_unknown_solver_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no attribute 'missing'"):
        run(tmp_path, "missing", "a", config=config())


def test_earlier_run_in_the_folder_is_replaced(tmp_path: Path) -> None:
    run(tmp_path, "works", "a", config=config())
    run(tmp_path, "works", "b", config=config(budget_s=60.0), elapsed_s=59.0)

    assert recorded_ids(tmp_path) == []
    assert covered(tmp_path) == {"b", "broken"}


def test_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(RunError, match=r"file/run: cannot be written"):
        run(tmp_path / "file" / "run", "works", "a", config=config())


def test_handlers_are_put_back(tmp_path: Path) -> None:
    former = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    run(tmp_path, "works", config=config())

    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == former


# ---- a real coordinator process: this file as a program


def _start_coordinator(run_dir: Path, note: Path) -> tuple[subprocess.Popen[str], int]:
    """Start a run that answers task a and hangs on the next; return it and its worker's id."""
    process = subprocess.Popen(
        [sys.executable, __file__, str(run_dir), str(note)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    while not note.exists():
        assert process.poll() is None, "the coordinator ended by itself"
        time.sleep(0.05)
    return process, int(note.read_text())


def _is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_run_with_what_there_is(tmp_path: Path, number: signal.Signals) -> None:
    process, worker_pid = _start_coordinator(tmp_path / "run", tmp_path / "note")

    process.send_signal(number)
    output, _ = process.communicate(timeout=5)

    assert process.returncode == 0
    assert json.loads(output) == {"cause": "interrupted", "results": ["a"]}
    assert answered(tmp_path / "run") == {"a"}
    assert covered(tmp_path / "run") == {"a", "bad", "c", "broken"}
    assert not _is_running(worker_pid)


@pytest.mark.skipif(sys.platform != "linux", reason="needs PR_SET_PDEATHSIG")
def test_workers_do_not_outlive_a_killed_coordinator(tmp_path: Path) -> None:
    process, worker_pid = _start_coordinator(tmp_path / "run", tmp_path / "note")

    process.kill()
    process.communicate()

    for _ in range(100):
        if not _is_running(worker_pid):
            break
        time.sleep(0.05)
    assert not _is_running(worker_pid)
    assert answered(tmp_path / "run") == {"a"}


if __name__ == "__main__":
    note_config = config(budget_s=60.0).model_copy(update={"model": ModelConfig(path=sys.argv[2])})
    outcome = run(Path(sys.argv[1]), "hangs_with_note", "a", "bad", "c", config=note_config)
    print(json.dumps({"cause": outcome.cause, "results": list(outcome.results)}))
