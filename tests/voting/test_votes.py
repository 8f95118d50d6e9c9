"""Voting: the rank of grids, two distinct attempts, and independence of the candidates' order."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from arc_submit.arc.grid import Grid, freeze, grid_key
from arc_submit.types import Candidate, Program, Tally
from arc_submit.voting.votes import select_attempts, tally_votes


def _cell(color: int) -> Grid:
    return freeze(np.array([[color]]))


def _candidate(*colors: int | None, exact: int = 0, source: str = "") -> Candidate:
    """A candidate that answers each test input with one cell of a colour, or not at all."""
    outputs = tuple(None if color is None else _cell(color) for color in colors)
    return Candidate("t", outputs, exact, 3, 0.0, Program(source), 0)


def _attempts(candidates: list[Candidate], n_test_inputs: int = 1) -> list[tuple[int | None, ...]]:
    return [
        tuple(
            None if grid is None else int(grid[0, 0]) for grid in (pair.attempt_1, pair.attempt_2)
        )
        for pair in select_attempts(candidates, n_test_inputs)
    ]


def _summary(tally: Tally) -> tuple[list[int], tuple[int, ...], int]:
    return [int(grid[0, 0]) for grid in tally.grids], tally.votes, tally.unanswered


def test_train_pairs_come_before_votes() -> None:
    assert _attempts([_candidate(1), _candidate(1), _candidate(2, exact=1)]) == [(2, 1)]


def test_a_grid_ranks_by_its_best_candidate() -> None:
    candidates = [_candidate(1, exact=3), _candidate(1), _candidate(2, exact=2)]
    assert _attempts(candidates) == [(1, 2)]


def test_votes_come_before_the_length_of_the_program() -> None:
    long, short = "x" * 9, "x"
    candidates = [_candidate(1, source=long)] * 2 + [_candidate(2, source=short)]
    assert _attempts(candidates) == [(1, 2)]


def test_the_shorter_program_wins_where_all_else_is_equal() -> None:
    assert _attempts([_candidate(1, source="long"), _candidate(2, source="s")]) == [(2, 1)]


def test_attempts_are_distinct_and_none_where_no_second_grid_exists() -> None:
    assert _attempts([_candidate(1)] * 5 + [_candidate(4)]) == [(1, 4)]
    assert _attempts([_candidate(1)] * 5) == [(1, None)]
    assert _attempts([]) == [(None, None)]


def test_each_test_input_is_voted_on_by_itself() -> None:
    candidates = [_candidate(1, 7), _candidate(1, None), _candidate(2, 7)]
    assert _attempts(candidates, n_test_inputs=2) == [(1, 2), (7, None)]


def test_grids_of_other_shapes_with_the_same_cells_are_different_answers() -> None:
    row, column = freeze(np.array([[1, 1]])), freeze(np.array([[1], [1]]))
    candidates = [Candidate("t", (grid,), 0, 3, 0.0, Program(""), 0) for grid in (row, column)]
    (pair,) = select_attempts(candidates, 1)
    assert pair.attempt_1 is not None and pair.attempt_2 is not None
    assert {pair.attempt_1.shape, pair.attempt_2.shape} == {(1, 2), (2, 1)}


def test_a_tally_counts_each_candidate_once_and_the_completions_without_grid() -> None:
    candidates = [_candidate(1, 5, exact=3), _candidate(2, 5), _candidate(2, None)]
    first, second = tally_votes(candidates, 2, n_completions=10)
    assert _summary(first) == ([2, 1], (2, 1), 7)
    assert _summary(second) == ([5], (2,), 8)


def test_without_candidates_every_completion_is_unanswered() -> None:
    (tally,) = tally_votes([], 1, n_completions=4)
    assert _summary(tally) == ([], (), 4)


some_candidates = st.lists(
    st.builds(
        lambda colors, exact, source: _candidate(*colors, exact=exact, source=source),
        st.tuples(*[st.none() | st.integers(0, 3)] * 2),
        st.integers(0, 2),
        st.sampled_from(["a", "b", "cc"]),
    ),
    max_size=12,
)


@given(data=st.data(), candidates=some_candidates)
def test_the_order_of_the_candidates_never_matters(
    data: st.DataObject, candidates: list[Candidate]
) -> None:
    shuffled = data.draw(st.permutations(candidates))
    assert _attempts(shuffled, 2) == _attempts(candidates, 2)
    for a, b in zip(tally_votes(shuffled, 2, 12), tally_votes(candidates, 2, 12), strict=True):
        assert _summary(a) == _summary(b)


@given(candidates=some_candidates)
def test_attempts_are_two_different_grids_of_the_candidates_wherever_there_are_two(
    candidates: list[Candidate],
) -> None:
    for i, pair in enumerate(select_attempts(candidates, 2)):
        outputs = (candidate.test_outputs[i] for candidate in candidates)
        given_keys = {grid_key(grid) for grid in outputs if grid is not None}
        attempts = [grid for grid in (pair.attempt_1, pair.attempt_2) if grid is not None]
        chosen = {grid_key(grid) for grid in attempts}
        assert chosen <= given_keys
        assert len(attempts) == len(chosen) == min(2, len(given_keys))
