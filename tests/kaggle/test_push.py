"""A whole push through Kaggle's real command line, and what is said when it goes wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kaggle_server import Dataset, KaggleServer, Reply, serving
from test_metadata import config, write_kernel

from arc_submit.clock import ManualClock
from arc_submit.errors import KaggleError
from arc_submit.kaggle.upload.client import KaggleClient
from arc_submit.kaggle.upload.push import PushOutcome, PushRecord, load_record, push
from arc_submit.kaggle.upload.push_plan import PushPlan, plan_push

WHEELS = {
    "arc_submit-1-py3-none-any.whl": b"wheel",
    "requirements.lock": b"a",
    "wheelhouse.json": b"{}",
}
REF = "alice/arc-submit"


@pytest.fixture
def server() -> Iterator[KaggleServer]:
    with serving() as started:
        yield started


@pytest.fixture
def plan(tmp_path: Path) -> PushPlan:
    return make_plan(tmp_path)


def make_plan(folder: Path, **kaggle: Any) -> PushPlan:
    wheels = folder / "wheels"
    wheels.mkdir()
    for name, data in {**WHEELS, "README.md": b"not sent"}.items():
        (wheels / name).write_bytes(data)
    kernel = write_kernel(folder / "kernel")
    return plan_push(config(**kaggle), kernel_folder=kernel, wheels=wheels)


class Run:
    """One push, with time that passes only while it waits."""

    def __init__(self, server: KaggleServer, folder: Path) -> None:
        self.client = KaggleClient(environment=server.environment(folder / "client"), waits_s=())
        self.folder = folder / "out"
        self.clock = ManualClock()
        self.said: list[str] = []

    def push(self, plan: PushPlan, *, poll_s: float = 600.0) -> PushOutcome:
        return push(
            plan,
            self.client,
            output_folder=self.folder,
            on_progress=self.said.append,
            poll_s=poll_s,
            clock=self.clock,
            sleep=self.clock.advance,
        )


@pytest.fixture
def run(server: KaggleServer, tmp_path: Path) -> Run:
    return Run(server, tmp_path)


def test_plan_shows_all_that_would_be_sent(plan: PushPlan) -> None:
    text = "\n".join(plan.describe())
    assert all(name in text for name in WHEELS) and "README.md" not in text
    assert "-t 43200 --accelerator NvidiaTeslaT4" in text
    assert '"enable_internet": false' in text


def test_push_sends_waits_and_fetches(server: KaggleServer, run: Run, plan: PushPlan) -> None:
    server.states.extendleft(["running", "queued"])
    server.outputs = {"submission.json": b"{}"}
    server.log = json.dumps([{"stream_name": "stdout", "time": 0.1, "data": "kernel: done\n"}])
    outcome = run.push(plan)
    assert server.datasets["alice/arc-submit-wheels"].files == WHEELS
    assert server.kernel["slug"] == REF
    assert outcome.output_folder == run.folder / "arc-submit-v7"
    assert {path.name for path in outcome.files} == {"submission.json", "arc-submit.log"}
    assert (outcome.accelerator, outcome.status.state) == ("NvidiaTeslaT4", "complete")
    assert outcome.problems == ()
    url = f"https://www.kaggle.com/code/{REF}"
    assert load_record(outcome.output_folder) == PushRecord(
        ref=REF, version=7, url=url, accelerator="NvidiaTeslaT4", state="complete"
    )
    assert [line for line in run.said if " is " in line] == [
        "dataset alice/arc-submit-wheels version 1 is ready",
        "kernel alice/arc-submit is queued after 0 min",
        "kernel alice/arc-submit is running after 10 min",
        "kernel alice/arc-submit is complete after 20 min",
    ]


def test_known_dataset_gets_a_version_that_is_waited_for(
    server: KaggleServer, run: Run, plan: PushPlan
) -> None:
    server.datasets["alice/arc-submit-wheels"] = Dataset(4, {}, 0)
    server.lag = 1
    run.push(plan)
    names = [request.name for request in server.requests]
    assert "CreateDataset" not in names
    made, pushed = names.index("CreateDatasetVersion"), names.index("SaveKernel")
    # The first look after the upload still finds the old version, which is ready.
    assert names[made:pushed].count("GetDataset") == 2
    assert "dataset alice/arc-submit-wheels version 5 is ready" in run.said


def test_model_folder_becomes_a_dataset_of_its_own(
    server: KaggleServer, run: Run, tmp_path: Path
) -> None:
    made = make_plan(tmp_path)
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_bytes(b"{}")
    (model / "model.safetensors").write_bytes(b"\0" * 4096)
    kernel = write_kernel(
        tmp_path / "kernel", {"dataset_sources": ["alice/arc-submit-wheels", "alice/my-model"]}
    )
    plan = plan_push(
        config(model="alice/my-model"),
        kernel_folder=kernel,
        wheels=made.uploads[0].files[0].parent,
        model_folder=model,
    )
    server.script("SaveKernel", Reply(body={"error": "enough for this test"}))
    with pytest.raises(KaggleError, match="wheels version 1; dataset alice/my-model version 1"):
        run.push(plan)
    assert server.datasets["alice/my-model"].files["model.safetensors"] == b"\0" * 4096
    (model / "checkpoint").mkdir()
    with pytest.raises(KaggleError, match="checkpoint: is a folder, which Kaggle's client leaves"):
        plan_push(
            config(model="alice/my-model"),
            kernel_folder=kernel,
            wheels=made.uploads[0].files[0].parent,
            model_folder=model,
        )


def test_another_accelerator_is_an_error(server: KaggleServer, run: Run, plan: PushPlan) -> None:
    server.accelerator = "NvidiaTeslaP100"
    with pytest.raises(KaggleError, match="gave it NvidiaTeslaP100, not NvidiaTeslaT4") as caught:
        run.push(plan)
    assert "sent before that: dataset alice/arc-submit-wheels version 1; kernel" in str(
        caught.value
    )


def test_failed_run_is_told_with_its_log(server: KaggleServer, run: Run, plan: PushPlan) -> None:
    server.states.clear()
    server.states.append("error")
    server.failure = "Notebook Exceeded Memory"
    data = ["kernel: commit run\nkernel: error: 1 GPU where", " 2 are asked for\n"]
    server.log = json.dumps([{"stream_name": "stdout", "time": 1.0, "data": part} for part in data])
    assert run.push(replace(plan, uploads=())).problems == (
        "the run ended as error: Notebook Exceeded Memory",
        "the run left no submission.json",
        "kernel: error: 1 GPU where 2 are asked for",
    )


def test_missed_look_at_the_run_does_not_end_the_wait(
    server: KaggleServer, run: Run, plan: PushPlan
) -> None:
    server.script("GetKernelSessionStatus", Reply(500))
    assert run.push(replace(plan, uploads=())).status.state == "complete"
    assert any(line.endswith("looking again") for line in run.said)


def test_run_that_never_ends_is_given_up(server: KaggleServer, run: Run, plan: PushPlan) -> None:
    server.states.clear()
    server.states.append("queued")
    with pytest.raises(KaggleError, match=r"version 7 is not done after 36\.0 h"):
        run.push(replace(plan, uploads=()), poll_s=20 * 3600.0)


def test_refusal_in_the_middle_says_what_was_sent(
    server: KaggleServer, run: Run, plan: PushPlan
) -> None:
    server.script("SaveKernel", Reply(body={"error": "Maximum weekly GPU quota reached."}))
    with pytest.raises(KaggleError, match=r"\(sent before that: dataset .*-wheels version 1\)$"):
        run.push(plan)


def test_interruption_says_what_was_sent(
    run: Run, plan: PushPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run.client, "push_kernel", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run.push(plan)
    assert run.said[-1] == (
        "interrupted; sent before that: dataset alice/arc-submit-wheels version 1"
    )


def test_kernel_folder_of_another_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KaggleError, match="machine_shape: is 'NvidiaTeslaT4', but by the config"):
        make_plan(tmp_path, accelerator="NvidiaL4")


@pytest.mark.parametrize("name", WHEELS)
def test_incomplete_wheels_are_refused(tmp_path: Path, plan: PushPlan, name: str) -> None:
    (tmp_path / "wheels" / name).unlink()
    missing = "wheels" if name.endswith(".whl") else name
    with pytest.raises(KaggleError, match=f"lacks {missing}; run arc-submit kaggle build"):
        plan_push(config(), kernel_folder=plan.kernel_folder, wheels=tmp_path / "wheels")
