"""The replay buffer of one task: relabelled programs of earlier rounds, to be trained on again.

The best ones keep the model from forgetting what it came nearest with, the others keep it from
writing one program only. The seeds wished for it and did not try it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from arc_submit.config import ReplayConfig
from arc_submit.types import TrainingExample

Quality = tuple[int, float]
"""Exact train pairs, then net accuracy: what ranks programs."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """An example, and how good its program was for the task itself."""

    quality: Quality
    example: TrainingExample


class ReplayBuffer:
    """Remembers the lessons of a task."""

    def __init__(self, config: ReplayConfig) -> None:
        self._config = config
        self._past: list[Lesson] = []

    def recall(self, fresh: Sequence[Lesson], rng: random.Random) -> list[Lesson]:
        """Return past lessons to repeat beside the fresh ones, and remember those.

        A lesson that is fresh again is not repeated.
        """
        known = {lesson.example for lesson in fresh}
        past = [lesson for lesson in self._past if lesson.example not in known]
        past.sort(key=lambda lesson: lesson.quality, reverse=True)
        best, others = past[: self._config.best], past[self._config.best :]
        drawn = rng.sample(others, min(self._config.random, len(others)))
        self._past = [*past, *fresh]
        return [*best, *drawn]
