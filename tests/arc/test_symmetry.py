"""The eight symmetries are a group, and each can be undone."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from arc_submit.arc.grid import freeze, grid_key
from arc_submit.arc.symmetry import Symmetry

ASYMMETRIC = freeze(np.array([[1, 2, 3], [4, 5, 6]]))


def test_the_eight_images_of_an_asymmetric_grid_are_distinct() -> None:
    assert len({grid_key(symmetry.apply(ASYMMETRIC)) for symmetry in Symmetry}) == 8


def test_one_symmetry_after_another_is_again_one_of_the_eight() -> None:
    images = {grid_key(symmetry.apply(ASYMMETRIC)) for symmetry in Symmetry}
    for first, second in product(Symmetry, Symmetry):
        assert grid_key(second.apply(first.apply(ASYMMETRIC))) in images


@pytest.mark.parametrize("symmetry", Symmetry)
def test_invert_undoes_apply_and_apply_undoes_invert(symmetry: Symmetry) -> None:
    assert np.array_equal(symmetry.invert(symmetry.apply(ASYMMETRIC)), ASYMMETRIC)
    assert np.array_equal(symmetry.apply(symmetry.invert(ASYMMETRIC)), ASYMMETRIC)


def test_a_quarter_turn_is_counter_clockwise_and_a_flip_mirrors_the_columns() -> None:
    assert Symmetry.ROTATE_90.apply(ASYMMETRIC).tolist() == [[3, 6], [2, 5], [1, 4]]
    assert Symmetry.FLIP.apply(ASYMMETRIC).tolist() == [[3, 2, 1], [6, 5, 4]]
