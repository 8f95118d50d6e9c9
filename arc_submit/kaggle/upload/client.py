"""Kaggle's own command line, one child process per call, and what its words amount to.

A call counts as done only where the line is found that says so: the exit code is 0 for a push
that was refused, for a data set left out of a kernel and for a file left out of a data set.
"""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from arc_submit.errors import KaggleError
from arc_submit.kaggle.kernels.metadata import (
    DATASET_METADATA,
    KERNEL_METADATA,
    load_kernel_metadata,
)
from arc_submit.kaggle.upload.refusals import Kind, Refusal, diagnose
from arc_submit.kaggle.upload.replies import (
    DatasetStatus,
    KernelStatus,
    PushedKernel,
    Receipt,
    RemoteKernel,
)

KAGGLE_COMMAND = (sys.executable, "-P", "-m", "kaggle")
"""`-P`: a folder that is called kaggle where the user stands is not the package."""
_LOG = logging.getLogger(__name__)
_TRANSFER_LIMIT_S = 3600.0
_SLOWEST_UPLOAD = 2**17
"""Bytes per second; a slower upload is given up."""

_REFUSED = re.compile(
    r"^(?:Kernel push|Dataset creation|Dataset version creation) error: *(.*)$", re.MULTILINE
)
_LEFT_OUT = re.compile(
    r"not valid (\w+) sources and could not be added to the kernel: (.*)$", re.MULTILINE
)
_PUSHED = re.compile(r"Kernel version (\d+) successfully pushed\.\s+Please check progress at (\S+)")
_UPLOADED = re.compile(r"^Upload successful: (.*) \([^()]*\)$", re.MULTILINE)
_CREATED = re.compile(r"is being created\. Please check progress at \S+")
_STATUS = re.compile(r'has status "(?:KernelWorkerStatus\.)?(\w+)"')
_FAILURE = re.compile(r'Failure message: "(.*)"', re.DOTALL)
_FETCHED = re.compile(r"(?:Output file|Kernel log) downloaded to (.*?) *$", re.MULTILINE)
_REMAINING = re.compile(r"^(\d+) submissions remaining today\.$", re.MULTILINE)
_TAKEN = re.compile(r"success|submitted|received", re.IGNORECASE)


class KaggleClient:
    """Kaggle, as its command line reaches it.

    A call is made again after trouble that leaves nothing done; after trouble that may have left
    something done only where doing it twice is no harm. A refusal is never asked for twice.

    Args:
        command: starts Kaggle's command line.
        environment: of the child processes; None takes this process's. Credentials lie there or
            where Kaggle's command line looks for them.
        waits_s: before each further try.
        limit_s: for one call that moves no files.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        command: Sequence[str] = KAGGLE_COMMAND,
        environment: Mapping[str, str] | None = None,
        *,
        waits_s: Sequence[float] = (3.0, 15.0, 60.0),
        limit_s: float = 300.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._command = tuple(command)
        chatty = {"VERBOSE", "VERBOSE_OUTPUT"}  # would print requests, and with them the key
        given = os.environ if environment is None else environment
        self._environment = {key: value for key, value in given.items() if key not in chatty}
        self._environment["PYTHONIOENCODING"] = "utf-8"
        self._waits_s = tuple(waits_s)
        self._limit_s = limit_s
        self._sleep = sleep

    def push_kernel(self, folder: Path, *, accelerator: str, timeout_s: float) -> PushedKernel:
        """Push a kernel folder, which starts its run.

        Args:
            folder: metadata and code.
            accelerator: said here as well, since some pushes got it only so.
            timeout_s: after which Kaggle ends the run.

        Raises:
            KaggleError: if Kaggle refuses it, or takes it but leaves out a source.
        """
        metadata = load_kernel_metadata(folder)
        arguments = ["kernels", "push", "-p", str(folder), "-t", str(int(timeout_s))]
        doing = f"push of {metadata.id}"
        output = self._run([*arguments, "--accelerator", accelerator], doing)
        match = _PUSHED.search(output)
        left_out = [f"{kind} {names}" for kind, names in _LEFT_OUT.findall(output)]
        if left_out:
            where = f" as version {match[1]}; end that run at {match[2]}" if match else ""
            raise KaggleError(
                f"{doing}: Kaggle left out the {' and the '.join(left_out)}, and took the rest"
                f"{where}, then check that the names are right and the rules accepted"
            )
        if match is None:
            raise _unclear(doing, output)
        return PushedKernel(metadata.id, int(match[1]), match[2])

    def kernel_status(self, ref: str) -> KernelStatus:
        """Return where the latest run of a kernel stands.

        Raises:
            KaggleError: if Kaggle does not say.
        """
        doing = f"status of {ref}"
        output = self._run(["kernels", "status", ref], doing, is_repeatable=True)
        match = _STATUS.search(output)
        if match is None:
            raise _unclear(doing, output)
        failure = _FAILURE.search(output)
        return KernelStatus(match[1].lower(), failure[1].strip() if failure else None)

    def kernel_output(self, ref: str, folder: Path) -> list[Path]:
        """Fetch the files and the log that the latest run of a kernel left.

        Raises:
            KaggleError: if Kaggle does not give them.
        """
        arguments = ["kernels", "output", ref, "-p", str(folder), "--force"]
        output = self._run(
            arguments, f"output of {ref}", is_repeatable=True, limit_s=_TRANSFER_LIMIT_S
        )
        return [path for name in _FETCHED.findall(output) if (path := Path(name)).is_file()]

    def pull_metadata(self, ref: str) -> RemoteKernel:
        """Return what Kaggle made of the metadata of a kernel.

        Raises:
            KaggleError: if Kaggle does not say.
        """
        doing = f"metadata of {ref}"
        # In a new folder, since a metadata file that lies there already changes what is pulled.
        with tempfile.TemporaryDirectory(prefix="arc-submit-") as folder:
            arguments = ["kernels", "pull", ref, "-p", folder, "-m"]
            output = self._run(arguments, doing, is_repeatable=True)
            try:
                fields = json.loads((Path(folder) / KERNEL_METADATA).read_text("utf-8"))
            except (OSError, ValueError) as error:
                raise _unclear(doing, output) from error
        keys = ("dataset_sources", "competition_sources", "model_sources")
        return RemoteKernel(
            accelerator=fields.get("machine_shape") or "",
            enable_internet=bool(fields.get("enable_internet")),
            sources=frozenset(name.lower() for key in keys for name in fields.get(key) or ()),
        )

    def dataset_status(self, ref: str) -> DatasetStatus | None:
        """Return how far Kaggle has come with a data set; None where there is none to be seen.

        Raises:
            KaggleError: if Kaggle does not say.
        """
        doing = f"status of the dataset {ref}"
        arguments = ["datasets", "status", ref, "--format", "json"]
        output, refusal = self._try(arguments, doing, is_repeatable=True)
        if refusal is not None and refusal.kind is Kind.ABSENT:
            return None
        if refusal is not None:
            raise KaggleError(f"{doing}: {refusal}")
        try:
            fields = json.loads(output[output.index("{") :])
            return DatasetStatus(str(fields["status"]), int(fields["current_version_number"] or 0))
        except (ValueError, KeyError, TypeError) as error:
            raise _unclear(doing, output) from error

    def create_dataset(self, folder: Path) -> None:
        """Make a private data set of the files of a folder.

        Raises:
            KaggleError: if Kaggle refuses it, or a file did not get there.
        """
        self._upload(["datasets", "create", "-p", str(folder)], folder, is_repeatable=False)

    def version_dataset(self, folder: Path, message: str) -> None:
        """Make the files of a folder the new version of a data set.

        Raises:
            KaggleError: if Kaggle refuses it, or a file did not get there.
        """
        arguments = ["datasets", "version", "-p", str(folder), "-m", message]
        self._upload(arguments, folder, is_repeatable=True)

    def submit(self, competition: str, kernel: PushedKernel, *, file: str, message: str) -> Receipt:
        """Submit a file that a version of a kernel left, which starts the hidden rerun.

        Args:
            competition: its slug.
            kernel: the version whose run is over.
            file: its name among the outputs.
            message: shown beside the score.

        Raises:
            KaggleError: if Kaggle refuses it, or does not say that it took it.
        """
        doing = f"submission of version {kernel.version} of {kernel.ref}"
        arguments = ["competitions", "submit", competition, "-k", kernel.ref]
        arguments += ["-v", str(kernel.version), "-f", file, "-m", message]
        output = self._run(arguments, doing)
        remaining = _REMAINING.search(output)
        words = _REMAINING.sub("", output).strip()
        if not _TAKEN.search(words):
            raise KaggleError(
                f"{doing}: it is not known whether Kaggle took it ({words or 'nothing was said'}); "
                f"look at kaggle.com/competitions/{competition}/submissions before another try"
            )
        return Receipt(words, int(remaining[1]) if remaining else None)

    def _upload(self, arguments: list[str], folder: Path, *, is_repeatable: bool) -> None:
        files = [path for path in folder.iterdir() if path.name != DATASET_METADATA]
        limit_s = _TRANSFER_LIMIT_S + sum(path.stat().st_size for path in files) / _SLOWEST_UPLOAD
        ref = json.loads((folder / DATASET_METADATA).read_text("utf-8"))["id"]
        doing = f"upload of the dataset {ref}"
        output = self._run(arguments, doing, is_repeatable=is_repeatable, limit_s=limit_s)
        missing = {path.name for path in files} - set(_UPLOADED.findall(output))
        if missing:
            raise KaggleError(
                f"{doing}: Kaggle made it without {', '.join(sorted(missing))}, whose upload "
                "failed; push again, which makes a new version of it"
            )
        if _CREATED.search(output) is None:
            raise _unclear(doing, output)

    def _run(
        self,
        arguments: list[str],
        doing: str,
        *,
        is_repeatable: bool = False,
        limit_s: float | None = None,
    ) -> str:
        output, refusal = self._try(arguments, doing, is_repeatable=is_repeatable, limit_s=limit_s)
        if refusal is not None:
            raise KaggleError(f"{doing}: {refusal}")
        return output

    def _try(
        self,
        arguments: list[str],
        doing: str,
        *,
        is_repeatable: bool,
        limit_s: float | None = None,
    ) -> tuple[str, Refusal | None]:
        again = {Kind.NOT_DONE, Kind.UNCERTAIN} if is_repeatable else {Kind.NOT_DONE}
        for wait_s in (*self._waits_s, None):
            output, refusal = self._call(arguments, limit_s or self._limit_s)
            if wait_s is None or refusal is None or refusal.kind not in again:
                break
            _LOG.warning("%s: %s; trying again in %g s", doing, refusal.said, wait_s)
            self._sleep(wait_s)
        return output, refusal

    def _call(self, arguments: list[str], limit_s: float) -> tuple[str, Refusal | None]:
        try:
            reply = subprocess.run(
                [*self._command, *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=limit_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "", diagnose("", f"the call timed out after {limit_s:.0f} s")
        except OSError as error:
            raise KaggleError(
                f"{self._command[0]}: cannot be started ({error.strerror}); "
                "install Kaggle's command line: pip install 'arc-submit[kaggle]'"
            ) from error
        refused = _REFUSED.search(reply.stdout)
        if refused is not None:
            return reply.stdout, diagnose(refused[1], "")
        if reply.returncode != 0:
            return reply.stdout, diagnose(reply.stdout, reply.stderr)
        return reply.stdout, None


def _unclear(doing: str, output: str) -> KaggleError:
    said = " ".join(output.split())[-200:] or "nothing"
    return KaggleError(
        f"{doing}: Kaggle's command line ended without saying that it is done (it said: {said}); "
        "look at kaggle.com for what was done, and check the version of kaggle"
    )
