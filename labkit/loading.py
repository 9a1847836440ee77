"""Loading hundreds of modules without looking for garbage among them.

Python looks through all that is alive again and again while a lab opens, and finds nothing: modules live as long as
the process. That is a tenth of the time (`tests/benchmarks/bench_open.py`).
"""

from __future__ import annotations

import gc


class lasting:
    """What is loaded inside is taken out of every later look for garbage, with all that was there before.

    So use it once for a thing that is loaded once, never around work that is repeated: its garbage would stay.
    """

    def __enter__(self) -> None:
        """Look for no garbage."""
        self._collects = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        """Look again, at what comes from now on."""
        gc.freeze()
        if self._collects:
            gc.enable()
