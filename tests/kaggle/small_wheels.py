"""Wheels of a few hundred bytes that say whatever a test needs, and folders of them."""

from __future__ import annotations

import base64
import hashlib
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from arc_submit.kaggle.wheels.stock import StockImage
from arc_submit.kaggle.wheels.wheelhouse import LOCK_FILE, MANIFEST_FILE, Manifest, describe_wheel

STOCK = StockImage(
    python="3.12",
    platform="manylinux_2_35_x86_64",
    date="2026-05",
    packages={
        canonicalize_name(name): Version(version)
        for name, version in {"numpy": "2.0.2", "rich": "13.9.4", "torch": "2.10.0"}.items()
    },
)
"""An image with three packages."""


def use_index(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder that is all the index which pip is configured with."""
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def write_wheel(
    folder: Path,
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    extras: Sequence[str] = (),
    python: str = ">=3.8",
    tag: str = "py3-none-any",
) -> Path:
    """Write a wheel with one empty module, and return its path."""
    stem = f"{name.replace('-', '_')}-{version}"
    fields = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    fields += [f"Requires-Python: {python}"]
    fields += [f"Provides-Extra: {extra}" for extra in extras]
    fields += [f"Requires-Dist: {need}" for need in requires]
    parts = {
        f"{name.replace('-', '_')}.py": "",
        f"{stem}.dist-info/METADATA": "\n".join(fields) + "\n",
        f"{stem}.dist-info/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = f"{stem}.dist-info/RECORD"
    lines = [f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in parts.items()]
    path = folder / f"{stem}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for part, text in {**parts, record: "".join(lines) + f"{record},,\n"}.items():
            archive.writestr(zipfile.ZipInfo(part), text)
    return path


def seal(folder: Path, *, extras: Sequence[str] = ()) -> Manifest:
    """Write the lock and the manifest that say what lies in a folder for the small image."""
    wheels = sorted((describe_wheel(path) for path in folder.glob("*.whl")), key=lambda w: w.name)
    manifest = Manifest(
        python=STOCK.python,
        platform=STOCK.platform,
        torch=STOCK.torch,
        image_date=STOCK.date,
        extras=tuple(extras),
        wheels=tuple(wheels),
    )
    (folder / LOCK_FILE).write_text(manifest.render_lock())
    (folder / MANIFEST_FILE).write_text(manifest.model_dump_json())
    return manifest


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
