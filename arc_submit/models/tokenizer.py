"""The bundled model's tokenizer: whole words of the language and of run-encoded grids.

Every token is a literal piece of text and the longest match wins, so decoding is concatenation.
All printable ASCII is covered; a colour is one token in every grid encoder.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from arc_submit.arc.grid import MAX_SIDE
from arc_submit.dsl import PRIMITIVES
from arc_submit.dsl.objects import PROPERTIES

PAD, UNKNOWN, USER, ASSISTANT, END = (
    "<|pad|>",
    "<|unknown|>",
    "<|user|>",
    "<|assistant|>",
    "<|end|>",
)

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ '<|end|>' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def build_tokenizer(max_length: int) -> PreTrainedTokenizerFast:
    """Build the tokenizer from the language's registry; nothing in it is learned."""
    words = list(dict.fromkeys(_words()))
    special = [PAD, UNKNOWN, USER, ASSISTANT, END]
    vocabulary = {word: i for i, word in enumerate([*special, *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    pattern = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=PAD,
        unk_token=UNKNOWN,
        eos_token=END,
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=max_length,
    )


def _words() -> Iterator[str]:
    yield from string.digits + string.ascii_letters + string.punctuation + " \n"
    for number in range(MAX_SIDE + 1):
        yield from (f"{number}x", f"{number} bg", f"\nr{number}")
        yield from (f"@{number}", f"-{number}", f"/{number}")
        yield from (f"{number}{end}" for end in (", ", "), (", "), ", ")", ": ", "})"))
        yield f" {number}"
    yield from ("input ", "\ninput ", "\noutput ")
    yield from ("def task(img):\n    img = ", "\n    img = ", "\n    return img")
    yield from (", ", "(", "{", "'right')", "'left')", "'down')", "'up')")
    for name in PRIMITIVES:
        yield from (f"{name}(img{end}" for end in (")", "), ", ", ", ", (", ", {"))
        yield from (f"{name}(", f"{name}((")
    yield from ("'and', ", "'or', ", "'xor', ", "'nor', ", "(1, 1), ", "))", "})", ": ")
    yield from ("img", "img)", "img.shape")
    yield from _object_words()


def _object_words() -> Iterator[str]:
    yield "def task(img):\n    for obj in "
    yield "def task(img):\n    for color, obj in enumerate("
    yield from (":\n        if ", ":\n        img = ", "\n        img = ")
    yield from (":\n            img = ", "\n            img = ")
    yield from (" if ", " else ", "not ", " ==", " <", " >", "len(", "False)", "[0]", "[-1]")
    yield from ("obj", "color", ".change_color(", ".move((")
    for name in PROPERTIES:
        yield from (f".{name}", f"obj.{name}", f"'{name}')")
