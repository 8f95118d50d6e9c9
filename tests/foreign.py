"""Tiny random models of families that people use, with tokenizers and chat templates of their own.

Their shapes come from the real configuration classes; nothing in them is trained but the
tokenizers, on a few lines.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

FAMILIES = ("qwen", "llama")

_LINES = [
    "def task(img):",
    "    return img",
    "0123 4567 0000 1111 012 345 678",
    "Train pair output",
]
_SHAPE: dict[str, Any] = {
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 4096,
    "initializer_range": 0.2,
}
_CHATML = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou help.<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_HEADERS = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{{ m['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)


def write_foreign_model(family: str, folder: Path) -> Path:
    """Write the model folder of a family."""
    torch.manual_seed(0)
    model: Any
    if family == "qwen":
        special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
        tokenizer = _tokenizer(special, r"\p{N}", _CHATML, eos="<|im_end|>", bos=None)
        model = Qwen2ForCausalLM(
            Qwen2Config(vocab_size=512, tie_word_embeddings=True, eos_token_id=2, **_SHAPE)
        )
        ends = [2, 0]
    else:
        special = ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"]
        special += ["<|start_header_id|>", "<|end_header_id|>"]
        tokenizer = _tokenizer(special, r"\p{N}{1,3}", _HEADERS, eos="<|eot_id|>", bos=special[0])
        rope = {
            "rope_type": "llama3",
            "rope_theta": 500000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 1024,
        }
        model = LlamaForCausalLM(
            LlamaConfig(vocab_size=512, rope_parameters=rope, eos_token_id=[1, 2], **_SHAPE)
        )
        ends = [1, 2]
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        eos_token_id=ends, temperature=0.7, top_k=20, repetition_penalty=1.1, do_sample=True
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(
    special: list[str], digits: str, template: str, *, eos: str, bos: str | None
) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(
                Regex(rf"{digits}| ?\p{{L}}+|\s+|[^\p{{L}}\p{{N}}\s]+"), "isolated"
            ),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_LINES * 20, trainer)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, eos_token=eos, bos_token=bos, chat_template=template
    )
