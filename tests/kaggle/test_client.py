"""Kaggle's real command line against a loopback server: what arrives, and what is made of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kaggle_server import DEAD_PROXY, KaggleServer, Reply, serving
from test_metadata import write_kernel

from arc_submit.errors import KaggleError
from arc_submit.kaggle.kernels.metadata import DATASET_METADATA, build_dataset_metadata
from arc_submit.kaggle.upload.client import KaggleClient
from arc_submit.kaggle.upload.replies import DatasetStatus, KernelStatus, PushedKernel

REF = "alice/arc-submit"
WHEELS = "alice/arc-submit-wheels"
KERNEL = PushedKernel(REF, 7, f"https://www.kaggle.com/code/{REF}")
UNAVAILABLE = Reply(503, b"")

Call = Callable[[KaggleClient, Path], object]


def push(client: KaggleClient, folder: Path) -> PushedKernel:
    kernel = write_kernel(folder / "kernel")
    return client.push_kernel(kernel, accelerator="NvidiaTeslaT4", timeout_s=43200.0)


def dataset_folder(folder: Path) -> Path:
    folder = folder / "dataset"
    folder.mkdir()
    metadata = build_dataset_metadata("alice", "arc-submit-wheels", "arc-submit-wheels")
    (folder / DATASET_METADATA).write_text(metadata.render())
    (folder.parent / "a.whl").write_bytes(b"wheel")
    (folder / "a.whl").symlink_to(folder.parent / "a.whl")
    (folder / "requirements.lock").write_bytes(b"a==1\n")
    return folder


def create(client: KaggleClient, folder: Path) -> None:
    client.create_dataset(dataset_folder(folder))


def version(client: KaggleClient, folder: Path) -> None:
    client.version_dataset(dataset_folder(folder), "arc-submit 1")


def status(client: KaggleClient, folder: Path) -> KernelStatus:
    return client.kernel_status(REF)


def output(client: KaggleClient, folder: Path) -> list[Path]:
    return client.kernel_output(REF, folder / "output")


def pull(client: KaggleClient, folder: Path) -> object:
    return client.pull_metadata(REF)


def submit(client: KaggleClient, folder: Path) -> object:
    return client.submit("arc", KERNEL, file="submission.json", message="first")


CALLS: list[tuple[Call, str]] = [
    (push, "SaveKernel"),
    (create, "CreateDataset"),
    (version, "CreateDatasetVersion"),
    (status, "GetKernelSessionStatus"),
    (output, "ListKernelSessionOutput"),
    (pull, "GetKernel"),
    (submit, "CreateCodeSubmission"),
]


class Waits(list[float]):
    """Remembers what was waited for, and waits for nothing."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def server() -> Iterator[KaggleServer]:
    with serving() as started:
        yield started


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def client(server: KaggleServer, waits: Waits, tmp_path: Path) -> KaggleClient:
    environment = server.environment(tmp_path / "client")
    assert environment["KAGGLE_API_ENVIRONMENT"] == "LOCALHOST"
    assert environment["https_proxy"] == environment["all_proxy"] == DEAD_PROXY
    return KaggleClient(environment=environment, waits_s=(1.0, 4.0), sleep=waits)


def test_push_sends_code_and_metadata(
    server: KaggleServer, client: KaggleClient, tmp_path: Path
) -> None:
    assert push(client, tmp_path) == KERNEL
    (request,) = server.requests
    assert request.fields == {
        "slug": REF,
        "newTitle": "arc-submit",
        "text": "print(1)\n",
        "language": "python",
        "kernelType": "script",
        "isPrivate": True,
        "enableGpu": True,
        "enableTpu": False,
        "enableInternet": False,
        "machineShape": "NvidiaTeslaT4",
        "sessionTimeoutSeconds": 43200,
        "datasetDataSources": [WHEELS],
        "competitionDataSources": ["arc-prize-2026-arc-agi-2"],
    }
    assert request.authorization.startswith("Basic ")


def test_created_dataset_holds_every_byte_and_is_private(
    server: KaggleServer, client: KaggleClient, tmp_path: Path
) -> None:
    create(client, tmp_path)
    (request,) = server.named("CreateDataset")
    assert request.fields["isPrivate"] is True
    assert (request.fields["ownerSlug"], request.fields["slug"]) == ("alice", "arc-submit-wheels")
    assert server.datasets[WHEELS].files == {"a.whl": b"wheel", "requirements.lock": b"a==1\n"}


def test_new_version_of_a_dataset(
    server: KaggleServer, client: KaggleClient, tmp_path: Path
) -> None:
    version(client, tmp_path)
    (request,) = server.named("CreateDatasetVersion")
    assert request.fields["body"]["versionNotes"] == "arc-submit 1"
    assert set(server.datasets[WHEELS].files) == {"a.whl", "requirements.lock"}


def test_dataset_status_tells_none_from_not_ready_and_ready(
    server: KaggleServer, client: KaggleClient, tmp_path: Path
) -> None:
    server.lag = 1
    assert client.dataset_status(WHEELS) is None
    create(client, tmp_path)
    assert client.dataset_status(WHEELS) == DatasetStatus("blobs_received", 1)
    assert client.dataset_status(WHEELS) == DatasetStatus("ready", 1)


def test_dataset_of_another_user_counts_as_none(server: KaggleServer, client: KaggleClient) -> None:
    server.script("GetDatasetStatus", Reply(403, {"code": 403, "message": "Permission 'x' denied"}))
    assert client.dataset_status(WHEELS) is None


def test_status_of_a_run_that_failed(server: KaggleServer, client: KaggleClient) -> None:
    server.states.clear()
    server.states.append("error")
    server.failure = "Your notebook ran\nout of memory"
    assert client.kernel_status(REF) == KernelStatus("error", "Your notebook ran\nout of memory")


def test_output_brings_files_and_log(
    server: KaggleServer, client: KaggleClient, tmp_path: Path
) -> None:
    server.outputs = {"submission.json": b"{}", "run/run_report.json": b"[]"}
    server.log = "ran"
    folder = tmp_path / "output"
    paths = [folder / "submission.json", folder / "run/run_report.json", folder / "arc-submit.log"]
    assert client.kernel_output(REF, folder) == paths
    assert [path.read_text() for path in paths] == ["{}", "[]", "ran"]


def test_pull_reads_back_what_kaggle_gave(
    server: KaggleServer, client: KaggleClient, tmp_path: Path
) -> None:
    push(client, tmp_path)
    server.accelerator = "NvidiaTeslaP100"
    remote = client.pull_metadata(REF)
    assert remote.accelerator == "NvidiaTeslaP100"
    assert remote.sources == {WHEELS, "arc-prize-2026-arc-agi-2"}
    assert not remote.enable_internet


def test_submission_names_kernel_version_and_file(
    server: KaggleServer, client: KaggleClient
) -> None:
    receipt = client.submit("arc", KERNEL, file="submission.json", message="first")
    assert (receipt.message, receipt.remaining) == ("Successfully submitted to ARC", 0)
    assert server.named("CreateCodeSubmission")[0].fields == {
        "competitionName": "arc",
        "kernelOwner": "alice",
        "kernelSlug": "arc-submit",
        "kernelVersion": 7,
        "fileName": "submission.json",
        "submissionDescription": "first",
    }


@pytest.mark.parametrize(("call", "name"), CALLS)
def test_unavailable_service_is_asked_again(
    server: KaggleServer, client: KaggleClient, waits: Waits, tmp_path: Path, call: Call, name: str
) -> None:
    if call is pull:
        push(client, tmp_path)
    server.script(name, UNAVAILABLE)
    call(client, tmp_path)
    assert len(server.named(name)) == 2
    assert waits == [1.0]


def test_waits_grow_and_end(server: KaggleServer, client: KaggleClient, waits: Waits) -> None:
    server.script("GetKernelSessionStatus", *[UNAVAILABLE] * 3)
    with pytest.raises(KaggleError, match=r"503 Server Error.*; try again later"):
        client.kernel_status(REF)
    assert waits == [1.0, 4.0]


@pytest.mark.parametrize(("call", "name"), CALLS)
@pytest.mark.parametrize(
    ("reply", "said", "remedy"),
    [
        (Reply(401), "Authentication required", "set KAGGLE_API_TOKEN, or run 'kaggle auth login'"),
        (Reply(403), "403 Client Error", "check that kaggle.owner is the user"),
        (Reply(404, {"code": 404, "message": "Not found"}), "Not found", "check the names"),
    ],
    ids=["401", "403", "404"],
)
def test_refusal_is_clear_and_not_asked_for_twice(
    server: KaggleServer,
    client: KaggleClient,
    waits: Waits,
    tmp_path: Path,
    call: Call,
    name: str,
    reply: Reply,
    said: str,
    remedy: str,
) -> None:
    if call in (status, output) and reply.status in (401, 403):  # the client's own words
        said, remedy = "Cannot access kernel", "the user the credentials belong to"
    server.script(name, reply)
    with pytest.raises(KaggleError) as caught:
        call(client, tmp_path)
    assert said in str(caught.value) and remedy in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(server.named(name)) == 1 and not waits


@pytest.mark.parametrize(
    ("call", "name", "reply", "message"),
    [
        (
            push,
            "SaveKernel",
            Reply(body={"error": "Maximum weekly GPU quota of 30.00 hours reached."}),
            r"Maximum weekly GPU quota of 30\.00 hours reached; the GPU hours of this week",
        ),
        (
            push,
            "SaveKernel",
            Reply(body={"error": "Maximum batch GPU session count of 2 reached."}),
            "session count of 2 reached; end a session that runs",
        ),
        (
            submit,
            "CreateCodeSubmission",
            Reply(400, {"code": 400, "message": "You have used the maximum submissions per day."}),
            "the submissions of the day are spent",
        ),
        (
            submit,
            "CreateCodeSubmission",
            Reply(403, {"code": 403, "message": "You must accept the competition's rules."}),
            "join the competition and accept its rules",
        ),
        (
            submit,
            "CreateCodeSubmission",
            Reply(body={"message": ""}),
            r"not known whether Kaggle took it \(nothing was said\)",
        ),
        (
            push,
            "SaveKernel",
            Reply(body={"url": "https://k/7", "versionNumber": 7, "invalidDatasetSources": ["w"]}),
            r"left out the dataset \['w'\], and took the rest as version 7; end that run at",
        ),
        (
            push,
            "SaveKernel",
            Reply(body={"versionNumber": 7, "url": "u", "invalidCompetitionSources": ["c"]}),
            "left out the competition",
        ),
        (push, "SaveKernel", Reply(body={"url": "u"}), "ended without saying that it is done"),
        (
            create,
            "GetDatasetStatus",
            Reply(body={"status": "ready"}),
            "is already in use by a dataset.*push again",
        ),
        (
            version,
            "CreateDatasetVersion",
            Reply(body={"status": "error", "error": "Incompatible Dataset Type"}),
            "Incompatible Dataset Type",
        ),
        (version, "/upload/a.whl", Reply(500), r"made it without a\.whl, whose upload failed"),
    ],
)
def test_what_the_exit_code_hides_is_an_error(
    server: KaggleServer,
    client: KaggleClient,
    tmp_path: Path,
    call: Call,
    name: str,
    reply: Reply,
    message: str,
) -> None:
    server.script(name, reply)
    with pytest.raises(KaggleError, match=message):
        call(client, tmp_path)


def test_lost_answer_is_asked_for_again_only_where_it_does_no_harm(
    server: KaggleServer, client: KaggleClient, waits: Waits, tmp_path: Path
) -> None:
    server.script("GetKernelSessionStatus", Reply(500))
    assert status(client, tmp_path).state == "complete"
    assert waits == [1.0]
    server.script("SaveKernel", Reply(504))
    with pytest.raises(KaggleError, match=r"look at kaggle\.com for what was done"):
        push(client, tmp_path)
    server.script("CreateCodeSubmission", Reply(500))
    with pytest.raises(KaggleError, match=r"look at kaggle\.com for what was done"):
        submit(client, tmp_path)
    assert len(server.named("SaveKernel")) == len(server.named("CreateCodeSubmission")) == 1


def test_without_credentials_nothing_is_asked(server: KaggleServer, tmp_path: Path) -> None:
    environment = server.environment(tmp_path)
    del environment["KAGGLE_KEY"]
    with pytest.raises(KaggleError, match="found no credentials or did not take them"):
        push(KaggleClient(environment=environment), tmp_path)
    assert not server.requests


def test_kaggle_out_of_reach(server: KaggleServer, waits: Waits, tmp_path: Path) -> None:
    environment = server.environment(tmp_path) | {"http_proxy": DEAD_PROXY}
    client = KaggleClient(environment=environment, waits_s=(2.0,), sleep=waits)
    with pytest.raises(KaggleError, match="Kaggle cannot be reached: check the network"):
        status(client, tmp_path)
    assert waits == [2.0] and not server.requests


def test_the_live_service_is_out_of_reach_even_by_mistake(
    server: KaggleServer, tmp_path: Path
) -> None:
    environment = server.environment(tmp_path)
    del environment["KAGGLE_API_ENVIRONMENT"]
    with pytest.raises(KaggleError, match="Kaggle cannot be reached"):
        status(KaggleClient(environment=environment, waits_s=()), tmp_path)


def test_missing_package_and_missing_command_say_what_to_install(tmp_path: Path) -> None:
    bare = KaggleClient((sys.executable, "-I", "-S", "-m", "kaggle"), {})
    with pytest.raises(KaggleError, match=r"pip install 'arc-submit\[kaggle\]'"):
        status(bare, tmp_path)
    with pytest.raises(KaggleError, match=r"cannot be started.*pip install 'arc-submit\[kaggle\]'"):
        status(KaggleClient(("no-such-command",), {}), tmp_path)


def test_folder_called_kaggle_does_not_stand_in_for_the_package(
    server: KaggleServer, client: KaggleClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kaggle").mkdir()
    (tmp_path / "kaggle" / "__init__.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.chdir(tmp_path)
    assert status(client, tmp_path).state == "complete"


def test_call_that_hangs_is_given_up(tmp_path: Path) -> None:
    hanging = KaggleClient((sys.executable, "-c", "import time; time.sleep(60)"), {}, limit_s=0.2)
    with pytest.raises(KaggleError, match="timed out after"):
        hanging.submit("arc", KERNEL, file="submission.json", message="first")


def test_key_is_never_printed(server: KaggleServer, tmp_path: Path) -> None:
    environment = server.environment(tmp_path) | {"VERBOSE": "true"}
    server.script("GetKernelSessionStatus", Reply(400))
    with pytest.raises(KaggleError) as caught:
        status(KaggleClient(environment=environment), tmp_path)
    assert "Authorization" not in str(caught.value)
