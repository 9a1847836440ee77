"""This end of a worker's line: frames, its log, and the news that it ended, on one place to wait.

Nothing here blocks for longer than it was told to, whatever the worker does: it may be stopped, may not
read, may print without end, or may have handed its ends to a child that outlives it.
"""

from __future__ import annotations

import os
import select
import socket
from typing import Any, Final

from .processes import Process
from .wire import Frame, Frames

LOG_KEPT: Final = 1_048_576
"""How many bytes of output are kept for one call. The rest is counted and dropped."""
_PIECE: Final = 1 << 16
_READ, _WRITE = 1, 4  # POLLIN and POLLOUT


class Ended(Exception):
    """The worker is gone. `code` is its exit status, negative for a signal."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Channel:
    """The line, the log pipe and the process of one worker."""

    def __init__(self, line: socket.socket, log: int, process: Process) -> None:
        self.process = process
        self._line = line
        self._number = line.fileno()
        self._log = log
        self._frames = Frames()
        self._waiting = b""
        self._kept = bytearray()
        self._dropped = 0
        self._closed = False
        line.setblocking(False)
        self._poll = select.poll() if hasattr(select, "poll") else _Select()
        self._poll.register(line, _READ)
        if os.name != "nt":  # there the log is a file, and nothing tells that a process ended
            os.set_blocking(log, False)
            self._poll.register(log, _READ)
            if process.fileno() >= 0:
                self._poll.register(process.fileno(), _READ)

    def send(self, data: bytes) -> None:
        """Send a frame; what the worker does not take now goes out while we wait for it."""
        if self._waiting:
            self._waiting += data
            return
        sent = self._push(data)
        if sent < len(data):
            self._waiting = data[sent:]
            self._poll.register(self._line, _READ | _WRITE)

    def wait(self, seconds: float) -> Frame | None:
        """The next frame, or None when none came, at the latest after `seconds`. Raises `Ended`, `Noise`."""
        frame = self._frames.take()
        if frame is not None:
            return frame
        for number, event in self._poll.poll(seconds * 1000):
            if number == self._number:
                if event & _WRITE:
                    self._push_waiting()
                if event & ~_WRITE:
                    self._read()
            elif number == self._log and not self._drain():
                self._poll.unregister(self._log)  # nobody holds the other end any more
        frame = self._frames.take()
        if frame is None and (code := self.process.ended()) is not None:
            raise Ended(code)
        return frame

    def take_log(self) -> str:
        """What was written since the last time, as text."""
        self._drain()
        if not self._kept:
            return ""
        text = self._kept.decode("utf-8", "replace")
        if self._dropped:
            text += f"\n[labkit: {self._dropped:,} more bytes of output were dropped]\n"
        self._kept.clear()
        self._dropped = 0
        return text

    def close(self) -> None:
        """Close every end."""
        if not self._closed:
            self._closed = True
            self._line.close()
            os.close(self._log)
            self.process.close()

    def _drain(self) -> bool:
        """Take what the worker has written so far. Returns whether more may come."""
        while True:
            try:
                data = os.read(self._log, _PIECE)
            except BlockingIOError:
                return True
            if not data:
                return os.name == "nt"
            room = LOG_KEPT - len(self._kept)
            self._kept += data[:room]
            self._dropped += max(0, len(data) - room)

    def _push(self, data: bytes) -> int:
        try:
            return self._line.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)  # nobody is there any more; the next wait says how it ended

    def _push_waiting(self) -> None:
        self._waiting = self._waiting[self._push(self._waiting) :]
        if not self._waiting:
            self._poll.register(self._line, _READ)

    def _read(self) -> None:
        try:
            data = self._line.recv(_PIECE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if data:
            self._frames.feed(data)
            return
        # The worker closed its line, or is on its way out. Without a line there is nothing left to say.
        self._poll.unregister(self._line)
        if self.process.ended() is None:
            self.process.kill()


class _Select:
    """`select.poll` for Windows, as far as it is needed here."""

    def __init__(self) -> None:
        self._wanted: dict[int, int] = {}

    def register(self, end: Any, events: int) -> None:
        self._wanted[end.fileno()] = events

    def unregister(self, end: Any) -> None:
        self._wanted.pop(end.fileno(), None)

    def poll(self, milliseconds: float) -> list[tuple[int, int]]:
        writers = [number for number, events in self._wanted.items() if events & _WRITE]
        found = select.select(list(self._wanted), writers, [], milliseconds / 1000)
        return [(number, _READ) for number in found[0]] + [(number, _WRITE) for number in found[1]]
