from __future__ import annotations

import json
import resource
from pathlib import Path

import numpy as np
import pytest
from fake_solvers import IDENTITY, answer
from hypothesis import given
from hypothesis import strategies as st

from arc_submit.arc.grid import Grid, freeze
from arc_submit.arc.task import Pair, Task
from arc_submit.errors import RunError
from arc_submit.runtime.journal import Journal, read_journal, result_from_json, result_to_json
from arc_submit.types import AttemptPair, StopReason, Tally, TaskResult

GRID = freeze(np.array([[1, 2], [3, 4]]))


def result(task_id: str) -> TaskResult:
    return answer(Task(task_id, (Pair(GRID, GRID),), (GRID, GRID)))


def write(path: Path, *task_ids: str) -> None:
    with Journal(path, IDENTITY) as journal:
        for number, task_id in enumerate(task_ids):
            journal.append(result(task_id), spent_s=number + 0.5)


def ids(path: Path) -> list[str]:
    recorded = read_journal(path)
    return [kept.task_id for kept in recorded.results] if recorded else []


grids = (
    st.integers(1, 4)
    .flatmap(
        lambda width: st.lists(
            st.lists(st.integers(0, 9), min_size=width, max_size=width), min_size=1, max_size=4
        )
    )
    .map(lambda rows: freeze(np.array(rows)))
)


@given(
    attempts=st.lists(
        st.builds(AttemptPair, st.none() | grids, st.none() | grids), min_size=1, max_size=3
    ),
    voted=st.lists(st.tuples(grids, st.integers(1, 99)), max_size=3),
    stop_reason=st.sampled_from(StopReason),
    stages=st.dictionaries(st.text(), st.floats(0, 1e5)),
    seconds=st.floats(0, 1e5),
    program=st.text(),
    message=st.text(),
)
def test_result_survives_json(
    attempts: list[AttemptPair],
    voted: list[tuple[Grid, int]],
    stop_reason: StopReason,
    stages: dict[str, float],
    seconds: float,
    program: str,
    message: str,
) -> None:
    tally = Tally(tuple(grid for grid, _ in voted), tuple(votes for _, votes in voted), 5)
    before = TaskResult(
        "a", tuple(attempts), (tally,), stop_reason, 2, seconds, 1, 3, program, message, stages
    )

    record = json.loads(json.dumps(result_to_json(before)))
    after = result_from_json(record)

    assert result_to_json(after) == record
    assert after.stop_reason is stop_reason
    assert (after.seconds, after.program, after.message) == (seconds, program, message)
    assert all(
        np.array_equal(grid, voted_grid)
        for grid, (voted_grid, _) in zip(after.tallies[0].grids, voted, strict=True)
    )
    assert [pair.attempt_2 is None for pair in after.attempts] == [
        pair.attempt_2 is None for pair in attempts
    ]


def test_results_are_read_in_order(tmp_path: Path) -> None:
    write(tmp_path / "j", "a", "b", "c")

    assert ids(tmp_path / "j") == ["a", "b", "c"]


def test_journal_says_whose_it_is_and_how_much_time_was_spent(tmp_path: Path) -> None:
    write(tmp_path / "j", "a", "b")

    recorded = read_journal(tmp_path / "j")

    assert recorded is not None
    assert (recorded.identity, recorded.spent_s) == (IDENTITY, 1.5)


def test_what_a_full_disk_took_in_part_is_taken_back(tmp_path: Path) -> None:
    write(tmp_path / "j", "a")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal(tmp_path / "j", IDENTITY) as journal:
        size = (tmp_path / "j").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, limit[1]))
        try:
            with pytest.raises(RunError, match=r"cannot be used \(File too large\)"):
                journal.append(result("b"), spent_s=1.0)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        assert (tmp_path / "j").stat().st_size == size
        journal.append(result("c"), spent_s=2.0)

    assert ids(tmp_path / "j") == ["a", "c"]


@pytest.mark.parametrize("lost", [1, 2, 50])
def test_torn_last_line_does_not_count(tmp_path: Path, lost: int) -> None:
    write(tmp_path / "j", "a", "b")
    content = (tmp_path / "j").read_bytes()
    (tmp_path / "j").write_bytes(content[:-lost])

    assert ids(tmp_path / "j") == ["a"]


def test_journal_goes_on_after_a_torn_line(tmp_path: Path) -> None:
    write(tmp_path / "j", "a", "b")
    (tmp_path / "j").write_bytes((tmp_path / "j").read_bytes()[:-9])

    write(tmp_path / "j", "c")

    assert ids(tmp_path / "j") == ["a", "c"]


@pytest.mark.parametrize("kept", [0, 5])
def test_journal_without_a_whole_header_begins_anew(tmp_path: Path, kept: int) -> None:
    write(tmp_path / "j")
    (tmp_path / "j").write_bytes((tmp_path / "j").read_bytes()[:kept])

    assert ids(tmp_path / "j") == []
    write(tmp_path / "j", "a")
    assert ids(tmp_path / "j") == ["a"]


@pytest.mark.parametrize("damage", ["{not json}", '{"kind":"task"}', "[1]", "null"])
def test_damage_before_the_last_line_is_refused(tmp_path: Path, damage: str) -> None:
    write(tmp_path / "j", "a")
    header, line = (tmp_path / "j").read_text().splitlines()
    (tmp_path / "j").write_text(f"{header}\n{damage}\n{line}\n")

    with pytest.raises(RunError, match=r"line 2: is not a journal record"):
        read_journal(tmp_path / "j")


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "j").write_text('{"a": 1}\n')

    with pytest.raises(RunError, match=r"line 1"):
        read_journal(tmp_path / "j")


def test_missing_journal_is_an_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"nowhere: cannot be used"):
        read_journal(tmp_path / "nowhere")
