"""The verbs in order: one task through all stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Protocol

from arc_submit.arc.task import Task
from arc_submit.augmentation.programs import to_original_frame
from arc_submit.augmentation.views import build_views
from arc_submit.augmentation.windows import show_windows
from arc_submit.clock import Clock, Deadline, Stopwatch
from arc_submit.config import RunConfig
from arc_submit.execution.judge import judge
from arc_submit.execution.pool import ExecutionPool
from arc_submit.prompting import Prompter, extract_program
from arc_submit.sampling import Sampler
from arc_submit.seeds import derive_seed
from arc_submit.test_time_training import NO_LESSONS, Exploration, Hindsight, Lessons
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
    search = _Search(task, tools, config, deadline)
    stop = None
    while stop is None:
        stop = search.do_round()
        on_round(search.rounds[-1])
    result = build_result(task, search.rounds, stop)
    seconds = tools.clock.now() - started
    return replace(result, seconds=seconds, stages=search.watch.seconds)


class _Search:
    """The rounds of one task: what was done in them, and what they leave to the next one."""

    def __init__(self, task: Task, tools: Tools, config: RunConfig, deadline: Deadline) -> None:
        self.rounds: list[Round] = []
        self.watch = Stopwatch(tools.clock)
        self._task = task
        self._tools = tools
        self._config = config
        self._deadline = deadline
        self._seed = derive_seed(config.seed, task.task_id)
        training = config.test_time_training
        self._hindsight = Hindsight(tools.prompter, tools.pool, training, seed=self._seed)
        self._exploration = Exploration(training.exploration)
        self._prompter = tools.prompter
        self._n_shortened = 0
        if training.reset != "never":
            tools.trainer.reset(seed=self._seed)

    def do_round(self) -> StopReason | None:
        """Sample and run programs, and learn from them; return why no round follows, if so."""
        begun = self._tools.clock.now()
        factor = self._exploration.factor
        seed = derive_seed(self._config.seed, self._task.task_id, len(self.rounds))
        prompts = self._build_prompts(seed)
        with self.watch.measure("sampling"):
            completions = self._sample(prompts, factor, seed)
        with self.watch.measure("execution"):
            trials = run_programs(
                completions,
                self._tools.pool,
                round_index=len(self.rounds),
                deadline=self._deadline,
            )
        self._shorten_where_too_much(prompts, trials)
        stop = self._reason_to_stop(prompts, trials, self._tools.clock.now() - begun)
        lessons = NO_LESSONS
        if stop is None:
            with self.watch.measure("relabelling"):
                lessons = self._hindsight.relabel(trials, deadline=self._deadline)
            stop = _explore(self._exploration, trials, lessons)
        if stop is None and lessons.examples:
            with self.watch.measure("training"):
                self._learn(lessons)
        self.rounds.append(
            Round(
                index=len(self.rounds),
                trials=tuple(trials),
                n_completions=len(completions),
                temperature_factor=factor,
                n_novel=lessons.n_novel,
                n_examples=len(lessons.examples),
                seconds=self._tools.clock.now() - begun,
            )
        )
        return stop

    def _build_prompts(self, seed: int) -> list[Prompt]:
        augmentation = self._config.augmentation
        views = build_views(self._task, count=augmentation.views, config=augmentation, seed=seed)
        shown = show_windows(views, count=augmentation.windows, seed=seed)
        prompts = zip(map(self._prompter.render, shown), views, strict=True)
        return [replace(prompt, view=view) for prompt, view in prompts if prompt is not None]

    def _sample(self, prompts: Sequence[Prompt], factor: float, seed: int) -> list[Completion]:
        if not prompts:
            return []
        sample = partial(
            self._tools.sampler.sample,
            params=sampling_params(self._config, temperature_factor=factor),
            deadline=self._deadline.keeping(_EXECUTION_SHARE),
        )
        # Before anything is learned, there is nothing to switch off.
        base_views = self._config.test_time_training.base_views if self.rounds else 0.0
        n_trained = len(prompts) - int(len(prompts) * base_views)
        completions = sample(prompts[:n_trained], seed=seed)
        if n_trained < len(prompts):
            with self._tools.trainer.switched_off():
                completions += sample(prompts[n_trained:], seed=derive_seed(seed, "base"))
        return completions

    def _shorten_where_too_much(self, prompts: Sequence[Prompt], trials: Sequence[Trial]) -> None:
        """Let the next prompts be shorter, if these came to no answer at all."""
        is_answered = any(out is not None for t in trials for out in t.candidate.test_outputs)
        if is_answered or self._n_shortened == _MAX_SHORTENED:
            return
        half = self._prompter.max_tokens // 2
        if any(self._prompter.count_tokens(prompt.text) > half for prompt in prompts):
            self._prompter = replace(self._prompter, max_tokens=half)
            self._n_shortened += 1

    def _reason_to_stop(
        self, prompts: Sequence[Prompt], trials: Sequence[Trial], elapsed_s: float
    ) -> StopReason | None:
        """Return why no further round follows one that was just sampled; None if one does."""
        if not prompts:
            return StopReason.TOO_LONG
        if any(trial.candidate.fits for trial in trials):
            return StopReason.SOLVED
        if len(self.rounds) - self._n_shortened == self._config.test_time_training.max_rounds:
            has_passed = self._deadline.has_passed
            return StopReason.DEADLINE if has_passed else StopReason.MAX_ROUNDS
        # The next round will take as long as this one, its training not counted.
        if self._deadline.has_passed or self._deadline.remaining_s < elapsed_s:
            return StopReason.DEADLINE
        return None

    def _learn(self, lessons: Lessons) -> None:
        trainer = self._tools.trainer
        if self._config.test_time_training.reset == "round":
            trainer.reset(seed=derive_seed(self._seed, "round", len(self.rounds)))
        trainer.fit(lessons.examples, deadline=self._deadline)


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
