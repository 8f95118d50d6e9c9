from __future__ import annotations

from arc_submit.config import RunConfig, RuntimeConfig
from arc_submit.config_file import build_config
from arc_submit.effort import plan_visit
from arc_submit.types import Profile

CONFIG = build_config(
    {
        "augmentation": {"views": 8},
        "sampling": {"batch_size": 64},
        "test_time_training": {"max_rounds": 5},
    },
    source="test",
)


def test_first_visit_samples_a_quarter_of_the_views_and_does_not_train() -> None:
    first = plan_visit(CONFIG, 0, Profile.FULL)

    assert (first.augmentation.views, first.test_time_training.max_rounds) == (2, 0)
    assert first.seed == CONFIG.seed


def test_second_visit_samples_all_views_and_does_not_train() -> None:
    second = plan_visit(CONFIG, 1, Profile.FULL)

    assert (second.augmentation.views, second.test_time_training.max_rounds) == (8, 0)


def test_later_visits_do_all_that_is_configured_with_seeds_of_their_own() -> None:
    second, third, fourth = (plan_visit(CONFIG, visit, Profile.FULL) for visit in (1, 2, 3))

    assert len({CONFIG.seed, second.seed, third.seed, fourth.seed}) == 4
    assert third.model_copy(update={"seed": CONFIG.seed}) == CONFIG


def test_small_profile_asks_for_less_memory_on_any_visit() -> None:
    small = plan_visit(CONFIG, 1, Profile.SMALL)

    assert (small.augmentation.views, small.sampling.batch_size) == (4, 32)
    assert small.test_time_training.max_rounds == 0


def test_deterministic_run_does_all_at_once() -> None:
    config = RunConfig(runtime=RuntimeConfig(deterministic=True))

    assert plan_visit(config, 0, Profile.FULL) == config
