"""An account behind its endpoint, and programs outside: botocore over real HTTP, and plain sockets."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.config import Config

from labkit.sandbox import Sandbox
from labkit.sandbox.endpoint import Endpoint

Calling = Callable[..., Any]


@pytest.fixture
def endpoint(sandbox: Sandbox) -> Endpoint:
    """The endpoint of a running account. It is closed with the account."""
    made = sandbox.tools["endpoint"] = Endpoint(sandbox).start()
    return made


class Outside:
    """botocore as another program has it: no door, no moto, only HTTP."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.url = endpoint.url

    def client(
        self, service: str, key: str = "123456789012", region: str = "eu-west-1", url: str = "", **config: Any
    ) -> Any:
        from moto.core.models import botocore_stubber

        made = boto3.client(
            service,
            endpoint_url=url or self.url,
            region_name=region,
            aws_access_key_id=key,
            aws_secret_access_key="x",
            config=Config(retries={"total_max_attempts": 1}, **config),
        )
        made.meta.events.unregister("before-send", botocore_stubber)
        return made

    def call(self, service: str, operation: str, /, key: str = "123456789012", **params: Any) -> Any:
        return self.on(self.client(service, key), operation, **params)

    @staticmethod
    def on(client: Any, operation: str, **params: Any) -> Any:
        past_the_door = BaseClient._make_api_call.__wrapped__
        return past_the_door(client, operation, params)


@pytest.fixture
def outside(endpoint: Endpoint) -> Outside:
    """Another program that uses botocore."""
    return Outside(endpoint)


class Answer:
    """A reply to a plain HTTP request."""

    def __init__(self, found: http.client.HTTPResponse) -> None:
        self.status = found.status
        self.headers = found.headers
        self.body = found.read()

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@pytest.fixture
def ask(endpoint: Endpoint) -> Iterator[Callable[..., Answer]]:
    """One plain HTTP request on a kept connection: ask(method, path, body, **headers with _ for -)."""
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=20)

    def send(method: str, path: str, body: Any = None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        return Answer(connection.getresponse())

    yield send
    connection.close()


@pytest.fixture
def raw(endpoint: Endpoint) -> Callable[[bytes], bytes]:
    """Bytes out, bytes back until the other side closes or is silent for a moment."""

    def send(data: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", endpoint.port), timeout=5) as plain:
            plain.sendall(data)
            plain.shutdown(socket.SHUT_WR)
            parts = []
            while part := plain.recv(65_536):
                parts.append(part)
            return b"".join(parts)

    return send


def signed(service: str, key: str = "123456789012", region: str = "eu-west-1") -> str:
    """An Authorization header as SDKs send it. Signatures are not checked."""
    scope = f"{key}/20261123/{region}/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"


@pytest.fixture
def sign() -> Callable[..., str]:
    """Makes Authorization headers."""
    return signed
