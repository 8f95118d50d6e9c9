"""Programs per second in the pool, against one interpreter per program, in the same run.

Both run programs that the bundled model wrote for generated tasks it has not seen, right, wrong
and failing ones as they come, on the tasks' own grids, and hand the outputs back. The baseline
starts ``python`` for each program, as the obvious way to isolate one does, and refuses nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from arc_submit.arc.grid import Grid, to_rows
from arc_submit.augmentation.views import build_views
from arc_submit.clock import Deadline
from arc_submit.config import AugmentationConfig, ExecutionConfig, RunConfig
from arc_submit.dsl.generators import generate_task
from arc_submit.execution.pool import ExecutionPool
from arc_submit.models.loading import pick_device
from arc_submit.prompting import extract_program
from arc_submit.seeds import derive_seed
from arc_submit.solver import build_tools
from arc_submit.types import Execution, Failure, Program, SamplingParams

_SEED = 11
_PER_TASK = SamplingParams(count=100, temperature=1.0, top_p=1.0, max_new_tokens=160)
_BASELINE = """
import json, sys
import numpy as np
from arc_submit.dsl import NAMESPACE
request = json.load(sys.stdin)
namespace = dict(NAMESPACE)
exec(request["source"], namespace)
inputs = [np.array(rows, dtype=np.int8) for rows in request["inputs"]]
json.dump([np.asarray(namespace["task"](grid)).tolist() for grid in inputs], sys.stdout)
"""

Work = list[tuple[list[Program], tuple[Grid, ...]]]
"""The distinct programs written for each task, and the task's inputs."""


def main() -> None:
    """Sample, measure, print the figures and write them where ``--json`` says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=20, help="of each family, 100 samples each")
    parser.add_argument("--subprocesses", type=int, default=20)
    parser.add_argument("--size", type=int, default=2, help="children of the pool")
    parser.add_argument("--repeats", type=int, default=5, help="the best one counts")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    work = list(_sample(arguments.tasks))
    n_programs = sum(len(programs) for programs, _ in work)
    n_failing, seconds = _measure_pool(work, arguments.size, arguments.repeats)
    in_pool = n_programs / seconds
    alone = _measure_subprocesses(work, arguments.subprocesses)
    print(f"programs: {n_programs:,} for {len(work)} tasks, {n_failing:,} of them failing")
    print(f"pool of {arguments.size}: {in_pool:,.0f} programs/s")
    print(f"one subprocess per program: {alone:,.1f} programs/s")
    print(f"ratio: {in_pool / alone:,.0f}")
    if arguments.json is not None:
        figures = {
            "programs_per_s": in_pool,
            "ratio_to_subprocess": in_pool / alone,
            "programs": n_programs,
            "failing": n_failing,
        }
        arguments.json.write_text(json.dumps(figures) + "\n", encoding="utf-8")


def _sample(n_tasks: int) -> Iterator[tuple[list[Program], tuple[Grid, ...]]]:
    tools = build_tools(RunConfig(), pick_device())
    for family in ("drawing", "transform"):
        for index in range(n_tasks):
            generated = generate_task(family, seed=_SEED, index=index, difficulty={"max_side": 10})
            task = generated.as_task(f"{family}-{index}")
            (view,) = build_views(task, count=1, config=AugmentationConfig(), seed=_SEED)
            prompt = tools.prompter.render(view)
            if prompt is None:
                continue
            completions = tools.sampler.sample(
                [prompt], [_PER_TASK], seed=derive_seed(_SEED, index), deadline=Deadline.never()
            )
            parsed = [extract_program(completion.text) for completion in completions]
            programs = {program: None for program in parsed if isinstance(program, Program)}
            yield list(programs), view.task.inputs


def _measure_pool(work: Work, size: int, repeats: int) -> tuple[int, float]:
    """Return how many programs fail on an input, and the seconds for all programs."""
    with ExecutionPool(ExecutionConfig(), size=size) as pool:
        best_s = float("inf")
        for _ in range(repeats):
            start = time.perf_counter()
            executions = [
                execution
                for programs, inputs in work
                for execution in pool.run(programs, inputs, deadline=Deadline.never())
            ]
            best_s = min(best_s, time.perf_counter() - start)
    return sum(map(_fails, executions)), best_s


def _fails(execution: Execution) -> bool:
    return any(isinstance(output, Failure) for output in execution.outputs)


def _measure_subprocesses(work: Work, count: int) -> float:
    """Return programs per second, measured on ``count`` programs over all tasks."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    pairs = [(program, inputs) for programs, inputs in work for program in programs]
    chosen = pairs[:: -(-len(pairs) // count)]
    start = time.perf_counter()
    for program, inputs in chosen:
        request = {"source": program.source, "inputs": [to_rows(grid) for grid in inputs]}
        subprocess.run(
            [sys.executable, "-c", _BASELINE],
            input=json.dumps(request).encode(),
            env=environment,
            capture_output=True,
            check=False,
        )
    return len(chosen) / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
