"""Grids and tasks as text, and programs read back from text."""

from arc_submit.prompting.encoders import GridEncoder, build_encoder
from arc_submit.prompting.parsing import extract_program
from arc_submit.prompting.templates import TEMPLATES, Prompter, PromptTemplate, get_template

__all__ = [
    "TEMPLATES",
    "GridEncoder",
    "PromptTemplate",
    "Prompter",
    "build_encoder",
    "extract_program",
    "get_template",
]
