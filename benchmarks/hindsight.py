"""Seconds to draw a picture by hindsight: the project's preset against the seeds' first settings.

Both run in this process on the same model, seeds in turn, so that a busy machine slows both. The
baseline goes on for as many rounds as it needs, but is stopped when it has taken several times as
long; it then counts with that time, and the printed ratio is a lower bound.

    python benchmarks/hindsight.py [--picture 25-squares] [--preset small-rounds] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from pathlib import Path

from arc_submit.arc.canvases import get_canvas_task
from arc_submit.arc.task import Task
from arc_submit.clock import Deadline
from arc_submit.config_file import build_config
from arc_submit.models.loading import pick_device
from arc_submit.presets import get_preset
from arc_submit.reporting.drawing import DrawRecord, draw_canvas
from arc_submit.solver import build_tools

_PATIENCE = 5.0
"""How many times our time the baseline may take."""
_ENOUGH_ROUNDS = 1000


def main() -> None:
    """Run both ways and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", default="25-squares")
    parser.add_argument("--preset", default="small-rounds")
    parser.add_argument("--baseline", default="seed-v1")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    task = get_canvas_task(options.picture)
    runs: dict[str, list[DrawRecord]] = {options.preset: [], options.baseline: []}
    for seed in range(options.seeds):
        limit_s = math.inf
        for preset, records in runs.items():
            record = _draw(task, preset, seed, limit_s)
            records.append(record)
            limit_s = _PATIENCE * record.seconds
            state = "solved" if record.is_solved else "not solved"
            print(f"{preset}, seed {seed}: {state} after {record.seconds:.1f} s", flush=True)
    ours, theirs = (
        statistics.median(record.seconds for record in records) for records in runs.values()
    )
    figures = {
        "picture": options.picture,
        "seconds": round(ours, 2),
        "baseline_seconds": round(theirs, 2),
        "ratio": round(theirs / ours, 2),
        "solved": sum(record.is_solved for record in runs[options.preset]),
        "baseline_solved": sum(record.is_solved for record in runs[options.baseline]),
        "runs": options.seeds,
    }
    for key, value in figures.items():
        print(f"{key:<18}{value}")
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=2) + "\n")


def _draw(task: Task, preset: str, seed: int, limit_s: float) -> DrawRecord:
    values = dict(get_preset(preset))
    if limit_s < math.inf:
        training = values["test_time_training"]
        values["test_time_training"] = {**training, "max_rounds": _ENOUGH_ROUNDS}
    config = build_config(values, source=preset)
    tools = build_tools(config, pick_device())
    deadline = Deadline.after(limit_s, tools.clock)
    with tools.pool:
        return draw_canvas(task, tools, config, seed=seed, deadline=deadline)


if __name__ == "__main__":
    main()
