"""Addresses of AWS in replies, turned into addresses of the endpoint.

Queues, function URLs and APIs have addresses of their own. A program outside must find them here. Only the operations
that give out such addresses are touched: a message that happens to hold an address of AWS stays as it was sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_QUEUE: Final = re.compile(rb"https?://(?:sqs|queue)\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?(?=/\d{12}/)")
_FUNCTION: Final = re.compile(rb"https://([a-z0-9]+)\.lambda-url\.([a-z0-9-]+)\.on\.aws")
_API: Final = re.compile(rb"(https|wss)://([a-z0-9]+)\.execute-api\.([a-z0-9-]+)\.amazonaws\.com")

_OPERATIONS: Final = {
    "sqs": frozenset({"CreateQueue", "GetQueueUrl", "ListQueues", "ListDeadLetterSourceQueues"}),
    "lambda": frozenset(
        {"CreateFunctionUrlConfig", "GetFunctionUrlConfig", "UpdateFunctionUrlConfig", "ListFunctionUrlConfigs"}
    ),
    "apigatewayv2": frozenset({"CreateApi", "GetApi", "GetApis", "ImportApi", "ReimportApi", "UpdateApi"}),
}


def localise(service: str, operation: str, body: bytes, host: str, domain: str) -> bytes:
    """The body of a reply with its addresses changed.

    `host` is the Host header of the request: queues are named under it, so the caller can reach them for sure.
    `domain` is a name with port, such as `localhost:4566`, for what needs a name of its own.
    """
    if operation not in _OPERATIONS.get(service, ()):
        return body
    if service == "sqs":
        return _QUEUE.sub(f"http://{host}".encode(), body)
    return _with_domain(domain)(body)


def public_url(url: str, domain: str) -> str:
    """An address of AWS for a function or an API, as an address of the endpoint."""
    return _with_domain(domain)(url.encode()).decode()


def _with_domain(domain: str) -> Callable[[bytes], bytes]:
    name = domain.encode()

    def change(text: bytes) -> bytes:
        text = _FUNCTION.sub(rb"http://\1.lambda-url.\2." + name, text)
        return _API.sub(lambda found: _scheme(found[1]) + b"://" + found[2] + b".execute-api." + found[3] + b"." + name, text)

    return change


def _scheme(secure: bytes) -> bytes:
    return b"ws" if secure == b"wss" else b"http"
