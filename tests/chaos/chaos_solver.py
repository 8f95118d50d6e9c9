"""A small pipeline with a scripted model and real child processes, and what goes wrong in it.

The fault of a run, and the task that it befalls, stand in the environment.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from arc_submit.arc.task import Task
from arc_submit.clock import Deadline, MonotonicClock
from arc_submit.config import RunConfig
from arc_submit.execution.pool import ExecutionPool
from arc_submit.pipeline import Tools
from arc_submit.prompting import Prompter, build_encoder, get_template
from arc_submit.sampling import ScriptedSampler
from arc_submit.sampling.base import Draw
from arc_submit.solver import PipelineSolver
from arc_submit.types import Profile, Prompt, TaskResult, TrainingExample

PROGRAMS = (
    "def task(img):\n    img = flip(img, 0)\n    return img",
    "def task(img):\n    img = rotate(img, 1)\n    return img",
    "def task(img):\n    return img",
)
FAULT, VICTIM = "CHAOS_FAULT", "CHAOS_VICTIM"


class NoTrainer:
    """Takes a moment for each round, and learns nothing."""

    def reset(self, *, seed: int) -> None:
        pass

    def fit(self, examples: Sequence[TrainingExample], *, deadline: Deadline) -> None:
        time.sleep(max(0.0, min(0.05, deadline.remaining_s)))

    def switched_off(self) -> AbstractContextManager[None]:
        return nullcontext()


class ChaosSolver(PipelineSolver):
    """Fails on the first visit to one task, in one way."""

    def solve(self, task: Task, deadline: Deadline, *, visit: int, profile: Profile) -> TaskResult:
        if task.task_id == os.environ.get(VICTIM) and profile is Profile.FULL:
            match os.environ.get(FAULT):
                case "out_of_memory":
                    raise MemoryError("no memory is left")
                case "exception":
                    raise IndexError("no such row")
                case "slow_stage":
                    time.sleep(3600)
        return super().solve(task, deadline, visit=visit, profile=profile)


def build(config: RunConfig, device: str) -> ChaosSolver:
    """A :data:`~arc_submit.runtime.worker.SolverFactory`."""
    tools = Tools(
        prompter=Prompter(get_template("code-from-examples"), build_encoder("runs"), len, 10**6),
        sampler=ScriptedSampler(write),
        trainer=NoTrainer(),
        pool=ExecutionPool(config.execution),
        clock=MonotonicClock(),
    )
    return ChaosSolver(config, {Profile.FULL: tools, Profile.SMALL: tools})


def write(prompt: Prompt, draw: Draw) -> str:
    time.sleep(0.005)
    return PROGRAMS[draw.seed % len(PROGRAMS)]
