"""Wheels are chosen around the image's packages; pip asks a folder in place of an index."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from small_wheels import STOCK, use_index, write_wheel

from arc_submit.errors import KaggleError
from arc_submit.kaggle.wheels.resolve import resolve


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return use_index(tmp_path / "index", monkeypatch)


def resolved(index: Path, needs: str, replace: Sequence[str] = ()) -> list[str]:
    """Return the names and versions that a package with these needs lacks."""
    wheel = write_wheel(index.parent, "app", "1.0", requires=[needs])
    allowed = [canonicalize_name(name) for name in replace]
    found = resolve(wheel, Requirement("app"), STOCK, replace=allowed)
    return [str(item.package) for item in found]


def test_an_older_version_that_fits_the_image_is_taken(index: Path) -> None:
    write_wheel(index, "lib", "3.0", requires=["numpy>=2.1"])
    write_wheel(index, "lib", "2.4", requires=["numpy<2.1"])
    write_wheel(index, "numpy", "2.3.1")
    assert resolved(index, "lib>=2") == ["lib 2.4"]


def test_a_stock_package_is_replaced_only_where_that_is_allowed(index: Path) -> None:
    write_wheel(index, "lib", "3.0", requires=["numpy>=2.1"])
    write_wheel(index, "numpy", "2.3.1", tag="cp312-cp312-manylinux_2_28_x86_64")
    with pytest.raises(KaggleError) as caught:
        resolved(index, "lib")
    assert "lib 3.0 depends on numpy>=2.1" in str(caught.value)
    assert "replace numpy 2.0.2 by 2.3.1; name in kaggle.replace" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert resolved(index, "lib", ["numpy"]) == ["lib 3.0", "numpy 2.3.1"]


def test_torch_is_never_replaced(index: Path) -> None:
    write_wheel(index, "lib", "3.0", requires=["torch>=2.11"])
    write_wheel(index, "torch", "2.11.0")
    with pytest.raises(KaggleError, match=r"lib 3\.0 depends on torch>=2\.11"):
        resolved(index, "lib")


def test_what_no_index_has_for_the_image_is_named(index: Path) -> None:
    write_wheel(index, "lib", "3.0", requires=["part==1"])
    write_wheel(index, "part", "1", tag="cp311-cp311-manylinux_2_28_x86_64")
    with pytest.raises(KaggleError, match=r"No matching distribution found for part==1"):
        resolved(index, "lib")


def test_nothing_is_asked_of_pip_where_nothing_lacks(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sys.executable", "/nonexistent")
    assert resolved(index, "rich>=13") == []
