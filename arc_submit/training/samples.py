"""Examples as token tensors: prompt and answer, loss on the answer only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from arc_submit.models.chat import encode_answer, encode_prompt
from arc_submit.types import TrainingExample, TrainingSample

IGNORED = -100


def build_sample(example: TrainingExample, tokenizer: object) -> TrainingSample:
    """Tokenize an example with the model's chat template."""
    prompt = encode_prompt(tokenizer, example.prompt)
    return TrainingSample((*prompt, *encode_answer(tokenizer, example.answer)), len(prompt))


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Samples side by side, padded on the right."""

    token_ids: Tensor
    """(B, T) int64."""
    labels: Tensor
    """(B, T) int64: the next token where it belongs to the answer, else ``IGNORED``."""

    @property
    def n_labels(self) -> int:
        """Answer tokens in the batch."""
        return int((self.labels != IGNORED).sum())


def collate(
    samples: Sequence[TrainingSample], *, pad_id: int, device: torch.device, multiple: int = 1
) -> Batch:
    """Stack samples, with T rounded up to a multiple."""
    longest = max(len(sample.token_ids) for sample in samples)
    width = -(-longest // multiple) * multiple
    token_ids = torch.full((len(samples), width), pad_id)
    labels = torch.full((len(samples), width), IGNORED)
    for row, sample in enumerate(samples):
        ids = torch.tensor(sample.token_ids)
        token_ids[row, : len(ids)] = ids
        labels[row, sample.n_prompt - 1 : len(ids) - 1] = ids[sample.n_prompt :]
    return Batch(token_ids.to(device), labels.to(device))
