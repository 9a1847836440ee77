"""Function URLs: their settings, who may call, and the call.

`lambda_url_response` answers a request to `https://ID.lambda-url.REGION.on.aws/`. It is reached by `requests` in this
process, and through the account's endpoint (`labkit.sandbox.endpoint`).

Sources: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html (both permissions, since October 2025; who needs
which policy), https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html, API reference:
CreateFunctionUrlConfig. The body of a refusal is that of AWS as users show it in public threads.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from moto.moto_api._internal import mock_random

from labkit.sandbox import Sandbox, current
from labkit.sandbox.dispatch import NotSimulated
from labkit.sandbox.hooks import hook
from labkit.sandbox.services import _lambda_calls as calls
from labkit.sandbox.services import _lambda_fleet as fleets
from labkit.sandbox.services import _lambda_http as http
from labkit.sandbox.services import _lambda_requests as requests
from labkit.sandbox.services._lambda_http import Request, Response

_HOST: Final = re.compile(r"([a-z0-9]+)\.lambda-url\.([a-z0-9-]+)\.on\.aws")
_PATTERN: Final = re.compile(r"https?://[a-z0-9]+\.lambda-url\.[a-z0-9-]+\.on\.aws(/|$)")
_FORBIDDEN: Final = (
    "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)
_METHODS: Final = frozenset({"GET", "PUT", "HEAD", "POST", "PATCH", "DELETE", "*"})

Answer = tuple[int, dict[str, Any], str]


# -- settings ----------------------------------------------------------------------------------------


@hook("moto.awslambda.responses:LambdaResponse.create_function_url_config")
def create_function_url_config(original: Any, self: Any) -> Answer:
    """CreateFunctionUrlConfig, for a function or an alias."""
    function, qualifier, urls = _urls(self)
    given = requests.body_of(self)
    requests.check("CreateFunctionUrlConfig", given)
    if qualifier and qualifier not in self.backend._lambdas._aliases[fleets.bare_arn(function)]:
        requests.not_found(f"Function not found: {fleets.bare_arn(function)}:{qualifier}")
    if qualifier in urls:
        requests.conflict(
            f"Failed to create function url config for [functionArn = {_arn(function, qualifier)}]. Error message:  "
            "FunctionUrlConfig exists for this Lambda function"
        )
    _check_cors(given.get("Cors") or {})
    url_id = "".join(mock_random.choices("abcdefghijklmnopqrstuvwxyz234567", k=32))
    now = _moment()
    urls[qualifier] = {
        "FunctionUrl": f"https://{url_id}.lambda-url.{function.region}.on.aws/",
        "FunctionArn": _arn(function, qualifier),
        "AuthType": given["AuthType"],
        "CreationTime": now,
        "LastModifiedTime": now,
        "InvokeMode": given.get("InvokeMode") or "BUFFERED",
    } | ({"Cors": given["Cors"]} if given.get("Cors") else {})
    _make_reachable()
    shown = {name: value for name, value in urls[qualifier].items() if name != "LastModifiedTime"}
    return requests.answer(201, shown)


@hook("moto.awslambda.responses:LambdaResponse.update_function_url_config")
def update_function_url_config(original: Any, self: Any) -> Answer:
    """UpdateFunctionUrlConfig."""
    _, qualifier, urls = _urls(self)
    given = requests.body_of(self)
    requests.check("UpdateFunctionUrlConfig", given)
    config = _one(urls, qualifier)
    _check_cors(given.get("Cors") or {})
    changed = {
        name: given[name] for name in ("AuthType", "Cors", "InvokeMode") if given.get(name) is not None
    }
    config |= changed | {"LastModifiedTime": _moment()}
    return requests.answer(200, config)


@hook("moto.awslambda.responses:LambdaResponse.get_function_url_config")
def get_function_url_config(original: Any, self: Any) -> Answer:
    """GetFunctionUrlConfig."""
    _, qualifier, urls = _urls(self)
    return requests.answer(200, _one(urls, qualifier))


@hook("moto.awslambda.responses:LambdaResponse.delete_function_url_config")
def delete_function_url_config(original: Any, self: Any) -> Answer:
    """DeleteFunctionUrlConfig."""
    _, qualifier, urls = _urls(self)
    _one(urls, qualifier)
    del urls[qualifier]
    return requests.answer(204)


@hook("moto.awslambda.responses:LambdaResponse.list_function_url_configs", kind="new")
def list_function_url_configs(self: Any) -> Answer:
    """ListFunctionUrlConfigs."""
    _, _, urls = _urls(self)
    return requests.answer(200, {"FunctionUrlConfigs": [urls[name] for name in sorted(urls)]})


def _urls(response: Any) -> tuple[Any, str, dict[str, dict[str, Any]]]:
    function, qualifier = requests.function_in(response)
    if qualifier:
        requests.check("CreateFunctionUrlConfig", {"Qualifier": qualifier})
    kept: dict[str, dict[str, Any]] = vars(function).setdefault("labkit_urls", {})
    return function, qualifier, kept


def _one(urls: dict[str, dict[str, Any]], qualifier: str) -> dict[str, Any]:
    if qualifier not in urls:
        requests.not_found()
    return urls[qualifier]


def _arn(function: Any, qualifier: str) -> str:
    return f"{fleets.bare_arn(function)}:{qualifier}" if qualifier else fleets.bare_arn(function)


def _check_cors(cors: Mapping[str, Any]) -> None:
    for method in cors.get("AllowMethods") or []:
        if method not in _METHODS:
            where = (
                f"Value '{list(cors['AllowMethods'])}' at 'cors.allowMethods' failed to satisfy constraint: "
            )
            known = ", ".join(sorted(_METHODS))
            what = f"Member must satisfy constraint: [Member must satisfy enum value set: [{known}]]"
            requests.refuse(400, "ValidationException", f"1 validation error detected: {where}{what}")
    if cors.get("AllowCredentials") and "*" in (cors.get("AllowOrigins") or []):
        requests.invalid("AllowCredentials cannot be true when AllowOrigins contains *.")


def _moment() -> str:
    now = current().clock.now()
    return f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond:06d}Z"


# -- reaching it -------------------------------------------------------------------------------------


def _make_reachable() -> None:
    """Have `requests` of this process find function URLs, and the endpoint too, if one is served."""
    import responses
    from moto.core.custom_responses_mock import CallbackResponse
    from moto.core.models import RESPONSES_METHODS, responses_mock

    from labkit.sandbox.endpoint.fronts import front

    class FunctionUrl(CallbackResponse):  # type: ignore[misc]  # `responses` is loaded with moto, not before
        def get_response(self, request: Any) -> Any:
            status, headers, body = self.callback(request)
            return responses._form_response(io.BytesIO(body), headers, status, request.method)

    if not any(getattr(one, "url", None) is _PATTERN for one in responses_mock.registered()):
        for method in RESPONSES_METHODS:
            responses_mock.add(FunctionUrl(method=method, url=_PATTERN, callback=_answer_request))
    front("lambda-url")(_answer_endpoint)


def _answer_request(request: Any) -> tuple[int, Any, bytes]:
    url, body = urlsplit(str(request.url)), request.body
    if hasattr(body, "read"):
        body = body.read()
    data = body.encode() if isinstance(body, str) else bytes(body or b"")
    found = lambda_url_response(url.netloc, request.method, url.path, url.query, request.headers, data)
    from urllib3 import HTTPHeaderDict

    headers = HTTPHeaderDict()
    for name, value in found.headers:
        headers.add(name, value)
    return found.status, headers, found.body


def _answer_endpoint(sandbox: Sandbox, name: str, region: str, request: Any) -> Any:
    from labkit.sandbox.endpoint.messages import Reply

    host, query = f"{name}.lambda-url.{region}.on.aws", request.target.partition("?")[2]
    path, headers = request.path, request.headers.items()
    found = lambda_url_response(host, request.method, path, query, headers, request.body)
    # A reply of the endpoint has one header of a name: of several cookies, the first.
    return Reply(found.status, dict(reversed(found.headers)), found.body)


def lambda_url_response(host: str, method: str, path: str, query: str, headers: Any, body: bytes) -> Response:
    """The answer to one HTTP request: status, headers (pairs, a name may come twice) and body.

    `host` is the URL's own, such as `abc.lambda-url.eu-west-1.on.aws`; `path` and `query` are as they were sent.
    """
    sandbox = current()
    request = Request(host.lower(), method.upper(), path or "/", query, http.small_headers(headers), body)
    with sandbox.lock:
        sandbox.notice_thread()
        sandbox.clock.catch_up()
        sequence, at = sandbox.trace.reserve(), sandbox.clock.time()
        with sandbox.trace.caused_by(sequence):
            response, error, note = _respond(sandbox, request)
            sandbox.clock.catch_up()
        sandbox.trace.record(
            "call", "http", request.method, resource=f"https://{request.host}{request.path}", error=error, note=note,
            params={"Status": response.status}, sequence=sequence, time=at,
        )  # fmt: skip
    return response


def _respond(sandbox: Sandbox, request: Request) -> tuple[Response, str, str]:
    found = _find(request.host)
    if found is None:
        return _message(404, None), "NotFound", "No function has this URL."
    function, qualifier, config = found
    cors = config.get("Cors") or {}
    if cors and http.is_preflight(request):
        return (
            http.preflight(cors, request),
            "",
            "Answered by the URL's CORS settings; the function did not run.",
        )
    iam, why = _admitted(config, request)
    if why:
        return http.with_cors(cors, request, _message(403, _FORBIDDEN)), "AccessDeniedException", why
    response, error = _run(sandbox, function, qualifier, request, iam)
    return http.with_cors(cors, request, response), error, ""


def _run(
    sandbox: Sandbox, function: Any, qualifier: str, request: Request, iam: Mapping[str, Any] | None
) -> tuple[Response, str]:
    request_id = str(mock_random.uuid4())
    backend = fleets.backend_of(function)
    chosen, via = calls.choose(backend, function.function_name, qualifier or None, request_id)
    payload = json.dumps(http.event_of(request, request_id, sandbox.clock.now(), iam)).encode()
    try:
        calls.check(payload, "RequestResponse")
        result = calls.run(chosen, via, payload, request_id, about={"InvocationType": "FunctionUrl"})
    except calls.Throttled as throttled:
        return _message(429, str(throttled), Reason=throttled.reason), throttled.code
    except calls.Refusal as refusal:
        return _message(refusal.status, str(refusal)), refusal.code
    except NotSimulated as error:
        return _message(502, str(error)), "NotSimulated"
    found = None if result.error else http.response_of(result.payload)
    if found is None:
        return Response(502, [("content-type", "application/json")], b"Internal Server Error"), "BadGateway"
    return found._replace(headers=[*found.headers, ("x-amzn-requestid", request_id)]), ""


def _message(status: int, text: str | None, **more: str) -> Response:
    return Response(
        status, [("content-type", "application/json")], json.dumps({"Message": text, **more}).encode()
    )


def _find(host: str) -> tuple[Any, str, dict[str, Any]] | None:
    from moto.awslambda.models import lambda_backends

    match = _HOST.match(host)
    for account in list(lambda_backends.values()) if match else ():
        backend = account.get(match[2]) if match and match[2] in account else None
        for group in list(backend._lambdas._functions.values()) if backend is not None else ():
            for qualifier, config in getattr(group["latest"], "labkit_urls", {}).items():
                if urlsplit(config["FunctionUrl"]).netloc == host:
                    return group["latest"], qualifier, config
    return None


# -- who may call ------------------------------------------------------------------------------------


def _admitted(config: Mapping[str, Any], request: Request) -> tuple[dict[str, Any] | None, str]:
    """Who calls, for the event, and why she may not; nothing when she may. Both permissions are asked for."""
    from labkit.sandbox.authorization.account import Caller, caller_of
    from labkit.sandbox.authorization.principals import Principal
    from labkit.sandbox.authorization.resources import policy_of

    arn, kind = config["FunctionArn"], config["AuthType"]
    key = _access_key(request)
    caller = caller_of(key) if kind == "AWS_IAM" else Caller(Principal.of("*"))
    if caller is None or (kind == "AWS_IAM" and not key):
        return (
            None,
            "The URL wants requests that are signed (AWS_IAM), and this one is not, or by nobody we know.",
        )
    policy = policy_of(arn)
    conditions: dict[str, dict[str, Any]] = {
        "lambda:InvokeFunctionUrl": {"lambda:FunctionUrlAuthType": kind},
        "lambda:InvokeFunction": {"lambda:InvokedViaFunctionUrl": True},
    }
    for action, context in conditions.items():
        decision = caller.may(
            action, arn, account=arn.split(":")[4], policies=[policy] if policy else [], context=context
        )
        if not decision.allowed:
            return None, decision.sentence
    if kind != "AWS_IAM":
        return None, ""
    who = caller.principal
    return {
        "accessKey": key, "accountId": who.account, "callerId": who.unique_id, "cognitoIdentity": None,
        "principalOrgId": None, "userArn": who.arn, "userId": who.unique_id,
    }, ""  # fmt: skip


def _access_key(request: Request) -> str:
    found = re.search(r"Credential=([A-Za-z0-9]+)/", request.headers.get("authorization", ""))
    if found is None:
        found = re.search(r"X-Amz-Credential=([A-Za-z0-9]+)(?:/|%2F)", request.query)
    return found[1] if found else ""
