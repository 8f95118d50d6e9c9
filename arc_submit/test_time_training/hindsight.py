"""Relabelling: a wrong program is right for the outputs that it did make.

After the seeds' hindsight experience replay (Andrychowicz et al., 2017, gave the idea its name).
Outputs are compared in the frame they were made in, over all train pairs; train outputs of the
task rank the lessons, and test outputs play no part.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

from arc_submit.arc.grid import Grid, grid_key
from arc_submit.arc.task import Pair
from arc_submit.clock import Deadline
from arc_submit.config import TestTimeTrainingConfig
from arc_submit.dsl.program import build_program
from arc_submit.dsl.strokes import canonical_strokes, read_strokes
from arc_submit.execution.pool import ExecutionPool
from arc_submit.execution.prune import prune_programs
from arc_submit.prompting import Prompter
from arc_submit.seeds import derive_seed
from arc_submit.test_time_training.replay import Lesson, Quality, ReplayBuffer
from arc_submit.types import TrainingExample, Trial

_T = TypeVar("_T")
_OutputsKey: TypeAlias = tuple[tuple[int, int, bytes], ...]


@dataclass(frozen=True, slots=True)
class Lessons:
    """What a round taught."""

    examples: list[TrainingExample]
    """To train on, in order."""
    n_unique: int
    """Different outputs of the round."""
    n_novel: int
    """Those that no earlier round had made."""


NO_LESSONS = Lessons([], 0, 0)


class Hindsight:
    """Relabels the trials of one task, round by round."""

    def __init__(
        self, prompter: Prompter, pool: ExecutionPool, config: TestTimeTrainingConfig, *, seed: int
    ) -> None:
        max_tokens = min(prompter.max_tokens, config.max_prompt_tokens)
        self._prompter = replace(prompter, max_tokens=max_tokens)
        self._pool = pool
        self._config = config
        self._seed = seed
        self._rounds = 0
        self._seen: set[_OutputsKey] = set()
        self._replay = ReplayBuffer(config.replay)

    def relabel(self, trials: Sequence[Trial], *, deadline: Deadline) -> Lessons:
        """Return what to train on after a round, in the configured order.

        Of the programs with the same outputs on all train inputs the shortest is taken, without
        what has no effect.
        """
        rng = random.Random(derive_seed(self._seed, "hindsight", self._rounds))
        self._rounds += 1
        unique: dict[_OutputsKey, Trial] = {}
        for trial in sorted(trials, key=_length):
            key = _outputs_key(trial)
            if key is not None:
                unique.setdefault(key, trial)
        novel = {key: trial for key, trial in unique.items() if key not in self._seen}
        self._seen.update(novel)
        wanted = list((novel if self._config.novelty == "new" else unique).values())
        chosen = self._order(wanted, _quality, rng)
        if self._config.order == "descending":
            chosen = chosen[: self._config.max_examples]
        else:
            chosen = chosen[-self._config.max_examples :]
        lessons = self._relabel_all(chosen, deadline)
        lessons += self._replay.recall(lessons, rng)
        ordered = self._order(lessons, lambda lesson: lesson.quality, rng)
        return Lessons([lesson.example for lesson in ordered], len(unique), len(novel))

    def _order(
        self, items: list[_T], quality: Callable[[_T], Quality], rng: random.Random
    ) -> list[_T]:
        if self._config.order == "shuffled":
            return rng.sample(items, len(items))
        return sorted(items, key=quality, reverse=self._config.order == "descending")

    def _relabel_all(self, trials: Sequence[Trial], deadline: Deadline) -> list[Lesson]:
        lessons = []
        for trial in trials:
            assert trial.train_outputs is not None, "others have no key and are not chosen"
            made = zip(_train_inputs(trial), trial.train_outputs, strict=True)
            pairs = [Pair(*pair) for pair in made]
            achieved = replace(trial.view.task, train=tuple(pairs))
            prompt = self._prompter.render(replace(trial.view, task=achieved))
            if prompt is not None:
                source = self._simplify(trial, deadline)
                answer = self._prompter.template.answer(source)
                lessons.append(Lesson(_quality(trial), TrainingExample(prompt.text, answer)))
        return lessons

    def _simplify(self, trial: Trial, deadline: Deadline) -> str:
        """Return the program without what has no effect; drawings in their canonical form."""
        inputs = _train_inputs(trial)
        shapes = {img.shape for img in inputs}
        strokes = read_strokes(trial.execution.program.source, inputs[0].shape)
        if strokes is not None and len(shapes) == 1:
            calls = [s.call(inputs[0].shape) for s in canonical_strokes(strokes, inputs)]
            return build_program(calls)
        (program,) = prune_programs(
            [trial.execution.program], inputs, self._pool, deadline=deadline
        )
        return program.source


def _train_inputs(trial: Trial) -> list[Grid]:
    return [pair.input for pair in trial.view.task.train]


def _outputs_key(trial: Trial) -> _OutputsKey | None:
    """What makes a relabelled task a new one; None where the program failed on a train input."""
    if trial.train_outputs is None:
        return None
    return tuple(map(grid_key, (*_train_inputs(trial), *trial.train_outputs)))


def _length(trial: Trial) -> tuple[int, str]:
    source = trial.execution.program.source
    return len(source), source


def _quality(trial: Trial) -> Quality:
    return trial.candidate.train_exact, trial.candidate.pixel_accuracy
