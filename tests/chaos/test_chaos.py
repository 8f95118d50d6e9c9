"""Runs in which something goes wrong at a random moment.

Whatever it is: the submission is valid at every instant, no finished answer is lost, and the run
ends in time. CHAOS_RUNS says how many runs there are; ``make chaos`` does 200.
"""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import chaos_solver
import pytest
from chaos_run import BUDGET_S, build_challenges

from arc_submit.errors import RunError, SubmissionError
from arc_submit.runtime.journal import read_journal
from arc_submit.submission.build import count_entries
from arc_submit.submission.validate import read_submission

N_RUNS = int(os.environ.get("CHAOS_RUNS", "20"))
FOLDER = Path(__file__).parent
UNANSWERED = [[0]]


class Watcher(threading.Thread):
    """Looks at the submission all the time, and remembers every fault."""

    def __init__(self, run_dir: Path, n_tasks: int) -> None:
        super().__init__(daemon=True)
        self._path = run_dir / "submission.json"
        self._entries = count_entries(build_challenges(n_tasks))
        self._is_over = threading.Event()
        self.faults: list[str] = []
        self.n_looks = 0

    def run(self) -> None:
        while not self._is_over.wait(0.01):
            if self._path.exists():
                self.answered()

    def stop(self) -> None:
        self._is_over.set()
        self.join()

    def answered(self) -> set[str]:
        """Return the tasks with an answer of the model."""
        try:
            attempts = read_submission(self._path, self._entries)
        except SubmissionError as error:
            self.faults.append(str(error))
            return set()
        self.n_looks += 1
        return {t for t, pairs in attempts.items() if pairs[0][0].tolist() != UNANSWERED}


class Run:
    """The sittings of one run, and what is done to them."""

    def __init__(self, run_dir: Path, seed: int, fault: str) -> None:
        self._rng = random.Random(seed)
        self._fault = fault
        self.run_dir = run_dir
        self.n_tasks = self._rng.randint(6, 16)
        self._n_workers = self._rng.randint(1, 3)
        self._victim = f"task{self._rng.randrange(self.n_tasks)}"
        self.late_s: list[float] = []
        self.exit_codes: list[int] = []

    def start(self) -> subprocess.Popen[str]:
        paths = [str(FOLDER), *sys.path]
        return subprocess.Popen(
            [
                sys.executable,
                str(FOLDER / "chaos_run.py"),
                *map(str, (self.run_dir, self.n_tasks, self._n_workers)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ
            | {
                "PYTHONPATH": os.pathsep.join(paths),
                chaos_solver.FAULT: self._fault,
                chaos_solver.VICTIM: self._victim,
            },
        )

    def sit(self, disturb: Callable[[subprocess.Popen[str]], None] | None = None) -> str:
        """Run a sitting to its end and return what it printed."""
        before = self._spent_s()
        started = time.monotonic()
        process = self.start()
        if disturb is not None:
            self._wait_for_work(process)
            time.sleep(self._rng.uniform(0, 2.0))
            disturb(process)
        output, _ = process.communicate()
        self.late_s.append(time.monotonic() - started - (BUDGET_S - before))
        self.exit_codes.append(process.returncode)
        return output

    def recorded(self) -> set[str]:
        """Return the tasks that the journal holds an answer of."""
        journal = read_journal(self.run_dir / "journal.jsonl")
        return {r.task_id for r in journal.results if r.is_answered} if journal else set()

    def _spent_s(self) -> float:
        with contextlib.suppress(RunError):
            journal = read_journal(self.run_dir / "journal.jsonl")
            return journal.spent_s if journal else 0.0
        return 0.0

    def _wait_for_work(self, process: subprocess.Popen[str]) -> None:
        while process.poll() is None and not any(map(children, children(process.pid))):
            time.sleep(0.02)

    def disturb(self, process: subprocess.Popen[str]) -> None:
        """Do to a running sitting what can be done from outside."""
        workers = [pid for pid in children(process.pid) if children(pid)]
        match self._fault:
            case "kill_worker":
                kill(self._rng.choice(workers) if workers else None, signal.SIGKILL)
            case "stop_worker":
                kill(self._rng.choice(workers) if workers else None, signal.SIGSTOP)
            case "kill_child":
                found = [pid for worker in workers for pid in children(worker)]
                kill(self._rng.choice(found) if found else None, signal.SIGKILL)
            case "kill_coordinator" | "torn_journal":
                kill(process.pid, signal.SIGKILL)
            case "full_disk":
                self._fill_disk(process.pid)

    def _fill_disk(self, pid: int) -> None:
        """Let no file grow any more for a while: a journal gets a part of its next line."""
        journal = self.run_dir / "journal.jsonl"
        with contextlib.suppress(OSError):  # the run may be over
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            limit = journal.stat().st_size + self._rng.randint(0, 200)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, hard))
            time.sleep(self._rng.uniform(0.5, 2.0))
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


def children(pid: int) -> list[int]:
    try:
        lists = list(Path(f"/proc/{pid}/task").glob("*/children"))
        return [int(child) for path in lists for child in path.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def kill(pid: int | None, number: signal.Signals) -> None:
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def tear(journal: Path, rng: random.Random) -> None:
    """Cut the last line, as a crash while it was written would have."""
    content = journal.read_bytes()
    last = content.rstrip(b"\n").rfind(b"\n") + 1
    journal.write_bytes(content[: rng.randint(last, len(content) - 1)])


FROM_OUTSIDE = [
    "kill_worker",
    "kill_child",
    "kill_coordinator",
    "stop_worker",
    "full_disk",
    "torn_journal",
]
FROM_INSIDE = ["out_of_memory", "exception", "slow_stage"]
FAULTS = FROM_OUTSIDE + FROM_INSIDE


@pytest.mark.integration
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("seed", range(N_RUNS))
def test_run_survives(tmp_path: Path, seed: int) -> None:
    fault = FAULTS[seed % len(FAULTS)]
    run = Run(tmp_path, seed, fault)
    watcher = Watcher(tmp_path, run.n_tasks)
    watcher.start()

    output = run.sit(run.disturb if fault in FROM_OUTSIDE else None)
    finished = run.recorded()
    if fault in ("kill_coordinator", "torn_journal"):
        if fault == "torn_journal":
            tear(tmp_path / "journal.jsonl", random.Random(seed))
        output = run.sit()
    watcher.stop()

    assert run.exit_codes[-1] == 0, output
    assert not watcher.faults and watcher.n_looks > 10
    assert max(run.late_s) <= 0, "a sitting outlasted its budget"
    answered = watcher.answered()
    assert finished <= answered, "a finished answer was lost"
    # An exception is the end of a task; what it would have answered is not known.
    spared = {run._victim} if fault in FROM_INSIDE else set()
    expected = {f"task{i}" for i in range(run.n_tasks)} - spared
    assert expected <= answered, f"{fault}: {output}"
