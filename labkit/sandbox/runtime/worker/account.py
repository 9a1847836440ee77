"""A function's boto3 reaches the lab's account: each request goes over the worker's own line.

botocore asks its `before-send` handlers for an answer before it opens a connection. Ours always has one.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, Final

from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from botocore.handlers import BUILTIN_HANDLERS

from labkit.sandbox.dispatch import shorten

from ..wire import Frame, Kind, pack
from . import clock

Exchange = Callable[[bytes], Frame]

_call: ContextVar[tuple[Any, str, Any] | None] = ContextVar("labkit_call", default=None)
_ask: list[Exchange] = []
_PIECE: Final = 64 * 1024


def install() -> None:
    """Answer every botocore client of this process from now on. Call it before sessions are made."""
    BUILTIN_HANDLERS.append(("before-send", _answer))
    original = BaseClient._make_api_call

    @functools.wraps(original)
    def _make_api_call(self: Any, operation_name: str, api_params: dict[str, Any]) -> Any:
        token = _call.set((self.meta.service_model, operation_name, api_params))
        try:
            return original(self, operation_name, api_params)
        finally:
            _call.reset(token)

    BaseClient._make_api_call = _make_api_call


def connect(ask: Exchange) -> None:
    """Send requests this way."""
    _ask[:] = [ask]


def _answer(request: Any, **_: Any) -> AWSResponse | None:
    if not _ask:
        return None
    answer = _ask[0](pack(Kind.CALL, _described(request), _body(request.body)))
    clock.set_offset(answer.first)
    if answer.head.get("refused"):
        raise ClientError({"Error": answer.head["refused"]}, answer.head["operation"])
    raw = _Raw(answer.body)
    return AWSResponse(request.url, answer.head["status"], answer.head["headers"], raw)


def _described(request: Any) -> dict[str, Any]:
    head = {
        "method": request.method,
        "url": request.url,
        "headers": [[_text(name), _text(value)] for name, value in request.headers.items()],
    }
    call = _call.get()
    if call is not None:
        model, operation, params = call
        shape = model.operation_model(operation).input_shape
        head |= {"service": model.service_name, "operation": operation, "params": shorten(params, shape)}
    return head


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, (bytes, bytearray)) else str(value)


def _body(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    if hasattr(body, "read"):
        data = body.read()
        return data.encode() if isinstance(data, str) else bytes(data)
    return b"".join(body)


class _Raw(io.BytesIO):
    """A body that has arrived, as urllib3 would hand it out."""

    def stream(self, amt: int | None = None, **_: Any) -> Iterator[bytes]:
        while piece := self.read(amt or _PIECE):
            yield piece

    def release_conn(self) -> None:
        """There is no connection to give back."""
