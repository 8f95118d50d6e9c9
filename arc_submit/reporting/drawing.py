"""How hindsight experience replay gets on with one task, round by round.

A measurement: every program counts, and only the train pairs are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TypeAlias

from arc_submit.arc.grid import Grid, grid_key
from arc_submit.arc.task import Task
from arc_submit.clock import Deadline
from arc_submit.config import RunConfig
from arc_submit.pipeline import Tools, Trainer, solve_task
from arc_submit.types import Round, StopReason, TrainingExample, Trial

_OutputsKey: TypeAlias = tuple[tuple[int, int, bytes], ...]


@dataclass(frozen=True, slots=True, eq=False)
class DrawnRound:
    """One round in figures."""

    index: int
    accuracies: tuple[float, ...]
    """Share of right cells, one per program in no order; 0 where there was no output."""
    n_unique: int
    """Different outputs on the train inputs."""
    n_novel: int
    """Those that no earlier round had made."""
    n_lines: int
    """Lines of the best program; 0 where there is none."""
    drawing: Grid | None
    """The best program's output on the first train input."""
    temperature_factor: float
    n_examples: int
    """Examples trained on after it."""
    seconds: float

    @property
    def n_programs(self) -> int:
        """Completions, also those that were no programs."""
        return len(self.accuracies)

    @property
    def best_accuracy(self) -> float:
        """Of the best program; 0 where there is none."""
        return max(self.accuracies, default=0.0)

    @property
    def mean_accuracy(self) -> float:
        """Over all programs; 0 where there are none."""
        return sum(self.accuracies) / len(self.accuracies) if self.accuracies else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class DrawRecord:
    """One run on one task."""

    task: Task
    seed: int
    rounds: tuple[DrawnRound, ...]
    stop_reason: StopReason
    seconds: float
    program: str
    """Source of the best program of all rounds; empty where there is none."""

    @property
    def is_solved(self) -> bool:
        """Whether a program fits all train pairs."""
        return self.stop_reason is StopReason.SOLVED

    @property
    def n_programs(self) -> int:
        """Completions of all rounds."""
        return sum(done.n_programs for done in self.rounds)

    def figures(self) -> dict[str, object]:
        """Return the record as plain values for JSON."""
        return {
            "task": self.task.task_id,
            "seed": self.seed,
            "solved": self.is_solved,
            "stop_reason": str(self.stop_reason),
            "rounds": len(self.rounds),
            "programs": self.n_programs,
            "seconds": round(self.seconds, 3),
            "best_accuracy": [done.best_accuracy for done in self.rounds],
            "mean_accuracy": [done.mean_accuracy for done in self.rounds],
            "unique": [done.n_unique for done in self.rounds],
            "new": [done.n_novel for done in self.rounds],
            "examples": [done.n_examples for done in self.rounds],
            "temperature_factor": [done.temperature_factor for done in self.rounds],
            "program": self.program,
        }


class FrozenTrainer:
    """Never trains: the control that shows what sampling alone comes to."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer

    def reset(self, *, seed: int) -> None:
        """Forget what another trainer of the same model taught."""
        self._trainer.reset(seed=seed)

    def fit(self, examples: Sequence[TrainingExample], *, deadline: Deadline) -> None:
        """Do nothing."""

    def switched_off(self) -> AbstractContextManager[None]:
        """Change nothing."""
        return nullcontext()


def freeze_model(tools: Tools) -> Tools:
    """Return the tools with a trainer that never trains."""
    return replace(tools, trainer=FrozenTrainer(tools.trainer))


def draw_canvas(
    task: Task,
    tools: Tools,
    config: RunConfig,
    *,
    seed: int,
    deadline: Deadline | None = None,
    on_round: Callable[[DrawnRound], None] = lambda done: None,
) -> DrawRecord:
    """Work on a task until it is solved or no round is left, and keep how each round went.

    Args:
        config: its seed is replaced.
        deadline: none by default.
        on_round: is told each round once it is over.
    """
    rounds: list[DrawnRound] = []
    seen: set[_OutputsKey] = set()

    def keep(done: Round) -> None:
        rounds.append(_measure(done, seen))
        on_round(rounds[-1])

    result = solve_task(
        task,
        tools,
        config.model_copy(update={"seed": seed}),
        deadline or Deadline.never(),
        on_round=keep,
    )
    return DrawRecord(task, seed, tuple(rounds), result.stop_reason, result.seconds, result.program)


def _measure(done: Round, seen: set[_OutputsKey]) -> DrawnRound:
    """Return a round's figures; ``seen`` holds the outputs of earlier rounds, and grows."""
    made = filter(None, map(_original_outputs, done.trials))
    unique = {tuple(map(grid_key, outputs)) for outputs in made}
    novel = unique - seen
    seen |= novel
    best = max(done.trials, key=_rank, default=None)
    source = best.execution.program.source if best else ""
    drawings = _original_outputs(best) if best else None
    without_program = done.n_completions - len(done.trials)
    return DrawnRound(
        index=done.index,
        accuracies=(
            *(trial.candidate.pixel_accuracy for trial in done.trials),
            *([0.0] * without_program),
        ),
        n_unique=len(unique),
        n_novel=len(novel),
        n_lines=len(source.splitlines()),
        drawing=drawings[0] if drawings else None,
        temperature_factor=done.temperature_factor,
        n_examples=done.n_examples,
        seconds=done.seconds,
    )


def _original_outputs(trial: Trial) -> tuple[Grid, ...] | None:
    """Return what a program made of the task's own train inputs; None where it failed on one."""
    if trial.train_outputs is None:
        return None
    return trial.view.augmentation.invert_pairs(trial.train_outputs)


def _rank(trial: Trial) -> tuple[float, int, int]:
    candidate = trial.candidate
    return candidate.pixel_accuracy, candidate.train_exact, -len(candidate.program.source)
