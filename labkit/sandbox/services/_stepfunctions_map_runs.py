"""Map Runs as the API shows and changes them.

Sources: https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeMapRun.html, API_UpdateMapRun.html
and API_ListExecutions.html (child executions by `mapRunArn`).
"""

from __future__ import annotations

from typing import Any, Final

from labkit.sandbox import current
from labkit.sandbox.services import _stepfunctions_engine as engine
from labkit.sandbox.services import _stepfunctions_executions as executions
from labkit.sandbox.services._stepfunctions_errors import refused
from labkit.sandbox.states.runs import MapRun

_STATUSES: Final = ("pending", "running", "succeeded", "failed", "timedOut", "aborted")
_NAMES: Final = {"TIMED_OUT": "timedOut"}


def find(arn: str, backend: Any) -> tuple[Any, MapRun]:
    """The execution and its Map Run. Raises InvalidArn and ResourceNotFound."""
    parts = arn.split(":")
    if len(parts) < 7 or parts[2] != "states" or parts[5] != "mapRun":
        raise refused("InvalidArn", f"Invalid Arn: '{arn}'")
    for execution in engine.index_of(backend).values():
        found = execution.labkit_run.map_runs.get(arn)
        if found is not None:
            return execution, found
    raise refused("ResourceNotFound", f"Resource not found: '{arn}'")


def described(arn: str, backend: Any) -> dict[str, Any]:
    """A Map Run as DescribeMapRun shows it."""
    execution, kept = find(arn, backend)
    answer = {
        "mapRunArn": arn, "executionArn": execution.execution_arn, "status": kept.status,
        "startDate": engine.moment(kept.started),
        "stopDate": engine.moment(kept.ended) if kept.ended is not None else None,
        "maxConcurrency": kept.asked, "toleratedFailurePercentage": float(kept.share or 0),
        "toleratedFailureCount": int(kept.count or 0), "itemCounts": _counts(kept, kept.sizes),
        "executionCounts": _counts(kept, [1] * len(kept.sizes)), "redriveCount": kept.redrives,
        "redriveDate": engine.moment(kept.redriven) if kept.redriven is not None else None,
    }  # fmt: skip
    return {name: value for name, value in answer.items() if value is not None}


def _counts(kept: MapRun, sizes: list[int]) -> dict[str, int]:
    counts = dict.fromkeys(_STATUSES, 0)
    for status, size in zip(kept.statuses, sizes, strict=True):
        counts[_NAMES.get(status, status.lower())] += size
    written = sum(sizes) - counts["pending"] if kept.written else 0
    return {**counts, "total": sum(sizes), "resultsWritten": written}


def listed(run: Any, backend: Any) -> list[dict[str, Any]]:
    """The Map Runs of an execution as ListMapRuns shows them, newest first."""
    names = ("executionArn", "mapRunArn", "startDate", "stopDate")
    found = []
    for arn, kept in reversed(run.map_runs.items()):
        shown = described(arn, backend)
        machine = {"stateMachineArn": f"{run.machine_arn}/{kept.label}"}
        found.append(machine | {name: shown[name] for name in names if name in shown})
    return found


def children(arn: str, backend: Any) -> list[Any]:
    """The child executions that a Map Run has begun, newest first."""
    _, kept = find(arn, backend)
    index = engine.index_of(backend)
    return [index[one] for one in reversed(kept.arns) if one in index]


def child_listed(execution: Any) -> dict[str, Any]:
    """A child execution as ListExecutions shows it."""
    run = execution.labkit_run
    return executions.listed(execution) | {"mapRunArn": run.map_run, "itemCount": execution.labkit_items}


def update(arn: str, backend: Any, most: int | None, count: int | None, share: float | None) -> None:
    """UpdateMapRun: other limits for a Map Run that is running."""
    from labkit.sandbox.states.distributed import MOST

    execution, kept = find(arn, backend)
    if kept.status != "RUNNING":
        raise refused("ValidationException", f"The Map Run is {kept.status} and cannot be updated.")
    if most is not None:
        kept.asked, kept.most = most, min(most or MOST, MOST)
    if count is not None:
        kept.count = count
    if share is not None:
        kept.share = share
    clock = current().clock
    clock.schedule(clock.time(), engine.map_run_changed, execution.execution_arn, kept.track)
