"""Which worker runs where, found out without loading a numerical library."""

from __future__ import annotations

import os
import subprocess

from arc_submit.config import RuntimeConfig
from arc_submit.errors import RunError


def assign_devices(runtime: RuntimeConfig, *, timeout_s: float = 10.0) -> list[str]:
    """Return one device per worker: all `cpu`, or each a GPU of its own.

    A GPU is written `cuda:` and its entry in CUDA_VISIBLE_DEVICES, its index where that is unset.

    Args:
        runtime: how many workers, and what the user asked for.
        timeout_s: how long the driver may take to list the GPUs; then there are none.

    Raises:
        RunError: if GPUs are asked for and there are fewer than workers.
    """
    on_cpu = ["cpu"] * runtime.workers
    if runtime.device == "cpu":
        return on_cpu
    gpus = _visible_gpus(timeout_s)
    if len(gpus) >= runtime.workers:
        return [f"cuda:{gpu}" for gpu in gpus[: runtime.workers]]
    if runtime.device == "auto":
        return on_cpu
    raise RunError(
        f"runtime.device is 'cuda' and runtime.workers is {runtime.workers}, but GPUs seen: "
        f"{len(gpus)}; lower runtime.workers or set runtime.device to 'auto' or 'cpu'"
    )


def _visible_gpus(timeout_s: float) -> list[str]:
    indices = [str(index) for index in range(_count_gpus(timeout_s))]
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None or not indices:
        return indices
    # An entry is an index, or an identifier such as GPU-8932f937.
    entries = [entry.strip() for entry in chosen.split(",")]
    return [entry for entry in entries if entry in indices or entry.startswith(("GPU-", "MIG-"))]


def _count_gpus(timeout_s: float) -> int:
    try:
        listing = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=timeout_s, check=True
        )
    except (OSError, subprocess.SubprocessError):  # no driver, no device, or no answer
        return 0
    return sum(line.startswith("GPU ") for line in listing.stdout.splitlines())
