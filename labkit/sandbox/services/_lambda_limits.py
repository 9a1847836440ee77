"""Concurrency, settings of asynchronous calls and of recursion: what is asked for, checked and shown.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html,
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html,
https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html, API reference: GetAccountSettings. Words of
errors as in `_lambda_settings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from labkit.sandbox import current
from labkit.sandbox.hooks import hook
from labkit.sandbox.services import _lambda_async as asynchronous
from labkit.sandbox.services import _lambda_calls as calls
from labkit.sandbox.services import _lambda_fleet as fleets
from labkit.sandbox.services import _lambda_requests as requests
from labkit.sandbox.services._lambda_requests import invalid, not_found

_CODE_STORAGE: Final = 80_530_636_800
_MOST_UNZIPPED: Final = 262_144_000
_MOST_ZIPPED: Final = 52_428_800
_DESTINATIONS: Final = {"sqs", "sns", "lambda", "events", "s3"}

Answer = tuple[int, dict[str, Any], str]


@hook("moto.awslambda.models:LambdaBackend.urls", kind="property")
def urls(original: Any, self: Any) -> dict[str, Any]:
    """Every path of Lambda's API, also those moto does not know: the operation is found in botocore's model."""
    from moto.awslambda.responses import LambdaResponse
    from moto.core.base_backend import BaseBackend

    found: dict[str, Any] = BaseBackend.urls.fget(self)
    for base in self.url_bases:
        found[f"{base}/.*$"] = LambdaResponse.dispatch
    return found


# -- concurrency -------------------------------------------------------------------------------------


@hook("moto.awslambda.responses:LambdaResponse.put_function_concurrency")
def put_function_concurrency(original: Any, self: Any) -> Answer:
    """PutFunctionConcurrency: a part of the account's concurrency that is this function's, and its limit."""
    function, _ = requests.function_in(self)
    given = requests.body_of(self)
    requests.check("PutFunctionConcurrency", given)
    wanted = int(given["ReservedConcurrentExecutions"])
    left = fleets.account_limit(self.backend) - fleets.all_reserved(self.backend, but=function.function_name)
    if wanted and left - wanted < fleets.ALWAYS_UNRESERVED:
        invalid(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            f"below its minimum value of [{fleets.ALWAYS_UNRESERVED}]."
        )
    function.reserved_concurrency = wanted
    return requests.answer(200, {"ReservedConcurrentExecutions": wanted})


@hook("moto.awslambda.responses:LambdaResponse.get_function_concurrency")
def get_function_concurrency(original: Any, self: Any) -> Answer:
    """GetFunctionConcurrency: nothing when nothing is reserved."""
    function, _ = requests.function_in(self)
    reserved = function.reserved_concurrency
    return requests.answer(200, {} if reserved is None else {"ReservedConcurrentExecutions": int(reserved)})


@hook("moto.awslambda.responses:LambdaResponse.delete_function_concurrency")
def delete_function_concurrency(original: Any, self: Any) -> Answer:
    """DeleteFunctionConcurrency."""
    requests.function_in(self)[0].reserved_concurrency = None
    return requests.answer(204)


@hook("moto.awslambda.responses:LambdaResponse.get_account_settings", kind="new")
def get_account_settings(self: Any) -> Answer:
    """GetAccountSettings: the limits, and what is used."""
    backend = self.backend
    functions = list(backend.list_functions())
    limit = fleets.account_limit(backend)
    size = sum(int(getattr(one, "code_size", 0) or 0) for one in backend.list_functions("ALL"))
    settings = {
        "AccountLimit": {
            "TotalCodeSize": _CODE_STORAGE, "CodeSizeUnzipped": _MOST_UNZIPPED, "CodeSizeZipped": _MOST_ZIPPED,
            "ConcurrentExecutions": limit,
            "UnreservedConcurrentExecutions": limit - fleets.all_reserved(backend),
        },
        "AccountUsage": {"TotalCodeSize": size, "FunctionCount": len(functions)},
    }  # fmt: skip
    return requests.answer(200, settings)


# -- asynchronous calls ------------------------------------------------------------------------------


@hook("moto.awslambda.responses:LambdaResponse.put_function_event_invoke_config")
def put_function_event_invoke_config(original: Any, self: Any) -> Answer:
    """PutFunctionEventInvokeConfig: what is left out is removed."""
    return _keep(self, merge=False)


@hook("moto.awslambda.responses:LambdaResponse.update_function_event_invoke_config")
def update_function_event_invoke_config(original: Any, self: Any) -> Answer:
    """UpdateFunctionEventInvokeConfig: what is left out stays."""
    return _keep(self, merge=True)


@hook("moto.awslambda.responses:LambdaResponse.get_function_event_invoke_config")
def get_function_event_invoke_config(original: Any, self: Any) -> Answer:
    """GetFunctionEventInvokeConfig."""
    function, qualifier, kept = _configs(self)
    return requests.answer(200, _shown(function, qualifier, _one(function, qualifier, kept)))


@hook("moto.awslambda.responses:LambdaResponse.delete_function_event_invoke_config")
def delete_function_event_invoke_config(original: Any, self: Any) -> Answer:
    """DeleteFunctionEventInvokeConfig."""
    function, qualifier, kept = _configs(self)
    _one(function, qualifier, kept)
    del kept[qualifier]
    return requests.answer(204)


@hook("moto.awslambda.responses:LambdaResponse.list_function_event_invoke_configs")
def list_function_event_invoke_configs(original: Any, self: Any) -> Answer:
    """ListFunctionEventInvokeConfigs, of all qualifiers."""
    function, _, kept = _configs(self)
    shown = [_shown(function, qualifier, config) for qualifier, config in sorted(kept.items())]
    return requests.answer(200, {"FunctionEventInvokeConfigs": shown})


def _configs(response: Any) -> tuple[Any, str, dict[str, dict[str, Any]]]:
    function, qualifier = requests.function_in(response, qualified=True)
    kept: dict[str, dict[str, Any]] = vars(function).setdefault("labkit_invoke_configs", {})
    return function, qualifier or "$LATEST", kept


def _one(function: Any, qualifier: str, kept: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    if qualifier not in kept:
        not_found(f"The function {fleets.bare_arn(function)}:{qualifier} doesn't have an EventInvokeConfig")
    return kept[qualifier]


def _shown(function: Any, qualifier: str, config: Mapping[str, Any]) -> dict[str, Any]:
    return {"FunctionArn": f"{fleets.bare_arn(function)}:{qualifier}", **config}


def _keep(response: Any, *, merge: bool) -> Answer:
    function, qualifier, kept = _configs(response)
    given = requests.body_of(response)
    requests.check("PutFunctionEventInvokeConfig", given)
    names = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
    settings = {name: given[name] for name in names if given.get(name) is not None}
    if not settings:
        invalid("You must specify at least one of error handling or destination setting.")
    _check_destinations(response.backend, function, settings.get("DestinationConfig") or {})
    before = _one(function, qualifier, kept) if merge else {}
    destinations = {"OnSuccess": {}, "OnFailure": {}} | (before.get("DestinationConfig") or {})
    destinations |= settings.get("DestinationConfig") or {}
    now = current().clock.time()
    kept[qualifier] = before | settings | {"DestinationConfig": destinations, "LastModified": now}
    return requests.answer(200, _shown(function, qualifier, kept[qualifier]))


def _check_destinations(backend: Any, function: Any, given: Mapping[str, Any]) -> None:
    for which in ("OnSuccess", "OnFailure"):
        target = (given.get(which) or {}).get("Destination")
        if not target:
            continue
        service = target.split(":")[2] if target.count(":") >= 5 else ""
        if service not in _DESTINATIONS or (service == "s3" and which == "OnSuccess"):
            invalid(f"The provided destination config DestinationConfig is invalid: {target}")
        if service == "lambda" and target == fleets.bare_arn(function):
            invalid("You can't specify the function as a destination for itself.")


# -- recursion ---------------------------------------------------------------------------------------


@hook("moto.awslambda.responses:LambdaResponse.put_function_recursion_config", kind="new")
def put_function_recursion_config(self: Any) -> Answer:
    """PutFunctionRecursionConfig: whether Lambda stops loops through this function."""
    function, _ = requests.function_in(self)
    given = requests.body_of(self)
    requests.check("PutFunctionRecursionConfig", given)
    function.labkit_recursion = given["RecursiveLoop"]
    return requests.answer(200, {"RecursiveLoop": function.labkit_recursion})


@hook("moto.awslambda.responses:LambdaResponse.get_function_recursion_config", kind="new")
def get_function_recursion_config(self: Any) -> Answer:
    """GetFunctionRecursionConfig."""
    function, _ = requests.function_in(self)
    return requests.answer(200, {"RecursiveLoop": getattr(function, "labkit_recursion", "Terminate")})


# -- the old way -------------------------------------------------------------------------------------


@hook("moto.awslambda.responses:LambdaResponse.invoke_async")
def invoke_async(original: Any, self: Any) -> Answer:
    """InvokeAsync, deprecated: as Invoke with InvocationType Event, with the old limit of 256 KB."""
    from moto.moto_api._internal import mock_random

    request_id = str(mock_random.uuid4())
    body = self.body if isinstance(self.body, bytes) else str(self.body or "").encode()
    function, via = calls.choose(self.backend, requests.name_in(self), None, request_id)
    try:
        calls.check(body, "InvokeAsync")
        asynchronous.later(function, via, body.decode() or "{}", request_id)
    except calls.Refusal as refusal:
        requests.refuse(refusal.status, refusal.code, str(refusal))
    return requests.answer(202, {})
