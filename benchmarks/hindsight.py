"""Seconds to draw a picture by hindsight: the project's preset against the seeds' first settings.

Both run in this process on the same model, seeds in turn, so that a busy machine slows both. A run
that gives up counts with the time it took; the printed ratio is then a lower bound.

    python benchmarks/hindsight.py [--picture 25-squares] [--preset small-rounds] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

from arc_submit.arc.canvases import get_canvas_task
from arc_submit.arc.task import Task
from arc_submit.config import build_config
from arc_submit.models.loading import pick_device
from arc_submit.pipeline import build_tools
from arc_submit.presets import get_preset
from arc_submit.reporting.drawing import DrawRecord, draw_canvas


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
        for preset, records in runs.items():
            record = _draw(task, preset, seed)
            records.append(record)
            state = "solved" if record.is_solved else "gave up"
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


def _draw(task: Task, preset: str, seed: int) -> DrawRecord:
    config = build_config(get_preset(preset), source=preset)
    tools = build_tools(config, pick_device())
    with tools.pool:
        return draw_canvas(task, tools, config, seed=seed)


if __name__ == "__main__":
    main()
