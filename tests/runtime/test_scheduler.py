from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from arc_submit.runtime.budget import Budget
from arc_submit.runtime.events import (
    AssignTask,
    Command,
    DeadlineReached,
    Event,
    FinishRun,
    GiveUpTask,
    Interrupted,
    RunStarted,
    StartWorker,
    StopCause,
    StopWorker,
    TaskFinished,
    WorkerDied,
    WorkerReady,
)
from arc_submit.runtime.scheduler import MAX_REPLACEMENTS, MAX_TRIES, Scheduler

BUDGET = Budget(start=0.0, budget_s=100.0, reserve_s=10.0)


def build(*task_ids: str, n_workers: int = 1, deterministic: bool = False) -> Scheduler:
    return Scheduler(task_ids, n_workers=n_workers, budget=BUDGET, deterministic=deterministic)


def feed(scheduler: Scheduler, *events: Event) -> list[Command]:
    """Hand in events and return the answer to the last one."""
    commands: list[Command] = []
    for event in events:
        commands = scheduler.handle(event)
        scheduler.check_invariants()
    return commands


def test_tasks_are_served_in_order_with_equal_shares() -> None:
    scheduler = build("a", "b", "c")

    assert feed(scheduler, RunStarted(0.0)) == [StartWorker(0, slot=0)]
    assert feed(scheduler, WorkerReady(0.0, 0)) == [AssignTask(0, "a", deadline=30.0)]
    assert feed(scheduler, TaskFinished(30.0, 0, "a")) == [AssignTask(0, "b", deadline=60.0)]
    # b took 10 s of its 30 s; the rest is c's.
    assert feed(scheduler, TaskFinished(40.0, 0, "b")) == [AssignTask(0, "c", deadline=90.0)]
    assert feed(scheduler, TaskFinished(50.0, 0, "c")) == [
        StopWorker(0),
        FinishRun(StopCause.COMPLETED),
    ]


def test_deterministic_run_gives_each_task_the_whole_time() -> None:
    scheduler = build("a", "b", deterministic=True)

    assert feed(scheduler, RunStarted(0.0), WorkerReady(1.0, 0)) == [AssignTask(0, "a", 90.0)]
    assert feed(scheduler, TaskFinished(5.0, 0, "a")) == [AssignTask(0, "b", 90.0)]


def test_no_more_workers_than_tasks_are_started() -> None:
    assert feed(build("a", n_workers=4), RunStarted(0.0)) == [StartWorker(0, slot=0)]


def test_run_without_tasks_is_completed_at_once() -> None:
    assert feed(build(), RunStarted(0.0)) == [FinishRun(StopCause.COMPLETED)]


def test_run_that_starts_too_late_starts_no_worker() -> None:
    assert feed(build("a"), RunStarted(90.0)) == [FinishRun(StopCause.DEADLINE)]


def test_dead_worker_is_replaced_and_its_task_tried_after_all_others() -> None:
    scheduler = build("a", "b")
    feed(scheduler, RunStarted(0.0), WorkerReady(0.0, 0))

    assert feed(scheduler, WorkerDied(1.0, 0)) == [StartWorker(1, slot=0)]
    assigned = feed(scheduler, WorkerReady(2.0, 1))[0]
    assert isinstance(assigned, AssignTask) and assigned.task_id == "b"
    assigned = feed(scheduler, TaskFinished(3.0, 1, "b"))[0]
    assert isinstance(assigned, AssignTask) and assigned.task_id == "a"


def test_task_that_kills_two_workers_is_given_up() -> None:
    scheduler = build("a", "b")
    feed(scheduler, RunStarted(0.0), WorkerReady(0.0, 0), WorkerDied(1.0, 0))
    feed(scheduler, WorkerReady(2.0, 1), TaskFinished(3.0, 1, "b"))

    assert feed(scheduler, WorkerDied(4.0, 1)) == [
        GiveUpTask("a"),
        FinishRun(StopCause.COMPLETED),
    ]


def test_slot_is_closed_after_its_replacements() -> None:
    scheduler = build("a")
    feed(scheduler, RunStarted(0.0))
    for worker_id in range(MAX_REPLACEMENTS):
        assert feed(scheduler, WorkerDied(1.0, worker_id)) == [StartWorker(worker_id + 1, slot=0)]

    assert feed(scheduler, WorkerDied(2.0, MAX_REPLACEMENTS)) == [FinishRun(StopCause.NO_WORKERS)]


def test_first_solver_that_cannot_be_built_is_not_tried_again() -> None:
    scheduler = build("a", "b", n_workers=2)
    feed(scheduler, RunStarted(0.0))

    assert feed(scheduler, WorkerDied(1.0, 0, is_refusal=True)) == []
    assert feed(scheduler, WorkerDied(1.0, 1, is_refusal=True)) == [FinishRun(StopCause.NO_WORKERS)]


def test_solver_that_cannot_be_built_is_tried_again_where_another_could() -> None:
    scheduler = build("a", "b", n_workers=2)
    feed(scheduler, RunStarted(0.0), WorkerReady(0.0, 0))

    assert feed(scheduler, WorkerDied(1.0, 1, is_refusal=True)) == [StartWorker(2, slot=1)]


def test_interrupt_stops_all_workers() -> None:
    scheduler = build("a", "b", n_workers=2)
    feed(scheduler, RunStarted(0.0), WorkerReady(0.0, 0))

    assert feed(scheduler, Interrupted(1.0)) == [
        StopWorker(0),
        StopWorker(1),
        FinishRun(StopCause.INTERRUPTED),
    ]


def test_result_after_the_deadline_counts_and_starts_nothing() -> None:
    scheduler = build("a", "b")
    feed(scheduler, RunStarted(0.0), WorkerReady(0.0, 0), DeadlineReached(90.0))

    assert feed(scheduler, TaskFinished(90.5, 0, "a")) == []
    assert scheduler.cause is StopCause.DEADLINE


def test_log_tells_the_whole_run() -> None:
    scheduler = build("a")
    feed(scheduler, RunStarted(0.0), WorkerReady(0.5, 0), TaskFinished(1.0, 0, "a"))
    events = [event for event, _ in scheduler.log]

    replayed = build("a")
    feed(replayed, *events)

    assert replayed.log == scheduler.log


@st.composite
def histories(draw: st.DrawFn) -> tuple[Scheduler, list[str]]:
    """Run a scheduler against workers that do anything, with news that is true or nonsense."""
    task_ids = [f"t{i}" for i in range(draw(st.integers(0, 6)))]
    scheduler = Scheduler(
        task_ids,
        n_workers=draw(st.integers(1, 3)),
        budget=BUDGET,
        deterministic=draw(st.booleans()),
    )
    now = draw(st.sampled_from([0.0, 50.0, 95.0]))
    feed(scheduler, RunStarted(now))
    for _ in range(draw(st.integers(0, 40))):
        now += draw(st.sampled_from([0.0, 0.1, 3.0, 20.0]))
        worker_id = draw(st.integers(0, 12))
        task_id = draw(st.sampled_from([*task_ids, "unknown"]))
        news: list[Event] = [
            WorkerReady(now, worker_id),
            WorkerReady(now, worker_id),
            TaskFinished(now, worker_id, task_id),
            TaskFinished(now, worker_id, task_id),
            WorkerDied(now, worker_id),
            WorkerDied(now, worker_id, is_refusal=True),
            DeadlineReached(now),
            Interrupted(now),
        ]
        feed(scheduler, draw(st.sampled_from(news)))
    return scheduler, task_ids


@given(histories())
def test_whatever_happens_no_task_is_lost_or_done_twice(
    history: tuple[Scheduler, list[str]],
) -> None:
    scheduler, task_ids = history
    holder: dict[int, str] = {}
    finished: list[str] = []
    given_up: list[str] = []
    tries = {task_id: 0 for task_id in task_ids}
    for event, commands in scheduler.log:
        match event:
            case TaskFinished(_, worker_id, task_id) if holder.get(worker_id) == task_id:
                finished.append(holder.pop(worker_id))
            case WorkerDied(_, worker_id):
                holder.pop(worker_id, None)
        for command in commands:
            if isinstance(command, AssignTask):
                assert command.worker_id not in holder
                assert command.task_id not in [*holder.values(), *finished, *given_up]
                holder[command.worker_id] = command.task_id
                tries[command.task_id] += 1
            elif isinstance(command, GiveUpTask):
                given_up.append(command.task_id)

    assert len(set(finished)) == len(finished)
    assert not set(finished) & set(given_up)
    assert all(tries[task_id] == MAX_TRIES for task_id in given_up)
    if scheduler.cause is StopCause.COMPLETED:
        assert sorted(finished + given_up) == task_ids


@given(histories())
def test_nothing_is_begun_after_the_end_or_the_deadline(
    history: tuple[Scheduler, list[str]],
) -> None:
    scheduler, _ = history
    is_over = False
    for event, commands in scheduler.log:
        begun = [c for c in commands if isinstance(c, AssignTask | StartWorker)]
        if is_over or event.now >= BUDGET.work_deadline:
            assert not begun
        for command in begun:
            if isinstance(command, AssignTask):
                assert event.now <= command.deadline <= BUDGET.work_deadline + 1e-9
        ends = [c for c in commands if isinstance(c, FinishRun)]
        assert len(ends) <= (0 if is_over else 1)
        is_over = is_over or bool(ends)

    assert is_over == (scheduler.cause is not None)


@given(n_tasks=st.integers(1, 20), n_workers=st.integers(1, 4), deaths=st.sets(st.integers(0, 30)))
def test_run_always_ends_even_where_workers_die(
    n_tasks: int, n_workers: int, deaths: set[int]
) -> None:
    scheduler = build(*(f"t{i:02}" for i in range(n_tasks)), n_workers=n_workers)
    todo = feed(scheduler, RunStarted(0.0))
    step = 0
    while todo:
        command = todo.pop(0)
        step += 1
        match command:
            case StartWorker(worker_id):
                todo += feed(scheduler, WorkerReady(0.0, worker_id))
            case AssignTask(worker_id) if step in deaths:
                todo += feed(scheduler, WorkerDied(0.0, worker_id))
            case AssignTask(worker_id, task_id):
                todo += feed(scheduler, TaskFinished(0.0, worker_id, task_id))

    assert scheduler.cause in (StopCause.COMPLETED, StopCause.NO_WORKERS)
