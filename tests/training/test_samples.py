"""Samples as tensors: loss on answers only, and packing that changes nothing but the layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from arc_submit.config import ModelConfig
from arc_submit.models.loading import LanguageModel, load_model
from arc_submit.training.loss import AnswerLoss
from arc_submit.training.samples import IGNORED, build_sample, collate, pack, stretch
from arc_submit.types import TrainingExample

EXAMPLES = [
    TrainingExample(f"input {n}x{n} bg 0", f"def task(img):\n    img = trim(img, {n})\n" + tail)
    for n, tail in ((1, "    return img"), (2, "    img = flip(img, 0)\n    return img"), (3, ""))
]


@pytest.fixture
def model(tiny_model: Path) -> LanguageModel:
    return load_model(ModelConfig(path=str(tiny_model)), "cpu")


def test_only_the_answer_carries_loss(model: LanguageModel) -> None:
    samples = [build_sample(example, model.tokenizer) for example in EXAMPLES]
    batch = collate(samples, pad_id=0)
    for row, (sample, example) in enumerate(zip(samples, EXAMPLES, strict=True)):
        labelled = batch.labels[row][batch.labels[row] != IGNORED]
        assert model.tokenizer.decode(labelled, skip_special_tokens=True) == example.answer
        assert labelled[-1] == model.tokenizer.eos_token_id
        first = sample.n_prompt - 1
        assert batch.labels[row][first] == batch.token_ids[row][first + 1]


def test_packed_samples_do_not_see_each_other(model: LanguageModel) -> None:
    samples = [build_sample(example, model.tokenizer) for example in EXAMPLES]
    total = sum(len(sample.token_ids) for sample in samples)
    packed = pack(samples, pad_id=0, width=total + 3)
    assert packed.token_ids.shape == (1, total + 3)
    loss = AnswerLoss(model.model)
    alone = sum(loss(collate([sample], pad_id=0)) for sample in samples)
    assert torch.allclose(loss(packed), alone, rtol=1e-4)


def test_stretched_samples_keep_their_tokens_and_order(model: LanguageModel) -> None:
    samples = [build_sample(example, model.tokenizer) for example in EXAMPLES] * 20
    batch = collate(samples, pad_id=0)
    far = stretch(batch, samples, max_positions=500, rng=np.random.default_rng(0))
    assert torch.equal(far.token_ids, batch.token_ids) and torch.equal(far.labels, batch.labels)
    assert far.position_ids is not None
    n_stretched = 0
    for row, sample in zip(far.position_ids, samples, strict=True):
        positions = row[: len(sample.token_ids)]
        assert positions[0] == 0 and (positions.diff() >= 1).all() and positions[-1] < 500
        n_stretched += int(positions[-1]) > len(sample.token_ids)
    assert 0.4 * len(samples) < n_stretched < 0.9 * len(samples)


def test_stretching_changes_nothing_but_positions(model: LanguageModel) -> None:
    samples = [build_sample(example, model.tokenizer) for example in EXAMPLES]
    batch = collate(samples, pad_id=0)
    same = stretch(batch, samples, max_positions=1, rng=np.random.default_rng(0))
    loss = AnswerLoss(model.model)
    assert torch.allclose(loss(same), loss(batch), rtol=1e-4)
    far = stretch(batch, samples, max_positions=500, rng=np.random.default_rng(0))
    assert not torch.allclose(loss(far), loss(batch), rtol=1e-4)


def test_packing_opens_a_row_only_where_no_other_has_room(model: LanguageModel) -> None:
    samples = [build_sample(example, model.tokenizer) for example in EXAMPLES]
    longest = max(len(sample.token_ids) for sample in samples)
    assert pack(samples * 4, pad_id=0, width=longest).token_ids.shape == (12, longest)
    assert pack(samples * 4, pad_id=0, width=5 * longest).token_ids.shape[0] <= 3
