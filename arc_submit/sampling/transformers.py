"""Sampling with transformers: each prompt is read once, its completions are written side by side.

Every completion draws from its own stream of random numbers, so neither the batch it is in nor
the completions beside it change what is drawn.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from arc_submit.clock import Deadline
from arc_submit.models.chat import encode_prompt, end_ids
from arc_submit.models.loading import LanguageModel
from arc_submit.sampling.base import Draw, expand_draws
from arc_submit.types import Completion, Prompt, SamplingParams

_PROMPTS_AT_ONCE = 16
_REBATCH_SHARE = 0.75
"""Finished rows leave the batch once no more than this share of it is still being written."""


class TransformersSampler:
    """Samples from a transformers model in this process."""

    def __init__(self, language_model: LanguageModel, *, batch_size: int) -> None:
        self._lm = language_model
        self._batch_size = batch_size

    @torch.inference_mode()
    def sample(
        self,
        prompts: Sequence[Prompt],
        params: Sequence[SamplingParams],
        *,
        seed: int,
        deadline: Deadline,
    ) -> list[Completion]:
        """As :meth:`arc_submit.sampling.base.Sampler.sample`."""
        draws = expand_draws(len(prompts), params, seed)
        completions: list[Completion] = []
        for start in range(0, len(prompts), _PROMPTS_AT_ONCE):
            group = range(start, min(start + _PROMPTS_AT_ONCE, len(prompts)))
            if deadline.has_passed:
                break
            prefix = _Prefix.read(self._lm, [prompts[i].text for i in group])
            wanted = [draw for draw in draws if draw.prompt_index in group]
            for batch in _chunks(wanted, self._batch_size):
                rows = [draw.prompt_index - start for draw in batch]
                written = _write(self._lm, prefix, rows, batch, deadline)
                completions += (
                    Completion(prompts[draw.prompt_index], text, draw.seed, logprob, n_tokens)
                    for draw, (text, logprob, n_tokens) in written
                )
        return completions


class _Prefix:
    """Prompts that the model has read, padded on the left."""

    def __init__(self, cache: Any, mask: Tensor, logits: Tensor) -> None:
        self.cache = cache
        self.mask = mask
        """(P, T) int64, 0 on padding."""
        self.logits = logits
        """(P, V): of the token after each prompt."""

    @classmethod
    def read(cls, lm: LanguageModel, texts: Sequence[str]) -> _Prefix:
        ids = [encode_prompt(lm.tokenizer, text) for text in texts]
        width = max(map(len, ids))
        token_ids = torch.zeros((len(ids), width), dtype=torch.long)
        mask = torch.zeros((len(ids), width), dtype=torch.long)
        for row, prompt in enumerate(ids):
            token_ids[row, width - len(prompt) :] = torch.tensor(prompt)
            mask[row, width - len(prompt) :] = 1
        mask = mask.to(lm.device)
        output = lm.model(
            input_ids=token_ids.to(lm.device),
            attention_mask=mask,
            position_ids=(mask.cumsum(1) - 1).clamp(min=0),
            use_cache=True,
            logits_to_keep=1,
        )
        return cls(output.past_key_values, mask, output.logits[:, -1])

    def expand(self, rows: Sequence[int]) -> _Prefix:
        index = torch.tensor(rows, device=self.mask.device)
        cache = copy.deepcopy(self.cache)
        cache.batch_select_indices(index)
        return _Prefix(cache, self.mask[index], self.logits[index])


class _Rows:
    """The completions still being written, one row each in every tensor."""

    def __init__(self, prefix: _Prefix, draws: Sequence[Draw], device: torch.device) -> None:
        longest = max(draw.params.max_new_tokens for draw in draws)
        noise = [np.random.default_rng(draw.seed).random(longest) for draw in draws]
        self.noise = torch.tensor(np.array(noise), dtype=torch.float32, device=device)
        self.temperature = torch.tensor([draw.params.temperature for draw in draws], device=device)
        self.top_p = torch.tensor([draw.params.top_p for draw in draws], device=device)
        self.index = torch.arange(len(draws), device=device)
        self.cache, self.mask, self.logits = prefix.cache, prefix.mask, prefix.logits

    def keep(self, rows: Tensor) -> None:
        for name in ("noise", "temperature", "top_p", "index", "mask", "logits"):
            setattr(self, name, getattr(self, name)[rows])
        self.cache.batch_select_indices(rows)


def _write(
    lm: LanguageModel, prefix: _Prefix, rows: list[int], draws: Sequence[Draw], deadline: Deadline
) -> Iterator[tuple[Draw, tuple[str, float, int]]]:
    """Write one completion per draw; yield the finished ones in the draws' order."""
    state = _Rows(prefix.expand(rows), draws, lm.device)
    room = max(lm.max_context - prefix.mask.shape[1], 1)
    limits = torch.tensor(
        [min(draw.params.max_new_tokens, room) for draw in draws], device=lm.device
    )
    tokens = torch.full((len(draws), int(limits.max())), -1, dtype=torch.long, device=lm.device)
    logprobs = torch.zeros(len(draws), device=lm.device)
    is_done = torch.zeros(len(draws), dtype=torch.bool, device=lm.device)
    ends = torch.tensor(end_ids(lm.model, lm.tokenizer), device=lm.device)
    for step in range(tokens.shape[1]):
        chosen, logprob = _choose(state, step)
        is_open = ~is_done[state.index]
        tokens[state.index[is_open], step] = chosen[is_open]
        logprobs[state.index[is_open]] += logprob[is_open]
        is_done[state.index] |= torch.isin(chosen, ends) | (step + 1 >= limits[state.index])
        is_open = ~is_done[state.index]
        n_open = int(is_open.sum())
        if n_open == 0 or deadline.has_passed:
            break
        if n_open <= _REBATCH_SHARE * len(state.index):
            state.keep(is_open.nonzero().squeeze(1))
            chosen = chosen[is_open]
        _advance(lm, state, chosen)
    for row, draw in enumerate(draws):
        if is_done[row]:
            ids = tokens[row][tokens[row] >= 0]
            text = lm.tokenizer.decode(ids, skip_special_tokens=True)
            yield draw, (text, float(logprobs[row]), len(ids))


def _choose(state: _Rows, step: int) -> tuple[Tensor, Tensor]:
    """Return each row's next token, drawn from the top-p part of its distribution, and its
    log-probability at temperature 1."""
    logits = state.logits.float()
    is_greedy = state.temperature == 0
    scaled = logits / state.temperature.masked_fill(is_greedy, 1.0)[:, None]
    probabilities, order = scaled.softmax(-1).sort(dim=-1, descending=True, stable=True)
    cumulative = probabilities.cumsum(-1)
    is_kept = cumulative - probabilities < state.top_p[:, None]
    kept = (probabilities * is_kept).sum(-1, keepdim=True)
    target = state.noise[:, step : step + 1] * kept
    rank = torch.searchsorted(cumulative, target, right=True)
    rank = torch.minimum(rank, is_kept.sum(-1, keepdim=True) - 1)
    rank = rank.masked_fill(is_greedy[:, None], 0)
    chosen = order.gather(1, rank)
    return chosen.squeeze(1), logits.log_softmax(-1).gather(1, chosen).squeeze(1)


def _advance(lm: LanguageModel, state: _Rows, chosen: Tensor) -> None:
    state.mask = torch.cat([state.mask, torch.ones_like(state.mask[:, :1])], dim=1)
    output = lm.model(
        input_ids=chosen[:, None],
        attention_mask=state.mask,
        position_ids=state.mask.sum(1, keepdim=True) - 1,
        past_key_values=state.cache,
        use_cache=True,
    )
    state.cache, state.logits = output.past_key_values, output.logits[:, -1]


def _chunks(draws: list[Draw], size: int) -> Iterator[list[Draw]]:
    for start in range(0, len(draws), size):
        yield draws[start : start + size]
