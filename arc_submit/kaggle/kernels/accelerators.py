"""What a run needs to be told on each of Kaggle's accelerators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arc_submit.config import BUNDLED_MODEL, RunConfig
from arc_submit.config_file import override_config
from arc_submit.errors import KaggleError

MARGIN_S = 900.0
"""Between the end of the run's budget and that of the session: the same work has taken a quarter
longer on another day, and a session that Kaggle ends counts for nothing."""

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "NvidiaTeslaT4": {
        "model.max_context": 6144,
        "sampling.batch_size": 128,
        "runtime.workers": 2,
        "runtime.gpu": {
            "name": "T4",
            "count": 2,
            "min_memory_gb": 14.0,
            "min_compute_capability": 7.5,
        },
    },
    "NvidiaL4": {
        "model.max_context": 8192,
        "sampling.batch_size": 192,
        "runtime.workers": 4,
        "runtime.gpu": {
            "name": "L4",
            "count": 4,
            "min_memory_gb": 21.0,
            "min_compute_capability": 8.9,
        },
    },
    "NvidiaRtxPro6000": {
        "model.max_context": 16384,
        "sampling.batch_size": 512,
        "runtime.workers": 1,
        "runtime.gpu": {
            "name": "RTX PRO 6000",
            "count": 1,
            "min_memory_gb": 90.0,
            "min_compute_capability": 12.0,
        },
    },
}
"""By accelerator, what is laid over the configuration, by key path. The rest follows from the
device when a run starts: `model.dtype` `auto` takes float16 on a T4 and bfloat16 on the others, and
vLLM's attention and share of the memory are those of `sampling/vllm/settings.py`."""

_ON_ALL = {
    "runtime.device": "cuda",
    "runtime.reserve": "3m",
    "runtime.silence": "5m",
}


def kernel_config(config: RunConfig) -> RunConfig:
    """Return the configuration as the kernel uses it.

    The file's values, then those of the accelerator, then ``kaggle.overrides``. The budget is
    what a session allows less :data:`MARGIN_S`, where the overrides do not say otherwise.

    Raises:
        ConfigError: if an override names no key, or a value that the key does not take.
        KaggleError: if the budget does not fit the session.
    """
    kaggle = config.kaggle
    if kaggle.model is None and config.model.path != BUNDLED_MODEL:
        raise KaggleError(
            f"model.path is {config.model.path}, which does not exist on Kaggle; name in "
            "kaggle.model the dataset that it is pushed as, or a model that is there"
        )
    if kaggle.session_limit <= MARGIN_S:
        raise KaggleError(
            f"kaggle.session_limit is {kaggle.session_limit:g} s; it must be above "
            f"{MARGIN_S:g} s, which the end of a session keeps free"
        )
    settings = {
        **_ON_ALL,
        "model.path": BUNDLED_MODEL,
        "runtime.budget": kaggle.session_limit - MARGIN_S,
        **SETTINGS[kaggle.accelerator],
        **kaggle.overrides,
    }
    laid = override_config(config, settings, source=f"kaggle.accelerator {kaggle.accelerator}")
    if not 0 < laid.runtime.budget < kaggle.session_limit:
        raise KaggleError(
            f"runtime.budget is {laid.runtime.budget:g} s on Kaggle, and kaggle.session_limit "
            f"{kaggle.session_limit:g} s; raise the limit or set runtime.budget in "
            "kaggle.overrides to a time below it"
        )
    return laid
