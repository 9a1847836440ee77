"""This end of a worker's line: frames, its log, and the news that it ended, on one place to wait.

Nothing here blocks for longer than it was told to, whatever the worker does: it may be stopped, may not
read, may print without end, or may have handed its ends to a child that outlives it.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
from typing import Final

from .processes import Process
from .wire import Frame, Frames

LOG_KEPT: Final = 1_048_576
"""How many bytes of output are kept for one call. The rest is counted and dropped."""
_PIECE: Final = 1 << 18


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
        self._log = log
        self._frames = Frames()
        self._waiting = b""
        self._kept = bytearray()
        self._dropped = 0
        self._closed = False
        line.setblocking(False)
        with contextlib.suppress(OSError):  # Windows: a file, which never blocks
            os.set_blocking(log, False)
        self._selector = selectors.PollSelector() if hasattr(selectors, "PollSelector") else selectors.SelectSelector()
        self._selector.register(line, selectors.EVENT_READ)
        if os.name != "nt":
            self._selector.register(log, selectors.EVENT_READ)
            if process.fileno() >= 0:
                self._selector.register(process.fileno(), selectors.EVENT_READ)

    def send(self, data: bytes) -> None:
        """Send a frame; what the worker does not take now goes out while we wait for it."""
        if self._waiting:
            self._waiting += data
            return
        sent = self._push(data)
        if sent < len(data):
            self._waiting = data[sent:]
            self._selector.modify(self._line, selectors.EVENT_READ | selectors.EVENT_WRITE)

    def wait(self, seconds: float) -> Frame | None:
        """The next frame, or None when `seconds` have passed. Raises `Ended` and `Noise`."""
        frame = self._frames.take()
        if frame is not None:
            return frame
        for key, events in self._selector.select(seconds):
            if key.fd == self._log:
                self.drain()
            elif key.fileobj is self._line:
                if events & selectors.EVENT_WRITE:
                    self._push_waiting()
                if events & selectors.EVENT_READ:
                    self._read()
        frame = self._frames.take()
        if frame is None and (code := self.process.ended()) is not None:
            raise Ended(code)
        return frame

    def drain(self) -> None:
        """Take what the worker has written so far."""
        while True:
            try:
                data = os.read(self._log, _PIECE)
            except BlockingIOError:
                return
            if not data:
                return
            room = LOG_KEPT - len(self._kept)
            self._kept += data[:room]
            self._dropped += max(0, len(data) - room)
            if len(data) < _PIECE:
                return

    def take_log(self) -> str:
        """What was written since the last time, as text."""
        self.drain()
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
            self._selector.close()
            self._line.close()
            os.close(self._log)
            self.process.close()

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
            self._selector.modify(self._line, selectors.EVENT_READ)

    def _read(self) -> None:
        try:
            data = self._line.recv(_PIECE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if data:
            self._frames.feed(data)
        else:
            # The worker closed its line, or is on its way out. Without a line there is nothing left to say.
            self._selector.unregister(self._line)
            self._hung_up()

    def _hung_up(self) -> None:
        if self.process.ended() is None:
            self.process.kill()
