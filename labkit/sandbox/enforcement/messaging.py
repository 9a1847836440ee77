"""Actions and resources of SQS, SNS, EventBridge, EventBridge Scheduler and EventBridge Pipes."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, Final

from labkit.sandbox.enforcement.needs import Asked, Finder, Need

_QUEUE_URL = re.compile(r"https?://[^/]+/(?:[^/]+/)*?(\d{12})/([^/]+)/?")
_REGION_IN_URL = re.compile(r"https?://(?:sqs\.([a-z0-9-]+)\.|([a-z0-9-]+)\.queue\.)amazonaws\.com")
_SQS_BATCHES: Final = {
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
}


def _sqs(asked: Asked) -> list[Need]:
    operation = _SQS_BATCHES.get(asked.operation, asked.operation)
    if operation == "StartMessageMoveTask":
        return _move(asked)
    if operation == "CancelMessageMoveTask":
        return [Need("sqs:CancelMessageMoveTask", _source_of(asked.text("TaskHandle")))]
    return [Need(f"sqs:{operation}", _queue(asked))]


def _queue(asked: Asked) -> str:
    url = asked.text("QueueUrl")
    if url:
        found, region = _QUEUE_URL.fullmatch(url), _REGION_IN_URL.match(url)
        where = next((one for one in region.groups() if one), asked.region) if region else asked.region
        account, name = found.groups() if found else (asked.account, url.rstrip("/").rpartition("/")[2])
        return f"arn:aws:sqs:{where}:{account}:{name}"
    owner = asked.text("QueueOwnerAWSAccountId") or asked.account
    return asked.text("SourceArn") or f"arn:aws:sqs:{asked.region}:{owner}:{asked.text('QueueName')}"


def _move(asked: Asked) -> list[Need]:
    """What moving messages back needs: SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html."""
    source, target = asked.text("SourceArn"), asked.text("DestinationArn")
    actions = ("StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
    needed = [Need(f"sqs:{action}", source) for action in actions]
    return [*needed, Need("sqs:SendMessage", target)] if target else needed


def _source_of(handle: str) -> str:
    try:
        return str(json.loads(base64.b64decode(handle, validate=True))["sourceArn"])
    except (ValueError, KeyError, TypeError):
        return "*"


def _sns(asked: Asked) -> list[Need]:
    operation = "Publish" if asked.operation == "PublishBatch" else asked.operation
    named = asked.text("TopicArn", "TargetArn", "ResourceArn", "EndpointArn", "PlatformApplicationArn")
    if not named and (subscription := asked.text("SubscriptionArn")):
        named = subscription.rpartition(":")[0]
    if not named and operation == "CreateTopic":
        named = asked.arn("sns", asked.text("Name"))
    if not named and operation.startswith("List"):
        named = asked.arn("sns", "*")
    about = {"sns:Protocol": asked.text("Protocol") or None, "sns:Endpoint": asked.text("Endpoint") or None}
    needed = [Need(f"sns:{operation}", named or asked.text("PhoneNumber") or "*", about)]
    role = asked.block("Attributes").get("SubscriptionRoleArn") if operation == "Subscribe" else None
    return [*needed, *asked.pass_role(role, "sns.amazonaws.com")]


# -- EventBridge ----------------------------------------------------------------------------------------

_OF_RULES: Final = (
    "PutRule", "DeleteRule", "DescribeRule", "EnableRule", "DisableRule", "PutTargets", "RemoveTargets",
    "ListTargetsByRule",
)  # fmt: skip
_EVENT_THINGS: Final = {
    "Archive": ("ArchiveName", "archive/"),
    "Replay": ("ReplayName", "replay/"),
    "Connection": ("Name", "connection/"),
    "ApiDestination": ("Name", "api-destination/"),
    "Endpoint": ("Name", "endpoint/"),
    "EventBus": ("Name", "event-bus/"),
}


def _events(asked: Asked) -> list[Need]:
    action = f"events:{asked.operation}"
    if asked.operation == "PutEvents":
        return _put_events(asked)
    if asked.operation in _OF_RULES:
        needed = [Need(action, _rule(asked))]
        roles = {asked.text("RoleArn"), *(one.get("RoleArn") for one in asked.blocks("Targets"))}
        return needed + [need for role in sorted(filter(None, roles)) for need in _passed(asked, role)]
    if asked.operation in ("PutPermission", "RemovePermission"):
        return [Need(action, _bus(asked, asked.text("EventBusName") or "default"))]
    if asked.text("ResourceARN"):
        return [Need(action, asked.text("ResourceARN"))]
    for thing, (param, form) in _EVENT_THINGS.items():
        if asked.operation.endswith(thing) and asked.text(param):
            return [Need(action, asked.arn("events", form + asked.text(param).removeprefix(form)))]
    if asked.operation == "DescribeEventBus":
        return [Need(action, _bus(asked, asked.text("Name") or "default"))]
    return [Need(action)]


def _passed(asked: Asked, role: Any) -> list[Need]:
    return asked.pass_role(role, "events.amazonaws.com")


def _bus(asked: Asked, name: str) -> str:
    return asked.arn("events", name if name.startswith("arn:") else f"event-bus/{name}")


def _rule(asked: Asked) -> str:
    bus = asked.text("EventBusName").rpartition("/")[2] or "default"
    name = asked.text(
        "Name" if "Rule" in asked.operation and asked.operation != "ListTargetsByRule" else "Rule"
    )
    return asked.arn("events", f"rule/{name}" if bus == "default" else f"rule/{bus}/{name}")


def _put_events(asked: Asked) -> list[Need]:
    needed: dict[str, Need] = {}
    for entry in asked.blocks("Entries"):
        bus = _bus(asked, str(entry.get("EventBusName") or "default"))
        about = {"events:source": entry.get("Source"), "events:detail-type": entry.get("DetailType")}
        needed.setdefault(f"{bus} {about}", Need("events:PutEvents", bus, about))
    return list(needed.values()) or [Need("events:PutEvents", _bus(asked, "default"))]


def _scheduler(asked: Asked) -> list[Need]:
    action = f"scheduler:{asked.operation}"
    if asked.text("ResourceArn"):
        return [Need(action, asked.text("ResourceArn"))]
    if asked.operation.endswith("ScheduleGroup"):
        return [Need(action, asked.arn("scheduler", f"schedule-group/{asked.text('Name')}"))]
    if asked.operation.startswith("List"):
        return [Need(action)]
    group = asked.text("GroupName") or "default"
    needed = [Need(action, asked.arn("scheduler", f"schedule/{group}/{asked.text('Name')}"))]
    return needed + asked.pass_role(asked.block("Target").get("RoleArn"), "scheduler.amazonaws.com")


def _pipes(asked: Asked) -> list[Need]:
    action = f"pipes:{asked.operation}"
    if asked.operation == "ListPipes":
        return [Need(action)]
    name = asked.text("resourceArn") or asked.arn("pipes", f"pipe/{asked.text('Name')}")
    return [Need(action, name), *asked.pass_role(asked.params.get("RoleArn"), "pipes.amazonaws.com")]


FINDERS: Final[dict[str, Finder]] = {
    "sqs": _sqs,
    "sns": _sns,
    "events": _events,
    "scheduler": _scheduler,
    "pipes": _pipes,
}
