"""One sitting of a run, as a process of its own: ``python chaos_run.py RUN_DIR TASKS WORKERS``.

The first sitting begins the run; one in a folder with a journal goes on with it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from arc_submit.arc.grid import freeze
from arc_submit.arc.task import BadTask, Challenges, Pair, Task
from arc_submit.clock import MonotonicClock
from arc_submit.config import RunConfig
from arc_submit.config_file import build_config
from arc_submit.runtime.coordinator import run_tasks
from arc_submit.runtime.identity import Identity
from arc_submit.runtime.journal import read_journal

BUDGET_S = 14.0


def build_challenges(n_tasks: int) -> Challenges:
    """Tasks that no scripted program solves, so that each is visited again and again."""
    rng = np.random.default_rng(0)
    tasks = {}
    for index in range(n_tasks):
        inputs = [freeze(rng.integers(1, 10, (3, 2), dtype=np.int8)) for _ in range(3)]
        output = freeze(np.full((2, 2), index % 10, dtype=np.int8))
        task_id = f"task{index}"
        tasks[task_id] = Task(task_id, tuple(Pair(i, output) for i in inputs[:2]), (inputs[2],))
    return Challenges("chaos", tasks, {"broken": BadTask("broken", "no pairs", 1)})


def build_run_config(n_workers: int) -> RunConfig:
    values = {
        "augmentation": {"views": 2},
        "sampling": {"draws": [{"count": 6, "temperature": 1.0}]},
        "test_time_training": {"max_rounds": 2, "max_prompt_tokens": 10**6},
        "runtime": {
            "budget": BUDGET_S,
            "reserve": 2.5,
            "min_share": 0.2,
            "workers": n_workers,
            "device": "cpu",
            "silence": 4.0,
        },
    }
    return build_config(values, source="chaos")


if __name__ == "__main__":
    clock = MonotonicClock()
    started = clock.now()
    run_dir, n_tasks, n_workers = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    journal = run_dir / "journal.jsonl"
    recorded = read_journal(journal) if journal.exists() else None
    outcome = run_tasks(
        build_challenges(n_tasks),
        build_run_config(n_workers),
        run_dir=run_dir,
        clock=clock,
        started=started - (recorded.spent_s if recorded else 0.0),
        identity=Identity({}, "scripted", f"{n_tasks} tasks"),
        recorded=recorded.results if recorded else None,
        on_result=lambda result: None,
        solver="chaos_solver:build",
    )
    print(outcome.cause)
