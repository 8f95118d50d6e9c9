"""arc-submit's own wheel: the same bytes from the same files, and it installs offline."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from arc_submit.errors import KaggleError
from arc_submit.kaggle.wheels.wheel import build_wheel

PROJECT = Path(__file__).parents[2]
PARTS = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "arc_submit")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy that stays as it is while the tests run."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in PARTS:
        if (PROJECT / name).is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(PROJECT / name, folder / name, ignore=ignore)
        else:
            shutil.copy(PROJECT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(checkout, tmp_path_factory.mktemp("wheels"))


def test_the_bytes_do_not_depend_on_how_the_checkout_was_made(
    checkout: Path, wheel: Path, tmp_path: Path
) -> None:
    other = tmp_path / "another place" / "clone"
    shutil.copytree(checkout, other)
    for number, path in enumerate(sorted(other.rglob("*"))):
        if path.is_file():
            path.chmod(0o755 if number % 2 else 0o600)
            os.utime(path, (1e9 + number, 1e9 + number))
    stale = other / "build" / "lib" / "arc_submit" / "stale.py"
    stale.parent.mkdir(parents=True)
    stale.touch()
    (other / "arc_submit.egg-info").mkdir()
    (other / "arc_submit.egg-info" / "SOURCES.txt").write_text("arc_submit/stale.py\n")
    (other / "arc_submit" / "__pycache__").mkdir()
    (other / "arc_submit" / "__pycache__" / "stale.cpython-312.pyc").touch()
    before = sorted(other.rglob("*"))
    mask = os.umask(0o077)
    try:
        again = build_wheel(other, tmp_path / "wheels")
    finally:
        os.umask(mask)
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()
    assert sorted(other.rglob("*")) == before


def test_the_date_is_the_one_that_the_environment_says(
    checkout: Path, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1600000000")
    dated = build_wheel(checkout, tmp_path)
    with zipfile.ZipFile(dated) as archive:
        assert {info.date_time[:3] for info in archive.infolist()} == {(2020, 9, 13)}
    assert dated.read_bytes() != wheel.read_bytes()


def test_it_installs_and_imports_without_a_network(wheel: Path, tmp_path: Path) -> None:
    venv.EnvBuilder(with_pip=False, symlinks=True).create(tmp_path / "fresh")
    python = tmp_path / "fresh" / "bin" / "python"
    offline = ["install", "--isolated", "--no-index", "--no-deps", "-q", str(wheel)]
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    subprocess.run([*pip, *offline], check=True, cwd=tmp_path)
    code = (
        "import arc_submit, arc_submit.errors; from importlib.resources import files;"
        "print(arc_submit.__file__);"
        "print(len((files('arc_submit.models') / 'bundled/model.safetensors').read_bytes()))"
    )
    shown = subprocess.run(
        [python, "-I", "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path
    ).stdout.splitlines()
    assert Path(shown[0]).is_relative_to(tmp_path)
    model = PROJECT / "arc_submit" / "models" / "bundled" / "model.safetensors"
    assert int(shown[1]) == model.stat().st_size
    assert (tmp_path / "fresh" / "bin" / "arc-submit").exists()


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KaggleError, match=r"no checkout of arc-submit \(lacks setup\.cfg"):
        build_wheel(tmp_path, tmp_path / "wheels")
    for name in PARTS[:-1]:
        (tmp_path / name).write_text("[metadata]\nname = other\n")
    (tmp_path / "arc_submit").mkdir()
    with pytest.raises(KaggleError, match="names another project"):
        build_wheel(tmp_path, tmp_path / "wheels")
    assert not (tmp_path / "wheels").exists()
