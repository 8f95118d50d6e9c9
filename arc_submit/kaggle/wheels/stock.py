"""What Kaggle's stock image holds: its Python, its platform and its packages, read from a list.

The list is data, ``wheels/stock-image.txt``: lines ``name==version``, which is what
``pip list --format=freeze`` prints, below comments ``# python:``, ``# platform:`` and ``# date:``.
It says nothing of what those packages need themselves, nor which of their extras are complete.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from arc_submit.errors import KaggleError

TORCH = canonicalize_name("torch")

_TORCH_FAMILY = {"torch", "torchaudio", "torchvision", "triton"}
_PLATFORM = re.compile(r"manylinux_2_(\d+)_(\w+)")
_NAMES_BEFORE_PEP_600 = ("manylinux2014", "manylinux2010", "manylinux1")
_OLDEST_GLIBC_MINOR = 5
_HEADER = re.compile(r"#\s*(python|platform|date):\s*(\S+)\s*")


@dataclass(frozen=True, slots=True)
class StockImage:
    """An image that wheels are installed into."""

    python: str
    """Such as ``3.12``."""
    platform: str
    """With the image's glibc, such as ``manylinux_2_35_x86_64``."""
    date: str
    """Of the image, such as ``2026-05``."""
    packages: Mapping[NormalizedName, Version]

    @property
    def torch(self) -> str:
        """The version of PyTorch, without the part that names its CUDA."""
        return self.packages[TORCH].public

    @property
    def fixed(self) -> frozenset[NormalizedName]:
        """Packages that no wheel may stand in for: PyTorch, and what it was built against."""
        return frozenset(
            name
            for name in self.packages
            if name in _TORCH_FAMILY or name.startswith(("nvidia-", "cuda-"))
        )

    @property
    def platforms(self) -> list[str]:
        """Platform tags that the image can run, best first."""
        match = _PLATFORM.fullmatch(self.platform)
        assert match is not None
        newest, machine = int(match[1]), match[2]
        glibc = (f"manylinux_2_{minor}" for minor in range(newest, _OLDEST_GLIBC_MINOR - 1, -1))
        return [f"{name}_{machine}" for name in (*glibc, *_NAMES_BEFORE_PEP_600, "linux")]

    @property
    def tags(self) -> frozenset[Tag]:
        """Tags of the wheels that the image can install."""
        major, minor = map(int, self.python.split("."))
        interpreter = f"cp{major}{minor}"
        return frozenset(
            (
                *cpython_tags((major, minor), [interpreter], self.platforms),
                *compatible_tags((major, minor), interpreter, self.platforms),
            )
        )

    @property
    def markers(self) -> dict[str, str]:
        """What environment markers of requirements (PEP 508) are, in the image."""
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": "posix",
            "platform_machine": self.platforms[-1].removeprefix("linux_"),
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "linux",
        }


def load_stock_image(path: Path) -> StockImage:
    """Read the list of an image's packages.

    Raises:
        KaggleError: naming the file, the line and what is wrong with it.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise KaggleError(f"{path}: cannot be read ({error}); restore it from git") from error
    header = {match[1]: match[2] for line in lines if (match := _HEADER.fullmatch(line))}
    if faults := list(_header_faults(header)):
        raise KaggleError(f"{path}: {'; '.join(faults)}")
    packages: dict[NormalizedName, Version] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, version = _parse_line(line, f"{path}: line {number}")
        if name in packages:
            raise KaggleError(f"{path}: line {number}: {name} occurs twice; keep the image's one")
        packages[name] = version
    if TORCH not in packages:
        raise KaggleError(f"{path}: torch is not in it; list all that the image holds")
    return StockImage(header["python"], header["platform"], header["date"], packages)


def _header_faults(header: Mapping[str, str]) -> Iterator[str]:
    for key, pattern, example in (
        ("python", r"\d+\.\d+", "3.12"),
        ("platform", _PLATFORM.pattern, "manylinux_2_35_x86_64"),
        ("date", r"\d{4}-\d\d(-\d\d)?", "2026-05"),
    ):
        if re.fullmatch(pattern, header.get(key, "")) is None:
            yield f"needs a comment such as '# {key}: {example}'"


def _parse_line(line: str, place: str) -> tuple[NormalizedName, Version]:
    name, separator, version = line.strip().partition("==")
    try:
        if not name or not separator:
            raise InvalidVersion("no '=='")
        return canonicalize_name(name, validate=True), Version(version)
    except ValueError as error:
        raise KaggleError(f"{place}: {line!r} is not name==version ({error})") from error
