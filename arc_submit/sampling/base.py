"""What every sampler does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from arc_submit.clock import Deadline
from arc_submit.seeds import derive_seed
from arc_submit.types import Completion, Prompt, SamplingParams


class Sampler(Protocol):
    """Draws completions from a model as it stands, an adapter in training included."""

    def sample(
        self,
        prompts: Sequence[Prompt],
        params: Sequence[SamplingParams],
        *,
        seed: int,
        deadline: Deadline,
    ) -> list[Completion]:
        """Return the completions of each prompt in turn, for each of the params in turn.

        The completion at index ``i`` of a call is drawn with a seed derived from ``(seed, i)``
        alone. At the deadline, unfinished completions are left out.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """One completion to be made."""

    prompt_index: int
    params: SamplingParams
    seed: int


def expand_draws(n_prompts: int, params: Sequence[SamplingParams], seed: int) -> list[Draw]:
    """Return a draw for each completion of a call, in order, each with its own seed."""

    def pairs() -> Iterator[tuple[int, SamplingParams]]:
        for prompt_index in range(n_prompts):
            for one in params:
                yield from [(prompt_index, one)] * one.count

    return [Draw(p, one, derive_seed(seed, i)) for i, (p, one) in enumerate(pairs())]
