"""Programs per second in the pool, against one interpreter per program, in the same run.

Both run distinct programs of a few draws on the same four grids and hand the outputs back. The
baseline starts ``python`` for each program, as the obvious way to isolate one does.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from arc_submit.arc.grid import Grid, freeze, to_rows
from arc_submit.clock import Deadline
from arc_submit.config import ExecutionConfig
from arc_submit.execution.pool import ExecutionPool
from arc_submit.types import Failure, Program

_BASELINE = """
import json, sys
import numpy as np
from arc_submit.dsl import NAMESPACE
request = json.load(sys.stdin)
namespace = dict(NAMESPACE)
exec(request["source"], namespace)
inputs = [np.array(rows, dtype=np.int8) for rows in request["inputs"]]
json.dump([namespace["task"](grid).tolist() for grid in inputs], sys.stdout)
"""


def main() -> None:
    """Measure, print the figures and write them where ``--json`` says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=int, default=20_000)
    parser.add_argument("--subprocesses", type=int, default=20)
    parser.add_argument("--size", type=int, default=2, help="children of the pool")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rng = random.Random(0)
    programs = [_build_program(rng) for _ in range(arguments.programs)]
    inputs = [freeze(np.full((10, 10), color)) for color in range(4)]
    in_pool = _measure_pool(programs, inputs, size=arguments.size)
    alone = _measure_subprocesses(programs[: arguments.subprocesses], inputs)
    print(f"pool of {arguments.size}: {in_pool:,.0f} programs/s")
    print(f"one subprocess per program: {alone:,.1f} programs/s")
    print(f"ratio: {in_pool / alone:,.0f}")
    if arguments.json is not None:
        figures = {"programs_per_s": in_pool, "ratio_to_subprocess": in_pool / alone}
        arguments.json.write_text(json.dumps(figures) + "\n", encoding="utf-8")


def _build_program(rng: random.Random) -> Program:
    lines = ["def task(img):"]
    for _ in range(3):
        top, left, bottom, right = (rng.randrange(10) for _ in range(4))
        points = f"({top}, {left}), ({bottom}, {right})"
        lines.append(f"    img = draw_rectangle(img, {points}, {rng.randrange(10)})")
    return Program("\n".join([*lines, "    return img"]))


def _measure_pool(programs: list[Program], inputs: list[Grid], *, size: int) -> float:
    with ExecutionPool(ExecutionConfig(), size=size) as pool:
        pool.run(programs[: 64 * size], inputs, deadline=Deadline.never())
        start = time.perf_counter()
        executions = pool.run(programs, inputs, deadline=Deadline.never())
        seconds = time.perf_counter() - start
    assert not any(isinstance(output, Failure) for e in executions for output in e.outputs)
    return len(programs) / seconds


def _measure_subprocesses(programs: list[Program], inputs: list[Grid]) -> float:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    rows = [to_rows(grid) for grid in inputs]
    start = time.perf_counter()
    for program in programs:
        subprocess.run(
            [sys.executable, "-c", _BASELINE],
            input=json.dumps({"source": program.source, "inputs": rows}).encode(),
            env=environment,
            stdout=subprocess.PIPE,
            check=True,
        )
    return len(programs) / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
