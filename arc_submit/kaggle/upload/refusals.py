"""What Kaggle's command line says when something fails, and what is to be done about it.

Its exit code and its words do not tell a refusal by kind: the same text comes without credentials
and with wrong ones, and some refusals count as success. So the words are looked up in a table.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import TypeAlias


class Kind(StrEnum):
    """How a failed call stands to another try."""

    FINAL = auto()
    """Another try would fail as well."""
    ABSENT = auto()
    """What was asked for is not there, or not for this user to see."""
    NOT_DONE = auto()
    """Kaggle has surely done nothing, and may do it the next time."""
    UNCERTAIN = auto()
    """Kaggle may have done it, and the answer was lost."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call failed."""

    kind: Kind
    said: str
    """In Kaggle's words, on one line."""
    remedy: str

    def __str__(self) -> str:
        return f"{self.said}; {self.remedy}"


_LOG_IN = (
    "make a token at kaggle.com/settings/api and set KAGGLE_API_TOKEN, or run 'kaggle auth login'"
)
_LATER = "try again later"
_Rule: TypeAlias = tuple[str, Kind, str]

_RULES: tuple[_Rule, ...] = (
    (
        r"No module named '?(kaggle|six)",
        Kind.FINAL,
        "install Kaggle's command line: pip install 'arc-submit[kaggle]'",
    ),
    (
        r"unrecognized arguments|invalid choice",
        Kind.FINAL,
        "this version of kaggle is too old: pip install --upgrade kaggle",
    ),
    (
        r"Authentication required|Invalid credentials|401 Client Error|Unauthorized",
        Kind.FINAL,
        f"Kaggle found no credentials or did not take them: {_LOG_IN}",
    ),
    (
        r"weekly \w* ?quota|quota .*(reached|exceeded|exhausted)|exceeded .*(quota|hours)",
        Kind.FINAL,
        "the GPU hours of this week are spent ('kaggle quota' shows them): wait for the reset, "
        "Saturday 00:00 UTC",
    ),
    (
        r"session count|Maximum batch|concurrent .*session|too many .*session",
        Kind.FINAL,
        "end a session that runs at kaggle.com/code, or wait until it is done",
    ),
    (
        r"submissions? .*(limit|per day|today|remaining|allowed)|(daily|maximum) .*submission",
        Kind.FINAL,
        "the submissions of the day are spent: wait until 00:00 UTC",
    ),
    (
        r"accept .*rules|rules .*accept",
        Kind.FINAL,
        "join the competition and accept its rules on its page on kaggle.com",
    ),
    (
        r"already in use",
        Kind.FINAL,
        "if an earlier try made it after all, push again; else choose another name",
    ),
    (
        r"403 Client Error|Forbidden|Permission .* denied|Cannot access",
        Kind.ABSENT,
        "check that kaggle.owner is the user the credentials belong to, that the names are right, "
        "and that the competition's rules are accepted on its page",
    ),
    (
        r"404 Client Error|not found|Could not find",
        Kind.ABSENT,
        "check the names (kaggle.owner, competition, dataset, title) against kaggle.com",
    ),
    (
        r"400 Client Error|Bad Request",
        Kind.FINAL,
        "for a submission: the run must be complete and have left the file, and submissions of "
        "the day be left; otherwise see that kaggle is up to date",
    ),
    (
        r"429 Client Error|Too Many Requests|503 Server Error|Service Unavailable|"
        r"temporarily unavailable",
        Kind.NOT_DONE,
        _LATER,
    ),
    (
        r"Connection refused|Failed to establish a new connection|Name or service not known|"
        r"name resolution|Failed to resolve|Network is unreachable|Cannot connect to proxy",
        Kind.NOT_DONE,
        "Kaggle cannot be reached: check the network",
    ),
    (
        r"\b5\d\d Server Error|internal (server )?error|Connection aborted|Connection reset|"
        r"Remote end closed|timed out",
        Kind.UNCERTAIN,
        "look at kaggle.com for what was done, then try again",
    ),
)

_PROGRESS = re.compile(r"\d+%\||^Request failed: .* Will retry")
_MAX_SAID = 240


def diagnose(output: str, errors: str) -> Refusal:
    """Return why a call failed.

    Args:
        output: what it wrote to the standard output, or the part that tells of the failure.
        errors: what it wrote to the standard error.
    """
    text = f"{output}\n{errors}"
    said = _last_line(errors) or _last_line(output) or "nothing was said"
    for pattern, kind, remedy in _RULES:
        match = re.search(pattern, text, re.IGNORECASE)
        if match is not None:
            return Refusal(kind, _shorten(_line_of(text, match)), remedy)
    return Refusal(Kind.FINAL, _shorten(said), "see what 'kaggle' says of it")


def _line_of(text: str, match: re.Match[str]) -> str:
    start = text.rfind("\n", 0, match.start()) + 1
    return text[start:].splitlines()[0]


def _last_line(text: str) -> str:
    lines = [line.strip() for line in re.split(r"[\r\n]+", text)]
    return next((line for line in reversed(lines) if line and not _PROGRESS.search(line)), "")


def _shorten(line: str) -> str:
    return textwrap.shorten(line.rstrip(". "), _MAX_SAID, placeholder=" ...")
