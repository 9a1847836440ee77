"""Imports `time_machine` without what it drags in.

Where pytest is installed, `time_machine` imports it to offer a fixture, and that alone takes a quarter of
the time in which a lab opens. A lab has no use for the fixture, so pytest is kept out of sight
for the length of this one import, unless somebody has it loaded already.
"""

from __future__ import annotations

import sys

__all__ = ["time_machine"]

_hidden = "pytest" not in sys.modules
if _hidden:
    sys.modules["pytest"] = None  # type: ignore[assignment]  # Python's own way to say: do not import
try:
    import time_machine
finally:
    if _hidden:
        del sys.modules["pytest"]
