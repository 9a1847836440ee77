"""API destinations and their connections: an event becomes an HTTP request with the connection's authorization.

Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html (headers, status codes that
are tried again, Retry-After, 5 seconds), botocore's model (values of the connection win over those of the target, an
OAuth token is fetched anew after a 401 or 407). What AWS hides of a connection: LocalStack's validated tests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from moto.core.utils import unix_time

from labkit.sandbox import connections, current, delivery, stores
from labkit.sandbox.connections import pairs
from labkit.sandbox.parcels import Parcel, Refused, Unavailable

_HEADERS: Final = {
    "User-Agent": "Amazon/EventBridge/ApiDestinations",
    "Range": "bytes=0-1048575",
    "Accept-Encoding": "gzip,deflate",
    "Connection": "close",
}
_CONTENT_TYPE: Final = "application/json; charset=utf-8"
_TRIED_AGAIN: Final = (401, 407, 409)
_TIMEOUT: Final = 5.0
_RATE: Final = 300
"""Invocations per second when a destination names none."""


# -- invoking ----------------------------------------------------------------------------------------


def _backend(arn: str) -> tuple[Any, str]:
    parts = stores.Arn.of(arn)
    backend = stores.backend_of("events", parts.account, parts.region) if parts else None
    return backend, parts.name.split("/")[1] if parts and "/" in parts.name else ""


def find(arn: str) -> Any:
    """The destination. Raises `Refused` when it is not there."""
    backend, name = _backend(arn)
    destination = backend.destinations.get(name) if backend is not None else None
    if destination is None or destination.arn != arn:
        raise Refused("ResourceNotFoundException", f"An api-destination '{name}' does not exist.")
    return destination


def turn(arn: str) -> float:
    """Seconds until the rate of a destination lets the next event through; takes that place."""
    backend, name = _backend(arn)
    destination = backend.destinations.get(name) if backend is not None else None
    if destination is None:
        return 0.0
    now = current().clock.time()
    rate = int(destination.invocation_rate_limit_per_second or _RATE)
    second, taken = vars(destination).get("labkit_turn", (0, 0))
    if second < int(now):
        second, taken = int(now), 0
    if taken >= rate:
        second, taken = second + 1, 0
    destination.labkit_turn = (second, taken + 1)
    return float(max(0.0, second - now))


def invoke(parcel: Parcel) -> str:
    """One request; returns what the web endpoint answered."""
    destination = find(parcel.target)
    backend, name = _backend(destination.connection_arn)
    connection = backend.connections.get(name) if backend is not None else None
    if connection is None:
        raise Refused("ResourceNotFoundException", f"Connection '{name}' does not exist.")
    given = json.loads(parcel.option("HttpParameters", "{}"))
    extra = connection.auth_parameters.get("InvocationHttpParameters") or {}
    url = _url(destination.invocation_endpoint, given, extra)
    headers = {
        "Content-Type": _CONTENT_TYPE,
        **(given.get("HeaderParameters") or {}),
        **pairs(extra, "HeaderParameters"),
    }
    headers |= {**_authorization(connection), **_HEADERS}
    request = parcel._replace(
        target=url,
        body=_body(parcel.body, pairs(extra, "BodyParameters")),
        options=(
            ("method", destination.http_method), ("timeout", _TIMEOUT), ("retried", _TRIED_AGAIN),
            ("retry_after", True), *((f"header:{key}", value) for key, value in headers.items()),
        ),
    )  # fmt: skip
    receiver = delivery.receiver_of(url)
    if receiver is None:
        raise Refused("InvalidRequest", f"{url} is not a URL of the form https://host/path.")
    try:
        receiver.find(request)
        return receiver.accept(request)
    except Unavailable as error:
        if error.code in ("401", "407"):
            connection.labkit_token = ""  # the next attempt asks for a new one
        raise


def _url(endpoint: str, given: Mapping[str, Any], extra: Mapping[str, Any]) -> str:
    for value in given.get("PathParameterValues") or ():
        endpoint = endpoint.replace("*", quote(str(value), safe=""), 1)
    query = urlencode({**(given.get("QueryStringParameters") or {}), **pairs(extra, "QueryStringParameters")})
    return connections.with_query(endpoint, query)


def _body(body: str, extra: dict[str, str]) -> str:
    """The input, with the connection's body parameters when it is an object."""
    if not extra:
        return body
    found = json.loads(body)
    return json.dumps({**found, **extra}) if isinstance(found, dict) else body


def _authorization(connection: Any) -> dict[str, str]:
    headers = connections.authorization(connection)
    if not headers:
        raise Unavailable("Deauthorized", connection.labkit_reason)
    return headers


# -- OAuth -------------------------------------------------------------------------------------------


def begin(connection: Any) -> None:
    """A connection was made or changed: with OAuth it is authorized on the clock."""
    connection.labkit_reason = ""
    connection.labkit_token = ""
    connection.labkit_changed = connection.labkit_authorized = unix_time()
    if connection.authorization_type == "OAUTH_CLIENT_CREDENTIALS":
        connection.state = "AUTHORIZING"
        current().clock.schedule(current().clock.time(), authorize, connection.arn)


def authorize(arn: str) -> None:
    """Due work: ask the authorization endpoint of a connection for a token."""
    backend, name = _backend(arn)
    connection = backend.connections.get(name) if backend is not None else None
    if connection is not None and connection.arn == arn:
        connections.fetch(connection)


# -- what is shown -----------------------------------------------------------------------------------


def shown(connection: Any) -> dict[str, Any]:
    """A connection in short, as list and create show it."""
    extra = vars(connection)
    return {
        "ConnectionArn": connection.arn,
        "Name": connection.name,
        "ConnectionState": connection.state,
        "StateReason": extra.get("labkit_reason") or None,
        "AuthorizationType": connection.authorization_type,
        "CreationTime": connection.creation_time,
        "LastModifiedTime": extra.get("labkit_changed", connection.creation_time),
        "LastAuthorizedTime": extra.get("labkit_authorized", connection.creation_time),
    }


def described(connection: Any) -> dict[str, Any]:
    """A connection in full, without its secrets."""
    return {
        **shown(connection),
        "Description": connection.description,
        "SecretArn": connection.secret_arn,
        "AuthParameters": _public(connection.auth_parameters),
    }


_SECRET: Final = frozenset({"Password", "ApiKeyValue", "ClientSecret"})


def _public(value: Any) -> Any:
    if isinstance(value, list):
        return [_public(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    hidden = {"Value"} if value.get("IsValueSecret") else set()
    return {name: _public(inner) for name, inner in value.items() if name not in _SECRET | hidden}


def part(connection: Any, *names: str) -> dict[str, Any]:
    """Some of the fields of `shown`."""
    found = shown(connection)
    return {name: found[name] for name in names if found[name] is not None}
