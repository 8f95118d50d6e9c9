"""Model folders as :func:`arc_submit.models.loading.load_model` reads them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging as transformers_logging

from arc_submit.models.settings import ModelSettings, write_settings


def write_model(folder: Path, model: Any, tokenizer: Any, settings: ModelSettings) -> None:
    """Write weights in bfloat16, tokenizer and prompt settings; the model stays as it is."""
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    copy.deepcopy(model).to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_settings(folder, settings)
