"""Stage 1: views of a task, the same task in other frames."""
