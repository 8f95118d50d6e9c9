"""A loopback server that speaks as much of Kaggle's API as Kaggle's own command line needs.

The command line runs as it is, in an environment of its own that leads nowhere else: every
request goes to this server as a proxy, and encrypted ones to a port where nothing listens.
"""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

DEAD_PROXY = "http://127.0.0.1:9"
OWNER = "alice"


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived."""

    method: str
    host: str
    name: str
    """The API method, such as ``SaveKernel``, or ``/upload/...``."""
    body: bytes
    authorization: str

    @property
    def fields(self) -> dict[str, Any]:
        """The body of an API request."""
        fields: dict[str, Any] = json.loads(self.body)
        return fields


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered."""

    status: int = 200
    body: dict[str, Any] | bytes = field(default_factory=dict)


@dataclass(slots=True)
class Dataset:
    """A data set that the server knows."""

    version: int
    files: dict[str, bytes]
    looks_until_ready: int


class KaggleServer(ThreadingHTTPServer):
    """Records requests and answers them, first as scripted, then as Kaggle would."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[Request] = []
        self.scripted: dict[str, deque[Reply]] = {}
        self.datasets: dict[str, Dataset] = {}
        self.lag = 0
        """So many times the status of a new version still speaks of the state before."""
        self.uploads: dict[str, bytes] = {}
        self.kernel: dict[str, Any] = {}
        self.version = 6
        self.accelerator: str | None = None
        """Given whatever is asked for; None gives what is asked for."""
        self.states: deque[str] = deque(["complete"])
        """Of the run, one per look; the last one stays."""
        self.failure = ""
        self.outputs: dict[str, bytes] = {}
        self.log = ""

    def script(self, name: str, *replies: Reply) -> None:
        """Answer the next requests of a name so."""
        self.scripted.setdefault(name, deque()).extend(replies)

    def named(self, name: str) -> list[Request]:
        """Return the requests of a name, in the order in which they came."""
        return [request for request in self.requests if request.name == name]

    def answer(self, request: Request) -> Reply:
        """Return the answer to a request."""
        self.requests.append(request)
        scripted = self.scripted.get(request.name)
        if scripted:
            return scripted.popleft()
        if request.name.startswith("/upload/"):
            self.uploads[request.name.removeprefix("/upload/")] = request.body
            return Reply()
        if request.name.startswith("/output/"):
            return Reply(body=self.outputs[request.name.removeprefix("/output/")])
        handler = getattr(self, f"_answer_{request.name}", None)
        return Reply(501) if handler is None else handler(request.fields)

    def _answer_StartBlobUpload(self, fields: dict[str, Any]) -> Reply:
        name = fields["name"]
        return Reply(body={"token": name, "createUrl": f"http://localhost/upload/{name}"})

    def _answer_GetDatasetStatus(self, fields: dict[str, Any]) -> Reply:
        dataset = self.datasets.get(f"{fields['ownerSlug']}/{fields['datasetSlug']}")
        if dataset is None:
            return Reply(404, {"code": 404, "message": "Dataset not found"})
        dataset.looks_until_ready -= 1
        is_ready = dataset.looks_until_ready < 0 or dataset.version > 1
        return Reply(body={"status": "ready" if is_ready else "blobs_received"})

    def _answer_GetDataset(self, fields: dict[str, Any]) -> Reply:
        dataset = self.datasets[f"{fields['ownerSlug']}/{fields['datasetSlug']}"]
        is_old = dataset.looks_until_ready >= 0 and dataset.version > 1
        return Reply(body={"currentVersionNumber": dataset.version - is_old})

    def _answer_CreateDataset(self, fields: dict[str, Any]) -> Reply:
        return self._add_version(f"{fields['ownerSlug']}/{fields['slug']}", fields["files"])

    def _answer_CreateDatasetVersion(self, fields: dict[str, Any]) -> Reply:
        ref = f"{fields['ownerSlug']}/{fields['datasetSlug']}"
        return self._add_version(ref, fields["body"]["files"])

    def _add_version(self, ref: str, files: list[dict[str, Any]]) -> Reply:
        former = self.datasets.get(ref)
        uploaded = {entry["token"]: self.uploads[entry["token"]] for entry in files}
        self.datasets[ref] = Dataset(former.version + 1 if former else 1, uploaded, self.lag)
        url = f"https://www.kaggle.com/datasets/{ref}"
        return Reply(body={"status": "ok", "url": url, "ref": ref, "invalidTags": []})

    def _answer_SaveKernel(self, fields: dict[str, Any]) -> Reply:
        self.kernel, self.version = fields, self.version + 1
        url = f"https://www.kaggle.com/code/{fields['slug']}"
        return Reply(body={"url": url, "versionNumber": self.version, "error": ""})

    def _answer_GetKernel(self, fields: dict[str, Any]) -> Reply:
        kernel = self.kernel
        about = {**kernel, "ref": kernel["slug"], "title": kernel["newTitle"]}
        about["machineShape"] = self.accelerator or kernel["machineShape"]
        blob = {key: kernel[key] for key in ("language", "kernelType")}
        return Reply(
            body={"metadata": about, "blob": blob | {"source": kernel["text"], "slug": "kernel"}}
        )

    def _answer_GetKernelSessionStatus(self, fields: dict[str, Any]) -> Reply:
        state = self.states.popleft() if len(self.states) > 1 else self.states[0]
        return Reply(body={"status": state, "failureMessage": self.failure})

    def _answer_ListKernelSessionOutput(self, fields: dict[str, Any]) -> Reply:
        files = [
            {"fileName": name, "url": f"http://localhost/output/{name}"} for name in self.outputs
        ]
        return Reply(body={"files": files, "log": self.log})

    def _answer_CreateCodeSubmission(self, fields: dict[str, Any]) -> Reply:
        return Reply(body={"message": "Successfully submitted to ARC", "ref": 1})

    def _answer_GetSubmissionLimits(self, fields: dict[str, Any]) -> Reply:
        return Reply(body={"numToday": 1, "numTotal": 1, "numAllowedNow": 0})

    def environment(self, folder: Path) -> dict[str, str]:
        """Return an environment in which Kaggle's command line can reach this server alone.

        Args:
            folder: takes what the command line writes for itself.
        """
        for name in ("home", "cfg", "tmp"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        return {
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
            "KAGGLE_CONFIG_DIR": str(folder / "cfg"),
            "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
            "KAGGLE_USERNAME": OWNER,
            "KAGGLE_KEY": "not-a-key",
            "http_proxy": f"http://127.0.0.1:{self.server_port}",
            "https_proxy": DEAD_PROXY,
            "all_proxy": DEAD_PROXY,
            "no_proxy": "",
        }


class _Handler(BaseHTTPRequestHandler):
    server: KaggleServer

    def do_POST(self) -> None:
        self._reply()

    def do_PUT(self) -> None:
        self._reply()

    def do_GET(self) -> None:
        self._reply()

    def _reply(self) -> None:
        url = urlsplit(self.path)
        is_api = url.path.startswith("/api/v1/")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        reply = self.server.answer(
            Request(
                method=self.command,
                host=url.netloc,
                name=url.path.rpartition("/")[2] if is_api else url.path,
                body=body,
                authorization=self.headers.get("Authorization", ""),
            )
        )
        is_json = isinstance(reply.body, dict)
        data = json.dumps(reply.body).encode() if isinstance(reply.body, dict) else reply.body
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json" if is_json else "text/plain")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing; what arrived is recorded."""


@contextmanager
def serving() -> Iterator[KaggleServer]:
    """Run a server for a while; nobody may have asked it for another host.

    The test is skipped where Kaggle's command line is not installed.
    """
    for package in ("kaggle", "six"):
        try:
            metadata.version(package)
        except metadata.PackageNotFoundError:
            pytest.skip(f"the package {package} is not installed in {sys.prefix}")
    server = KaggleServer()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert {request.host for request in server.requests} <= {"localhost"}
