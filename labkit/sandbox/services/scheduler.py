"""Amazon EventBridge Scheduler in the lab's account.

Simulated here:
- Schedules run on the lab's clock: rate, cron and at, in time zones, across changes of the clocks, between start and
  end date. A rate without a start date runs at once.
- Flexible time windows (the moment is chosen by the lab's dice), disabled schedules, groups.
- Targets in the execution role: SQS, SNS, Lambda, EventBridge, Kinesis, Firehose, Step Functions, and any API call
  that the lab knows as a universal target. The role is checked when the schedule is made and at every run.
- Context attributes such as <aws.scheduler.scheduled-time> in the input.
- Retries, and the dead-letter queue with its message attributes, which needs sqs:SendMessage in the role.
- ActionAfterCompletion DELETE, ClientToken, and an update that resets what it does not name.

Differs on AWS:
- A schedule runs within the minute it names. Here it runs in its first second.
- AWS gives no figures for its waits between retries. Here they double from 1 s to 512 s.
- A deleted group is in state DELETING for a while. Here it is gone at once.
- The words of some refusals are ours; the codes are AWS's. An at time in the past is taken and never runs.

Not simulated:
- Encryption with KMS keys (the ARN is kept), quotas, CloudWatch metrics.
- The templated targets CodeBuild, CodePipeline, Inspector and SageMaker.

Sources:
- https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
- https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html
- https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
- https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
- https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
- https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-delete.html
- https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
- Limits and defaults: botocore's model, scheduler/2021-06-30/service-2.json.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from moto.core.exceptions import JsonRESTError
from moto.scheduler.exceptions import ScheduleGroupNotFound, ValidationException

from labkit.sandbox import delivery
from labkit.sandbox.constraints import Broken, check
from labkit.sandbox.hooks import hook
from labkit.sandbox.parcels import Failure, Parcel
from labkit.sandbox.services import _scheduler_clock as clock
from labkit.sandbox.services import _scheduler_targets as targets
from labkit.sandbox.services._scheduler_checks import check_schedule

_RESPONSE = "moto.scheduler.responses:EventBridgeSchedulerResponse"


def _conflict(message: str) -> Any:
    error = JsonRESTError("ConflictException", message)
    error.code = 409
    return error


def _params(response: Any) -> dict[str, Any]:
    """The parameters of a request as boto3 takes them, and the name from its path."""
    body = json.loads(response.body or "{}")
    name = unquote(response.uri.partition("?")[0].rsplit("/", 1)[-1])
    return {**body, "Name": name} if isinstance(body, dict) else {"Name": name}


def _group(backend: Any, name: str | None) -> Any:
    group = backend.schedule_groups.get(name or "default")
    if group is None:
        raise ScheduleGroupNotFound(name or "default")
    return group


@hook(f"{_RESPONSE}.create_schedule")
def create_schedule(original: Any, self: Any) -> Any:
    """CreateSchedule: checked as AWS does, then put on the clock."""
    params = _params(self)
    backend = self.scheduler_backend
    group = _group(backend, params.get("GroupName"))
    token = params.pop("ClientToken", None)
    check_schedule(params, "CreateSchedule", group.arn)
    existing = group.schedules.get(params["Name"])
    asked = json.dumps(params, sort_keys=True)
    if existing is not None and token and getattr(existing, "labkit_request", None) == (token, asked):
        return json.dumps({"ScheduleArn": existing.arn})
    if existing is not None:
        raise _conflict(f"Schedule {existing.name} already exists.")
    answer = original(self)
    schedule = group.schedules[params["Name"]]
    schedule.labkit_request = (token, asked)
    schedule.action_after_completion = params.get("ActionAfterCompletion") or "NONE"
    clock.begin(schedule)
    return answer


@hook(f"{_RESPONSE}.update_schedule")
def update_schedule(original: Any, self: Any) -> Any:
    """UpdateSchedule: what the request does not name goes back to its default."""
    params = _params(self)
    group = _group(self.scheduler_backend, params.get("GroupName"))
    schedule = group.get_schedule(params["Name"])
    check_schedule(params, "UpdateSchedule", group.arn)
    answer = original(self)
    schedule.state = params.get("State") or "ENABLED"
    schedule.action_after_completion = params.get("ActionAfterCompletion") or "NONE"
    clock.begin(schedule)
    return answer


@hook("moto.scheduler.models:ScheduleGroup.delete_schedule")
def delete_schedule(original: Any, self: Any, name: str) -> None:
    """DeleteSchedule: nothing of it waits on the clock any more."""
    clock.stop(self.get_schedule(name))
    original(self, name)


@hook("moto.scheduler.models:EventBridgeSchedulerBackend.list_schedules")
def list_schedules(original: Any, self: Any, group_names: Any, *args: Any, **kwargs: Any) -> Any:
    """ListSchedules: an unknown group is an error."""
    for name in group_names or ():
        _group(self, name)
    return original(self, group_names, *args, **kwargs)


@hook(f"{_RESPONSE}.create_schedule_group")
def create_schedule_group(original: Any, self: Any) -> Any:
    """CreateScheduleGroup: names are checked, and used once."""
    params = _params(self)
    try:
        check("scheduler", "CreateScheduleGroup", params)
    except Broken as broken:
        raise ValidationException(str(broken)) from None
    if params["Name"] in self.scheduler_backend.schedule_groups:
        raise _conflict(f"Schedule group {params['Name']} already exists.")
    return original(self)


@hook("moto.scheduler.models:EventBridgeSchedulerBackend.delete_schedule_group")
def delete_schedule_group(original: Any, self: Any, name: str | None) -> None:
    """DeleteScheduleGroup: its schedules go with it. The default group stays."""
    group = _group(self, name)
    if group.name == "default":
        raise ValidationException("The default schedule group cannot be deleted.")
    for schedule in group.schedules.values():
        clock.stop(schedule)
    original(self, name)


def _ended(parcel: Parcel, failure: Failure | None) -> None:
    """The last run of a schedule is over, whether it arrived or not."""
    if life := parcel.told("ends"):
        clock.finish(parcel.source, life)


delivery.sends(
    "scheduler",
    delivery.Sender(
        letter=targets.letter,
        ended=_ended,
        buries_as_role=True,
        prepare=targets.prepare,
        shown_as=targets.group_of,
    ),
)
delivery.receives("arn:scheduler", delivery.Receiver((), targets.call))
