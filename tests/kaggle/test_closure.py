"""Needs are followed as the image's Python reads them, whichever Python does it."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from small_wheels import STOCK, write_wheel

from arc_submit.errors import KaggleError
from arc_submit.kaggle.wheels.closure import Closure, Package, find_closure, read_package


def package(name: str, *requires: str, version: str = "1.0") -> Package:
    return Package(canonicalize_name(name), Version(version), tuple(map(Requirement, requires)))


def closure(root: str, *packages: Package) -> Closure:
    return find_closure(Requirement(root), packages, STOCK, wanted_by="the test")


def test_what_wheels_and_image_provide_leaves_no_gap() -> None:
    found = closure("app", package("app", "lib>=1", "numpy>=2"), package("lib", "Rich", "app"))
    assert found.gaps == ()
    assert found.names == {"app", "lib"}


def test_a_gap_says_who_needs_what() -> None:
    found = closure("app", package("app", "lib"), package("lib", "absent<3", "numpy>=2.1"))
    assert list(map(str, found.gaps)) == [
        "lib 1.0 needs absent<3, which no wheel and not the image provides",
        "lib 1.0 needs numpy>=2.1, but 2.0.2 would be there",
    ]


def test_a_given_package_goes_before_the_images() -> None:
    numpy = package("numpy", version="2.3.1")
    assert closure("app", package("app", "numpy>=2.1"), numpy).gaps == ()
    (gap,) = closure("app", package("app", "numpy<2.1"), numpy).gaps
    assert gap.found == Version("2.3.1")


def test_markers_are_those_of_the_image() -> None:
    app = package(
        "app",
        'old; python_version < "3.12"',
        'new; python_version >= "3.12"',
        'mac; sys_platform == "darwin"',
        'arm; platform_machine == "aarch64"',
    )
    assert [gap.requirement.name for gap in closure("app", app).gaps] == ["new"]


def test_extras_count_where_they_are_asked_for_at_any_depth() -> None:
    lib = package("lib", 'fast; extra == "speed"', 'slow; extra == "rest"')
    assert closure("app", package("app", "lib"), lib).gaps == ()
    deep = closure("app[all]", package("app", 'lib[speed]; extra == "all"'), lib)
    assert [gap.requirement.name for gap in deep.gaps] == ["fast"]


def test_packages_that_nothing_needs_are_not_reached() -> None:
    assert closure("app", package("app"), package("lib", "absent")) == Closure(
        frozenset({canonicalize_name("app")}), ()
    )


def test_a_wheel_is_read(tmp_path: Path) -> None:
    path = write_wheel(
        tmp_path, "Some-Lib", "1.2", requires=['numpy; extra == "x"'], extras=["x"], python=">=3.9"
    )
    read = read_package(path)
    assert str(read) == "some-lib 1.2"
    assert read.extras == {"x"}
    assert str(read.requires[0]) == 'numpy; extra == "x"'
    assert read.python.contains("3.12") and not read.python.contains("3.8")


def test_what_is_no_wheel_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lib-1.0-py3-none-any.whl"
    path.write_bytes(b"PK but not a zip")
    with pytest.raises(KaggleError, match=r"lib-1\.0-py3-none-any\.whl: is no wheel"):
        read_package(path)
    oddly_named = write_wheel(tmp_path, "lib", "1.0").rename(tmp_path / "lib.whl")
    with pytest.raises(KaggleError, match=r"lib\.whl: is no wheel"):
        read_package(oddly_named)
