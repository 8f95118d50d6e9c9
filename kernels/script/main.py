"""Runs arc-submit in a Kaggle kernel, and leaves a valid submission.json whatever happens.

`arc-submit kaggle build` makes the kernels from this module and submission_config.json. Only the
standard library is used: nothing else of arc-submit is there before the wheels are installed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Any

SETTINGS: dict[str, Any] = json.loads(r"""
{
  "owner": "your-kaggle-name",
  "competition": "arc-prize-2026-arc-agi-2",
  "dataset": "arc-submit-wheels",
  "model": null,
  "smoke_tasks": 4,
  "config": {
    "seed": 0,
    "model": {
      "path": "bundled",
      "dtype": "auto",
      "prompt": null,
      "grid_encoder": null,
      "load_in_4bit": false,
      "max_context": 6144
    },
    "augmentation": {
      "views": 8,
      "symmetries": true,
      "permute_colors": true,
      "keep_background": true,
      "shuffle_pairs": true,
      "windows": 0
    },
    "sampling": {
      "engine": "transformers",
      "draws": [
        {
          "count": 2,
          "temperature": 0.1
        },
        {
          "count": 10,
          "temperature": 0.9
        }
      ],
      "top_p": 0.98,
      "max_new_tokens": 160,
      "batch_size": 128,
      "vllm": {
        "memory_gb": null,
        "adapters": "auto",
        "attention_backend": null,
        "enforce_eager": null,
        "sleep": null
      }
    },
    "execution": {
      "time_limit_s": 0.5,
      "memory_mb": 512
    },
    "test_time_training": {
      "max_rounds": 1,
      "base_views": 0.0,
      "novelty": "new",
      "order": "ascending",
      "max_examples": 16,
      "max_prompt_tokens": 512,
      "replay": {
        "best": 0,
        "random": 0
      },
      "composition": {
        "count": 0,
        "max_parents": 4,
        "min_part": 0.3,
        "moved": 0.0,
        "pool": 64,
        "others": 0
      },
      "exploration": {
        "min_unique": 0.5,
        "temperature_step": 1.1,
        "max_factor": 1.4,
        "patience": 3
      },
      "epochs": 1,
      "batch_size": 8,
      "learning_rate": 0.001,
      "warmup": 0.0,
      "schedule": "constant",
      "keep_optimizer": true,
      "reset": "task",
      "lora": {
        "r": 16,
        "alpha": 32,
        "use_rslora": true,
        "use_dora": false,
        "target_modules": "all-linear"
      }
    },
    "runtime": {
      "budget": 42300.0,
      "reserve": 180.0,
      "min_share": 2.0,
      "workers": 2,
      "executor": "processes",
      "device": "cuda",
      "gpu": {
        "name": "T4",
        "count": 2,
        "min_memory_gb": 14.0,
        "min_compute_capability": 7.5
      },
      "policy": "marginal-gain",
      "silence": 300.0,
      "deterministic": false,
      "min_coverage": 0.0
    }
  }
}
""")

ROOT = Path(os.environ.get("ARC_SUBMIT_KAGGLE_ROOT", "/kaggle"))
"""Elsewhere in a rehearsal."""
IS_RERUN = bool(os.environ.get("KAGGLE_IS_COMPETITION_RERUN"))
"""Kaggle runs for the leaderboard, on the hidden tasks; else on those that everybody knows."""

CHALLENGES = "arc-agi_test_challenges.json"
MANIFEST = "wheelhouse.json"
LOCK = "requirements.lock"
DEPTHS = ("*/", "*/*/", "*/*/*/")
"""Where else under the inputs a file may lie: sessions differ in how they mount the same source."""

SMOKE_LIMIT_S = 1800.0
INSTALL_LIMIT_S = 1200.0
PUBLISH_EVERY_S = 2.0
GRACE_S = 30.0


class Fault(Exception):
    """What stands in the way of a run, in one line with its remedy."""


def main() -> None:
    """Run, and whatever happens leave a valid submission.json in the working folder."""
    signal.signal(signal.SIGTERM, _interrupt)
    say(f"{'competition rerun' if IS_RERUN else 'commit run'}, Python {sys.version.split()[0]}")
    entries: dict[str, int] = {}
    try:
        challenges = find_challenges()
        entries = count_entries(challenges)
        publish(entries)
        if not IS_RERUN:  # hidden tasks stay where they are
            shutil.copyfile(challenges, ROOT / "working" / "challenges.json")
        say(f"{len(entries)} tasks in {challenges}")
        solve(challenges, entries)
    except BaseException as error:  # a kernel that fails is not scored at all
        reason = str(error) if isinstance(error, Fault) else f"{type(error).__name__}: {error}"
        say(f"error: {reason}")
    try:
        publish(entries)
    except OSError as error:
        say(f"error: the last answers were not written ({error}); the file holds those before")


def solve(challenges: Path, entries: dict[str, int]) -> None:
    """Install, run, and publish what there is while it runs.

    Raises:
        Fault: if one of these fails.
    """
    started = time.monotonic()
    wheels = find_wheels()
    check_image(wheels)
    install(wheels)
    config = write_config()
    budget_s = config["runtime"]["budget"] - (time.monotonic() - started)
    command = [sys.executable, "-m", "arc_submit", "run", "--skip-bad-tasks"]
    command += ["--config", str(ROOT / "temp" / "submission_config.json")]
    command += ["--challenges", str(challenges), "--run-dir", str(ROOT / "working" / "run")]
    if SETTINGS["model"]:
        command += ["--model", str(find_model())]
    if not IS_RERUN:
        command += ["--tasks", str(SETTINGS["smoke_tasks"])]
        budget_s = min(budget_s, SMOKE_LIMIT_S)
    command += ["--budget", f"{budget_s:.0f}s"]
    code = run(command, budget_s + GRACE_S, lambda: publish(entries))
    if code:
        raise Fault(f"arc-submit run ended with code {code}; its last lines are above")


def find_challenges() -> Path:
    """Return the file of the tasks, wherever this session has mounted the competition."""
    slug = SETTINGS["competition"]
    return find_input(
        [f"competitions/{slug}/{CHALLENGES}", *(f"{any_}{CHALLENGES}" for any_ in DEPTHS)],
        f"{CHALLENGES} of the competition {slug}: add it to competition_sources",
    )


def find_wheels() -> Path:
    """Return the folder of the wheels."""
    owner, slug = SETTINGS["owner"], SETTINGS["dataset"]
    return find_input(
        [f"datasets/{owner}/{slug}/{MANIFEST}", *(f"{any_}{MANIFEST}" for any_ in DEPTHS)],
        f"{MANIFEST} of the dataset {owner}/{slug}: add it to dataset_sources",
    ).parent


def find_model() -> Path:
    """Return the folder of the model."""
    source = SETTINGS["model"]
    owner, _, rest = source.partition("/")
    places = [f"models/{owner}/{rest}", f"datasets/{owner}/{rest}", rest]
    return find_input(
        [f"{place}/{depth}config.json" for place in places for depth in ("", "*/")],
        f"config.json of the model {source}: add it to model_sources or dataset_sources",
    ).parent


def find_input(patterns: list[str], missing: str) -> Path:
    """Return the first file under the inputs that a pattern fits.

    Raises:
        Fault: naming what is missing, and what is there.
    """
    inputs = ROOT / "input"
    for pattern in patterns:
        for path in sorted(inputs.glob(pattern)):
            return path
    there = sorted(str(path.relative_to(inputs)) for path in inputs.glob("*"))
    raise Fault(f"{inputs} lacks {missing} (it holds {', '.join(there) or 'nothing'})")


def check_image(wheels: Path) -> None:
    """Raise a fault where the wheels were made for another image."""
    made_for = json.loads((wheels / MANIFEST).read_text(encoding="utf-8"))
    here = {"python": "{}.{}".format(*sys.version_info), "torch": "missing"}
    with suppress(metadata.PackageNotFoundError):
        here["torch"] = metadata.version("torch")
    for name, version in here.items():
        asked = made_for[name]
        if version.split("+")[0] != asked.split("+")[0]:
            raise Fault(
                f"this image has {name} {version}, and the wheels were made for {asked}: choose "
                "the image that was used then (kaggle.docker_image), or build wheels for this one"
            )


def install(wheels: Path) -> None:
    """Install exactly the wheels of the lock file, offline, and nothing in the working folder."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-cache-dir", "--no-deps"]
    command += ["--disable-pip-version-check", "--no-index", "--find-links", str(wheels)]
    command += ["--force-reinstall"]  # what has the same version is not taken for the same
    command += ["--require-hashes", "--requirement", str(wheels / LOCK)]
    code = run(command, INSTALL_LIMIT_S)
    if code:
        raise Fault(f"the wheels of {wheels} were not installed (pip ended with code {code})")
    say("installed the wheels")


def write_config() -> dict[str, Any]:
    """Write the configuration of the run, and return it."""
    config: dict[str, Any] = SETTINGS["config"]
    overrides = json.loads(os.environ.get("ARC_SUBMIT_REHEARSAL", "{}"))
    for path, value in overrides.items():
        part, key = path.split(".")
        config[part][key] = value
        say(f"rehearsal: {path} is {json.dumps(value)}")
    (ROOT / "temp").mkdir(parents=True, exist_ok=True)
    text = json.dumps(config)
    (ROOT / "temp" / "submission_config.json").write_text(text, encoding="utf-8")
    return config


def run(command: list[str], limit_s: float, meanwhile: Callable[[], None] | None = None) -> int:
    """Run a command in a process group of its own and return its exit code."""
    deadline = time.monotonic() + limit_s
    child = subprocess.Popen(command, start_new_session=True)
    try:
        while time.monotonic() < deadline:
            try:
                return child.wait(PUBLISH_EVERY_S)
            except subprocess.TimeoutExpired:
                if meanwhile is not None:
                    meanwhile()
        raise Fault(f"{' '.join(command[1:4])} was still running after {limit_s:.0f} s")
    finally:
        stop(child)


def stop(child: subprocess.Popen[bytes]) -> None:
    """End a child that still runs, and all that it started."""
    for signal_, wait_s in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0)):
        if child.poll() is None:
            os.killpg(child.pid, signal_)
            try:
                child.wait(wait_s)
            except subprocess.TimeoutExpired:
                continue


def count_entries(challenges: Path) -> dict[str, int]:
    """Return by task how many test inputs it has; a malformed one counts as one."""
    try:
        tasks = json.loads(challenges.read_text(encoding="utf-8"))
        return {task_id: max(1, len(task["test"])) for task_id, task in tasks.items()}
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise Fault(f"{challenges} cannot be read as ARC tasks ({error})") from error


def publish(entries: dict[str, int]) -> None:
    """Write submission.json: what the run has answered so far, and fallbacks for the rest."""
    target = ROOT / "working" / "submission.json"
    known = [read_answers(ROOT / "working" / "run" / "submission.json"), read_answers(target)]
    submission = {
        task_id: next(
            (answers[task_id] for answers in known if is_answer(answers.get(task_id), n)),
            [{"attempt_1": [[0]], "attempt_2": [[0]]}] * n,
        )
        for task_id, n in entries.items()
    }
    if not target.exists() or submission != known[1]:
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name("submission.json.new")
        new.write_text(json.dumps(submission), encoding="utf-8")
        new.replace(target)


def read_answers(path: Path) -> dict[str, Any]:
    """Return what a submission holds; nothing where it cannot be read."""
    try:
        answers = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return answers if isinstance(answers, dict) else {}


def is_answer(entries: object, n: int) -> bool:
    """Whether Kaggle takes it for a task with so many test inputs."""
    return isinstance(entries, list) and len(entries) == n and all(map(is_entry, entries))


def is_entry(entry: object) -> bool:
    """Whether Kaggle takes it for a test input."""
    return (
        isinstance(entry, dict)
        and entry.keys() == {"attempt_1", "attempt_2"}
        and all(map(is_grid, entry.values()))
    )


def is_grid(grid: object) -> bool:
    """Whether it is 1 to 30 rows of 1 to 30 colours each."""
    if not (isinstance(grid, list) and 1 <= len(grid) <= 30):
        return False
    widths = {len(row) if isinstance(row, list) else 0 for row in grid}
    return (
        len(widths) == 1
        and 1 <= max(widths) <= 30
        and all(type(cell) is int and 0 <= cell <= 9 for row in grid for cell in row)
    )


def say(text: str) -> None:
    """Print one line at once."""
    print(f"kernel: {text}", flush=True)


def _interrupt(signal_: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt("the session was ended")


if __name__ == "__main__":
    main()
