"""Reading the body of an HTTP request: by its length or in chunks, never more than is allowed.

Source: RFC 9112 (HTTP/1.1), sections 6 and 7.
"""

from __future__ import annotations

import re
from email.message import Message
from io import BufferedIOBase
from typing import Final

MOST: Final = 256 * 1024 * 1024
"""Bytes of one body. Larger objects are uploaded in parts, as AWS recommends from 100 MB on."""
_LINE: Final = 8_192
_SIZE: Final = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(;.*)?\r?\n")


class BadBody(Exception):
    """A body that cannot be read. `status` is the HTTP status to answer with; the connection is closed after it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def read(stream: BufferedIOBase, headers: Message[str, str], method: str, version: str) -> bytes:
    """The whole body. Raises `BadBody`, also when the sender breaks off."""
    coding, length = headers.get("Transfer-Encoding"), headers.get("Content-Length")
    if coding is not None:
        if coding.strip().lower() != "chunked":
            raise BadBody(501, f"Transfer-Encoding {coding} is not understood; use chunked.")
        if length is not None:
            raise BadBody(400, "A request has either a Content-Length or a Transfer-Encoding.")
        return _chunks(stream)
    if length is None:
        if version == "HTTP/1.0" and method in ("POST", "PUT", "PATCH"):
            raise BadBody(411, "Content-Length is missing.")
        return b""
    if not re.fullmatch(r"[0-9]{1,18}", length.strip()):
        raise BadBody(400, f"Content-Length is no number: {length!r}.")
    return _exactly(stream, _allowed(int(length)))


def _chunks(stream: BufferedIOBase) -> bytes:
    parts: list[bytes] = []
    total = 0
    while True:
        found = _SIZE.fullmatch(stream.readline(_LINE))
        if found is None:
            raise BadBody(400, "A chunk has no size.")
        size = int(found[1], 16)
        if size == 0:
            break
        total = _allowed(total + size)
        parts.append(_exactly(stream, size))
        if stream.readline(3).strip():
            raise BadBody(400, "A chunk is longer than its size.")
    while stream.readline(_LINE).strip():
        pass  # trailers say nothing we need
    return b"".join(parts)


def _allowed(size: int) -> int:
    if size > MOST:
        raise BadBody(413, f"A request may hold {MOST:,} bytes here. Upload larger objects in parts.")
    return size


def _exactly(stream: BufferedIOBase, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise BadBody(400, f"The body ended after {len(data):,} of {size:,} bytes.")
    return data
