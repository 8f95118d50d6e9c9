"""Examples as token tensors: prompt and answer, loss on the answer only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from arc_submit.models.chat import encode_answer, encode_prompt
from arc_submit.types import TrainingExample, TrainingSample

IGNORED = -100
_STRETCHED_SHARE = 0.65
_MIN_STRETCH = 8
_MAX_GAPS = 24


def build_sample(example: TrainingExample, tokenizer: object) -> TrainingSample:
    """Tokenize an example with the model's chat template."""
    prompt = encode_prompt(tokenizer, example.prompt)
    return TrainingSample((*prompt, *encode_answer(tokenizer, example.answer)), len(prompt))


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows of samples, padded on the right."""

    token_ids: Tensor
    """(B, T) int64."""
    labels: Tensor
    """(B, T) int64: the next token where it belongs to the answer, else ``IGNORED``."""
    position_ids: Tensor | None = None
    """(B, T) int64, from 0 in each sample; None where they are those of the columns."""
    mask: Tensor | None = None
    """(B, 1, T, T) float32, or (1, 1, T, T): added to what a token makes of another, 0 or close
    to minus infinity; None where each token sees all those before it in its row."""
    lengths: tuple[int, ...] | None = None
    """Of the samples in the only row, the last one's with the padding; None for other batches."""

    @property
    def n_labels(self) -> int:
        """Answer tokens in the batch."""
        return int((self.labels != IGNORED).sum())

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        return Batch(
            self.token_ids.to(device),
            self.labels.to(device),
            None if self.position_ids is None else self.position_ids.to(device),
            None if self.mask is None else self.mask.to(device),
            self.lengths,
        )


def collate(samples: Sequence[TrainingSample], *, pad_id: int, multiple: int = 1) -> Batch:
    """Stack samples, one per row, with T rounded up to a multiple."""
    longest = max(len(sample.token_ids) for sample in samples)
    return _fill([[sample] for sample in samples], -(-longest // multiple) * multiple, pad_id)


def stretch(
    batch: Batch,
    samples: Sequence[TrainingSample],
    *,
    max_positions: int,
    rng: np.random.Generator,
) -> Batch:
    """Return a batch of one sample per row with gaps between the positions of most samples.

    Short samples then show the distances of long ones, so that a model learns to go by what
    stands somewhere and not by how far away it stands. After Ruoss et al., 2023, "Randomized
    Positional Encodings Boost Length Generalization of Transformers"; here most neighbours stay
    neighbours.
    """
    gaps = np.zeros(batch.token_ids.shape, dtype=np.int64)
    for row, sample in zip(gaps, samples, strict=True):
        room = max_positions - len(sample.token_ids)
        if rng.random() < _STRETCHED_SHARE and room > _MIN_STRETCH:
            _add_gaps(row[: len(sample.token_ids)], room, rng)
    positions = torch.arange(gaps.shape[1]) + torch.from_numpy(gaps.cumsum(axis=1))
    is_seen = torch.ones(1, 1, gaps.shape[1], gaps.shape[1], dtype=torch.bool).tril()
    return Batch(batch.token_ids, batch.labels, positions, _additive(is_seen))


def _add_gaps(row: npt.NDArray[np.int64], room: int, rng: np.random.Generator) -> None:
    """Add a few gaps of very different sizes, in all as often a few positions as many."""
    total = _MIN_STRETCH * (room / _MIN_STRETCH) ** rng.random()
    places = rng.integers(1, len(row), size=int(rng.integers(1, min(len(row), _MAX_GAPS) + 1)))
    parts = rng.dirichlet(np.full(len(places), 0.7))
    np.add.at(row, places, (parts * total).astype(np.int64))


def pack(samples: Sequence[TrainingSample], *, pad_id: int, width: int) -> Batch:
    """Put samples one after another into rows of a width; no sample sees another.

    Args:
        width: at least the length of the longest sample.
    """
    rows: list[list[TrainingSample]] = []
    room: list[int] = []
    for sample in sorted(samples, key=lambda s: -len(s.token_ids)):
        length = len(sample.token_ids)
        row = next((i for i, left in enumerate(room) if left >= length), len(rows))
        if row == len(rows):
            rows.append([])
            room.append(width)
        rows[row].append(sample)
        room[row] -= length
    batch = _fill(rows, width, pad_id)
    position_ids = torch.zeros_like(batch.token_ids)
    owner = torch.full_like(batch.token_ids, -1)
    for i, row_samples in enumerate(rows):
        lengths = [len(sample.token_ids) for sample in row_samples]
        for j, (start, end) in enumerate(_spans(lengths)):
            position_ids[i, start:end] = torch.arange(end - start)
            owner[i, start:end] = j
    is_seen = (owner[:, None, :, None] == owner[:, None, None, :]).tril()
    return Batch(batch.token_ids, batch.labels, position_ids, _additive(is_seen))


def chain(samples: Sequence[TrainingSample], *, pad_id: int, multiple: int) -> Batch:
    """Put all samples one after another into a single row, with T rounded up to a multiple.

    No sample sees another under :mod:`arc_submit.training.attention`.
    """
    lengths = [len(sample.token_ids) for sample in samples]
    padding = -sum(lengths) % multiple
    batch = _fill([samples], sum(lengths) + padding, pad_id)
    position_ids = torch.zeros_like(batch.token_ids)
    for start, end in _spans(lengths):
        position_ids[0, start:end] = torch.arange(end - start)
    lengths[-1] += padding
    return Batch(batch.token_ids, batch.labels, position_ids, lengths=tuple(lengths))


def _fill(rows: Sequence[Sequence[TrainingSample]], width: int, pad_id: int) -> Batch:
    token_ids = torch.full((len(rows), width), pad_id)
    labels = torch.full((len(rows), width), IGNORED)
    for i, samples in enumerate(rows):
        spans = _spans([len(sample.token_ids) for sample in samples])
        for sample, (start, end) in zip(samples, spans, strict=True):
            ids = torch.tensor(sample.token_ids)
            token_ids[i, start:end] = ids
            labels[i, start + sample.n_prompt - 1 : end - 1] = ids[sample.n_prompt :]
    return Batch(token_ids, labels)


def _additive(is_seen: Tensor) -> Tensor:
    """Return the mask that lets tokens see these only."""
    return torch.zeros(is_seen.shape).masked_fill(~is_seen, torch.finfo(torch.float32).min)


def _spans(lengths: Sequence[int]) -> list[tuple[int, int]]:
    ends = list(accumulate(lengths))
    return list(zip([0, *ends[:-1]], ends, strict=True))
