"""Tools whose model is a script; programs run in real child processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from arc_submit.clock import Clock, Deadline, MonotonicClock
from arc_submit.execution.pool import ExecutionPool
from arc_submit.pipeline import Tools
from arc_submit.prompting import Prompter, build_encoder, get_template
from arc_submit.sampling import ScriptedSampler
from arc_submit.sampling.scripted import Script
from arc_submit.types import TrainingExample


class RecordingTrainer:
    """Remembers what it was given."""

    def __init__(self) -> None:
        self.resets: list[int] = []
        self.examples: list[list[TrainingExample]] = []
        self.is_off = False

    def reset(self, *, seed: int) -> None:
        self.resets.append(seed)

    def fit(self, examples: Sequence[TrainingExample], *, deadline: Deadline) -> None:
        self.examples.append(list(examples))

    @contextmanager
    def switched_off(self) -> Iterator[None]:
        self.is_off = True
        yield
        self.is_off = False


def build_tools(
    pool: ExecutionPool,
    script: Script,
    *,
    trainer: RecordingTrainer | None = None,
    max_tokens: int = 10**6,
    clock: Clock | None = None,
) -> Tools:
    prompter = Prompter(get_template("code-from-examples"), build_encoder("runs"), len, max_tokens)
    return Tools(
        prompter=prompter,
        sampler=ScriptedSampler(script),
        trainer=trainer or RecordingTrainer(),
        pool=pool,
        clock=clock or MonotonicClock(),
    )
