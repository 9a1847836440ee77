"""Waiting for real works, and earns one tip."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from labkit.sandbox import Sandbox
from labkit.sandbox.sleep import SleepTip

Sleeper = tuple[Callable[[object], None], list[object], list[str]]


@pytest.fixture
def sleeper(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sleeper]:
    slept: list[object] = []
    said: list[str] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    tip = SleepTip(say=said.append)
    tip.start()
    yield lambda seconds: time.sleep(seconds), slept, said  # type: ignore[arg-type]
    tip.stop()


def test_a_long_sleep_still_sleeps_and_earns_the_tip_once(sleeper: Sleeper) -> None:
    sleep, slept, said = sleeper
    sleep(31)
    sleep(31)
    assert slept == [31, 31]
    assert said == ["Tip: lab.clock.advance(seconds=31) lets the same time pass at once."]


@pytest.mark.parametrize("seconds", [0, 0.5, 4.9, "nonsense"])
def test_short_or_odd_sleeps_pass_without_a_word(sleeper: Sleeper, seconds: object) -> None:
    sleep, slept, said = sleeper
    sleep(seconds)
    assert slept == [seconds]
    assert said == []


def test_worker_threads_are_left_alone(sleeper: Sleeper) -> None:
    sleep, _, said = sleeper
    thread = threading.Thread(target=sleep, args=(31,))
    thread.start()
    thread.join()
    assert said == []


def test_stop_gives_sleep_back(monkeypatch: pytest.MonkeyPatch) -> None:
    original = time.sleep
    tip = SleepTip()
    tip.start()
    assert time.sleep is not original
    tip.stop()
    assert time.sleep is original


def test_waiting_for_a_program_passes_no_time_of_the_account(sandbox: Sandbox) -> None:
    """`dot` runs while a figure is drawn. The sleeps with which Python waits for it once moved a paused clock."""
    with sandbox.clock.paused():
        before = sandbox.clock.time()
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(timeout=0.01)
        child.communicate(b"\n")
        assert sandbox.clock.time() == before
        time.sleep(2)
        assert sandbox.clock.time() == before + 2
