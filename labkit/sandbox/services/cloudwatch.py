"""CloudWatch in the lab's account.

Simulated here:
- Metrics that are put are kept and read as on AWS. Metrics of ECS services and tasks are there when somebody reads
  them: see the card of ECS.
- Alarms that belong to a policy of Application Auto Scaling are evaluated once a minute: see its card.

Differs on AWS:
- Metrics of ECS can be looked back three hours, and those of stopped tasks as long as ECS shows these tasks.

Not simulated:
- Other alarms are stored, and change only with SetAlarmState. Anomaly detection, composite alarms, metric streams.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from labkit.sandbox import current, metrics
from labkit.sandbox.hooks import hook

_MODELS = "moto.cloudwatch.models:CloudWatchBackend"


@hook(f"{_MODELS}.get_metric_statistics")
def get_metric_statistics(
    original: Any, self: Any, namespace: str, metric_name: str, start_time: datetime, end_time: datetime, *rest: Any,
    **more: Any,
) -> Any:  # fmt: skip
    """GetMetricStatistics: make what is asked for first."""
    asked = _asked({(namespace, metric_name)}, start_time, end_time)
    with _Asking(self, asked):
        return original(self, namespace, metric_name, start_time, end_time, *rest, **more)


@hook("moto.cloudwatch.models:MetricDatumBase.filter")
def same_dimensions(
    original: Any, self: Any, namespace: Any, name: Any, dimensions: Any, already_present_metrics: Any = None
) -> bool:
    """Statistics are of the metric with exactly these dimensions; a list of metrics is of all that have them."""
    if already_present_metrics is None and dimensions:
        wanted = sorted((one["Name"], one.get("Value")) for one in dimensions)
        return wanted == sorted((one.name, one.value) for one in self.dimensions)
    return bool(original(self, namespace, name, dimensions, already_present_metrics))


@hook(f"{_MODELS}.get_metric_data")
def get_metric_data(
    original: Any, self: Any, queries: Sequence[dict[str, Any]], start_time: datetime, end_time: datetime, *rest: Any,
    **more: Any,
) -> Any:  # fmt: skip
    """GetMetricData: make what is asked for first."""
    pairs = {
        (one["MetricStat"]["Metric"].get("Namespace", ""), one["MetricStat"]["Metric"].get("MetricName", ""))
        for one in queries
        if "MetricStat" in one
    }
    with _Asking(self, _asked(pairs, start_time, end_time) if pairs else None):
        return original(self, queries, start_time, end_time, *rest, **more)


@hook(f"{_MODELS}.list_metrics")
def list_metrics(
    original: Any,
    self: Any,
    next_token: str | None,
    namespace: str,
    metric_name: str,
    *rest: Any,
    **more: Any,
) -> Any:
    """ListMetrics: of what can be made, the last hour."""
    pairs = {(namespace, metric_name or "")} if namespace else set()
    now = current().clock.time()
    with _Asking(self, metrics.Asked(frozenset(pairs), now - 3_600, now)):
        return original(self, next_token, namespace, metric_name, *rest, **more)


@hook(f"{_MODELS}.aws_metric_data", kind="property")
def aws_metric_data(original: Any, self: Any) -> list[Any]:
    """What is not put but made."""
    kept: list[Any] = original(self)
    asked = _asking.get(id(self))
    return kept if asked is None else [*kept, *_made(self, asked)]


def _made(backend: Any, asked: metrics.Asked) -> Iterator[Any]:
    from moto.cloudwatch.models import MetricAggregatedDatum

    for source in metrics.SOURCES.values():
        for point in source(backend.account_id, backend.region_name, asked):
            values = point.values
            dimensions = [{"Name": name, "Value": value} for name, value in point.place]
            yield MetricAggregatedDatum(
                point.namespace, point.name, min(values), max(values), float(len(values)), sum(values), dimensions,
                point.at, point.unit,
            )  # fmt: skip


_asking: dict[int, metrics.Asked] = {}
"""What is asked of a backend at this moment."""


class _Asking:
    """While a call is answered, its question."""

    def __init__(self, backend: Any, asked: metrics.Asked | None) -> None:
        self._key, self._asked = id(backend), asked

    def __enter__(self) -> None:
        if self._asked is not None:
            _asking[self._key] = self._asked

    def __exit__(self, *_: object) -> None:
        _asking.pop(self._key, None)


def _asked(pairs: set[tuple[str, str]], start: datetime, end: datetime) -> metrics.Asked:
    begin, until = (
        one.replace(tzinfo=UTC).timestamp() if one.tzinfo is None else one.timestamp() for one in (start, end)
    )
    return metrics.Asked(frozenset(pairs), begin, until)
