"""What the account and a worker say to each other: frames over one socket.

A frame is its kind, two numbers, a small JSON object and a body of bytes:

    kind (1 byte) | length of the JSON (4) | length of the body (4) | two numbers (8 each) | JSON | body

What every call needs is in the numbers and the body; most frames carry no JSON at all.
"""

from __future__ import annotations

import json
import struct
from enum import IntEnum
from typing import Any, Final, NamedTuple

HEADER: Final = struct.Struct(">BIIdd")
LONGEST: Final = 1 << 30
"""No frame is longer than this many bytes. What claims to be is no frame, but noise on the line."""


class Kind(IntEnum):
    """What a frame is about. The comments name who sends it, and its two numbers.

    Offsets are how far the account's clock is ahead of the machine's. All times are in seconds.
    """

    SETUP = 1  # account (offset, -): all that the function was configured with
    READY = 2  # worker (-, memory in bytes): the handler is found, or `error` says why not
    INVOKE = 3  # account (offset, deadline): one event
    DONE = 4  # worker (seconds, memory in bytes): what the handler returned or, `failed`, raised
    CALL = 5  # worker: one AWS call
    ANSWER = 6  # account (offset, -): its answer
    SLEEP = 7  # worker (until, -): let time pass
    TIME = 8  # account (offset, -): it has passed
    FULL = 9  # worker: no memory left


class Noise(Exception):
    """What came over the line is no frame: the function wrote to a socket that is not its own."""


class Frame(NamedTuple):
    """One thing said."""

    kind: Kind
    first: float
    second: float
    head: dict[str, Any]
    body: bytes


_KINDS: Final = {int(kind): kind for kind in Kind}
_encode: Final = json.JSONEncoder(separators=(",", ":"), default=str).encode
_decode: Final = json.JSONDecoder().decode


def pack(
    kind: Kind, head: dict[str, Any] | None = None, body: bytes = b"", first: float = 0.0, second: float = 0.0
) -> bytes:
    """A frame as bytes."""
    text = _encode(head).encode() if head else b""
    return HEADER.pack(kind, len(text), len(body), first, second) + text + body


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
        number, head, body, first, second = HEADER.unpack_from(held)
        kind = _KINDS.get(number)
        if kind is None or head + body > LONGEST:
            raise Noise("this is no frame")
        middle = HEADER.size + head
        end = middle + body
        if self._size < end:
            self._pieces, self._needed = [held], end
            return None
        rest = held[end:]
        self._pieces, self._size, self._needed = [rest] if rest else [], len(rest), HEADER.size
        return Frame(kind, first, second, _object(held[HEADER.size : middle]), held[middle:end])


def _object(text: bytes) -> dict[str, Any]:
    if not text:
        return {}
    try:
        found = _decode(text.decode())
    except ValueError as error:
        raise Noise(str(error)) from None
    if not isinstance(found, dict):
        raise Noise("this is no object")
    return found
