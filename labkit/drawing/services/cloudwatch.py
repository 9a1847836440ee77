"""CloudWatch: alarms, what they watch, and whom they tell."""

from __future__ import annotations

from typing import Any

from labkit.drawing.scene import Scene

_WATCHED = {"QueueName": "sqs", "TopicName": "sns", "FunctionName": "lambda", "TableName": "dynamodb"}


def show(scene: Scene, backend: Any) -> None:
    """Alarms with their condition and state."""
    for alarm in backend.alarms.values():
        sign = {"GreaterThanThreshold": ">", "GreaterThanOrEqualToThreshold": ">=", "LessThanThreshold": "<",
                "LessThanOrEqualToThreshold": "<="}.get(str(alarm.comparison_operator), "vs")  # fmt: skip
        told = f"{alarm.metric_name} {sign} {alarm.threshold:g}" if alarm.metric_name else ""
        detail = "; ".join(filter(None, (told, str(alarm.state_value))))
        scene.resource(alarm.alarm_arn, "alarm", alarm.name, detail)
        for dimension in alarm.dimensions:
            watched = scene.named(_WATCHED.get(dimension.name, ""), dimension.value)
            scene.link(watched or "", alarm.alarm_arn, "metrics", style="optional")
        for action in alarm.alarm_actions or []:
            scene.link(alarm.alarm_arn, action, "tells", must=False)
