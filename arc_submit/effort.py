"""How much of what is configured one visit to a task does. Pure."""

from __future__ import annotations

from arc_submit.config import RunConfig
from arc_submit.seeds import derive_seed
from arc_submit.types import Profile

_QUICK_PART, _SMALL_PART = 4, 2


def is_partial(config: RunConfig, visit: int) -> bool:
    """Return whether visits later than this one do more than it."""
    if config.runtime.deterministic:
        return False
    return visit < (2 if config.test_time_training.max_rounds else 1)


def plan_visit(config: RunConfig, visit: int, profile: Profile) -> RunConfig:
    """Return the configuration of one visit.

    In a run in passes the first visit only samples a quarter of the views, so that each task has an
    answer early. The second only samples too: training takes longer than sampling, so it is for
    tasks that sampling did not solve. Each visit draws anew. The small profile has half the views
    and half the batch, and does not train.

    Args:
        visit: how many visits to the task there were before.
        profile: see :class:`~arc_submit.types.Profile`.
    """
    is_small = profile is Profile.SMALL
    is_quick = visit == 0 and is_partial(config, visit)
    augmentation, sampling = config.augmentation, config.sampling
    training = config.test_time_training
    if is_quick or is_small:
        views = max(1, augmentation.views // (_QUICK_PART if is_quick else _SMALL_PART))
        augmentation = augmentation.model_copy(update={"views": views})
    if is_partial(config, visit) or is_small:
        training = training.model_copy(update={"max_rounds": 0})
    if is_small:
        batch_size = max(1, sampling.batch_size // _SMALL_PART)
        sampling = sampling.model_copy(update={"batch_size": batch_size})
    return config.model_copy(
        update={
            "seed": derive_seed(config.seed, "visit", visit) if visit else config.seed,
            "augmentation": augmentation,
            "sampling": sampling,
            "test_time_training": training,
        }
    )
