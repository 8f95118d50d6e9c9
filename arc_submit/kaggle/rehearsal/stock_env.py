"""A virtual environment with those packages of Kaggle's image that this machine has.

They are linked, not installed: it takes seconds, needs no network, and what is not in the image
(arc-submit itself above all) cannot be seen from it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from arc_submit.errors import KaggleError

_OWN = {canonicalize_name(name) for name in ("pip", "setuptools")}


@dataclass(frozen=True, slots=True)
class StockEnvironment:
    """Where it is, and what it holds."""

    python: Path
    site_packages: Path
    versions: dict[NormalizedName, str]
    """Of the packages that were linked, by normalised name; those of the image and their needs."""

    def installed(self) -> dict[NormalizedName, str]:
        """Return the versions of all packages that are there now."""
        found = metadata.distributions(path=[str(self.site_packages)])
        return {canonicalize_name(dist.name): dist.version for dist in found}


def build_stock_env(folder: Path, stock_names: Collection[NormalizedName]) -> StockEnvironment:
    """Make the environment.

    Args:
        folder: does not exist yet.
        stock_names: normalised names of the packages in the image.

    Raises:
        KaggleError: if no virtual environment can be made.
    """
    made = subprocess.run(
        [sys.executable, "-m", "venv", str(folder)], capture_output=True, text=True
    )
    if made.returncode:
        reason = (made.stderr or made.stdout).strip().splitlines()[-1:]
        raise KaggleError(
            f"{folder}: no virtual environment could be made ({' '.join(reason)}); on Debian and "
            "Ubuntu the package python3-venv is needed"
        )
    (site_packages,) = folder.glob("lib/python*/site-packages")
    available = {canonicalize_name(dist.name): dist for dist in metadata.distributions()}
    names = _with_needs(available, set(stock_names) & available.keys()) - _OWN
    for name in names:
        _link(available[name], site_packages)
    versions = {name: available[name].version for name in names}
    return StockEnvironment(folder / "bin" / "python", site_packages, versions)


def _with_needs(
    available: Mapping[NormalizedName, metadata.Distribution], names: set[NormalizedName]
) -> set[NormalizedName]:
    """Add what packages need here; in other versions than the image's that may be more."""
    found: set[NormalizedName] = set()
    while names:
        found |= names
        needs = (Requirement(text) for name in names for text in available[name].requires or ())
        names = {
            canonicalize_name(need.name)
            for need in needs
            if need.marker is None or need.marker.evaluate({"extra": ""})
        }
        names = names & available.keys() - found
    return found


def _link(dist: metadata.Distribution, site_packages: Path) -> None:
    tops = {file.parts[0] for file in dist.files or ()} - {"..", "__pycache__"}
    for top in tops:
        source, target = Path(str(dist.locate_file(top))), site_packages / top
        if source.exists() and not target.exists() and target.suffix != ".pth":
            target.symlink_to(source)
