"""What must be quick loads no model library; each case runs in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

import pytest
from command_parsers import command_parsers

from arc_submit.cli import build_parser, main

MODEL_LIBRARIES = {"torch", "transformers", "peft", "vllm", "tokenizers", "safetensors"}

HELP = """
from contextlib import suppress
from arc_submit.cli import main
with suppress(SystemExit):
    main(["--help"])
"""

COMMANDS = tuple(command_parsers())
GROUPS = {name.split()[0] for name in COMMANDS if " " in name}

LIGHT = {
    "the package": "import arc_submit",
    "the parser": "from arc_submit.cli import build_parser; build_parser()",
    "help": HELP,
    "a config check": "from arc_submit.cli import main; assert main(['config']) == 0",
    "the scheduler": "import arc_submit.runtime.scheduler",
    "the coordinator": "import arc_submit.runtime.coordinator",
    "solving commands": "import arc_submit.cli.solve",
    "checking commands": "import arc_submit.cli.check",
    "drawing": "import arc_submit.cli.draw",
    "doctor": "import arc_submit.cli.doctor",
    "kaggle": "import arc_submit.cli.kaggle",
    "a sandbox child": "import arc_submit.execution.child",
    "a recipe check": "import arc_submit.training.recipe",
}


@pytest.mark.parametrize("code", LIGHT.values(), ids=LIGHT.keys())
def test_no_model_library_is_loaded_by(code: str) -> None:
    report = "import sys; print('loaded:', *sys.modules)"
    child = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True
    )
    loaded = child.stdout.splitlines()[-1].split()
    assert "arc_submit" in loaded
    assert not MODEL_LIBRARIES.intersection(loaded)


@pytest.mark.parametrize("arguments", [[], *(name.split() for name in COMMANDS)], ids=str)
def test_help_exits_with_0(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*arguments, "--help"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(" ".join(["usage: arc-submit", *arguments]))


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in GROUPS])
def test_every_command_leads_to_a_function(name: str) -> None:
    required = {
        "score": ["file", "--solutions", "file"],
        "validate": ["file", "--challenges", "file"],
        "train": ["--recipe", "file", "--output", "folder"],
        "draw": ["chick"],
        "resume": ["folder"],
        "simulate": ["--profile", "nvarc-l4"],
        "merge": ["--adapter", "folder", "--output", "folder"],
        "model import": ["file", "folder"],
        "kaggle submit": ["folder"],
    }
    options = build_parser().parse_args([*name.split(), *required.get(name, [])])
    module, _, function = options.command.partition(":")
    __import__(module)
    assert callable(getattr(sys.modules[module], function))
