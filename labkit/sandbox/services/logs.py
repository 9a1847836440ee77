"""Amazon CloudWatch Logs in the lab's account.

Simulated here:
- Filter patterns: terms, phrases, ?optional and -excluded terms, %regular expressions%, JSON properties with
  comparisons, wildcards, IS NULL, NOT EXISTS, && and ||, and [fields, between, spaces]. Invalid ones are refused.
- Subscription filters send what matches to functions, Kinesis and Firehose, compressed as on AWS, with retries; the
  function's policy or the role must allow it.
- Metric filters (values from the log event, default value, dimensions) and the embedded metric format make metrics.
- Retention: log events disappear from the group on the lab's clock.
- Log groups as targets of EventBridge rules, when a resource policy lets events.amazonaws.com write.

Differs on AWS:
- Log events reach a subscription's destination after 1 second here; on AWS after some seconds.
- Log events that are too old disappear at once; AWS takes up to 72 hours.
- A metric filter's default value is reported for every call without a match, not once a minute.
- Kinesis and Firehose get no control message when a subscription filter is made.

Not simulated:
- Subscription filters of a whole account, destinations in other accounts, distribution Random, data protection,
  anomaly detection, transformers. Logs Insights knows only a part of its language.

Sources:
- https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
- https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
- https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/MonitoringLogData.html
- https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
- https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html (limits of a batch)
- https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html (72 hours, values)
- https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html (log groups as targets)
"""

from __future__ import annotations

import json
from typing import Any, Final

from moto.logs.exceptions import InvalidParameterException, ResourceNotFoundException
from moto.moto_api._internal import mock_random

from labkit.sandbox import current, delivery, stores
from labkit.sandbox.hooks import hook
from labkit.sandbox.parcels import Parcel, Refused
from labkit.sandbox.services import _logs_metrics as metrics
from labkit.sandbox.services import _logs_subscriptions as subscriptions
from labkit.sandbox.services._logs_patterns import Filter, InvalidFilter, read

_DAY: Final = 86_400
_RETENTIONS: Final = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
_LARGEST_BATCH, _OVERHEAD = 1_048_576, 26
"""Bytes of one PutLogEvents, in which every log event counts 26 bytes more than its text."""


def _checked(pattern: str | None) -> Filter:
    try:
        return read(pattern or "")
    except InvalidFilter as error:
        raise InvalidParameterException(str(error)) from None


def _group(backend: Any, name: str) -> Any:
    group = backend.groups.get(name)
    if group is None:
        raise ResourceNotFoundException()
    return group


# -- patterns ----------------------------------------------------------------------------------------


@hook("moto.logs.utils:EventMessageFilter.__init__")
def event_message_filter(original: Any, self: Any, pattern: str) -> None:
    """Everything that filters log events reads its pattern here."""
    self.labkit_filter = _checked(pattern)


@hook("moto.logs.utils:EventMessageFilter.matches")
def matches(original: Any, self: Any, message: str) -> bool:
    """Whether a log event gets through."""
    found: Filter = self.labkit_filter
    return found.matches(message)


@hook("moto.logs.models:LogsBackend.filter_log_events")
def filter_log_events(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    """FilterLogEvents: the pattern is checked even when there is nothing to filter."""
    _checked(kwargs.get("filter_pattern", args[6] if len(args) > 6 else None))
    return original(self, *args, **kwargs)


@hook("moto.logs.models:LogEvent.to_filter_dict")
def to_filter_dict(original: Any, self: Any) -> dict[str, Any]:
    """Event ids have 56 digits, the same everywhere."""
    return {**original(self), "eventId": f"{self.event_id:056d}"}


# -- what new log events cause -----------------------------------------------------------------------


@hook("moto.logs.responses:LogsResponse.put_log_events")
def put_log_events_call(original: Any, self: Any) -> Any:
    """PutLogEvents: the size of a batch."""
    events = self._get_param("logEvents") or []
    size = sum(len(event["message"].encode()) + _OVERHEAD for event in events)
    if size > _LARGEST_BATCH:
        raise InvalidParameterException(f"Upload too large: {size} bytes exceeds limit of {_LARGEST_BATCH}")
    return original(self)


@hook("moto.logs.models:LogStream.put_log_events")
def put_log_events(original: Any, self: Any, log_events: list[dict[str, Any]]) -> Any:
    """New log events make metrics and wait for their end."""
    answer = original(self, log_events)
    if log_events:
        metrics.publish(self, self.events[-len(log_events) :])
        _wait_for_retention(self.log_group)
        current().changed()
    return answer


@hook("moto.logs.models:LogStream._send_log_events")
def send_log_events(
    original: Any,
    self: Any,
    service: str,
    destination_arn: str,
    filter_name: str,
    log_events: list[dict[str, Any]],
) -> None:
    """What a subscription filter lets through goes on its way."""
    if service in ("lambda", "kinesis", "firehose"):
        subscriptions.send(self, filter_name, destination_arn, log_events)
    else:
        original(self, service, destination_arn, filter_name, log_events)


# -- filters that are kept ---------------------------------------------------------------------------


@hook("moto.logs.models:LogsBackend.put_subscription_filter")
def put_subscription_filter(
    original: Any, self: Any, log_group_name: str, filter_name: str, filter_pattern: str, destination_arn: str,
    role_arn: str,
) -> None:  # fmt: skip
    """PutSubscriptionFilter: the pattern, and whether the destination takes log events of this group."""
    group = _group(self, log_group_name)
    subscriptions.check(group, filter_pattern, destination_arn, role_arn)
    original(self, log_group_name, filter_name, filter_pattern, destination_arn, role_arn)


@hook("moto.logs.models:LogGroup.put_subscription_filter")
def keep_subscription_filter(
    original: Any, self: Any, filter_name: str, filter_pattern: str, destination_arn: str, role_arn: str
) -> None:
    """A filter of the same name is changed, also when the group has both that it may have."""
    kept = self.subscription_filters.get(filter_name)
    if kept is None:
        original(self, filter_name, filter_pattern, destination_arn, role_arn)
    else:
        kept.update(filter_pattern, destination_arn, role_arn)


@hook("moto.logs.models:LogsBackend.put_metric_filter")
def put_metric_filter(
    original: Any,
    self: Any,
    filter_name: str,
    filter_pattern: str,
    log_group_name: str,
    metric_transformations: Any,
) -> None:
    """PutMetricFilter: the group must be there; a filter of the same name is replaced."""
    _group(self, log_group_name)
    _checked(filter_pattern)
    for wanted in metric_transformations:
        _check_value(str(wanted.get("metricValue", "")))
    self.filters.delete_filter(filter_name, log_group_name)
    original(self, filter_name, filter_pattern, log_group_name, metric_transformations)


def _check_value(value: str) -> None:
    if value.startswith("$"):
        return
    try:
        float(value)
    except ValueError:
        raise InvalidParameterException(f"Invalid metric value: {value}") from None


# -- retention ---------------------------------------------------------------------------------------


@hook("moto.logs.models:LogGroup.set_retention_policy")
def set_retention_policy(original: Any, self: Any, retention_in_days: Any) -> None:
    """PutRetentionPolicy takes certain numbers of days; log events that are too old now go at once."""
    if retention_in_days is not None and retention_in_days not in _RETENTIONS:
        allowed = ", ".join(str(days) for days in _RETENTIONS)
        raise InvalidParameterException(
            f"1 validation error detected: Value '{retention_in_days}' at 'retentionInDays' failed to satisfy "
            f"constraint: Member must satisfy enum value set: [{allowed}]"
        )
    original(self, retention_in_days)
    _wait_for_retention(self)


def _wait_for_retention(group: Any) -> None:
    clock = current().clock
    clock.cancel(getattr(group, "labkit_expiry", None))
    group.labkit_expiry = None
    if not group.retention_in_days:
        return  # looking through all events each time would make a log slower the longer it gets
    oldest = min(
        (event.timestamp for stream in group.streams.values() for event in stream.events), default=None
    )
    if oldest is not None:
        end = oldest / 1000 + int(group.retention_in_days) * _DAY
        group.labkit_expiry = clock.schedule(max(end, clock.time()), expire, group.arn)


def expire(arn: str) -> None:
    """Due work: the oldest log events of a group have reached its retention."""
    parts = stores.Arn.of(arn)
    group = stores.log_group(parts) if parts else None
    if group is None or not group.retention_in_days:
        return
    oldest = (current().clock.time() - int(group.retention_in_days) * _DAY) * 1000
    for stream in group.streams.values():
        gone = [event for event in stream.events if event.timestamp <= oldest]
        stream.events = [event for event in stream.events if event.timestamp > oldest]
        stream.stored_bytes -= sum(len(event.message) for event in gone)
    _wait_for_retention(group)


# -- log groups as targets ---------------------------------------------------------------------------


def _plain(arn: str) -> str:
    return arn.removesuffix(":*")


def find(parcel: Parcel) -> Any:
    """The log group. Raises `Refused` when it was deleted or never made."""
    arn = stores.Arn.of(_plain(parcel.target))
    group = stores.log_group(arn) if arn else None
    if group is None:
        raise Refused("ResourceNotFoundException", "The specified log group does not exist.")
    return group


def _stream_arn(parcel: Parcel) -> str:
    return f"{_plain(parcel.target)}:log-stream:{parcel.id or '*'}"


def accept(parcel: Parcel) -> str:
    """Write the body as one log event into a log stream of its own; returns the stream's name.

    A body of the form `{"timestamp": milliseconds, "message": text}` chooses both, as an input transformer may.
    """
    group = find(parcel)
    name = str(mock_random.uuid4())
    group.create_log_stream(name)
    group.put_log_events(name, [_log_event(parcel.body)])
    return name


def _log_event(body: str) -> dict[str, Any]:
    now = int(current().clock.time() * 1000)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict) and value.keys() == {"timestamp", "message"}:
        message = value["message"]
        text = message if isinstance(message, str) else json.dumps(message)
        given = value["timestamp"]
        return {"timestamp": int(given) if isinstance(given, (int, float)) else now, "message": text}
    return {"timestamp": now, "message": body}


delivery.receives(
    "arn:logs",
    delivery.Receiver(("logs:CreateLogStream", "logs:PutLogEvents"), accept, find=find, resource=_stream_arn),
)
