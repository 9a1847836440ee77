"""A request as it came in, and the reply that goes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qs


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, its body read. `target` is the raw path with the query; `headers` ignore case."""

    method: str
    target: str
    headers: Message[str, str]
    body: bytes = b""

    @property
    def host(self) -> str:
        """The Host header, empty when there is none."""
        return self.headers.get("Host") or ""

    @property
    def path(self) -> str:
        """The path as it was sent, percent-encoded."""
        return self.target.partition("?")[0] or "/"

    @property
    def query(self) -> dict[str, list[str]]:
        """The query string, decoded."""
        return parse_qs(self.target.partition("?")[2], keep_blank_values=True)

    @property
    def form(self) -> dict[str, list[str]]:
        """The fields of the query protocol: from the body of a form, else from the query string."""
        if self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            return parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True)
        return self.query


@dataclass(slots=True)
class Reply:
    """What goes back. `headers` without the length, which whoever sends it adds."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def of(cls, found: Any) -> Reply:
        """From moto's triple of status, headers and body."""
        status, headers, body = found
        data = body.encode() if isinstance(body, str) else bytes(body) if body else b""
        return cls(int(status), {str(name): str(value) for name, value in dict(headers).items()}, data)
