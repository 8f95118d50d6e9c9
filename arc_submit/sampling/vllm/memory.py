"""How much of a device the engine takes, where a model in training is on it too. Pure.

The worker keeps its own copy of the model, which trains, and the engine has another. While the
adapter trains, the engine can give its memory back and the copy stays.
"""

from __future__ import annotations

from dataclasses import dataclass

from arc_submit.errors import ConfigError

_SYSTEM_GB = 1.5
"""Two contexts on a GPU, and what allocators cannot use."""
_MIN_TRAINING_GB, _MIN_TRAINING_GB_ON_CPU = 2.0, 0.5
_MIN_CACHE_GB = 0.5
_COMPUTING_GB = 1.0
"""What the engine needs beside its weights and its cache."""
_CACHE_GB_ON_CPU = 2.0
_CACHE_SHARE_ON_CPU = 0.1


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """In units of 2**30 bytes."""

    engine_gb: float
    """For all that the engine holds on a GPU, on a CPU for its cache alone."""
    sleeps: bool
    """Whether the engine gives it back while the adapter trains."""


def plan_on_gpu(
    *,
    total_gb: float,
    weights_gb: float,
    cache_gb: float,
    asked_gb: float | None,
    sleep: bool | None,
) -> MemoryPlan:
    """Share a GPU between the engine and the model in training.

    Where training and a cache for all completions of a batch fit beside each other, nothing has to
    sleep.

    Args:
        total_gb: of the GPU.
        weights_gb: of one copy of the model.
        cache_gb: for all completions of a batch at their full length; more is of no use.
        asked_gb: what the configuration gives the engine; None plans it.
        sleep: what the configuration says; None plans it.

    Raises:
        ConfigError: if two copies of the model do not fit.
    """
    free = total_gb - _SYSTEM_GB - weights_gb
    beside = free - training_gb(weights_gb, is_gpu=True)
    least = weights_gb + _COMPUTING_GB + _MIN_CACHE_GB
    wanted = max(least, weights_gb + _COMPUTING_GB + cache_gb) if asked_gb is None else asked_gb
    sleeps = wanted > beside if sleep is None else sleep
    engine_gb = min(wanted, free if sleeps else beside) if asked_gb is None else asked_gb
    if engine_gb < least or engine_gb > free:
        raise ConfigError(
            f"sampling.vllm.memory_gb: {engine_gb:.1f} GiB for the engine do not go with a model "
            f"of {weights_gb:.1f} GiB that trains beside it on a GPU of {total_gb:.1f} GiB; take a "
            "smaller model, model.load_in_4bit, or sampling.engine 'transformers'"
        )
    return MemoryPlan(engine_gb, sleeps)


def training_gb(weights_gb: float, is_gpu: bool) -> float:
    """Return what training an adapter takes beside the weights: as much as they do, at least."""
    return max(_MIN_TRAINING_GB if is_gpu else _MIN_TRAINING_GB_ON_CPU, weights_gb)


def plan_on_cpu(*, total_gb: float, cache_gb: float, asked_gb: float | None) -> MemoryPlan:
    """Return a cache for all completions of a batch, or what a machine can spare."""
    most = max(_CACHE_GB_ON_CPU, _CACHE_SHARE_ON_CPU * total_gb)
    return MemoryPlan(asked_gb or min(max(cache_gb, _MIN_CACHE_GB), most), sleeps=False)
