"""Synthetic traces: drawn from published timings, for when there is no run to replay yet."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from arc_submit.runtime.traces import Step, Trace, Visit

_H100_MEDIAN_S, _H100_MAX_S = 76.3, 413.5
_L4_SLOWDOWN = 640 / 106.9
_SIGMA = math.log(237 / 76.3) / 1.2816
_SIZE_CORRELATION = 0.8

_TRAIN_SHARE, _DECODE_SHARE, _SCORE_SHARE = 0.29, 0.67, 0.04
_SOLVABLE, _TIME_CONSTANT = 0.335, 0.46
_QUICK = 0.25


@dataclass(frozen=True, slots=True)
class Draw:
    """One run's tasks and workers, drawn."""

    traces: Sequence[Trace]
    startup_s: float
    """Until a worker is ready."""


Profile = Callable[[int, random.Random], Draw]
"""From a number of tasks and a source of chance to a run."""


def draw_nvarc_l4(n_tasks: int, rng: random.Random) -> Draw:
    """Draw tasks for the NVARC 4B model (2025) on L4 GPUs.

    Times. A task's full recipe (training on 128 sequences, 16 views decoded in 4 batches,
    rescoring) takes a log-normal time with the median (76.3 s), the 90 % point (237 s) and the
    maximum (413.5 s, to which longer ones are cut, so that the mean comes to 106 s) of a public
    log of 400 tasks on an H100, slowed by the 640 s per task that whole reruns on L4 took over
    the 106.9 s of that log. Training takes 29 % of it, as in that log, decoding 67 % and
    rescoring 4 %. A run as a whole is some per cent faster or slower, and one in twenty slower
    by a quarter, as the same files were seen to be. Loading takes 2 to 10 minutes. The
    logarithms of size and time correlate by 0.8: an assumption.

    Visits. The first is a quarter of the recipe: 32 sequences, one batch of views. Each later
    one is twice as much as the one before, and starts with an untrained adapter, so that what
    the visits before had trained is trained again and counts for nothing. Up to three visits.

    Gain. With work w, in full recipes, a task is solved with probability 0.335 * (1 - exp(-w /
    0.46)): diminishing returns through two anchors, 22.2 % at half the time (a smaller model
    that takes 6 h and not 12) and 29.7 % at all of it. So a third of the tasks can be solved
    at all, each at its own amount of work; this does not depend on their size. How far answers
    agree tells right from wrong with an AUC of 0.83.
    """
    speed = math.exp(rng.gauss(0, 0.04)) * (1.25 if rng.random() < 0.05 else 1.0)
    traces = [_draw_trace(f"t{index:03}", speed, rng) for index in range(n_tasks)]
    return Draw(traces, startup_s=rng.uniform(120, 600))


def _draw_trace(task_id: str, speed: float, rng: random.Random) -> Trace:
    shared, own = rng.gauss(0, 1), rng.gauss(0, 1)
    z = _SIZE_CORRELATION * shared + math.sqrt(1 - _SIZE_CORRELATION**2) * own
    h100_s = min(_H100_MEDIAN_S * math.exp(_SIGMA * z), _H100_MAX_S)
    full_s = h100_s * _L4_SLOWDOWN * speed
    is_solvable = rng.random() < _SOLVABLE
    return Trace(
        task_id=task_id,
        size=1500 * math.exp(0.7 * shared),
        visits=tuple(_visit(full_s, number) for number in range(3)),
        solved_at=rng.expovariate(1 / _TIME_CONSTANT) if is_solvable else math.inf,
        luck=rng.gauss(0, 1),
        whole=_steps(full_s, share=1.0, n_batches=4, work=1.0),
    )


def _visit(full_s: float, number: int) -> Visit:
    share = _QUICK * 2**number
    repeated = share / 2 * _TRAIN_SHARE if number else 0.0
    return _steps(full_s, share=share, n_batches=2**number, work=share - repeated)


def _steps(full_s: float, *, share: float, n_batches: int, work: float) -> Visit:
    seconds = full_s * share
    batch = Step("decode", seconds * _DECODE_SHARE / n_batches, work / n_batches)
    train = Step("train", seconds * _TRAIN_SHARE)
    return (train, *[batch] * n_batches, Step("rescore", seconds * _SCORE_SHARE))


PROFILES: Mapping[str, Profile] = {"nvarc-l4": draw_nvarc_l4}
"""By the names that users give."""
