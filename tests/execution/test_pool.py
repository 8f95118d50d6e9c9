"""Whatever a program does, its own execution is a failure and everyone else's is right."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sandboxes import (
    FLIP,
    INPUTS,
    LIMITS,
    NEVER,
    assert_flipped,
    failures,
    message,
    program,
    rows,
    run_between_flips,
)

from arc_submit.arc.grid import freeze
from arc_submit.clock import Deadline, ManualClock
from arc_submit.config import ExecutionConfig
from arc_submit.dsl import PRIMITIVES
from arc_submit.errors import RunError
from arc_submit.execution import process
from arc_submit.execution.pool import ExecutionPool
from arc_submit.types import Failure, FailureKind, Program

LOOP = program("for i in range(10**12):", "    pass", "return img")


@pytest.fixture(scope="module")
def pool() -> Iterator[ExecutionPool]:
    with ExecutionPool(LIMITS) as pool:
        yield pool


# ---- programs that work


def test_outputs_are_grids_in_the_order_of_the_inputs(pool: ExecutionPool) -> None:
    (execution,) = pool.run([FLIP], INPUTS, deadline=NEVER)
    assert_flipped(execution)
    assert execution.seconds >= 0
    assert all(isinstance(o, np.ndarray) and not o.flags.writeable for o in execution.outputs)


@pytest.mark.parametrize("name", PRIMITIVES)
def test_every_primitive_runs_in_the_child(pool: ExecutionPool, name: str) -> None:
    grid = freeze(np.arange(36).reshape(6, 6) % 10)
    source = program(f"made = {PRIMITIVES[name].example}", "return img")
    (execution,) = pool.run([source], [grid], deadline=NEVER)
    assert failures(execution) == {None}, message(execution)


def test_two_thousand_mixed_programs_come_back_in_order() -> None:
    programs, expected = [], []
    for i in range(2000):
        line, kind = [
            (f"return create_img((2, 2), {i % 10}) + {i} * 0", None),
            (f"return create_img((2, 2), {i % 10})[{i + 2}]", FailureKind.ERROR),
            (f"import os{i}", FailureKind.FORBIDDEN),
            (f"return ({i}", FailureKind.SYNTAX),
            (f"return {i + 10}", FailureKind.BAD_OUTPUT),
        ][i % 5]
        programs.append(program(line))
        expected.append([[i % 10] * 2] * 2 if kind is None else kind)
    with ExecutionPool(LIMITS, size=2) as pool:
        executions = pool.run(programs, INPUTS[:1], deadline=NEVER)
    assert [execution.program for execution in executions] == programs
    assert [
        output.kind if isinstance(output, Failure) else output.tolist()
        for execution in executions
        for output in execution.outputs
    ] == expected


def test_identical_sources_are_run_once(pool: ExecutionPool) -> None:
    programs = [Program(FLIP.source), LOOP, Program(FLIP.source), LOOP]
    first, loop, second, again = pool.run(programs, INPUTS, deadline=NEVER)
    assert first.outputs is second.outputs
    assert loop.outputs is again.outputs
    assert second.program is programs[2]


def test_no_programs_and_no_inputs_are_fine(pool: ExecutionPool) -> None:
    assert pool.run([], INPUTS, deadline=NEVER) == []
    (execution,) = pool.run([FLIP], [], deadline=NEVER)
    assert execution.outputs == ()


def test_one_input_may_fail_where_another_does_not(pool: ExecutionPool) -> None:
    (execution,) = pool.run([program("return img[:, :2] * img[1, 1]")], INPUTS, deadline=NEVER)
    first, second = execution.outputs
    assert isinstance(first, Failure) or first.tolist() == [[4, 8], [12, 16]]
    assert isinstance(second, Failure)
    assert second.kind is FailureKind.ERROR
    assert second.message.startswith("IndexError: ")


# ---- programs that fail


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (["for i in range(10**12):", "    pass", "return img"], FailureKind.TIMEOUT),
        (["xs = [1]", "for x in xs:", "    xs[0] = reversed(xs)", "    xs.extend([1])"], None),
        (["return 9 ** 9 ** int(8 + img[0, 0] * 0)"], FailureKind.TIMEOUT),
        (["return [0] * 10**9"], FailureKind.MEMORY),
        (["return create_img((30000, 30000), 1)"], FailureKind.MEMORY),
        (["return tile(img, (10000, 20000))"], FailureKind.MEMORY),
        (["return 'a' * 10**9"], FailureKind.MEMORY),
        (["return range(10**40)[0]"], FailureKind.BAD_OUTPUT),
        (["return unknown"], FailureKind.ERROR),
        (["while True: pass"], FailureKind.FORBIDDEN),
        (["pass"], FailureKind.BAD_OUTPUT),
        (["return img / 0"], FailureKind.BAD_OUTPUT),
        (["return img / 2"], FailureKind.BAD_OUTPUT),
        (["return img == 1"], FailureKind.BAD_OUTPUT),
        (["return [[1, 2], [3]]"], FailureKind.BAD_OUTPUT),
        (["return img[:0]"], FailureKind.BAD_OUTPUT),
        (["return create_img((31, 1), 1)"], FailureKind.BAD_OUTPUT),
        (["return create_img((5000, 5000), 1)"], FailureKind.BAD_OUTPUT),
        (["return [[[0] * 1000] * 1000] * 1000"], FailureKind.BAD_OUTPUT),
        (["a = [1]", "a.append(a)", "return [a]"], FailureKind.BAD_OUTPUT),
    ],
)
def test_a_failing_program_harms_no_other(
    pool: ExecutionPool, lines: list[str], kind: FailureKind | None
) -> None:
    got = failures(run_between_flips(pool, program(*lines)))
    assert got == {kind} if kind else got <= {FailureKind.TIMEOUT, FailureKind.MEMORY}


def test_the_time_limit_is_for_all_inputs_together(pool: ExecutionPool) -> None:
    only_first = program("if img.shape[0] == 1:", "    for i in range(10**12):", "        pass")
    assert failures(run_between_flips(pool, only_first)) == {FailureKind.TIMEOUT}


def test_garbage_of_one_program_is_not_held_against_the_next(pool: ExecutionPool) -> None:
    hoard = program("a = [create_img((6500, 6500), 1)]", "a.append(a)", "return img")
    large = program("a = create_img((9000, 9000), 1)", "return img")
    for execution in pool.run([hoard, large, FLIP], INPUTS, deadline=NEVER):
        assert failures(execution) == {None}


def test_a_program_that_changes_its_input_changes_only_its_own(pool: ExecutionPool) -> None:
    execution = run_between_flips(pool, program("img[:] = 7", "return img"))
    assert rows(execution.outputs[0]) == [[7, 7], [7, 7]]
    assert INPUTS[0].tolist() == [[1, 2], [3, 4]]


# ---- what the child carries


def test_the_kernel_limits_the_child(pool: ExecutionPool) -> None:
    pool.run([FLIP], INPUTS, deadline=NEVER)
    text = Path(f"/proc/{pool._children[0].pid}/limits").read_text()
    hard = {line[:26].strip(): line[26:].split()[1] for line in text.splitlines()[1:]}
    soft = {line[:26].strip(): line[26:].split()[0] for line in text.splitlines()[1:]}
    assert hard["Max open files"] == "3"
    assert hard["Max file size"] == hard["Max core file size"] == hard["Max processes"] == "0"
    assert 128 * 2**20 < int(hard["Max address space"]) < 2**32
    assert 0 < int(soft["Max cpu time"]) < 600


def test_the_child_cannot_gain_privileges_and_dies_with_its_parent() -> None:
    script = (
        "import os, sys\n"
        "from arc_submit.clock import Deadline\n"
        "from arc_submit.config import ExecutionConfig\n"
        "from arc_submit.execution.pool import ExecutionPool\n"
        "from arc_submit.types import Program\n"
        "pool = ExecutionPool(ExecutionConfig())\n"
        "pool.run([Program('')], [], deadline=Deadline.never())\n"
        "pid = pool._children[0].pid\n"
        "print(pid, 'NoNewPrivs:\\t1' in open(f'/proc/{pid}/status').read(), flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=False)
    pid, is_confined = done.stdout.decode().split()
    assert is_confined == "True"
    for _ in range(100):
        if not _is_running(int(pid)):
            return
        time.sleep(0.1)
    raise AssertionError("the child outlived its parent")


def _is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rsplit(")", 1)[1].split()[0] != "Z"


# ---- children


def test_a_child_killed_in_mid_batch_costs_only_its_program() -> None:
    programs = [program(f"x = {i}", "return img[:, ::-1]") for i in range(40)]
    programs.insert(5, LOOP)
    with ExecutionPool(ExecutionConfig(time_limit_s=60)) as pool:

        def kill() -> None:
            while not any(child.pending[:1] == [LOOP.source] for child in pool._children):
                time.sleep(0.01)
            os.kill(pool._children[0].pid, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        executions = pool.run(programs, INPUTS, deadline=NEVER)
        killer.join()
    victim = executions.pop(5)
    assert failures(victim) == {FailureKind.CRASH}
    assert "signal 9" in message(victim)
    for execution in executions:
        assert_flipped(execution)


def test_a_child_that_died_idle_costs_nothing() -> None:
    with ExecutionPool(LIMITS) as pool:
        for _ in range(3):
            (execution,) = pool.run([FLIP], INPUTS, deadline=NEVER)
            assert_flipped(execution)
            os.kill(pool._children[0].pid, signal.SIGKILL)


def test_children_start_when_needed_and_are_gone_after_close() -> None:
    with ExecutionPool(LIMITS, size=2) as pool:
        assert pool._children == []
        pool.run([FLIP], INPUTS, deadline=NEVER)
        pids = [child.pid for child in pool._children]
    assert len(pids) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_a_child_that_cannot_start_is_an_error_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "_BOOTSTRAP", "raise SystemExit('no numpy on this machine')")
    with (
        ExecutionPool(LIMITS) as pool,
        pytest.raises(RunError, match="no numpy on this machine"),
    ):
        pool.run([FLIP], INPUTS, deadline=NEVER)


def test_a_pool_without_children_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        ExecutionPool(LIMITS, size=0)


# ---- the deadline


def test_past_the_deadline_nothing_is_started() -> None:
    with ExecutionPool(LIMITS) as pool:
        executions = pool.run([FLIP, LOOP], INPUTS, deadline=Deadline.after(0, ManualClock()))
        assert pool._children == []
    for execution in executions:
        assert execution.outputs == (Failure(FailureKind.TIMEOUT, "deadline"),) * 2


def test_a_deadline_in_mid_run_keeps_what_is_done_and_the_pool_goes_on() -> None:
    clock = ManualClock()
    with ExecutionPool(ExecutionConfig(time_limit_s=60)) as pool:

        def end_time() -> None:
            while not any(child.pending[:1] == [LOOP.source] for child in pool._children):
                time.sleep(0.01)
            clock.advance(10)
            os.kill(pool._children[0].pid, signal.SIGKILL)  # wakes the pool, whose clock is ours

        waker = threading.Thread(target=end_time)
        waker.start()
        last = program("return img")
        done, _, cut = pool.run([FLIP, LOOP, last], INPUTS, deadline=Deadline.after(9, clock))
        waker.join()
        assert_flipped(done)
        assert message(cut) == "deadline"
        assert_flipped(pool.run([FLIP], INPUTS, deadline=NEVER)[0])


def test_a_real_deadline_ends_a_running_program() -> None:
    with ExecutionPool(ExecutionConfig(time_limit_s=600)) as pool:
        pool.run([FLIP], INPUTS, deadline=NEVER)
        (execution,) = pool.run([LOOP], INPUTS, deadline=Deadline.after(0.2, type(NEVER.clock)()))
    assert message(execution) == "deadline"
