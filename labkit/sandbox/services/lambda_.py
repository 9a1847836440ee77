"""AWS Lambda in the lab's account.

Simulated here:
- Python functions really run, from a zip file or S3, with layers, environment variables, time-out and memory limit.
  Node.js functions run where the machine has Node (Linux).
- An execution environment keeps its modules and its /tmp between calls, and serves one call at a time.
- Invoke in all kinds (RequestResponse, Event, DryRun), InvokeAsync; versions, aliases, weighted aliases, Qualifier,
  ExecutedVersion, FunctionError, LogResult, ClientContext; AWS's payload limits and errors.
- A function calls AWS as its execution role; what the role does not allow is refused. Without the rights for logs
  there is no log. What a function prints is in CloudWatch Logs, with START, END and REPORT lines, as text or JSON.
- Settings are checked at creation and change: role, runtime, handler, sizes, layers, environment variables (4 KB,
  reserved names), dead-letter queue. RevisionId, State and LastUpdateStatus; the waiters work and take no time.
- Resource policies for each version and alias decide who may invoke. Function URLs (payload format 2.0, CORS, AuthType
  NONE and AWS_IAM) answer `requests` in the notebook and the account's endpoint; both permissions are needed.
- Concurrency: the account's 1,000, reserved concurrency as guarantee and limit, 100 unreserved, 1,000 new environments
  in 10 seconds; 429 with its reason. Functions that sleep run side by side on the lab's clock.
- Asynchronous calls: retries after 1 and 2 minutes, throttled events for up to 6 hours, maximum age, dead-letter
  queues and destinations with AWS's record, sent with the role's rights; settings for each qualifier.
- Loops through Lambda, SQS and SNS are stopped after 16 runs of a function (PutFunctionRecursionConfig).
- Metrics (Invocations, Errors, Duration, Throttles, ConcurrentExecutions, AsyncEventsReceived, AsyncEventsDropped,
  DeadLetterErrors, DestinationDeliveryFailures), once the notebook has used CloudWatch.

Differs on AWS:
- Every Python runtime runs on the Python of this machine, with the lab's boto3; every Node.js runtime on its Node,
  without an SDK for JavaScript and without a way to the account.
- CPU does not grow with memory. A call ends after 10 real seconds at the latest.
- A function is Active, and a change is done, at once; AWS takes some seconds.
- An environment is gone after 15 idle minutes and after 6 hours at the latest; AWS gives no figures.
- Signatures of requests to function URLs are not checked, only who sends them. Replies are never streamed.
- Of a loop that was stopped, the record's condition is RetriesExhausted. The words of a few errors are ours: deleting a
  version in use, destinations of a wrong kind, the target of a dead-letter queue.
- Rights of the role for destinations are asked when a record is sent. The code's Location cannot be fetched.

Not simulated:
- Other runtimes, container images, response streaming, provisioned concurrency, SnapStart (the setting is kept).
- S3 buckets as destinations, code signing, file systems, VPCs and KMS keys of functions (the settings are kept).
- Managed Instances, durable functions, tenant isolation, MicroVMs.

Sources:
- https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html and invocation-async-retain-records
- https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html and scaling-behavior.html
- https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html and urls-auth.html
- https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
- https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (kinds of calls, headers, errors)
- Limits of the API: botocore's model, lambda/2015-03-31/service-2.json. More sources stand in the parts.
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
from labkit.sandbox.services import (
    _lambda_limits,
    _lambda_policy,
    _lambda_settings,
    _lambda_urls,
    _lambda_versions,
)
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
    delivery.Receiver(
        ("lambda:InvokeFunction",), deliveries.accept, find=deliveries.find, call=deliveries.call
    ),
)
delivery.sends("lambda", delivery.Sender(ended=deliveries.ended))
