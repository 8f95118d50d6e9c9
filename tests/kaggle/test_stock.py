"""The list of the image's packages says for which wheels and markers the wheelhouse is made."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version
from small_wheels import STOCK

from arc_submit.errors import KaggleError
from arc_submit.kaggle.wheels.stock import load_stock_image

LIST = Path(__file__).parents[2] / "wheels" / "stock-image.txt"

HEADER = "# python: 3.12\n# platform: manylinux_2_35_x86_64\n# date: 2026-05\n"


def test_the_list_of_the_repository_is_kaggles_image_of_may_2026() -> None:
    image = load_stock_image(LIST)
    assert (image.python, image.platform, image.date) == (
        "3.12",
        "manylinux_2_35_x86_64",
        "2026-05",
    )
    assert image.torch == "2.10.0"
    assert image.packages[canonicalize_name("Jinja2")] == Version("3.1.6")
    assert image.packages[canonicalize_name("typing_extensions")]
    assert {"torch", "triton", "nvidia-cudnn-cu12"} <= image.fixed
    assert "transformers" not in image.fixed


def test_torch_is_named_without_its_cuda(tmp_path: Path) -> None:
    path = tmp_path / "image.txt"
    path.write_text(HEADER + "torch==2.10.0+cu128\n")
    assert load_stock_image(path).torch == "2.10.0"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (HEADER.replace("# python: 3.12\n", "") + "torch==2.10.0\n", "# python: 3.12"),
        (HEADER.replace("manylinux_2_35", "linux") + "torch==2.10.0\n", "# platform: manylinux"),
        (HEADER + "torch==2.10.0\nnumpy 2.0.2\n", "line 5: 'numpy 2.0.2' is not name==version"),
        (HEADER + "torch==2.10.0\nnumpy==new\n", "line 5: 'numpy==new' is not name==version"),
        (HEADER + "torch==2.10.0\nA.b==1\na-b==2\n", "line 6: a-b occurs twice"),
        (HEADER + "numpy==2.0.2\n", "torch is not in it"),
    ],
)
def test_a_malformed_list_is_refused_by_line(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "image.txt"
    path.write_text(text)
    with pytest.raises(KaggleError) as caught:
        load_stock_image(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert fault in str(caught.value)


def test_a_missing_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KaggleError, match="cannot be read"):
        load_stock_image(tmp_path / "none.txt")


@pytest.mark.parametrize(
    ("tag", "fits"),
    [
        ("py3-none-any", True),
        ("cp312-cp312-manylinux_2_35_x86_64", True),
        ("cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64", True),
        ("cp38-abi3-manylinux_2_31_x86_64", True),
        ("cp312-cp312-manylinux_2_36_x86_64", False),
        ("cp312-cp312-manylinux_2_28_aarch64", False),
        ("cp311-cp311-manylinux_2_28_x86_64", False),
        ("cp313-cp313-manylinux_2_28_x86_64", False),
        ("cp312-cp312-macosx_11_0_arm64", False),
    ],
)
def test_tags_are_those_that_the_image_can_install(tag: str, fits: bool) -> None:
    tags = parse_wheel_filename(f"small-1.0-{tag}.whl")[3]
    assert bool(tags & STOCK.tags) is fits
