from __future__ import annotations

import os
from pathlib import Path

import pytest

from arc_submit.config import RunConfig
from arc_submit.config_file import build_config
from arc_submit.errors import RunError
from arc_submit.runtime.devices import assign_devices


@pytest.fixture
def fake_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that alone is searched for programs; without nvidia-smi at first."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path


def config(dtype: str = "auto", **runtime: object) -> RunConfig:
    return build_config({"model": {"dtype": dtype}, "runtime": runtime}, source="test")


def install_gpus(
    folder: Path, count: int, *, name: str = "Tesla T4", capability: float = 7.5
) -> None:
    lines = [f"{i}, GPU-0000{i}, {name}, 15360, {capability}" for i in range(count)]
    script = folder / "nvidia-smi"
    script.write_text("#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in lines))
    script.chmod(0o755)


def test_each_worker_gets_a_gpu_of_its_own(fake_driver: Path) -> None:
    install_gpus(fake_driver, 2)

    assert assign_devices(config(workers=2)) == ["cuda:0", "cuda:1"]


def test_auto_takes_the_cpu_for_all_where_gpus_are_too_few(fake_driver: Path) -> None:
    install_gpus(fake_driver, 1)

    assert assign_devices(config(workers=2)) == ["cpu", "cpu"]


def test_auto_takes_the_cpu_without_a_driver(fake_driver: Path) -> None:
    assert assign_devices(config(workers=1)) == ["cpu"]


def test_cpu_is_taken_where_it_is_asked_for(fake_driver: Path) -> None:
    install_gpus(fake_driver, 2)

    assert assign_devices(config(workers=2, device="cpu")) == ["cpu", "cpu"]


def test_too_few_gpus_are_refused_with_both_numbers(fake_driver: Path) -> None:
    install_gpus(fake_driver, 1)

    with pytest.raises(RunError, match=r"workers is 2, .* GPUs seen: 1; lower runtime.workers"):
        assign_devices(config(workers=2, device="cuda"))


def test_hidden_gpus_are_left_alone(fake_driver: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_gpus(fake_driver, 4)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1")

    assert assign_devices(config(workers=2)) == ["cuda:3", "cuda:1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert assign_devices(config(workers=1)) == ["cpu"]


def test_driver_that_does_not_answer_counts_as_none(fake_driver: Path) -> None:
    script = fake_driver / "nvidia-smi"
    script.write_text("#!/bin/sh\nwhile :; do :; done\n")
    script.chmod(0o755)
    assert os.access(script, os.X_OK)

    assert assign_devices(config(workers=1), timeout_s=0.1) == ["cpu"]


def test_gpu_is_chosen_by_its_identifier(
    fake_driver: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_gpus(fake_driver, 3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-00002")

    assert assign_devices(config(workers=1)) == ["cuda:GPU-00002"]


def test_gpus_as_asked_for_are_taken(fake_driver: Path) -> None:
    install_gpus(fake_driver, 4, name="NVIDIA L4", capability=8.9)
    asked = {"name": "L4", "count": 4, "min_memory_gb": 15, "min_compute_capability": 8.9}

    devices = assign_devices(config("bfloat16", workers=4, gpu=asked))

    assert devices == ["cuda:0", "cuda:1", "cuda:2", "cuda:3"]


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ({"name": "L4"}, "name: L4 asked for"),
        ({"count": 4}, "count: 4 asked for"),
        ({"min_memory_gb": 22}, "min_memory_gb: 22 asked for"),
        ({"min_compute_capability": 8.0}, "min_compute_capability: 8 asked for"),
    ],
)
def test_other_gpus_than_asked_for_are_refused_with_what_is_there(
    fake_driver: Path, asked: dict[str, object], fault: str
) -> None:
    install_gpus(fake_driver, 2)

    seen = r"GPUs seen: 2 \(Tesla T4, 15.0 GB, compute capability 7.5; Tesla T4"
    with pytest.raises(RunError, match=rf"runtime.gpu.{fault}, but {seen}"):
        assign_devices(config(workers=2, gpu=asked))


def test_missing_gpus_are_refused_where_some_are_asked_for(fake_driver: Path) -> None:
    with pytest.raises(RunError, match=r"GPUs seen: 0 \(none\)"):
        assign_devices(config(workers=1, gpu={"name": "T4"}))


def test_bfloat16_is_refused_where_the_gpu_lacks_it(fake_driver: Path) -> None:
    install_gpus(fake_driver, 1)

    with pytest.raises(RunError, match=r"'bfloat16', but Tesla T4 .* use 'auto' or 'float16'"):
        assign_devices(config("bfloat16", workers=1))
    assert assign_devices(config("float16", workers=1)) == ["cuda:0"]
