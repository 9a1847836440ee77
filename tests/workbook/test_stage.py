"""What the stage tells reaches the process that asked for it, and what it says a check left behind."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from labkit.sandbox import clock, current
from labkit.workbook import build
from labkit.workbook.bind import bind
from labkit.workbook.limit import TooLong, at_most
from labkit.workbook.proof import bring_to
from labkit.workbook.stage import CellBroke, Stage


def test_a_broken_cell_can_be_told_by_another_process() -> None:
    told = pickle.loads(pickle.dumps(CellBroke(12, "NameError: orders")))
    assert (told.line, told.what, str(told)) == (12, "NameError: orders", "NameError: orders")


def test_an_interruption_that_is_dropped_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python drops an error that is raised in a finaliser; the code around it must end all the same."""
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)

    class Dropped:
        def __del__(self) -> None:
            while True:
                pass

    def for_ever() -> None:
        with at_most(0.1):
            Dropped()
            while True:
                pass

    with pytest.raises(TooLong):
        for_ever()


def make_queue(name: str) -> None:
    """Work for later that anybody can see in the account."""
    current().client("sqs").create_queue(QueueName=name)


@dataclass
class Ready:
    """A stage in front of a check, with work that falls due in an hour. `meanwhile` happens while the check runs."""

    stage: Stage
    meanwhile: Callable[[], object]

    def touched(self) -> str:
        """What gate 8 is told."""
        whole = self.stage._report

        def report(exercise: str) -> Any:
            told = whole(exercise)
            self.meanwhile()
            return told

        self.stage._report = report  # type: ignore[method-assign]
        clock = self.stage.sandbox.clock
        clock.schedule(clock.time() + 3600, make_queue, "came-due")
        return self.stage.check("hide").touched


@pytest.fixture
def ready(workbook: Any) -> Iterator[Ready]:
    build.main([])
    with Stage(bind(workbook.source, workbook.root)) as stage:
        cell = bring_to(stage, "hide")
        stage.play(cell)
        yield Ready(stage, lambda: None)


def real_time_goes_on(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if that much time had passed on the wall; the account looks at its clock, as at any call."""
    real, mine = clock.real_time, current().clock
    monkeypatch.setattr(clock, "real_time", lambda: real() + seconds)
    mine._traveller.shift(seconds)
    mine.catch_up()


def test_a_check_that_touches_nothing_is_told_so(ready: Ready) -> None:
    assert ready.touched() == ""


def test_what_real_time_makes_due_is_not_the_checks_doing(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready.meanwhile = lambda: real_time_goes_on(3601, monkeypatch)
    assert ready.touched() == ""
    assert "came-due" in str(current().client("sqs").list_queues())


def test_what_the_check_changes_before_anything_is_due_is(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile() -> None:
        real_time_goes_on(3000, monkeypatch)
        make_queue("by-the-check")

    ready.meanwhile = meanwhile
    assert "the account is not as it was" in ready.touched()


def test_what_falls_due_because_the_check_moved_the_clock_is_its_doing(ready: Ready) -> None:
    ready.meanwhile = lambda: current().clock.advance(seconds=3601)
    told = ready.touched()
    assert "the account is not as it was" in told
    assert "the clock moved by" in told


def test_an_interruption_dropped_in_a_finaliser_is_not_reported_and_other_errors_are() -> None:
    class Dropping:
        def __init__(self, error: BaseException) -> None:
            self.error = error

        def __del__(self) -> None:
            raise self.error

    told: list[str] = []
    before, sys.unraisablehook = sys.unraisablehook, lambda one: told.append(one.exc_type.__name__)
    try:
        with at_most(60):
            Dropping(TooLong())
            Dropping(ValueError())
        Dropping(TooLong())
    finally:
        sys.unraisablehook = before
    assert told == ["ValueError", "TooLong"]
