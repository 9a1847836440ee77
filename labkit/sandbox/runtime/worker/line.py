"""A worker's end of the line to the account: one exchange at a time, whoever wants to speak.

Several threads may make AWS calls, and so may processes the function forks (as `multiprocessing` does).
They take turns. While no call of the function is in progress the line is held, so what a function left
running stands still, as it does in a frozen environment on AWS.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from ..wire import HEADER, Frame, Kind, pack, unpack

_OUT_OF_MEMORY: Final = pack(Kind.FULL)


class Gone(Exception):
    """The account hung up: the environment is over."""


class Line:
    """The socket, and the rule of who may use it."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._reader = connection.makefile("rb", 65536)
        self._turns = -1
        self.turns_file = ""
        """A file that forked processes lock to take turns."""
        self._lock = threading.RLock()
        self.owner = os.getpid()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._before_fork,
                after_in_parent=self._lock.release,
                after_in_child=self._in_child,
            )

    def exchange(self, kind: Kind, head: dict[str, Any] | None = None, body: bytes = b"") -> Frame:
        """Say something and wait for what is said back. Raises `Gone`."""
        with self._turn():
            self._send(pack(kind, head, body))
            return self._receive()

    def receive(self) -> Frame:
        """Wait for the next frame. Raises `Gone`."""
        with self._turn():
            return self._receive()

    def out_of_memory(self) -> None:
        """Say so without needing any, and wait for the end."""
        self._socket.sendall(_OUT_OF_MEMORY)
        self._socket.recv(1)

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError:
            raise Gone from None

    def _receive(self) -> Frame:
        kind, head, body = HEADER.unpack(self._exactly(HEADER.size))
        return unpack(kind, self._exactly(head), self._exactly(body))

    def _exactly(self, size: int) -> bytes:
        if not size:
            return b""
        try:
            data = self._reader.read(size)
        except (OSError, ValueError):
            raise Gone from None
        if len(data) < size:
            raise Gone
        return data

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with self._lock:
            if self._turns < 0:  # nobody was forked: threads are all there is
                yield
                return
            import fcntl

            fcntl.lockf(self._turns, fcntl.LOCK_EX)
            try:
                yield
            finally:
                if self._turns >= 0:
                    fcntl.lockf(self._turns, fcntl.LOCK_UN)

    def _before_fork(self) -> None:
        self._lock.acquire()
        if self._turns < 0 and self.turns_file:
            self._turns = os.open(self.turns_file, os.O_RDWR)

    def _in_child(self) -> None:
        self._lock = threading.RLock()
