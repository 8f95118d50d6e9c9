"""Generated tasks with known programs: what the bundled model is trained on."""

from arc_submit.dsl.generators.base import GeneratedTask
from arc_submit.dsl.generators.stream import (
    FAMILIES,
    generate_task,
    generate_tasks,
    get_generator,
)

__all__ = ["FAMILIES", "GeneratedTask", "generate_task", "generate_tasks", "get_generator"]
