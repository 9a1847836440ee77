"""Hand the terminal to a child process, and come back with its exit status."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path


def call(command: list[str], *, folder: Path | None = None, variables: Mapping[str, str]) -> int:
    """Run `command` in `folder` until it ends. Returns its exit status (negative: the signal that ended it).

    Ctrl-C reaches the child too, and is the child's to answer: this process waits on. A request to end
    (SIGTERM) is passed on, so that no server is left behind.
    """
    with subprocess.Popen(command, cwd=folder, env=variables) as child:
        before = {
            signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None),
            signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: child.terminate()),
        }
        try:
            return child.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
