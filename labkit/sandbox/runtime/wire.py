"""What the account and a worker say to each other: frames over one socket.

A frame is its kind, a small JSON object and a body of bytes:

    kind (1 byte) | length of the JSON (4 bytes) | length of the body (4 bytes) | JSON | body
"""

from __future__ import annotations

import json
import struct
from enum import IntEnum
from typing import Any, Final, NamedTuple

HEADER: Final = struct.Struct(">BII")
LONGEST: Final = 1 << 30
"""No frame is longer than this many bytes. What claims to be is no frame, but noise on the line."""


class Kind(IntEnum):
    """What a frame is about. The comment names who sends it."""

    SETUP = 1  # account: all that the function was configured with
    READY = 2  # worker: the handler is found, or `error` says why not
    INVOKE = 3  # account: one event
    DONE = 4  # worker: what the handler returned or raised
    CALL = 5  # worker: one AWS call
    ANSWER = 6  # account: its answer
    SLEEP = 7  # worker: let time pass until `until`
    TIME = 8  # account: the time now
    FULL = 9  # worker: no memory left


class Noise(Exception):
    """What came over the line is no frame: the function wrote to a socket that is not its own."""


class Frame(NamedTuple):
    """One thing said."""

    kind: Kind
    head: dict[str, Any]
    body: bytes


_KINDS: Final = {int(kind): kind for kind in Kind}
_encode: Final = json.JSONEncoder(separators=(",", ":"), default=str).encode
_decode: Final = json.JSONDecoder().decode


def pack(kind: Kind, head: dict[str, Any] | None = None, body: bytes = b"") -> bytes:
    """A frame as bytes."""
    text = _encode(head).encode() if head else b""
    return HEADER.pack(kind, len(text), len(body)) + text + body


def unpack(kind: int, text: bytes, body: bytes) -> Frame:
    """A frame from its parts. Raises `Noise`."""
    try:
        return Frame(_KINDS[kind], _decode(text.decode()) if text else {}, body)
    except (KeyError, ValueError) as error:
        raise Noise(str(error)) from None


class Frames:
    """Puts bytes that arrive in pieces together again."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._needed = HEADER.size

    def feed(self, data: bytes) -> None:
        """Add what has arrived."""
        self._pieces.append(data)
        self._size += len(data)

    def take(self) -> Frame | None:
        """The next whole frame, or None. Raises `Noise`."""
        if self._size < self._needed:
            return None
        held = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        kind, head, body = HEADER.unpack_from(held)
        if kind not in _KINDS or head + body > LONGEST:
            raise Noise("this is no frame")
        middle = HEADER.size + head
        end = middle + body
        if self._size < end:
            self._pieces, self._needed = [held], end
            return None
        rest = held[end:]
        self._pieces, self._size, self._needed = [rest] if rest else [], len(rest), HEADER.size
        return unpack(kind, held[HEADER.size : middle], held[middle:end])
