"""How good answers are: pixel accuracy, the seeds' metrics over samples, and Kaggle's score.

Every mean is taken over all tasks of the solutions: a task without any answer counts as wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Protocol

from arc_submit.arc.grid import Grid, grids_equal
from arc_submit.arc.task import Pair, Solutions, TaskId
from arc_submit.errors import SubmissionError

N_ATTEMPTS = 2
"""Answers that Kaggle takes for a test input; the k of ``vote_k``."""


class Answers(Protocol):
    """What all completions answered to one test input; a ``Tally`` is one."""

    @property
    def grids(self) -> Sequence[Grid]:
        """Distinct grids, most votes first."""
        ...

    @property
    def votes(self) -> Sequence[int]:
        """How many completions gave each grid."""
        ...

    @property
    def unanswered(self) -> int:
        """Completions that gave none."""
        ...


@dataclass(frozen=True, slots=True)
class Metrics:
    """Of one test output with N completions, or a mean of such; each from 0 to 1."""

    accuracy: float
    """Exact answers / N."""
    correct_pixels: float
    """Sum of the answers' pixel accuracies / N."""
    max_correct_pixels: float
    """The best answer's pixel accuracy."""
    correct_size: float
    """Answers of the right shape / N."""
    any_correct_size: float
    """1 where any answer has the right shape."""
    pass_n: float
    """1 where any answer is exact."""
    unanswered: float
    """Completions without an answer / N; 1 where N is 0."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Metrics of a whole set: means over each task's test outputs, then over tasks."""

    sampled: Metrics
    """Of all completions."""
    voted: Metrics
    """After keeping the 2 most voted answers, one vote each; its ``pass_n`` is ``vote_2``."""
    n_tasks: int
    n_outputs: int


@dataclass(frozen=True, slots=True)
class Score:
    """What a submission is worth; a test output is solved where either attempt is exact."""

    score: float
    """Kaggle's: mean over tasks of the share of test outputs solved."""
    output_share: float
    """Share of all test outputs solved."""
    n_tasks: int
    n_outputs: int
    n_solved_outputs: int
    by_task: Mapping[TaskId, float]
    """Share of each task's test outputs solved."""


def pixel_accuracy(output: Grid, expected: Grid) -> float:
    """Return the share of right cells; 0 for a wrong shape."""
    if output.shape != expected.shape:
        return 0.0
    return float((output == expected).mean())


def net_accuracy(output: Grid, pair: Pair) -> float:
    """Return the share of right cells, less that of the cells that became wrong otherwise.

    A cell that was wrong in the input and is wrong in another way counts against the output: so
    what covers much of a picture without aim ranks below what gets a little of it right.
    """
    accuracy = pixel_accuracy(output, pair.output)
    if not output.shape == pair.output.shape == pair.input.shape:
        return accuracy
    return accuracy - float(((output != pair.output) & (output != pair.input)).mean())


def measure_output(answers: Answers, expected: Grid, *, most_voted: int | None = None) -> Metrics:
    """Return the metrics of one test output, over all completions or the ``most_voted`` answers.

    The kept answers count once each, and completions without an answer are then left out.
    """
    grids, votes, unanswered = answers.grids, answers.votes, answers.unanswered
    if most_voted is not None:
        grids, unanswered = grids[:most_voted], 0
        votes = [1] * len(grids)
    n = sum(votes) + unanswered
    if n == 0:
        return Metrics(0, 0, 0, 0, 0, 0, unanswered=1)
    pixels = [pixel_accuracy(grid, expected) for grid in grids]
    is_exact = [float(grids_equal(grid, expected)) for grid in grids]
    is_sized = [float(grid.shape == expected.shape) for grid in grids]
    return Metrics(
        accuracy=_dot(is_exact, votes) / n,
        correct_pixels=_dot(pixels, votes) / n,
        max_correct_pixels=max(pixels, default=0.0),
        correct_size=_dot(is_sized, votes) / n,
        any_correct_size=max(is_sized, default=0.0),
        pass_n=max(is_exact, default=0.0),
        unanswered=unanswered / n,
    )


def evaluate(tallies: Mapping[TaskId, Sequence[Answers]], solutions: Solutions) -> Evaluation:
    """Return the metrics over all tasks of the solutions.

    Args:
        tallies: by task one per test output, in order; a task that is missing or has none counts
            as without any completion.
        solutions: at least one task, and only the tasks of the set.

    Raises:
        ValueError: if a task has answers, but not for each of its test outputs.
    """
    sampled, voted = [], []
    for task_id, outputs in solutions.outputs.items():
        answers = tallies.get(task_id) or [_NO_ANSWERS] * len(outputs)
        pairs = list(zip(answers, outputs, strict=True))
        sampled.append(_mean([measure_output(a, grid) for a, grid in pairs]))
        voted.append(_mean([measure_output(a, grid, most_voted=N_ATTEMPTS) for a, grid in pairs]))
    n_outputs = sum(len(outputs) for outputs in solutions.outputs.values())
    return Evaluation(_mean(sampled), _mean(voted), len(sampled), n_outputs)


def score_submission(
    submission: Mapping[TaskId, Sequence[tuple[Grid, Grid]]], solutions: Solutions
) -> Score:
    """Return Kaggle's score over all tasks of the solutions, at least one.

    Raises:
        SubmissionError: naming a task that only one side has, or whose entries do not match.
    """
    if odd := sorted(submission.keys() ^ solutions.outputs.keys()):
        raise SubmissionError(
            f"task {odd[0]}: is only in the {'submission' if odd[0] in submission else 'solutions'}"
            f" ({len(odd)} such tasks); score a submission against the solutions of its own tasks"
        )
    solved: dict[TaskId, int] = {}
    for task_id, outputs in solutions.outputs.items():
        entries = submission[task_id]
        if len(entries) != len(outputs):
            raise SubmissionError(
                f"task {task_id}: has {len(entries)} entries for {len(outputs)} test outputs"
            )
        solved[task_id] = sum(
            any(grids_equal(attempt, expected) for attempt in attempts)
            for attempts, expected in zip(entries, outputs, strict=True)
        )
    by_task = {t: n / len(solutions.outputs[t]) for t, n in solved.items()}
    n_outputs = sum(len(outputs) for outputs in solutions.outputs.values())
    n_solved = sum(solved.values())
    return Score(
        score=sum(by_task.values()) / len(by_task),
        output_share=n_solved / n_outputs,
        n_tasks=len(by_task),
        n_outputs=n_outputs,
        n_solved_outputs=n_solved,
        by_task=by_task,
    )


@dataclass(frozen=True, slots=True)
class _NoAnswers:
    grids: tuple[Grid, ...] = ()
    votes: tuple[int, ...] = ()
    unanswered: int = 0


_NO_ANSWERS = _NoAnswers()


def _dot(values: Sequence[float], votes: Sequence[int]) -> float:
    return sum(value * vote for value, vote in zip(values, votes, strict=True))


def _mean(metrics: Sequence[Metrics]) -> Metrics:
    columns = zip(*(astuple(each) for each in metrics), strict=True)
    return Metrics(*(sum(column) / len(metrics) for column in columns))
