"""What is built passes its own check, and what Kaggle's client lets through does not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arc_submit.config import KaggleConfig, RunConfig
from arc_submit.errors import KaggleError
from arc_submit.kaggle.kernels.metadata import (
    KERNEL_METADATA,
    KINDS,
    Kind,
    build_dataset_metadata,
    build_kernel_metadata,
    check_owner,
    load_kernel_metadata,
    slugify,
)

IMAGE = "gcr.io/kaggle-gpu-images/python@sha256:" + "0" * 64


def config(**kaggle: Any) -> RunConfig:
    return RunConfig(kaggle=KaggleConfig(**{"owner": "alice", **kaggle}))


def write_kernel(folder: Path, changes: Mapping[str, Any] = {}, *, kind: Kind = "script") -> Path:
    """Write a kernel folder whose metadata has changes; None leaves a key out."""
    metadata = build_kernel_metadata(config(), kind=kind)
    fields = {**json.loads(metadata.render()), **changes}
    fields = {key: value for key, value in fields.items() if value is not None}
    folder.mkdir(exist_ok=True)
    (folder / KERNEL_METADATA).write_text(json.dumps(fields))
    (folder / metadata.code_file).write_text("print(1)\n")
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_built_passes_the_check(tmp_path: Path, kind: Kind) -> None:
    built = build_kernel_metadata(config(model="bob/some-model", docker_image=IMAGE), kind=kind)
    (tmp_path / KERNEL_METADATA).write_text(built.render())
    (tmp_path / built.code_file).write_text("{}")
    assert load_kernel_metadata(tmp_path) == built
    assert built.enable_internet is False
    assert built.machine_shape == "NvidiaTeslaT4"
    assert built.competition_sources == ["arc-prize-2026-arc-agi-2"]
    assert built.dataset_sources == ["alice/arc-submit-wheels", "bob/some-model"]
    assert (built.docker_image, built.docker_image_pinning_type) == (IMAGE, "original")


def test_script_and_notebook_have_addresses_of_their_own() -> None:
    script, notebook = (build_kernel_metadata(config(), kind=kind) for kind in KINDS)
    assert script.id == "alice/arc-submit"
    assert notebook.id == "alice/arc-submit-notebook"
    assert {script.code_file, notebook.code_file} == {"main.py", "main.ipynb"}


def test_model_with_a_version_is_a_model_source() -> None:
    built = build_kernel_metadata(config(model="q/qwen/Transformers/4b/1"), kind="script")
    assert built.model_sources == ["q/qwen/Transformers/4b/1"]
    assert built.dataset_sources == ["alice/arc-submit-wheels"]


def test_unset_image_says_nothing_of_images() -> None:
    assert "docker" not in build_kernel_metadata(config(), kind="script").render()


@pytest.mark.parametrize(
    ("kaggle", "message"),
    [
        ({"title": "über alles"}, "title: String should match"),
        ({"title": "t" * 45}, "title: String should have at most 50"),
        ({"model": "alice/arc-submit-wheels"}, "is the dataset of the wheels, too"),
        ({"docker_image": "gcr.io/kaggle-gpu-images/python:v160"}, "docker_image: String should"),
    ],
)
def test_configuration_that_kaggle_cannot_have_is_refused(
    kaggle: dict[str, Any], message: str
) -> None:
    with pytest.raises(KaggleError, match=message):
        build_kernel_metadata(config(**kaggle), kind="notebook")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"machine_shape": "NvidiaTeslaT5"}, "machine_shape: no known accelerator; known are"),
        ({"machine_shape": None}, "machine_shape: is missing"),
        ({"competition_sources": []}, "competition_sources: List should have at least 1"),
        ({"enable_internet": None}, "enable_internet: is missing"),
        ({"enable_internet": True}, "enable_internet: Input should be False"),
        ({"enable_internet": "false"}, "enable_internet: Input should be False"),
        ({"enable_gpu": False}, "enable_gpu: Input should be True"),
        ({"enable_gpus": True}, "enable_gpus: unknown key, which Kaggle would pass over"),
        ({"id_no": 7}, "id_no: unknown key"),
        ({"title": "Another title"}, "the title 'Another title' comes to 'another-title'"),
        ({"keywords": "gpu"}, "keywords: Input should be a valid list"),
        ({"dataset_sources": ["wheels"]}, r"dataset_sources\.0: String should match"),
        ({"model_sources": ["a/b"]}, r"model_sources\.0: String should match"),
        ({"code_file": "other.py"}, "code_file: other.py is not there"),
        ({"code_file": "main.ipynb"}, r"code_file: 'main.ipynb' is no \.py file"),
        ({"code_file": "../main.py"}, r"code_file: '\.\./main.py' is no \.py file of the folder"),
    ],
)
def test_metadata_that_the_client_would_pass_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    folder = write_kernel(tmp_path / "kernel", changes)
    with pytest.raises(KaggleError, match=message) as caught:
        load_kernel_metadata(folder)
    assert str(caught.value).startswith(str(folder / KERNEL_METADATA))
    assert "arc-submit kaggle build" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_key_given_twice_and_no_json_are_refused(tmp_path: Path) -> None:
    folder = write_kernel(tmp_path / "kernel")
    path = folder / KERNEL_METADATA
    path.write_text(path.read_text().replace('{"id"', '{"id": "x/y", "id"'))
    with pytest.raises(KaggleError, match="id: is there more than once"):
        load_kernel_metadata(folder)
    path.write_text("{")
    with pytest.raises(KaggleError, match="is not JSON"):
        load_kernel_metadata(folder)
    path.unlink()
    with pytest.raises(KaggleError, match="cannot be read"):
        load_kernel_metadata(folder)


def test_only_the_placeholder_is_no_owner() -> None:
    check_owner(build_kernel_metadata(config(), kind="script"))
    with pytest.raises(KaggleError, match=r"kaggle\.owner: is still 'your-kaggle-name'"):
        check_owner(build_kernel_metadata(RunConfig(), kind="script"))


@pytest.mark.parametrize(("slug", "title"), [("short", "A title"), ("arc-wheels", "t" * 51)])
def test_dataset_that_kaggle_cannot_have_is_refused(slug: str, title: str) -> None:
    with pytest.raises(KaggleError, match="6 to 50 characters"):
        build_dataset_metadata("alice", slug, title)


@given(title=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 -]{4,49}", fullmatch=True))
def test_slug_is_the_one_that_the_client_compares_with(title: str) -> None:
    client_slugify = pytest.importorskip("slugify").slugify
    assert slugify(title) == client_slugify(title)
