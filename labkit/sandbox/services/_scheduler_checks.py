"""What CreateSchedule and UpdateSchedule refuse.

Words of errors: the form of model errors is that of all services of this framework; "Invalid Schedule Expression",
"The execution role you provide ..." and "Provided Arn is not in correct format." were seen on AWS. The other
sentences are ours, with AWS's code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from moto.scheduler.exceptions import ValidationException

from labkit.sandbox import current
from labkit.sandbox.constraints import Broken, check
from labkit.sandbox.schedules import Expression, InvalidSchedule, UnknownTimezone, zone_of

PRINCIPAL: Final = "scheduler.amazonaws.com"
UNIVERSAL: Final = "arn:aws:scheduler:::aws-sdk:"
_LARGEST_INPUT: Final = 256 * 1024
"""Bytes of Input (model of CreateSchedule in botocore, Target)."""
_GRACE: Final = 300.0
_TEMPLATED: Final = {
    "sqs": "", "sns": "", "lambda": "", "states": "", "firehose": "", "codebuild": "", "codepipeline": "",
    "inspector": "", "events": "EventBridgeParameters", "kinesis": "KinesisParameters", "ecs": "EcsParameters",
    "sagemaker": "SageMakerPipelineParameters",
}  # fmt: skip
"""Services with templated targets -> the block that AWS needs for them (user guide, "Using templated targets")."""
_NEED_JSON: Final = ("lambda", "states", "events")
_READ_ONLY: Final = (
    "get", "describe", "list", "poll", "receive", "search", "scan", "query", "select", "read", "lookup",
    "discover", "validate", "batchGet", "batchDescribe", "batchRead", "transactGet", "adminGet", "adminList",
    "testMigration", "retrieve", "testConnection", "translateDocument", "isAuthorized", "invokeModel",
)  # fmt: skip
"""Beginnings of the actions that universal targets do not support (user guide, "Using universal targets")."""


def check_schedule(params: Mapping[str, Any], operation: str, group_arn: str) -> Expression:
    """The expression of a schedule that AWS would take. Raises moto's `ValidationException`."""
    try:
        check("scheduler", operation, params)
    except Broken as broken:
        raise ValidationException(str(broken)) from None
    try:
        expression = Expression.parse(params["ScheduleExpression"], "scheduler")
        zone_of(params.get("ScheduleExpressionTimezone") or "UTC")
    except InvalidSchedule as wrong:
        raise ValidationException(wrong.message) from None
    except UnknownTimezone as wrong:
        raise ValidationException(f"Invalid ScheduleExpressionTimezone {wrong}.") from None
    _check_window(params.get("FlexibleTimeWindow") or {})
    if expression.recurring:
        _check_dates(params.get("StartDate"), params.get("EndDate"))
    _check_target(params.get("Target") or {})
    _check_role(str(params["Target"]["RoleArn"]), group_arn)
    return expression


def _check_window(window: Mapping[str, Any]) -> None:
    length = window.get("MaximumWindowInMinutes")
    if window.get("Mode") == "FLEXIBLE" and length is None:
        raise ValidationException("A flexible time window needs MaximumWindowInMinutes.")
    if window.get("Mode") == "OFF" and length is not None:
        raise ValidationException("MaximumWindowInMinutes is only for flexible time windows.")


def _check_dates(start: float | None, end: float | None) -> None:
    if start is not None and start < current().clock.time() - _GRACE:
        raise ValidationException("The StartDate you specify cannot be earlier than 5 minutes ago.")
    if start is not None and end is not None and end <= start:
        raise ValidationException("The EndDate you specify must be later than the StartDate.")


def _check_target(target: Mapping[str, Any]) -> None:
    arn, text = str(target["Arn"]), target.get("Input")
    if text is not None and len(text.encode()) > _LARGEST_INPUT:
        raise ValidationException("The Input of the target is larger than 256 KB.")
    if arn.startswith(UNIVERSAL):
        _check_universal(arn, text)
        return
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or parts[2] not in _TEMPLATED or not parts[5]:
        raise ValidationException("Provided Arn is not in correct format.")
    service = parts[2]
    if service == "events" and not parts[5].startswith("event-bus/"):
        raise ValidationException("Provided Arn is not in correct format.")
    needed = _TEMPLATED[service]
    if needed and not target.get(needed):
        raise ValidationException(f"{needed} is required for this target.")
    for block in _TEMPLATED.values():
        if block and block != needed and target.get(block):
            raise ValidationException(f"{block} is not supported for this target.")
    group = (target.get("SqsParameters") or {}).get("MessageGroupId")
    if service == "sqs" and arn.endswith(".fifo") and not group:
        raise ValidationException("SqsParameters with a MessageGroupId is required for a FIFO queue.")
    if service in _NEED_JSON and text is not None and not _is_json(text, must_be_object=service == "events"):
        raise ValidationException("The Input of this target must be well-formed JSON.")


def _check_universal(arn: str, text: str | None) -> None:
    service, _, action = arn.removeprefix(UNIVERSAL).partition(":")
    if not service or not action or ":" in action:
        raise ValidationException("Provided Arn is not in correct format.")
    if action.startswith(_READ_ONLY):
        raise ValidationException(f"The API action {action} only reads. It is not supported as a target.")
    if text is not None and not _is_json(text, must_be_object=True):
        raise ValidationException("The Input of a universal target must be a JSON object.")


def _is_json(text: str, *, must_be_object: bool) -> bool:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) or not must_be_object


def _check_role(arn: str, group_arn: str) -> None:
    from labkit.sandbox.authorization.account import trusts

    context = {"aws:SourceArn": group_arn, "aws:SourceAccount": group_arn.split(":")[4]}
    if not trusts(arn, PRINCIPAL, context).allowed:
        raise ValidationException(
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
        )
