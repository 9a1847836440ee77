"""The parent's side: starts the prepared process, plays notebooks side by side, and keeps their limits.

One loop, no threads. Whatever a notebook does, it ends here as a finished `Play` that holds what it showed.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from labkit.engine import warm
from labkit.engine.launch import EngineBroken, can_fork, launch
from labkit.engine.play import Play, text_of
from labkit.engine.tree import pids_below, together
from labkit.engine.wire import ParentLine

__all__ = ["EngineBroken", "Host", "can_fork"]

_GOODBYE: Final = 5.0
"""How long a kernel may take to end after its last cell, in seconds: as long as Jupyter gives one."""
_GRACE: Final = 1.0
"""How long a cell that ran too long may take to answer an interrupt, in seconds. Then it is killed."""
_LOOK: Final = 0.2
"""How often sizes, processes and deadlines are looked at, in seconds."""
_SILENCE: Final = 60.0
"""How long the prepared process may owe an answer, in seconds: as long as it may take to start. Then it is given up."""


@dataclass(slots=True)
class _Running:
    """A notebook in its process."""

    play: Play
    line: ParentLine
    files: dict[str, int]
    serial: int
    pid: int | None = None
    closing: float | None = None
    killed: bool = False
    owed: float = field(default_factory=lambda: time.monotonic() + _SILENCE)
    """Until when the prepared process must have told that it began or, when it was killed, that it ended."""
    last_chance: float | None = None
    """Until when a cell that was interrupted may end by itself, and show where it was."""
    looked: float = field(default_factory=time.monotonic)


class Host:
    """Plays notebooks. One prepared process serves it from its first notebook until `close`.

    With `resident`, that is the one that stays (`labkit.engine.resident`), where there is one.
    """

    def __init__(self, resident: bool = False) -> None:
        self._resident = resident
        self._warm: set[str] = set()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._home: Path | None = None
        self._owner = os.getpid()
        self._serial = 0
        self._running: dict[int, _Running] = {}
        self._selector: selectors.BaseSelector | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The prepared process, while there is one of our own."""
        return self._process.pid if self._process else None

    # -- playing -----------------------------------------------------------------------------------

    def play(self, plays: Iterable[Play], workers: int = 1) -> Generator[Play, None, None]:
        """Play notebooks, `workers` at a time; each is handed back when its process has ended.

        The iterable is asked for a play only when a worker is free. When the caller stops early or is
        interrupted, the plays that run are ended and hold what they had shown.
        """
        waiting = iter(plays)
        more = True
        try:
            while more or self._running:
                while more and len(self._running) < max(1, workers):
                    one = next(waiting, None)
                    if one is None:
                        more = False
                        break
                    self._begin(one)
                if self._running:
                    yield from self._turn()
        finally:
            for left in list(self._running.values()):
                left.play.halt("interrupted", "It was interrupted.")
                self._kill(left)
            end = time.monotonic() + _GOODBYE
            while self._running and time.monotonic() < end:
                for _ in self._turn():
                    pass
            if self._running:  # it does not answer: none of them may be left for the next call
                for _ in self._lost():
                    pass

    def _begin(self, play: Play) -> None:
        control = self._ready()
        code = (text_of(cell["source"]) for cell in play.document["cells"] if cell["cell_type"] == "code")
        self.warm(warm.needs(" ".join(code)))
        ours, theirs = socket.socketpair()
        files = {name: _file_in_memory(name) for name in ("stdout", "stderr")}
        self._serial += 1
        settings = {
            "cwd": play.cwd,
            "environ": play.environ,
            "memory": play.limits.memory,
            "parent": os.getpid(),
        }
        order = json.dumps({"fork": self._serial, "settings": settings}).encode()
        with theirs, contextlib.suppress(OSError):  # it has ended, or is owed too long: both are seen later
            socket.send_fds(control, [order], [theirs.fileno(), files["stdout"], files["stderr"]])
        running = self._running[self._serial] = _Running(play, ParentLine(ours), files, self._serial)
        play.begin(running.line.send)
        assert self._selector is not None
        self._selector.register(ours, selectors.EVENT_READ, running)

    def _turn(self) -> Iterator[Play]:
        """Wait for something to happen and work it in."""
        selector = self._selector
        assert selector is not None
        for key, _ in selector.select(_LOOK):
            if isinstance(key.data, _Running):
                if key.data.line.socket.fileno() != -1:  # its end may have been told a moment ago
                    self._listen(key.data)
            else:
                yield from self._news()
            if self._gone(selector):  # the prepared process is gone, and all of this with it
                return
        for running in list(self._running.values()):
            self._watch(running)
            if (running.pid is None or running.killed) and time.monotonic() > running.owed:
                yield from self._lost()
                return

    def _gone(self, selector: selectors.BaseSelector) -> bool:
        return self._selector is not selector

    def _listen(self, running: _Running) -> None:
        assert self._selector is not None
        packets = running.line.receive()
        if packets is None:
            self._selector.unregister(running.line.socket)  # the control line tells how it ended
            running.line.close()
            return
        for packet in packets:
            running.play.take(packet)
        if running.play.finished and running.closing is None:
            running.closing = time.monotonic() + _GOODBYE
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if running.line.has_unsent else 0)
        running.line.push()
        if self._selector.get_key(running.line.socket).events != wanted:
            self._selector.modify(running.line.socket, wanted, running)

    def _watch(self, running: _Running) -> None:
        """Keep the limits."""
        now = time.monotonic()
        if running.killed:
            return
        if running.closing is not None and now > running.closing:
            self._kill(running)
            return
        play = running.play
        due = play.deadline()
        if running.last_chance is not None:
            if now > running.last_chance or play.running_cell is None:
                self._kill(running)
        elif due is not None and now > due[0]:
            play.halt("timeout", due[1])
            running.last_chance = now + _GRACE
            self._order({"interrupt": running.serial})
        elif now - running.looked > _LOOK:
            running.looked = now
            if told := self._too_much(running):
                play.halt("limit", told)
                self._kill(running)

    def _too_much(self, running: _Running) -> str:
        limits = running.play.limits
        if limits.output is not None:
            size = running.line.received + sum(os.fstat(fd).st_size for fd in running.files.values())
            if size > limits.output:
                return f"It showed more than {limits.output / (1 << 20):g} MB."
        if running.pid is None or (limits.processes is None and limits.memory is None):
            return ""
        pids = [running.pid, *pids_below(running.pid)]
        if limits.processes is not None and len(pids) > limits.processes:
            return f"It had {len(pids)} processes at once; {limits.processes} are allowed."
        if limits.memory is not None and len(pids) > 1 and together(pids) > 2 * limits.memory:
            return f"Its {len(pids)} processes used more than {2 * limits.memory / (1 << 20):g} MB together."
        return ""

    def _kill(self, running: _Running) -> None:
        if not running.killed:
            running.owed = time.monotonic() + _SILENCE
        running.killed = True
        self._order({"kill": running.serial})

    def _order(self, order: dict[str, int]) -> None:
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.send(json.dumps(order).encode())

    # -- what the prepared process tells -------------------------------------------------------------

    def _news(self) -> Iterator[Play]:
        assert self._control is not None
        try:
            text = self._control.recv(1 << 16)
        except OSError:
            text = b""
        if not text:
            yield from self._lost()
            return
        news = json.loads(text)
        if "born" in news and news["born"] in self._running:
            self._running[news["born"]].pid = news["pid"]
        elif "ended" in news and news["ended"] in self._running:
            yield self._end(self._running[news["ended"]], news["status"])

    def _end(self, running: _Running, status: int | None) -> Play:
        """The notebook's process and all that it had started are gone."""
        assert self._selector is not None
        if running.line.socket.fileno() != -1:
            for packet in running.line.drain():
                running.play.take(packet)
            self._selector.unregister(running.line.socket)
            running.line.close()
        del self._running[running.serial]
        left = {} if running.play.finished else {name: _content(fd) for name, fd in running.files.items()}
        for fd in running.files.values():
            os.close(fd)
        running.play.bury(status, left)
        return running.play

    def _lost(self) -> Iterator[Play]:
        """The prepared process is gone or does not answer, and every notebook with it. The next one gets a new one."""
        if self._process is not None and self._owner == os.getpid():
            self._process.kill()  # it may only have been stopped
        for running in list(self._running.values()):
            if running.pid is not None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(running.pid, signal.SIGKILL)
            running.play.halt("lost", "The prepared process, from which it was forked, ended.")
            yield self._end(running, None)
        self._resident = False  # what happened to it once is not tried again
        self.close()

    # -- the prepared process --------------------------------------------------------------------------

    def start(self) -> None:
        """Start the prepared process now. `play` does it when it needs one. Raises `EngineBroken`."""
        self._ready()

    def _ready(self) -> socket.socket:
        if self._control is not None and self._owner == os.getpid():
            return self._control
        self._owner = os.getpid()
        self._running = {}
        self._warm = set()
        self._control = self._joined() if self._resident else None
        if self._control is None:
            made = launch({})
            self._process, self._control, self._home = made.process, made.control, made.home
        self._control.settimeout(_GOODBYE)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._control, selectors.EVENT_READ, None)
        return self._control

    def _joined(self) -> socket.socket | None:
        from labkit.engine import resident

        return resident.join()

    def warm(self, wanted: Iterable[str]) -> None:
        """Have the prepared process load what these words stand for (see `warm.needs`), if it has not."""
        new = [name for name in wanted if name not in self._warm]
        if new:
            self._warm.update(new)
            with contextlib.suppress(OSError):  # it has ended: the notebook that comes next shows it
                self._ready().send(json.dumps({"warm": new}).encode())

    def close(self) -> None:
        """End the prepared process and everything that it started."""
        mine = self._owner == os.getpid()
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._selector is not None:
            self._selector.close()
            self._selector = None
        if self._process is not None and mine:
            try:
                self._process.wait(_GOODBYE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._home is not None and mine:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None


def _file_in_memory(name: str) -> int:
    """An open file without a name; whoever writes to it appends."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create(name)
    else:
        fd, path = tempfile.mkstemp()
        Path(path).unlink()
    import fcntl

    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_APPEND)
    return fd


def _content(fd: int, most: int = 64 << 20) -> bytes:
    size = os.fstat(fd).st_size
    data = b""
    while len(data) < min(size, most):
        piece = os.pread(fd, 1 << 20, len(data))
        if not piece:
            break
        data += piece
    return data
