"""The guard: one place where errors become reasons, deadlines that leave the caller's own timer alone."""

from __future__ import annotations

import contextlib
import signal
import time

import pytest

from auditkit.errors import MissingDependency
from auditkit.guard import attempt


def test_a_result_comes_through():
    assert attempt(lambda: 7, seconds=5) == (7, "")


def test_an_error_is_named_by_kind_and_place_and_not_by_its_text():
    def step():
        raise ValueError("text of a document")

    result, reason = attempt(step, seconds=5)
    assert result is None
    assert reason.startswith("ValueError in test_guard.py:")
    assert "document" not in reason


def test_an_error_of_our_own_speaks_for_itself():
    def step():
        raise MissingDependency("install it")

    assert attempt(step, seconds=5) == (None, "install it")


def test_a_deadline_ends_a_step_that_swallows_exceptions():
    def step():
        while True:
            with contextlib.suppress(Exception):  # as careless plug-ins do
                time.sleep(10)

    started = time.monotonic()
    assert attempt(step, seconds=0.2)[1] == "it ran longer than 0 s"
    assert time.monotonic() - started < 5


def test_a_deadline_that_is_swallowed_once_is_raised_again():
    def step():
        for _ in range(2):
            with contextlib.suppress(BaseException):  # as a callback from C does
                time.sleep(10)
        time.sleep(10)

    started = time.monotonic()
    assert attempt(step, seconds=0.2)[1] == "it ran longer than 0 s"
    assert time.monotonic() - started < 8


def test_keyboard_interrupts_pass():
    def step():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt(step, seconds=5)


def test_the_timer_of_the_caller_goes_on():
    rung = []
    previous = signal.signal(signal.SIGALRM, lambda *_: rung.append(True))
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        attempt(lambda: time.sleep(0.1), seconds=5)
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 0.5
        time.sleep(0.6)
        assert rung
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
