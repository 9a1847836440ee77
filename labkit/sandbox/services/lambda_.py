"""AWS Lambda in the lab's account.

Simulated here:
- Python functions really run, from a zip file, with layers, environment variables, time-out and memory limit.
- An execution environment keeps its modules and its /tmp between calls, and serves one call at a time.
- Synchronous and asynchronous Invoke, DryRun, versions, aliases and weighted aliases (Qualifier).
- Asynchronous calls are tried again after 1 and after 2 minutes on the lab's clock.
- A function's boto3 reaches this account. Its `time.sleep` passes the lab's time at once.
- What a function prints is in CloudWatch Logs, with START, END and REPORT lines.

Differs on AWS:
- Every Python runtime runs on the Python of this machine. The boto3 of the lab is used.
- CPU does not grow with memory. A call ends after 10 real seconds at the latest.

Not simulated:
- Other runtimes than Python, container images, function URLs, response streaming, SnapStart.

Sources:
- https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html (two retries, 1 and 2 minutes)
- https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (kinds of calls, headers, errors)
- Payload limits: botocore's model, lambda/2015-03-31/service-2.json, Invoke.
"""

from __future__ import annotations

import base64
import json
from typing import Any, Final
from urllib.parse import unquote

from moto.moto_api._internal import mock_random

from labkit.sandbox import delivery, lineage
from labkit.sandbox.hooks import hook
from labkit.sandbox.services import _lambda_async as asynchronous
from labkit.sandbox.services import _lambda_calls as calls
from labkit.sandbox.services import _lambda_deliveries as deliveries
from labkit.sandbox.services import _lambda_limits, _lambda_policy, _lambda_settings, _lambda_urls, _lambda_versions
from labkit.sandbox.services._lambda_calls import Refusal, Throttled

_TAIL: Final = 4_096
"""Bytes of the log that `LogType="Tail"` gives back: the last 4 KB (API reference, Invoke)."""

HOOKS: Final = (_lambda_limits, _lambda_policy, _lambda_settings, _lambda_urls, _lambda_versions)
"""Modules that change moto beside this one."""

Answer = tuple[int, dict[str, str], str | bytes]


@hook("moto.awslambda.responses:LambdaResponse.invoke")
def invoke(original: Any, self: Any) -> Answer:
    """Invoke: find the function, check the payload, run it now or put it on the clock."""
    name = unquote(self.path.rsplit("/", 2)[-2])
    qualifier = (self.querystring.get("Qualifier") or [None])[0]
    kind = self.headers.get("X-Amz-Invocation-Type", "RequestResponse")
    body = self.body if isinstance(self.body, bytes) else str(self.body or "").encode()
    request_id = str(mock_random.uuid4())
    function, via = calls.choose(self.backend, name, qualifier, request_id)
    header = self.headers.get(lineage.HEADER, "")
    try:
        calls.check(body, kind)
        if kind == "DryRun":
            return 204, {"status": "204"}, ""
        if kind == "Event":
            asynchronous.later(function, via, body.decode() or "{}", request_id, header)
            return 202, {"status": "202"}, ""
        context = _client_context(self.headers.get("X-Amz-Client-Context"))
        result = calls.run(
            function, via, body or b"{}", request_id, header=header, client_context=context,
            about={"InvocationType": "RequestResponse"},
        )  # fmt: skip
    except Throttled as throttled:
        return _throttled(throttled)
    except Refusal as refusal:
        headers = {"status": str(refusal.status), "x-amzn-errortype": refusal.code}
        return refusal.status, headers, json.dumps({"Type": "User", "message": str(refusal)})
    headers = {"content-type": "application/json", "x-amz-executed-version": calls.version_of(function)}
    if result.error:
        headers["x-amz-function-error"] = result.function_error
    if self.headers.get("X-Amz-Log-Type") == "Tail":
        headers["x-amz-log-result"] = base64.b64encode(result.logs.encode()[-_TAIL:]).decode()
    return 200, headers, result.payload


def _client_context(given: str | None) -> dict[str, Any] | None:
    if not given:
        return None
    try:
        found = json.loads(base64.b64decode(given))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        text = f"Client context must be a valid Base64-encoded JSON object: {given}"
        raise Refusal(400, "InvalidRequestContentException", text)
    return found


def _throttled(throttled: Throttled) -> Answer:
    headers = {
        "status": str(throttled.status), "x-amzn-errortype": throttled.code,
        "Retry-After": str(throttled.retry_after),
    }  # fmt: skip
    body = {
        "retryAfterSeconds": str(throttled.retry_after), "Type": "User", "Reason": throttled.reason,
        "message": str(throttled),
    }  # fmt: skip
    return throttled.status, headers, json.dumps(body)


@hook("moto.awslambda.models:LambdaFunction._invoke_lambda")
def invoke_lambda(original: Any, self: Any, event: Any = None) -> tuple[str, bool, str]:
    """Every other way into a function inside moto: run the code instead of starting Docker."""
    payload = event if isinstance(event, str) else json.dumps(event if event is not None else {})
    try:
        result = calls.run(self, "", payload.encode(), str(mock_random.uuid4()))
    except (Throttled, Refusal) as error:
        return json.dumps({"errorType": error.code, "errorMessage": str(error)}), True, ""
    return result.payload.decode(), result.error is not None, result.logs


delivery.receives(
    "arn:lambda",
    delivery.Receiver(("lambda:InvokeFunction",), deliveries.accept, find=deliveries.find),
)
delivery.sends("lambda", delivery.Sender(ended=deliveries.ended))
