"""Commands; the only place that prints. Heavy imports happen inside the commands."""

from arc_submit.cli.main import build_parser, main

__all__ = ["build_parser", "main"]
