"""Addresses of AWS in replies, turned into addresses of the endpoint, and back.

Queues, function URLs and APIs have addresses of their own. A program outside must find them here. Only the operations
that give out such addresses are touched: a message that happens to hold an address of AWS stays as it was sent.

Functions and APIs are reached by path, `http://127.0.0.1:4566/_at/a1b2c3.lambda-url.eu-west-1/`, because not every
system finds `*.localhost` names; with `--host-suffix` they get names. Both forms are always answered.
"""

from __future__ import annotations

import re
from typing import Final

from .names import HostName, read_labels

PREFIX: Final = "/_at/"
_QUEUE: Final = re.compile(rb"https?://(?:sqs|queue)\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?(?=/\d{12}/)")
_FUNCTION: Final = re.compile(rb"(https)://([a-z0-9]+\.lambda-url\.[a-z0-9-]+)\.on\.aws")
_BALANCER: Final = re.compile(rb"https?://([a-z0-9-]+)\.([a-z0-9-]+)\.elb\.amazonaws\.com(?::(\d+))?")
_API: Final = re.compile(rb"(https|wss)://([a-z0-9]+\.execute-api\.[a-z0-9-]+)\.amazonaws\.com")

_OPERATIONS: Final = {
    "sqs": frozenset({"CreateQueue", "GetQueueUrl", "ListQueues", "ListDeadLetterSourceQueues"}),
    "lambda": frozenset(
        {
            "CreateFunctionUrlConfig",
            "GetFunctionUrlConfig",
            "UpdateFunctionUrlConfig",
            "ListFunctionUrlConfigs",
        }
    ),
    "apigatewayv2": frozenset({"CreateApi", "GetApi", "GetApis", "ImportApi", "ReimportApi", "UpdateApi"}),
}


def localise(service: str, operation: str, body: bytes, host: str, domain: str) -> bytes:
    """The body of a reply with its addresses changed.

    `host` is the Host header of the request: the caller can reach it for sure. `domain` is the endpoint's own domain
    with the port, or empty.
    """
    if operation not in _OPERATIONS.get(service, ()):
        return body
    if service == "sqs":
        return _QUEUE.sub(f"http://{host}".encode(), body)
    return _elsewhere(body, host, domain)


def public_url(url: str, host: str, domain: str = "") -> str:
    """An address of AWS for a function, an API or a load balancer, as one of the endpoint. `host` has the port."""
    return _elsewhere(url.encode(), host, domain).decode()


def place(path: str) -> tuple[HostName, str] | None:
    """What a path below `PREFIX` names, and the path that is left; None for any other path."""
    if not path.startswith(PREFIX):
        return None
    labels, _, rest = path.removeprefix(PREFIX).partition("/")
    return read_labels(labels.lower()), f"/{rest}"


def _elsewhere(text: bytes, host: str, domain: str) -> bytes:
    def change(found: re.Match[bytes]) -> bytes:
        scheme = b"ws://" if found[1] == b"wss" else b"http://"
        if domain:
            return scheme + found[2] + b"." + domain.encode()
        return scheme + host.encode() + PREFIX.encode() + found[2]

    def balancer(found: re.Match[bytes]) -> bytes:
        name = found[1] if found[3] is None else found[1] + b"." + found[3]
        place = name + b".elb." + found[2]
        return b"http://" + (
            place + b"." + domain.encode() if domain else host.encode() + PREFIX.encode() + place
        )

    return _BALANCER.sub(balancer, _API.sub(change, _FUNCTION.sub(change, text)))
