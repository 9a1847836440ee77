"""EventBridge's connections as those who make requests with them see them: parameters and authorization.

API destinations and HTTP tasks of Step Functions use the same connections. moto keeps a connection; what is ours
are its attributes `labkit_token` (an Authorization header), `labkit_reason` and `labkit_authorized`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from moto.core.utils import unix_time

from labkit.sandbox import current, loopback, stores

_TIMEOUT: Final = 5.0


def at(arn: str) -> Any:
    """moto's connection with this ARN, or None."""
    parts = stores.Arn.of(arn)
    backend = stores.backend_of("events", parts.account, parts.region) if parts else None
    if parts is None or backend is None or "/" not in parts.name:
        return None
    connection = backend.connections.get(parts.name.split("/")[1])
    return connection if connection is not None and connection.arn == arn else None


def extra(connection: Any) -> Mapping[str, Any]:
    """The parameters that a connection adds to every request."""
    return connection.auth_parameters.get("InvocationHttpParameters") or {}


def pairs(parameters: Mapping[str, Any], kind: str) -> dict[str, str]:
    """Name -> value of `HeaderParameters`, `QueryStringParameters` or `BodyParameters`."""
    return {one["Key"]: str(one.get("Value", "")) for one in parameters.get(kind) or ()}


def with_query(url: str, query: str) -> str:
    """A URL with more behind it."""
    return url + (f"{'&' if '?' in url else '?'}{query}" if query else "")


def authorization(connection: Any) -> dict[str, str]:
    """The headers that authorize a request; none when OAuth gives no token (`labkit_reason` says why)."""
    parameters = connection.auth_parameters
    if connection.authorization_type == "BASIC":
        basic = parameters.get("BasicAuthParameters") or {}
        pair = f"{basic.get('Username', '')}:{basic.get('Password', '')}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    if connection.authorization_type == "API_KEY":
        key = parameters.get("ApiKeyAuthParameters") or {}
        return {key.get("ApiKeyName", ""): key.get("ApiKeyValue", "")}
    token = vars(connection).get("labkit_token") or fetch(connection)
    return {"Authorization": token} if token else {}


def fetch(connection: Any) -> str:
    """A token as the Authorization header shows it, or nothing. The connection's state says which."""
    oauth = connection.auth_parameters.get("OAuthParameters") or {}
    client, more = oauth.get("ClientParameters") or {}, oauth.get("OAuthHttpParameters") or {}
    form = {"client_id": client.get("ClientID", ""), "client_secret": client.get("ClientSecret", "")}
    text = urlencode({**form, **pairs(more, "BodyParameters")})
    query = urlencode(pairs(more, "QueryStringParameters"))
    url, method = with_query(oauth.get("AuthorizationEndpoint", ""), query), oauth.get("HttpMethod", "POST")
    if method == "GET":
        url, text = with_query(url, text), ""
    headers = {"Content-Type": "application/x-www-form-urlencoded", **pairs(more, "HeaderParameters")}
    problem = ""
    try:
        answer = loopback.exchange(current(), method, url, headers, text.encode(), _TIMEOUT)
        found = json.loads(answer.body) if 200 <= answer.status < 300 else {}
        token = found.get("access_token") if isinstance(found, dict) else None
        problem = (
            "" if token else f"The authorization endpoint answered {answer.status} without an access_token."
        )
    except (loopback.Elsewhere, loopback.NoAnswer) as error:
        problem = str(error)
    except ValueError:
        problem = "The authorization endpoint did not answer with JSON."
    connection.state = "DEAUTHORIZED" if problem else "AUTHORIZED"
    connection.labkit_reason = problem
    connection.labkit_token = "" if problem else f"{found.get('token_type') or 'Bearer'} {token}"
    if not problem:
        connection.labkit_authorized = unix_time()
    return str(connection.labkit_token)
