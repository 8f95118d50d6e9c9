"""Counts and ranks the grids that candidates give. Owns which two become attempts.

The order of the candidates never matters, and no test output is ever looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from arc_submit.arc.grid import Grid, grid_key
from arc_submit.types import AttemptPair, Candidate, Tally


def select_attempts(candidates: Sequence[Candidate], n_test_inputs: int) -> tuple[AttemptPair, ...]:
    """Return, for each test input, the two best of the distinct grids that candidates give it.

    A grid ranks by the train pairs that its best candidate has right, then by votes, then by the
    length of its shortest program, then by its own shape and cells. An attempt is None where
    there are not enough distinct grids.
    """
    attempts = []
    for i in range(n_test_inputs):
        best = sorted(_count(candidates, i), key=_rank)
        grids = [choice.grid for choice in best[:2]]
        attempts.append(AttemptPair(*grids, *[None] * (2 - len(grids))))
    return tuple(attempts)


def tally_votes(
    candidates: Sequence[Candidate], n_test_inputs: int, n_completions: int
) -> tuple[Tally, ...]:
    """Return, for each test input, what ``n_completions`` completions answered.

    Each candidate is one completion's vote. Grids with equally many votes are in the order of
    :func:`select_attempts`.
    """
    tallies = []
    for i in range(n_test_inputs):
        choices = sorted(_count(candidates, i), key=lambda choice: (-choice.votes, _rank(choice)))
        votes = tuple(choice.votes for choice in choices)
        unanswered = n_completions - sum(votes)
        assert unanswered >= 0, "a candidate comes from a completion"
        tallies.append(Tally(tuple(choice.grid for choice in choices), votes, unanswered))
    return tuple(tallies)


@dataclass(slots=True)
class _Choice:
    """One distinct grid, and what speaks for it."""

    grid: Grid
    votes: int
    train_exact: int
    program_length: int


def _count(candidates: Sequence[Candidate], test_input: int) -> list[_Choice]:
    choices: dict[tuple[int, int, bytes], _Choice] = {}
    for candidate in candidates:
        grid, length = candidate.test_outputs[test_input], len(candidate.program.source)
        if grid is None:
            continue
        choice = choices.setdefault(grid_key(grid), _Choice(grid, 0, 0, length))
        choice.votes += 1
        choice.train_exact = max(choice.train_exact, candidate.train_exact)
        choice.program_length = min(choice.program_length, length)
    return list(choices.values())


def _rank(choice: _Choice) -> tuple[int, int, int, tuple[int, int, bytes]]:
    return -choice.train_exact, -choice.votes, choice.program_length, grid_key(choice.grid)
