"""The nouns: every value that crosses a stage boundary, in the order in which they arise.

Failures inside a task are values here (:class:`Failure`, :class:`ParseFailure`,
:class:`StopReason`), never exceptions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from arc_submit.arc.grid import Grid, freeze
from arc_submit.arc.symmetry import Symmetry
from arc_submit.arc.task import Pair, Task, TaskId

# ---- stage 1: augmentation


@dataclass(frozen=True, slots=True)
class Augmentation:
    """An invertible change of frame: a symmetry, a colour permutation and an order of pairs."""

    symmetry: Symmetry
    colors: tuple[int, ...]
    """``colors[c]`` is the colour that ``c`` becomes; a permutation of 0-9."""
    pair_order: tuple[int, ...]
    """``pair_order[i]`` is the original index of the augmented task's pair ``i``."""

    def apply(self, grid: Grid) -> Grid:
        """Bring a grid from the original frame into this one."""
        return freeze(self.symmetry.apply(_recolor(grid, self.colors)))

    def invert(self, grid: Grid) -> Grid:
        """Bring a grid from this frame back into the original one."""
        inverse = sorted(range(len(self.colors)), key=self.colors.__getitem__)
        return freeze(_recolor(self.symmetry.invert(grid), tuple(inverse)))

    def invert_pairs(self, outputs: Sequence[Grid]) -> tuple[Grid, ...]:
        """Bring grids of the augmented task's train pairs back, into the original order."""
        restored = dict(zip(self.pair_order, map(self.invert, outputs), strict=True))
        return tuple(restored[i] for i in range(len(restored)))

    def apply_task(self, task: Task) -> Task:
        """Bring a whole task into this frame; test inputs keep their order."""
        pairs = (task.train[i] for i in self.pair_order)
        return Task(
            task.task_id,
            tuple(Pair(self.apply(pair.input), self.apply(pair.output)) for pair in pairs),
            tuple(self.apply(grid) for grid in task.test_inputs),
        )


def _recolor(grid: Grid, colors: tuple[int, ...]) -> Grid:
    table = np.array(colors, dtype=np.int8)
    recolored: Grid = table[grid]
    return recolored


@dataclass(frozen=True, slots=True, eq=False)
class AugmentedTask:
    """One view of a task: the task in the augmented frame, and the way back."""

    task: Task
    augmentation: Augmentation


# ---- stage 2: sampling


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """What the model is asked about one view."""

    view: AugmentedTask
    text: str
    """The user's message; the model's own chat template is put around it by the sampler."""


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How many completions of each prompt, and how they are drawn."""

    count: int
    temperature: float
    """0 is greedy."""
    top_p: float
    max_new_tokens: int


@dataclass(frozen=True, slots=True, eq=False)
class Completion:
    """What the model wrote for a prompt."""

    prompt: Prompt
    text: str
    seed: int
    logprob: float
    """Natural logarithm of the text's probability under the model at temperature 1."""
    n_tokens: int


@dataclass(frozen=True, slots=True)
class Program:
    """The source of a function ``task(img)`` in the project's language."""

    source: str


@dataclass(frozen=True, slots=True)
class ParseFailure:
    """Why no program could be read from a completion."""

    reason: str


# ---- execution


class FailureKind(StrEnum):
    """Why a program has no output for an input."""

    SYNTAX = "syntax"
    FORBIDDEN = "forbidden"
    ERROR = "error"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASH = "crash"
    BAD_OUTPUT = "bad_output"
    NONDETERMINISTIC = "nondeterministic"


@dataclass(frozen=True, slots=True)
class Failure:
    """A program's missing output, as data."""

    kind: FailureKind
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class Execution:
    """A program run on a list of inputs, in the frame of those inputs."""

    program: Program
    outputs: tuple[Grid | Failure, ...]
    """One per input, in order."""
    seconds: float

    @property
    def grids(self) -> tuple[Grid, ...] | None:
        """The outputs; None where there is a failure among them."""
        grids = tuple(output for output in self.outputs if not isinstance(output, Failure))
        return grids if len(grids) == len(self.outputs) else None


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """An answer to a task in the ORIGINAL frame, scored on the train pairs only."""

    task_id: TaskId
    test_outputs: tuple[Grid | None, ...]
    """One per test input; None where there is no output."""
    train_exact: int
    """Train pairs whose output is right."""
    n_train: int
    pixel_accuracy: float
    """Mean over train pairs of the share of right cells; 0 for a wrong shape."""
    program: Program
    round_index: int

    @property
    def fits(self) -> bool:
        """Whether every train pair is right."""
        return self.train_exact == self.n_train


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One completion's program, run in the frame of its view and judged."""

    view: AugmentedTask
    execution: Execution
    candidate: Candidate

    @property
    def train_outputs(self) -> tuple[Grid, ...] | None:
        """What the program made of the train inputs; None where it failed on one."""
        outputs = self.execution.outputs[: len(self.view.task.train)]
        return replace(self.execution, outputs=outputs).grids


# ---- stage 3: test-time training


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """A prompt and the answer that is right for it."""

    prompt: str
    answer: str


@dataclass(frozen=True, slots=True)
class TrainingSample:
    """A tokenized example."""

    token_ids: tuple[int, ...]
    n_prompt: int
    """Leading tokens that carry no loss."""


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """One round on a task, as it went."""

    index: int
    trials: tuple[Trial, ...]
    """The programs that were sampled, run and judged in it."""
    n_completions: int
    temperature_factor: float
    """By which the configured temperatures were multiplied."""
    n_novel: int
    """Outputs that no earlier round had made."""
    n_examples: int
    """Examples trained on after it."""
    seconds: float


# ---- stages 4 and 5: voting, submission


@dataclass(frozen=True, slots=True, eq=False)
class AttemptPair:
    """Two answers to one test input; None where there is no candidate."""

    attempt_1: Grid | None
    attempt_2: Grid | None


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """What all completions answered to one test input."""

    grids: tuple[Grid, ...]
    """Distinct, in the original frame, most votes first."""
    votes: tuple[int, ...]
    """How many completions gave each grid."""
    unanswered: int
    """Completions that gave none."""


class Profile(StrEnum):
    """How much a visit to a task may ask of its device."""

    FULL = "full"
    SMALL = "small"
    """For a task that brought a worker down: half the batch, half the views, half the length,
    and no training."""


class StopReason(StrEnum):
    """Why work on a task ended."""

    SOLVED = "solved"
    MAX_ROUNDS = "max_rounds"
    PAUSED = "paused"
    """The first, quick visit is over; a later one would go on."""
    DEADLINE = "deadline"
    NOTHING_TO_LEARN = "nothing_to_learn"
    COLLAPSED = "collapsed"
    TOO_LONG = "too_long"
    ERROR = "error"


@dataclass(frozen=True, slots=True, eq=False)
class TaskResult:
    """All that the run keeps of a task."""

    task_id: TaskId
    attempts: tuple[AttemptPair, ...]
    """One per test input, in order."""
    tallies: tuple[Tally, ...]
    """One per test input, in order."""
    stop_reason: StopReason
    rounds: int
    seconds: float
    train_exact: int
    """Of the best candidate."""
    n_train: int
    program: str
    """Source of the best candidate, in the original frame; empty where there is none."""
    message: str = ""
    """What went wrong, where the stop reason is an error."""
    stages: Mapping[str, float] = field(default_factory=dict)
    """Seconds by stage."""

    @property
    def is_answered(self) -> bool:
        """Whether any test input has an attempt from the model."""
        return any(pair.attempt_1 is not None for pair in self.attempts)

    @property
    def fits(self) -> bool:
        """Whether the best candidate is right on every train pair."""
        return self.n_train > 0 and self.train_exact == self.n_train
