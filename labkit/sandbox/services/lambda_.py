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
- A function's own calls are not limited by its role, and resource policies refuse nobody.
- CPU does not grow with memory. A call ends after 10 real seconds at the latest.

Not simulated:
- Other runtimes than Python, container images, function URLs, response streaming, SnapStart.
- Concurrency limits, dead-letter queues, destinations and event source mappings of functions.

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

from labkit.sandbox.hooks import hook
from labkit.sandbox.services import _lambda_calls as calls
from labkit.sandbox.services._lambda_calls import Refusal

_TAIL: Final = 4_096
"""Bytes of the log that `LogType="Tail"` gives back: the last 4 KB (API reference, Invoke)."""


@hook("moto.awslambda.responses:LambdaResponse.invoke")
def invoke(original: Any, self: Any) -> tuple[int, dict[str, str], str | bytes]:
    """Invoke: find the function, check the payload, run it now or put it on the clock."""
    name = unquote(self.path.rsplit("/", 2)[-2])
    qualifier = (self.querystring.get("Qualifier") or [None])[0]
    kind = self.headers.get("X-Amz-Invocation-Type", "RequestResponse")
    body = self.body if isinstance(self.body, bytes) else str(self.body or "").encode()
    request_id = str(mock_random.uuid4())
    function, via = calls.choose(self.backend, name, qualifier, request_id)
    try:
        calls.check(body, kind)
    except Refusal as refusal:
        headers = {"status": str(refusal.status), "x-amzn-errortype": refusal.code}
        return refusal.status, headers, json.dumps({"Type": "User", "message": str(refusal)})
    if kind == "DryRun":
        return 204, {"status": "204"}, ""
    if kind == "Event":
        calls.later(function, via, body.decode() or "{}", request_id)
        return 202, {"status": "202"}, ""
    result = calls.run(function, via, body or b"{}", request_id)
    headers = {"content-type": "application/json", "x-amz-executed-version": calls.version_of(function)}
    if result.error:
        headers["x-amz-function-error"] = "Unhandled"
    if self.headers.get("X-Amz-Log-Type") == "Tail":
        headers["x-amz-log-result"] = base64.b64encode(result.logs.encode()[-_TAIL:]).decode()
    return 200, headers, result.payload


@hook("moto.awslambda.models:LambdaFunction._invoke_lambda")
def invoke_lambda(original: Any, self: Any, event: Any = None) -> tuple[str, bool, str]:
    """Every other way into a function inside moto: run the code instead of starting Docker."""
    payload = event if isinstance(event, str) else json.dumps(event if event is not None else {})
    result = calls.run(self, "", payload.encode(), str(mock_random.uuid4()))
    return result.payload.decode(), result.error is not None, result.logs
