"""Sampling with vLLM, in a child process of the worker.

Each completion is a request with a seed of its own; the engine reads a prompt once for all of them.
An engine that dies or freezes is replaced once in a call, and what it had finished is kept.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

from arc_submit.clock import Deadline
from arc_submit.models.chat import encode_prompt, end_ids
from arc_submit.models.loading import LanguageModel
from arc_submit.sampling.base import expand_draws
from arc_submit.sampling.vllm.handle import VllmEngine
from arc_submit.sampling.vllm.process import EngineLost
from arc_submit.sampling.vllm.wire import Request, Write, Written
from arc_submit.types import Completion, Prompt, SamplingParams


class VllmSampler:
    """Samples from an engine; several may share one.

    Args:
        language_model: whose tokenizer and limits hold.
        batch_size: most completions written side by side, at most what the engine was started for.
    """

    def __init__(
        self, engine: VllmEngine, language_model: LanguageModel, *, batch_size: int
    ) -> None:
        self._engine = engine
        self._lm = language_model
        self._end_ids = tuple(end_ids(language_model.model, language_model.tokenizer))
        self._batch_size = batch_size

    def sample(
        self,
        prompts: Sequence[Prompt],
        params: Sequence[SamplingParams],
        *,
        seed: int,
        deadline: Deadline,
    ) -> list[Completion]:
        """As :meth:`arc_submit.sampling.base.Sampler.sample`.

        Prompts that leave no room for an answer get none.

        Raises:
            EngineLost: if the engine was lost, and so was the one in its place.
            MemoryError: if there is not enough memory for it.
        """
        draws = expand_draws(len(prompts), params, seed)
        token_ids = [tuple(encode_prompt(self._lm.tokenizer, prompt.text)) for prompt in prompts]
        rooms = [self._lm.max_context - len(ids) for ids in token_ids]
        requests = tuple(
            Request(
                index=index,
                prompt=draw.prompt_index,
                temperature=draw.params.temperature,
                top_p=draw.params.top_p,
                max_new_tokens=min(draw.params.max_new_tokens, rooms[draw.prompt_index]),
                seed=draw.seed,
            )
            for index, draw in enumerate(draws)
            if rooms[draw.prompt_index] > 0
        )
        remaining_s = deadline.remaining_s
        until = remaining_s if math.isinf(remaining_s) else time.monotonic() + remaining_s
        command = Write(tuple(token_ids), requests, self._end_ids, self._batch_size, until)
        return [
            Completion(
                prompts[draws[index].prompt_index],
                self._lm.tokenizer.decode(list(written.token_ids), skip_special_tokens=True),
                draws[index].seed,
                written.logprob,
                len(written.token_ids),
            )
            for index, written in sorted(self._write(command).items())
        ]

    def _write(self, command: Write) -> dict[int, Written]:
        finished: dict[int, Written] = {}

        def keep(written: Written) -> None:
            finished[written.index] = written

        for is_last in (False, True):
            left = tuple(one for one in command.requests if one.index not in finished)
            if not left or time.monotonic() >= command.deadline:
                break
            try:
                self._engine.write(replace(command, requests=left), keep)
                break
            except EngineLost:
                if is_last:
                    raise
        return finished
