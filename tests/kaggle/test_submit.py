"""Only a complete run with a valid file and enough answers gets as far as Kaggle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kaggle_server import serving

from arc_submit.errors import KaggleError, SubmissionError
from arc_submit.kaggle.upload.client import KaggleClient
from arc_submit.kaggle.upload.push import RECORD_FILE, PushRecord
from arc_submit.kaggle.upload.submit import REPORT_FILE, CheckedRun, check_run, submit

PAIR = {"input": [[1]], "output": [[2]]}
CHALLENGES = {"t1": {"train": [PAIR], "test": [{"input": [[1]]}]}}
SUBMISSION = {"t1": [{"attempt_1": [[2]], "attempt_2": [[0]]}]}
RECORD = PushRecord(ref="alice/arc-submit", version=7, url="u", accelerator="", state="complete")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """The outputs of a run that may be submitted."""
    folder = tmp_path / "arc-submit-v7"
    (folder / "run").mkdir(parents=True)
    (folder / RECORD_FILE).write_text(RECORD.model_dump_json())
    (folder / REPORT_FILE).write_text(json.dumps({"coverage": 0.75}))
    (folder / "submission.json").write_text(json.dumps(SUBMISSION))
    (tmp_path / "challenges.json").write_text(json.dumps(CHALLENGES))
    return folder


def check(output: Path, min_coverage: float = 0.5) -> CheckedRun:
    challenges = output.parent / "challenges.json"
    return check_run(output, challenges=challenges, min_coverage=min_coverage)


def test_good_run_is_submitted_as_the_version_it_is(output: Path, tmp_path: Path) -> None:
    with serving() as server:
        client = KaggleClient(environment=server.environment(tmp_path / "client"), waits_s=())
        outcome = submit(client, check(output), competition="arc", message="first")
        fields = server.named("CreateCodeSubmission")[0].fields
    assert (fields["kernelSlug"], fields["kernelVersion"]) == ("arc-submit", 7)
    assert fields["fileName"] == "submission.json"
    assert outcome.run.coverage == 0.75
    assert outcome.receipt.message == "Successfully submitted to ARC"


def test_low_or_unknown_coverage_is_refused(output: Path) -> None:
    with pytest.raises(KaggleError, match=r"coverage is 75\.0%, below 80\.0%"):
        check(output, min_coverage=0.8)
    (output / REPORT_FILE).write_text('{"coverage": null}')
    with pytest.raises(KaggleError, match="coverage: is missing or no number"):
        check(output)
    (output / REPORT_FILE).unlink()
    with pytest.raises(KaggleError, match="without it the run's coverage is unknown"):
        check(output, min_coverage=0.0)


def test_invalid_submission_is_refused(output: Path) -> None:
    (output / "submission.json").write_text('{"t1": []}')
    with pytest.raises(SubmissionError, match="has 0 entries; expected 1"):
        check(output)


def test_run_that_failed_or_is_not_known_is_refused(output: Path) -> None:
    failed = RECORD.model_copy(update={"state": "error"})
    (output / RECORD_FILE).write_text(failed.model_dump_json())
    with pytest.raises(KaggleError, match="version 7 of alice/arc-submit ended as error"):
        check(output)
    (output / RECORD_FILE).unlink()
    with pytest.raises(KaggleError, match="does not say which version of a kernel"):
        check(output)
