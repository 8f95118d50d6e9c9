"""The bundled tokenizer: exact, compact, and loaded by transformers like any other."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from arc_submit.dsl import PRIMITIVES
from arc_submit.dsl.generators import FAMILIES, generate_task
from arc_submit.models.chat import encode_answer, encode_prompt
from arc_submit.models.tokenizer import build_tokenizer

TOKENIZER = build_tokenizer(1024)


@given(st.text(string.printable[:95] + "\n", max_size=200))
def test_any_ascii_text_comes_back(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER(text)["input_ids"]) == text


def test_a_colour_is_one_token() -> None:
    assert [len(TOKENIZER(str(color))["input_ids"]) for color in range(10)] == [1] * 10
    assert len(TOKENIZER("0123456789\n9876543210")["input_ids"]) == 21


def test_a_draw_call_is_a_few_tokens() -> None:
    assert len(TOKENIZER("draw_rectangle(img, (10, 12), (13, 14), 5)")["input_ids"]) == 6


def test_an_object_program_is_a_few_tokens() -> None:
    program = (
        "def task(img):\n    for obj in detect_objects(img):\n        if obj.is_line:\n"
        "            img = draw_object(img, obj.change_color(3))\n    return img"
    )
    assert len(TOKENIZER(program)["input_ids"]) <= 11


@pytest.mark.parametrize("family", FAMILIES)
def test_programs_have_no_unknown_tokens(family: str) -> None:
    for index in range(50):
        program = generate_task(family, seed=9, index=index).program
        ids = TOKENIZER(program)["input_ids"]
        assert TOKENIZER.unk_token_id not in ids and TOKENIZER.decode(ids) == program
    examples = [primitive.example for primitive in PRIMITIVES.values()]
    assert all(TOKENIZER.decode(TOKENIZER(example)["input_ids"]) == example for example in examples)


def test_a_saved_tokenizer_loads_with_its_chat_template(tiny_model: Path) -> None:
    loaded = AutoTokenizer.from_pretrained(tiny_model)
    assert loaded.decode(encode_prompt(loaded, "input 1x1")) == "<|user|>input 1x1<|assistant|>"
    assert encode_answer(loaded, "img")[-1] == loaded.eos_token_id
