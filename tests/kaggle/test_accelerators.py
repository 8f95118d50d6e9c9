from __future__ import annotations

from typing import Any, get_args

import pytest

from arc_submit.config import KaggleConfig
from arc_submit.config_file import build_config
from arc_submit.errors import ArcSubmitError
from arc_submit.kaggle.kernels.accelerators import SETTINGS, kernel_config


def config_on_kaggle(**values: Any) -> Any:
    return kernel_config(build_config(values, source="test"))


@pytest.mark.parametrize(
    ("accelerator", "workers", "gpu"),
    [("NvidiaTeslaT4", 2, "T4"), ("NvidiaL4", 4, "L4"), ("NvidiaRtxPro6000", 1, "RTX PRO 6000")],
)
def test_each_gpu_gets_a_worker_and_is_asserted(accelerator: str, workers: int, gpu: str) -> None:
    runtime = config_on_kaggle(kaggle={"accelerator": accelerator}).runtime
    assert runtime.device == "cuda"
    assert runtime.workers == runtime.gpu.count == workers
    assert runtime.gpu.name == gpu


def test_every_accelerator_has_settings() -> None:
    assert SETTINGS.keys() == set(get_args(KaggleConfig.model_fields["accelerator"].annotation))


def test_overrides_go_before_the_accelerator_and_that_before_the_file() -> None:
    config = config_on_kaggle(
        sampling={"batch_size": 7},
        runtime={"workers": 9, "budget": "3m"},
        kaggle={"overrides": {"sampling.batch_size": 64}, "session_limit": "9h"},
    )
    assert config.sampling.batch_size == 64
    assert config.runtime.workers == 2
    assert 8 * 3600 < config.runtime.budget < 9 * 3600


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"kaggle": {"overrides": {"sampling.bach": 1}}}, "sampling.bach"),
        ({"kaggle": {"overrides": {"seed.x": 1}}}, "seed.x"),
        ({"kaggle": {"overrides": {"runtime.workers": "two"}}}, "runtime.workers"),
        ({"kaggle": {"overrides": {"runtime.budget": "12h"}}}, "kaggle.session_limit"),
        ({"kaggle": {"session_limit": "10m"}}, "kaggle.session_limit"),
        ({"model": {"path": "my/model"}}, "kaggle.model"),
    ],
)
def test_what_cannot_run_on_kaggle_is_refused_by_name(values: dict[str, Any], named: str) -> None:
    with pytest.raises(ArcSubmitError, match=named):
        config_on_kaggle(**values)
