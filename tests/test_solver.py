"""What a worker's solver makes of one visit after another, with a scripted model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from scripted import build_tools

from arc_submit.arc.task import Task
from arc_submit.clock import Deadline
from arc_submit.config import ExecutionConfig
from arc_submit.config_file import build_config
from arc_submit.execution.pool import ExecutionPool
from arc_submit.pipeline import Tools
from arc_submit.solver import PipelineSolver, build_solver
from arc_submit.types import Profile, StopReason

DONE, PAUSED = StopReason.MAX_ROUNDS, StopReason.PAUSED
WRONG = "def task(img):\n    return img"


@pytest.fixture
def tools() -> Iterator[Tools]:
    with ExecutionPool(ExecutionConfig()) as pool:
        yield build_tools(pool, lambda prompt, draw: WRONG)


@pytest.mark.parametrize(
    ("max_rounds", "runtime", "profile", "reasons"),
    [
        (0, {}, Profile.FULL, [PAUSED, DONE]),
        (1, {}, Profile.FULL, [PAUSED, PAUSED, DONE]),
        (1, {}, Profile.SMALL, [DONE, DONE]),
        (1, {"deterministic": True}, Profile.FULL, [DONE]),
    ],
    ids=["sampling only", "with training", "small", "deterministic"],
)
def test_a_visit_that_leaves_some_of_the_work_is_only_a_pause(
    tools: Tools,
    flip_task: Task,
    max_rounds: int,
    runtime: dict[str, Any],
    profile: Profile,
    reasons: list[StopReason],
) -> None:
    """Otherwise that work would never be done."""
    values = {"test_time_training": {"max_rounds": max_rounds}, "runtime": runtime}
    config = build_config(values, source="test")
    solver = PipelineSolver(config, {profile: tools})
    results = [
        solver.solve(flip_task, Deadline.never(), visit=visit, profile=profile)
        for visit in range(len(reasons))
    ]
    assert [result.stop_reason for result in results] == reasons


@pytest.mark.parametrize(("chosen", "threads"), [(None, 1), ("2", 2)])
def test_threads_that_nobody_asked_for_are_not_used(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, chosen: str | None, threads: int
) -> None:
    before = torch.get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if chosen:
        monkeypatch.setenv("OMP_NUM_THREADS", chosen)
    torch.set_num_threads(2)  # as OpenMP does by itself, on two cores or by the variable
    try:
        config = build_config({"model": {"path": str(tiny_model)}}, source="test")
        build_solver(config, "cpu").close()
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
