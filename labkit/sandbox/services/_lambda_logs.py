"""What a call leaves behind: lines in CloudWatch Logs, if the role allows it, and one event in the trace.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html (log group, stream, REPORT line),
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html (JSON format),
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-cwl-permissions.html (the role's rights).
"""

from __future__ import annotations

import json
import math
import random
from datetime import UTC, datetime
from typing import Any

from labkit.sandbox import Sandbox, current
from labkit.sandbox.runtime import FunctionSpec, Result
from labkit.sandbox.services import _lambda_roles as roles


def new_stream(version: str) -> str:
    """The name of a new environment's log stream."""
    today = current().clock.now()
    return f"{today:%Y/%m/%d}/[{version}]{random.Random(current().clock.time()).getrandbits(128):032x}"


def record(
    sandbox: Sandbox,
    function: Any,
    spec: FunctionSpec,
    request_id: str,
    result: Result,
    *,
    sequence: int,
    began: float,
    params: dict[str, Any],
    init_logs: str = "",
) -> str:
    """Write the log and the trace. Returns the log's text, as `LogType="Tail"` shows it.

    `init_logs` is what the function wrote while it was loaded; it stands before the first START line.
    """
    lines = [*init_logs.splitlines(), *_lines(spec, request_id, result, began)]
    missing = _write(sandbox, function, spec, lines)
    told = {
        "RequestId": request_id, "Version": spec.version, "DurationMs": round(result.duration_ms, 2),
        "ColdStart": result.init_ms is not None, "LogStream": spec.log_stream,
    }  # fmt: skip
    if result.init_ms is not None:
        told["InitMs"] = round(result.init_ms, 2)
    note = f"No log was written. {missing}" if missing else ""
    if result.error and result.error.note:
        note = f"{result.error.note} {note}".strip()
    sandbox.trace.record(
        "invocation", "lambda", "Invocation", resource=spec.own_arn, params=told | params,
        error=result.error.type if result.error else "", message=result.error.message if result.error else "",
        note=note, sequence=sequence, time=began,
    )  # fmt: skip
    return "\n".join(lines) + "\n"


def _lines(spec: FunctionSpec, request_id: str, result: Result, began: float) -> list[str]:
    billed = math.ceil(result.duration_ms + (result.init_ms or 0))
    note = [f"[LAB] {result.error.note}"] if result.error and result.error.note else []
    if spec.log_format == "JSON":
        return _json_lines(spec, request_id, result, began, billed, note)
    init = f"\tInit Duration: {result.init_ms:.2f} ms" if result.init_ms is not None else ""
    status = f"\tStatus: {'timeout' if result.reason == 'timeout' else 'error'}" if result.reason else ""
    if status and result.reason != "timeout" and result.error:
        status += f"\tError Type: {result.error.type}"
    report = (
        f"REPORT RequestId: {request_id}\tDuration: {result.duration_ms:.2f} ms\tBilled Duration: {billed} ms\t"
        f"Memory Size: {spec.memory_mb} MB\tMax Memory Used: {result.max_memory_mb} MB{init}{status}"
    )
    said = [f"START RequestId: {request_id} Version: {spec.version}", *result.logs.splitlines()]
    if result.error and result.error.stack is None:
        said.append(_told(result, request_id, began))
    return [*said, *note, f"END RequestId: {request_id}", report]


def _told(result: Result, request_id: str, began: float) -> str:
    """What Lambda itself writes when the runtime could not say anything any more."""
    assert result.error is not None
    text = result.error.message
    if result.reason != "timeout":
        return text
    at = datetime.fromtimestamp(began + result.duration_ms / 1000, UTC)
    words = text.rpartition("Error: ")[2]
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z {request_id} {words}"


def _json_lines(
    spec: FunctionSpec, request_id: str, result: Result, began: float, billed: int, note: list[str]
) -> list[str]:
    metrics: dict[str, Any] = {
        "durationMs": round(result.duration_ms, 3), "billedDurationMs": billed, "memorySizeMB": spec.memory_mb,
        "maxMemoryUsedMB": result.max_memory_mb,
    }  # fmt: skip
    if result.init_ms is not None:
        metrics["initDurationMs"] = round(result.init_ms, 3)
    status = "success" if result.error is None else "timeout" if result.reason == "timeout" else "error"
    report: dict[str, Any] = {"requestId": request_id, "metrics": metrics, "status": status}
    if status == "error" and result.error:
        report["errorType"] = result.error.type
    start = {"requestId": request_id, "functionArn": spec.own_arn, "version": spec.version}
    end = began + result.duration_ms / 1000
    return [
        _event(began, "platform.start", start), *result.logs.splitlines(), *note,
        _event(end, "platform.report", report),
    ]  # fmt: skip


def _event(at: float, kind: str, record: dict[str, Any]) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    text = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
    return json.dumps({"time": text, "type": kind, "record": record})


def _write(sandbox: Sandbox, function: Any, spec: FunctionSpec, lines: list[str]) -> str:
    """Put the lines into the log. Returns what the role lacks, if it lacks anything."""
    from moto.logs.models import logs_backends

    logs = logs_backends[function.account_id][function.region]
    place = f"arn:aws:logs:{function.region}:{function.account_id}:log-group:{spec.log_group}"
    group = logs.groups.get(spec.log_group)
    stream_new = group is None or spec.log_stream not in group.streams
    needed = [("logs:PutLogEvents", f"{place}:log-stream:{spec.log_stream}")]
    if stream_new:
        needed.insert(0, ("logs:CreateLogStream", f"{place}:*"))
    if group is None:
        needed.insert(0, ("logs:CreateLogGroup", f"{place}:*"))
    for action, resource in needed:
        allowed, why = roles.may(function, action, resource)
        if not allowed:
            return why
        if action == "logs:CreateLogGroup":
            logs.ensure_log_group(spec.log_group)
        elif action == "logs:CreateLogStream":
            logs.create_log_stream(spec.log_group, spec.log_stream)
    at = int(sandbox.clock.time() * 1000)
    logs.put_log_events(
        spec.log_group, spec.log_stream, [{"timestamp": at, "message": line} for line in lines]
    )
    return ""
