"""Pictures that are read and pictures that are made."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from conftest import grid
from matplotlib.image import imread, imsave

from arc_submit.arc.canvases import PALETTE, build_canvas_task, get_canvas_task
from arc_submit.arc.grid import Grid, grids_equal
from arc_submit.errors import DataError
from arc_submit.reporting.drawing import DrawnRound, DrawRecord
from arc_submit.reporting.pictures import load_canvas, plot_rounds
from arc_submit.types import StopReason

COLORS = np.array(PALETTE, dtype=np.uint8)
CHICK = get_canvas_task("chick")


def _drawn(index: int, accuracies: tuple[float, ...], drawing: Grid | None) -> DrawnRound:
    return DrawnRound(index, accuracies, 1, 1, 3, drawing, 1.0, 1, 0.5)


def _record(*rounds: DrawnRound) -> DrawRecord:
    return DrawRecord(CHICK, 7, rounds, StopReason.MAX_ROUNDS, 3.0, "")


def _has_color(pixels: npt.NDArray[np.float32], color: int) -> bool:
    return bool((np.abs(pixels[..., :3] - COLORS[color] / 255) < 0.01).all(axis=-1).any())


# ---- reading


@pytest.mark.parametrize("channels", [3, 4])
def test_a_png_in_arc_colours_becomes_the_picture(tmp_path: Path, channels: int) -> None:
    pixels = COLORS[CHICK.train[0].output]
    opaque = np.full((*pixels.shape[:2], 1), 255, dtype=np.uint8)
    imsave(tmp_path / "bird.png", np.concatenate([pixels, opaque], axis=2)[..., :channels])
    task = load_canvas(tmp_path / "bird.png")
    assert task.task_id == "bird"
    assert grids_equal(task.train[0].output, CHICK.train[0].output)
    assert not task.train[0].input.any() and not task.test_inputs[0].any()


def test_other_colours_become_the_nearest_ones_and_transparent_black(tmp_path: Path) -> None:
    pixels = np.array(
        [[[10, 5, 0, 255], [250, 60, 60, 255], [120, 220, 250, 200], [255, 220, 0, 20]]],
        dtype=np.uint8,
    )
    imsave(tmp_path / "row.png", pixels)
    assert load_canvas(tmp_path / "row.png").train[0].output.tolist() == [[0, 2, 8, 0]]


def test_a_json_file_is_a_task_with_all_its_pairs(tmp_path: Path) -> None:
    path = tmp_path / "0a1b2c3d.json"
    pairs = [{"input": [[1]], "output": [[2]]}, {"input": [[3]], "output": [[4]]}]
    path.write_text(json.dumps({"train": pairs, "test": [{"input": [[5]], "output": [[6]]}]}))
    task = load_canvas(path)
    assert task.task_id == "0a1b2c3d" and len(task.train) == 2
    assert [given.tolist() for given in task.inputs] == [[[1]], [[3]], [[5]]]


def test_a_picture_larger_than_a_grid_is_refused(tmp_path: Path) -> None:
    imsave(tmp_path / "large.png", np.zeros((10, 31, 3), dtype=np.uint8))
    with pytest.raises(DataError, match=r"large\.png: has 31x10 pixels.*30x30.*scale"):
        load_canvas(tmp_path / "large.png")


@pytest.mark.parametrize("damage", ["no header", "cut", "bits", "empty"])
def test_a_damaged_png_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "bad.png"
    imsave(path, COLORS[CHICK.train[0].output])
    content = path.read_bytes()
    middle = len(content) // 2
    damaged = {
        "no header": b"GIF89a" + content,
        "cut": content[:middle],
        "bits": content[:middle] + bytes(255 - byte for byte in content[middle:]),
        "empty": b"",
    }
    path.write_bytes(damaged[damage])
    with pytest.raises(DataError, match=r"bad\.png: is not a sound PNG"):
        load_canvas(path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", "{", "is not JSON"),
        ("a.json", "[[1, 2]]", "expected an object.*one ARC task"),
        ("a.json", '{"t": {"train": [], "test": []}}', "no 'train'.*one ARC task"),
        (
            "a.json",
            '{"train": [{"input": [[0]], "output": [[11]]}], "test": [{"input": [[0]]}]}',
            "train pair 0 output: row 0, cell 0: 11",
        ),
    ],
)
def test_a_file_that_holds_no_task_is_refused(
    tmp_path: Path, name: str, content: str, words: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=words) as caught:
        load_canvas(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize("name", ["none.png", "none.json"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"{name}: cannot be read.*check the path"):
        load_canvas(tmp_path / name)


# ---- drawing


def test_a_run_is_drawn_with_its_drawings_and_its_goal(tmp_path: Path) -> None:
    drawing = grid(*(["6" * 10] * 10))
    plot_rounds(
        _record(_drawn(0, (0.0, 0.1), None), _drawn(1, (0.2, 0.4), drawing)), tmp_path / "p.png"
    )
    pixels = imread(tmp_path / "p.png")
    assert min(pixels.shape[:2]) > 300
    assert all(_has_color(pixels, color) for color in (2, 4, 7, 8)), "the goal"
    assert _has_color(pixels, 6), "the best drawing"


def test_of_many_rounds_the_last_drawing_is_shown(tmp_path: Path) -> None:
    plain, last = grid("00", "00"), grid("96", "69")
    rounds = [_drawn(i, (0.1,) * 16, plain) for i in range(59)]
    plot_rounds(_record(*rounds, _drawn(59, (0.3,), last)), tmp_path / "long.png")
    pixels = imread(tmp_path / "long.png")
    assert _has_color(pixels, 9) and _has_color(pixels, 6)
    assert pixels.shape[0] < 1500


def test_a_run_without_any_program_is_drawn(tmp_path: Path) -> None:
    plot_rounds(_record(_drawn(0, (), None)), tmp_path / "p.png")
    assert _has_color(imread(tmp_path / "p.png"), 4)


def test_pictures_of_any_shape_are_drawn(tmp_path: Path) -> None:
    task = build_canvas_task("row", grid("123456789012345678901234567890"))
    record = DrawRecord(
        task, 0, (_drawn(0, (1.0,), task.train[0].output),), StopReason.SOLVED, 1.0, ""
    )
    plot_rounds(record, tmp_path / "row.png")
    assert _has_color(imread(tmp_path / "row.png"), 5)
