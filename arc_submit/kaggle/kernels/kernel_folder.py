"""The kernel folders that are pushed: metadata, and one file of code with all settings in it.

Kaggle uploads the code file alone, so the configuration stands inside it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from arc_submit.arc.json_file import replace_text
from arc_submit.config import RunConfig
from arc_submit.errors import KaggleError
from arc_submit.kaggle.kernels.accelerators import kernel_config
from arc_submit.kaggle.kernels.metadata import KERNEL_METADATA, KINDS, Kind, build_kernel_metadata

_MODULE = Path(__file__).with_name("kernel.py")
_SETTINGS_LINE = "SETTINGS: dict[str, Any] = {}\n"
_NOTEBOOK = {
    "metadata": {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    },
    "nbformat": 4,
    "nbformat_minor": 5,
}


def render_kernel(config: RunConfig, kind: Kind) -> dict[str, str]:
    """Return the files of a kernel folder, name and text; equal configurations give equal bytes.

    Raises:
        ConfigError, KaggleError: as :func:`~arc_submit.kaggle.kernels.accelerators.kernel_config`.
    """
    metadata = build_kernel_metadata(config, kind=kind)
    head, code = _render_code(config)
    text = head + code if kind == "script" else _render_notebook(head, code)
    return {KERNEL_METADATA: metadata.render(), metadata.code_file: text}


def build_kernels(config: RunConfig, kernels: Path) -> list[Path]:
    """Write the folders of both kernels and return their files.

    Raises:
        KaggleError: if they cannot be written.
    """
    written = []
    for kind in KINDS:
        for name, text in render_kernel(config, kind).items():
            path = kernels / kind / name
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                replace_text(path, text)
            except OSError as error:
                raise KaggleError(f"{path}: cannot be written ({error.strerror})") from error
            written.append(path)
    return written


def check_kernel(config: RunConfig, kernels: Path, kind: Kind) -> Path:
    """Return the folder of a kernel if it is what the configuration builds.

    Raises:
        KaggleError: if it is missing, or differs.
    """
    for name, text in render_kernel(config, kind).items():
        path = kernels / kind / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            raise KaggleError(
                f"{path}: is not what this configuration and version of arc-submit build; run "
                "arc-submit kaggle build, and make changes in the configuration"
            )
    return kernels / kind


def _render_code(config: RunConfig) -> tuple[str, str]:
    """Return the kernel's code, split after the settings."""
    kaggle = config.kaggle
    settings: dict[str, Any] = {
        "owner": kaggle.owner,
        "competition": kaggle.competition,
        "dataset": kaggle.dataset,
        "model": kaggle.model,
        "smoke_tasks": kaggle.smoke_tasks,
        "config": kernel_config(config).model_dump(mode="json", exclude={"kaggle", "data"}),
    }
    head, line, code = _MODULE.read_text(encoding="utf-8").partition(_SETTINGS_LINE)
    assert line, f"{_MODULE} does not set SETTINGS"
    text = json.dumps(settings, indent=2)
    return f'{head}SETTINGS: dict[str, Any] = json.loads(r"""\n{text}\n""")\n', code


def _render_notebook(head: str, code: str) -> str:
    _, about, head = head.split('"""', 2)
    cells = [_cell("markdown", about), _cell("code", head), _cell("code", code)]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    return json.dumps({"cells": cells, **_NOTEBOOK}, indent=1) + "\n"


def _cell(kind: str, text: str) -> dict[str, Any]:
    cell: dict[str, Any] = {
        "cell_type": kind,
        "metadata": {},
        "source": text.strip().splitlines(keepends=True),
    }
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})
