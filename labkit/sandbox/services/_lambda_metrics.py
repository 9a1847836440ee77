"""CloudWatch metrics of functions, in the account's own CloudWatch, as soon as somebody uses that.

Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

from __future__ import annotations

import sys
from typing import Any, Final

from labkit.sandbox.runtime import Result

_UNITS: Final = {"Duration": "Milliseconds", "AsyncEventAge": "Milliseconds"}


def count(function: Any, name: str, value: float = 1.0) -> None:
    """One data point of namespace AWS/Lambda, for the function and for all functions."""
    models = sys.modules.get("moto.cloudwatch.models")
    if models is None:
        return  # nobody has looked at CloudWatch in this session, so nobody can have an alarm or a graph
    from labkit.sandbox import current

    at = current().clock.now().replace(tzinfo=None)
    dimensions = [{"Name": "FunctionName", "Value": function.function_name}]
    data = [
        {
            "MetricName": name, "Value": value, "Unit": _UNITS.get(name, "Count"), "Timestamp": at,
            "Dimensions": given,
        }
        for given in (dimensions, [])
    ]  # fmt: skip
    backend = models.cloudwatch_backends[function.account_id][function.region]
    backend.put_metric_data("AWS/Lambda", data)


def ended(function: Any, result: Result) -> None:
    """A call is over."""
    if "moto.cloudwatch.models" not in sys.modules:
        return
    count(function, "Invocations")
    count(function, "Errors", 1.0 if result.error else 0.0)
    count(function, "Duration", result.duration_ms)
