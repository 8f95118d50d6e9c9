from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ray")

import ray
from fake_solvers import ANSWER, IDENTITY, FakeSolver, answer
from ray.cluster_utils import Cluster

from arc_submit.arc.grid import freeze
from arc_submit.arc.task import Challenges, Pair, Task
from arc_submit.clock import Deadline, ManualClock, MonotonicClock
from arc_submit.config import ModelConfig, RunConfig
from arc_submit.config_file import build_config
from arc_submit.errors import RunError
from arc_submit.runtime.coordinator import run_tasks
from arc_submit.runtime.crew import Exit, Message
from arc_submit.runtime.events import StopCause
from arc_submit.runtime.interrupt import catch_interrupts
from arc_submit.runtime.ray_crew import RayCrew
from arc_submit.runtime.worker import Beat, Job, Ready, WorkerSpec
from arc_submit.types import Profile, TaskResult

pytestmark = pytest.mark.integration

GRID = freeze(np.array([[1, 2], [3, 4]]))
LONG_S = 60.0
"""Longer than any test waits; what takes as long failed."""
PATIENCE_S = 2.0


# ---- solvers for the workers, named ``test_ray_crew:...``


class TellingSolver(FakeSolver):
    """Answers with what it sees."""

    def __init__(self, look: Callable[[Deadline], str]) -> None:
        self._look = look

    def solve(self, task: Task, deadline: Deadline, *, visit: int, profile: Profile) -> TaskResult:
        return answer(task, message=self._look(deadline))


def tells_node(config: RunConfig, device: str) -> FakeSolver:
    return TellingSolver(lambda deadline: str(ray.get_runtime_context().get_node_id()))


def tells_gpu(config: RunConfig, device: str) -> FakeSolver:
    gpu = os.environ["CUDA_VISIBLE_DEVICES"]
    return TellingSolver(lambda deadline: f"{device} is {gpu}")


def tells_time_left(config: RunConfig, device: str) -> FakeSolver:
    return TellingSolver(lambda deadline: str(deadline.remaining_s))


# ---- what the tests say and hear


def spec(solver: str, device: str = "cpu", threads: int = 1, note: str = "") -> WorkerSpec:
    module = "test_ray_crew" if solver.startswith("tells") else "fake_solvers"
    return WorkerSpec(
        RunConfig(model=ModelConfig(path=note)), f"{module}:{solver}", device, threads
    )


def job(task_id: str, deadline: float = LONG_S) -> Job:
    return Job(Task(task_id, (Pair(GRID, GRID),), (GRID,)), deadline)


def hear(
    crew: RayCrew, is_enough: Callable[[list[tuple[int, Message]]], bool], limit_s: float = LONG_S
) -> list[tuple[int, Message]]:
    """Return all messages but beats, from now until there are enough."""
    heard: list[tuple[int, Message]] = []
    deadline = Deadline.after(limit_s, MonotonicClock())
    while not is_enough(heard):
        assert not deadline.has_passed, f"heard only {heard}"
        heard += [item for item in crew.receive(1.0) if not isinstance(item[1], Beat)]
    return heard


def first(crew: RayCrew) -> Message:
    ((_, message),) = hear(crew, lambda heard: len(heard) > 0)
    return message


def exit_of(crew: RayCrew) -> Exit:
    message = first(crew)
    assert isinstance(message, Exit)
    assert message.message and "\n" not in message.message
    return message


def result_of(crew: RayCrew) -> TaskResult:
    message = first(crew)
    assert isinstance(message, TaskResult)
    return message


def process_of(note: Path) -> int:
    """Return the number of the process that fake_solvers:hangs_with_note tells of."""
    deadline = Deadline.after(LONG_S, MonotonicClock())
    while not note.exists():
        assert not deadline.has_passed
        time.sleep(0.05)
    return int(note.read_text())


def ends(process: int) -> bool:
    deadline = Deadline.after(LONG_S, MonotonicClock())
    while Path(f"/proc/{process}").exists() and not deadline.has_passed:
        time.sleep(0.05)
    return not deadline.has_passed


@pytest.fixture(scope="module")
def paths() -> Iterator[None]:
    """Actors find the modules that tests find; they inherit it from their nodes."""
    with pytest.MonkeyPatch.context() as patch:
        root, here = Path(__file__).parents[2], Path(__file__).parent
        patch.setenv("PYTHONPATH", f"{root}{os.pathsep}{here}")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_kill_worker_timeout_milliseconds", "500")
        patch.delenv("RAY_ADDRESS", raising=False)
        yield


# First, so that there are never two clusters.
def test_a_run_without_a_cluster_has_its_own_which_ends_with_it(
    paths: None, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    with catch_interrupts() as wake:
        crew = RayCrew([spec("hangs_with_note", threads=3, note=str(note))], None)
        try:
            crew.start(1, 0)
            assert first(crew) == Ready()
            crew.send(1, job("bad"))
            process = process_of(note)
            os.kill(os.getpid(), signal.SIGTERM)
            crew.receive(1.0, wake)
            assert wake.poll(), "Ray must leave the signal to the run"
        finally:
            crew.end(0.2)
    assert len(crew) == 0 and not ray.is_initialized()
    assert ends(process)


@pytest.fixture(scope="module")
def cluster(paths: None) -> Iterator[str]:
    """Two nodes with a core each, and two GPUs that are none on the second."""
    started = Cluster()
    started.add_node(num_cpus=1, num_gpus=0, include_dashboard=False, object_store_memory=2**27)
    started.add_node(num_cpus=1, num_gpus=2, object_store_memory=2**27)
    try:
        yield started.address
    finally:
        started.shutdown()


@pytest.fixture
def open_crew(cluster: str) -> Iterator[Callable[..., RayCrew]]:
    """Crews that come to their end with the test."""
    crews: list[RayCrew] = []

    def build(*specs: WorkerSpec) -> RayCrew:
        crews.append(RayCrew(specs, cluster))
        for slot in range(len(specs)):
            crews[-1].start(slot + 1, slot)
        return crews[-1]

    yield build
    for crew in crews:
        crew.end(PATIENCE_S)
        assert not ray.is_initialized()


def test_tasks_are_answered_by_workers_on_all_nodes(open_crew: Callable[..., RayCrew]) -> None:
    crew = open_crew(spec("tells_node"), spec("tells_node"))
    ready = hear(crew, lambda heard: len(heard) == 2)
    assert sorted(ready, key=lambda item: item[0]) == [(1, Ready()), (2, Ready())]

    results = []
    for task_ids in (("a", "b"), ("c", "d")):
        for worker_id, task_id in enumerate(task_ids, start=1):
            crew.send(worker_id, job(task_id))
        results += [message for _, message in hear(crew, lambda heard: len(heard) == 2)]

    assert all(isinstance(result, TaskResult) for result in results)
    answered = [result for result in results if isinstance(result, TaskResult)]
    assert {result.task_id for result in answered} == {"a", "b", "c", "d"}
    firsts = [result.attempts[0].attempt_1 for result in answered]
    assert all(first is not None and np.array_equal(first, ANSWER) for first in firsts)
    assert len({result.message for result in answered}) == 2, "two nodes"

    for worker_id in (1, 2):
        crew.stop(worker_id)
    exits = [message for _, message in hear(crew, lambda heard: len(heard) == 2)]
    assert all(isinstance(message, Exit) and not message.is_refusal for message in exits)
    assert len(crew) == 0


def test_ray_says_which_gpu_a_worker_sees(open_crew: Callable[..., RayCrew]) -> None:
    crew = open_crew(spec("tells_gpu", "cuda:7"), spec("tells_gpu", "cuda:7"))
    hear(crew, lambda heard: len(heard) == 2)

    crew.send(1, job("a"))
    crew.send(2, job("b"))

    results = [message for _, message in hear(crew, lambda heard: len(heard) == 2)]
    seen = {result.message for result in results if isinstance(result, TaskResult)}
    assert seen == {"cuda:0 is 0", "cuda:0 is 1"}


def test_deadline_is_one_of_the_worker_s_clock(
    open_crew: Callable[..., RayCrew], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = ManualClock(1e9)
    crew = open_crew(spec("tells_time_left"))
    assert first(crew) == Ready()
    monkeypatch.setattr(crew, "_clock", here)

    crew.send(1, job("a", deadline=here.now() + 5.0))

    monkeypatch.setattr(crew, "_clock", MonotonicClock())
    assert 0.0 < float(result_of(crew).message) <= 5.0


def test_death_of_an_actor_shows_and_another_takes_its_place(
    open_crew: Callable[..., RayCrew],
) -> None:
    crew = open_crew(spec("exits"))
    assert first(crew) == Ready()

    crew.send(1, job("bad"))
    assert not exit_of(crew).is_refusal

    crew.send(1, job("a"))
    crew.kill(1)
    crew.stop(1)
    crew.start(2, 0)
    assert first(crew) == Ready()
    crew.send(2, job("a"))
    assert result_of(crew).message == "1", "the environment is that of any worker"


def test_solver_that_cannot_be_built_is_a_refusal(open_crew: Callable[..., RayCrew]) -> None:
    crew = open_crew(spec("lacks_model"))

    assert exit_of(crew) == Exit("/no/model: no such folder; check model.path", is_refusal=True)
    assert len(crew) == 0


def test_stopped_process_gives_no_beats_and_can_be_killed(
    open_crew: Callable[..., RayCrew], tmp_path: Path
) -> None:
    note = tmp_path / "note"
    crew = open_crew(spec("hangs_with_note", note=str(note)))
    assert first(crew) == Ready()
    crew.send(1, job("bad"))
    process = process_of(note)
    while (1, Beat()) not in crew.receive(1.0):
        pass  # a worker that solves has beats

    os.kill(process, signal.SIGSTOP)
    crew.receive(1.0)  # what was on its way
    heard = [message for _ in range(2) for message in crew.receive(1.0)]
    assert heard == []

    crew.kill(1)
    exit_of(crew)
    assert ends(process)


def test_worker_without_room_waits_and_can_be_killed(open_crew: Callable[..., RayCrew]) -> None:
    crew = open_crew(spec("works"), spec("works"))
    hear(crew, lambda heard: len(heard) == 2)

    crew.start(3, 0)
    assert all(worker_id != 3 for worker_id, _ in crew.receive(1.0))
    crew.stop(3)

    assert isinstance(first(crew), Exit) and len(crew) == 2


def test_end_forces_a_worker_that_is_busy(
    open_crew: Callable[..., RayCrew], tmp_path: Path
) -> None:
    note = tmp_path / "note"
    crew = open_crew(spec("hangs_with_note", note=str(note)))
    assert first(crew) == Ready()
    crew.send(1, job("bad"))
    process = process_of(note)

    crew.end(0.2)

    assert len(crew) == 0 and not ray.is_initialized()
    assert ends(process)


@pytest.mark.parametrize(
    ("specs", "what"),
    [
        ([spec("works")] * 3, "room for 2 of 3 workers, which take 1 CPU each"),
        ([spec("works", threads=2)], "room for 0 of 1 workers, which take 2 CPU each"),
        ([spec("works", "cuda:0")] * 3, "room for 2 of 3 workers, which take 1 GPU each"),
    ],
)
def test_cluster_that_is_too_small_is_refused(
    cluster: str, specs: list[WorkerSpec], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", cluster)
    with pytest.raises(RunError, match=f"{what}.*lower runtime.workers"):
        RayCrew(specs, None)
    assert not ray.is_initialized()


def test_address_without_a_cluster_is_refused() -> None:
    with pytest.raises(RunError, match=r"'127\.0\.0\.1:1' \(.*ray start --head"):
        RayCrew([spec("works")], "127.0.0.1:1")


def test_a_whole_run_goes_over_the_cluster(
    cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", cluster)
    runtime = {"executor": "ray", "device": "cpu", "workers": 2, "budget": LONG_S, "reserve": 10}
    tasks = {name: job(name).task for name in "abcd"}
    clock = MonotonicClock()

    outcome = run_tasks(
        Challenges("test", tasks, {}),
        build_config({"runtime": runtime}, source="test"),
        run_dir=tmp_path,
        clock=clock,
        started=clock.now(),
        identity=IDENTITY,
        on_result=lambda result: None,
        solver="fake_solvers:works",
    )

    assert outcome.cause is StopCause.COMPLETED
    assert all(result.is_answered for result in outcome.results.values())
    assert set(outcome.results) == set(tasks)
