"""What is known of things on Kaggle, as its command line tells of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PushedKernel:
    """A version of a kernel on Kaggle."""

    ref: str
    """``owner/slug``."""
    version: int
    url: str


@dataclass(frozen=True, slots=True)
class KernelStatus:
    """Where the latest run of a kernel stands."""

    state: str
    """``queued``, ``running``, ``complete``, ``error``, ``cancel_acknowledged`` and the like."""
    failure: str | None

    @property
    def is_final(self) -> bool:
        """Whether the run is over."""
        return self.state in {"complete", "error", "cancel_acknowledged"}


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """How far Kaggle has come with a data set."""

    state: str
    """``ready``, ``failed``, ``deleted`` or a step on the way."""
    version: int


@dataclass(frozen=True, slots=True)
class RemoteKernel:
    """What Kaggle made of a kernel's metadata."""

    accelerator: str
    """Empty where Kaggle does not say."""
    enable_internet: bool
    sources: frozenset[str]
    """Data sets, competitions and models that are attached, in lower case."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What Kaggle says of a submission it has taken."""

    message: str
    remaining: int | None
    """Submissions left today, where it says so."""
