"""API calls that go wrong on purpose: the faults `api.error` and `api.throttle`.

    lab.faults.put("api.throttle", 0.3, service="dynamodb", action="PutItem", target="orders", lasting=60)

`service` and `action` narrow a fault to botocore's names. boto3 meets the error below its own retries, as on AWS: it
tries again after waits that take no real time, and only what still fails reaches the caller.

Source of codes and status: https://docs.aws.amazon.com/awssupport/latest/APIReference/CommonErrors.html
(InternalFailure 500, ThrottlingException 400); the query protocol's older name for the second is Throttling.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from labkit.sandbox import enforcement

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

_FAULTS: Final = {
    "api.error": (500, "InternalFailure", "The request processing has failed because of an unknown error."),
    "api.throttle": (400, "ThrottlingException", "Rate exceeded"),
}


def struck(sandbox: Sandbox, request: Any) -> tuple[int, dict[str, str], str] | None:
    """The error that a request gets when a fault strikes it, or None."""
    call = enforcement.call_now()
    if call is None or not call.operation:
        return None
    from labkit.sandbox.dispatch import resource_of

    target = resource_of(call.params)
    for name, (status, code, message) in _FAULTS.items():
        about = sandbox.faults.details(name, target)
        if about.get("service", call.service) != call.service:
            continue
        if about.get("action", call.operation) != call.operation:
            continue
        # Each call and each attempt of boto3 has its own fate.
        whom = (
            call.service,
            call.operation,
            sandbox.trace.mark(),
            str(request.headers.get("amz-sdk-request")),
        )
        if sandbox.faults.strikes(name, *whom, target=target):
            from labkit.sandbox.enforcement import errors

            if code == "ThrottlingException" and errors.protocol_of(call.service, request) == "query":
                code = "Throttling"
            return errors.failure(call.service, request, status, code, message)
    return None
