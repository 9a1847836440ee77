"""What the stage tells reaches the process that asked for it."""

from __future__ import annotations

import pickle
import sys

import pytest

from labkit.workbook.limit import TooLong, at_most
from labkit.workbook.stage import CellBroke


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
