"""A sampler without a model: it answers from a script. For tests and for rehearsals of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from arc_submit.clock import Deadline
from arc_submit.sampling.base import Draw, expand_draws
from arc_submit.types import Completion, Prompt, SamplingParams

Script = Callable[[Prompt, Draw], str]


class ScriptedSampler:
    """Writes what a function of the prompt and the draw returns."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def sample(
        self,
        prompts: Sequence[Prompt],
        params: Sequence[SamplingParams],
        *,
        seed: int,
        deadline: Deadline,
    ) -> list[Completion]:
        """As :meth:`arc_submit.sampling.base.Sampler.sample`."""
        completions = []
        for draw in expand_draws(len(prompts), params, seed):
            if deadline.has_passed:
                break
            prompt = prompts[draw.prompt_index]
            text = self._script(prompt, draw)
            completions.append(
                Completion(prompt, text, seed=draw.seed, logprob=0.0, n_tokens=len(text.split()))
            )
        return completions
