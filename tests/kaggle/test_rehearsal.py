"""The README's chapter on Kaggle, command by command, and rehearsals of all kinds."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from kaggle_server import DEAD_PROXY, OWNER, KaggleServer, serving

ROOT = Path(__file__).parents[2]
PARTS = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "submission_config.json")
FOLDERS = ("arc_submit", "kernels", "wheels")

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose configuration names its owner, as the README asks for first."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in PARTS:
        shutil.copy(ROOT / name, folder)
    ignored = shutil.ignore_patterns("__pycache__", "*.whl", "wheelhouse.json", "*.lock")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    path = folder / "submission_config.json"
    config = json.loads(path.read_text())
    config["kaggle"]["owner"] = OWNER
    path.write_text(json.dumps(config))
    return folder


@pytest.fixture
def server() -> Iterator[KaggleServer]:
    with serving() as server:
        yield server


def arc_submit(checkout: Path, *arguments: str, **environment: str) -> str:
    """Run a command of the checkout's own code and return what it printed."""
    process = subprocess.run(
        [sys.executable, "-m", "arc_submit", *arguments],
        cwd=checkout,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def readme_commands() -> list[list[str]]:
    chapter = (ROOT / "README.md").read_text().split("\n## Kaggle\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"^```\n(.*?)^```", chapter, re.MULTILINE | re.DOTALL)
    return [line.split() for line in block.splitlines()]


def offer_outputs(server: KaggleServer, session: Path) -> None:
    """Let the server give out what a rehearsed kernel has left."""
    working = session / "kaggle" / "working"
    names = ("submission.json", "challenges.json", "run/run_report.json")
    server.outputs = {name: (working / name).read_bytes() for name in names}
    server.log = (session / "kernel.log").read_text()


def test_the_commands_of_the_readme_lead_to_a_submission(
    checkout: Path, server: KaggleServer, tmp_path: Path
) -> None:
    commands = readme_commands()
    assert [command[2] for command in commands] == [
        "build", "verify", "rehearse", "rehearse", "push", "push", "submit",
    ]  # fmt: skip
    server.version = 0
    environment = server.environment(tmp_path)
    for _, *arguments in commands:
        given = [argument.replace("$RUN_DIR", str(tmp_path / "run")) for argument in arguments]
        arc_submit(checkout, *given, **environment)
        if arguments == ["kaggle", "rehearse"]:  # what Kaggle runs when the kernel is pushed
            (session,) = (checkout / "runs").glob("rehearsal-*")
            offer_outputs(server, session)
        if "--dry-run" in arguments:
            assert not server.requests
    (kernel,) = server.named("SaveKernel")
    assert kernel.fields["text"] == (checkout / "kernels" / "script" / "main.py").read_text()
    assert kernel.fields["machineShape"] == "NvidiaTeslaT4"
    assert kernel.fields["enableInternet"] is False
    wheels = checkout / "wheels"
    sent = server.datasets[f"{OWNER}/arc-submit-wheels"].files
    assert sent == {name: (wheels / name).read_bytes() for name in sent}
    assert {"requirements.lock", "wheelhouse.json"} < sent.keys()
    (submitted,) = server.named("CreateCodeSubmission")
    assert submitted.fields["fileName"] == "submission.json"


@pytest.fixture(scope="module")
def wheel(checkout: Path) -> Path:
    """The checkout's own wheel, in a wheelhouse that is complete."""
    arc_submit(checkout, "kaggle", "build")
    (path,) = (checkout / "wheels").glob("arc_submit-*.whl")
    return path


@contextmanager
def missing(wheel: Path) -> Iterator[str]:
    content = wheel.read_bytes()
    wheel.unlink()
    yield f"{wheel.name}: is missing"
    wheel.write_bytes(content)


@contextmanager
def altered(wheel: Path) -> Iterator[str]:
    content = wheel.read_bytes()
    wheel.write_bytes(content + b" ")
    yield f"{wheel.name}: its sha256 is"
    wheel.write_bytes(content)


@contextmanager
def outdated(wheel: Path) -> Iterator[str]:
    source = wheel.parents[1] / "arc_submit" / "seeds.py"
    text = source.read_text()
    source.write_text(text + "\n# changed since the wheel was built\n")
    yield f"{wheel.name}: was built from other code"
    source.write_text(text)


@pytest.mark.parametrize("spoil", [missing, altered, outdated], ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize("command", ["verify", "push", "rehearse"])
def test_a_broken_wheelhouse_is_refused_by_name_before_anything_is_done(
    checkout: Path, wheel: Path, command: str, spoil: Callable[[Path], AbstractContextManager[str]]
) -> None:
    with spoil(wheel) as fault:
        process = subprocess.run(
            [sys.executable, "-m", "arc_submit", "kaggle", command],
            cwd=checkout,
            env={"PATH": os.environ["PATH"], "https_proxy": DEAD_PROXY},
            capture_output=True,
            text=True,
        )
    assert process.returncode != 0
    assert fault in process.stdout + process.stderr
    assert "Traceback" not in process.stderr
    arc_submit(checkout, "kaggle", "verify")


@pytest.fixture(scope="module")
def rehearsed(checkout: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The session of a notebook kernel in the old layout, for the leaderboard."""
    session = tmp_path_factory.mktemp("rehearsal") / "session"
    arguments = ["--layout", "old", "--kernel", "notebook", "--rerun", "--budget", "45s"]
    arc_submit(checkout, "kaggle", "rehearse", *arguments, "--output", str(session))
    return session


def test_the_notebook_runs_in_the_old_layout(rehearsed: Path) -> None:
    submission = json.loads((rehearsed / "kaggle" / "working" / "submission.json").read_text())
    assert len(submission) == 240
    assert "competition rerun" in (rehearsed / "kernel.log").read_text()


def test_a_commit_run_works_on_few_tasks_and_submits_all(
    checkout: Path, rehearsed: Path, tmp_path: Path
) -> None:
    output = tmp_path / "session"
    arguments = ["--layout", "old", "--budget", "1m", "--output", str(output)]
    said = arc_submit(checkout, "kaggle", "rehearse", *arguments)
    assert "of 4 tasks answered" in said
    assert len(json.loads((output / "kaggle/working/submission.json").read_text())) == 240


def test_a_session_that_is_killed_leaves_a_valid_file_and_no_process(
    checkout: Path, rehearsed: Path, tmp_path: Path
) -> None:
    output = tmp_path / "session"
    arguments = ["--kernel", "notebook", "--rerun", "--kill-at", "20s", "--output", str(output)]
    assert "FAILED" not in arc_submit(checkout, "kaggle", "rehearse", *arguments)
    assert not list(processes_in(output))


def processes_in(folder: Path) -> Iterator[int]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder) in path.read_text(errors="replace"):
                yield int(path.parent.name)
        except OSError:
            continue


def run_kernel(checkout: Path, session: Path, settings: Mapping[str, str]) -> str:
    process = subprocess.run(
        [session / "environment" / "bin" / "python", checkout / "kernels" / "script" / "main.py"],
        env={**settings, "ARC_SUBMIT_KAGGLE_ROOT": str(session / "kaggle")},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0
    return process.stdout + process.stderr


def test_wrong_gpus_are_refused_in_one_line_and_the_file_is_valid(
    checkout: Path, rehearsed: Path
) -> None:
    working = rehearsed / "kaggle" / "working"
    shutil.rmtree(working)
    said = run_kernel(checkout, rehearsed, {"KAGGLE_IS_COMPETITION_RERUN": "1"})
    (line,) = re.findall(r"^arc-submit: error: (.*)$", said, re.MULTILINE)
    assert "2 asked for" in line and "GPUs seen: 0" in line
    assert len(json.loads((working / "submission.json").read_text())) == 240
