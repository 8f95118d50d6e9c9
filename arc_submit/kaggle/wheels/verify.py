"""Checks a wheelhouse against its manifest and the stock image, without installing anything.

What it cannot see: the list of the stock image does not say what the image's packages need, so a
stock package that breaks because another was replaced goes unnoticed, and an extra that is asked
of a stock package is taken to be complete. The kernel's own start is the proof.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from packaging.utils import canonicalize_name, parse_wheel_filename

from arc_submit.config import KaggleConfig
from arc_submit.errors import KaggleError
from arc_submit.kaggle.wheels.closure import Package, find_closure, read_package
from arc_submit.kaggle.wheels.stock import StockImage
from arc_submit.kaggle.wheels.wheel import build_wheel
from arc_submit.kaggle.wheels.wheelhouse import (
    LOCK_FILE,
    MANIFEST_FILE,
    Manifest,
    WheelFile,
    describe_wheel,
    load_manifest,
    root_requirement,
)


def verify_wheelhouse(wheels: Path, config: KaggleConfig, stock: StockImage) -> list[str]:
    """Return every fault of a wheelhouse, one line each; none if a kernel can install from it.

    A wheel must be as the manifest and the lock say, fit the image's Python and platform, and
    change no stock package that `kaggle.replace` does not name. All that arc-submit needs with the
    configured extras must be there, as a wheel or in the image. Needs are checked only once all
    files are right, as a missing file is missed by others too.
    """
    try:
        manifest = load_manifest(wheels)
    except KaggleError as error:
        return [str(error)]
    faults = [
        *_purpose_faults(manifest, config, stock),
        *_lock_faults(wheels, manifest),
        *_file_faults(wheels, manifest),
    ]
    if faults:
        return faults
    packages = [read_package(wheels / wheel.file) for wheel in manifest.wheels]
    return [*_image_faults(manifest, packages, config, stock), *_gaps(packages, config, stock)]


def verify_own_wheel(project: Path, wheels: Path) -> list[str]:
    """Return a line if arc-submit's own wheel is not that of the checkout as it is now.

    Raises:
        KaggleError: if the wheel cannot be built again to compare it.
    """
    with tempfile.TemporaryDirectory(prefix="arc-submit-") as folder:
        built = build_wheel(project, Path(folder))
        path = wheels / built.name
        if path.is_file() and path.read_bytes() == built.read_bytes():
            return []
    return [f"{built.name}: was built from other code than that of {project}"]


def _purpose_faults(manifest: Manifest, config: KaggleConfig, stock: StockImage) -> Iterator[str]:
    for what, made_for, wanted in (
        ("Python", manifest.python, stock.python),
        ("platform", manifest.platform, stock.platform),
        ("torch", manifest.torch, stock.torch),
        ("an image of", manifest.image_date, stock.date),
        ("extras", ", ".join(manifest.extras), ", ".join(sorted(config.extras))),
    ):
        if made_for != wanted:
            yield f"{MANIFEST_FILE}: made for {what} {made_for or 'none'}, not {wanted or 'none'}"


def _lock_faults(wheels: Path, manifest: Manifest) -> Iterator[str]:
    try:
        lock = (wheels / LOCK_FILE).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        yield f"{wheels / LOCK_FILE}: cannot be read ({error})"
        return
    there, expected = lock.splitlines(), manifest.render_lock().splitlines()
    for name in sorted({line.partition(" ")[0] for line in {*there} ^ {*expected}}):
        yield f"{LOCK_FILE}: {name} is not as in {MANIFEST_FILE}"


def _file_faults(wheels: Path, manifest: Manifest) -> Iterator[str]:
    for wheel in manifest.wheels:
        yield from _wheel_faults(wheels / wheel.file, wheel)
    listed = {wheel.file for wheel in manifest.wheels}
    for path in sorted(wheels.glob("*.whl")):
        if path.name not in listed:
            yield f"{path.name}: is not in {MANIFEST_FILE}"


def _wheel_faults(path: Path, wheel: WheelFile) -> Iterator[str]:
    if not path.is_file():
        yield f"{path.name}: is missing"
        return
    try:
        there = describe_wheel(path)
    except KaggleError as error:
        yield str(error)
        return
    for key, value in wheel:
        if (found := getattr(there, key)) != value:
            yield f"{path.name}: its {key} is {found}, not {value} as in {MANIFEST_FILE}"
            return


def _image_faults(
    manifest: Manifest, packages: list[Package], config: KaggleConfig, stock: StockImage
) -> Iterator[str]:
    replace = {canonicalize_name(name) for name in config.replace}
    for wheel, package in zip(manifest.wheels, packages, strict=True):
        stocked = stock.packages.get(package.name)
        if package.name in stock.fixed:
            yield f"{wheel.file}: {package.name} is always the image's; take the wheel out"
        elif stocked not in (None, package.version) and package.name not in replace:
            yield f"{wheel.file}: would replace {package.name} {stocked} by {package.version}"
        if not parse_wheel_filename(wheel.file)[3] & stock.tags:
            yield f"{wheel.file}: is not for Python {stock.python} on {stock.platform}"
        elif not package.python.contains(f"{stock.python}.0"):
            yield f"{wheel.file}: needs Python {package.python}, not {stock.python}"


def _gaps(packages: list[Package], config: KaggleConfig, stock: StockImage) -> Iterator[str]:
    root = root_requirement(config)
    for gap in find_closure(root, packages, stock, wanted_by="the kernel").gaps:
        yield str(gap)
