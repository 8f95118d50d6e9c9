"""Relabelling: a wrong program is right for the outputs that it did make.

After the seeds' hindsight experience replay (Andrychowicz et al., 2017, gave the idea its name).
Outputs are compared in the frame they were made in, over all train pairs; train outputs of the
task rank the lessons, and test outputs play no part.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from arc_submit.arc.task import Pair
from arc_submit.clock import Deadline
from arc_submit.config import TestTimeTrainingConfig
from arc_submit.dsl.program import build_program
from arc_submit.dsl.strokes import canonical_strokes, read_strokes
from arc_submit.execution.pool import ExecutionPool
from arc_submit.execution.prune import prune_programs
from arc_submit.prompting import Prompter
from arc_submit.seeds import derive_seed
from arc_submit.test_time_training.achieved import Achieved, GridsKey, find_achieved
from arc_submit.test_time_training.composition import compose, is_joinable
from arc_submit.test_time_training.replay import Lesson, Quality, ReplayBuffer
from arc_submit.types import TrainingExample, Trial

_T = TypeVar("_T")


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
        self._seen: set[GridsKey] = set()
        self._parents: list[Achieved] = []
        self._replay = ReplayBuffer(config.replay)

    def relabel(self, trials: Sequence[Trial], *, deadline: Deadline) -> Lessons:
        """Return what to train on after a round, in the configured order.

        Of the programs with the same outputs on all train inputs the shortest is taken, without
        what has no effect.
        """
        rng = random.Random(derive_seed(self._seed, "hindsight", self._rounds))
        self._rounds += 1
        unique = find_achieved(trials)
        novel = {key: achieved for key, achieved in unique.items() if key not in self._seen}
        self._seen.update(novel)
        wanted = list((novel if self._config.novelty == "new" else unique).values())
        chosen = self._take_best(wanted, self._config.max_examples, rng)
        self._parents += [done for done in novel.values() if is_joinable(done.program)]
        lessons = self._teach(chosen, deadline)
        lessons += self._replay.recall(lessons, rng)
        lessons += self._teach(self._compose(rng, deadline), deadline)
        ordered = self._order(lessons, lambda lesson: lesson.quality, rng)
        return Lessons([lesson.example for lesson in ordered], len(unique), len(novel))

    def _order(
        self, items: list[_T], quality: Callable[[_T], Quality], rng: random.Random
    ) -> list[_T]:
        if self._config.order == "shuffled":
            return rng.sample(items, len(items))
        return sorted(items, key=quality, reverse=self._config.order == "descending")

    def _take_best(self, items: list[Achieved], count: int, rng: random.Random) -> list[Achieved]:
        """Return the best in the configured order, or any if shuffled."""
        ordered = self._order(items, lambda item: item.quality, rng)
        return ordered[:count] if self._config.order == "descending" else ordered[-count:]

    def _compose(self, rng: random.Random, deadline: Deadline) -> list[Achieved]:
        """Return what joined programs do that no program of the model did."""
        config = self._config.composition
        parents = self._take_best(self._parents, config.pool, rng)
        if config.others:
            parents += self._take_others(parents, config.others, rng)
        is_judged = self._config.order != "shuffled"
        made = compose(parents, config, rng, self._pool, is_judged=is_judged, deadline=deadline)
        return [achieved for achieved in made if achieved.key not in self._seen]

    def _take_others(
        self, best: Sequence[Achieved], count: int, rng: random.Random
    ) -> list[Achieved]:
        """Return those that do most right of what the best does wrong, or any if shuffled.

        What the best programs all leave out, no program joined from them alone would teach.
        """
        chosen = set(map(id, best))
        others = [done for done in self._parents if id(done) not in chosen]
        rng.shuffle(others)
        if others and self._config.order != "shuffled":
            first = max(best, key=lambda done: done.quality)
            is_wrong = ~first.is_right
            others.sort(key=lambda done: np.count_nonzero(done.is_right & is_wrong))
        return others[-count:]

    def _teach(self, achieved: Sequence[Achieved], deadline: Deadline) -> list[Lesson]:
        """Return the lessons that fit the prompt."""
        lessons = []
        for done in achieved:
            pairs = map(Pair, done.inputs, done.outputs)
            task = replace(done.view.task, train=tuple(pairs))
            prompt = self._prompter.render(replace(done.view, task=task))
            if prompt is not None:
                answer = self._prompter.template.answer(self._simplify(done, deadline))
                lessons.append(Lesson(done.quality, TrainingExample(prompt.text, answer)))
        return lessons

    def _simplify(self, done: Achieved, deadline: Deadline) -> str:
        """Return the program without what has no effect; drawings in their canonical form."""
        inputs = done.inputs
        shapes = {img.shape for img in inputs}
        strokes = read_strokes(done.program.source, inputs[0].shape)
        if strokes is not None and len(shapes) == 1:
            calls = [s.call(inputs[0].shape) for s in canonical_strokes(strokes, inputs)]
            return build_program(calls)
        (program,) = prune_programs([done.program], inputs, self._pool, deadline=deadline)
        return program.source
