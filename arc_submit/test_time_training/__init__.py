"""Stage 3: learning from the task itself while working on it."""

from arc_submit.test_time_training.exploration import Exploration
from arc_submit.test_time_training.hindsight import NO_LESSONS, Hindsight, Lessons

__all__ = ["NO_LESSONS", "Exploration", "Hindsight", "Lessons"]
