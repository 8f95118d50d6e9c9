"""Ten thousand random programs, most of them nonsense: each is answered and nothing is harmed."""

from __future__ import annotations

import builtins
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from random_programs import ProgramMaker
from sandboxes import (
    FLIP,
    INPUTS,
    NEVER,
    assert_flipped,
    count_processes,
    failures,
    unguarded_pool,
)

from arc_submit.config import ExecutionConfig
from arc_submit.dsl import NAMESPACE
from arc_submit.execution.pool import ExecutionPool
from arc_submit.types import Execution, Failure, FailureKind, Program

QUICK = ExecutionConfig(time_limit_s=0.2, memory_mb=64)
BATCH = 250
N_BATCHES = 40


@pytest.fixture
def pools() -> Iterator[tuple[ExecutionPool, ExecutionPool]]:
    """With the guard, and with nothing but the child's own fences."""
    with ExecutionPool(QUICK) as guarded, unguarded_pool(limits=QUICK) as bare:
        yield guarded, bare


def test_random_programs_harm_nothing(
    pools: tuple[ExecutionPool, ExecutionPool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kinds: Counter[FailureKind | None] = Counter()

    @settings(
        max_examples=N_BATCHES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
    )
    @given(seed=st.integers(0, 2**64), is_guarded=st.booleans())
    def run(seed: int, is_guarded: bool) -> None:
        maker = ProgramMaker(random.Random(seed), foreign=0.01 if is_guarded else 0.05)
        programs = [Program(maker.make()) for _ in range(BATCH)]
        pool = pools[0 if is_guarded else 1]
        before = look_around()
        *executions, last = pool.run([*programs, FLIP], INPUTS, deadline=NEVER)
        assert [execution.program for execution in executions] == programs
        for execution in executions:
            assert_well_formed(execution)
            kinds.update(failures(execution))
        assert_flipped(last)
        assert look_around() == before
        for child in pool._children:
            assert count_processes(child.pid) <= 1

    run()
    assert kinds.total() >= N_BATCHES * BATCH
    assert kinds.keys() >= {
        None,
        FailureKind.SYNTAX,
        FailureKind.FORBIDDEN,
        FailureKind.ERROR,
        FailureKind.TIMEOUT,
        FailureKind.BAD_OUTPUT,
    }


def look_around() -> object:
    """Return what a program might have changed in this process and beside it."""
    return (
        sorted(os.listdir()),
        sorted(os.listdir("/")),
        dict(os.environ),
        {name: id(value) for name, value in vars(builtins).items()},
        {name: id(value) for name, value in NAMESPACE.items()},
        [grid.tolist() for grid in INPUTS],
    )


def assert_well_formed(execution: Execution) -> None:
    assert len(execution.outputs) == len(INPUTS)
    for output in execution.outputs:
        if not isinstance(output, Failure):
            assert output.dtype == np.int8 and output.ndim == 2
            assert all(0 < side <= 30 for side in output.shape)
            assert output.min() >= 0 and output.max() <= 9
