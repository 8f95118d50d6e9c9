from __future__ import annotations

import os
from pathlib import Path

import pytest

from arc_submit.config import RuntimeConfig
from arc_submit.errors import RunError
from arc_submit.runtime.devices import assign_devices


@pytest.fixture
def fake_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that alone is searched for programs; without nvidia-smi at first."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path


def install_gpus(folder: Path, count: int) -> None:
    lines = [f"GPU {i}: Tesla T4 (UUID: GPU-0000{i})" for i in range(count)]
    script = folder / "nvidia-smi"
    script.write_text("#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in lines))
    script.chmod(0o755)


def test_each_worker_gets_a_gpu_of_its_own(fake_driver: Path) -> None:
    install_gpus(fake_driver, 2)

    assert assign_devices(RuntimeConfig(workers=2)) == ["cuda:0", "cuda:1"]


def test_auto_takes_the_cpu_for_all_where_gpus_are_too_few(fake_driver: Path) -> None:
    install_gpus(fake_driver, 1)

    assert assign_devices(RuntimeConfig(workers=2)) == ["cpu", "cpu"]


def test_auto_takes_the_cpu_without_a_driver(fake_driver: Path) -> None:
    assert assign_devices(RuntimeConfig(workers=1)) == ["cpu"]


def test_cpu_is_taken_where_it_is_asked_for(fake_driver: Path) -> None:
    install_gpus(fake_driver, 2)

    assert assign_devices(RuntimeConfig(workers=2, device="cpu")) == ["cpu", "cpu"]


def test_too_few_gpus_are_refused_with_both_numbers(fake_driver: Path) -> None:
    install_gpus(fake_driver, 1)

    with pytest.raises(RunError, match=r"workers is 2, .* GPUs seen: 1; lower runtime.workers"):
        assign_devices(RuntimeConfig(workers=2, device="cuda"))


def test_hidden_gpus_are_left_alone(fake_driver: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_gpus(fake_driver, 4)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1")

    assert assign_devices(RuntimeConfig(workers=2)) == ["cuda:3", "cuda:1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert assign_devices(RuntimeConfig(workers=1)) == ["cpu"]


def test_driver_that_does_not_answer_counts_as_none(fake_driver: Path) -> None:
    script = fake_driver / "nvidia-smi"
    script.write_text("#!/bin/sh\nwhile :; do :; done\n")
    script.chmod(0o755)
    assert os.access(script, os.X_OK)

    assert assign_devices(RuntimeConfig(workers=1), timeout_s=0.1) == ["cpu"]
