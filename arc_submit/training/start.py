"""What a recipe starts from: an untrained decoder, a model folder, or one with an adapter."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig as PeftLoraConfig
from peft import PeftModel, get_peft_model
from peft.tuners.lora import torchao as peft_torchao
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils import logging as transformers_logging

from arc_submit.config import LoraConfig, ModelConfig
from arc_submit.errors import ModelError
from arc_submit.models.attention import set_cpu_attention
from arc_submit.models.loading import LanguageModel, load_model
from arc_submit.models.saving import write_model
from arc_submit.models.settings import ModelSettings, read_settings
from arc_submit.models.tokenizer import build_tokenizer
from arc_submit.training.recipe import Recipe, ShapeConfig


def build_start(recipe: Recipe, device: str) -> LanguageModel:
    """Return the model to train, in float32, in training mode, asked as the recipe says.

    Raises:
        ModelError: if the recipe's model or adapter cannot be loaded.
    """
    # Samples longer than the context are made, measured and left out: no news for the user.
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    if recipe.shape is not None:
        tokenizer = build_tokenizer(recipe.shape.max_context)
        model: Any = build_model(recipe.shape, tokenizer)
        model.to(device)
        if device == "cpu":
            set_cpu_attention(model)
        settings = ModelSettings(recipe.prompt, recipe.grid_encoder)
        return LanguageModel(
            model, tokenizer, settings, recipe.shape.max_context, torch.device(device)
        )
    assert recipe.model is not None, "the recipe's own check"
    config = ModelConfig(
        path=recipe.model,
        dtype="float32",
        prompt=recipe.prompt,
        grid_encoder=recipe.grid_encoder,
    )
    loaded = load_model(config, device)
    model = loaded.model
    if recipe.adapter is None:
        model.requires_grad_(True)
    else:
        start = recipe.adapter.start
        model = (
            build_adapter(model, recipe.adapter, seed=recipe.seed)
            if start is None
            else load_adapter(model, Path(start), is_trainable=True)
        )
    return replace(loaded, model=model.train())


def build_model(shape: ShapeConfig, tokenizer: Any) -> LlamaForCausalLM:
    """Return an untrained decoder, in float32."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=-(-len(tokenizer) // 64) * 64,
            hidden_size=shape.hidden_size,
            intermediate_size=shape.intermediate_size,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.key_value_heads,
            max_position_embeddings=shape.max_context,
            initializer_range=shape.initializer_range,
            rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def build_adapter(model: Any, config: LoraConfig, *, seed: int = 0) -> Any:
    """Put a new adapter into a model; ``seed`` starts its weights."""
    modules = config.target_modules
    peft_config = PeftLoraConfig(
        r=config.r,
        lora_alpha=config.alpha,
        use_rslora=config.use_rslora,
        use_dora=config.use_dora,
        target_modules=modules if isinstance(modules, str) else list(modules),
        task_type="CAUSAL_LM",
    )
    with _quiet_peft(), torch.random.fork_rng():
        torch.manual_seed(seed)
        return get_peft_model(model, peft_config)


def load_adapter(model: Any, folder: Path, *, is_trainable: bool = False) -> Any:
    """Put a saved adapter into a model.

    Raises:
        ModelError: if there is no adapter in the folder, or not for this model.
    """
    if not (folder / "adapter_config.json").is_file():
        raise ModelError(f"{folder}: no adapter there (no adapter_config.json); check the path")
    try:
        with _quiet_peft():
            return PeftModel.from_pretrained(model, str(folder), is_trainable=is_trainable)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{folder}: does not fit the model: {reason}") from error


def merge_adapter(model: str, adapter: Path, folder: Path) -> Path:
    """Write a model folder whose weights hold an adapter's changes.

    Args:
        model: ``bundled`` or a folder: what the adapter was trained on.

    Raises:
        ModelError: if the model or the adapter cannot be loaded.
    """
    config = ModelConfig(path=model, dtype="float32")
    loaded = load_model(config, "cpu")
    merged = load_adapter(loaded.model, adapter).merge_and_unload()
    write_model(folder, merged, loaded.tokenizer, read_settings(adapter, config))
    return folder


@contextmanager
def _quiet_peft() -> Iterator[None]:
    """Keep peft from failing over a package that is of no use here.

    The stock Kaggle image holds a torchao that peft refuses to see, even where nothing is
    quantized. And peft reads an attribute that newer transformers have renamed, and warns of
    tied weights.
    """
    module: Any = peft_torchao
    is_available = module.is_torchao_available
    module.is_torchao_available = lambda: False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            # What is tied is untied where the adapter is merged (sampling.adapters).
            warnings.filterwarnings("ignore", ".*tie_word_embeddings", UserWarning)
            yield
    finally:
        module.is_torchao_available = is_available
