"""A request to a function URL as the function sees it, and its reply as the client does: payload format 2.0.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html (event, reply, what is made up when the reply
has no status code), https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html (CORS settings win over the
function's own headers).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

Headers = list[tuple[str, str]]
_TEXTS = (
    "text/",
    "application/json",
    "application/javascript",
    "application/xml",
    "application/x-www-form-urlencoded",
)


class Request(NamedTuple):
    """An HTTP request. Header names are small; `query` and `path` are as they were sent."""

    host: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


class Response(NamedTuple):
    """An HTTP response. A header may come several times."""

    status: int
    headers: Headers
    body: bytes


def small_headers(given: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> dict[str, str]:
    """Headers with small names; several of one name are joined with commas."""
    found: dict[str, str] = {}
    for name, value in given.items() if isinstance(given, Mapping) else given:
        key = str(name).lower()
        text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        found[key] = f"{found[key]},{text}" if key in found else text
    return found


def event_of(
    request: Request, request_id: str, at: datetime, iam: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The event a function gets. `iam` describes the caller of a signed request."""
    url_id = request.host.partition(".")[0]
    headers = {name: value for name, value in request.headers.items() if name != "cookie"}
    headers |= {"host": request.host, "x-forwarded-proto": "https", "x-forwarded-port": "443"}
    headers.setdefault("x-forwarded-for", "127.0.0.1")
    context: dict[str, Any] = {
        "accountId": iam["accountId"] if iam else "anonymous",
        "apiId": url_id,
        "domainName": request.host,
        "domainPrefix": url_id,
        "http": {
            "method": request.method, "path": unquote(request.path), "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1", "userAgent": request.headers.get("user-agent", ""),
        },
        "requestId": request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": f"{at:%d/%b/%Y:%H:%M:%S +0000}",
        "timeEpoch": int(at.timestamp() * 1000),
    }  # fmt: skip
    if iam:
        context["authorizer"] = {"iam": dict(iam)}
    event: dict[str, Any] = {
        "version": "2.0", "routeKey": "$default", "rawPath": unquote(request.path), "rawQueryString": request.query,
        "headers": headers, "requestContext": context, "isBase64Encoded": False,
    }  # fmt: skip
    if cookies := request.headers.get("cookie"):
        event["cookies"] = [one.strip() for one in cookies.split(";")]
    if query := _joined(parse_qsl(request.query, keep_blank_values=True)):
        event["queryStringParameters"] = query
    if request.body:
        text = request.headers.get("content-type", "text/plain").startswith(_TEXTS)
        event["isBase64Encoded"] = not text
        event["body"] = (
            request.body.decode("utf-8", "replace") if text else base64.b64encode(request.body).decode()
        )
    return event


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def response_of(payload: bytes) -> Response | None:
    """The response a function's reply describes; None when it makes no sense."""
    reply = json.loads(payload or b"null")
    if not isinstance(reply, dict) or "statusCode" not in reply:
        body = reply if isinstance(reply, str) else payload.decode()
        return Response(200, [("content-type", "application/json")], body.encode())
    status = reply["statusCode"]
    if isinstance(status, str) and status.isdigit():
        status = int(status)
    if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 599:
        return None
    given = reply.get("headers") or {}
    if not isinstance(given, dict):
        return None
    headers = [(str(name).lower(), str(value)) for name, value in given.items()]
    if not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", "application/json"))
    headers += [("set-cookie", str(cookie)) for cookie in reply.get("cookies") or []]
    inner = reply.get("body")
    text = "" if inner is None else inner if isinstance(inner, str) else json.dumps(inner)
    try:
        data = (
            base64.b64decode(text, validate=True) if reply.get("isBase64Encoded") is True else text.encode()
        )
    except ValueError:
        return None
    return Response(status, headers, data)


# -- CORS --------------------------------------------------------------------------------------------


def preflight(cors: Mapping[str, Any], request: Request) -> Response:
    """The answer to a browser's OPTIONS request, which the function never sees."""
    headers = _allowed_origin(cors, request)
    if headers:
        for name, setting in (("methods", "AllowMethods"), ("headers", "AllowHeaders")):
            if cors.get(setting):
                headers.append((f"access-control-allow-{name}", ",".join(cors[setting])))
        if cors.get("MaxAge"):
            headers.append(("access-control-max-age", str(cors["MaxAge"])))
    return Response(200, headers, b"")


def with_cors(cors: Mapping[str, Any], request: Request, response: Response) -> Response:
    """The response with the URL's CORS headers in place of the function's."""
    added = _allowed_origin(cors, request)
    if added and cors.get("ExposeHeaders"):
        added.append(("access-control-expose-headers", ",".join(cors["ExposeHeaders"])))
    names = {name for name, _ in added}
    return response._replace(headers=[one for one in response.headers if one[0] not in names] + added)


def is_preflight(request: Request) -> bool:
    """Whether a browser asks if it may send a request."""
    return request.method == "OPTIONS" and "access-control-request-method" in request.headers


def _allowed_origin(cors: Mapping[str, Any], request: Request) -> Headers:
    origin = request.headers.get("origin", "")
    allowed = cors.get("AllowOrigins") or []
    if not origin or not any(_fits(one, origin) for one in allowed):
        return []
    headers = [
        (
            "access-control-allow-origin",
            "*" if "*" in allowed and not cors.get("AllowCredentials") else origin,
        )
    ]
    if cors.get("AllowCredentials"):
        headers.append(("access-control-allow-credentials", "true"))
    return [*headers, ("vary", "Origin")]


def _fits(allowed: str, origin: str) -> bool:
    start, star, end = allowed.partition("*")
    if not star:
        return allowed == origin
    return origin.startswith(start) and origin.endswith(end) and len(origin) >= len(start) + len(end)
