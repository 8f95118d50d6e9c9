from __future__ import annotations

import os
import subprocess
import sys

from hypothesis import example, given
from hypothesis import strategies as st

from arc_submit.seeds import derive_seed

PARTS = st.lists(st.integers() | st.text(st.characters(exclude_characters="\x1f")), max_size=4)


def seed_in_child(hash_seed: str) -> int:
    code = "from arc_submit.seeds import derive_seed; print(derive_seed(7, '007bbfb7', 2))"
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    child = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return int(child.stdout)


def test_a_seed_does_not_depend_on_the_process_or_its_hash_seed() -> None:
    assert seed_in_child("1") == seed_in_child("2") == derive_seed(7, "007bbfb7", 2)


@given(PARTS, PARTS)
@example(["\ud800"], [])
def test_different_parts_give_different_seeds(
    first: list[int | str], second: list[int | str]
) -> None:
    assert (derive_seed(*first) == derive_seed(*second)) == (first == second)


def test_a_number_and_its_text_are_different_parts() -> None:
    assert derive_seed(1) != derive_seed("1")
    assert derive_seed("ab", "c") != derive_seed("a", "bc")


@given(PARTS)
def test_seeds_fit_what_torch_and_numpy_take(parts: list[int | str]) -> None:
    assert 0 <= derive_seed(*parts) < 2**63
