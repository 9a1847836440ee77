"""A worker's end of the line to the account: one exchange at a time, whoever wants to speak.

Several threads may make AWS calls, and so may processes the function forks (as `multiprocessing` does).
They take turns. While no call of the function is in progress the line is held, so what a function left
running stands still, as it does in a frozen environment on AWS.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
from typing import Any, Final

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
        self._owed = 0
        self._careful = False
        self.owner = os.getpid()
        if hasattr(signal, "pthread_sigmask"):
            self._watch_for_handlers()
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
            if self._careful:
                return self._exchange_carefully(frame)
            self._socket.sendall(frame)
            return self._receive()
        except OSError:
            raise Gone from None

    def _exchange_carefully(self, frame: bytes) -> Frame:
        """The same for a function with signal handlers, which may raise at any moment.

        An answer that nobody waits for any more still comes, and must not be taken for the next one.
        Handlers run only while nothing is half done: when their signals are let in.
        """
        everything = signal.valid_signals()
        let_in = signal.pthread_sigmask(signal.SIG_BLOCK, everything)
        try:
            while self._owed:
                self._receive()
                self._owed -= 1
            self._socket.sendall(frame)
            self._owed = 1
            while (answer := self._frames.take()) is None:
                signal.pthread_sigmask(signal.SIG_SETMASK, let_in)
                select.select([self._socket], [], [])
                signal.pthread_sigmask(signal.SIG_BLOCK, everything)
                self._hear()
            self._owed = 0
            return answer
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, let_in)

    def _receive(self) -> Frame:
        while (answer := self._frames.take()) is None:
            self._hear()
        return answer

    def _hear(self) -> None:
        data = self._socket.recv(_PIECE)
        if not data:
            raise Gone
        self._frames.feed(data)

    def _watch_for_handlers(self) -> None:
        original = signal.signal

        def set_handler(number: int, handler: Any) -> Any:
            before = original(number, handler)
            self._careful = self._careful or callable(handler)
            return before

        set_handler.__doc__ = original.__doc__
        signal.signal = set_handler  # type: ignore[assignment]

    def _before_fork(self) -> None:
        self._lock.acquire()
        self._forked = self._turns >= 0

    def _in_child(self) -> None:
        self._lock = threading.RLock()
