"""The options of ``arc-submit kaggle``."""

from __future__ import annotations

import argparse


def add_kaggle_commands(parser: argparse.ArgumentParser) -> None:
    """Add what stands after ``kaggle``."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, help_text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help_text, description=f"{help_text}.")
        command.set_defaults(command=f"arc_submit.cli.kaggle:{name}")
        command.add_argument(
            "--project", metavar="DIR", default=".", help="a checkout of arc-submit; default: here"
        )
        command.add_argument(
            "--config", metavar="FILE", help="default: submission_config.json of the checkout"
        )
        return command

    add("build", "Build the wheels and the kernels, as wheels/ and kernels/ of the checkout")
    add("verify", "Check without a network that wheels and image together are complete")
    _add_rehearse(add("rehearse", "Run the kernel here as Kaggle would, and check everything"))
    _add_push(add("push", "Send wheels, model and kernel to Kaggle, and wait for the run"))
    _add_submit(add("submit", "Submit what a kernel made, if it is valid and covers the tasks"))


def _add_rehearse(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kernel", choices=["script", "notebook"], help="default: kaggle.kernel")
    parser.add_argument(
        "--layout",
        choices=["new", "old"],
        default="new",
        help="how Kaggle lays out the inputs; it uses both (default: %(default)s)",
    )
    parser.add_argument(
        "--rerun",
        action="store_true",
        help="run for the leaderboard, on 240 tasks of the evaluation split in place of the hidden "
        "ones; else a commit run of a few known tasks",
    )
    parser.add_argument(
        "--budget", metavar="TIME", default="5m", help="of the run (default: %(default)s)"
    )
    parser.add_argument("--kill-at", metavar="TIME", help="end the session then, by SIGKILL")
    parser.add_argument(
        "--output", metavar="DIR", help="the session's files; default: runs/rehearsal-<date, time>"
    )
    parser.add_argument("--json", metavar="FILE", help="write the checks there too")


def _add_push(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kernel", choices=["script", "notebook"], help="default: kaggle.kernel")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be sent")
    parser.add_argument(
        "--output",
        metavar="DIR",
        default="runs",
        help="gets a folder of the kernel's files, by name and version (default: %(default)s)",
    )


def _add_submit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="FOLDER", help="the kernel's files that push fetched")
    parser.add_argument(
        "--min-coverage",
        type=float,
        metavar="SHARE",
        default=0.75,
        help="of the run's tasks that need an answer from the model (default: %(default)s)",
    )
    parser.add_argument("--message", metavar="TEXT", default="arc-submit", help="shown on Kaggle")
