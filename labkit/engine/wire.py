"""Frames over a socket pair: what Jupyter sends over five sockets of ZeroMQ goes over one here.

A packet is a list of byte strings: their number, their lengths, then themselves, so that no content needs
escaping. The child sends and waits; the parent never waits for a child.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import threading
from collections.abc import Iterable
from typing import Any, Final

_NUMBER: Final = struct.Struct(">I")
_LENGTH: Final = struct.Struct(">Q")
_CHUNK: Final = 1 << 18

Packet = list[bytes]


def packed(frames: Iterable[Any]) -> bytes:
    """One packet as it goes over the line. Frames are bytes, or anything with the buffer protocol."""
    parts = [bytes(frame) for frame in frames]
    head = _NUMBER.pack(len(parts)) + b"".join(_LENGTH.pack(len(part)) for part in parts)
    return head + b"".join(parts)


class Unpacker:
    """Collects what arrives until packets are whole."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[Packet]:
        """The packets that `data` completes."""
        self._held += data
        found: list[Packet] = []
        while (packet := self._next()) is not None:
            found.append(packet)
        return found

    @property
    def waiting(self) -> int:
        """Bytes of a packet that is not whole yet."""
        return len(self._held)

    def _next(self) -> Packet | None:
        held = self._held
        if len(held) < _NUMBER.size:
            return None
        (number,) = _NUMBER.unpack_from(held)
        start = _NUMBER.size + number * _LENGTH.size
        if len(held) < start:
            return None
        lengths = [
            _LENGTH.unpack_from(held, _NUMBER.size + place * _LENGTH.size)[0] for place in range(number)
        ]
        if len(held) < start + sum(lengths):
            return None
        packet: Packet = []
        for length in lengths:
            packet.append(bytes(held[start : start + length]))
            start += length
        del held[:start]
        return packet


class ChildLine:
    """The child's end. Sends at once, from any thread, and never half a packet."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        self._unpacker = Unpacker()
        self._lock = threading.Lock()
        self._main = threading.main_thread()

    def send(self, frames: Iterable[Any]) -> None:
        """Send one packet. When nobody listens any more, this process has nothing left to do and ends."""
        data = packed(frames)
        held: Any = None
        if threading.current_thread() is self._main:  # an interrupt in the middle would leave half a packet
            held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            with self._lock:
                self.socket.sendall(data)
        except OSError:
            os._exit(1)
        finally:
            if held is not None:
                signal.pthread_sigmask(signal.SIG_SETMASK, held)

    def receive(self) -> list[Packet] | None:
        """What has arrived; waits for at least one byte. None when the parent has hung up."""
        try:
            data = self.socket.recv(_CHUNK)
        except InterruptedError:
            return []
        except OSError:
            return None
        return self._unpacker.feed(data) if data else None


class ParentLine:
    """The parent's end. Nothing here waits: what does not fit in the line now is sent later."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self.socket = end
        self.received = 0
        """Bytes that have arrived so far."""
        self._unpacker = Unpacker()
        self._unsent = bytearray()

    @property
    def has_unsent(self) -> bool:
        """Whether something waits until the child reads."""
        return bool(self._unsent)

    def send(self, frames: Iterable[Any]) -> None:
        """Send one packet, now or when the child reads."""
        self._unsent += packed(frames)
        self.push()

    def push(self) -> None:
        """Send as much as the line takes."""
        while self._unsent:
            try:
                sent = self.socket.send(self._unsent)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:  # the child is gone: reading tells
                self._unsent.clear()
                return
            del self._unsent[:sent]

    def receive(self) -> list[Packet] | None:
        """What has arrived, perhaps nothing. None when the child is gone and everything was read."""
        try:
            data = self.socket.recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            return []
        except OSError:
            return None
        if not data:
            return None
        self.received += len(data)
        return self._unpacker.feed(data)

    def drain(self) -> list[Packet]:
        """All that has arrived, however long it is."""
        found: list[Packet] = []
        while True:
            before = self.received
            packets = self.receive()
            found += packets or []
            if packets is None or self.received == before:
                return found

    def close(self) -> None:
        """Hang up."""
        self.socket.close()
