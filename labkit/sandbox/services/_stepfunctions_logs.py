"""Executions in CloudWatch Logs: level, execution data, one record per event.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html (levels and their event types); the form of a
record is as in the records of AWS that LocalStack keeps (https://github.com/localstack/localstack,
tests/aws/services/stepfunctions/v2/logs).
"""

from __future__ import annotations

import json
from typing import Any, Final

from labkit.sandbox import stores
from labkit.sandbox.states.runs import Run

_DATA: Final = ("input", "output")


def event(run: Run, recorded: dict[str, Any]) -> None:
    """Write one event of the history into the log group, if the level wants it."""
    config = run.logging
    if not config or not _wanted(recorded["type"], config["level"]):
        return
    details: dict[str, Any] = next(
        (value for name, value in recorded.items() if name.endswith("EventDetails")), {}
    )
    if not config["data"]:
        details = {name: value for name, value in details.items() if not name.startswith(_DATA)}
    record = {
        "id": str(recorded["id"]), "type": recorded["type"], "details": details,
        "previous_event_id": str(recorded["previousEventId"]),
        "event_timestamp": str(int(recorded["timestamp"] * 1000)),
        "execution_arn": run.arn, "redrive_count": str(run.redrives),
    }  # fmt: skip
    _write(run, config["group"], record)


def _wanted(kind: str, level: str) -> bool:
    if level == "ALL":
        return True
    if level not in ("ERROR", "FATAL"):
        return False
    if kind in ("ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"):
        return True
    return level == "ERROR" and kind.endswith(("Failed", "TimedOut", "Aborted", "FailStateEntered"))


def _write(run: Run, group: str, record: dict[str, Any]) -> None:
    parts = group.split(":")
    backend = stores.backend_of("logs", parts[4], parts[3]) if len(parts) > 6 else None
    name = parts[6] if len(parts) > 6 else ""
    if backend is None or name not in backend.groups:
        return
    stream = f"states/{run.machine_name}/{run.name}"
    if stream not in backend.groups[name].streams:
        backend.create_log_stream(name, stream)
    entry = {
        "timestamp": int(record["event_timestamp"]),
        "message": json.dumps(record, separators=(",", ":")),
    }
    backend.put_log_events(name, stream, [entry])
