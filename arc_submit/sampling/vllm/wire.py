"""What passes between a sampler and the vLLM engine in its child process.

Both ends are this package's own and of one version, so messages are pickled as they are. Loads no
model library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

# ---- from the parent; in the place of a command, None tells the child to end


@dataclass(frozen=True, slots=True)
class Start:
    """The first message."""

    arguments: Mapping[str, Any]
    """Of vLLM's ``EngineArgs``."""


@dataclass(frozen=True, slots=True)
class Request:
    """One completion to be written."""

    index: int
    """In its command; comes back with the answer."""
    prompt: int
    """Index of its prompt."""
    temperature: float
    top_p: float
    max_new_tokens: int
    seed: int


@dataclass(frozen=True, slots=True)
class Write:
    """Write completions until a deadline."""

    prompts: tuple[tuple[int, ...], ...]
    """Token ids."""
    requests: tuple[Request, ...]
    end_ids: tuple[int, ...]
    """Each of these tokens ends a completion."""
    at_once: int
    """Most completions written side by side."""
    deadline: float
    """An instant of the machine's monotonic clock."""


@dataclass(frozen=True, slots=True)
class LoadAdapter:
    """Write with the adapter in a folder from here on, and forget any other."""

    version: int
    """At least 1; never the same for two adapters."""
    folder: str


@dataclass(frozen=True, slots=True)
class DropAdapter:
    """Write without an adapter from here on."""


@dataclass(frozen=True, slots=True)
class LoadWeights:
    """Write with the weights in a folder from here on."""

    folder: str


@dataclass(frozen=True, slots=True)
class Sleep:
    """Give the device's memory back."""


@dataclass(frozen=True, slots=True)
class Wake:
    """Take the device's memory again; the weights are those of before."""


Command: TypeAlias = Start | Write | LoadAdapter | DropAdapter | LoadWeights | Sleep | Wake

# ---- from the child


@dataclass(frozen=True, slots=True)
class Written:
    """A finished completion."""

    index: int
    token_ids: tuple[int, ...]
    """With the one that ended it."""
    logprob: float
    """Natural logarithm of its probability at temperature 1."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The engine has taken a step; what it has finished since the last one."""

    finished: tuple[Written, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """The command is carried out."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The command raised; the child ends."""

    message: str
    """One line."""
    is_out_of_memory: bool


Answer: TypeAlias = Progress | Done | Failed
