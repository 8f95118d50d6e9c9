"""Prompt templates: what the model is asked, and what a right answer looks like."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from arc_submit.arc.grid import Grid, freeze
from arc_submit.arc.task import Pair, Task
from arc_submit.dsl import PRIMITIVES
from arc_submit.dsl.objects import MOVES, PROPERTIES
from arc_submit.errors import ConfigError
from arc_submit.prompting.encoders import GridEncoder
from arc_submit.types import AugmentedTask, Prompt


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """One way to ask about a task."""

    name: str
    asks_for: Literal["program", "grid"]
    """A program for the task, or the output of its first test input."""
    question: Callable[[Task, GridEncoder], str]
    answer: Callable[[str], str]
    """From a program's source, or an encoded grid, to the text the model should write."""


def _bare_question(task: Task, encoder: GridEncoder) -> str:
    return "\n".join(
        f"input {encoder.encode(pair.input)}\noutput {encoder.encode(pair.output)}"
        for pair in task.train
    )


def _bare_grid_question(task: Task, encoder: GridEncoder) -> str:
    return f"{_bare_question(task, encoder)}\ninput {encoder.encode(task.test_inputs[0])}\noutput "


def _instructions_question(task: Task, encoder: GridEncoder) -> str:
    examples = "\n\n".join(
        f"## Example {i}\n\n### Input\n\n{encoder.encode(pair.input)}\n\n"
        f"### Output\n\n{encoder.encode(pair.output)}"
        for i, pair in enumerate(task.train, start=1)
    )
    return (
        "Each example below turns an input grid into an output grid by one rule. Grids hold "
        "colours 0-9; points are (row, column) from the top left, counted from 0. Write a Python "
        "function task(img) that applies the rule to any input grid and returns the output grid. "
        f"Call only these functions, which change nothing they are given:\n\n{_language()}\n\n"
        f"{examples}\n\n"
        "Answer with the function alone, in one fenced Python block."
    )


@cache
def _language() -> str:
    calls = "\n".join(f"- {p.signature}: {p.meaning} {p.example}" for p in PRIMITIVES.values())
    return f"{calls}\n\nAn object has {', '.join(PROPERTIES)} and the moves {', '.join(MOVES)}."


TEMPLATES: Mapping[str, PromptTemplate] = {
    template.name: template
    for template in (
        PromptTemplate("code-from-examples", "program", _bare_question, lambda source: source),
        PromptTemplate(
            "code-from-examples-v1",
            "program",
            _instructions_question,
            lambda source: f"```python\n{source}\n```",
        ),
        PromptTemplate("output-from-examples", "grid", _bare_grid_question, lambda grid: grid),
    )
}
"""`code-from-examples` for models trained on it; `code-from-examples-v1` for instruct models;
`output-from-examples` to train on data sets, which hold no programs."""


def get_template(name: str) -> PromptTemplate:
    """Return a template by name.

    Raises:
        ConfigError: if there is none of this name.
    """
    if name not in TEMPLATES:
        raise ConfigError(f"prompt: unknown template {name!r}; allowed: {', '.join(TEMPLATES)}")
    return TEMPLATES[name]


_CORNERS = (20, 14, 10, 7, 5)
"""Sides of what is shown of a pair that is too long."""


@dataclass(frozen=True, slots=True)
class Prompter:
    """Asks one model about views of tasks: its template, its grid encoder, its limit."""

    template: PromptTemplate
    encoder: GridEncoder
    count_tokens: Callable[[str], int]
    """Tokens of a prompt's text, the chat template around it included."""
    max_tokens: int
    """The longest prompt."""

    def render(self, view: AugmentedTask) -> Prompt | None:
        """Return the prompt with as many of the view's train pairs, in order, as fit.

        Where not even the first pair fits, as much of it is shown as does: the first rows and
        columns of its grids. Returns None where not even a corner fits.
        """
        for shown in _shorter_and_shorter(view.task):
            text = self.template.question(shown, self.encoder)
            if self.count_tokens(text) <= self.max_tokens:
                return Prompt(view, text)
        return None


def _shorter_and_shorter(task: Task) -> Iterator[Task]:
    for n_pairs in range(len(task.train), 0, -1):
        yield replace(task, train=task.train[:n_pairs])
    first = task.train[0]
    for side in _CORNERS:
        corner = Pair(_corner(first.input, side), _corner(first.output, side))
        tests = tuple(_corner(grid, side) for grid in task.test_inputs)
        yield Task(task.task_id, (corner,), tests)


def _corner(grid: Grid, side: int) -> Grid:
    return freeze(grid[:side, :side])
