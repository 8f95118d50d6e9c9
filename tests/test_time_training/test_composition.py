"""Joined programs are true lessons, longer than what the model wrote, and of one frame."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
from conftest import grid

from arc_submit.arc.task import Pair, Task
from arc_submit.augmentation.views import build_views
from arc_submit.clock import Deadline
from arc_submit.config import AugmentationConfig, CompositionConfig, ExecutionConfig
from arc_submit.dsl.program import build_program
from arc_submit.execution.pool import ExecutionPool
from arc_submit.test_time_training.achieved import Achieved
from arc_submit.test_time_training.composition import compose, is_joinable
from arc_submit.types import AugmentedTask, Program

TASK = Task("t", (Pair(grid("000", "000"), grid("111", "222")),), (grid("000"),))
VIEWS = build_views(TASK, count=8, config=AugmentationConfig(), seed=0)


@pytest.fixture(scope="module")
def pool() -> Iterator[ExecutionPool]:
    with ExecutionPool(ExecutionConfig()) as pool:
        yield pool


def _program(*calls: str) -> Program:
    return Program(build_program(calls))


def _achieved(
    call: str, output: str, quality: float = 0, view: AugmentedTask = VIEWS[0]
) -> Achieved:
    return Achieved(view, _program(call), (grid(output[:3], output[3:]),), (0, quality))


def _compose(
    pool: ExecutionPool, parents: list[Achieved], is_judged: bool = True, **settings: float
) -> list[Achieved]:
    config = CompositionConfig.model_validate({"count": 40, "min_part": 1, **settings})
    return compose(
        parents, config, random.Random(0), pool, is_judged=is_judged, deadline=Deadline.never()
    )


def test_only_plain_runs_of_statements_can_be_joined() -> None:
    assert is_joinable(_program("flip(img, 0)"))
    early = "def task(img):\n    if len(img) > 2:\n        return img\n    return img"
    for source in (early, "def task(grid):\n    return grid", "def task(img):\n    img = 1"):
        assert not is_joinable(Program(source))


def test_joined_programs_are_paired_with_what_they_draw(pool: ExecutionPool) -> None:
    parents = [
        _achieved("draw_pixel(img, (0, 0), 4)", "400000", 0.1),
        _achieved("draw_horizontal_line(img, 0, 5)", "555000", 0.3),
        _achieved("draw_pixel(img, (1, 1), 6)", "000060", 0.2),
    ]
    made = _compose(pool, parents, max_parents=3)
    pictures = {"".join(map(str, done.outputs[0].flatten())): done for done in made}
    assert {"455000", "555060", "400060", "455060"} <= pictures.keys()
    assert len(pictures) == len(made), "each picture once"
    assert pictures["400060"].quality == (0, 0.2), "as good as its best part"


def test_programs_of_different_frames_are_not_joined(pool: ExecutionPool) -> None:
    turned = next(view for view in VIEWS if view.task.train[0].input.shape == (3, 2))
    parents = [
        _achieved("draw_pixel(img, (0, 0), 4)", "400000"),
        _achieved("draw_pixel(img, (2, 1), 4)", "000000", view=turned),
    ]
    assert _compose(pool, parents) == []


def test_joints_that_fail_are_left_out(pool: ExecutionPool) -> None:
    crop, paint = "crop(img, (0, 0), (1, 1))", "combine(img, create_img((2, 3), 1), 'or', 4)"
    parents = [_achieved(crop, "000000"), _achieved(paint, "444444")]
    assert {done.program for done in _compose(pool, parents)} == {_program(paint, crop)}


def test_parts_of_programs_are_joined_loops_as_a_whole(pool: ExecutionPool) -> None:
    loop = "\n".join(
        [
            "def task(img):",
            "    for obj in detect_objects(img, 0, 4, False):",
            "        img = draw_object(img, obj)",
            "    img = draw_pixel(img, (0, 0), 4)",
            "    img = draw_pixel(img, (1, 1), 6)",
            "    return img",
        ]
    )
    parents = [
        Achieved(VIEWS[0], Program(loop), (grid("400", "060"),), (0, 0.0)),
        _achieved("draw_pixel(img, (0, 2), 2)", "002000"),
    ]
    sources = {done.program.source for done in _compose(pool, parents, min_part=0.2)}
    pictures = {
        "".join(map(str, d.outputs[0].flatten())) for d in _compose(pool, parents, min_part=0)
    }
    assert {"000000", "402060", "400000", "000060", "002060"} <= pictures
    assert any("for" in source for source in sources)
    for source in sources:
        assert source.count("    for obj") == source.count("        img = draw_object(img, obj)")


def test_calls_are_moved_to_where_the_best_is_wrong(pool: ExecutionPool) -> None:
    parents = [
        _achieved("draw_pixel(img, (0, 0), 4)", "400000", 0.1),
        _achieved("draw_rectangle(img, (0, 0), (0, 1), 1)", "110000", 0.3),
    ]
    wrong = {(0, 2), (1, 0), (1, 1), (1, 2)}

    def drawn(is_judged: bool) -> set[tuple[int, int]]:
        made = _compose(pool, parents, is_judged, moved=1)
        return {(int(r), int(c)) for done in made for r, c in np.argwhere(done.outputs[0] == 4)}

    assert drawn(is_judged=True) == wrong
    assert drawn(is_judged=False) > wrong, "without reward, anywhere"
