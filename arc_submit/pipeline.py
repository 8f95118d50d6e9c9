"""The verbs in order: one task through all stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

from arc_submit.arc.task import Task
from arc_submit.augmentation.programs import to_original_frame
from arc_submit.augmentation.views import build_views
from arc_submit.augmentation.windows import show_windows
from arc_submit.clock import Clock, Deadline, MonotonicClock, Stopwatch
from arc_submit.config import RunConfig
from arc_submit.effort import plan_visit
from arc_submit.errors import ConfigError
from arc_submit.execution.judge import judge
from arc_submit.execution.pool import ExecutionPool
from arc_submit.prompting import TEMPLATES, Prompter, build_encoder, extract_program, get_template
from arc_submit.sampling import Sampler
from arc_submit.seeds import derive_seed
from arc_submit.test_time_training import NO_LESSONS, Exploration, Hindsight, Lessons
from arc_submit.types import (
    Completion,
    Profile,
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
    from arc_submit.training.lora import LoraTrainer


_EXECUTION_SHARE = 0.15
"""Of the time left, kept for running the programs: unless they are run, they are lost."""
_MAX_SHORTENED = 3
"""How often prompts that come to no answer are halved; such a round is not counted."""


class Trainer(Protocol):
    """Changes the model that the sampler draws from."""

    def reset(self, *, seed: int) -> None:
        """Forget all training."""
        ...

    def fit(self, examples: Sequence[TrainingExample], *, deadline: Deadline) -> object:
        """Learn from the examples, in order, until the deadline."""
        ...

    def switched_off(self) -> AbstractContextManager[None]:
        """Within it, the model answers as before training."""
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
    watch = Stopwatch(tools.clock)
    prompter = tools.prompter
    n_shortened = 0
    rounds: list[Round] = []
    while True:
        begun = tools.clock.now()
        factor = exploration.factor
        prompts = _build_prompts(task, prompter, config, len(rounds))
        with watch.measure("sampling"):
            until = deadline.keeping(_EXECUTION_SHARE)
            completions = _sample(prompts, factor, tools, config, len(rounds), until)
        with watch.measure("execution"):
            trials = run_programs(
                completions, tools.pool, round_index=len(rounds), deadline=deadline
            )
        elapsed_s = tools.clock.now() - begun
        if n_shortened < _MAX_SHORTENED and _is_too_much(prompts, trials, prompter):
            prompter = replace(prompter, max_tokens=prompter.max_tokens // 2)
            n_shortened += 1
        n_asked = len(rounds) - n_shortened
        stop = _reason_to_stop(prompts, trials, n_asked, elapsed_s, config, deadline)
        lessons = NO_LESSONS
        if stop is None:
            with watch.measure("relabelling"):
                lessons = hindsight.relabel(trials, deadline=deadline)
            stop = _explore(exploration, trials, lessons)
        if stop is None and lessons.examples:
            with watch.measure("training"):
                if training.reset == "round":
                    tools.trainer.reset(seed=derive_seed(seed, "round", len(rounds)))
                tools.trainer.fit(lessons.examples, deadline=deadline)
        rounds.append(
            Round(
                index=len(rounds),
                trials=tuple(trials),
                n_completions=len(completions),
                temperature_factor=factor,
                n_novel=lessons.n_novel,
                n_examples=len(lessons.examples),
                seconds=tools.clock.now() - begun,
            )
        )
        on_round(rounds[-1])
        if stop is not None:
            result = build_result(task, rounds, stop)
            seconds = tools.clock.now() - started
            return replace(result, seconds=seconds, stages=watch.seconds)


def _build_prompts(
    task: Task, prompter: Prompter, config: RunConfig, round_index: int
) -> list[Prompt]:
    augmentation = config.augmentation
    seed = derive_seed(config.seed, task.task_id, round_index)
    views = build_views(task, count=augmentation.views, config=augmentation, seed=seed)
    shown = show_windows(views, count=augmentation.windows, seed=seed)
    prompts = map(prompter.render, shown)
    return [replace(p, view=view) for p, view in zip(prompts, views, strict=True) if p is not None]


def _sample(
    prompts: Sequence[Prompt],
    factor: float,
    tools: Tools,
    config: RunConfig,
    round_index: int,
    deadline: Deadline,
) -> list[Completion]:
    if not prompts:
        return []
    params = sampling_params(config, temperature_factor=factor)
    seed = derive_seed(config.seed, prompts[0].view.task.task_id, round_index)
    n_base = int(len(prompts) * config.test_time_training.base_views) if round_index else 0
    n_trained = len(prompts) - n_base
    sample = partial(tools.sampler.sample, params=params, deadline=deadline)
    completions = sample(prompts[:n_trained], seed=seed)
    if n_base:
        with tools.trainer.switched_off():
            completions += sample(prompts[n_trained:], seed=derive_seed(seed, "base"))
    return completions


def _is_too_much(prompts: Sequence[Prompt], trials: Sequence[Trial], prompter: Prompter) -> bool:
    """Return whether prompts came to no answer at all, and shorter ones could be asked."""
    if any(out is not None for t in trials for out in t.candidate.test_outputs):
        return False
    half = prompter.max_tokens // 2
    return any(prompter.count_tokens(prompt.text) > half for prompt in prompts)


def _explore(
    exploration: Exploration, trials: Sequence[Trial], lessons: Lessons
) -> StopReason | None:
    """Set the temperatures of the next round by this one; return why there is none, if so."""
    exploration.observe(
        n_sound=sum(trial.train_outputs is not None for trial in trials),
        n_unique=lessons.n_unique,
        n_novel=lessons.n_novel,
    )
    if not exploration.is_exhausted:
        return None
    return StopReason.COLLAPSED if lessons.n_unique else StopReason.NOTHING_TO_LEARN


def _reason_to_stop(
    prompts: Sequence[Prompt],
    trials: Sequence[Trial],
    n_asked: int,
    elapsed_s: float,
    config: RunConfig,
    deadline: Deadline,
) -> StopReason | None:
    """Return why no further round follows one that was just sampled; None if one does.

    Args:
        n_asked: rounds before it, not counting those that were too much for the model.
    """
    if not prompts:
        return StopReason.TOO_LONG
    if any(trial.candidate.fits for trial in trials):
        return StopReason.SOLVED
    if n_asked == config.test_time_training.max_rounds:
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


def build_result(task: Task, rounds: Sequence[Round], stop: StopReason) -> TaskResult:
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
        seconds=sum(done.seconds for done in rounds),
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
    """Solves tasks with a model and tools of its own; one lives in each worker.

    Args:
        config: of the run.
        tools: by the profile of a visit.
    """

    def __init__(self, config: RunConfig, tools: Mapping[Profile, Tools]) -> None:
        self._config = config
        self._tools = tools

    def solve(self, task: Task, deadline: Deadline, *, visit: int, profile: Profile) -> TaskResult:
        """As :func:`solve_task`, with the effort of :func:`~arc_submit.effort.plan_visit`."""
        config = plan_visit(self._config, visit, profile)
        result = solve_task(task, self._tools[profile], config, deadline)
        is_quick = config.test_time_training.max_rounds < self._config.test_time_training.max_rounds
        if is_quick and profile is Profile.FULL and result.stop_reason is StopReason.MAX_ROUNDS:
            return replace(result, stop_reason=StopReason.PAUSED)
        return result

    def close(self) -> None:
        """Stop the sandbox."""
        for tools in self._tools.values():
            tools.pool.close()


def build_solver(config: RunConfig, device: str) -> PipelineSolver:
    """Build a worker's solver on a torch device such as ``cpu`` or ``cuda:0``.

    Raises:
        ModelError: if the model cannot be loaded.
        ConfigError: if there is no such prompt template or grid encoder.
    """
    small = plan_visit(config, 0, Profile.SMALL)
    tools, build_sampler = _load_tools(config, device)
    small_tools = replace(
        tools,
        prompter=replace(tools.prompter, max_tokens=tools.prompter.max_tokens // 2),
        sampler=build_sampler(small.sampling.batch_size),
    )
    return PipelineSolver(config, {Profile.FULL: tools, Profile.SMALL: small_tools})


def build_tools(config: RunConfig, device: str) -> Tools:
    """Load the configured model onto a device and build the tools around it.

    Raises:
        ModelError, ConfigError: as :func:`build_solver`.
    """
    return _load_tools(config, device)[0]


def _load_tools(config: RunConfig, device: str) -> tuple[Tools, Callable[[int], Sampler]]:
    """Return the tools, and what builds samplers like theirs for other batches."""
    from arc_submit.models.loading import load_model
    from arc_submit.training.lora import LoraTrainer

    model = load_model(config.model, device)
    trainer = LoraTrainer(model, config.test_time_training)
    build_sampler = _sampler_builder(config, model, trainer)
    return Tools(
        prompter=build_prompter(model, max_new_tokens=config.sampling.max_new_tokens),
        sampler=build_sampler(config.sampling.batch_size),
        trainer=trainer,
        pool=ExecutionPool(config.execution),
        clock=MonotonicClock(),
    ), build_sampler


def _sampler_builder(
    config: RunConfig, model: LanguageModel, trainer: LoraTrainer
) -> Callable[[int], Sampler]:
    if config.sampling.engine == "vllm":
        from arc_submit.sampling.vllm.handle import VllmEngine, start_engine
        from arc_submit.sampling.vllm.sampler import VllmSampler
        from arc_submit.sampling.vllm.settings import plan_engine

        engine = VllmEngine(plan_engine(config, model, trainer), trainer)
        start_engine(engine)
        trainer.make_room = engine.sleep
        return lambda batch_size: VllmSampler(engine, model, batch_size=batch_size)
    from arc_submit.sampling.transformers import TransformersSampler

    return lambda batch_size: TransformersSampler(model, batch_size=batch_size)


def build_prompter(model: LanguageModel, *, max_new_tokens: int) -> Prompter:
    """Return what asks a model for programs, with room left for the answer.

    An answer is never given more than half of the context. Prompts keep to the length that the
    model says it answers well.

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
    room = model.max_context - min(max_new_tokens, model.max_context // 2)
    return Prompter(
        template=template,
        encoder=build_encoder(model.settings.grid_encoder),
        count_tokens=lambda text: len(encode_prompt(model.tokenizer, text)),
        max_tokens=min(room, model.settings.max_prompt or room),
    )
