"""The HTTP side of one connection: requests in, replies out, with everything HTTP/1.1 asks for.

`http.server` of the standard library parses request lines and headers; moto's own server would need Flask, which
labkit does not install, and would go round the account's door.
"""

from __future__ import annotations

import re
import socket
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from . import body, control, errors
from .messages import Reply, Request

if TYPE_CHECKING:
    from .server import Endpoint

IDLE: Final = 120.0
"""Seconds, real, after which a connection without a request, or with half a one, is closed."""
_NOT_OURS: Final = frozenset({"connection", "transfer-encoding", "content-length", "status", "keep-alive"})
_EXPOSED: Final = "ETag, x-amzn-RequestId, x-amzn-ErrorType, x-amz-request-id, x-amz-version-id, Date"
_FOREIGN: Final = (
    "This page may not use the lab's account: only pages from this machine may. "
    "Open your page from http://localhost, or call from a program."
)


class Handler(BaseHTTPRequestHandler):
    """Serves one connection."""

    protocol_version = "HTTP/1.1"
    server_version = "labkit"
    sys_version = ""
    timeout = IDLE
    disable_nagle_algorithm = True
    endpoint: Endpoint

    def handle(self) -> None:
        """All requests of the connection, one after the other. A caller that goes away is no error."""
        try:
            super().handle()
        except (ConnectionError, TimeoutError, BrokenPipeError):
            self.close_connection = True

    def serve_request(self) -> None:
        """One request."""
        try:
            request = self._request()
        except body.BadBody as bad:
            self.close_connection = True
            self._send(errors.reply(bad.status, "MalformedRequest", str(bad)))
            return
        if request is None:
            return
        reply = self._reply(request)
        if not self.endpoint.closing:
            self._send(reply)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = serve_request

    def do_CONNECT(self) -> None:
        """Not a proxy."""
        self._turn_away(405, "This is an endpoint and no proxy. Set AWS_ENDPOINT_URL, not HTTP_PROXY.")

    # -- in --------------------------------------------------------------------------------------

    def _request(self) -> Request | None:
        hosts = self.headers.get_all("Host") or []
        target = self.requestline.split(" ")[1]  # self.path has lost a second slash at its beginning
        if len(hosts) > 1 or not target.startswith(("/", "*")):
            self._turn_away(400, "This is an endpoint and no proxy: send one Host, and a path.")
            return None
        host = hosts[0] if hosts else ""
        if not self.endpoint.names.answered(host):
            text = f"This account does not answer to the name {host}. Use localhost, 127.0.0.1, or --host-suffix."
            self._turn_away(403, text)
            return None
        target = quote(target, safe="!#$%&'()*+,/:;=?@[]~-._", encoding="latin-1")
        reading = _reads_an_object(self.command, target, self.headers)
        if not self.endpoint.names.may_come_from(self.command, host, self.headers, reading=reading):
            self._turn_away(403, _FOREIGN)
            return None
        data = body.read(self.rfile, self.headers, self.command, self.request_version)
        return Request(self.command, target, self.headers, data)

    def _turn_away(self, status: int, message: str) -> None:
        """Refuse before the body is read; the connection cannot go on after that."""
        self.close_connection = True
        self._send(
            errors.reply(status, "AccessDenied" if status == 403 else "MalformedRequest", message, "s3")
        )
        self._drain()

    def _drain(self) -> None:
        """Take what was on its way: closing with unread bytes would reset the connection under the reply."""
        try:
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(0.2)
            for _ in range(256):
                if not self.connection.recv(65_536):
                    return
        except OSError:
            return

    def handle_expect_100(self) -> bool:
        """`Expect: 100-continue`: go on, unless the request will be turned away anyway."""
        if not self.endpoint.names.answered(self.headers.get("Host") or ""):
            return True
        return super().handle_expect_100()

    # -- answering -------------------------------------------------------------------------------

    def _reply(self, request: Request) -> Reply:
        if request.path.startswith(control.PREFIX):
            return control.answer(self.endpoint.sandbox, request)
        origin = request.headers.get("Origin")
        if origin and request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return _preflight(request, origin)
        reply = self.endpoint.answer(request)
        if origin:
            reply.headers |= {
                "Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": _EXPOSED, "Vary": "Origin",
            }  # fmt: skip
        return reply

    # -- out -------------------------------------------------------------------------------------

    def _send(self, reply: Reply) -> None:
        """Everything in one piece: small packets one after the other cost time."""
        silent = self.command == "HEAD" or reply.status in (204, 304) or reply.status < 200
        self.send_response_only(reply.status)
        names = {name.lower() for name in reply.headers}
        for name, value in reply.headers.items():
            if name.lower() not in _NOT_OURS:
                self.send_header(name, re.sub(r"[\r\n]+", " ", value).encode("utf-8").decode("latin-1"))
        if "date" not in names:
            self.send_header("Date", formatdate(usegmt=True))
        if self.command == "HEAD" and "content-length" in names:
            told = next(value for name, value in reply.headers.items() if name.lower() == "content-length")
            self.send_header("Content-Length", told)
        elif reply.status not in (204, 304):
            self.send_header("Content-Length", str(len(reply.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        elif self.request_version == "HTTP/1.0":
            self.send_header("Connection", "keep-alive")
        head: list[bytes] = getattr(self, "_headers_buffer", [])
        self._headers_buffer: list[bytes] = []
        data = b"".join((*head, b"\r\n", b"" if silent else reply.body))
        self.wfile.write(data)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What `http.server` itself refuses: a broken request line, too many headers, an unknown method."""
        self.close_connection = True
        self.command = getattr(self, "command", None) or "GET"
        if self.request_version == "HTTP/0.9":  # what is assumed until the line was understood
            self.request_version = self.protocol_version
        self._send(
            errors.reply(int(code), "MalformedRequest", message or explain or "The request cannot be read.")
        )

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        """The trace is the log."""


def _preflight(request: Request, origin: str) -> Reply:
    asked = request.headers.get("Access-Control-Request-Headers", "")
    headers = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
        "Access-Control-Allow-Headers": asked or "*",
        "Access-Control-Max-Age": "600",
        "Vary": "Origin",
    }
    if request.headers.get("Access-Control-Request-Private-Network") == "true":
        headers["Access-Control-Allow-Private-Network"] = "true"
    return Reply(200, headers)


def _reads_an_object(method: str, target: str, headers: Any) -> bool:
    """Whether this can only be somebody following a link to an object of Amazon S3."""
    return method in ("GET", "HEAD") and "Action=" not in target and headers.get("Authorization") is None
