"""Which worker runs where, found out without loading a numerical library."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

from arc_submit.config import GpuConfig, RunConfig, RuntimeConfig
from arc_submit.errors import RunError

_QUERY = "index,uuid,name,memory.total,compute_cap"
_MIB_PER_GB = 1024
_BFLOAT16_FROM = 8.0


@dataclass(frozen=True, slots=True)
class Gpu:
    """What the driver tells of a GPU."""

    index: str
    uuid: str
    name: str
    memory_gb: float
    """In units of 2**30 bytes."""
    compute_capability: float
    entry: str = ""
    """What selects it in CUDA_VISIBLE_DEVICES."""


def assign_devices(config: RunConfig, *, timeout_s: float = 10.0) -> list[str]:
    """Return one device per worker: all `cpu`, or each a GPU of its own.

    A GPU is written `cuda:` and its entry in CUDA_VISIBLE_DEVICES, its index where that is unset.

    Args:
        config: how many workers, and what the user asked for.
        timeout_s: how long the driver may take to list the GPUs; then there are none.

    Raises:
        RunError: if GPUs are asked for and there are fewer than workers, or others than
            ``runtime.gpu`` and ``model.dtype`` need.
    """
    runtime = config.runtime
    on_cpu = ["cpu"] * runtime.workers
    if runtime.device == "cpu":
        return on_cpu
    gpus = visible_gpus(timeout_s)
    if runtime.gpu != GpuConfig():
        _check(gpus, runtime)
    if len(gpus) >= runtime.workers:
        chosen = gpus[: runtime.workers]
        _check_dtype(chosen, config)
        return [f"cuda:{gpu.entry}" for gpu in chosen]
    if runtime.device == "auto":
        return on_cpu
    raise RunError(
        f"runtime.device is 'cuda' and runtime.workers is {runtime.workers}, but GPUs seen: "
        f"{len(gpus)}; lower runtime.workers or set runtime.device to 'auto' or 'cpu'"
    )


def _check(gpus: list[Gpu], runtime: RuntimeConfig) -> None:
    asked = runtime.gpu
    seen = "; ".join(
        f"{gpu.name}, {gpu.memory_gb:.1f} GB, compute capability {gpu.compute_capability}"
        for gpu in gpus
    )
    count = asked.count if asked.count is not None else max(len(gpus), runtime.workers)
    faults = []
    if len(gpus) != count:
        faults.append(f"count: {count} asked for")
    if any((asked.name or "").lower() not in gpu.name.lower() for gpu in gpus):
        faults.append(f"name: {asked.name} asked for")
    if any(gpu.memory_gb < asked.min_memory_gb for gpu in gpus):
        faults.append(f"min_memory_gb: {asked.min_memory_gb:g} asked for")
    if any(gpu.compute_capability < asked.min_compute_capability for gpu in gpus):
        faults.append(f"min_compute_capability: {asked.min_compute_capability:g} asked for")
    if faults:
        raise RunError(
            f"runtime.gpu.{', '.join(faults)}, but GPUs seen: {len(gpus)} ({seen or 'none'}); "
            "choose the accelerator that was asked for, or change runtime.gpu"
        )


def _check_dtype(gpus: list[Gpu], config: RunConfig) -> None:
    slow = [gpu for gpu in gpus if gpu.compute_capability < _BFLOAT16_FROM]
    if config.model.dtype == "bfloat16" and slow:
        raise RunError(
            f"model.dtype is 'bfloat16', but {slow[0].name} has compute capability "
            f"{slow[0].compute_capability} and bfloat16 needs {_BFLOAT16_FROM}; use 'auto' or "
            "'float16'"
        )


def visible_gpus(timeout_s: float = 10.0) -> list[Gpu]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES leaves, or all; none without an answer in time."""
    gpus = _list_gpus(timeout_s)
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return gpus
    entries = [entry.strip() for entry in chosen.split(",")]
    found = (_find(entry, gpus) for entry in entries)
    return [gpu for gpu in found if gpu is not None]


def _find(entry: str, gpus: list[Gpu]) -> Gpu | None:
    """Return the GPU of an entry: an index, or (the beginning of) an identifier."""
    for gpu in gpus:
        if entry == gpu.index or (entry.startswith(("GPU-", "MIG-")) and _is_of(entry, gpu)):
            return Gpu(gpu.index, gpu.uuid, gpu.name, gpu.memory_gb, gpu.compute_capability, entry)
    return None


def _is_of(entry: str, gpu: Gpu) -> bool:
    # The driver's list names whole GPUs; a part of one is taken to be of the first.
    return gpu.uuid.startswith(entry) or entry.startswith("MIG-")


def _list_gpus(timeout_s: float) -> list[Gpu]:
    try:
        listing = subprocess.run(
            ["nvidia-smi", f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):  # no driver, no device, or no answer
        return []
    rows = [[cell.strip() for cell in line.split(",")] for line in listing.stdout.splitlines()]
    return [_parse_gpu(row) for row in rows if len(row) == len(_QUERY.split(","))]


def _parse_gpu(row: list[str]) -> Gpu:
    index, uuid, name, memory_mib, capability = row
    memory_gb = _number(memory_mib) / _MIB_PER_GB
    return Gpu(index, uuid, name, memory_gb, _number(capability), entry=index)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:  # such as [N/A]
        return 0.0
