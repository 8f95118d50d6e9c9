"""``score``, ``validate`` and ``config``: questions about files, answered without a model."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from arc_submit.arc.dataset import load_challenges, load_solutions
from arc_submit.arc.metrics import score_submission
from arc_submit.cli.main import EXIT_INCOMPLETE, EXIT_OK
from arc_submit.cli.output import print_rows, write_figures
from arc_submit.config import config_schema
from arc_submit.config_file import load_config
from arc_submit.reporting.summary import summarize_score
from arc_submit.reporting.tables import score_rows
from arc_submit.submission.build import count_entries
from arc_submit.submission.validate import read_submission, validate_submission


def score(options: argparse.Namespace) -> int:
    """Score a submission against solutions."""
    solutions = load_solutions(Path(options.solutions))
    n_entries = {task_id: len(outputs) for task_id, outputs in solutions.outputs.items()}
    attempts = read_submission(Path(options.submission), n_entries)
    figures = summarize_score(score_submission(attempts, solutions))
    write_figures(options.json, figures)
    print_rows(score_rows(figures))
    return EXIT_OK


def validate(options: argparse.Namespace) -> int:
    """Name every fault of a submission."""
    challenges = load_challenges(Path(options.challenges), skip_bad_tasks=True)
    n_entries = count_entries(challenges)
    faults = validate_submission(Path(options.submission), n_entries)
    for fault in faults:
        print(fault)
    if not faults:
        print(f"{options.submission}: valid, {len(n_entries)} tasks")
    return EXIT_INCOMPLETE if faults else EXIT_OK


def config(options: argparse.Namespace) -> int:
    """Check a configuration and print all of it, or print the schema."""
    if options.schema:
        print(json.dumps(config_schema(), indent=2))
    else:
        checked = load_config(Path(options.file) if options.file else None)
        print(json.dumps(checked.model_dump(mode="json"), indent=2))
    return EXIT_OK
