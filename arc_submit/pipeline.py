"""The verbs in order: one task through all stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

from arc_submit.arc.task import Task
from arc_submit.augmentation.programs import to_original_frame
from arc_submit.augmentation.views import build_views
from arc_submit.clock import Clock, Deadline, MonotonicClock
from arc_submit.config import RunConfig
from arc_submit.errors import ConfigError
from arc_submit.execution.judge import judge
from arc_submit.execution.pool import ExecutionPool
from arc_submit.prompting import TEMPLATES, Prompter, build_encoder, extract_program, get_template
from arc_submit.sampling import Sampler
from arc_submit.seeds import derive_seed
from arc_submit.test_time_training import NO_LESSONS, Exploration, Hindsight
from arc_submit.types import (
    Completion,
    Program,
    Prompt,
    Round,
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


def solve_task(
    task: Task,
    tools: Tools,
    config: RunConfig,
    deadline: Deadline,
    *,
    on_round: Callable[[Round], None] = lambda done: None,
) -> TaskResult:
    """Take one task through all stages, until it is solved or no round is left to do.

    Args:
        on_round: is told each round once it is over.
    """
    started = tools.clock.now()
    training = config.test_time_training
    seed = derive_seed(config.seed, task.task_id)
    hindsight = Hindsight(tools.prompter, tools.pool, training, seed=seed)
    exploration = Exploration(training.exploration)
    if training.reset != "never":
        tools.trainer.reset(seed=seed)
    rounds: list[Round] = []
    while True:
        begun = tools.clock.now()
        factor = exploration.factor
        prompts = _build_prompts(task, tools, config, len(rounds))
        completions, trials = _sample(prompts, factor, tools, config, len(rounds), deadline)
        elapsed_s = tools.clock.now() - begun
        stop = _reason_to_stop(prompts, trials, len(rounds), elapsed_s, config, deadline)
        lessons = NO_LESSONS
        if stop is None:
            lessons = hindsight.relabel(trials, deadline=deadline)
            exploration.observe(
                n_programs=len(completions), n_unique=lessons.n_unique, n_novel=lessons.n_novel
            )
            if exploration.is_exhausted:
                stop = StopReason.COLLAPSED if lessons.n_unique else StopReason.NOTHING_TO_LEARN
        if stop is None and lessons.examples:
            if training.reset == "round":
                tools.trainer.reset(seed=derive_seed(seed, "round", len(rounds)))
            tools.trainer.fit(lessons.examples, deadline=deadline)
        done = Round(
            index=len(rounds),
            trials=tuple(trials),
            n_completions=len(completions),
            temperature_factor=factor,
            n_novel=lessons.n_novel,
            n_examples=len(lessons.examples),
            seconds=tools.clock.now() - begun,
        )
        rounds.append(done)
        on_round(done)
        if stop is not None:
            return build_result(task, rounds, stop, tools.clock.now() - started)


def _build_prompts(task: Task, tools: Tools, config: RunConfig, round_index: int) -> list[Prompt]:
    views = build_views(
        task,
        count=config.augmentation.views,
        config=config.augmentation,
        seed=derive_seed(config.seed, task.task_id, round_index),
    )
    return [prompt for prompt in map(tools.prompter.render, views) if prompt is not None]


def _sample(
    prompts: Sequence[Prompt],
    factor: float,
    tools: Tools,
    config: RunConfig,
    round_index: int,
    deadline: Deadline,
) -> tuple[list[Completion], list[Trial]]:
    if not prompts:
        return [], []
    task_id = prompts[0].view.task.task_id
    completions = tools.sampler.sample(
        prompts,
        sampling_params(config, temperature_factor=factor),
        seed=derive_seed(config.seed, task_id, round_index),
        deadline=deadline,
    )
    trials = run_programs(completions, tools.pool, round_index=round_index, deadline=deadline)
    return completions, trials


def _reason_to_stop(
    prompts: Sequence[Prompt],
    trials: Sequence[Trial],
    round_index: int,
    elapsed_s: float,
    config: RunConfig,
    deadline: Deadline,
) -> StopReason | None:
    """Return why no further round follows one that was just sampled; None if one does."""
    if not prompts:
        return StopReason.TOO_LONG
    if any(trial.candidate.fits for trial in trials):
        return StopReason.SOLVED
    if round_index == config.test_time_training.max_rounds:
        return StopReason.DEADLINE if deadline.has_passed else StopReason.MAX_ROUNDS
    # The next round will take as long as this one, its training not counted.
    if deadline.has_passed or deadline.remaining_s < elapsed_s:
        return StopReason.DEADLINE
    return None


def sampling_params(config: RunConfig, *, temperature_factor: float = 1.0) -> list[SamplingParams]:
    """Return the configured draws of each prompt, at temperatures multiplied by a factor."""
    sampling = config.sampling
    return [
        SamplingParams(
            count=draw.count,
            temperature=draw.temperature * temperature_factor,
            top_p=sampling.top_p,
            max_new_tokens=sampling.max_new_tokens,
        )
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
    task: Task, rounds: Sequence[Round], stop: StopReason, seconds: float
) -> TaskResult:
    """Vote over the candidates of all rounds."""
    trials = [trial for done in rounds for trial in done.trials]
    candidates = [trial.candidate for trial in trials]
    n_completions = sum(done.n_completions for done in rounds)
    n_test = len(task.test_inputs)
    best = max(trials, key=_rank, default=None)
    return TaskResult(
        task_id=task.task_id,
        attempts=select_attempts(candidates, n_test),
        tallies=tally_votes(candidates, n_test, n_completions),
        stop_reason=stop,
        rounds=len(rounds),
        seconds=seconds,
        train_exact=best.candidate.train_exact if best else 0,
        n_train=len(task.train),
        program=_program_of(best) if best else "",
    )


def _rank(trial: Trial) -> tuple[int, float, int, str]:
    candidate = trial.candidate
    source = candidate.program.source
    return candidate.train_exact, candidate.pixel_accuracy, -len(source), source


def _program_of(trial: Trial) -> str:
    return to_original_frame(trial.candidate.program.source, trial.view.augmentation)


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

    An answer is never given more than half of the context.

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
        max_tokens=model.max_context - min(max_new_tokens, model.max_context // 2),
    )
