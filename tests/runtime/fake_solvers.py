"""Solvers for worker processes of the tests, named there as ``fake_solvers:...``."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from arc_submit.arc.grid import freeze
from arc_submit.arc.task import Task
from arc_submit.clock import Deadline
from arc_submit.config import RunConfig
from arc_submit.errors import ModelError
from arc_submit.runtime.identity import Identity
from arc_submit.types import AttemptPair, Profile, StopReason, Tally, TaskResult

IDENTITY = Identity({"seed": 0}, "model", "challenges")
ANSWER = freeze(np.array([[7]]))


def answer(task: Task, message: str = "") -> TaskResult:
    """A result whose first attempts are all ANSWER."""
    n_tests = len(task.test_inputs)
    return TaskResult(
        task_id=task.task_id,
        attempts=(AttemptPair(ANSWER, None),) * n_tests,
        tallies=(Tally((ANSWER,), (1,), 0),) * n_tests,
        stop_reason=StopReason.SOLVED,
        rounds=1,
        seconds=0.0,
        train_exact=1,
        n_train=len(task.train),
        program="",
        message=message,
    )


class FakeSolver:
    """Does what it is told on tasks of one name, and answers the others."""

    def __init__(self, misdeed: Callable[[Task, Deadline], None], task_id: str = "bad") -> None:
        self._misdeed = misdeed
        self._task_id = task_id

    def solve(self, task: Task, deadline: Deadline, *, visit: int, profile: Profile) -> TaskResult:
        if task.task_id == self._task_id:
            self._misdeed(task, deadline)
        return answer(task, message=os.environ["OMP_NUM_THREADS"])

    def close(self) -> None:
        pass


def works(config: RunConfig, device: str) -> FakeSolver:
    return FakeSolver(lambda task, deadline: None)


def raises(config: RunConfig, device: str) -> FakeSolver:
    def fail(task: Task, deadline: Deadline) -> None:
        raise IndexError("no such\nrow")

    return FakeSolver(fail)


def exits(config: RunConfig, device: str) -> FakeSolver:
    return FakeSolver(lambda task, deadline: os._exit(3))


def confuses_tasks(config: RunConfig, device: str) -> FakeSolver:
    class Confused(FakeSolver):
        def solve(
            self, task: Task, deadline: Deadline, *, visit: int, profile: Profile
        ) -> TaskResult:
            return answer(Task("another", task.train, task.test_inputs))

    return Confused(lambda task, deadline: None)


def hangs(config: RunConfig, device: str) -> FakeSolver:
    """Neither the deadline nor SIGTERM ends it."""

    def hang(task: Task, deadline: Deadline) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(60)

    return FakeSolver(hang)


def keeps_deadline(config: RunConfig, device: str) -> FakeSolver:
    return FakeSolver(lambda task, deadline: time.sleep(max(0.0, deadline.remaining_s)))


def dies_at_start(config: RunConfig, device: str) -> FakeSolver:
    os._exit(4)


def lacks_model(config: RunConfig, device: str) -> FakeSolver:
    raise ModelError("/no/model: no such folder; check model.path")


def starts_forever(config: RunConfig, device: str) -> FakeSolver:
    while True:
        time.sleep(60)


def hangs_with_note(config: RunConfig, device: str) -> FakeSolver:
    """Writes its process id into the file that model.path names, then hangs."""

    def hang(task: Task, deadline: Deadline) -> None:
        path = Path(config.model.path)
        path.with_suffix(".tmp").write_text(str(os.getpid()))
        os.replace(path.with_suffix(".tmp"), path)
        while True:
            time.sleep(60)

    return FakeSolver(hang)


def runs_out_of_memory(config: RunConfig, device: str) -> FakeSolver:
    """Unless it is asked for less."""

    class Hungry(FakeSolver):
        def solve(
            self, task: Task, deadline: Deadline, *, visit: int, profile: Profile
        ) -> TaskResult:
            if task.task_id == "bad" and profile is Profile.FULL:
                raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
            return answer(task, message=f"{profile} profile")

    return Hungry(lambda task, deadline: None)


def stops_once(config: RunConfig, device: str) -> FakeSolver:
    """Its process is stopped, as if it hung, on the full profile."""

    class Stopping(FakeSolver):
        def solve(
            self, task: Task, deadline: Deadline, *, visit: int, profile: Profile
        ) -> TaskResult:
            if task.task_id == "bad" and profile is Profile.FULL:
                os.kill(os.getpid(), signal.SIGSTOP)
            return answer(task, message=profile)

    return Stopping(lambda task, deadline: None)


def comes_back(config: RunConfig, device: str) -> FakeSolver:
    """Has no final answer before its third visit."""

    class Slow(FakeSolver):
        def solve(
            self, task: Task, deadline: Deadline, *, visit: int, profile: Profile
        ) -> TaskResult:
            result = answer(task, message=f"visit {visit}")
            if visit >= 2:
                return result
            return replace(result, stop_reason=StopReason.PAUSED, train_exact=0)

    return Slow(lambda task, deadline: None)
