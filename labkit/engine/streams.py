"""Standard output and error inside a child.

What Python prints and what programs, C libraries and forked processes write to file descriptors 1 and 2 goes
to one file in memory, so its order is the order in which it was written, and the parent can read it even
when the child was killed. ipykernel sends what was printed when somebody flushes and 0.2 seconds after the first
print; each such piece becomes an output of its own. The same rule holds here, with one difference: no
thread keeps the time, so a piece that is due goes out with the next print, flush or display.
"""

from __future__ import annotations

import codecs
import heapq
import io
import os
import threading
import time
from typing import Any, Final

from ipykernel import iostream

_READ: Final = 1 << 20


class Timers:
    """Which stream is due when. Shared by the streams of a process, so that pieces go out in their order."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._due: list[tuple[float, int, OutStream]] = []
        self._count = 0

    def add(self, stream: OutStream, seconds: float) -> None:
        """Flush `stream` after this time."""
        self._count += 1
        heapq.heappush(self._due, (time.monotonic() + seconds, self._count, stream))

    def fire(self) -> None:
        """Flush what is due."""
        while self._due and self._due[0][0] <= time.monotonic():
            heapq.heappop(self._due)[2].send()


class OutStream(iostream.OutStream):  # type: ignore[misc]
    """A stream of the notebook. `fd` is the file in memory, `past` where writing past the notebook goes."""

    def __init__(self, session: Any, line: Any, name: str, fd: int, past: int, timers: Timers) -> None:
        # ipykernel's own constructor starts threads and needs its sockets: it is left out on purpose.
        self.session = session
        self.pub_thread = line
        self.name = name
        self.topic = b"stream." + name.encode()
        self.echo = None
        self._fd = fd
        self._original_stdstream_copy = past
        self._parent_header = iostream.contextvars.ContextVar("parent_header")
        self._parent_header.set({})
        self._parent_header_global: dict[str, Any] = {}
        self._master_pid = os.getpid()
        self._flush_pending = False
        self._isatty = False
        self._should_watch = False
        self._exc = None
        self._local = threading.local()
        self._timers = timers
        self._sent = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._strangers: dict[Any, io.StringIO] = {}

    def set_parent(self, parent: Any) -> None:
        """What is printed from now on belongs to this request."""
        self.flush()
        super().set_parent(parent)

    def write(self, string: str) -> int | None:
        """Write to the notebook."""
        if not isinstance(string, str):
            raise TypeError(f"write() argument must be str, not {type(string)}")
        if self.pub_thread is None:
            raise ValueError("I/O operation on closed file")
        if not self._is_master_process():
            self._put(string)
            return len(string)
        parent = self.parent_header
        with self._timers.lock:
            self._timers.fire()
            if parent is self._parent_header_global:
                self._put(string)
            else:  # a task that an earlier cell left behind: its prints belong to that cell
                key = frozenset(parent.items())
                self._strangers.setdefault(key, io.StringIO()).write(string)
            if not self._flush_pending:
                self._flush_pending = True
                self._timers.add(self, self.flush_interval)
        return len(string)

    def _put(self, string: str) -> None:
        try:
            data = string.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            data = string.encode("utf-8", "replace")
        while data:
            data = data[os.write(self._fd, data) :]

    def flush(self) -> None:
        """Send what was written so far."""
        if self.pub_thread is None or not self._is_master_process():
            return
        with self._timers.lock:
            self._timers.fire()
            self.send()

    def _flush(self) -> None:
        self.flush()

    def send(self) -> None:
        """Send what was written so far; `Timers` calls this when it is due."""
        self._flush_pending = False
        text = self._read()
        if text:
            self._publish(text, self._parent_header_global)
        strangers, self._strangers = self._strangers, {}
        for key, buffer in strangers.items():
            self._publish(buffer.getvalue(), dict(key))

    def _read(self) -> str:
        pieces = []
        while data := os.pread(self._fd, _READ, self._sent):
            self._sent += len(data)
            pieces.append(self._decoder.decode(data))
        return "".join(pieces)

    def _publish(self, text: str, parent: dict[str, Any]) -> None:
        content = {"name": self.name, "text": text}
        # Where in the file this piece ends: what stands behind it is read by the parent when this process dies.
        self.session.send(
            self.pub_thread, "stream", content, parent, ident=self.topic, metadata={"upto": self._sent}
        )

    def close(self) -> None:
        """Print nothing any more."""
        self.flush()
        self.pub_thread = None


# Programs that look at what standard output is find the name they know.
OutStream.__module__ = iostream.OutStream.__module__
