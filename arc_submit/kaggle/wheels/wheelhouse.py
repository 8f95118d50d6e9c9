"""The wheelhouse: a folder of wheels that complete the stock image, with a lock and a manifest.

It holds arc-submit's own wheel and what the image lacks for the chosen extras, and nothing of what
the image has, but for packages that `kaggle.replace` names. PyTorch is never in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name, parse_wheel_filename
from pydantic import BaseModel, ConfigDict, ValidationError

from arc_submit.arc.json_file import replace_text
from arc_submit.config import KaggleConfig
from arc_submit.errors import KaggleError
from arc_submit.kaggle.wheels.closure import Package, read_package
from arc_submit.kaggle.wheels.resolve import download, resolve
from arc_submit.kaggle.wheels.stock import StockImage
from arc_submit.kaggle.wheels.wheel import DISTRIBUTION, build_wheel

LOCK_FILE = "requirements.lock"
MANIFEST_FILE = "wheelhouse.json"
STOCK_FILE = "stock-image.txt"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class WheelFile(_Part):
    """A wheel as it was when the wheelhouse was made."""

    file: str
    name: str
    version: str
    sha256: str
    size: int
    """Bytes."""


class Manifest(_Part):
    """What a wheelhouse holds, and what it was made for."""

    python: str
    platform: str
    torch: str
    """In the image."""
    image_date: str
    extras: tuple[str, ...]
    wheels: tuple[WheelFile, ...]
    """By name."""

    def render_lock(self) -> str:
        """Return the text of the lock file, for ``pip install --no-deps --require-hashes``."""
        lines = (f"{w.name}=={w.version} --hash=sha256:{w.sha256}\n" for w in self.wheels)
        return "".join(lines)


def build_wheelhouse(
    project: Path, wheels: Path, config: KaggleConfig, stock: StockImage
) -> Manifest:
    """Fill a folder with the wheels that the image lacks, and write its lock and its manifest.

    Needs an index only for packages that the image lacks: for the default extras it lacks none.
    Wheels of earlier builds are reused where they are still right, and removed where not.

    Args:
        project: a checkout of arc-submit.
        wheels: created where missing.
        config: says which extras, and what may be replaced.
        stock: the image.

    Raises:
        KaggleError: if a wheel cannot be built or had; the message names the package.
    """
    replace = _check_replace(config, stock)
    own = build_wheel(project, wheels)
    root = _check_extras(read_package(own), config)
    downloads = resolve(own, root, stock, replace=replace)
    if downloads:
        download(downloads, wheels, stock)
    files = sorted({own.name, *(item.file for item in downloads)}, key=_wheel_name)
    manifest = Manifest(
        python=stock.python,
        platform=stock.platform,
        torch=stock.torch,
        image_date=stock.date,
        extras=tuple(sorted(root.extras)),
        wheels=tuple(describe_wheel(wheels / file) for file in files),
    )
    try:
        for path in wheels.glob("*.whl"):
            if path.name not in files:
                path.unlink()
        replace_text(wheels / LOCK_FILE, manifest.render_lock())
        replace_text(wheels / MANIFEST_FILE, manifest.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise KaggleError(
            f"{wheels}: cannot be written ({error.strerror}); check the folder and its free space"
        ) from error
    return manifest


def load_manifest(wheels: Path) -> Manifest:
    """Read the manifest of a wheelhouse.

    Raises:
        KaggleError: if it is missing or not as :func:`build_wheelhouse` writes it.
    """
    path = wheels / MANIFEST_FILE
    again = "run arc-submit kaggle build"
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise KaggleError(f"{path}: cannot be read ({error.strerror}); {again}") from error
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"]))
        raise KaggleError(f"{path}: {place} {fault['msg']}; {again}") from error


def describe_wheel(path: Path) -> WheelFile:
    """Return what a manifest says of a wheel, from the file as it is.

    Raises:
        KaggleError: if it cannot be read.
    """
    package = read_package(path)
    content = path.read_bytes()
    return WheelFile(
        file=path.name,
        name=package.name,
        version=str(package.version),
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
    )


def root_requirement(config: KaggleConfig) -> Requirement:
    """Return what the kernel installs: arc-submit with the configured extras."""
    extras = ",".join(sorted(config.extras))
    return Requirement(f"{DISTRIBUTION}[{extras}]" if extras else DISTRIBUTION)


def _check_replace(config: KaggleConfig, stock: StockImage) -> Collection[NormalizedName]:
    replace = {canonicalize_name(name) for name in config.replace}
    if fixed := sorted(replace & stock.fixed):
        raise KaggleError(
            f"kaggle.replace: {', '.join(fixed)} cannot be replaced; PyTorch and what it was "
            "built against stay as they are in the image"
        )
    return replace


def _check_extras(own: Package, config: KaggleConfig) -> Requirement:
    unknown = sorted({canonicalize_name(extra) for extra in config.extras} - own.extras)
    if unknown:
        raise KaggleError(
            f"kaggle.extras: arc-submit has no extra {', '.join(map(repr, unknown))}; "
            f"it has {', '.join(sorted(own.extras))}"
        )
    return root_requirement(config)


def _wheel_name(file: str) -> NormalizedName:
    return parse_wheel_filename(file)[0]
