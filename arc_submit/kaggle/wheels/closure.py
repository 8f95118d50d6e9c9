"""What a package needs, recursively, and what of it neither a wheel nor the image provides.

Reads the metadata in wheels; installs nothing, asks no index and looks at no installed package.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from packaging.metadata import parse_email
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from arc_submit.errors import KaggleError
from arc_submit.kaggle.wheels.stock import StockImage


@dataclass(frozen=True, slots=True)
class Package:
    """What the metadata of a wheel says."""

    name: NormalizedName
    version: Version
    requires: tuple[Requirement, ...] = ()
    extras: frozenset[NormalizedName] = frozenset()
    python: SpecifierSet = field(default_factory=SpecifierSet)
    """Versions of Python that it runs on."""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True)
class Gap:
    """A requirement that is not met."""

    requirement: Requirement
    wanted_by: str
    found: Version | None
    """What is there in its place."""

    def __str__(self) -> str:
        need = f"{self.requirement.name}{self.requirement.specifier}"
        if self.found is None:
            return f"{self.wanted_by} needs {need}, which no wheel and not the image provides"
        return f"{self.wanted_by} needs {need}, but {self.found} would be there"


@dataclass(frozen=True, slots=True)
class Closure:
    """Where requirements lead."""

    names: frozenset[NormalizedName]
    """All that is needed, of the packages that were given."""
    gaps: tuple[Gap, ...]


def read_package(wheel: Path) -> Package:
    """Return what a wheel says of itself.

    Raises:
        KaggleError: if it is no wheel with metadata and a name to match the format.
    """
    try:
        parse_wheel_filename(wheel.name)
        with zipfile.ZipFile(wheel) as archive:
            (name,) = (
                name
                for name in archive.namelist()
                if name.count("/") == 1 and name.endswith(".dist-info/METADATA")
            )
            metadata = archive.read(name)
        return parse_package(dict(parse_email(metadata)[0]))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise KaggleError(f"{wheel}: is no wheel that can be read ({error})") from error


def parse_package(metadata: Mapping[str, object]) -> Package:
    """Return a package from its metadata, with the keys of PEP 566's JSON form.

    Raises:
        KeyError: if name or version is missing.
        ValueError: if a field is malformed.
    """

    def texts(key: str) -> list[str]:
        values = metadata.get(key) or []
        assert isinstance(values, list)
        return values

    return Package(
        name=canonicalize_name(str(metadata["name"])),
        version=Version(str(metadata["version"])),
        requires=tuple(map(Requirement, texts("requires_dist"))),
        extras=frozenset(map(canonicalize_name, texts("provides_extra"))),
        python=SpecifierSet(str(metadata.get("requires_python") or "")),
    )


def find_closure(
    root: Requirement, packages: Iterable[Package], stock: StockImage, *, wanted_by: str
) -> Closure:
    """Follow requirements as the image's Python reads them, through packages that are given.

    A stock package ends the search, and is taken to provide the extras that are asked of it: the
    image's list does not say what it needs itself.

    Args:
        root: where to start.
        packages: at most one of a name; each goes before a stock package of its name.
        stock: the image.
        wanted_by: who needs the root.
    """
    by_name = {package.name: package for package in packages}
    versions = {**stock.packages, **{name: package.version for name, package in by_name.items()}}
    seen: set[tuple[NormalizedName, str]] = set()
    gaps: dict[tuple[str, str], Gap] = {}
    open_ends = [(root, wanted_by)]
    while open_ends:
        requirement, needer = open_ends.pop()
        name = canonicalize_name(requirement.name)
        version = versions.get(name)
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            gaps[str(requirement), needer] = Gap(requirement, needer, version)
        if name not in by_name:
            continue
        for extra in {"", *requirement.extras}:
            if (name, extra) not in seen:
                seen.add((name, extra))
                package = by_name[name]
                open_ends += [(need, str(package)) for need in _needs(package, extra, stock)]
    return Closure(frozenset(name for name, _ in seen), tuple(gaps[key] for key in sorted(gaps)))


def _needs(package: Package, extra: str, stock: StockImage) -> list[Requirement]:
    markers = {**stock.markers, "extra": extra}
    return [need for need in package.requires if not need.marker or need.marker.evaluate(markers)]
