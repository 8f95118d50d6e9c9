"""Memory plans for the GPUs that a competition offers, with models that people use on them."""

from __future__ import annotations

import pytest

from arc_submit.errors import ConfigError
from arc_submit.sampling.vllm.memory import plan_on_cpu, plan_on_gpu

T4, L4, RTX_PRO_6000 = 14.7, 22.2, 95.0


@pytest.mark.parametrize(
    ("total_gb", "weights_gb", "cache_gb", "sleeps"),
    [
        (T4, 1.0, 4.0, False),
        (T4, 3.1, 8.0, True),
        (T4, 5.0, 8.0, True),
        (L4, 3.1, 8.0, False),
        (L4, 8.0, 8.0, True),
        (RTX_PRO_6000, 15.0, 40.0, False),
        (RTX_PRO_6000, 30.0, 40.0, True),
    ],
)
def test_both_copies_the_cache_and_training_fit(
    total_gb: float, weights_gb: float, cache_gb: float, sleeps: bool
) -> None:
    plan = plan_on_gpu(
        total_gb=total_gb, weights_gb=weights_gb, cache_gb=cache_gb, asked_gb=None, sleep=None
    )
    assert plan.sleeps is sleeps
    assert weights_gb + 1.5 <= plan.engine_gb <= weights_gb + 1 + cache_gb
    in_training = 0 if plan.sleeps else plan.engine_gb
    assert plan.engine_gb + weights_gb < total_gb
    assert in_training + weights_gb + max(2, weights_gb) < total_gb


@pytest.mark.parametrize("asked_gb", [None, 2.0, 14.0])
def test_what_does_not_fit_is_refused(asked_gb: float | None) -> None:
    with pytest.raises(ConfigError, match=r"sampling\.vllm\.memory_gb.*14\.7 GiB"):
        plan_on_gpu(total_gb=T4, weights_gb=8.0, cache_gb=4.0, asked_gb=asked_gb, sleep=None)


def test_the_configuration_has_the_last_word() -> None:
    plan = plan_on_gpu(total_gb=L4, weights_gb=3.0, cache_gb=40.0, asked_gb=9.0, sleep=False)
    assert (plan.engine_gb, plan.sleeps) == (9.0, False)
    assert plan_on_cpu(total_gb=24.0, cache_gb=1.0, asked_gb=5.0).engine_gb == 5.0


def test_a_cpu_lends_what_a_batch_needs_up_to_a_share() -> None:
    small, large = (plan_on_cpu(total_gb=64.0, cache_gb=c, asked_gb=None) for c in (1.0, 500.0))
    assert (small.engine_gb, small.sleeps) == (1.0, False)
    assert large.engine_gb == pytest.approx(6.4)
