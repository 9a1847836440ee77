"""Listens on a port of this machine and answers for the account."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from labkit.errors import LabkitError, UsageError
from labkit.sandbox.guard import is_loopback

from .calls import NOWHERE, Calls
from .messages import Reply, Request
from .names import SUFFIX, Names
from .ticking import Ticking
from .urls import public_url
from .web import Handler

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

LOOPBACK: Final = "127.0.0.1"
OWN_PROGRAM: Final = "labkit-cli"
"""What programs the lab starts itself say in their User-Agent: while they wait, nobody else acts."""


class PortTaken(LabkitError):
    """The wanted port cannot be used. The message says what to do."""


class Endpoint:
    """The account of `sandbox`, over HTTP.

    `port` 0 takes a free one. `suffix` is a domain of its own besides `localhost`. `others` is the account of
    access keys that name none. `ticking`: work that falls due is played also while nobody asks. `host` is where to
    listen; anything but loopback lets other machines in. Raises `PortTaken`.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        port: int = 0,
        *,
        host: str = LOOPBACK,
        suffix: str = "",
        others: str = NOWHERE,
        ticking: bool = False,
        complain: Callable[[str], object] = lambda _text: None,
    ) -> None:
        if suffix and not SUFFIX.fullmatch(suffix.strip(".").lower()):
            raise UsageError(f"A host suffix is a name such as aws.localhost. It is {suffix!r}.")
        self.sandbox = sandbox
        self.host = host
        self.names = Names(suffix, open_to_all=not is_loopback(host) or host in ("0.0.0.0", "::"))
        self.closing = False
        self._servers = _listen(host, port, self)
        self.port: int = self._servers[0].server_address[1]
        self._calls = Calls(sandbox, self.names, self.port, others)
        self._ticking = Ticking(sandbox, complain) if ticking else None
        self._threads = [
            threading.Thread(target=self._accept, args=(server,), name="labkit-endpoint", daemon=True)
            for server in self._servers
        ]

    @property
    def url(self) -> str:
        """The address to give to programs, such as http://127.0.0.1:4566."""
        name = LOOPBACK if self.host in ("0.0.0.0", "::", "", "localhost") else self.host
        return f"http://[{name}]:{self.port}" if ":" in name else f"http://{name}:{self.port}"

    @property
    def domain(self) -> str:
        """The endpoint's own domain with the port, such as `aws.localhost:4566`; empty when it has none."""
        return self._calls.domain

    def public_url(self, url: str) -> str:
        """An address of AWS for a function or an API, as programs outside reach it here."""
        return public_url(url, self.url.removeprefix("http://"), self.domain)

    def start(self) -> Endpoint:
        """Answer from now on."""
        for thread in self._threads:
            thread.start()
        if self._ticking:
            self._ticking.start()
        return self

    def close(self) -> None:
        """Stop answering and give the port back. Calls that still wait get no reply."""
        if self.closing:
            return
        self.closing = True
        if self._ticking:
            self._ticking.stop()
        for server, thread in zip(self._servers, self._threads, strict=True):
            if thread.is_alive():
                server.wake()
                thread.join(timeout=2)
            server.server_close()
            server.close_connections()

    def answer(self, request: Request) -> Reply:
        """The reply to one request; the calling thread counts as somebody who acts."""
        visitors = self.sandbox.visitors
        visitors.work(for_others=OWN_PROGRAM not in request.headers.get("User-Agent", ""))
        try:
            return self._calls.answer(request)
        finally:
            visitors.rest()

    def is_here(self, url: str) -> bool:
        """Whether an address is one of this endpoint."""
        return url.startswith("http://") and f":{self.port}/" in url and self.names.answered(_host_of(url))

    def answer_inside(self, request: Any) -> tuple[int, dict[str, str], bytes]:
        """A request of a boto3 client in this process that was told to use the endpoint.

        It is inside the account's door already: over the network it would wait for itself.
        """
        return self._calls.answer_inside(request)

    def _accept(self, server: _Server) -> None:
        self.sandbox.visitors.rest()
        while not self.closing:
            server.handle_request()  # waits without looking at any clock; `wake` ends it


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], endpoint: Endpoint) -> None:
        self._open: set[Any] = set()
        self._endpoint = endpoint
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, type("_Handler", (Handler,), {"endpoint": endpoint}))

    def server_bind(self) -> None:
        # On Windows SO_REUSEADDR would let two programs share the port.
        option = socket.SO_REUSEADDR if os.name == "posix" else getattr(socket, "SO_EXCLUSIVEADDRUSE", 0)
        self.socket.setsockopt(socket.SOL_SOCKET, option, 1)
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.socket.bind(self.server_address)
        # Not HTTPServer's own: it looks up the machine's name, which can take seconds.
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._endpoint.sandbox.visitors.rest()
        self._open.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.discard(request)

    def wake(self) -> None:
        """Let `handle_request` come back: somebody knocks."""
        host = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(self.server_name, self.server_name)
        with contextlib.suppress(OSError), socket.create_connection((host, self.server_port), timeout=1):
            pass

    def close_connections(self) -> None:
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller went away in the middle; nothing to say."""


def _listen(host: str, port: int, endpoint: Endpoint) -> list[_Server]:
    first = LOOPBACK if host == "localhost" else host
    try:
        servers = [_Server((first, port), endpoint)]
    except (OSError, OverflowError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        cure = "choose another with --port, or leave --port out to get a free one" if port else "free a port"
        raise PortTaken(f"Port {port} on {host} cannot be used ({reason}): {cure}.") from error
    if first == LOOPBACK:
        # `localhost` may mean ::1 first; without this, some systems wait two seconds before they try 127.0.0.1.
        with contextlib.suppress(OSError):
            servers.append(_Server(("::1", servers[0].server_port), endpoint))
    return servers


def _host_of(url: str) -> str:
    return url.removeprefix("http://").partition("/")[0]
