"""``draw``: hindsight experience replay on pictures, with its progress and figures."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from arc_submit.arc.canvases import canvas_names, get_canvas_task
from arc_submit.arc.task import Task
from arc_submit.cli.arguments import make_folder, read_duration
from arc_submit.cli.main import EXIT_OK
from arc_submit.cli.output import print_table, write_figures
from arc_submit.clock import Deadline, MonotonicClock
from arc_submit.config import RunConfig
from arc_submit.config_file import load_config
from arc_submit.errors import ConfigError, DataError
from arc_submit.pipeline import Tools
from arc_submit.presets import get_preset
from arc_submit.reporting.drawing import DrawnRound, DrawRecord, draw_canvas, freeze_model
from arc_submit.reporting.pictures import load_canvas, plot_rounds
from arc_submit.reporting.tables import draw_table, percent
from arc_submit.solver import build_tools
from arc_submit.types import StopReason

_DEFAULT_PRESET = "small-rounds"
_FILES = (".json", ".png")
_HEAD = "round    best    mean  unique   new  lines  heat  programs  seconds"


def draw(options: argparse.Namespace) -> int:
    """Draw pictures, with as many seeds as asked for."""
    tasks = _read_tasks(options.pictures)
    config = load_draw_config(options)
    limit_s = _parse_limit(options.limit)
    if options.seeds < 1:
        raise ConfigError(f"--seeds {options.seeds}: at least one run is needed")
    folder = make_folder("--output", options.output)
    preset = _preset(options)
    figures = {"frozen": options.frozen, "config": config.model_dump(mode="json")}
    runs: list[dict[str, object]] = []
    write_figures(options.json, {**figures, "runs": runs})
    tools = _build_tools(config, is_frozen=options.frozen)
    with tools.pool:
        for task in tasks:
            for seed in range(options.first_seed, options.first_seed + options.seeds):
                record = _draw_once(task, tools, config, seed, limit_s)
                _write_picture(record, folder / f"{task.task_id}-seed-{seed}.png")
                runs.append({**record.figures(), "preset": preset})
                write_figures(options.json, {**figures, "runs": runs})
    print_table(draw_table(runs))
    return EXIT_OK


def _read_tasks(pictures: Iterable[str]) -> list[Task]:
    names = [name for word in pictures for name in (canvas_names() if word == "all" else [word])]
    tasks: dict[str, Task] = {}
    for name in names:
        path = Path(name)
        task = load_canvas(path) if path.suffix.lower() in _FILES else get_canvas_task(name)
        if task.task_id in tasks:
            raise DataError(f"{name}: is the second picture named {task.task_id}; name each once")
        tasks[task.task_id] = task
    return list(tasks.values())


def _preset(options: argparse.Namespace) -> str | None:
    chosen: str | None = options.preset or (None if options.config else _DEFAULT_PRESET)
    return chosen


def load_draw_config(options: argparse.Namespace) -> RunConfig:
    """Return the configuration: the file, over it the preset, over that single options.

    Raises:
        ConfigError: if there is no such preset, or as :func:`arc_submit.config_file.load_config`.
    """
    preset = _preset(options)
    overrides = dict(_flatten(get_preset(preset))) if preset else {}
    if options.model is not None:
        overrides["model.path"] = options.model
    if options.max_rounds is not None:
        overrides["test_time_training.max_rounds"] = options.max_rounds
    if options.shuffled:
        overrides["test_time_training.order"] = "shuffled"
        overrides["test_time_training.replay.best"] = 0
    return load_config(Path(options.config) if options.config else None, overrides)


def _flatten(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _parse_limit(text: str | None) -> float | None:
    if text is None:
        return None
    limit_s = read_duration("--limit", text)
    if limit_s <= 0:
        raise ConfigError(f"--limit {text}: leaves no time; give more, or no limit")
    return limit_s


def _build_tools(config: RunConfig, *, is_frozen: bool) -> Tools:
    from arc_submit.models.loading import pick_device

    device = "cpu" if config.runtime.device == "cpu" else pick_device()
    tools = build_tools(config, device)
    return freeze_model(tools) if is_frozen else tools


def _draw_once(
    task: Task, tools: Tools, config: RunConfig, seed: int, limit_s: float | None
) -> DrawRecord:
    print(f"{task.task_id}, seed {seed}\n{_HEAD}", flush=True)
    deadline = None if limit_s is None else Deadline.after(limit_s, MonotonicClock())
    record = draw_canvas(
        task, tools, config, seed=seed, deadline=deadline, on_round=_round_printer()
    )
    print(_describe_end(record))
    return record


def _round_printer() -> Callable[[DrawnRound], None]:
    """Return what prints a line for each round of one run."""
    programs, seconds = 0, 0.0

    def show(done: DrawnRound) -> None:
        nonlocal programs, seconds
        programs += done.n_programs
        seconds += done.seconds
        print(
            f"{done.index + 1:5}{percent(done.best_accuracy):>8}{percent(done.mean_accuracy):>8}"
            f"{done.n_unique:8}{done.n_novel:6}{done.n_lines:7}{done.temperature_factor:6.2f}"
            f"{programs:10}{seconds:9.1f}",
            flush=True,
        )

    return show


def _describe_end(record: DrawRecord) -> str:
    if record.is_solved:
        return "solved"
    if record.stop_reason is StopReason.TOO_LONG:
        return "not solved: the picture does not fit the model's context"
    return f"not solved: {record.stop_reason}"


def _write_picture(record: DrawRecord, path: Path) -> None:
    """Write a run's picture, where the package that draws it is installed."""
    with contextlib.suppress(ModuleNotFoundError):
        plot_rounds(record, path)
        print(path)
    print(flush=True)
