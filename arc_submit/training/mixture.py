"""The stream of training samples that a recipe describes.

A sample is a function of the recipe's seed and its index, so that training resumes at any batch,
processes share the indices, and no sample comes twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Dataset

from arc_submit.arc.dataset import load_challenges
from arc_submit.arc.task import Task
from arc_submit.augmentation.views import build_views
from arc_submit.config import AugmentationConfig
from arc_submit.dsl.generators import generate_task, get_generator
from arc_submit.errors import ConfigError
from arc_submit.prompting import PromptTemplate, build_encoder, get_template
from arc_submit.seeds import derive_seed
from arc_submit.training.recipe import Recipe, SourceConfig
from arc_submit.training.samples import build_sample
from arc_submit.types import TrainingExample, TrainingSample

_WINDOW = 512
"""Samples that are sorted by length together."""


@dataclass(slots=True)
class Position:
    """Where in the stream a process stands: the next batch of a window."""

    window: int
    batch: int = 0


class Mixture(Dataset[list[list[TrainingSample]]]):
    """Samples by index, and windows of batches by number.

    Raises:
        ConfigError: if a source cannot be read or does not go with its prompt.
    """

    def __init__(
        self, sources: Sequence[SourceConfig], recipe: Recipe, tokenizer: Any, *, seed: int,
        max_length: int,
    ) -> None:  # fmt: skip
        self._sources = [_Source(source, recipe) for source in sources]
        self._tokenizer = tokenizer
        self._seed = seed
        self._max_length = max_length
        self._is_shortening = recipe.long_samples == "shorten"
        self._batch_tokens = recipe.optimizer.batch_tokens
        weights = np.array([source.weight for source in sources])
        self._shares = weights / weights.sum()

    def sample(self, index: int) -> TrainingSample | None:
        """Return the sample with this index, or None where it is too long or impossible."""
        rng = np.random.default_rng(derive_seed(self._seed, "source", index))
        source = self._sources[rng.choice(len(self._shares), p=self._shares)]
        question = source.question(index, self._seed)
        while question is not None:
            sample = build_sample(source.example(question), self._tokenizer)
            if len(sample.token_ids) <= self._max_length:
                return sample
            question = question.shortened() if self._is_shortening else None
        return None

    def __getitem__(self, window: int) -> list[list[TrainingSample]]:
        """Return a window's batches of similar length, shuffled."""
        indices = range(window * _WINDOW, (window + 1) * _WINDOW)
        samples = [sample for sample in map(self.sample, indices) if sample is not None]
        batches = self.split(samples)
        return [batches[i] for i in np.random.default_rng(window).permutation(len(batches))]

    def split(self, samples: Sequence[TrainingSample]) -> list[list[TrainingSample]]:
        """Return batches of similar length, each within the recipe's number of tokens."""
        batches: list[list[TrainingSample]] = [[]]
        for sample in sorted(samples, key=lambda sample: len(sample.token_ids)):
            if (len(batches[-1]) + 1) * len(sample.token_ids) > self._batch_tokens:
                batches.append([])
            batches[-1].append(sample)
        return [batch for batch in batches if batch]

    def batches(
        self, position: Position, *, stride: int, data_workers: int
    ) -> Iterator[list[TrainingSample]]:
        """Yield batches without end, and move ``position`` behind each one.

        Args:
            position: of this process.
            stride: how many processes share the windows.
            data_workers: further processes that make samples ahead of their use.
        """
        numbers = range(position.window, 2**62, stride)
        loader: DataLoader[Any] = DataLoader(
            self, batch_size=None, sampler=numbers, num_workers=data_workers
        )
        for window, batches in zip(numbers, loader, strict=False):
            skipped = position.batch if window == position.window else 0
            for number, batch in enumerate(batches[skipped:], start=skipped + 1):
                position.window, position.batch = window, number
                yield batch


@dataclass(frozen=True, slots=True)
class _Question:
    """A task to ask about, and the text of the right answer."""

    task: Task
    answer: str

    def shortened(self) -> _Question | None:
        """Return the question without its last train pair, or None if it has no other."""
        if len(self.task.train) == 1:
            return None
        task = Task(self.task.task_id, self.task.train[:-1], self.task.test_inputs)
        return _Question(task, self.answer)


class _Source:
    """One source with the prompt that its tasks are put in."""

    def __init__(self, config: SourceConfig, recipe: Recipe) -> None:
        self._config = config
        self._template: PromptTemplate = get_template(config.prompt or recipe.prompt)
        self._encoder = build_encoder(recipe.grid_encoder)
        self._tasks: list[Task] = []
        if config.challenges is not None:
            self._tasks = list(load_challenges(Path(config.challenges)).tasks.values())
            if self._template.asks_for == "program":
                raise ConfigError(
                    f"sources: {config.challenges} holds no programs, which the prompt "
                    f"{self._template.name!r} asks for; use output-from-examples"
                )
        elif config.family is not None:
            get_generator(config.family, config.difficulty)

    def question(self, index: int, seed: int) -> _Question | None:
        """Return what is asked with this index; None if its task has too few pairs for that."""
        if self._config.family is not None:
            generated = generate_task(
                self._config.family, seed=seed, index=index, difficulty=self._config.difficulty
            )
            task = generated.as_task("generated")
            if self._template.asks_for == "program":
                return _Question(task, generated.program)
        else:
            rng = np.random.default_rng(derive_seed(seed, "task", index))
            original = self._tasks[rng.integers(len(self._tasks))]
            view = build_views(original, count=16, config=AugmentationConfig(), seed=index)
            task = view[rng.integers(len(view))].task
        if len(task.train) < 2:
            return None
        *shown, asked = task.train
        return _Question(
            Task(task.task_id, tuple(shown), (asked.input,)), self._encoder.encode(asked.output)
        )

    def example(self, question: _Question) -> TrainingExample:
        return TrainingExample(
            self._template.question(question.task, self._encoder),
            self._template.answer(question.answer),
        )
