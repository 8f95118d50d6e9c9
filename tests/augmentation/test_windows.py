"""Windows: a part of the outputs is shown, the same of each pair, and the rest is as before."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import grid

from arc_submit.arc.canvases import get_canvas_task
from arc_submit.arc.grid import Grid
from arc_submit.arc.task import Pair, Task
from arc_submit.augmentation.views import build_views
from arc_submit.augmentation.windows import show_windows
from arc_submit.config import AugmentationConfig
from arc_submit.types import AugmentedTask

CONFIG = AugmentationConfig(symmetries=False, permute_colors=False, shuffle_pairs=False)


def _views(task: Task, count: int) -> list[AugmentedTask]:
    return build_views(task, count=count, config=CONFIG, seed=0)


def _box(output: Grid) -> tuple[slice, slice]:
    rows, cols = np.nonzero(output)
    return slice(rows.min(), rows.max() + 1), slice(cols.min(), cols.max() + 1)


@pytest.mark.parametrize("seed", range(20))
def test_a_window_shows_a_rectangle_of_the_picture_on_the_canvas(seed: int) -> None:
    views = _views(get_canvas_task("100-squares"), 3)
    for view, shown in zip(views[1:], show_windows(views, count=2, seed=seed)[1:], strict=True):
        (pair,), (whole,) = shown.task.train, view.task.train
        box = _box(pair.output)
        assert min(pair.output[box].shape) >= 4
        assert (pair.output[box] == whole.output[box]).all()
        assert (pair.output != 0).sum() == pair.output[box].size
        assert shown.augmentation == view.augmentation


def test_windows_are_of_many_sizes_and_places() -> None:
    views = _views(get_canvas_task("100-squares"), 201)
    boxes = [_box(view.task.train[0].output) for view in show_windows(views, count=200, seed=0)[1:]]
    heights = [box[0].stop - box[0].start for box in boxes]
    assert min(heights) == 4 and max(heights) >= 18
    assert len({(box[0].start, box[1].start) for box in boxes}) > 50


def test_the_first_view_and_those_not_asked_for_stay_whole() -> None:
    views = _views(get_canvas_task("25-squares"), 4)
    assert show_windows(views, count=0, seed=0) == views
    assert show_windows(views, count=2, seed=0)[:2] == views[:2]
    assert show_windows(views, count=9, seed=0)[:1] == views[:1]


def test_pairs_of_one_shape_show_the_same_window() -> None:
    black, full = grid(*["0" * 12] * 12), grid(*["3" * 12] * 12)
    task = Task("t", (Pair(black, full), Pair(black, full)), (black,))
    first, second = show_windows(_views(task, 2), count=1, seed=1)[1].task.train
    assert (first.output == second.output).all()


def test_outputs_of_another_shape_are_shown_whole() -> None:
    task = Task("t", (Pair(grid("000", "000"), grid("11")),), (grid("000"),))
    views = _views(task, 3)
    assert show_windows(views, count=2, seed=0) == views
