"""The figures of a run, from its outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from arc_submit.arc.metrics import Score, evaluate
from arc_submit.arc.task import Challenges, Solutions, TaskId
from arc_submit.config import RunConfig
from arc_submit.runtime.coordinator import RunOutcome
from arc_submit.types import TaskResult


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run is judged by."""

    figures: dict[str, Any]
    """Counts, shares (0 to 1) and seconds of the whole run."""
    report: dict[str, Any]
    """The figures and each task's course."""
    is_complete: bool
    """Covered as asked for, and not interrupted."""


def summarize_run(outcome: RunOutcome, challenges: Challenges, config: RunConfig) -> RunSummary:
    """Return the figures of a run whose submission file is valid."""
    results = outcome.results
    n_tasks = len(challenges.tasks) + len(challenges.bad_tasks)
    coverage = sum(result.is_answered for result in results.values()) / n_tasks
    is_complete = not outcome.is_interrupted and coverage >= config.runtime.min_coverage
    figures: dict[str, Any] = {
        "tasks": n_tasks,
        "bad_tasks": len(challenges.bad_tasks),
        "finished": len(results),
        "coverage": coverage,
        "min_coverage": config.runtime.min_coverage,
        "fit_all_train_pairs": sum(result.fits for result in results.values()),
        "stop_cause": str(outcome.cause),
        "stop_reasons": dict(Counter(str(result.stop_reason) for result in results.values())),
        "seconds": outcome.seconds,
        "budget_s": config.runtime.budget,
        "utilisation": [busy / outcome.sitting_s for busy in outcome.busy_s],
        "tail_idle_s": list(outcome.tail_idle_s),
        "worker_deaths": len(outcome.deaths),
        "retried_tasks": len(outcome.retries),
        "is_complete": is_complete,
    }
    report = {
        **figures,
        "deaths": [asdict(death) for death in outcome.deaths],
        "by_task": {
            task_id: _course(result)
            | {
                "visits": outcome.visits.get(task_id, 0),
                "retries": outcome.retries.get(task_id, 0),
            }
            for task_id, result in results.items()
        },
    }
    return RunSummary(figures, report, is_complete)


def summarize_score(score: Score) -> dict[str, Any]:
    """Return the figures of a scored submission."""
    return {
        "score": score.score,
        "output_share": score.output_share,
        "solved_outputs": score.n_solved_outputs,
        "outputs": score.n_outputs,
        "solved_tasks": sum(share == 1 for share in score.by_task.values()),
        "tasks": score.n_tasks,
    }


def summarize_answers(
    results: Mapping[TaskId, TaskResult], score: Score, solutions: Solutions
) -> dict[str, Any]:
    """Return the seeds' metrics of all completions, and how many tasks a program solved."""
    evaluation = evaluate({t: result.tallies for t, result in results.items()}, solutions)
    fitting = [task_id for task_id, result in results.items() if result.fits]
    return {
        "solved_by_fitting_program": sum(score.by_task[task_id] == 1 for task_id in fitting),
        "all_completions": asdict(evaluation.sampled),
        "two_most_voted": asdict(evaluation.voted),
    }


def _course(result: TaskResult) -> dict[str, Any]:
    return {
        "stop_reason": str(result.stop_reason),
        "rounds": result.rounds,
        "seconds": result.seconds,
        "stages": dict(result.stages),
        "train_exact": result.train_exact,
        "n_train": result.n_train,
        "is_answered": result.is_answered,
        "program": result.program,
        "message": result.message,
    }
