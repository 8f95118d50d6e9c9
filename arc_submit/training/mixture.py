"""The stream of training samples that a recipe describes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from arc_submit.dsl.generators import generate_task
from arc_submit.prompting import build_encoder, get_template
from arc_submit.seeds import derive_seed
from arc_submit.training.recipe import Recipe
from arc_submit.training.samples import build_sample
from arc_submit.types import TrainingExample, TrainingSample

_WINDOW = 512
"""Samples that are sorted by length together."""


class Mixture:
    """Samples by index, so that training resumes at any step and no sample comes twice."""

    def __init__(self, recipe: Recipe, tokenizer: Any) -> None:
        self._recipe = recipe
        self._tokenizer = tokenizer
        self._template = get_template(recipe.prompt)
        self._encoder = build_encoder(recipe.grid_encoder)
        weights = np.array([source.weight for source in recipe.sources])
        self._shares = weights / weights.sum()

    def sample(self, index: int) -> TrainingSample:
        """Return the sample with this index in the recipe's stream."""
        rng = np.random.default_rng(derive_seed(self._recipe.seed, "source", index))
        source = self._recipe.sources[rng.choice(len(self._shares), p=self._shares)]
        generated = generate_task(
            source.family, seed=self._recipe.seed, index=index, difficulty=source.difficulty
        )
        question = self._template.question(generated.as_task("generated"), self._encoder)
        example = TrainingExample(question, self._template.answer(generated.program))
        return build_sample(example, self._tokenizer)

    def batches(self, start_window: int) -> Iterator[tuple[int, list[list[TrainingSample]]]]:
        """Yield windows of batches of similar length, shuffled, with each window's number."""
        window = start_window
        while True:
            indices = range(window * _WINDOW, (window + 1) * _WINDOW)
            samples = [s for s in map(self.sample, indices) if self._fits(s)]
            yield window, self._split(samples, np.random.default_rng(window))
            window += 1

    def _fits(self, sample: TrainingSample) -> bool:
        return len(sample.token_ids) <= self._recipe.shape.max_context

    def _split(
        self, samples: list[TrainingSample], rng: np.random.Generator
    ) -> list[list[TrainingSample]]:
        samples.sort(key=lambda sample: len(sample.token_ids))
        batches: list[list[TrainingSample]] = [[]]
        for sample in samples:
            if (len(batches[-1]) + 1) * len(sample.token_ids) > self._recipe.optimizer.batch_tokens:
                batches.append([])
            batches[-1].append(sample)
        return [batches[i] for i in rng.permutation(len(batches)) if batches[i]]
