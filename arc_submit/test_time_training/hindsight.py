"""Hindsight experience replay: a program that is wrong for its task is right for what it drew.

Each program that ran becomes a training example for a task with the same inputs and with its own
outputs. After Andrychowicz et al. 2017 (arXiv:1707.01495) and the seeds' iteration 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from arc_submit.arc.grid import Grid, grid_key
from arc_submit.arc.task import Pair
from arc_submit.clock import Deadline
from arc_submit.config import TestTimeTrainingConfig
from arc_submit.execution.pool import ExecutionPool
from arc_submit.execution.prune import prune_programs
from arc_submit.prompting import Prompter
from arc_submit.types import Failure, TrainingExample, Trial

_OutputsKey: TypeAlias = tuple[tuple[int, int, bytes], ...]


class Hindsight:
    """Relabels the trials of one task, round by round; no achieved output is learned twice."""

    def __init__(
        self, prompter: Prompter, pool: ExecutionPool, config: TestTimeTrainingConfig
    ) -> None:
        max_tokens = min(prompter.max_tokens, config.max_prompt_tokens)
        self._prompter = replace(prompter, max_tokens=max_tokens)
        self._pool = pool
        self._max_examples = config.max_examples
        self._seen: set[_OutputsKey] = set()

    def relabel(self, trials: Sequence[Trial], *, deadline: Deadline) -> list[TrainingExample]:
        """Return one example per output not achieved in an earlier round, worst first.

        Of the programs with the same outputs the shortest is kept, and pruned of lines without
        effect. Of more than ``max_examples`` the best are taken.
        """
        novel: dict[_OutputsKey, Trial] = {}
        for trial in sorted(trials, key=_length):
            key = _outputs_key(trial)
            if key is not None and key not in self._seen:
                novel.setdefault(key, trial)
        best_last = sorted(novel.items(), key=lambda item: _quality(item[1]))
        chosen = best_last[-self._max_examples :]
        self._seen.update(key for key, _ in chosen)
        examples = (self._relabel_one(trial, deadline) for _, trial in chosen)
        return [example for example in examples if example is not None]

    def _relabel_one(self, trial: Trial, deadline: Deadline) -> TrainingExample | None:
        pairs = [Pair(*pair) for pair in zip(_train_inputs(trial), _outputs(trial), strict=True)]
        achieved = replace(trial.view.task, train=tuple(pairs))
        prompt = self._prompter.render(replace(trial.view, task=achieved))
        if prompt is None:
            return None
        (program,) = prune_programs(
            [trial.execution.program], _train_inputs(trial), self._pool, deadline=deadline
        )
        return TrainingExample(prompt.text, self._prompter.template.answer(program.source))


def _train_inputs(trial: Trial) -> list[Grid]:
    return [pair.input for pair in trial.view.task.train]


def _outputs(trial: Trial) -> list[Grid]:
    """The grids achieved on train inputs: fewer than those where the program failed."""
    outputs = trial.execution.outputs[: len(trial.view.task.train)]
    return [output for output in outputs if not isinstance(output, Failure)]


def _outputs_key(trial: Trial) -> _OutputsKey | None:
    """What makes a relabelled task a new one; None where the program failed on a train input."""
    inputs, outputs = _train_inputs(trial), _outputs(trial)
    return tuple(map(grid_key, (*inputs, *outputs))) if len(inputs) == len(outputs) else None


def _length(trial: Trial) -> tuple[int, str]:
    source = trial.execution.program.source
    return len(source), source


def _quality(trial: Trial) -> tuple[int, float]:
    return trial.candidate.train_exact, trial.candidate.pixel_accuracy
