"""How long tasks take and when they are solved, as recorded or as drawn: what a simulation replays.

Traces are read from two kinds of files. A timings file is JSON::

    {"tasks": [{"task_id": "a", "size": 900, "solved_at": 1.5,
                "visits": [[{"stage": "train", "seconds": 60},
                            {"stage": "sample", "seconds": 40, "work": 0.5}], ...]}]}

where ``work`` (0 where it is missing) counts towards ``solved_at`` (null: never solved). The
journal of a run is the other kind: its rounds are the steps.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from statistics import NormalDist
from typing import Any, TypeAlias

from arc_submit.arc.json_file import read_json
from arc_submit.arc.task import TaskId
from arc_submit.errors import DataError, RunError
from arc_submit.runtime.journal import read_journal
from arc_submit.runtime.merging import RESUMABLE
from arc_submit.types import TaskResult

_AUC = 0.83
_SEPARATION = math.sqrt(2) * NormalDist().inv_cdf(_AUC)
_MAX_REPEATS = 8
_LATER_LUCK = 0.5


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of a visit that is lost where it is cut off."""

    stage: str
    seconds: float
    work: float = 0.0
    """What it adds towards the solution; a step without any gives no answer."""


Visit: TypeAlias = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """The course of one task, if it had all the time."""

    task_id: TaskId
    size: float
    visits: tuple[Visit, ...]
    solved_at: float = math.inf
    """The work after which its answer is right."""
    is_verified: bool = False
    """Whether a right answer shows as such; else only its agreement hints at it."""
    is_answerable: bool = True
    """Whether any work gives an answer, right or wrong."""
    open_rate: float = 0.0
    """Where it was cut off unsolved: the chance per unit of work after the recorded one."""
    n_recorded: int = 0
    """Its visits that were; those after are like the last of them."""
    luck: float = 0.0
    """The task's own part in how much its answers agree, standard normal."""
    whole: Visit = ()
    """All of it in one visit, for comparison; empty: its visits one after the other."""

    def agreement(self, *, is_solved: bool) -> float:
        """Return the share of votes for the first answer.

        Right answers are shifted against wrong ones so that agreement tells them apart with an
        AUC of 0.83, as measured for a public ARC-AGI-2 model.
        """
        shift = _SEPARATION / 2 if is_solved else -_SEPARATION / 2
        return NormalDist().cdf(shift + self.luck)

    def in_one_visit(self) -> Trace:
        """Return the trace with all of its work in one visit."""
        steps = self.whole or tuple(step for visit in self.visits for step in visit)
        return replace(self, visits=(steps,))


def load_traces(path: Path) -> list[Trace]:
    """Read a timings file, or the journal of a run (``.jsonl``).

    Raises:
        DataError: if the file cannot be read or names no tasks.
        RunError: if it is a damaged journal.
    """
    traces = _from_journal(path) if path.suffix == ".jsonl" else _from_timings(path)
    if not traces:
        raise DataError(f"{path}: holds no task; record a run of a few tasks first")
    return traces


def draw_traces(traces: Sequence[Trace], count: int, rng: random.Random) -> list[Trace]:
    """Return so many traces in random order: each once, or else drawn with replacement."""
    is_whole = count == len(traces)
    drawn = rng.sample(traces, count) if is_whole else rng.choices(traces, k=count)
    return [_vary(trace, index, rng) for index, trace in enumerate(drawn)]


def _vary(trace: Trace, index: int, rng: random.Random) -> Trace:
    solved_at = trace.solved_at
    if trace.open_rate > 0:
        recorded = sum(step.work for visit in trace.visits[: trace.n_recorded] for step in visit)
        solved_at = recorded + rng.expovariate(trace.open_rate)
    return replace(
        trace, task_id=f"{trace.task_id}.{index}", solved_at=solved_at, luck=rng.gauss(0, 1)
    )


def _from_timings(path: Path) -> list[Trace]:
    content = read_json(path)
    try:
        return [_parse_trace(record) for record in content["tasks"]]  # type: ignore[index]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path}: is not a timings file ({type(error).__name__}: {error}); "
            'expected {"tasks": [{"task_id", "size", "visits": [[{"stage", "seconds"}]]}]}'
        ) from error


def _parse_trace(record: dict[str, Any]) -> Trace:
    solved_at = record.get("solved_at")
    trace = Trace(
        task_id=str(record["task_id"]),
        size=float(record["size"]),
        visits=tuple(_parse_visit(visit) for visit in record["visits"]),
        solved_at=math.inf if solved_at is None else float(solved_at),
        is_verified=bool(record.get("is_verified", False)),
        whole=_parse_visit(record.get("whole", [])),
    )
    if not trace.size > 0 or not trace.visits or not all(trace.visits):
        raise ValueError(f"task {trace.task_id}: needs a size above 0 and a step in each visit")
    return trace


def _parse_visit(steps: Iterable[dict[str, Any]]) -> Visit:
    visit = tuple(
        Step(str(step["stage"]), float(step["seconds"]), float(step.get("work", 0.0)))
        for step in steps
    )
    if any(not (0 <= step.seconds < math.inf and step.work >= 0) for step in visit):
        raise ValueError("seconds and work are never negative")
    return visit


# ---- journals


def _from_journal(path: Path) -> list[Trace]:
    recorded = read_journal(path)
    results = [result for result in recorded.results if result.seconds > 0] if recorded else []
    results.sort(key=lambda result: result.task_id)
    if any(result.rounds < 0 for result in results):
        raise RunError(f"{path}: has a task with less than no rounds; start a new run")
    n_rounds = sum(result.rounds for result in results)
    rate = sum(result.fits for result in results) / max(n_rounds, 1)
    groups = groupby(results, key=lambda result: result.task_id)
    return [_trace_of(task_id, list(group), rate) for task_id, group in groups]


def _trace_of(task_id: TaskId, results: Sequence[TaskResult], rate: float) -> Trace:
    """Return how a task went, and how it would go on, had its time not been over.

    It would go on at its own pace, with half the chance per round that the run had.
    """
    visits = tuple(_steps_of(result) for result in results)
    trace = Trace(
        task_id=task_id,
        size=1.0,
        visits=visits,
        solved_at=float(sum(map(len, visits))) if results[-1].fits else math.inf,
        is_verified=True,
        is_answerable=any(result.is_answered for result in results),
    )
    if results[-1].stop_reason not in RESUMABLE or results[-1].fits:
        return trace
    repeats = (visits[-1],) * (_MAX_REPEATS - len(visits))
    return replace(
        trace,
        visits=visits + repeats,
        n_recorded=len(visits),
        open_rate=_LATER_LUCK * rate,
    )


def _steps_of(result: TaskResult) -> Visit:
    n = max(result.rounds, 1)
    return (Step("round", result.seconds / n, 1.0),) * n
