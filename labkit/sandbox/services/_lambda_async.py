"""Asynchronous calls: Lambda's own queue of events, its retries, and where events and results go in the end.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html (two retries after 1 and 2
minutes; throttled events return to the queue, from 1 second to 5 minutes, for up to 6 hours),
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html (destinations, their record,
dead-letter queues and their attributes).
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from labkit.errors import LabkitError
from labkit.sandbox import current, delivery, lineage
from labkit.sandbox.parcels import Parcel
from labkit.sandbox.runtime import Result
from labkit.sandbox.services import _lambda_calls as calls
from labkit.sandbox.services import _lambda_fleet as fleets
from labkit.sandbox.services import _lambda_metrics as metrics
from labkit.sandbox.services import _lambda_roles as roles

RETRY_AFTER: Final = (60.0, 120.0)
"""Seconds before the second and the third attempt of an event whose function failed."""
MOST_AGE: Final = 21_600.0
"""Seconds an event is kept by default: 6 hours."""
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 300.0
_LONGEST_MESSAGE: Final = 1_024
"""ErrorMessage of a dead letter is cut here."""


class Event(NamedTuple):
    """An event in Lambda's queue: plain values, so that it can wait on the clock.

    `via` is the qualifier it was called by, `tries` how often the function ran with it, `held` how often it was
    throttled or met an error of Lambda, `born` when it was accepted.
    """

    account: str
    region: str
    name: str
    version: str
    via: str
    payload: str
    request_id: str
    header: str
    born: float
    tries: int = 0
    held: int = 0


def later(function: Any, via: str, payload: str, request_id: str, header: str = "") -> None:
    """Accept an event: the function runs as soon as the account is looked at again."""
    calls.check_runs_here(function)
    clock = current().clock
    event = Event(
        function.account_id, function.region, function.function_name, calls.version_of(function), via, payload,
        request_id, header or lineage.carried(), clock.time(),
    )  # fmt: skip
    metrics.count(function, "AsyncEventsReceived")
    clock.schedule(clock.time(), attempt, *event)


def attempt(*fields: Any) -> None:
    """Due work: one attempt to have the function work on an event."""
    event, now = Event(*fields), current().clock.time()
    function = _function(event)
    if function is None:
        return _gone(event)
    config = config_for(function, event.via)
    if now - event.born > float(config.get("MaximumEventAgeInSeconds", MOST_AGE)):
        return _give_up(function, event, "EventAgeExceeded", None, 429 if event.held else 200)
    if fleets.reserved_for(fleets.backend_of(function), event.name) == 0:
        # Switched off: such events are not kept for later.
        return _give_up(function, event, "RetriesExhausted", None, 429, "Rate Exceeded.")
    begun = event._replace(tries=event.tries + 1)
    try:
        calls.begin(
            function, event.via, event.payload.encode(), event.request_id, ended, *begun,
            header=event.header,
            about={"InvocationType": "Event", "Attempt": begun.tries, "PayloadBytes": len(event.payload.encode())},
        )  # fmt: skip
    except calls.Recursion as error:
        _give_up(function, event, "RetriesExhausted", None, error.status, str(error))
    except (calls.Throttled, calls.Refusal):
        wait = min(_FIRST_WAIT * 2**event.held, _LONGEST_WAIT)
        current().clock.schedule(now + wait, attempt, *event._replace(held=event.held + 1))
    except LabkitError as error:  # it cannot run here at all
        _drop(function, event, str(error))


def ended(result: Result | None, *fields: Any) -> None:
    """The function has worked on an event. `result` is None when its environment was lost."""
    event, clock = Event(*fields), current().clock
    function = _function(event)
    if result is None:
        clock.schedule(clock.time(), attempt, *event._replace(tries=event.tries - 1))
    elif function is None:
        _gone(event)
    elif result.error is None:
        _tell(function, event, "OnSuccess", "Success", result)
    elif event.tries <= int(config_for(function, event.via).get("MaximumRetryAttempts", len(RETRY_AFTER))):
        clock.schedule(clock.time() + RETRY_AFTER[event.tries - 1], attempt, *event)
    else:
        _give_up(function, event, "RetriesExhausted", result)


def config_for(function: Any, via: str) -> dict[str, Any]:
    """The settings for asynchronous calls through a qualifier; none are set for others."""
    latest = fleets.newest(fleets.backend_of(function), function.function_name)
    kept: dict[str, dict[str, Any]] = getattr(latest, "labkit_invoke_configs", {})
    return kept.get(via or "$LATEST", {})


def _function(event: Event) -> Any:
    from moto.awslambda.models import lambda_backends

    try:
        return lambda_backends[event.account][event.region].get_function(event.name, event.version)
    except Exception:  # moto's own error: the function or version was deleted meanwhile
        return None


# -- the end of an event -----------------------------------------------------------------------------


def _gone(event: Event) -> None:
    arn = f"arn:aws:lambda:{event.region}:{event.account}:function:{event.name}"
    current().trace.record(
        "refused", "lambda", "EventDropped", resource=arn, error="ResourceNotFoundException",
        note="The function was deleted, and its events with it.", params={"RequestId": event.request_id},
    )  # fmt: skip


def _drop(function: Any, event: Event, note: str, error: str = "") -> None:
    metrics.count(function, "AsyncEventsDropped")
    current().trace.record(
        "refused", "lambda", "EventDropped", resource=fleets.bare_arn(function), note=note, error=error,
        params={"RequestId": event.request_id, "Attempts": event.tries},
    )  # fmt: skip


def _give_up(
    function: Any, event: Event, condition: str, result: Result | None, code: int = 200, message: str = ""
) -> None:
    """No attempt is left: the event goes to the dead-letter queue and a record to the failure destination."""
    told = _tell(function, event, "OnFailure", condition, result)
    target = dead_letter_of(function)
    if target:
        error = result.error if result else None
        text = error.message if error else message
        attributes = {
            "RequestID": {"DataType": "String", "StringValue": event.request_id},
            "ErrorCode": {"DataType": "Number", "StringValue": str(code)},
            "ErrorMessage": {"DataType": "String", "StringValue": (text or condition)[:_LONGEST_MESSAGE]},
        }
        options = (("MessageAttributes", json.dumps(attributes)), (lineage.ATTRIBUTE, event.header))
        delivery.send(
            _parcel(function, event, target, event.payload, "DeadLetterConfig")._replace(options=options)
        )
    if not told and not target:
        _drop(function, event, f"{condition}. It has no destination and no dead-letter queue: it is gone.")


def dead_letter_of(function: Any) -> str:
    """The ARN of a function's dead-letter queue or topic, or nothing."""
    kept = getattr(function, "labkit_settings", {}).get("DeadLetterConfig") or {}
    return str(kept.get("TargetArn") or "")


def _tell(function: Any, event: Event, which: str, condition: str, result: Result | None) -> bool:
    """Send a record to the destination for this outcome. Returns whether there is one."""
    config = config_for(function, event.via).get("DestinationConfig") or {}
    target = (config.get(which) or {}).get("Destination")
    if not target:
        return False
    record = invocation_record(function, event, condition, result)
    parcel = _parcel(function, event, target, json.dumps(record), which)
    if delivery.kind_of(target) == "arn:events":
        outcome = "Success" if which == "OnSuccess" else "Failure"
        parcel = parcel._replace(
            options=(
                ("Source", "lambda"),
                ("DetailType", f"Lambda Function Invocation Result - {outcome}"),
                ("Resources", json.dumps([record["requestContext"]["functionArn"], target])),
            )
        )
    delivery.send(parcel._replace(options=(*parcel.options, (lineage.ATTRIBUTE, event.header))))
    return True


def invocation_record(function: Any, event: Event, condition: str, result: Result | None) -> dict[str, Any]:
    """What destinations get, version 1.0 of AWS's record."""
    at = current().clock.now()
    version = calls.version_of(function)
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z",
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": f"{fleets.bare_arn(function)}:{event.via or version}",
            "condition": condition,
            "approximateInvokeCount": event.tries,
        },
        "requestPayload": json.loads(event.payload or "{}"),
    }
    if result is not None:
        record["responseContext"] = {"statusCode": 200, "executedVersion": version}
        if result.error:
            record["responseContext"]["functionError"] = result.function_error
        record["responsePayload"] = json.loads(result.payload or b"null")
    return record


def _parcel(function: Any, event: Event, target: str, body: str, via: str) -> Parcel:
    return Parcel(
        sender="lambda", source=fleets.bare_arn(function), target=target, body=body, principal=roles.SERVICE,
        role=function.role, via=via, id=event.request_id,
    )  # fmt: skip
