"""What boto3 does for every call and nobody looks at, in an account that lives in the same process.

- A signature proves to AWS who calls. Here the call does not leave the process: the header names the access key, as
  always, and carries no real signature. Signing by hand, presigned URLs and S3 are left as they are.
- The user agent is put together once for each client, not twice for each call.
- moto would load all of IAM and S3 before it does not ask whether the caller may: `enforcement` has asked already.
- moto looks for who answers a URL among all URLs of all services: for each URL once, here. It makes a request for a web
  server out of the client's: what depends on the URL alone is made once, too, and JSON is not read as a form.
- An answer is written with the names that moto tries for each of its fields: they are looked up once for each shape.
- moto's IAM loads the part of `cryptography` that reads certificates. It is loaded when somebody looks at one.

`tests/benchmarks/bench_sqs.py` prints a call beside bare moto's.
"""

from __future__ import annotations

import os
import re
import string
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import lru_cache
from importlib.util import LazyLoader, find_spec, module_from_spec
from io import BytesIO
from typing import Any, Final, NamedTuple
from unittest.mock import patch
from weakref import WeakKeyDictionary

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import get_current_datetime
from botocore.exceptions import NoCredentialsError
from botocore.useragent import UserAgentString

UNSIGNED: Final = "0" * 64
"""Stands where the signature would be."""
_SIGNED_HEADERS: Final = "host;x-amz-date"
_ASKING: Final = ("_authenticate_and_authorize_normal_action", "_authenticate_and_authorize_s3_action")
_REMEMBERED: Final = 4_000
"""So many URLs, names or shapes are remembered; then it starts afresh."""
_LETTERS: Final = string.ascii_letters + string.digits
_NO_FORMS: Final = ("application/x-amz-json-", "application/json")


def in_place(inside_a_call: Callable[[], bool]) -> ExitStack:
    """The shortcuts, until the stack is closed. `inside_a_call` tells a client's call from signing by hand."""
    from moto.core import responses, serialize  # functions load this module, and no moto
    from moto.core.authorization import ActionAuthenticatorMixin
    from moto.moto_api._internal.moto_random import MotoRandom

    with ExitStack() as stack:
        stack.enter_context(patch.object(SigV4Auth, "add_auth", _named_only(inside_a_call)))
        stack.enter_context(patch.object(UserAgentString, "to_string", _said_once()))
        for name in _ASKING:
            stack.enter_context(patch.object(ActionAuthenticatorMixin, name, _asked_already))
        stack.enter_context(patch.object(serialize.ResponseSerializer, "get_value", _named_once(serialize)))
        spelled = lru_cache(_REMEMBERED)(responses.camelcase_to_underscores)
        stack.enter_context(patch.object(responses, "camelcase_to_underscores", spelled))
        stack.enter_context(patch.object(MotoRandom, "get_random_string", _drawn(MotoRandom)))
        _put_off("cryptography.x509")
        return stack.pop_all()


def _named_only(inside_a_call: Callable[[], bool]) -> Callable[[Any, Any], None]:
    original = SigV4Auth.add_auth

    def add_auth(self: Any, request: Any) -> None:
        if type(self) is not SigV4Auth or not inside_a_call():
            original(self, request)
            return
        if self.credentials is None:
            raise NoCredentialsError
        request.context["timestamp"] = get_current_datetime().strftime(SIGV4_TIMESTAMP)
        self._modify_request_before_signing(request)
        scope = self.scope(request)
        request.headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={_SIGNED_HEADERS}, Signature={UNSIGNED}"
        )

    return add_auth


def _said_once() -> Callable[[Any], str]:
    original = UserAgentString.to_string
    said: WeakKeyDictionary[Any, tuple[Any, str]] = WeakKeyDictionary()

    def to_string(self: Any) -> str:
        config = self._client_config
        kept = said.get(self)
        if kept is None or kept[0] is not config:
            kept = said[self] = (config, str(original(self)))
        return kept[1]

    return to_string


def _asked_already(*_: Any, **__: Any) -> None:
    return


def _put_off(name: str) -> None:
    """Load a module when it is first looked into."""
    if name in sys.modules:
        return
    package, _, own = name.rpartition(".")
    spec = find_spec(name)
    if spec is None or spec.loader is None:
        return
    spec.loader = LazyLoader(spec.loader)
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    setattr(sys.modules[package], own, module)


class _Route(NamedTuple):
    """Who answers a URL, and what a request to it looks like before its headers, query and body."""

    service: str
    handler: Callable[..., Any]
    environ: dict[str, Any]
    url: str
    root: str


class Routes:
    """moto's `process_request` with a memory, for as long as the hooks of one account are in place."""

    def __init__(self, original: Callable[[Any], Any]) -> None:
        self._original = original
        self._known: dict[tuple[str, str], _Route] = {}
        self._handlers: dict[str, list[tuple[re.Pattern[str], Callable[..., Any]]]] = {}

    def __call__(self, request: Any) -> Any:
        """The answer to a request, as moto gives it."""
        url = request.url
        # Not plain: a part that only a browser sends, or characters that reading a URL drops or changes.
        if type(request) is not AWSPreparedRequest or "#" in url or not (url.isascii() and url.isprintable()):
            return self._original(request)
        if _unusual():
            return self._original(request)
        base, _, query = url.partition("?")
        route = self._known.get((request.method, base)) or self._learn(request.method, base)
        if route is None:
            return self._original(request)
        _home(route.service)
        made = _made(route, request, query)
        if made is None:
            from moto.core.request import normalize_request

            made = normalize_request(request)
            full_url = made.raw_url
        else:
            full_url = f"{route.url}?{query}" if query else route.url
        from moto.core.exceptions import HTTPException

        try:
            return route.handler(made, full_url, made.headers)
        except HTTPException as error:
            return error.code, error.get_headers(), error.get_body()

    def _learn(self, method: str, base: str) -> _Route | None:
        from moto.backend_index import backend_url_patterns
        from moto.core.request import Request
        from moto.core.utils import get_equivalent_url_in_aws_domain

        parsed, _ = get_equivalent_url_in_aws_domain(base)
        clean = f"{parsed.scheme}://{parsed.netloc}{parsed.path}"
        for service, pattern in backend_url_patterns:
            if pattern.match(clean):
                for url, handler in self._of(service):
                    if url.match(clean):
                        bare = Request.from_primitives(method, base, {})
                        environ = dict(bare.environ)
                        for name in ("CONTENT_LENGTH", "werkzeug.request", "moto.preserved_header_names"):
                            del environ[name]
                        route = _Route(service, handler, environ, bare.raw_url, bare.url_root)
                        if len(self._known) >= _REMEMBERED:
                            self._known.clear()
                        self._known[method, base] = route
                        return route
        return None

    def _of(self, service: str) -> list[tuple[re.Pattern[str], Callable[..., Any]]]:
        if service not in self._handlers:
            urls = _home(service).urls
            self._handlers[service] = [(re.compile(url), handler) for url, handler in urls.items()]
        return self._handlers[service]


def _unusual() -> bool:
    """Whether somebody set moto to let requests pass, to record them, or to answer for other hosts."""
    from moto.core import config
    from moto.moto_api import recorder

    core = config.default_user_config.get("core", {})
    passing = core.get("passthrough", {})
    return bool(
        passing.get("urls")
        or passing.get("services")
        or core.get("service_whitelist") is not None
        or recorder._user_enabled
        or os.environ.get("MOTO_S3_CUSTOM_ENDPOINTS")
    )


def _home(service: str) -> Any:
    """The backend that moto asks for its URLs. To ask for it makes it, so it is asked for at every request."""
    from moto import backends
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.core.base_backend import BackendDict

    found: Any = backends.get_backend(service)
    if not isinstance(found, BackendDict):
        return found["global"]
    account = found[DEFAULT_ACCOUNT_ID]
    return account["us-east-1" if "us-east-1" in account else "aws"]


def _made(route: _Route, request: AWSPreparedRequest, query: str) -> Any:
    """moto's request, as `Request.from_primitives` makes it; None where that has more to look at than here."""
    body = request.body
    if isinstance(body, str):
        body = body.encode()
    elif body is None:
        body = b""
    elif type(body) is not bytes:
        return None
    kind = None
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        if type(value) is bytes:
            value = value.decode("utf-8")
        if type(value) is not str or "\n" in value or "\r" in value or type(name) is not str or "_" in name:
            return None
        key = _environ_key(name)
        if key == "HTTP_CONTENT_TYPE":
            kind = value if kind is None else kind
        elif key == "HTTP_HOST":
            return None
        elif key not in ("HTTP_CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING"):
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
    if not body and kind is not None:
        return None
    from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY, Request

    stream = BytesIO(body)
    environ = route.environ.copy()
    environ["QUERY_STRING"] = query
    environ["wsgi.input"] = stream
    environ["wsgi.errors"] = sys.stderr
    if kind is not None:
        environ["CONTENT_TYPE"] = kind
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    environ.update(headers)
    made = Request(environ)
    environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = {}
    environ.setdefault("CONTENT_LENGTH", "0")
    known = vars(made)
    known["url_root"] = route.root
    if "HTTP_CONTENT_ENCODING" not in headers and (kind is None or kind.startswith(_NO_FORMS)):
        _is_no_form(made, body, stream)
    return made


def _is_no_form(made: Any, body: bytes, stream: BytesIO) -> None:
    """What reading the body leaves behind in a request without a form."""
    stream.seek(0, 2)
    known = vars(made)
    known["stream"] = stream
    known["form"], known["files"] = made.parameter_storage_class(), made.parameter_storage_class()
    known["data"] = known["_cached_data"] = body


@lru_cache(_REMEMBERED)
def _environ_key(name: str) -> str:
    return f"HTTP_{name.upper().replace('-', '_')}"


def _named_once(serialize: Any) -> Callable[[Any, Any, str, Any], Any]:
    """moto tries up to ten names for each field of an answer. They depend on the shape and the object's class."""
    original = serialize.ResponseSerializer.get_value
    missing, look, usual = serialize.MISSING, serialize.get_value, serialize.DEFAULT_ALIAS_PROVIDERS
    kept: dict[tuple[Any, str, str], tuple[Any, tuple[str, ...]]] = {}

    def get_value(self: Any, value: Any, key: str, shape: Any) -> Any:
        picker = self._value_picker
        kind = type(value)
        if (
            type(picker) is not serialize.XFormedAttributePicker
            or picker.alias_providers is not usual
            or (kind is not dict and (hasattr(value, "Meta") or value.__class__ is not kind))
        ):
            return original(self, value, key, shape)
        parent = vars(shape).get("parent")
        found = kept.get((shape, key, kind.__name__))
        if found is None or found[0] is not parent:
            context = serialize.AttributePickerContext(value, key, shape)
            names = tuple(dict.fromkeys(picker.get_possible_keys(context)))
            if len(kept) >= 5 * _REMEMBERED:
                kept.clear()
            found = kept[shape, key, kind.__name__] = (parent, names)
        got = missing
        for name in found[1]:
            got = value.get(name, missing) if kind is dict and "." not in name else look(value, name, missing)
            if got is not missing:
                break
        got = None if got is missing else got
        if picker.response_transformers:
            path = f"{'.'.join(self.path)}.{key}"
            for ending, transform in picker.response_transformers.items():
                if path.endswith(ending):
                    return transform(got)
        return got

    return get_value


def _drawn(source: Any) -> Callable[..., str]:
    """The same letters as `choice` draws one by one."""
    original = source.get_random_string

    def get_random_string(
        self: Any, length: int = 20, include_digits: bool = True, lower_case: bool = False
    ) -> str:
        if not include_digits or lower_case:
            return str(original(self, length, include_digits, lower_case))
        bits, letters = self.getrandbits, ""
        while len(letters) < length:
            drawn = bits(6)
            if drawn < len(_LETTERS):  # as `choice` does it: what is no letter is drawn again
                letters += _LETTERS[drawn]
        return letters

    return get_random_string
