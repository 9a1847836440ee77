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


def pack(kind: Kind, head: dict[str, Any] | None = None, body: bytes = b"") -> bytes:
    """A frame as bytes."""
    text = json.dumps(head, separators=(",", ":"), default=str).encode() if head else b""
    return HEADER.pack(kind, len(text), len(body)) + text + body


def unpack(kind: int, text: bytes, body: bytes) -> Frame:
    """A frame from its parts. Raises `Noise`."""
    try:
        return Frame(Kind(kind), json.loads(text) if text else {}, body)
    except ValueError as error:
        raise Noise(str(error)) from None


class Frames:
    """Puts bytes that arrive in pieces together again."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> None:
        """Add what has arrived."""
        self._held += data

    def take(self) -> Frame | None:
        """The next whole frame, or None. Raises `Noise`."""
        held = self._held
        if len(held) < HEADER.size:
            return None
        kind, head, body = HEADER.unpack_from(held)
        if kind > max(Kind) or head + body > LONGEST:
            raise Noise("this is no frame")
        middle = HEADER.size + head
        end = middle + body
        if len(held) < end:
            return None
        frame = unpack(kind, bytes(held[HEADER.size : middle]), bytes(held[middle:end]))
        del held[:end]
        return frame
