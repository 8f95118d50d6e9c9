"""From what a program made in an augmented frame to a scored answer in the original one."""

from __future__ import annotations

from arc_submit.arc.grid import grids_equal
from arc_submit.arc.metrics import pixel_accuracy
from arc_submit.types import AugmentedTask, Candidate, Execution, Failure


def judge(execution: Execution, view: AugmentedTask, *, round_index: int) -> Candidate:
    """Score an execution on the view's train pairs and bring its test outputs back.

    Args:
        execution: a run on ``view.task.inputs``: train inputs, then test inputs.
        view: the task in the frame of the execution.
        round_index: the round in which the program was sampled.

    Returns:
        A candidate in the original frame; a train pair without an output scores 0.

    Raises:
        ValueError: if the execution does not have one output per input of the view.
    """
    pairs = view.task.train
    if len(execution.outputs) != len(view.task.inputs):
        raise ValueError(
            f"{len(execution.outputs)} outputs for the {len(view.task.inputs)} inputs of task "
            f"{view.task.task_id}; run the program on view.task.inputs"
        )
    scored = [
        (output, pair.output)
        for output, pair in zip(execution.outputs, pairs, strict=False)
        if not isinstance(output, Failure)
    ]
    return Candidate(
        task_id=view.task.task_id,
        test_outputs=tuple(
            None if isinstance(output, Failure) else view.augmentation.invert(output)
            for output in execution.outputs[len(pairs) :]
        ),
        train_exact=sum(grids_equal(output, expected) for output, expected in scored),
        n_train=len(pairs),
        pixel_accuracy=sum(pixel_accuracy(*pair) for pair in scored) / len(pairs),
        program=execution.program,
        round_index=round_index,
    )
