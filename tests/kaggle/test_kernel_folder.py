from __future__ import annotations

import json
from pathlib import Path

import pytest

from arc_submit.config import RunConfig
from arc_submit.config_file import build_config, load_config
from arc_submit.errors import KaggleError
from arc_submit.kaggle.kernels.kernel_folder import build_kernels, check_kernel, render_kernel

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", ["script", "notebook"])
def test_the_kernels_of_the_repository_are_what_its_configuration_builds(kind: str) -> None:
    config = load_config(ROOT / "submission_config.json")
    check_kernel(config, ROOT / "kernels", "script" if kind == "script" else "notebook")


def test_both_kernels_hold_the_same_code_and_the_configuration() -> None:
    config = build_config({"kaggle": {"overrides": {"seed": 1234}}}, source="test")
    script = render_kernel(config, "script")["main.py"]
    notebook = json.loads(render_kernel(config, "notebook")["main.ipynb"])
    cells = ["".join(cell["source"]) for cell in notebook["cells"]]
    assert [line for cell in cells for line in cell.split("\n") if line] == [
        line for line in script.replace('"""', "", 2).split("\n") if line
    ]
    assert '"seed": 1234' in script


def test_an_edited_or_outdated_kernel_is_refused_by_name(tmp_path: Path) -> None:
    build_kernels(RunConfig(), tmp_path)
    assert check_kernel(RunConfig(), tmp_path, "script") == tmp_path / "script"
    other = build_config({"seed": 7}, source="test")
    with pytest.raises(KaggleError, match=r"script/main.py: is not what"):
        check_kernel(other, tmp_path, "script")
    with (tmp_path / "notebook" / "main.ipynb").open("a") as file:
        file.write(" ")
    with pytest.raises(KaggleError, match=r"notebook/main.ipynb: is not what"):
        check_kernel(RunConfig(), tmp_path, "notebook")


def test_the_same_configuration_gives_the_same_bytes(tmp_path: Path) -> None:
    first = build_kernels(RunConfig(), tmp_path / "a")
    second = build_kernels(RunConfig(), tmp_path / "b")
    assert len(first) == 4
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
