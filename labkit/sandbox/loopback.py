"""HTTP with the learner's own programs on this machine, and with nobody else.

Web servers that learners start often run in a thread of this same process and call the account while they
answer. So the account's lock is free during an exchange: use `threads.unlocked` for every wait of this kind.

Nothing is looked up in DNS: `localhost` and names that end in `.localhost` are this machine, other names are not.
There are no redirects, no proxies and no cookies.
"""

from __future__ import annotations

import base64
import http.client
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from labkit.sandbox import Sandbox
from labkit.sandbox.threads import unlocked

LONGEST: Final = 2.0
"""Real seconds for which any exchange may hold up the lab, whatever time the caller allows. The figure is ours."""
LARGEST: Final = 6 * 1024 * 1024
"""Bytes of a response that are read; the rest is cut off. The figure is ours."""


class Response(NamedTuple):
    """What a web server answered. `headers` keep their order and spelling."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """The first header of this name, or nothing."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


class Elsewhere(Exception):
    """The URL does not lead to this machine, or is none. Nothing was sent."""


class NoAnswer(Exception):
    """There was no HTTP answer. `code` is `ConnectionRefused`, `Timeout`, `CertificateError` or `InvalidResponse`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def addresses(url: str) -> tuple[str, ...]:
    """The addresses of this machine that a URL leads to. Raises `Elsewhere`."""
    return _addresses(_split(url))


def exchange(
    sandbox: Sandbox,
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    timeout: float = 15.0,
) -> Response:
    """One HTTP request and its response, of any status. `timeout` is in seconds, and `LONGEST` at most.

    The account's lock is free meanwhile. Raises `Elsewhere` and `NoAnswer`.
    """
    parts = _split(url)
    hosts = _addresses(parts)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    given = {"Host": parts.netloc.rpartition("@")[2], **_credentials(parts), **(headers or {})}
    deadline = time.monotonic() + max(0.05, min(timeout, LONGEST))
    with unlocked(sandbox.lock):
        try:
            line = _connect(parts, hosts, deadline)
            try:
                return _talk(line, method, path, given, body)
            finally:
                line.hang_up()
        except ssl.SSLError as error:
            raise NoAnswer("CertificateError", f"The certificate was not accepted: {_why(error)}.") from None
        except TimeoutError:
            raise NoAnswer("Timeout", "The endpoint did not answer in time.") from None
        except http.client.InvalidURL:
            raise Elsewhere(f"{url} is not a URL.") from None
        except (http.client.HTTPException, ConnectionError, OSError) as error:
            raise NoAnswer("InvalidResponse", f"The endpoint sent no HTTP answer ({_why(error)}).") from None
        except ValueError as error:  # http.client found a line break in a header or in the method
            raise Elsewhere(str(error)) from None


# -- where to ----------------------------------------------------------------------------------------


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Elsewhere(f"{url} is not a URL.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise Elsewhere(f"{url} is not a URL of the form http://127.0.0.1:8080/path.")
    return parts


def _addresses(parts: SplitResult) -> tuple[str, ...]:
    host = (parts.hostname or "").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return ("127.0.0.1", "::1")
    try:
        if ipaddress.ip_address(host).is_loopback:
            return (host,)
    except ValueError:
        pass
    raise Elsewhere(
        f"{host} is not this machine, and nothing leaves it from a lab. Use http://127.0.0.1 or "
        "http://localhost with the port of your own web server."
    )


def _credentials(parts: SplitResult) -> dict[str, str]:
    """Basic authentication from the user and password of a URL."""
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


# -- the wire ----------------------------------------------------------------------------------------


class _Line(io.RawIOBase):
    """A connection on which everything together has to be over at the deadline (real, monotonic time)."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline

    def _hurry(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)

    def sendall(self, data: Any) -> None:
        """As a socket does it; `http.client` writes this way."""
        self._hurry()
        self._connection.sendall(data)

    def makefile(self, *_: Any) -> io.BufferedReader:
        """As a socket does it; `http.client` reads this way."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._hurry()
        return self._connection.recv_into(buffer)

    def close(self) -> None:
        """Nothing yet: `http.client` closes before it has read the body. `hang_up` ends it."""

    def hang_up(self) -> None:
        """Close the connection."""
        self._connection.close()


def _connect(parts: SplitResult, hosts: tuple[str, ...], deadline: float) -> _Line:
    port = parts.port or (443 if parts.scheme == "https" else 80)
    for host in hosts:
        try:
            connection = socket.create_connection((host, port), max(0.01, deadline - time.monotonic()))
        except TimeoutError:
            raise
        except OSError:
            continue
        if parts.scheme == "https":
            context = ssl.create_default_context()
            try:
                connection = context.wrap_socket(connection, server_hostname=parts.hostname)
            except BaseException:
                connection.close()
                raise
        return _Line(connection, deadline)
    raise NoAnswer("ConnectionRefused", f"Nobody listens at {parts.hostname}:{port}.")


def _talk(line: _Line, method: str, path: str, headers: dict[str, str], body: bytes) -> Response:
    connection = http.client.HTTPConnection("localhost")
    connection.sock = line
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in {**headers, "Content-Length": str(len(body)), "Connection": "close"}.items():
        connection.putheader(name, value.encode("utf-8"))
    connection.endheaders(body)
    answer = connection.getresponse()
    return Response(answer.status, answer.reason, tuple(answer.getheaders()), answer.read(LARGEST))


def _why(error: Exception) -> str:
    return str(
        getattr(error, "verify_message", "") or getattr(error, "reason", "") or error or type(error).__name__
    )
