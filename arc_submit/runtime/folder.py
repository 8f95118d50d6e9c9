"""The run folder: a submission that is complete and valid at every instant, and the journal.

A disk that is full costs nothing that was written before, and nothing at all if there is space
again before the run ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path

from arc_submit.arc.task import Challenges, TaskId
from arc_submit.errors import RunError, SubmissionError
from arc_submit.runtime.identity import Identity
from arc_submit.runtime.journal import Journal
from arc_submit.runtime.merging import add_result
from arc_submit.submission.build import build_submission, write_submission
from arc_submit.types import TaskResult

CONFIG_FILE = "config.json"
CHALLENGES_FILE = "challenges.json"
SOLUTIONS_FILE = "solutions.json"
SUBMISSION_FILE = "submission.json"
JOURNAL_FILE = "journal.jsonl"


class RunFolder:
    """Keeps the results of one run, in memory and on disk.

    Opening it writes a submission of what is known and opens the journal, anew or to go on with.

    Args:
        path: created where missing.
        challenges: what the submission must cover.
        identity: of the run.
        recorded: results that the journal there holds; None starts a new one in its place.

    Raises:
        RunError: if the folder cannot be made.
        SubmissionError: if the submission cannot be written there.
    """

    def __init__(
        self,
        path: Path,
        challenges: Challenges,
        identity: Identity,
        recorded: Sequence[TaskResult] | None = None,
    ) -> None:
        self.results: dict[TaskId, TaskResult] = {}
        """In the order in which they came."""
        self._path = path
        self._challenges = challenges
        self._unwritten: deque[tuple[TaskResult, float]] = deque()
        self._is_stale = False
        for result in recorded or ():
            add_result(self.results, result)
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._write_submission()  # before anything else can go wrong
            if recorded is None:
                (path / JOURNAL_FILE).unlink(missing_ok=True)
        except OSError as error:
            raise RunError(
                f"{path}: cannot be written ({error.strerror}); choose another run folder"
            ) from error
        self._journal = Journal(path / JOURNAL_FILE, identity)

    def add(self, result: TaskResult, *, spent_s: float) -> TaskResult:
        """Keep what a visit came to; journal and submission hold it as soon as the disk takes it.

        Args:
            spent_s: of the run's time.

        Returns:
            What all visits to the task came to.
        """
        merged = add_result(self.results, result)
        self._unwritten.append((result, spent_s))
        self._is_stale = True
        self.flush()
        return merged

    def flush(self) -> RunError | SubmissionError | None:
        """Write what the disk has not taken yet; return why that did not go, where it did not."""
        try:
            while self._unwritten:
                result, spent_s = self._unwritten[0]
                self._journal.append(result, spent_s=spent_s)
                self._unwritten.popleft()
            if self._is_stale:
                self._write_submission()
                self._is_stale = False
        except (RunError, SubmissionError) as error:
            return error
        return None

    def close(self) -> None:
        """Close the journal.

        Raises:
            RunError, SubmissionError: if there is something that the disk does not take.
        """
        trouble = self.flush()
        self._journal.close()
        if trouble is not None:
            raise trouble

    def _write_submission(self) -> None:
        attempts = {task_id: result.attempts for task_id, result in self.results.items()}
        submission = build_submission(self._challenges, attempts)
        write_submission(self._path / SUBMISSION_FILE, submission)
