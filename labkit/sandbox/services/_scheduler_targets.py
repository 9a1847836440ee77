"""What a schedule sends, and universal targets, which are API calls.

Sources: the user guide of EventBridge Scheduler, "Adding context attributes", "Configuring a schedule's dead-letter
queue" (its attributes), "Using universal targets", "Confused deputy prevention" (aws:SourceArn is the schedule group).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from labkit.sandbox import current
from labkit.sandbox.authorization.clients import failed, fitted, in_role
from labkit.sandbox.delivery import Letter
from labkit.sandbox.parcels import Failure, Parcel, Phase, Refused, Retry
from labkit.sandbox.services._scheduler_checks import PRINCIPAL, UNIVERSAL

_DOUBLING, _LONGEST_WAIT, _JITTER = 10, 512.0, 0.1
"""Retries wait 1, 2, 4 ... 512 s, then 512 s each, so the default of 185 retries lasts about the default of 24 hours.
AWS says "exponential backoff" without figures."""
_NAMES: Final = {
    "sfn": "stepfunctions", "eventbridge": "events", "cloudwatchlogs": "logs", "elasticloadbalancingv2": "elbv2",
    "cognitoidentityprovider": "cognito-idp", "applicationautoscaling": "application-autoscaling",
    "databasemigration": "dms", "costexplorer": "ce", "bedrockruntime": "bedrock-runtime", "sesv2": "sesv2",
}  # fmt: skip
"""Services as universal targets name them -> as boto3 does, where the names differ."""


def written(when: float) -> str:
    """A moment as Scheduler writes it, such as 2022-03-22T18:59:43Z."""
    return f"{datetime.fromtimestamp(when, UTC):%Y-%m-%dT%H:%M:%SZ}"


def parcel(schedule: Any, when: float, ends: int) -> Parcel:
    """What one run sends. `ends`: the schedule is over with it, in this life of it."""
    target = schedule.target
    policy = target.get("RetryPolicy") or {}
    execution = f"{current().faults.dice('scheduler.execution', schedule.arn, when).getrandbits(64):016x}"
    return Parcel(
        sender="scheduler", source=schedule.arn, target=target["Arn"], body=_body(schedule, when, execution),
        principal=PRINCIPAL, role=target["RoleArn"], id=execution, options=_options(target),
        about=(("when", when), ("group", schedule.group_name), ("ends", ends)),
        retry=_plan(policy.get("MaximumRetryAttempts", 185), policy.get("MaximumEventAgeInSeconds", 86_400)),
        dead_letter=(target.get("DeadLetterConfig") or {}).get("Arn") or "",
    )  # fmt: skip


def _plan(times: int, age: float) -> Retry:
    doubling = min(times, _DOUBLING)
    first = (
        Phase(doubling, 1.0, 2.0 ** (doubling - 1), "exponential")
        if doubling > 1
        else Phase(doubling, 1.0, 1.0)
    )
    return Retry((first, Phase(times - doubling, _LONGEST_WAIT, _LONGEST_WAIT)), float(age), _JITTER)


def _options(target: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    if group := (target.get("SqsParameters") or {}).get("MessageGroupId"):
        return (("MessageGroupId", group),)
    if kinesis := target.get("KinesisParameters"):
        return (("PartitionKey", kinesis["PartitionKey"]),)
    if ecs := target.get("EcsParameters"):
        return (("EcsParameters", json.dumps(ecs)),)
    return ()


def _body(schedule: Any, when: float, execution: str) -> str:
    target = schedule.target
    text = target.get("Input")
    if block := target.get("EventBridgeParameters"):
        detail = json.loads(text) if text else {}
        return json.dumps(
            _event(schedule.arn, when, execution, block["DetailType"], block["Source"], [], detail)
        )
    if text is None and target["Arn"].startswith(UNIVERSAL):
        return "{}"
    if text is None:
        # The default notification carries its detail as a text, unlike events of EventBridge.
        return json.dumps(
            _event(schedule.arn, when, execution, "Scheduled Event", "aws.scheduler", [schedule.arn], "{}")
        )
    return str(text)


def _event(
    arn: str, when: float, execution: str, kind: str, source: str, resources: list[str], detail: Any
) -> dict[str, Any]:
    parts = arn.split(":")
    seed = current().faults.dice("scheduler.event", arn, execution)
    number = f"{seed.getrandbits(128):032x}"
    identity = "-".join((number[:8], number[8:12], number[12:16], number[16:20], number[20:]))
    return {
        "version": "0", "id": identity, "detail-type": kind, "source": source, "account": parts[4],
        "time": written(when), "region": parts[3], "resources": resources, "detail": detail,
    }  # fmt: skip


# -- around a delivery -------------------------------------------------------------------------------


def prepare(parcel: Parcel) -> Parcel:
    """The parcel of one attempt, with the context attributes filled in."""
    values = {
        "schedule-arn": parcel.source,
        "scheduled-time": written(parcel.told("when")),
        "execution-id": parcel.id,
        "attempt-number": str(parcel.attempt),
    }
    body = parcel.body
    for name, value in values.items():
        body = body.replace(f"<aws.scheduler.{name}>", value)
    return parcel._replace(body=body)


def letter(parcel: Parcel, failure: Failure) -> Letter:
    """What goes into the dead-letter queue."""
    attributes = {
        "ERROR_CODE": failure.code,
        "ERROR_MESSAGE": failure.message,
        "EXECUTION_ID": parcel.id,
        "EXHAUSTED_RETRY_CONDITION": failure.condition,
        "IS_PAYLOAD_TRUNCATED": "false",
        "RETRY_ATTEMPTS": str(failure.retried),
        "SCHEDULED_TIME": written(parcel.told("when")),
        "SCHEDULE_ARN": parcel.source,
        "TARGET_ARN": parcel.target,
    }
    return Letter(prepare(parcel).body, tuple((name, value) for name, value in attributes.items() if value))


def group_of(parcel: Parcel) -> str:
    """The ARN of the schedule group: it is what aws:SourceArn shows."""
    return group_arn(parcel.source)


def group_arn(schedule_arn: str) -> str:
    """The ARN of the group of a schedule."""
    head, _, name = schedule_arn.rpartition(":schedule/")
    return f"{head}:schedule-group/{name.partition('/')[0]}"


# -- universal targets -------------------------------------------------------------------------------


def call(parcel: Parcel) -> str:
    """Make the API call of a universal target, in the role of the schedule; returns the call's request id."""
    from botocore.exceptions import ClientError, ParamValidationError

    client = _client(parcel)
    wanted = parcel.target.removeprefix(UNIVERSAL).partition(":")[2].lower()
    operation = next(
        (one for one in client.meta.service_model.operation_names if one.lower() == wanted), None
    )
    if operation is None:
        raise Refused("UnknownOperationException", f"There is no API action {parcel.target}.")
    shape = client.meta.service_model.operation_model(operation).input_shape
    try:
        params = fitted(json.loads(parcel.body), shape)
        answer = client._make_api_call(operation, params)
    except ParamValidationError as error:
        raise Refused("ValidationException", str(error)) from None
    except ValueError as error:
        raise Refused("ValidationException", f"The input is not JSON: {error}") from None
    except ClientError as error:
        raise failed(error) from None
    return str(answer.get("ResponseMetadata", {}).get("RequestId", ""))


def _client(parcel: Parcel) -> Any:
    from botocore.exceptions import UnknownServiceError

    from labkit.sandbox.authorization.account import issue_session, trusts

    context = {"aws:SourceArn": group_of(parcel), "aws:SourceAccount": parcel.source.split(":")[4]}
    decision = trusts(parcel.role, PRINCIPAL, context)
    keys = issue_session(parcel.role, parcel.id) if decision.allowed else None
    if keys is None:
        raise Refused("AccessDenied", decision.aws_message, decision.sentence)
    name = parcel.target.removeprefix(UNIVERSAL).partition(":")[0].lower()
    try:
        return in_role(_NAMES.get(name, name), parcel.source.split(":")[3], keys)
    except (UnknownServiceError, ValueError):
        raise Refused("UnknownServiceException", f"There is no service {name}.") from None
