"""Named settings of hindsight experience replay, as parts of a configuration.

``seed-v1`` and ``seed-v2`` are those of the seeds' iterations 5 and 8; their learning rate suits a
pretrained model of half a billion weights. ``small-rounds`` and ``wide-rounds`` are the project's
own, for the bundled model: few programs a round need the fewest programs in all, many a round the
fewest rounds. ``large-pictures`` is ``small-rounds`` for drawings of a hundred calls: most views
show a window only. Their views differ in colours only, anew in each round: a model that always sees
the same colours learns them by heart, and no longer looks.
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
_AS_IT_IS = {"views": 1, "permute_colors": False, "shuffle_pairs": False, "windows": 0}
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

_RECOLORED = {"symmetries": False, "permute_colors": True, "shuffle_pairs": False}
_TRAINING = {
    "max_prompt_tokens": 1024,
    "exploration": {"max_factor": 2.5},
}
_JOINED = {"max_parents": 8, "moved": 0.1, "pool": 64, "others": 64}
_SMALL_TRAINING = {
    **_TRAINING,
    "max_rounds": 100,
    "max_examples": 16,
    "learning_rate": 3e-3,
    "replay": {"best": 16},
    "composition": {**_JOINED, "count": 128, "pool": 32},
}
_SMALL = {
    "augmentation": {**_RECOLORED, "views": 4},
    "sampling": {
        "draws": [{"count": 1, "temperature": 0.1}, {"count": 1, "temperature": 0.9}],
        "max_new_tokens": 1024,
    },
    "test_time_training": _SMALL_TRAINING,
}

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "seed-v1": {
        "augmentation": _AS_IT_IS,
        "sampling": {
            "draws": [{"count": 256, "temperature": 0.5}],
            "top_p": 0.95,
            "max_new_tokens": 1024,
        },
        "test_time_training": {**_SEED_TRAINING, "max_rounds": 10, "novelty": "all"},
    },
    "seed-v2": {
        "augmentation": _AS_IT_IS,
        "sampling": {
            "draws": [{"count": 8, "temperature": 0.1}, {"count": 128, "temperature": 0.9}],
            "top_p": 0.95,
            "max_new_tokens": 3072,
        },
        "test_time_training": {**_SEED_TRAINING, "max_rounds": 50, "novelty": "new"},
    },
    "wide-rounds": {
        "augmentation": {**_RECOLORED, "views": 8, "windows": 4},
        "sampling": {
            "draws": [{"count": 1, "temperature": 0.1}, {"count": 16, "temperature": 0.9}],
            "max_new_tokens": 1024,
        },
        "test_time_training": {
            **_TRAINING,
            "max_rounds": 60,
            "max_examples": 128,
            "learning_rate": 5e-3,
            "schedule": "linear",
            "replay": {"best": 32},
            "composition": {**_JOINED, "count": 1024},
        },
    },
    "small-rounds": _SMALL,
    "large-pictures": {
        **_SMALL,
        "augmentation": {**_RECOLORED, "views": 8, "windows": 5},
        "test_time_training": {
            **_SMALL_TRAINING,
            "composition": {**_JOINED, "count": 64},
        },
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
