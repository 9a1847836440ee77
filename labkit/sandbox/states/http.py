"""HTTP tasks: what a request is made of. Sending it is the account's business.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/call-https-apis.html (fields, methods, headers that a task
may not set, merging with the connection, encodings of arrays, the headers that Step Functions sets, responses that are
not supported) and test-state-isolation.html (the form of the output: its example has header names in small letters).
A static ApiEndpoint that is none is refused with AWS's words, as https://github.com/aws/aws-cdk/issues/30749 has them.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from labkit.sandbox.states import expressions
from labkit.sandbox.states.errors import RUNTIME, StateFailed
from labkit.sandbox.states.flow import text_of

METHODS: Final = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD")
_CONNECTIONS: Final = ("InvocationConfig", "Authentication")
_ENCODINGS: Final = ("NONE", "URL_ENCODED")
_ARRAYS: Final = ("INDICES", "REPEAT", "COMMAS", "BRACKETS")
_FORBIDDEN: Final = re.compile(
    r"a-im|accept-(charset|datetime|encoding)|authorization|cache-control|connection|content-(encoding|md5)|date"
    r"|expect|forwarded|from|host|http2-settings|if-(match|modified-since|none-match|range|unmodified-since)"
    r"|max-forwards|origin|pragma|proxy-authorization|referer|server|te|trailer|transfer-encoding|upgrade|via|warning"
    r"|x-(forwarded|amz|amzn)-.*",
    re.IGNORECASE,
)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BINARY: Final = re.compile(r"application/octet-stream|(image|video|audio)/.*", re.IGNORECASE)
_JSON: Final = re.compile(r"application/(.*\+)?json", re.IGNORECASE)
_CONTENT_TYPE: Final = "application/json; charset=UTF-8"
_RANGE: Final = "bytes=0-262144"


class Added(NamedTuple):
    """What a connection adds: headers, query parameters, body parameters, and the headers that authorize."""

    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, str]
    authorization: Mapping[str, str]


class Request(NamedTuple):
    """One request, ready to be sent."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes


# -- checking a definition -----------------------------------------------------------------------------


def problems(state: Mapping[str, Any], jsonata: bool) -> Iterator[tuple[str, str]]:
    """What is wrong with the request of a definition: sentences and places."""
    field = "Arguments" if jsonata else "Parameters"
    given = state.get(field)
    if jsonata and expressions.is_expression(given):
        return
    if not isinstance(given, dict):
        yield f"These fields are required: [{field}]", ""
        return
    missing = [name for name in ("ApiEndpoint", "Method") if not _has(given, name)]
    named = [name for name in _CONNECTIONS if _has(given, name)]
    missing += [] if named else ["InvocationConfig"]
    if missing:
        yield f"These fields are required: [{', '.join(missing)}]", f"/{field}"
    for name in named:
        inner = given.get(name)
        if isinstance(inner, dict) and not _has(inner, "ConnectionArn"):
            yield "These fields are required: [ConnectionArn]", f"/{field}/{name}"
    if len(named) == 2:
        yield "Use either InvocationConfig or Authentication, not both", f"/{field}"
    for name, fits in (("ApiEndpoint", _is_url), ("Method", _is_method)):
        value = given.get(name)
        open_yet = name not in given or (jsonata and expressions.is_expression(value))
        if not open_yet and not fits(value):
            yield f"The value for the '{name}' field is not valid", f"/{field}"


def _has(given: Mapping[str, Any], name: str) -> bool:
    return name in given or f"{name}.$" in given


def _is_method(value: object) -> bool:
    return value in METHODS


def _is_url(value: object) -> bool:
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


# -- the request ---------------------------------------------------------------------------------------


def _wrong(said: str) -> StateFailed:
    return StateFailed(RUNTIME, said)


def target(arguments: Any) -> tuple[str, str, str]:
    """Method, URL and the connection's ARN. Raises `StateFailed`."""
    if not isinstance(arguments, dict):
        raise _wrong("The arguments of an HTTP task must be an object.")
    url, method = arguments.get("ApiEndpoint"), arguments.get("Method")
    if not isinstance(url, str) or not _is_url(url):
        raise _wrong(f"The value for the 'ApiEndpoint' field is not valid: {text_of(url)}")
    if not isinstance(method, str) or not _is_method(method):
        raise _wrong(f"The value for the 'Method' field is not valid: {text_of(method)}")
    config = next((arguments[name] for name in _CONNECTIONS if arguments.get(name) is not None), None)
    arn = config.get("ConnectionArn") if isinstance(config, dict) else None
    if not isinstance(arn, str) or not arn:
        raise _wrong("The field 'ConnectionArn' is required but was missing")
    return method, url, arn


def request(arguments: dict[str, Any], added: Added, region: str) -> Request:
    """The request of a task, merged with its connection. Raises `StateFailed`."""
    method, url, _ = target(arguments)
    headers = headers_of(arguments)
    for extra in (added.headers, added.authorization):
        _put(headers, extra)
    body = _body(arguments, added.body)
    if body and "content-type" not in {name.lower() for name in headers}:
        headers["Content-Type"] = _CONTENT_TYPE
    _put(headers, {"Range": _RANGE, "User-Agent": f"Amazon|StepFunctions|HttpInvoke|{region}"})
    url = url.partition("#")[0]
    query = _query(arguments.get("QueryParameters"), added.query)
    if query:
        url += f"{'&' if '?' in url else '?'}{query}"
    return Request(method, quote(url, safe="!#$%&'()*+,/:;=?@[]~"), headers, body)


def _put(headers: dict[str, str], extra: Mapping[str, str]) -> None:
    """Set headers; names differ by more than their case."""
    for name, value in extra.items():
        for old in [one for one in headers if one.lower() == name.lower()]:
            del headers[old]
        headers[name] = value


def headers_of(arguments: Mapping[str, Any]) -> dict[str, str]:
    """The headers that a task sets. Raises `StateFailed` for those it may not set."""
    given = arguments.get("Headers")
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise _wrong("Headers must be an object with names and values.")
    made: dict[str, str] = {}
    for name, value in given.items():
        if _FORBIDDEN.fullmatch(name):
            raise _wrong(f"The header '{name}' can't be set in an HTTP task.")
        values = value if isinstance(value, list) else [value]
        text = ",".join(_plain(one) for one in values)
        if not _TOKEN.fullmatch(name) or any(character in text for character in "\r\n\0"):
            raise _wrong(f"The header {text_of(name)} is not valid.")
        _put(made, {name: text})
    return made


def _query(given: Any, extra: Mapping[str, str]) -> str:
    """Query parameters, the connection's winning."""
    if isinstance(given, str):
        found = [one.partition("=")[::2] for one in given.split("&") if one]
    elif isinstance(given, dict):
        found = [
            (name, _plain(one))
            for name, value in given.items()
            for one in (value if isinstance(value, list) else [value])
        ]
    elif given is None:
        found = []
    else:
        raise _wrong("QueryParameters must be an object with names and values, or a string.")
    kept = [(name, value) for name, value in found if name not in extra]
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in [*kept, *extra.items()])


def _body(arguments: Mapping[str, Any], extra: Mapping[str, str]) -> bytes:
    given = arguments.get("RequestBody")
    if extra:
        if isinstance(given, str):
            raise _wrong("A RequestBody that is a string can't be merged with the connection's body.")
        if given is None or isinstance(given, dict):
            given = {**(given or {}), **extra}
    encoding, arrays = _transform(arguments.get("Transform"))
    if given is None and "RequestBody" not in arguments:
        return b""
    if encoding == "URL_ENCODED" and isinstance(given, dict):
        return "&".join(_form(given, arrays)).encode()
    return (given if isinstance(given, str) else text_of(given)).encode()


def _transform(given: Any) -> tuple[str, str]:
    """How the body and its arrays are encoded."""
    given = {} if given is None else given
    options = given.get("RequestEncodingOptions") or {} if isinstance(given, dict) else None
    if not isinstance(options, dict):
        raise _wrong("Transform has the fields RequestBodyEncoding and RequestEncodingOptions.")
    encoding, arrays = given.get("RequestBodyEncoding", "NONE"), options.get("ArrayFormat", "INDICES")
    for name, value, allowed in (
        ("RequestBodyEncoding", encoding, _ENCODINGS), ("ArrayFormat", arrays, _ARRAYS),
    ):  # fmt: skip
        if value not in allowed:
            raise _wrong(f"The value for the '{name}' field is not valid: {text_of(value)}")
    return encoding, arrays


def _form(value: Any, arrays: str, name: str = "") -> Iterator[str]:
    """The pairs of a form. A member of an object is `object[member]`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _form(inner, arrays, f"{name}[{key}]" if name else key)
    elif isinstance(value, list) and arrays == "COMMAS":
        yield f"{_quoted(name)}={','.join(_quoted(_plain(one)) for one in value)}"
    elif isinstance(value, list):
        for number, one in enumerate(value):
            ends = {"INDICES": f"[{number}]", "BRACKETS": "[]", "REPEAT": ""}
            yield from _form(one, arrays, name + ends[arrays])
    else:
        yield f"{_quoted(name)}={_quoted(_plain(value))}"


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else text_of(value)


# -- the response --------------------------------------------------------------------------------------


def output(status: int, reason: str, headers: tuple[tuple[str, str], ...], body: bytes) -> dict[str, Any]:
    """What a task gives. Raises `StateFailed` for a response that is not supported."""
    collected: dict[str, list[str]] = {}
    for name, value in headers:
        collected.setdefault(name.lower(), []).append(value)
    kind = collected.get("content-type", [""])[0].partition(";")[0].strip()
    if _BINARY.fullmatch(kind):
        raise _wrong(f"A response with the content type {kind} is not supported.")
    try:
        found: Any = body.decode()
    except UnicodeDecodeError:
        raise _wrong("The response can't be read as a text.") from None
    if _JSON.fullmatch(kind):
        with contextlib.suppress(ValueError, RecursionError):
            found = json.loads(found, parse_constant=_no_number)
    return {"Headers": collected, "ResponseBody": found, "StatusCode": status, "StatusText": reason}


def _no_number(name: str) -> Any:
    raise ValueError(name)
