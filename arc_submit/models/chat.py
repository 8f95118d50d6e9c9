"""Prompts and answers as token ids, by the model's own chat template."""

from __future__ import annotations

from typing import Any


def encode_prompt(tokenizer: Any, text: str) -> list[int]:
    """Return the ids of a user's message, up to where the model's answer begins.

    A tokenizer without a chat template gets the text as it is, and a line break.
    """
    if not tokenizer.chat_template:
        ids: list[int] = tokenizer(text + "\n")["input_ids"]
        return ids
    rendered = tokenizer.apply_chat_template(
        [{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False
    )
    ids = tokenizer(rendered, add_special_tokens=False)["input_ids"]
    return ids


def encode_answer(tokenizer: Any, text: str) -> list[int]:
    """Return the ids of an answer and of the token that ends it."""
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return [*ids, int(tokenizer.eos_token_id)]


def end_ids(model: Any, tokenizer: Any) -> list[int]:
    """Return the ids that end an answer: the tokenizer's, and those of the generation settings."""
    configured = getattr(model.generation_config, "eos_token_id", None) or []
    others = configured if isinstance(configured, list) else [configured]
    return sorted({int(tokenizer.eos_token_id), *others})
