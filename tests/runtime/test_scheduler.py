from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from arc_submit.runtime.budget import Budget
from arc_submit.runtime.events import (
    AssignUnit,
    Command,
    DeadlineReached,
    Event,
    FinishRun,
    GiveUpTask,
    Heartbeat,
    Interrupted,
    KillWorker,
    Progress,
    RunStarted,
    StartWorker,
    StopCause,
    StopWorker,
    Tick,
    UnitFailed,
    UnitFinished,
    WorkerDied,
    WorkerReady,
)
from arc_submit.runtime.policy import POLICIES, Fifo, Policy
from arc_submit.runtime.scheduler import MAX_REPLACEMENTS, MAX_TRIES, Rules, Scheduler
from arc_submit.types import Profile

BUDGET = Budget(start=0.0, budget_s=100.0, reserve_s=10.0)
DONE = Progress(is_answered=True, is_exhausted=True)
SOLVED = Progress(is_answered=True, is_solved=True)
UNSURE = Progress(is_answered=True, agreement=0.3)
NO_ANSWER = Progress()


def build(
    *task_ids: str,
    n_workers: int = 1,
    sizes: Sequence[float] | None = None,
    policy: Policy | None = None,
    rules: Rules | None = None,
    budget: Budget = BUDGET,
) -> Scheduler:
    by_task = dict(zip(task_ids, sizes or [1.0] * len(task_ids), strict=True))
    return Scheduler(
        by_task, n_workers=n_workers, budget=budget, policy=policy or Fifo(), rules=rules
    )


def feed(scheduler: Scheduler, *events: Event) -> list[Command]:
    """Hand in events and return the answer to the last one."""
    commands: list[Command] = []
    for event in events:
        commands = scheduler.handle(event)
        scheduler.check_invariants()
    return commands


def assigned(commands: Sequence[Command]) -> list[str]:
    return [command.task_id for command in commands if isinstance(command, AssignUnit)]


def test_tasks_are_served_with_equal_shares_of_what_is_left() -> None:
    scheduler = build("a", "b", "c")

    assert feed(scheduler, RunStarted(0.0)) == [StartWorker(0, slot=0)]
    assert feed(scheduler, WorkerReady(0.0, 0)) == [AssignUnit(0, "a", deadline=30.0)]
    assert feed(scheduler, UnitFinished(30.0, 0, "a", DONE)) == [AssignUnit(0, "b", deadline=60.0)]
    # b took 10 s of its 30 s; the rest is c's.
    assert feed(scheduler, UnitFinished(40.0, 0, "b", DONE)) == [AssignUnit(0, "c", deadline=90.0)]
    assert feed(scheduler, UnitFinished(50.0, 0, "c", DONE)) == [
        StopWorker(0),
        FinishRun(StopCause.COMPLETED),
    ]


def test_without_shares_each_visit_may_last_until_the_end() -> None:
    scheduler = build("a", "b", rules=Rules(max_visits=1, has_shares=False))

    assert feed(scheduler, RunStarted(0.0), WorkerReady(1.0, 0)) == [AssignUnit(0, "a", 90.0)]
    assert feed(scheduler, UnitFinished(5.0, 0, "a", UNSURE)) == [AssignUnit(0, "b", 90.0)]
    assert feed(scheduler, UnitFinished(9.0, 0, "b", UNSURE))[-1] == FinishRun(StopCause.COMPLETED)


def test_every_task_is_visited_once_before_any_is_visited_twice() -> None:
    for policy in POLICIES.values():
        scheduler = build("a", "b", "c", policy=policy)
        commands = feed(scheduler, RunStarted(0.0), WorkerReady(0.0, 0))
        order = []
        for now in (1.0, 2.0, 3.0):
            (task_id,) = assigned(commands)
            order.append(task_id)
            commands = feed(scheduler, UnitFinished(now, 0, task_id, UNSURE))

        assert sorted(order) == ["a", "b", "c"] and assigned(commands)


def test_task_without_an_answer_comes_again_before_tasks_with_one() -> None:
    scheduler = build("a", "b", "c")
    feed(scheduler, RunStarted(0.0), WorkerReady(0.0, 0), UnitFinished(1.0, 0, "a", UNSURE))
    feed(scheduler, UnitFinished(2.0, 0, "b", NO_ANSWER))

    assert assigned(feed(scheduler, UnitFinished(3.0, 0, "c", UNSURE))) == ["b"]
    assert assigned(feed(scheduler, UnitFinished(4.0, 0, "b", NO_ANSWER))) == ["a"]


def test_solved_tasks_are_left_alone() -> None:
    scheduler = build("a", "b")
    feed(scheduler, RunStarted(0.0), WorkerReady(0.0, 0), UnitFinished(1.0, 0, "a", SOLVED))

    assert assigned(feed(scheduler, UnitFinished(2.0, 0, "b", UNSURE))) == ["b"]
    assert feed(scheduler, UnitFinished(3.0, 0, "b", SOLVED))[-1] == FinishRun(StopCause.COMPLETED)


def test_visit_that_does_not_fit_is_not_begun() -> None:
    scheduler = build("a", "b", sizes=[1.0, 1.0])
    feed(scheduler, RunStarted(0.0), WorkerReady(0.0, 0))
    feed(scheduler, UnitFinished(40.0, 0, "a", UNSURE))

    # 10 s are left, and a round of either takes 40 s.
    assert feed(scheduler, UnitFinished(80.0, 0, "b", UNSURE)) == [
        StopWorker(0),
        FinishRun(StopCause.DEADLINE),
    ]


def test_visit_of_which_a_round_fits_is_begun_and_ends_with_the_work() -> None:
    scheduler = build("a")
    feed(scheduler, RunStarted(0.0), WorkerReady(0.0, 0))

    assert feed(scheduler, UnitFinished(80.0, 0, "a", UNSURE, rounds=20)) == [
        AssignUnit(0, "a", deadline=90.0, visit=1)
    ]


def test_worker_is_not_started_where_it_would_not_get_ready_in_time() -> None:
    scheduler = build("a", "b")
    feed(scheduler, RunStarted(0.0), WorkerReady(30.0, 0))

    assert feed(scheduler, WorkerDied(70.0, 0)) == [FinishRun(StopCause.DEADLINE)]


def test_no_more_workers_than_tasks_are_started() -> None:
    assert feed(build("a", n_workers=4), RunStarted(0.0)) == [StartWorker(0, slot=0)]


def test_run_without_tasks_is_completed_at_once() -> None:
    assert feed(build(), RunStarted(0.0)) == [FinishRun(StopCause.COMPLETED)]


def test_run_that_starts_too_late_starts_no_worker() -> None:
    assert feed(build("a"), RunStarted(90.0)) == [FinishRun(StopCause.DEADLINE)]


def test_dead_worker_is_replaced_and_its_task_tried_on_the_small_profile() -> None:
    scheduler = build("a", "b")
    feed(scheduler, RunStarted(0.0), WorkerReady(0.0, 0))

    assert feed(scheduler, WorkerDied(1.0, 0)) == [StartWorker(1, slot=0)]
    assert assigned(feed(scheduler, WorkerReady(2.0, 1))) == ["b"]
    (again,) = feed(scheduler, UnitFinished(3.0, 1, "b", UNSURE))
    assert isinstance(again, AssignUnit)
    assert (again.task_id, again.profile) == ("a", Profile.SMALL)


def test_task_that_brings_two_workers_down_is_given_up() -> None:
    scheduler = build("a", "b")
    feed(scheduler, RunStarted(0.0), WorkerReady(0.0, 0), WorkerDied(1.0, 0))
    feed(scheduler, WorkerReady(2.0, 1), UnitFinished(3.0, 1, "b", DONE))

    assert feed(scheduler, WorkerDied(4.0, 1)) == [
        GiveUpTask("a"),
        FinishRun(StopCause.COMPLETED),
    ]


def test_worker_out_of_memory_is_replaced_and_its_task_counted_once() -> None:
    scheduler = build("a", "b")
    feed(scheduler, RunStarted(0.0), WorkerReady(0.0, 0))

    assert feed(scheduler, UnitFailed(1.0, 0, "a")) == [KillWorker(0)]
    assert feed(scheduler, WorkerDied(1.5, 0)) == [StartWorker(1, slot=0)]
    assert scheduler.tasks["a"].failures == 1


def test_silent_worker_is_killed_and_its_late_answer_kept() -> None:
    scheduler = build("a", "b", n_workers=2, rules=Rules(silence_s=5.0))
    feed(scheduler, RunStarted(0.0), WorkerReady(0.0, 0), WorkerReady(0.0, 1))
    feed(scheduler, Heartbeat(6.0, 1))

    assert feed(scheduler, Tick(4.0)) == []
    assert feed(scheduler, Tick(6.0)) == [KillWorker(0)]
    assert feed(scheduler, Tick(7.0)) == []
    assert feed(scheduler, UnitFinished(7.5, 0, "a", DONE)) == []
    assert feed(scheduler, WorkerDied(8.0, 0)) == [StartWorker(2, slot=0)]
    assert scheduler.tasks["a"].failures == 0


def test_worker_that_outlasts_its_deadline_is_killed_however_alive() -> None:
    scheduler = build("a", "b", "c", rules=Rules(silence_s=5.0, overrun_s=3.0))
    feed(scheduler, RunStarted(0.0), WorkerReady(0.0, 0))

    assert feed(scheduler, Heartbeat(32.0, 0), Tick(32.0)) == []
    assert feed(scheduler, Heartbeat(34.0, 0), Tick(34.0)) == [KillWorker(0)]


def test_slot_is_closed_after_its_replacements() -> None:
    scheduler = build("a")
    feed(scheduler, RunStarted(0.0))
    for worker_id in range(MAX_REPLACEMENTS):
        assert feed(scheduler, WorkerDied(1.0, worker_id)) == [StartWorker(worker_id + 1, slot=0)]

    assert feed(scheduler, WorkerDied(2.0, MAX_REPLACEMENTS)) == [FinishRun(StopCause.NO_WORKERS)]


def test_finished_visit_gives_a_slot_its_replacements_back() -> None:
    scheduler = build(*"abcdefghijklmnop")
    feed(scheduler, RunStarted(0.0), WorkerReady(0.0, 0))
    for worker_id in range(2 * MAX_REPLACEMENTS):
        feed(scheduler, UnitFinished(1.0, worker_id, "acegikmo"[worker_id], DONE))
        feed(scheduler, WorkerDied(1.0, worker_id), WorkerReady(1.0, worker_id + 1))

    assert scheduler.cause is None


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

    assert feed(scheduler, UnitFinished(90.5, 0, "a", DONE)) == []
    assert scheduler.cause is StopCause.DEADLINE and scheduler.tasks["a"].visits == 1


def test_split_tasks_stay_with_their_slot() -> None:
    scheduler = build("a", "b", "c", n_workers=2, rules=Rules(is_split=True))
    feed(scheduler, RunStarted(0.0))

    assert assigned(feed(scheduler, WorkerReady(0.0, 1))) == ["b"]
    assert feed(scheduler, UnitFinished(1.0, 1, "b", DONE)) == []
    assert assigned(feed(scheduler, WorkerReady(2.0, 0))) == ["a"]


def test_log_tells_the_whole_run() -> None:
    scheduler = build("a")
    feed(scheduler, RunStarted(0.0), WorkerReady(0.5, 0), Tick(0.7))
    feed(scheduler, UnitFinished(1.0, 0, "a", DONE))
    events = [event for event, _ in scheduler.log]

    replayed = build("a")
    feed(replayed, *events)

    assert replayed.log == scheduler.log and len(events) == 3


@st.composite
def histories(draw: st.DrawFn) -> tuple[Scheduler, list[str]]:
    """Run a scheduler against workers that do anything, with news that is true or nonsense."""
    task_ids = [f"t{i}" for i in range(draw(st.integers(0, 6)))]
    scheduler = build(
        *task_ids,
        n_workers=draw(st.integers(1, 3)),
        sizes=[draw(st.floats(0.1, 1e6)) for _ in task_ids],
        policy=draw(st.sampled_from(list(POLICIES.values()))),
        rules=Rules(
            max_visits=draw(st.integers(1, 3)),
            has_shares=draw(st.booleans()),
            is_split=draw(st.booleans()),
            silence_s=draw(st.sampled_from([5.0, 1e9])),
            overrun_s=draw(st.sampled_from([5.0, 1e9])),
        ),
    )
    now = draw(st.sampled_from([0.0, 50.0, 95.0]))
    feed(scheduler, RunStarted(now))
    for _ in range(draw(st.integers(0, 40))):
        now += draw(st.sampled_from([0.0, 0.1, 3.0, 20.0]))
        worker_id = draw(st.integers(0, 12))
        task_id = draw(st.sampled_from([*task_ids, "unknown"]))
        progress = draw(st.sampled_from([DONE, SOLVED, UNSURE, NO_ANSWER]))
        rounds, is_cut = draw(st.integers(0, 9)), draw(st.booleans())
        news: list[Event] = [
            WorkerReady(now, worker_id),
            WorkerReady(now, worker_id),
            UnitFinished(now, worker_id, task_id, progress, rounds, is_cut),
            UnitFinished(now, worker_id, task_id, progress, rounds, is_cut),
            UnitFailed(now, worker_id, task_id),
            Heartbeat(now, worker_id),
            Tick(now),
            WorkerDied(now, worker_id),
            WorkerDied(now, worker_id, is_refusal=True),
            DeadlineReached(now),
            Interrupted(now),
        ]
        feed(scheduler, draw(st.sampled_from(news)))
    return scheduler, task_ids


@given(histories())
def test_whatever_happens_no_task_is_lost_or_at_work_twice(
    history: tuple[Scheduler, list[str]],
) -> None:
    scheduler, task_ids = history
    holder: dict[int, str] = {}
    given_up: list[str] = []
    failures = dict.fromkeys(task_ids, 0)
    for event, commands in scheduler.log:
        match event:
            case UnitFinished(_, worker_id, task_id) if holder.get(worker_id) == task_id:
                del holder[worker_id]
            case UnitFailed(_, worker_id, task_id) if holder.get(worker_id) == task_id:
                failures[holder.pop(worker_id)] += 1
            case WorkerDied(_, worker_id) if worker_id in holder:
                failures[holder.pop(worker_id)] += 1
        for command in commands:
            if isinstance(command, AssignUnit):
                assert command.worker_id not in holder
                assert command.task_id not in [*holder.values(), *given_up]
                assert (command.profile is Profile.SMALL) == (failures[command.task_id] > 0)
                holder[command.worker_id] = command.task_id
            elif isinstance(command, GiveUpTask):
                given_up.append(command.task_id)

    assert len(set(given_up)) == len(given_up)
    assert all((n >= MAX_TRIES) == (task_id in given_up) for task_id, n in failures.items())
    if scheduler.cause is StopCause.COMPLETED:
        assert not scheduler.waiting and not holder


@given(histories())
def test_nothing_is_begun_after_the_end_or_the_deadline(
    history: tuple[Scheduler, list[str]],
) -> None:
    scheduler, _ = history
    is_over = False
    for event, commands in scheduler.log:
        begun = [c for c in commands if isinstance(c, AssignUnit | StartWorker)]
        if is_over or event.now >= BUDGET.work_deadline:
            assert not begun
        for command in begun:
            if isinstance(command, AssignUnit):
                assert event.now <= command.deadline <= BUDGET.work_deadline + 1e-9
        ends = [c for c in commands if isinstance(c, FinishRun)]
        assert len(ends) <= (0 if is_over else 1)
        is_over = is_over or bool(ends)

    assert is_over == (scheduler.cause is not None)
