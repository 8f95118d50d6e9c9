"""The eight symmetries of the square, the group D8."""

from __future__ import annotations

from enum import Enum

import numpy as np

from arc_submit.arc.grid import Grid


class Symmetry(Enum):
    """A flip of the columns (or none) followed by quarter turns counter-clockwise."""

    IDENTITY = (False, 0)
    ROTATE_90 = (False, 1)
    ROTATE_180 = (False, 2)
    ROTATE_270 = (False, 3)
    FLIP = (True, 0)
    FLIP_ROTATE_90 = (True, 1)
    FLIP_ROTATE_180 = (True, 2)
    FLIP_ROTATE_270 = (True, 3)

    def apply(self, grid: Grid) -> Grid:
        """Return the transformed grid; sides are swapped by an odd number of quarter turns."""
        is_flipped, turns = self.value
        return np.rot90(np.fliplr(grid) if is_flipped else grid, turns)

    def invert(self, grid: Grid) -> Grid:
        """Undo :meth:`apply`."""
        is_flipped, turns = self.value
        turned = np.rot90(grid, -turns)
        return np.fliplr(turned) if is_flipped else turned
