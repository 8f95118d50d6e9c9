"""How hot to sample, and when a model has nothing new to say."""

from __future__ import annotations

from arc_submit.config import ExplorationConfig


class Exploration:
    """Steers the temperature of one task's rounds by how many different outputs they make."""

    def __init__(self, config: ExplorationConfig) -> None:
        self._config = config
        self._barren_rounds = 0
        self.factor = 1.0
        """By which the configured temperatures are multiplied in the next round."""

    @property
    def is_exhausted(self) -> bool:
        """Whether the hottest rounds have made nothing new for too long."""
        return self._barren_rounds >= self._config.patience

    def observe(self, *, n_sound: int, n_unique: int, n_novel: int) -> None:
        """Take note of a round.

        Args:
            n_sound: completions with a program that ran. The others say nothing about variety: a
                model that writes few sound programs does not write more when it is hotter.
            n_unique: their different outputs.
            n_novel: those that no earlier round had made.
        """
        is_hottest = self.factor >= self._config.max_factor
        self._barren_rounds = self._barren_rounds + 1 if is_hottest and n_novel == 0 else 0
        if n_unique < self._config.min_unique * n_sound or n_novel == 0:
            self.factor = min(self.factor * self._config.temperature_step, self._config.max_factor)
        else:
            self.factor = max(self.factor / self._config.temperature_step, 1.0)
