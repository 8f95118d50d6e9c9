"""The hidden rerun, rehearsed on this machine: the kernel that would be pushed, as Kaggle runs it.

A folder stands for `/kaggle`, a fresh environment for the image, two CPU workers for the GPUs, and
there is no network. What Kaggle does besides (its GPUs, its disks, its queue) is not rehearsed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from packaging.utils import canonicalize_name

from arc_submit.arc.task import Challenges
from arc_submit.config import GpuConfig, RunConfig
from arc_submit.errors import KaggleError
from arc_submit.kaggle.kernels.metadata import load_kernel_metadata
from arc_submit.kaggle.rehearsal.mounts import Layout, digest_inputs, mount
from arc_submit.kaggle.rehearsal.offline import wrap_offline
from arc_submit.kaggle.rehearsal.process_tree import kill_tree
from arc_submit.kaggle.rehearsal.stock_env import StockEnvironment, build_stock_env
from arc_submit.kaggle.wheels.stock import StockImage
from arc_submit.kaggle.wheels.wheelhouse import LOCK_FILE, MANIFEST_FILE, load_manifest
from arc_submit.models.settings import model_folder
from arc_submit.submission.build import count_entries
from arc_submit.submission.validate import validate_submission

_ALLOWANCE_S = 30.0
"""For the start of processes and the kernel's own work, beyond the budget."""
_LOOK_EVERY_S = 0.1
_OUTPUTS = {"submission.json", "submission.json.new", "challenges.json", "run"}
_NOTEBOOK_RUNNER = """
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
try:
    nbclient.NotebookClient(notebook, timeout=None).execute()
finally:
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            print(output.get("text", ""), end="")
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is rehearsed."""

    config: RunConfig
    stock: StockImage
    wheels: Path
    kernel: Path
    """The kernel's folder."""
    challenges: Challenges
    """Swapped in as the competition's test file."""
    folder: Path
    """Made here: `kaggle`, `environment`, `kernel.log`."""
    layout: Layout = "new"
    is_rerun: bool = False
    budget_s: float = 300.0
    kill_at_s: float | None = None
    """The session ends so long after its start, by SIGKILL."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold."""

    name: str
    is_met: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of it."""

    checks: tuple[Check, ...]
    stand_ins: Mapping[str, str]
    """What was not as it is on Kaggle."""
    seconds: float
    submission: Path
    log: Path

    @property
    def is_passed(self) -> bool:
        """Whether all checks are met."""
        return all(check.is_met for check in self.checks)


@dataclass(slots=True)
class _Session:
    """One run of the kernel, as it was observed."""

    exit_code: int | None = None
    seconds: float = 0.0
    looks: int = 0
    faults: list[str] = field(default_factory=list)


def run_rehearsal(plan: Plan, *, on_step: Callable[[str], None]) -> Rehearsal:
    """Run the kernel as Kaggle would, and check everything that can be checked here.

    Raises:
        KaggleError: if the rehearsal cannot be set up.
    """
    root = plan.folder / "kaggle"
    on_step("mounting the inputs")
    wheels = _stage_wheels(plan)
    model = None if plan.config.kaggle.model is None else model_folder(plan.config.model)
    mount(
        root,
        plan.layout,
        plan.config.kaggle,
        challenges=plan.challenges,
        wheels=wheels,
        model=model,
    )
    on_step("making an environment with the packages of the image")
    environment = build_stock_env(plan.folder / "environment", plan.stock.packages.keys())
    inputs = digest_inputs(root)
    command, isolation = wrap_offline(_command(plan, environment), environment.site_packages)
    on_step(f"running the kernel without network ({isolation})")
    session = _run(plan, root, command)
    checks = [*_check_session(plan, session), *_check_traces(plan, root, environment)]
    checks.append(Check("inputs", digest_inputs(root) == inputs, "as they were before"))
    stand_ins = _stand_ins(plan, environment) | {"no network": isolation}
    submission = root / "working" / "submission.json"
    return Rehearsal(
        tuple(checks), stand_ins, session.seconds, submission, plan.folder / "kernel.log"
    )


def _stage_wheels(plan: Plan) -> Path:
    """Link the wheels; their manifest takes this machine's Python and torch for the image's."""
    manifest = load_manifest(plan.wheels)
    staged = plan.folder / "wheels"
    staged.mkdir(parents=True)
    for name in (LOCK_FILE, *(wheel.file for wheel in manifest.wheels)):
        (staged / name).symlink_to((plan.wheels / name).absolute())
    here = {"python": _python(), "torch": metadata.version("torch").partition("+")[0]}
    text = manifest.model_copy(update=here).model_dump_json()
    (staged / MANIFEST_FILE).write_text(text, encoding="utf-8")
    return staged


def _run(plan: Plan, root: Path, command: list[str]) -> _Session:
    session = _Session()
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(plan, root, session, ended))
    started = time.monotonic()
    with (plan.folder / "kernel.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=root / "working",
            env=_environment(plan, root),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        watcher.start()
        try:
            process.wait(plan.kill_at_s or plan.budget_s + 4 * _ALLOWANCE_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            session.seconds = time.monotonic() - started
            session.exit_code = process.poll()
            kill_tree(process.pid)
            process.wait()
            ended.set()
            watcher.join()
    return session


def _watch(plan: Plan, root: Path, session: _Session, ended: threading.Event) -> None:
    """Validate each state of the submission, from the first to the last."""
    path = root / "working" / "submission.json"
    entries = count_entries(plan.challenges)
    seen = 0
    while True:
        is_last = ended.wait(_LOOK_EVERY_S)
        if path.exists() and path.stat().st_mtime_ns != seen:
            seen = path.stat().st_mtime_ns
            session.faults += validate_submission(path, entries)
            session.looks += 1
        if is_last:
            return


def _command(plan: Plan, environment: StockEnvironment) -> list[str]:
    code_file = str(plan.kernel / load_kernel_metadata(plan.kernel).code_file)
    python = str(environment.python)
    if not code_file.endswith(".ipynb"):
        return [python, code_file]
    for package in ("nbclient", "ipykernel"):
        if package not in environment.versions:
            raise KaggleError(
                f"the notebook kernel cannot be rehearsed without the package {package}; "
                "pip install 'arc-submit[kaggle]'"
            )
    return [python, "-c", _NOTEBOOK_RUNNER, code_file]


def _environment(plan: Plan, root: Path) -> dict[str, str]:
    overrides = {
        "runtime.device": "cpu",
        "runtime.workers": 2,
        "runtime.gpu": GpuConfig().model_dump(mode="json"),
        "runtime.budget": plan.budget_s,
        "model.dtype": "auto",
    }
    home = plan.folder / "home"
    home.mkdir()
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PIP_CONFIG_FILE": os.devnull,
        "KAGGLE_KERNEL_RUN_TYPE": "Batch",
        "ARC_SUBMIT_KAGGLE_ROOT": str(root),
        "ARC_SUBMIT_REHEARSAL": json.dumps(overrides),
        **({"KAGGLE_IS_COMPETITION_RERUN": "1"} if plan.is_rerun else {}),
    }


def _check_session(plan: Plan, session: _Session) -> Iterator[Check]:
    if plan.kill_at_s is None:
        is_ended = session.exit_code == 0
        yield Check("exit", is_ended, f"code {session.exit_code}")
        limit_s = plan.budget_s + _ALLOWANCE_S
        yield Check("time", session.seconds <= limit_s, f"{session.seconds:.0f} of {limit_s:.0f} s")
    else:
        is_killed = session.exit_code is None
        yield Check("killed", is_killed, f"after {session.seconds:.0f} s, at work: {is_killed}")
    is_valid = session.looks > 0 and not session.faults
    states = f"valid in each of {session.looks} states" if session.looks else "none was written"
    detail = session.faults[0] if session.faults else states
    yield Check("submission", is_valid, detail)


def _check_traces(plan: Plan, root: Path, environment: StockEnvironment) -> Iterator[Check]:
    now = environment.installed()
    changed = {name for name, v in environment.versions.items() if now.get(name) != v}
    changed -= {canonicalize_name(name) for name in plan.config.kaggle.replace}
    detail = ", ".join(sorted(changed)) or f"{len(environment.versions)} packages as before"
    yield Check("image", not changed, detail)
    left = [path.name for path in (root / "working").iterdir() if path.name not in _OUTPUTS]
    yield Check("working folder", not left, ", ".join(sorted(left)) or "holds nothing else")
    if plan.kill_at_s is None:
        own = now.get(canonicalize_name("arc-submit"))
        yield Check("install", own is not None, f"arc-submit {own or 'is missing'}")
        yield _check_coverage(plan, root)


def _check_coverage(plan: Plan, root: Path) -> Check:
    try:
        text = (root / "working" / "run" / "run_report.json").read_text(encoding="utf-8")
        report = json.loads(text)
    except (OSError, ValueError) as error:
        return Check("coverage", False, f"no report of the run ({error})")
    coverage = float(report["coverage"])
    is_met = coverage > 0 and coverage >= plan.config.runtime.min_coverage
    return Check("coverage", is_met, f"{coverage:.1%} of {report['tasks']} tasks answered")


def _stand_ins(plan: Plan, environment: StockEnvironment) -> dict[str, str]:
    torch = metadata.version("torch")
    return {
        f"Python {plan.stock.python}": _python(),
        f"torch {plan.stock.torch}": torch,
        f"{len(plan.stock.packages)} packages of the image": f"{len(environment.versions)} of them",
        plan.config.kaggle.accelerator: "two CPU workers",
    }


def _python() -> str:
    return "{}.{}".format(*sys.version_info)
