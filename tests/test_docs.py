"""What the documents name exists, and what the command line offers is in the README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from command_parsers import command_parsers

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCUMENTS = [
    README,
    *(ROOT / name for name in ("ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted(ROOT.glob("[a-z]*/*.md")),
]
each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT))
)


def code_of(document: Path) -> list[str]:
    """Return each fenced line and each span of code."""
    blocks = re.split(r"^```.*$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    fenced = [line for block in blocks[1::2] for line in block.splitlines()]
    spans = [span for block in blocks[::2] for span in re.findall(r"`([^`]+)`", block)]
    return fenced + spans


def targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))


@each_document
def test_every_command_and_option_that_is_named_exists(document: Path) -> None:
    parsers = command_parsers()
    for code in code_of(document):
        match = re.match(r"arc-submit ((?:(?:kaggle|model) )?[a-z][a-z-]*)", code)
        if match:
            assert match[1] in parsers, code
            known = parsers[match[1]]._option_string_actions
            assert set(re.findall(r"--[a-z-]+", code)) <= set(known), code


@each_document
def test_every_make_target_that_is_named_exists(document: Path) -> None:
    named = {match[1] for code in code_of(document) if (match := re.match(r"make ([a-z-]+)", code))}
    assert named <= targets()


def test_the_readme_names_every_command_and_every_target() -> None:
    code = set(code_of(README))
    assert {f"arc-submit {name}" for name in command_parsers() if " " not in name} <= code
    assert {f"make {name}" for name in targets()} <= code


@each_document
def test_every_local_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8"))
    missing = [link for link in links if ":" not in link and not (document.parent / link).exists()]
    assert not missing


@each_document
def test_every_path_that_is_named_exists(document: Path) -> None:
    words = (word for code in code_of(document) for word in code.split())
    paths = [word for word in words if re.fullmatch(r"\.?[\w-]+/[\w./-]*", word)]
    # Documents may leave out the package's own folder.
    missing = [
        p for p in paths if not any((base / p).exists() for base in (ROOT, ROOT / "arc_submit"))
    ]
    assert not missing


def test_the_tree_in_the_readme_shows_every_folder() -> None:
    shown = {line.split()[0] for line in code_of(README) if "/  " in line}
    packages = {f"arc_submit/{path.parent.name}/" for path in ROOT.glob("arc_submit/*/__init__.py")}
    folders = {
        f"{name}/" for name in ("recipes", "benchmarks", "kernels", "wheels", "docs", "tests")
    }
    assert packages | folders <= shown
