"""All commands of the command line with their parsers, those of ``arc-submit kaggle`` included."""

from __future__ import annotations

import argparse

from arc_submit.cli import build_parser


def command_parsers(
    parser: argparse.ArgumentParser | None = None, prefix: str = ""
) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers by what is typed after ``arc-submit``."""
    found: dict[str, argparse.ArgumentParser] = {}
    for action in (parser or build_parser())._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                found[prefix + name] = sub
                found |= command_parsers(sub, f"{prefix}{name} ")
    return found
