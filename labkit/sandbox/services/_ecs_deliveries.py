"""Clusters as targets of rules and schedules: each delivery is one RunTask in the role of the target.

Sources: botocore's models, events/2015-10-07 EcsParameters and scheduler/2021-06-30 EcsParameters (the fields);
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html (the role needs ecs:RunTask and
iam:PassRole); https://docs.aws.amazon.com/AmazonECS/latest/developerguide/tasks-scheduled-eventbridge-scheduler.html.
An input of the form `{"containerOverrides": [...]}` becomes the task's overrides.
"""

from __future__ import annotations

import json
from typing import Any, Final

from labkit.sandbox.authorization.clients import failed, fitted, in_role
from labkit.sandbox.parcels import Parcel, Refused, Unavailable

_RENAMED: Final = {"TaskDefinitionArn": "taskDefinition", "TaskCount": "count", "TagList": "tags"}
"""Where the fields of EcsParameters have other names in RunTask."""


def asked(parcel: Parcel) -> dict[str, Any]:
    """The target's EcsParameters. Raises `Refused` when it names no task definition."""
    given: dict[str, Any] = json.loads(str(parcel.option("EcsParameters") or "{}"))
    if not given.get("TaskDefinitionArn"):
        raise Refused("InvalidParameterException", "TaskDefinition can not be empty.")
    return given


def definition(parcel: Parcel) -> str:
    """What the right to run a task is about: the task definition."""
    return str(asked(parcel)["TaskDefinitionArn"])


def find(parcel: Parcel) -> None:
    """Raises `Refused` when the parameters are missing. The cluster is asked for by RunTask itself."""
    asked(parcel)


def accept(parcel: Parcel) -> str:
    """Run the task; returns the ARNs of the tasks. No capacity is tried again, everything else is final."""
    from botocore.exceptions import ClientError, ParamValidationError

    from labkit.sandbox.authorization.account import issue_session

    keys = issue_session(parcel.role, parcel.id or parcel.sender)
    if keys is None:
        raise Refused("AccessDenied", f"There is no role {parcel.role}.")
    client = in_role("ecs", parcel.target.split(":")[3], keys)
    shape = client.meta.service_model.operation_model("RunTask").input_shape
    renamed = {_RENAMED.get(name, name): value for name, value in asked(parcel).items()}
    params = fitted(renamed, shape) | {"cluster": parcel.target}
    if overrides := _overrides(parcel.body):
        params["overrides"] = fitted(overrides, shape.members["overrides"])
    try:
        answer = client.run_task(**params)
    except ParamValidationError as error:
        raise Refused("InvalidParameterException", str(error)) from None
    except ClientError as error:
        raise failed(error) from None
    if answer["failures"]:
        first = answer["failures"][0]
        raise Unavailable(str(first.get("reason", "Unknown")), _told(first))
    return ", ".join(task["taskArn"] for task in answer["tasks"])


def _overrides(body: str) -> dict[str, Any]:
    """The overrides in an input, or nothing: an event that nobody transformed has none."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    if not isinstance(found, dict) or not any(name.lower() == "containeroverrides" for name in found):
        return {}
    return found


def _told(failure: dict[str, Any]) -> str:
    return " ".join(str(failure[name]) for name in ("reason", "detail", "arn") if failure.get(name))
