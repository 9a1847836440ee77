"""The prepared process. It has one thread, runs no code of notebooks, and:

- forks a child for each notebook, when the parent hands it the ends of the child's line;
- ends a child, and everything a child started, when told to;
- reaps what has ended and tells the parent how;
- ends itself and all of them when the parent hangs up.

Every child adopts what its own children leave behind, so what arrives here without a name when a child has
ended belonged to that one, and is ended too.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from labkit.sandbox.runtime.worker import kernel as walls
from labkit.sandbox.runtime.worker import offspring

_PARENT_CHECK_MS: Final = 2_000
_LAST_MOMENTS: Final = 3.0
"""How long to wait for killed processes to be gone, in seconds."""

Child = Callable[[dict[str, Any], list[int]], None]


class Zygote:
    """The loop. `child(settings, ends)` is what a forked child does, `warm(services)` loads more for later ones."""

    def __init__(self, control: socket.socket, child: Child, warm: Callable[[list[str]], None]) -> None:
        self._control = control
        self._child = child
        self._warm = warm
        self._children: dict[int, int] = {}
        self._parent = os.getppid()
        self._woken, self._wake = os.pipe()
        for end in (self._woken, self._wake):
            os.set_blocking(end, False)

    def run(self) -> None:
        """Serve until the parent hangs up or is gone."""
        walls.adopt_orphans()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        self._tell({"ready": os.getpid(), "threads": threads()})
        while os.getppid() == self._parent:
            ready = dict(poll.poll(_PARENT_CHECK_MS))
            if self._woken in ready:
                offspring.drain(self._woken)
                for pid in offspring.ended():
                    self._bury(pid)
            if self._control.fileno() in ready and not self._obey():
                break
        for pid in list(self._children):
            offspring.kill_group(pid)
            self._bury(pid)

    def _obey(self) -> bool:
        try:
            text, ends, _, _ = socket.recv_fds(self._control, 1 << 20, 8)
        except OSError:
            return False
        if not text:
            return False
        order = json.loads(text)
        if "fork" in order:
            self._fork(order["fork"], order["settings"], list(ends))
        elif "warm" in order:
            self._warm(order["warm"])
        for pid, serial in list(self._children.items()):
            if serial == order.get("kill"):
                offspring.kill_group(pid)
            elif serial == order.get("interrupt"):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGINT)
        return True

    def _fork(self, serial: int, settings: dict[str, Any], ends: list[int]) -> None:
        try:
            pid = os.fork()
        except OSError as error:
            for end in ends:
                os.close(end)
            self._tell({"ended": serial, "status": None, "why": str(error)})
            return
        if pid == 0:
            try:
                self._be_child(settings, ends)
            finally:
                os._exit(0)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)  # the child does the same: whoever comes first
        for end in ends:
            os.close(end)
        self._children[pid] = serial
        self._tell({"born": serial, "pid": pid})

    def _be_child(self, settings: dict[str, Any], ends: list[int]) -> None:
        os.setpgid(0, 0)
        walls.die_with_parent()
        walls.adopt_orphans()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._control.detach()
        self._child(settings, ends)

    # -- the dead --------------------------------------------------------------------------------

    def _bury(self, pid: int) -> None:
        serial = self._children.pop(pid, None)
        if serial is not None:
            offspring.kill_group(
                pid
            )  # its group. As long as the child is not reaped, the number means nobody else
        status = 0
        with contextlib.suppress(ChildProcessError):
            status = os.waitpid(pid, 0)[1]
        self._end_orphans()
        if serial is not None:
            self._tell({"ended": serial, "status": os.waitstatus_to_exitcode(status)})

    def _end_orphans(self) -> None:
        end = time.monotonic() + _LAST_MOMENTS
        while (
            left := [pid for pid in offspring.children() if pid not in self._children]
        ) and time.monotonic() < end:
            for pid in left:
                offspring.kill(pid)
            for pid in left:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)

    def _tell(self, news: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # the parent does not listen any more
            self._control.send(json.dumps(news).encode())


def threads() -> int:
    """How many threads this process has; 1 where the system does not say."""
    try:
        return sum(1 for _ in Path("/proc/self/task").iterdir())
    except OSError:
        return 1


def main(control_fd: int, settings: dict[str, Any], base_path: list[str]) -> None:
    """Prepare everything and serve. `base_path` is where Python looks for modules without any of ours."""
    from labkit.engine import warm
    from labkit.engine.kernel import become, prepare, serve

    control = socket.socket(fileno=control_fd)
    control.set_inheritable(False)
    app = prepare(Path(settings["home"]))
    warm.load_base()

    def child(order: dict[str, Any], ends: list[int]) -> None:
        serve(app, become(app, order, ends, base_path))

    def load(services: list[str]) -> None:
        warm.load(services)
        gc.collect()
        gc.freeze()  # a collection in a child would copy every page that it looks at

    load([])
    Zygote(control, child, load).run()
