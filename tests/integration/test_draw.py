"""``arc-submit draw`` as users type it, with the bundled model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arc_submit.cli import main

pytestmark = pytest.mark.integration

SMALL = {
    "augmentation": {"views": 2},
    "sampling": {"draws": [{"count": 3, "temperature": 0.8}], "max_new_tokens": 120},
}


@pytest.fixture
def small_config(tmp_path: Path) -> str:
    (tmp_path / "config.json").write_text(json.dumps(SMALL))
    return str(tmp_path / "config.json")


@pytest.mark.parametrize("control", [[], ["--frozen"], ["--shuffled"]], ids=str)
def test_a_picture_is_drawn_round_by_round(
    control: list[str], small_config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures_file, folder = tmp_path / "figures.json", tmp_path / "pictures"
    code = main(
        [
            *("draw", "9-vertical-lines", "--config", small_config, "--max-rounds", "1"),
            *("--first-seed", "3", "--output", str(folder), "--json", str(figures_file)),
            *control,
        ]
    )
    printed = capsys.readouterr().out
    assert code == 0
    figures = json.loads(figures_file.read_text())
    (run,) = figures["runs"]
    assert (run["task"], run["seed"], run["preset"]) == ("9-vertical-lines", 3, None)
    assert 1 <= run["rounds"] <= 2 and run["programs"] == 6 * run["rounds"]
    assert len(run["best_accuracy"]) == run["rounds"] and max(run["best_accuracy"]) > 0
    assert figures["frozen"] == ("--frozen" in control)
    order = figures["config"]["test_time_training"]["order"]
    assert (order == "shuffled") == ("--shuffled" in control)
    assert (folder / "9-vertical-lines-seed-3.png").stat().st_size > 5000
    assert f"{run['solved']:d} of 1" in printed and "9-vertical-lines, seed 3" in printed


def test_each_picture_is_drawn_with_each_seed(
    small_config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "dot.json"
    pair = {"input": [[0, 0], [0, 0]], "output": [[3, 0], [0, 0]]}
    path.write_text(json.dumps({"train": [pair], "test": [{"input": [[0, 0], [0, 0]]}]}))
    code = main(
        [
            *("draw", str(path), "9-squares", "--config", small_config, "--max-rounds", "0"),
            *("--seeds", "2", "--output", str(tmp_path), "--json", str(tmp_path / "f.json")),
        ]
    )
    assert code == 0
    runs = json.loads((tmp_path / "f.json").read_text())["runs"]
    assert [(run["task"], run["seed"]) for run in runs] == [
        ("dot", 0),
        ("dot", 1),
        ("9-squares", 0),
        ("9-squares", 1),
    ]
    assert len(list(tmp_path.glob("*.png"))) == 4
    assert "of 2" in capsys.readouterr().out


def test_a_preset_wins_over_the_file_and_an_option_over_the_preset(tmp_path: Path) -> None:
    from arc_submit.cli.draw import load_draw_config
    from arc_submit.cli.main import build_parser

    (tmp_path / "config.json").write_text(
        json.dumps({"test_time_training": {"max_rounds": 3, "batch_size": 5}, "seed": 9})
    )
    arguments = ["draw", "chick", "--config", str(tmp_path / "config.json"), "--max-rounds", "2"]
    config = load_draw_config(build_parser().parse_args([*arguments, "--preset", "seed-v2"]))
    training = config.test_time_training
    assert (training.max_rounds, training.batch_size, training.lora.r) == (2, 1, 32)
    assert config.seed == 9


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["duck"], ["'duck'", "chick"]),
        (["none.png"], ["none.png", "cannot be read"]),
        (["all", "chick"], ["chick", "once"]),
        (["chick", "--preset", "seed-v9"], ["seed-v9", "seed-v2"]),
        (["chick", "--limit", "soon"], ["--limit soon", "10m"]),
        (["chick", "--limit", "0"], ["--limit 0"]),
        (["chick", "--seeds", "0"], ["--seeds 0"]),
        (["chick", "--max-rounds", "-1"], ["test_time_training.max_rounds"]),
        (["chick", "--model", "/nowhere"], ["/nowhere", "model.path"]),
        (["chick", "--json", "/nowhere/f.json"], ["--json /nowhere/f.json"]),
    ],
)
def test_bad_input_gets_one_line(
    arguments: list[str],
    words: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["draw", *arguments, "--output", str(tmp_path)]) == 2
    errors = capsys.readouterr().err
    assert len(errors.splitlines()) == 1
    assert all(word in errors for word in words)
