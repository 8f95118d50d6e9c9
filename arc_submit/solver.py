"""What a worker is made of: the model, and the tools built around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from arc_submit.arc.task import Task
from arc_submit.clock import Deadline, MonotonicClock
from arc_submit.config import RunConfig
from arc_submit.effort import is_partial, plan_visit
from arc_submit.errors import ConfigError
from arc_submit.execution.pool import ExecutionPool
from arc_submit.pipeline import Tools, solve_task
from arc_submit.prompting import TEMPLATES, Prompter, build_encoder, get_template
from arc_submit.sampling import Sampler
from arc_submit.types import Profile, StopReason, TaskResult

if TYPE_CHECKING:
    from arc_submit.models.loading import LanguageModel
    from arc_submit.training.lora import LoraTrainer


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
        is_done = profile is Profile.SMALL or not is_partial(self._config, visit)
        if result.stop_reason is StopReason.MAX_ROUNDS and not is_done:
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
    from arc_submit.models.loading import load_model, spare_threads
    from arc_submit.training.lora import LoraTrainer

    if device == "cpu":
        spare_threads()
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
