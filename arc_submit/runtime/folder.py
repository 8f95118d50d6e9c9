"""The run folder: a submission that is complete and valid at every instant, and the journal."""

from __future__ import annotations

from pathlib import Path

from arc_submit.arc.task import Challenges, TaskId
from arc_submit.errors import RunError
from arc_submit.runtime.journal import Journal
from arc_submit.submission.build import build_submission, write_submission
from arc_submit.types import TaskResult

SUBMISSION_FILE = "submission.json"
JOURNAL_FILE = "journal.jsonl"


class RunFolder:
    """Keeps the results of one run, in memory and on disk.

    Opening it writes the fallback submission and starts the journal, in place of those of an
    earlier run.

    Args:
        path: created where missing.
        challenges: what the submission must cover.

    Raises:
        RunError: if the folder cannot be made.
        SubmissionError: if the submission cannot be written there.
    """

    def __init__(self, path: Path, challenges: Challenges) -> None:
        self.results: dict[TaskId, TaskResult] = {}
        """In the order in which they came."""
        self._path = path
        self._challenges = challenges
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._write_submission()  # before anything else can go wrong
            (path / JOURNAL_FILE).unlink(missing_ok=True)
        except OSError as error:
            raise RunError(
                f"{path}: cannot be written ({error.strerror}); choose another run folder"
            ) from error
        self._journal = Journal(path / JOURNAL_FILE)

    def add(self, result: TaskResult) -> None:
        """Keep a result; journal and submission hold it when this returns."""
        self.results[result.task_id] = result
        self._journal.append(result)
        self._write_submission()

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    def _write_submission(self) -> None:
        attempts = {task_id: result.attempts for task_id, result in self.results.items()}
        submission = build_submission(self._challenges, attempts)
        write_submission(self._path / SUBMISSION_FILE, submission)
