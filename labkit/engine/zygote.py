"""The prepared process. It has one thread, runs no code of notebooks, and:

- forks a child for each notebook, when a parent hands it the ends of the child's line;
- ends a child, and everything a child started, when told to;
- reaps what has ended and tells the child's parent how;
- ends the children of a parent that hangs up.

It has one parent, which started it, and ends with it. When it is resident (`labkit.engine.resident`) it has any number
of parents, one for each command that runs notebooks, and ends when nobody has needed it for a while.

Every child adopts what its own children leave behind, so what arrives here without a name when a child has
ended belonged to that one, and is ended too.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import os
import select
import shutil
import signal
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from labkit.engine.resident import Door
from labkit.sandbox.runtime.worker import kernel as walls
from labkit.sandbox.runtime.worker import offspring

_PARENT_CHECK_MS: Final = 2_000
_LAST_MOMENTS: Final = 3.0
"""How long to wait for killed processes to be gone, in seconds."""
_UNHEARD: Final = 10_000
"""Pieces of news that a parent may leave unread. Then it is taken for gone."""

Child = Callable[[dict[str, Any], list[int]], None]


@dataclass(slots=True, eq=False)
class _Parent:
    """A process that has notebooks played. What it does not read now waits here: nobody else waits for it."""

    control: socket.socket
    news: deque[bytes] = field(default_factory=deque)


class Zygote:
    """The loop. `child(settings, ends)` is what a forked child does, `warm(services)` loads more for later ones.

    With a `door` it is resident.
    """

    def __init__(
        self,
        control: socket.socket,
        child: Child,
        warm: Callable[[list[str]], None],
        door: Door | None = None,
    ) -> None:
        self._child = child
        self._warm = warm
        self._door = door
        self._poll = select.poll()
        self._parents: dict[int, _Parent] = {}
        self._children: dict[int, tuple[_Parent, int]] = {}
        self._starter = os.getppid()
        self._woken, self._wake = os.pipe()
        for end in (self._woken, self._wake):
            os.set_blocking(end, False)
        self._first = self._welcome(control)

    def run(self) -> None:
        """Serve until nobody needs it any more."""
        walls.adopt_orphans()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        self._poll.register(self._woken, select.POLLIN)
        if self._door is not None:
            self._poll.register(self._door.listener, select.POLLIN)
        self._tell(self._first, {"ready": os.getpid(), "threads": threads()})
        while self._is_needed():
            ready = dict(self._poll.poll(_PARENT_CHECK_MS))
            if self._woken in ready:
                offspring.drain(self._woken)
                for pid in offspring.ended():
                    self._bury(pid)
            for end, events in ready.items():
                if parent := self._parents.get(end):
                    self._attend(parent, events)
            if self._door is not None and self._door.listener.fileno() in ready:
                self._open()
        for parent in list(self._parents.values()):
            self._part(parent)
        if self._door is not None:
            self._door.close()

    def _is_needed(self) -> bool:
        if self._door is None:
            return bool(self._parents) and os.getppid() == self._starter
        return bool(self._parents) or self._door.is_open()

    # -- parents ---------------------------------------------------------------------------------

    def _welcome(self, control: socket.socket) -> _Parent:
        control.setblocking(False)
        control.set_inheritable(False)
        parent = self._parents[control.fileno()] = _Parent(control)
        self._poll.register(control, select.POLLIN)
        return parent

    def _open(self) -> None:
        """Somebody is at the door of a resident process."""
        assert self._door is not None
        listener = self._door.listener
        control = self._door.answer()
        if control is not None:
            self._welcome(control)
        elif not self._door.is_open():
            with contextlib.suppress(KeyError, ValueError):
                self._poll.unregister(listener)
            self._door.close()

    def _attend(self, parent: _Parent, events: int) -> None:
        if events & select.POLLOUT:
            self._send(parent)
        if events & ~select.POLLOUT and not self._obey(parent):
            self._part(parent)

    def _part(self, parent: _Parent) -> None:
        """A parent has hung up: its notebooks end."""
        end = parent.control.fileno()
        if self._parents.pop(end, None) is None:
            return
        self._poll.unregister(end)
        for pid, (owner, _) in list(self._children.items()):
            if owner is parent:
                offspring.kill_group(pid)
                self._bury(pid)
        parent.control.close()
        if self._door is not None:
            self._door.touch()

    def _obey(self, parent: _Parent) -> bool:
        try:
            text, ends, _, _ = socket.recv_fds(parent.control, 1 << 20, 8)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not text:
            return False
        order = json.loads(text)
        if "fork" in order:
            self._fork(parent, order["fork"], order["settings"], list(ends))
        elif "warm" in order:
            self._warm(order["warm"])
        for pid, child in list(self._children.items()):
            if child == (parent, order.get("kill")):
                offspring.kill_group(pid)
            elif child == (parent, order.get("interrupt")):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGINT)
        return True

    def _fork(self, parent: _Parent, serial: int, settings: dict[str, Any], ends: list[int]) -> None:
        try:
            pid = os.fork()
        except OSError as error:
            for end in ends:
                os.close(end)
            self._tell(parent, {"ended": serial, "status": None, "why": str(error)})
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
        self._children[pid] = (parent, serial)
        self._tell(parent, {"born": serial, "pid": pid})

    def _be_child(self, settings: dict[str, Any], ends: list[int]) -> None:
        os.setpgid(0, 0)
        walls.die_with_parent()
        walls.adopt_orphans()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for parent in self._parents.values():
            parent.control.detach()
        self._child(settings, ends)

    # -- the dead --------------------------------------------------------------------------------

    def _bury(self, pid: int) -> None:
        parent, serial = self._children.pop(pid, (None, None))
        if parent is not None:
            # Its group. As long as the child is not reaped, the number means nobody else.
            offspring.kill_group(pid)
        status = _reaped(pid)
        self._end_orphans()
        if parent is not None:
            self._tell(parent, {"ended": serial, "status": os.waitstatus_to_exitcode(status)})

    def _end_orphans(self) -> None:
        end = time.monotonic() + _LAST_MOMENTS
        while (
            left := [pid for pid in offspring.children() if pid not in self._children]
        ) and time.monotonic() < end:
            for pid in left:
                offspring.kill(pid)
            for pid in left:
                _reaped(pid)

    def _tell(self, parent: _Parent, news: dict[str, Any]) -> None:
        parent.news.append(json.dumps(news).encode())
        self._send(parent)

    def _send(self, parent: _Parent) -> None:
        """Send what the parent's end takes now. A parent that is stopped must not stop the others."""
        end = parent.control.fileno()
        if end not in self._parents:
            return  # it has hung up
        while parent.news:
            try:
                parent.control.send(parent.news[0])
            except OSError as error:
                if isinstance(error, BlockingIOError) or error.errno == errno.ENOBUFS:
                    break
                parent.news.clear()  # it does not listen any more: reading tells
                break
            parent.news.popleft()
        if len(parent.news) > _UNHEARD:
            parent.control.shutdown(socket.SHUT_RDWR)
        self._poll.modify(end, select.POLLIN | (select.POLLOUT if parent.news else 0))


def _reaped(pid: int) -> int:
    """How a child ended that has, or that was killed. One that even a kill does not end is left to itself."""
    end = time.monotonic() + _LAST_MOMENTS
    while time.monotonic() < end:
        try:
            ended, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return 0
        if ended:
            return status
        time.sleep(0.001)
    return 0


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
    app = prepare(Path(settings["home"]))
    warm.load_base()
    loaded: set[str] = set()

    def child(order: dict[str, Any], ends: list[int]) -> None:
        serve(app, become(app, order, ends, base_path))

    def load(wanted: list[str]) -> None:
        new = [name for name in wanted if name not in loaded]
        if wanted and not new:
            return
        loaded.update(new)
        warm.load(new)
        gc.collect()
        gc.freeze()  # a collection in a child would copy every page that it looks at

    load([])
    door = Door(**settings["door"]) if "door" in settings else None
    try:
        Zygote(control, child, load, door).run()
    finally:
        if door is not None:
            shutil.rmtree(Path(settings["home"]).parent, ignore_errors=True)
