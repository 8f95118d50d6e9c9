"""Submits what a kernel's run left, once it is certain that it is worth a submission of the day.

The hidden rerun starts the same kernel anew. A run that left a bad file, or answered too little
on tasks that can be looked at, would do no better there, so it is refused here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from arc_submit.arc.dataset import load_challenges
from arc_submit.arc.json_file import JsonObject, read_json
from arc_submit.errors import DataError, KaggleError
from arc_submit.kaggle.upload.client import KaggleClient
from arc_submit.kaggle.upload.push import PushRecord, load_record
from arc_submit.kaggle.upload.replies import PushedKernel, Receipt
from arc_submit.submission.build import count_entries
from arc_submit.submission.validate import read_submission

SUBMISSION_FILE = "submission.json"
REPORT_FILE = "run/run_report.json"
"""Where the kernel's run leaves its figures among the outputs."""


@dataclass(frozen=True, slots=True)
class CheckedRun:
    """A run that may be submitted."""

    record: PushRecord
    coverage: float
    """Share of its tasks that have an answer from the model."""


@dataclass(frozen=True, slots=True)
class SubmitOutcome:
    """A submission that Kaggle has taken."""

    run: CheckedRun
    receipt: Receipt


def check_run(output_folder: Path, *, challenges: Path, min_coverage: float) -> CheckedRun:
    """Return what is known of a run, if it may be submitted.

    Args:
        output_folder: what ``arc-submit kaggle push`` has fetched.
        challenges: the competition's test file as the run saw it.
        min_coverage: share of the run's tasks, 0 to 1, that need an answer from the model.

    Raises:
        KaggleError: if the run did not end well, or its coverage is unknown or too small.
        SubmissionError: if its submission is not valid.
        DataError: if the challenges cannot be read.
    """
    record = load_record(output_folder)
    if record.state != "complete":
        raise KaggleError(
            f"{output_folder}: version {record.version} of {record.ref} ended as {record.state}; "
            "see its log and push again"
        )
    entries = count_entries(load_challenges(challenges, skip_bad_tasks=True))
    read_submission(output_folder / SUBMISSION_FILE, entries)
    coverage = _read_coverage(output_folder / REPORT_FILE)
    if coverage < min_coverage:
        raise KaggleError(
            f"{output_folder}: coverage is {coverage:.1%}, below {min_coverage:.1%}; see the "
            "run's report and log for why, and push again"
        )
    return CheckedRun(record, coverage)


def submit(
    client: KaggleClient, run: CheckedRun, *, competition: str, message: str
) -> SubmitOutcome:
    """Submit a checked run, which starts the hidden rerun.

    Raises:
        KaggleError: if Kaggle refuses it, or does not say that it took it.
    """
    kernel = PushedKernel(run.record.ref, run.record.version, run.record.url)
    receipt = client.submit(competition, kernel, file=SUBMISSION_FILE, message=message)
    return SubmitOutcome(run, receipt)


def _read_coverage(path: Path) -> float:
    try:
        report = read_json(path)
    except DataError as error:
        raise KaggleError(f"{error}; without it the run's coverage is unknown") from error
    coverage = report.get("coverage") if isinstance(report, JsonObject) else None
    if not isinstance(coverage, int | float) or isinstance(coverage, bool):
        raise KaggleError(f"{path}: coverage: is missing or no number; push again")
    return float(coverage)
