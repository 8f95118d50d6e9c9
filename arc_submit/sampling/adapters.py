"""Trained adapters on their way into another engine: as they are, or merged into the weights.

vLLM dies of an adapter that it does not take, or computes something else with it. So what it takes
is checked here, before the engine hears of it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import torch
from peft import get_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from arc_submit.errors import ArcSubmitError

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM can be started with; an adapter of any rank up to that one fits."""

_CONFIG_FILE, _WEIGHTS_FILE = "adapter_config.json", "adapter_model.safetensors"
_NEITHER = "neither LoRA nor rank-stabilised LoRA"
_REFUSED_KEYS = {
    "use_dora": "DoRA",
    "lora_bias": "a bias",
    "modules_to_save": "modules trained whole",
    "trainable_token_indices": "single tokens' embeddings",
    "target_parameters": "parameters outside linear layers",
    "rank_pattern": "ranks that differ",
    "alpha_pattern": "scales that differ",
    "layer_replication": "replicated layers",
    "alora_invocation_tokens": "an activated LoRA",
    "use_qalora": "QALoRA",
    "use_bdlora": "a block-diagonal LoRA",
}
_PLAIN_STARTS = (True, False, "gaussian", "orthogonal")
"""Others change the weights under the adapter, too."""
_EMBEDDINGS = ("embed_tokens", "lm_head", "wte", "embed_out", "word_embeddings")


class AdapterError(ArcSubmitError):
    """An adapter that an engine must not be given."""


class Adapter(Protocol):
    """An adapter in training."""

    @property
    def version(self) -> int:
        """Of its weights; 0 where the model answers as its base does, else never the same again."""
        ...

    @property
    def peft(self) -> Any:
        """The model with the adapter in it, as peft wraps it."""
        ...


def find_refusal(adapter: Adapter) -> str | None:
    """Return why vLLM would not take an adapter as it is; None if it would."""
    config = adapter.peft.peft_config["default"].to_dict()
    return _fault(config, _weights(adapter))


def rank_for(rank: int) -> int:
    """Return what vLLM is started with for adapters of a rank, at most the highest."""
    return next((allowed for allowed in RANKS if allowed >= rank), RANKS[-1])


def save_adapter(adapter: Adapter, folder: Path) -> None:
    """Write an adapter as peft does."""
    adapter.peft.peft_config["default"].save_pretrained(str(folder))
    # Its matrices may be parts of one tensor, which safetensors does not write.
    weights = {name: value.cpu().clone() for name, value in _weights(adapter).items()}
    save_file(weights, folder / _WEIGHTS_FILE)


def check_adapter(folder: Path, *, max_rank: int) -> None:
    """Make sure that vLLM takes a saved adapter.

    Args:
        max_rank: what vLLM was started with.

    Raises:
        AdapterError: naming what it does not take.
    """
    config = json.loads((folder / _CONFIG_FILE).read_text(encoding="utf-8"))
    weights = load_file(folder / _WEIGHTS_FILE)
    fault = _fault(config, weights)
    if fault is None and config["r"] > max_rank:
        fault = f"rank {config['r']}, where at most {max_rank} was announced"
    if fault is not None:
        raise AdapterError(f"the adapter is not one that vLLM takes: {fault}")
    _check_finite(weights)


def save_merged(adapter: Adapter, folder: Path, *, is_untied: bool = False) -> None:
    """Write a model folder whose weights hold the adapter's changes.

    They are added in float32 and then cast to the type of the model's own. The model stays as it
    is.

    Args:
        is_untied: write output weights of their own, where the model's are its embeddings.

    Raises:
        AdapterError: if there is anything but finite numbers in them.
    """
    base = adapter.peft.get_base_model()
    weights = dict(_merge(adapter.peft, base))
    _check_finite(weights)
    was_tied = base.config.tie_word_embeddings
    base.config.tie_word_embeddings = was_tied and not is_untied
    try:
        base.save_pretrained(folder, state_dict=weights)
    finally:
        base.config.tie_word_embeddings = was_tied


def adapts_embeddings(adapter: Adapter) -> bool:
    """Whether an adapter changes the embeddings, and so what may be tied to them."""
    return any(part in name for name in _weights(adapter) for part in _EMBEDDINGS)


def _weights(adapter: Adapter) -> dict[str, Tensor]:
    # By default peft looks the base model up on a hub, to see whether its vocabulary grew.
    state: dict[str, Tensor] = get_peft_model_state_dict(adapter.peft, save_embedding_layers=False)
    return state


def _fault(config: dict[str, Any], weights: dict[str, Tensor]) -> str | None:
    if config.get("peft_type") != "LORA":
        return f"{config.get('peft_type')}, {_NEITHER}"
    faults = [what for key, what in _REFUSED_KEYS.items() if config.get(key)]
    if config.get("bias", "none") != "none":
        faults.append("a bias")
    if config.get("init_lora_weights", True) not in _PLAIN_STARTS:
        faults.append(f"a start by {config['init_lora_weights']}")
    if config["r"] > RANKS[-1]:
        faults.append(f"rank {config['r']}, above {RANKS[-1]}")
    if any(part in name for name in weights for part in _EMBEDDINGS):
        faults.append("embeddings")
    elif not all(name.endswith(("lora_A.weight", "lora_B.weight")) for name in weights):
        faults.append(f"weights of {_NEITHER}")
    return ", ".join(faults) or None


def _merge(peft: Any, base: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield the base model's weights by its own names, those with a layer of the adapter merged."""
    layers: dict[str, Any] = {
        name: module for name, module in base.named_modules() if isinstance(module, LoraLayer)
    }
    is_plain = not peft.peft_config["default"].use_dora
    for name, layer in layers.items():
        own = layer.get_base_layer()
        if is_plain and isinstance(own, nn.Linear):
            merged = dict(own.state_dict())
            merged["weight"] = own.weight.float() + layer.get_delta_weight("default").float()
        else:
            copied = copy.deepcopy(layer).float()
            copied.merge()
            merged = copied.get_base_layer().state_dict()
        for key, value in merged.items():
            yield f"{name}.{key}", value.to(own.weight.dtype)
    inside = tuple(f"{name}." for name in layers)
    for name, value in base.state_dict().items():
        if not name.startswith(inside):
            yield name, value


def _check_finite(weights: dict[str, Tensor]) -> None:
    # A sum is finite where all of it is, but for what overflows; it takes a fraction of the time.
    sums = {name: value.sum(dtype=torch.float32) for name, value in weights.items()}
    broken = [name for name, value in sums.items() if not torch.isfinite(value)]
    if broken:
        raise AdapterError(f"the adapter did not stay finite in training: {broken[0]}")
