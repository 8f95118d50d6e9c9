"""Finds the wheels that the image lacks, and downloads them.

pip resolves inside an empty virtual environment that claims to hold the image's packages: it takes
those as they are, asks the index only for what is missing, and reports without installing. pip
reads environment markers as the Python that runs it, so what only the image's Python needs is
asked for by name in a further pass.
"""

from __future__ import annotations

import json
import tempfile
import venv
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.requirements import Requirement
from packaging.utils import NormalizedName
from packaging.version import Version

from arc_submit.errors import KaggleError
from arc_submit.kaggle.wheels.closure import Package, find_closure, parse_package, read_package
from arc_submit.kaggle.wheels.pip import PipConflict, run_pip
from arc_submit.kaggle.wheels.stock import StockImage

_MAX_PASSES = 8
_OLDEST_PIP = "23.3"
"""Looks at installed packages also while it resolves for another Python."""


@dataclass(frozen=True, slots=True)
class Download:
    """A wheel on an index."""

    package: Package
    file: str
    sha256: str


def resolve(
    wheel: Path, root: Requirement, stock: StockImage, *, replace: Collection[NormalizedName]
) -> list[Download]:
    """Return the wheels that a package needs beside the image, by name; none needs no network.

    Args:
        wheel: of the package that ``root`` names.
        root: the package, with its extras.
        stock: the image.
        replace: packages of the image that may come in another version.

    Raises:
        KaggleError: if an index has no fitting wheel or cannot be reached, or if the image's
            packages stand in the way; they are named.
    """
    package = read_package(wheel)
    if not find_closure(root, [package], stock, wanted_by=str(root)).gaps:
        return []
    _check_pip()
    with tempfile.TemporaryDirectory(prefix="arc-submit-resolve-") as name:
        resolver = _Resolver(Path(name), wheel, root, stock)
        try:
            return resolver.run(replace)
        except PipConflict as error:
            changes = resolver.find_changes(replace)
            if not changes:
                raise KaggleError(f"{root} does not fit the image: {error}") from error
            raise KaggleError(
                f"{root} does not fit the image as it is ({error}); left to itself pip would "
                f"replace {', '.join(changes)}; name in kaggle.replace what may change, or "
                "leave the extra out of kaggle.extras"
            ) from error


def download(downloads: Iterable[Download], destination: Path, stock: StockImage) -> None:
    """Fetch wheels into a folder; those that are there with the right hash are kept.

    Raises:
        KaggleError: if one cannot be had with the hash that the index told.
    """
    with tempfile.TemporaryDirectory(prefix="arc-submit-download-") as name:
        pins = Path(name, "pins.txt")
        pins.write_text("".join(map(_pin, downloads)), encoding="utf-8")
        run_pip(
            [
                *("download", "--no-deps", "--require-hashes", "--requirement", str(pins)),
                *("--dest", str(destination), *_target(stock)),
            ]
        )


def _check_pip() -> None:
    try:
        version = metadata.version("pip")
    except metadata.PackageNotFoundError:
        version = "0"
    if Version(version) < Version(_OLDEST_PIP):
        raise KaggleError(
            f"the wheelhouse needs pip {_OLDEST_PIP} or newer, and here is "
            f"{version if version != '0' else 'none'}; run python -m pip install --upgrade pip"
        )


class _Resolver:
    """Asks pip in a folder that holds an imitation of the image."""

    def __init__(self, folder: Path, wheel: Path, root: Requirement, stock: StockImage) -> None:
        self._folder = folder
        self._package = read_package(wheel)
        self._asked = [f"{_name(root)} @ {wheel.resolve().as_uri()}"]
        self._root = root
        self._stock = stock
        self._imitation = folder / "image"
        _imitate(stock, self._imitation)

    def run(self, replace: Collection[NormalizedName]) -> list[Download]:
        """Return what is needed while only ``replace`` may change."""
        asked = list(self._asked)
        gaps: tuple[object, ...] = ()
        for _ in range(_MAX_PASSES):
            found = {item.package.name: item for item in self._ask(asked, replace)}
            packages = [self._package, *(item.package for item in found.values())]
            closure = find_closure(self._root, packages, self._stock, wanted_by=str(self._root))
            if not closure.gaps:
                return [found[name] for name in sorted(closure.names & found.keys())]
            gaps = closure.gaps
            asked += [
                f"{_name(gap.requirement)}{gap.requirement.specifier}" for gap in closure.gaps
            ]
        raise KaggleError(f"no set of wheels fits: {'; '.join(map(str, gaps))}")

    def find_changes(self, replace: Collection[NormalizedName]) -> list[str]:
        """Return which packages of the image would change if all but PyTorch's might."""
        images = self._stock.packages
        try:
            needed = self.run(images.keys() - self._stock.fixed)
        except KaggleError:
            return []
        return [
            f"{item.package.name} {images[item.package.name]} by {item.package.version}"
            for item in needed
            if item.package.name in images and item.package.name not in replace
        ]

    def _ask(self, asked: list[str], replace: Collection[NormalizedName]) -> list[Download]:
        requirements, constraints = self._folder / "wanted.txt", self._folder / "kept.txt"
        requirements.write_text("\n".join(asked), encoding="utf-8")
        kept = {name: v for name, v in self._stock.packages.items() if name not in replace}
        constraints.write_text("\n".join(f"{n}=={v}" for n, v in kept.items()), encoding="utf-8")
        report = self._folder / "report.json"
        run_pip(
            [
                *("--python", str(self._imitation), "install", "--dry-run"),
                *("--report", str(report), "--requirement", str(requirements)),
                *("--constraint", str(constraints), *_target(self._stock)),
            ]
        )
        items = json.loads(report.read_text(encoding="utf-8"))["install"]
        own = self._package.name
        return [found for item in items if (found := _read_item(item)).package.name != own]


def _imitate(stock: StockImage, folder: Path) -> None:
    """Make a virtual environment in which the image's packages seem to be installed."""
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    (site,) = folder.glob("lib/python*/site-packages")
    for name, version in stock.packages.items():
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (info / "METADATA").write_text(text, encoding="utf-8")


def _read_item(item: Mapping[str, Any]) -> Download:
    """Read one item of pip's installation report."""
    package = parse_package(item["metadata"])
    link = item["download_info"]
    sha256 = link.get("archive_info", {}).get("hashes", {}).get("sha256")
    if not sha256:
        raise KaggleError(f"{package}: the index tells no SHA-256 of {link['url']}; use another")
    file = unquote(urlsplit(link["url"]).path).rpartition("/")[2]
    return Download(package, file, sha256)


def _target(stock: StockImage) -> list[str]:
    """Return the options by which pip chooses wheels for the image."""
    version = stock.python.replace(".", "")
    return [
        *("--only-binary=:all:", "--python-version", stock.python, "--implementation", "cp"),
        *(part for abi in (f"cp{version}", "abi3", "none") for part in ("--abi", abi)),
        *(part for platform in stock.platforms for part in ("--platform", platform)),
    ]


def _pin(item: Download) -> str:
    return f"{item.package.name}=={item.package.version} --hash=sha256:{item.sha256}\n"


def _name(requirement: Requirement) -> str:
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return requirement.name + extras
