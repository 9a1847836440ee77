"""A worker's end of the line to the account: one exchange at a time, whoever wants to speak.

Several threads may make AWS calls, and so may processes the function forks (as `multiprocessing` does).
They take turns. While no call of the function is in progress the line is held, so what a function left
running stands still, as it does in a frozen environment on AWS.
"""

from __future__ import annotations

import os
import socket
import threading
from typing import Final

try:
    import fcntl
except ImportError:  # Windows cannot fork either
    pass

from ..wire import Frame, Frames, Kind, pack

_OUT_OF_MEMORY: Final = pack(Kind.FULL)
_PIECE: Final = 1 << 16


class Gone(Exception):
    """The account hung up: the environment is over."""


class Line:
    """The socket, and the rule of who may use it."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._frames = Frames()
        self._lock = threading.RLock()
        self._turns = -1
        self._forked = False
        self.owner = os.getpid()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._before_fork,
                after_in_parent=lambda: self._lock.release(),
                after_in_child=self._in_child,
            )

    def take_turns(self, path: str) -> None:
        """Processes that are forked later lock this file to take turns."""
        self._turns = os.open(path, os.O_RDWR)

    def exchange(self, frame: bytes) -> Frame:
        """Say something and wait for what is said back. Raises `Gone`."""
        with self._lock:
            if not self._forked:  # threads are all there is
                return self._exchange(frame)
            fcntl.lockf(self._turns, fcntl.LOCK_EX)
            try:
                return self._exchange(frame)
            finally:
                fcntl.lockf(self._turns, fcntl.LOCK_UN)

    def out_of_memory(self) -> None:
        """Say so without needing any, and wait for the end."""
        self._socket.sendall(_OUT_OF_MEMORY)
        self._socket.recv(1)

    def _exchange(self, frame: bytes) -> Frame:
        try:
            self._socket.sendall(frame)
            while (answer := self._frames.take()) is None:
                data = self._socket.recv(_PIECE)
                if not data:
                    raise Gone
                self._frames.feed(data)
        except OSError:
            raise Gone from None
        return answer

    def _before_fork(self) -> None:
        self._lock.acquire()
        self._forked = self._turns >= 0

    def _in_child(self) -> None:
        self._lock = threading.RLock()
