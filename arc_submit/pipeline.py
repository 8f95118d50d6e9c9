"""The verbs in order: one task through all stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

from arc_submit.arc.task import Task
from arc_submit.augmentation.views import build_views
from arc_submit.clock import Clock, Deadline, MonotonicClock
from arc_submit.config import RunConfig
from arc_submit.errors import ConfigError
from arc_submit.execution.judge import judge
from arc_submit.execution.pool import ExecutionPool
from arc_submit.prompting import TEMPLATES, Prompter, build_encoder, extract_program, get_template
from arc_submit.sampling import Sampler
from arc_submit.seeds import derive_seed
from arc_submit.test_time_training import Hindsight
from arc_submit.types import (
    Completion,
    Program,
    SamplingParams,
    StopReason,
    TaskResult,
    TrainingExample,
    Trial,
)
from arc_submit.voting.votes import select_attempts, tally_votes

if TYPE_CHECKING:
    from arc_submit.models.loading import LanguageModel


class Trainer(Protocol):
    """Changes the model that the sampler draws from."""

    def reset(self, *, seed: int) -> None:
        """Forget all training."""
        ...

    def fit(self, examples: Sequence[TrainingExample], *, deadline: Deadline) -> object:
        """Learn from the examples, in order, until the deadline."""
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """What solving a task takes; built once in each worker."""

    prompter: Prompter
    sampler: Sampler
    trainer: Trainer
    pool: ExecutionPool
    clock: Clock


def solve_task(task: Task, tools: Tools, config: RunConfig, deadline: Deadline) -> TaskResult:
    """Take one task through all stages, until it is solved or no round is left to do."""
    started = round_started = tools.clock.now()
    hindsight = Hindsight(tools.prompter, tools.pool, config.test_time_training)
    tools.trainer.reset(seed=derive_seed(config.seed, task.task_id))
    params = sampling_params(config)
    trials: list[Trial] = []
    n_completions = 0
    last_round = config.test_time_training.max_rounds
    for round_index in range(last_round + 1):
        seed = derive_seed(config.seed, task.task_id, round_index)
        views = build_views(
            task, count=config.augmentation.views, config=config.augmentation, seed=seed
        )
        prompts = [prompt for prompt in map(tools.prompter.render, views) if prompt is not None]
        completions = tools.sampler.sample(prompts, params, seed=seed, deadline=deadline)
        fresh = run_programs(completions, tools.pool, round_index=round_index, deadline=deadline)
        n_completions += len(completions)
        trials += fresh
        if not prompts:
            stop = StopReason.TOO_LONG
        elif any(trial.candidate.fits for trial in fresh):
            stop = StopReason.SOLVED
        elif deadline.has_passed:
            stop = StopReason.DEADLINE
        elif round_index == last_round:
            stop = StopReason.MAX_ROUNDS
        elif deadline.remaining_s < tools.clock.now() - round_started:
            stop = StopReason.DEADLINE
        elif not (examples := hindsight.relabel(fresh, deadline=deadline)):
            stop = StopReason.NOTHING_TO_LEARN
        else:
            round_started = tools.clock.now()
            tools.trainer.fit(examples, deadline=deadline)
            continue
        break
    return build_result(
        task, trials, n_completions, stop, round_index + 1, tools.clock.now() - started
    )


def sampling_params(config: RunConfig) -> list[SamplingParams]:
    """Return the configured draws of each prompt."""
    sampling = config.sampling
    return [
        SamplingParams(draw.count, draw.temperature, sampling.top_p, sampling.max_new_tokens)
        for draw in sampling.draws
    ]


def run_programs(
    completions: Sequence[Completion], pool: ExecutionPool, *, round_index: int, deadline: Deadline
) -> list[Trial]:
    """Run the programs among the completions on their view's inputs, and judge them.

    Args:
        completions: those of one view stand together.
    """
    trials = []
    for _, group in groupby(completions, key=lambda completion: id(completion.prompt)):
        of_view = list(group)
        view = of_view[0].prompt.view
        parsed = [extract_program(completion.text) for completion in of_view]
        programs = [program for program in parsed if isinstance(program, Program)]
        for execution in pool.run(programs, view.task.inputs, deadline=deadline):
            candidate = judge(execution, view, round_index=round_index)
            trials.append(Trial(view, execution, candidate))
    return trials


def build_result(
    task: Task,
    trials: Sequence[Trial],
    n_completions: int,
    stop: StopReason,
    rounds: int,
    seconds: float,
) -> TaskResult:
    """Vote over the candidates of all rounds."""
    candidates = [trial.candidate for trial in trials]
    n_test = len(task.test_inputs)
    best = max(
        candidates,
        key=lambda c: (c.train_exact, c.pixel_accuracy, -len(c.program.source), c.program.source),
        default=None,
    )
    return TaskResult(
        task_id=task.task_id,
        attempts=select_attempts(candidates, n_test),
        tallies=tally_votes(candidates, n_test, n_completions),
        stop_reason=stop,
        rounds=rounds,
        seconds=seconds,
        train_exact=best.train_exact if best else 0,
        n_train=len(task.train),
        program=best.program.source if best else "",
    )


class PipelineSolver:
    """Solves tasks with a model and tools of its own; one lives in each worker."""

    def __init__(self, config: RunConfig, tools: Tools) -> None:
        self._config = config
        self._tools = tools

    def solve(self, task: Task, deadline: Deadline) -> TaskResult:
        """As :func:`solve_task`."""
        return solve_task(task, self._tools, self._config, deadline)

    def close(self) -> None:
        """Stop the sandbox."""
        self._tools.pool.close()


def build_solver(config: RunConfig, device: str) -> PipelineSolver:
    """Build a worker's solver on a torch device such as ``cpu`` or ``cuda:0``.

    Raises:
        ModelError: if the model cannot be loaded.
        ConfigError: if there is no such prompt template or grid encoder.
    """
    return PipelineSolver(config, build_tools(config, device))


def build_tools(config: RunConfig, device: str) -> Tools:
    """Load the configured model onto a device and build the tools around it.

    Raises:
        ModelError, ConfigError: as :func:`build_solver`.
    """
    from arc_submit.models.loading import load_model
    from arc_submit.sampling.transformers import TransformersSampler
    from arc_submit.training.lora import LoraTrainer

    model = load_model(config.model, device)
    return Tools(
        prompter=build_prompter(model, max_new_tokens=config.sampling.max_new_tokens),
        sampler=TransformersSampler(model, batch_size=config.sampling.batch_size),
        trainer=LoraTrainer(model, config.test_time_training),
        pool=ExecutionPool(config.execution),
        clock=MonotonicClock(),
    )


def build_prompter(model: LanguageModel, *, max_new_tokens: int) -> Prompter:
    """Return what asks a model for programs, with room left for the answer.

    Raises:
        ConfigError: if there is no such prompt template or grid encoder, or the template asks for
            grids.
    """
    from arc_submit.models.chat import encode_prompt

    template = get_template(model.settings.prompt)
    if template.asks_for != "program":
        raise ConfigError(
            f"model.prompt: {template.name!r} asks for grids; programs are asked for by "
            f"{', '.join(t.name for t in TEMPLATES.values() if t.asks_for == 'program')}"
        )
    return Prompter(
        template=template,
        encoder=build_encoder(model.settings.grid_encoder),
        count_tokens=lambda text: len(encode_prompt(model.tokenizer, text)),
        max_tokens=model.max_context - max_new_tokens,
    )
