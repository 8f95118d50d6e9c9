"""Builds arc-submit's own wheel, byte for byte the same from the same files.

The build sees a copy of the inputs with one date and one set of modes, so neither the checkout's
place, nor its file times and permissions, nor what earlier builds left in it can show. Another
version of setuptools writes other bytes: it puts its name in the wheel. Needs no network; refuses
a folder that is no checkout of arc-submit.
"""

from __future__ import annotations

import configparser
import os
import shutil
import tempfile
from pathlib import Path

from arc_submit.errors import KaggleError
from arc_submit.kaggle.wheels.pip import run_pip

DISTRIBUTION = "arc-submit"
"""The project's name on an index and in its wheel."""

_FILES = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")
_PACKAGE = "arc_submit"
_EPOCH = "1767225600"
"""2026-01-01, where SOURCE_DATE_EPOCH does not say another date."""


def build_wheel(project: Path, destination: Path) -> Path:
    """Build the pure Python wheel of a checkout, with the bundled model, and return its path.

    Args:
        project: the folder with setup.cfg; nothing in it is changed.
        destination: created where missing; a wheel of the same name in it is replaced.

    Raises:
        KaggleError: if the folder is no checkout, or the wheel cannot be built or written.
    """
    _require_checkout(project)
    with tempfile.TemporaryDirectory(prefix="arc-submit-wheel-") as name:
        source, output = Path(name, "source"), Path(name, "output")
        _copy_inputs(project, source)
        environment = os.environ | {
            "HOME": name,  # holds no settings that would shape the build
            "PYTHONHASHSEED": "0",
            "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", _EPOCH),
        }
        offline = ["--isolated", "--no-index", "--no-deps", "--no-build-isolation"]
        try:
            run_pip(
                ["wheel", *offline, "--wheel-dir", str(output), str(source)],
                environment=environment,
                umask=0o022,
            )
        except KaggleError as error:
            raise KaggleError(
                f"{project}: no wheel could be built ({error}); "
                "is pip install 'arc-submit[kaggle]' done?"
            ) from error
        (built,) = output.glob("*.whl")
        return _move(built, destination)


def _require_checkout(project: Path) -> None:
    missing = [name for name in (*_FILES, _PACKAGE) if not (project / name).exists()]
    settings = configparser.ConfigParser(interpolation=None)
    if not missing:
        try:
            settings.read_string((project / "setup.cfg").read_text(encoding="utf-8"))
        except (OSError, ValueError, configparser.Error):
            missing = ["a setup.cfg that can be read"]
    if missing or settings.get("metadata", "name", fallback="") != DISTRIBUTION:
        reason = f"lacks {', '.join(missing)}" if missing else "its setup.cfg names another project"
        raise KaggleError(
            f"{project}: is no checkout of arc-submit ({reason}); name the folder that git cloned"
        )


def _copy_inputs(project: Path, source: Path) -> None:
    shutil.copytree(
        project / _PACKAGE,
        source / _PACKAGE,
        copy_function=_copy_plainly,
        ignore=shutil.ignore_patterns("__pycache__", "*.pyc"),
    )
    for name in _FILES:
        _copy_plainly(str(project / name), str(source / name))


def _copy_plainly(origin: str, target: str) -> None:
    shutil.copyfile(origin, target)
    os.chmod(target, 0o644)  # a wheel records modes


def _move(built: Path, destination: Path) -> Path:
    target = destination / built.name
    partial = target.with_name(f".{built.name}.{os.getpid()}.tmp")
    try:
        destination.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(built, partial)
        os.replace(partial, target)
    except OSError as error:
        raise KaggleError(
            f"{destination}: cannot be written ({error.strerror}); choose another folder"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return target
