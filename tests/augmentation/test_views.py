"""Views: which frames are drawn, and that every frame leads back to the original one."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from arc_submit.arc.grid import Grid, freeze, grid_key, grids_equal
from arc_submit.arc.symmetry import Symmetry
from arc_submit.arc.task import Pair, Task
from arc_submit.augmentation.views import build_views
from arc_submit.config import AugmentationConfig
from arc_submit.types import Augmentation, AugmentedTask

DEFAULT = AugmentationConfig()
SYMMETRY_ONLY = AugmentationConfig(permute_colors=False, shuffle_pairs=False)
IDENTITY = Augmentation(Symmetry.IDENTITY, tuple(range(10)), (0, 1, 2))

grids = arrays(np.int8, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.integers(0, 9))
configs = st.builds(
    AugmentationConfig,
    permute_colors=st.booleans(),
    keep_background=st.booleans(),
    shuffle_pairs=st.booleans(),
)


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    pairs = st.builds(lambda a, b: Pair(freeze(a), freeze(b)), grids, grids)
    train = draw(st.lists(pairs, min_size=1, max_size=4))
    return Task("t", tuple(train), (freeze(draw(grids)),))


def _task(n_pairs: int) -> Task:
    pairs = (Pair(freeze(np.array([[i, 0, 1]])), freeze(np.array([[2]]))) for i in range(n_pairs))
    return Task("t", tuple(pairs), (freeze(np.array([[1, 0], [2, 2]])),))


def _content(view: AugmentedTask) -> tuple[object, ...]:
    outputs = (pair.output for pair in view.task.train)
    return tuple(grid_key(grid) for grid in (*view.task.inputs, *outputs))


def _all_grids(task: Task) -> list[Grid]:
    return [*task.inputs, *(pair.output for pair in task.train)]


@settings(max_examples=60, deadline=None)
@given(task=tasks(), config=configs, count=st.integers(1, 20), seed=st.integers(0, 2**63 - 1))
def test_every_view_is_a_valid_frame_with_a_way_back(
    task: Task, config: AugmentationConfig, count: int, seed: int
) -> None:
    views = build_views(task, count=count, config=config, seed=seed)
    assert len(views) == count
    for view in views:
        frame = view.augmentation
        assert sorted(frame.colors) == list(range(10))
        assert sorted(frame.pair_order) == list(range(len(task.train)))
        assert frame.colors[0] == 0 or (config.permute_colors and not config.keep_background)
        assert config.permute_colors or frame.colors == tuple(range(10))
        assert config.shuffle_pairs or frame.pair_order == tuple(range(len(task.train)))
        for grid in _all_grids(task):
            assert grids_equal(frame.invert(frame.apply(grid)), grid)
        for place, original in enumerate(frame.pair_order):
            pair = view.task.train[place]
            assert grids_equal(frame.invert(pair.input), task.train[original].input)
            assert grids_equal(frame.invert(pair.output), task.train[original].output)
        assert grids_equal(frame.invert(view.task.test_inputs[0]), task.test_inputs[0])


@given(config=configs, seed=st.integers(0, 2**63 - 1))
@settings(max_examples=30, deadline=None)
def test_the_first_view_is_the_task_and_each_eight_views_cover_all_symmetries(
    config: AugmentationConfig, seed: int
) -> None:
    views = build_views(_task(3), count=24, config=config, seed=seed)
    assert views[0].augmentation == IDENTITY
    for start in (0, 8, 16):
        symmetries = {view.augmentation.symmetry for view in views[start : start + 8]}
        assert symmetries == set(Symmetry)


def test_the_same_seed_gives_the_same_views_and_another_seed_others() -> None:
    def frames(seed: int) -> list[Augmentation]:
        views = build_views(_task(3), count=8, config=DEFAULT, seed=seed)
        return [view.augmentation for view in views]

    assert frames(1) == frames(1)
    assert frames(1) != frames(2)


def test_views_of_different_tasks_do_not_share_their_frames() -> None:
    other = Task("u", _task(3).train, _task(3).test_inputs)
    views, others = (
        build_views(task, count=8, config=DEFAULT, seed=1) for task in (_task(3), other)
    )
    assert [view.augmentation for view in views] != [view.augmentation for view in others]


def test_as_many_views_as_there_are_prompts_to_ask_are_all_distinct() -> None:
    """Colours that the task does not use must not make two views of the same content."""
    views = build_views(_task(2), count=512, config=DEFAULT, seed=0)
    assert len({_content(view) for view in views}) == 512


def test_views_repeat_only_once_all_frames_have_come() -> None:
    config = AugmentationConfig(permute_colors=False)
    views = build_views(_task(3), count=100, config=config, seed=0)
    assert len({view.augmentation for view in views[:48]}) == 48  # 8 symmetries x 3! orders
    assert len({view.augmentation for view in views}) == 48
    alone = build_views(_task(3), count=17, config=SYMMETRY_ONLY, seed=0)
    assert len({view.augmentation for view in alone}) == 8


def test_the_background_moves_when_it_need_not_be_kept() -> None:
    config = AugmentationConfig(keep_background=False)
    views = build_views(_task(3), count=64, config=config, seed=0)
    assert {view.augmentation.colors[0] for view in views} == set(range(10))


def test_a_task_with_very_many_pairs_has_views() -> None:
    views = build_views(_task(10), count=16, config=DEFAULT, seed=0)
    many = Task("m", _task(10).train * 3, _task(10).test_inputs)
    assert len(build_views(many, count=16, config=DEFAULT, seed=0)) == len(views)
