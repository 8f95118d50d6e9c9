"""Sends wheels, a model and a kernel to Kaggle, waits for the run, and fetches what it left.

It sends what a plan says, and only that. Whatever ends the work in the middle, it tells what had
been sent by then, since that stays on Kaggle.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from arc_submit import __version__
from arc_submit.arc.json_file import replace_text
from arc_submit.clock import Clock, Deadline, MonotonicClock
from arc_submit.errors import KaggleError
from arc_submit.kaggle.kernels.metadata import DATASET_METADATA, KernelMetadata
from arc_submit.kaggle.upload.client import KaggleClient
from arc_submit.kaggle.upload.push_plan import DatasetUpload, PushPlan
from arc_submit.kaggle.upload.replies import KernelStatus, PushedKernel, RemoteKernel

RECORD_FILE = "pushed.json"
"""In the folder of a run's outputs: which version of which kernel left them."""
_DATASET_LIMIT_S = 3600.0
_QUEUE_LIMIT_S = 24 * 3600.0
"""L4 sessions have waited for 17 hours before they began."""
_MAX_FAILED_LOOKS = 10
"""In a row."""

OnProgress = Callable[[str], None]


class PushRecord(BaseModel):
    """What is known of a version of a kernel whose run is over."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    ref: str
    version: int
    url: str
    accelerator: str
    state: str


@dataclass(frozen=True, slots=True)
class PushOutcome:
    """What came of a push."""

    kernel: PushedKernel
    accelerator: str
    """As Kaggle tells it; empty where it does not."""
    status: KernelStatus
    output_folder: Path
    files: tuple[Path, ...]
    problems: tuple[str, ...]
    """All that a user has to know, one line each; none if the run did what it should."""


def push(
    plan: PushPlan,
    client: KaggleClient,
    *,
    output_folder: Path,
    on_progress: OnProgress,
    poll_s: float = 20.0,
    clock: Clock | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> PushOutcome:
    """Send what is planned, wait until the kernel has run, and fetch its outputs and log.

    Args:
        plan: what is sent.
        client: sends it.
        output_folder: gets a folder of this version's own.
        on_progress: is told each step, in one line.
        poll_s: seconds between two looks at what Kaggle is doing.
        clock: by which waiting is given up; the machine's by default.
        sleep: waits so many seconds.

    Raises:
        KaggleError: if Kaggle refuses something, gives another accelerator or takes too long; with
            what had been sent before.
    """
    waiting = _Waiting(clock or MonotonicClock(), sleep, poll_s)
    _make_folder(output_folder)  # before hours are spent on what would lie there
    sent: list[str] = []
    with _telling(sent, on_progress):
        for upload in plan.uploads:
            megabytes = f"{upload.size / 1e6:.1f} MB"
            on_progress(f"sending {megabytes} in {len(upload.files)} files: {upload.metadata.id}")
            version = _send_dataset(upload, client, waiting)
            sent.append(f"dataset {upload.metadata.id} version {version}")
            on_progress(f"{sent[-1]} is ready")
        kernel = client.push_kernel(
            plan.kernel_folder,
            accelerator=plan.metadata.machine_shape,
            timeout_s=plan.session_limit_s,
        )
        sent.append(f"kernel {kernel.ref} version {kernel.version}, which runs at {kernel.url}")
        on_progress(f"kernel {kernel.ref} version {kernel.version} runs at {kernel.url}")
        remote = client.pull_metadata(kernel.ref)
        _check_accelerator(plan.metadata, remote, kernel)
        status = _await_run(kernel, client, waiting, plan.session_limit_s, on_progress)
        folder = output_folder / f"{plan.metadata.id.partition('/')[2]}-v{kernel.version}"
        files = client.kernel_output(kernel.ref, folder)
        _write_record(folder, kernel, remote, status)
    problems = [*_remote_problems(plan.metadata, remote), *_run_problems(status, files)]
    return PushOutcome(kernel, remote.accelerator, status, folder, tuple(files), tuple(problems))


def load_record(folder: Path) -> PushRecord:
    """Return which version of a kernel left the outputs in a folder.

    Raises:
        KaggleError: if the folder does not say.
    """
    path = folder / RECORD_FILE
    try:
        return PushRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise KaggleError(
            f"{path}: does not say which version of a kernel left these outputs; name a folder "
            "that arc-submit kaggle push has fetched"
        ) from error


@dataclass(frozen=True, slots=True)
class _Waiting:
    """How to wait for Kaggle."""

    clock: Clock
    sleep: Callable[[float], None]
    poll_s: float

    def until(self, limit_s: float, what: str) -> Iterator[float]:
        """Yield the seconds gone by, at once and then at each look.

        Raises:
            KaggleError: when the limit is reached.
        """
        started, deadline = self.clock.now(), Deadline.after(limit_s, self.clock)
        while not deadline.has_passed:
            yield self.clock.now() - started
            self.sleep(self.poll_s)
        raise KaggleError(f"{what} after {limit_s / 3600:.1f} h; see how it goes on at kaggle.com")


@contextmanager
def _telling(sent: list[str], on_progress: OnProgress) -> Iterator[None]:
    try:
        yield
    except KaggleError as error:
        if sent:
            raise KaggleError(f"{error} (sent before that: {'; '.join(sent)})") from error
        raise
    except KeyboardInterrupt:
        on_progress(f"interrupted; sent before that: {'; '.join(sent) or 'nothing'}")
        raise


def _send_dataset(upload: DatasetUpload, client: KaggleClient, waiting: _Waiting) -> int:
    """Send a data set and return its version once kernels can have it."""
    ref = upload.metadata.id
    former = client.dataset_status(ref)
    with tempfile.TemporaryDirectory(prefix="arc-submit-") as name:
        folder = Path(name)
        (folder / DATASET_METADATA).write_text(upload.metadata.render(), encoding="utf-8")
        for path in upload.files:  # a link costs nothing, and the client follows it
            (folder / path.name).symlink_to(path.resolve())
        if former is None:
            client.create_dataset(folder)
        else:
            client.version_dataset(folder, f"arc-submit {__version__}")
    for _ in waiting.until(_DATASET_LIMIT_S, f"the dataset {ref} is not ready"):
        status = client.dataset_status(ref)
        if status is None:
            continue
        if status.state in {"failed", "deleted"}:
            raise KaggleError(
                f"the dataset {ref}: Kaggle says it has {status.state}; see its page on kaggle.com"
            )
        # For a while after an upload Kaggle still speaks of the version before, which is ready.
        if status.state == "ready" and (former is None or status.version > former.version):
            return status.version
    raise AssertionError("waiting ends by itself")


def _check_accelerator(
    metadata: KernelMetadata, remote: RemoteKernel, kernel: PushedKernel
) -> None:
    if remote.accelerator and remote.accelerator != metadata.machine_shape:
        raise KaggleError(
            f"kernel {kernel.ref} version {kernel.version}: Kaggle gave it {remote.accelerator}, "
            f"not {metadata.machine_shape}; end that run at {kernel.url}, choose the accelerator "
            "and save once there, and push again"
        )


def _await_run(
    kernel: PushedKernel,
    client: KaggleClient,
    waiting: _Waiting,
    session_limit_s: float,
    on_progress: OnProgress,
) -> KernelStatus:
    state, failed_looks = "", 0
    what = f"kernel {kernel.ref} version {kernel.version} is not done"
    for seconds in waiting.until(_QUEUE_LIMIT_S + session_limit_s, what):
        try:
            status = client.kernel_status(kernel.ref)
        except KaggleError as error:  # the network may fail in half a day, and come back
            failed_looks += 1
            if failed_looks > _MAX_FAILED_LOOKS:
                raise
            on_progress(f"{error}; looking again")
            continue
        failed_looks = 0
        if status.state != state:
            state = status.state
            on_progress(f"kernel {kernel.ref} is {state} after {seconds / 60:.0f} min")
        if status.is_final:
            return status
    raise AssertionError("waiting ends by itself")


def _write_record(
    folder: Path, kernel: PushedKernel, remote: RemoteKernel, status: KernelStatus
) -> None:
    record = PushRecord(
        ref=kernel.ref,
        version=kernel.version,
        url=kernel.url,
        accelerator=remote.accelerator,
        state=status.state,
    )
    _make_folder(folder)
    try:
        replace_text(folder / RECORD_FILE, record.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise KaggleError(
            f"{folder / RECORD_FILE}: cannot be written ({error.strerror}); make room, and fetch "
            f"the run with 'kaggle kernels output {kernel.ref}'"
        ) from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KaggleError(
            f"{folder}: cannot be made ({error.strerror}); name another folder"
        ) from error


def _remote_problems(metadata: KernelMetadata, remote: RemoteKernel) -> Iterator[str]:
    if not remote.accelerator:
        yield "Kaggle does not say which accelerator it gave; the kernel itself checks the GPUs"
    if remote.enable_internet:
        yield "Kaggle has the internet on for this kernel, so it cannot be submitted"
    asked = [*metadata.dataset_sources, *metadata.competition_sources, *metadata.model_sources]
    # The client passes over models that Kaggle refused, so that only this look shows it.
    for source in asked:
        if source.lower() not in remote.sources:
            yield f"Kaggle does not list {source} among the inputs of this kernel"


def _run_problems(status: KernelStatus, files: list[Path]) -> Iterator[str]:
    if status.state != "complete":
        yield f"the run ended as {status.state}: {status.failure or 'Kaggle does not say why'}"
    if not any(path.name == "submission.json" for path in files):
        yield "the run left no submission.json"
    for path in files:
        if path.suffix == ".log":
            yield from re.findall(r"^kernel: error: .*$", _read_log(path), re.MULTILINE)


def _read_log(path: Path) -> str:
    """Return the text of a log, which Kaggle gives as a JSON list of what was printed when."""
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        return "".join(entry["data"] for entry in json.loads(text))
    except (ValueError, TypeError, KeyError):
        return text
