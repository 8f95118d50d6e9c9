"""How well a model writes programs for generated tasks that it was not trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from arc_submit.augmentation.views import build_views
from arc_submit.clock import Deadline
from arc_submit.config import AugmentationConfig
from arc_submit.dsl.generators import generate_task
from arc_submit.execution.pool import ExecutionPool
from arc_submit.pipeline import run_programs
from arc_submit.prompting import Prompter
from arc_submit.sampling import Sampler
from arc_submit.seeds import derive_seed
from arc_submit.types import AugmentedTask, SamplingParams

_TASKS_AT_ONCE = 16
_NO_CHANGE = AugmentationConfig(permute_colors=False, shuffle_pairs=False)


@dataclass(frozen=True, slots=True)
class ProgramAccuracy:
    """Of programs for tasks, one set of samples per task."""

    pass_k: float
    """Share of tasks that any sample fits."""
    accuracy: float
    """Share of all samples that fit their task."""


def measure_programs(
    prompter: Prompter,
    sampler: Sampler,
    pool: ExecutionPool,
    *,
    family: str,
    difficulty: Mapping[str, int],
    n_tasks: int,
    params: SamplingParams,
    seed: int,
    on_tasks: Callable[[int], None] = lambda n_tasks: None,
) -> ProgramAccuracy:
    """Sample ``params.count`` programs for each generated task and count those that fit.

    ``seed`` decides tasks and samples; one that no recipe used makes the tasks held-out.
    """
    fits: Counter[str] = Counter()
    for start in range(0, n_tasks, _TASKS_AT_ONCE):
        indices = range(start, min(start + _TASKS_AT_ONCE, n_tasks))
        views = [_view(family, seed, index, difficulty) for index in indices]
        prompts = [prompt for view in views if (prompt := prompter.render(view))]
        completions = sampler.sample(
            prompts, [params], seed=derive_seed(seed, start), deadline=Deadline.never()
        )
        trials = run_programs(completions, pool, round_index=0, deadline=Deadline.never())
        fits.update(trial.candidate.task_id for trial in trials if trial.candidate.fits)
        on_tasks(len(indices))
    return ProgramAccuracy(len(fits) / n_tasks, fits.total() / (n_tasks * params.count))


def _view(family: str, seed: int, index: int, difficulty: Mapping[str, int]) -> AugmentedTask:
    generated = generate_task(family, seed=seed, index=index, difficulty=difficulty)
    task = generated.as_task(f"{family}-{index}")
    (view,) = build_views(task, count=1, config=_NO_CHANGE, seed=0)
    return view
