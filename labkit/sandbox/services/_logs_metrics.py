"""Metrics that come out of logs: metric filters, and the embedded metric format.

Sources: CloudWatch Logs user guide, "Creating metrics from log events using filters" (values, default values,
dimensions); CloudWatch user guide, "Specification: Embedded metric format".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from labkit.sandbox.services._logs_patterns import Filter, InvalidFilter, read

_MOST_METRICS, _MOST_DIMENSIONS = 100, 30
"""In one set of the embedded metric format."""
_MARKER: Final = '"_aws"'


def publish(stream: Any, events: Sequence[Any]) -> None:
    """Give CloudWatch what the new events of a log stream (moto's objects) say."""
    found = [*_filtered(stream, events), *_embedded(events)]
    if not found:
        return
    from moto.cloudwatch.models import cloudwatch_backends

    backend = cloudwatch_backends[stream.account_id][stream.region]
    for namespace, datum in found:
        backend.put_metric_data(namespace, [datum])


def _datum(
    name: str, value: float, unit: str, dimensions: dict[str, str], milliseconds: float
) -> dict[str, Any]:
    return {
        "MetricName": name, "Value": value, "Unit": unit or "None",
        "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
        "Timestamp": datetime.fromtimestamp(milliseconds / 1000, UTC).replace(tzinfo=None),  # as moto keeps it
    }  # fmt: skip


# -- metric filters ----------------------------------------------------------------------------------


def _filtered(stream: Any, events: Sequence[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    from moto.logs.models import logs_backends

    backend = logs_backends[stream.account_id][stream.region]
    for kept in backend.filters.metric_filters:
        if kept["logGroupName"] != stream.log_group.name:
            continue
        try:
            pattern = read(kept["filterPattern"] or "")
        except InvalidFilter:
            continue  # it was stored before it was checked
        for wanted in kept["metricTransformations"]:
            yield from _transformed(pattern, wanted, events)


def _transformed(
    pattern: Filter, wanted: dict[str, Any], events: Sequence[Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    name, namespace = wanted["metricName"], wanted["metricNamespace"]
    unit, given = wanted.get("unit") or "None", str(wanted["metricValue"])
    matched = False
    for event in events:
        if not pattern.matches(event.message):
            continue
        value = pattern.number(event.message, given) if given.startswith("$") else float(given)
        dimensions = {
            key: pattern.text(event.message, selector)
            for key, selector in (wanted.get("dimensions") or {}).items()
        }
        if value is None or None in dimensions.values():
            continue
        matched = True
        texts = {key: str(text) for key, text in dimensions.items()}
        yield namespace, _datum(name, value, unit, texts, event.timestamp)
    default = wanted.get("defaultValue")
    if not matched and events and default is not None and not wanted.get("dimensions"):
        yield namespace, _datum(name, float(default), unit, {}, events[-1].timestamp)


# -- embedded metric format --------------------------------------------------------------------------


def _embedded(events: Sequence[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for event in events:
        if _MARKER not in event.message:
            continue
        try:
            document = json.loads(event.message)
            found = list(_directives(document))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue  # not valid: CloudWatch keeps the log event and makes no metric
        yield from found


def _directives(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    about = document["_aws"]
    for directive in about["CloudWatchMetrics"]:
        metrics = directive["Metrics"]
        if len(metrics) > _MOST_METRICS:
            continue
        for names in directive.get("Dimensions") or [[]]:
            if len(names) > _MOST_DIMENSIONS or any(
                not isinstance(document[name], (str, int, float)) for name in names
            ):
                continue
            dimensions = {name: str(document[name]) for name in names}
            for metric in metrics:
                values = document.get(metric["Name"])
                for value in values if isinstance(values, list) else [values]:
                    if isinstance(value, (int, float)) and not isinstance(value, bool):
                        unit = metric.get("Unit") or "None"
                        datum = _datum(
                            metric["Name"], float(value), unit, dimensions, float(about["Timestamp"])
                        )
                        yield str(directive["Namespace"]), datum
