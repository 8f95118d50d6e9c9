"""Stage 3: what the model can learn from a task before it answers."""

from arc_submit.test_time_training.hindsight import Hindsight

__all__ = ["Hindsight"]
