"""What the stage tells reaches the process that asked for it."""

from __future__ import annotations

import pickle

from labkit.workbook.stage import CellBroke


def test_a_broken_cell_can_be_told_by_another_process() -> None:
    told = pickle.loads(pickle.dumps(CellBroke(12, "NameError: orders")))
    assert (told.line, told.what, str(told)) == (12, "NameError: orders", "NameError: orders")
