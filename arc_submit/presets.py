"""Named settings of hindsight experience replay, as parts of a configuration.

``seed-v1`` and ``seed-v2`` are those of the seeds' iterations 5 and 8; their learning rate suits a
pretrained model of half a billion weights. ``small-rounds``
and ``wide-rounds`` are the project's own, for the bundled model: few programs a round need the
fewest programs in all, many a round the fewest rounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arc_submit.errors import ConfigError

_SEED_LORA = {
    "r": 32,
    "alpha": 64,
    "use_rslora": True,
    "use_dora": True,
    "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"],
}
_NO_STEERING = {"min_unique": 0.0, "temperature_step": 1.0, "max_factor": 1.0, "patience": 1000}
_SEED_TRAINING = {
    "order": "ascending",
    "max_examples": 256,
    "epochs": 1,
    "batch_size": 1,
    "learning_rate": 1e-5,
    "warmup": 0.1,
    "schedule": "constant",
    "keep_optimizer": False,
    "reset": "task",
    "lora": _SEED_LORA,
    "exploration": _NO_STEERING,
}

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "seed-v1": {
        "sampling": {
            "draws": [{"count": 256, "temperature": 0.5}],
            "top_p": 0.95,
            "max_new_tokens": 1024,
        },
        "test_time_training": {**_SEED_TRAINING, "max_rounds": 10, "novelty": "all"},
    },
    "seed-v2": {
        "sampling": {
            "draws": [{"count": 8, "temperature": 0.1}, {"count": 128, "temperature": 0.9}],
            "top_p": 0.95,
            "max_new_tokens": 3072,
        },
        "test_time_training": {**_SEED_TRAINING, "max_rounds": 50, "novelty": "new"},
    },
    "wide-rounds": {
        "sampling": {
            "draws": [{"count": 8, "temperature": 0.1}, {"count": 128, "temperature": 0.9}],
            "max_new_tokens": 1024,
        },
        "test_time_training": {
            "max_rounds": 30,
            "max_examples": 128,
            "learning_rate": 3e-3,
            "replay": {"best": 32},
        },
    },
    "small-rounds": {
        "sampling": {
            "draws": [{"count": 1, "temperature": 0.1}, {"count": 15, "temperature": 0.9}],
            "max_new_tokens": 1024,
        },
        "test_time_training": {"max_rounds": 100, "max_examples": 16},
    },
}


def get_preset(name: str) -> Mapping[str, Any]:
    """Return a preset by name.

    Raises:
        ConfigError: if there is none of this name.
    """
    if name not in PRESETS:
        raise ConfigError(f"no preset {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]
