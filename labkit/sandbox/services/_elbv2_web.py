"""The addresses of load balancers, for `requests` and `urllib` in the notebook and for the account's endpoint.

A request from there takes its time on the lab's clock, as a call of a function does.
"""

from __future__ import annotations

import io
import re
from typing import Any, Final

from labkit.sandbox import Sandbox, current
from labkit.sandbox.services import _elbv2_front as front_door
from labkit.sandbox.services import _elbv2_store as store
from labkit.sandbox.services._elbv2_front import Answer

_PATTERN: Final = re.compile(
    r"https?://[a-z0-9-]+\.(?:[a-z0-9-]+\.elb|elb\.[a-z0-9-]+)\.amazonaws\.com(:\d+)?([/?#]|$)", re.IGNORECASE
)
_LABEL: Final = "elb"


def make_reachable() -> None:
    """Have `requests` and `urllib` of this process find load balancers, and the endpoint too, if one is served."""
    import responses
    from moto.core.custom_responses_mock import CallbackResponse
    from moto.core.models import RESPONSES_METHODS, responses_mock

    from labkit.sandbox.endpoint.fronts import front

    class Balancer(CallbackResponse):  # type: ignore[misc]  # `responses` is loaded with moto, not before
        def get_response(self, request: Any) -> Any:
            status, headers, body = self.callback(request)
            return responses._form_response(io.BytesIO(body), headers, status, request.method)

    if not any(getattr(one, "url", None) is _PATTERN for one in responses_mock.registered()):
        for method in RESPONSES_METHODS:
            responses_mock.add(Balancer(method=method, url=_PATTERN, callback=_answer_requests))
    front(_LABEL)(_answer_endpoint)
    tools = current().tools
    if "urllib" not in tools:
        tools["urllib"] = _Urllib()


def answer_url(
    method: str, url: str, headers: Any, body: bytes, timeout: float | None = None
) -> tuple[Answer, bool]:
    """The answer to one request to a load balancer's address, and whether it came before the client's time-out.

    The clock moves on by as long as it takes.
    """
    from labkit.sandbox.fleet.boxes import Request

    sandbox = current()
    scheme, host, port, path = front_door.parts_of(url)
    given = {str(name): _text(value) for name, value in headers.items()}
    request = Request(method.upper(), path, given, body.decode("utf-8", "replace"))
    with sandbox.lock:
        sandbox.notice_thread()
        sandbox.clock.catch_up()
        sequence, at = sandbox.trace.reserve(), sandbox.clock.time()
        with sandbox.trace.caused_by(sequence):
            found = front_door.answer(host, request, at, port=port, scheme=scheme)
            patience = found.latency if timeout is None else min(timeout, found.latency)
            sandbox.clock.advance(patience)
            found = front_door.settled(found, at)
        sandbox.trace.record(
            "call", "http", method.upper(), resource=f"{scheme}://{host}{path.partition('?')[0]}",
            error="" if 0 < found.status < 500 else found.error or str(found.status), note=_note(found),
            params={"Status": found.status, "Target": found.target}, sequence=sequence, time=at,
        )  # fmt: skip
    return found, timeout is None or found.latency <= timeout


def _note(found: Answer) -> str:
    if found.status == 0:
        return f"No answer: {found.error}."
    return f"Answered in {found.latency * 1000:,.0f} ms" + (f" by {found.target}." if found.target else ".")


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _data(body: Any) -> bytes:
    if hasattr(body, "read"):
        body = body.read()
    return body.encode() if isinstance(body, str) else bytes(body or b"")


# -- requests ------------------------------------------------------------------------------------------


def _answer_requests(request: Any) -> tuple[int, Any, bytes]:
    import requests
    from urllib3 import HTTPHeaderDict

    timeout = (getattr(request, "req_kwargs", None) or {}).get("timeout")
    seconds = timeout[-1] if isinstance(timeout, tuple) else timeout
    found, in_time = answer_url(
        request.method, str(request.url), request.headers, _data(request.body), seconds
    )
    if found.status == 0:
        host = front_door.parts_of(str(request.url))[1]
        raise requests.exceptions.ConnectionError(f"{host}: {found.error}", request=request)
    if not in_time:
        raise requests.exceptions.ReadTimeout(f"Read timed out. (read timeout={seconds})", request=request)
    return found.status, HTTPHeaderDict(found.headers), found.body.encode()


# -- urllib --------------------------------------------------------------------------------------------


class _Urllib:
    """`urllib.request` with a way to load balancers, until the account is closed."""

    def __init__(self) -> None:
        from urllib.request import AbstractHTTPHandler

        self._usual = usual = AbstractHTTPHandler.do_open

        def do_open(handler: Any, http_class: Any, req: Any, **more: Any) -> Any:
            if not _PATTERN.match(req.full_url):
                return usual(handler, http_class, req, **more)
            return _answer_urllib(req)

        AbstractHTTPHandler.do_open = do_open  # type: ignore[method-assign,assignment]

    def close(self) -> None:
        """Give `urllib` its own way back."""
        from urllib.request import AbstractHTTPHandler

        AbstractHTTPHandler.do_open = self._usual  # type: ignore[method-assign]


def _answer_urllib(req: Any) -> Any:
    import http.client
    import urllib.error
    from http.client import responses as phrases

    headers = {**req.unredirected_hdrs, **req.headers}
    timeout = req.timeout if isinstance(req.timeout, (int, float)) else None
    found, in_time = answer_url(req.get_method(), req.full_url, headers, _data(req.data), timeout)
    if found.status == 0:
        raise urllib.error.URLError(ConnectionRefusedError(found.error))
    if not in_time:
        raise TimeoutError("timed out")
    body = found.body.encode()
    lines = [f"HTTP/1.1 {found.status} {phrases.get(found.status, '')}"]
    lines += [f"{name}: {value}" for name, value in found.headers.items() if name.lower() != "content-length"]
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode("latin-1", "replace")
    reply: Any = http.client.HTTPResponse(_Line(head + body), method=req.get_method())  # type: ignore[arg-type]
    reply.begin()
    reply.url, reply.msg = req.full_url, reply.reason
    return reply


class _Line:
    """A connection on which everything has come already."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: Any) -> io.BytesIO:
        """As a socket does it."""
        return io.BytesIO(self._data)


# -- the endpoint --------------------------------------------------------------------------------------


def _answer_endpoint(sandbox: Sandbox, name: str, region: str, request: Any) -> Any:
    """`NAME.elb.REGION` or `NAME.PORT.elb.REGION`: the first label of the DNS name, and a listener's port."""
    from labkit.sandbox.endpoint.messages import Reply

    label, _, port = name.partition(".")
    host = next(
        (
            one.dns_name.lower()
            for backend in store.backends(region)
            for one in backend.load_balancers.values()
            if one.dns_name.lower().partition(".")[0] == label
        ),
        f"{label}.{region}.elb.amazonaws.com",
    )
    where = f"{host}:{port}" if port.isdigit() else host
    path = request.path + "".join(request.target.partition("?")[1:])
    headers = {key: value for key, value in request.headers.items() if key.lower() != "host"}
    found, _ = answer_url(request.method, f"http://{where}{path}", headers, request.body)
    if found.status == 0:
        return Reply(502, {"Content-Type": "text/plain"}, f"{host}: {found.error}\n".encode())
    return Reply(found.status, dict(found.headers), found.body.encode())
