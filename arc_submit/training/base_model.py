"""Base-model training: from a recipe and nothing else to a model folder, resumable at any time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

from arc_submit.errors import ConfigError
from arc_submit.models.loading import CPU_ATTENTION
from arc_submit.models.settings import ModelSettings, write_settings
from arc_submit.models.tokenizer import build_tokenizer
from arc_submit.training.loss import answer_loss
from arc_submit.training.mixture import Mixture
from arc_submit.training.provenance import write_provenance
from arc_submit.training.recipe import OptimizerConfig, Recipe
from arc_submit.training.samples import Batch, collate

_SHAPE_MULTIPLE = 32
_LABELS_PER_STEP = 1000
_RECENT_STEPS = 200


def train_base_model(
    recipe: Recipe,
    folder: Path,
    *,
    on_step: Callable[[int, float], None],
    threads: int = 1,
    is_compiled: bool = False,
    save_every: int = 500,
) -> Path:
    """Train by the recipe in ``folder``, from its checkpoint where there is one.

    A checkpoint goes on only under its own recipe, but for the ``optimizer`` part: that may
    change on the way, to train longer.

    Writes ``checkpoint.pt`` and ``loss.csv`` (step, loss) on the way and the model folder
    ``model/`` at the end, and returns the latter. ``on_step`` is told each step's number and its
    loss per answer token. Compiled training needs a C++ compiler, starts minutes later and is
    about a third faster.

    Raises:
        ConfigError: if the checkpoint in ``folder`` is of another recipe.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(threads)
    torch.manual_seed(recipe.seed)
    tokenizer = build_tokenizer(recipe.shape.max_context)
    training = _Training.begin(recipe, tokenizer, is_compiled=is_compiled)
    training.load(folder)
    recent: deque[float] = deque(maxlen=_RECENT_STEPS)
    with _open_log(folder / "loss.csv", training.step) as file:
        for loss in training.steps(recipe, tokenizer):
            file.write(f"{training.step},{loss:.5f}\n")
            recent.append(loss)
            on_step(training.step, loss)
            if training.is_between_windows and training.step - training.saved_step >= save_every:
                file.flush()
                training.save(folder)
    training.save(folder)
    write_model(folder / "model", recipe, training.model, tokenizer)
    mean_loss = sum(recent) / len(recent) if recent else None
    write_provenance(folder / "model", recipe, steps=training.step, loss=mean_loss)
    return folder / "model"


def build_model(recipe: Recipe, tokenizer: Any) -> LlamaForCausalLM:
    """Return an untrained decoder of the recipe's shape, in float32."""
    shape = recipe.shape
    model = LlamaForCausalLM(
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
    model.set_attn_implementation(CPU_ATTENTION)
    return model


def write_model(folder: Path, recipe: Recipe, model: Any, tokenizer: Any) -> None:
    """Save weights in bfloat16, tokenizer and prompt settings as a model folder."""
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_settings(folder, ModelSettings(recipe.prompt, recipe.grid_encoder))


@dataclass(slots=True)
class _Training:
    """A model in training: all that a checkpoint holds, and the decoder as it is run."""

    model: LlamaForCausalLM
    decoder: Any
    optimizer: torch.optim.Optimizer
    identity: str
    """What of the recipe must not change on the way."""
    step: int = 0
    window: int = 0
    """Of the mixture: the first that is not used up."""
    saved_step: int = 0
    is_between_windows: bool = True

    @classmethod
    def begin(cls, recipe: Recipe, tokenizer: Any, *, is_compiled: bool) -> _Training:
        model = build_model(recipe, tokenizer)
        decoder = torch.compile(model.model, dynamic=True) if is_compiled else model.model
        optimizer = torch.optim.AdamW(
            model.parameters(),
            lr=recipe.optimizer.learning_rate,
            betas=(0.9, 0.98),
            weight_decay=recipe.optimizer.weight_decay,
            fused=True,
        )
        return cls(model, decoder, optimizer, recipe.model_dump_json(exclude={"optimizer"}))

    def steps(self, recipe: Recipe, tokenizer: Any) -> Iterator[float]:
        """Take the recipe's steps that are left, and yield the loss of each."""
        for number, batches in Mixture(recipe, tokenizer).batches(self.window):
            batches = batches[: recipe.optimizer.steps - self.step]
            if not batches:
                return
            for i, samples in enumerate(batches, start=1):
                batch = collate(
                    samples,
                    pad_id=tokenizer.pad_token_id,
                    device=torch.device("cpu"),
                    multiple=_SHAPE_MULTIPLE,
                )
                loss = self._take_step(batch, _rate(self.step, recipe.optimizer))
                self.step += 1
                self.is_between_windows = i == len(batches)
                if self.is_between_windows:
                    self.window = number + 1
                yield loss

    def _take_step(self, batch: Batch, rate: float) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = answer_loss(self.decoder, self.model.lm_head, batch)
        # Batches hold equal numbers of tokens and so, where prompts are long, few answers. Divided
        # by a constant, not by the batch's own number, each answer token weighs the same.
        (loss / _LABELS_PER_STEP).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return float(loss.detach()) / batch.n_labels

    def save(self, folder: Path) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "identity": self.identity,
            "step": self.step,
            "window": self.window,
        }
        partial = folder / "checkpoint.pt.partial"
        torch.save(state, partial)
        os.replace(partial, folder / "checkpoint.pt")
        self.saved_step = self.step

    def load(self, folder: Path) -> None:
        path = folder / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        if state["identity"] != self.identity:
            raise ConfigError(f"{path}: is of another recipe; name another --output folder")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = self.saved_step = state["step"]
        self.window = state["window"]


def _rate(step: int, config: OptimizerConfig) -> float:
    warmup = (step + 1) / config.warmup_steps
    decay = (config.steps - step) / config.decay_steps
    return config.learning_rate * min(1.0, warmup, decay)


def _open_log(path: Path, step: int) -> Any:
    """Open the log to append to, without the rows of steps that will be taken again."""
    rows = path.read_text().splitlines() if path.exists() else []
    kept = [row for row in rows if int(row.split(",")[0]) <= step]
    path.write_text("".join(f"{row}\n" for row in kept))
    return path.open("a")
