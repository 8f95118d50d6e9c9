"""The table of drawing runs."""

from __future__ import annotations

from arc_submit.reporting.tables import draw_table


def _run(task: str, solved: bool, rounds: int, best: float) -> dict[str, object]:
    return {
        "task": task,
        "solved": solved,
        "rounds": rounds,
        "programs": 16 * rounds,
        "seconds": 1.5 * rounds,
        "best_accuracy": [0.1, best],
    }


def test_a_task_is_summed_up_by_medians_over_its_seeds() -> None:
    runs = [_run("chick", True, 4, 1), _run("chick", True, 9, 1), _run("chick", True, 5, 1)]
    head, row = draw_table(runs)
    assert head == ["task", "solved", "rounds", "programs", "seconds", "best accuracy"]
    assert row == ["chick", "3 of 3", "5", "80", "7.5", "100.0%"]


def test_an_unsolved_run_counts_as_the_longest() -> None:
    runs = [_run("chick", False, 2, 0.4), _run("chick", True, 9, 1), _run("chick", True, 5, 1)]
    assert draw_table(runs)[1] == ["chick", "2 of 3", "9", "144", "13.5", "100.0%"]


def test_where_most_runs_fail_there_is_no_median() -> None:
    runs = [_run("a", False, 2, 0.4), _run("a", True, 9, 1), _run("b", True, 1, 1)]
    rows = draw_table(runs)
    assert rows[1] == ["a", "1 of 2", "-", "-", "-", "100.0%"]
    assert rows[2] == ["b", "1 of 1", "1", "16", "1.5", "100.0%"]


def test_what_nobody_solved_shows_how_near_it_came() -> None:
    assert draw_table([_run("a", False, 2, 0.4)])[1] == ["a", "0 of 1", "-", "-", "-", "40.0%"]
