from __future__ import annotations

import math

import pytest

from arc_submit.clock import Deadline, ManualClock, MonotonicClock, Stopwatch


def test_a_deadline_counts_down_as_its_clock_moves() -> None:
    clock = ManualClock(100.0)
    deadline = Deadline.after(5, clock)
    assert deadline.remaining_s == 5
    clock.advance(4)
    assert deadline.remaining_s == 1
    assert not deadline.has_passed


def test_a_deadline_has_passed_from_its_instant_on() -> None:
    clock = ManualClock()
    deadline = Deadline.after(2, clock)
    clock.advance(2)
    assert deadline.has_passed
    clock.advance(3)
    assert deadline.has_passed
    assert deadline.remaining_s == -3


def test_a_manual_clock_stands_still_by_itself_and_refuses_to_go_back() -> None:
    clock = ManualClock(7)
    assert clock.now() == clock.now() == 7
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(-1)
    assert clock.now() == 7


def test_the_monotonic_clock_never_goes_back() -> None:
    clock = MonotonicClock()
    readings = [clock.now() for _ in range(100)]
    assert readings == sorted(readings)


def test_never_does_not_come() -> None:
    assert not Deadline.never().has_passed


def test_deadline_keeps_a_share_of_the_time_for_what_follows() -> None:
    clock = ManualClock(10.0)
    deadline = Deadline.after(8.0, clock)

    assert deadline.keeping(0.25).instant == 16.0
    clock.advance(20.0)
    assert deadline.keeping(0.25) == deadline
    assert Deadline.never().keeping(0.5).remaining_s == math.inf


def test_stopwatch_adds_up_by_name_also_where_something_fails() -> None:
    clock = ManualClock()
    watch = Stopwatch(clock)

    for seconds in (1.0, 2.0):
        with pytest.raises(KeyError), watch.measure("training"):
            clock.advance(seconds)
            raise KeyError
    with watch.measure("sampling"):
        clock.advance(0.5)

    assert watch.seconds == {"training": 3.0, "sampling": 0.5}
