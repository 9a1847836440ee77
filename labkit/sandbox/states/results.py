"""What a Distributed Map gives: the results of its child executions, or where in S3 they lie (ResultWriter).

Source: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html (transformations, names and
form of the files, the record of an execution). That page says that the result of a failed child execution is what
Transformation NONE gives: the record of the execution, with its Status, Error and Cause.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from labkit.sandbox.states import expressions, flow, items
from labkit.sandbox.states.errors import WRITER, StateFailed
from labkit.sandbox.states.flow import text_of
from labkit.sandbox.states.runs import MapRun, Run, Track
from labkit.sandbox.states.surroundings import written

if TYPE_CHECKING:
    from labkit.sandbox.states.machine import Machine

State = dict[str, Any]
_REDRIVABLE: Final = ("FAILED", "TIMED_OUT", "ABORTED")


def of(machine: Machine, track: Track, state: State, kept: MapRun) -> Any:
    """The state's result. Raises `StateFailed` when it cannot be written."""
    writer = state.get("ResultWriter") or {}
    config = writer.get("WriterConfig") or {}
    if "Resource" not in writer:
        way = config.get("Transformation", "COMPACT")
        return _shaped(machine, kept, range(len(kept.inputs)), way)
    scope, jsonata = items.input_scope(machine, track, state), machine.jsonata(state)
    given = writer.get("Arguments", writer.get("Parameters", {}))
    where = (
        expressions.evaluate(given, scope, "ResultWriter/Arguments")
        if jsonata
        else flow.template(given, scope)
    )
    if not isinstance(where, dict) or not isinstance(where.get("Bucket"), str):
        raise StateFailed(WRITER, "The ResultWriter needs the name of a Bucket.")
    return _exported(machine, kept, where, config)


def _exported(machine: Machine, kept: MapRun, where: dict[str, Any], config: dict[str, Any]) -> Any:
    way, form = config.get("Transformation", "NONE"), config.get("OutputType", "JSON")
    prefix = str(where.get("Prefix") or "").strip("/")
    base = f"{prefix}/" if prefix else ""
    base += kept.arn.rpartition(":")[2]
    files: dict[str, bytes] = {}
    listed: dict[str, list[dict[str, Any]]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
    for group, shown in listed.items():
        numbers = [number for number, status in enumerate(kept.statuses) if _group(status) == group]
        if numbers:
            made = _written(_shaped(machine, kept, numbers, way), form)
            key = f"{base}/{group}_0.json"
            files[key] = made
            shown.append({"Key": key, "Size": len(made)})
    manifest = {"DestinationBucket": where["Bucket"], "MapRunArn": kept.arn, "ResultFiles": listed}
    files[f"{base}/manifest.json"] = text_of(manifest).encode()
    machine.host.write_results(machine.run, where, files)
    kept.written = True
    return {
        "MapRunArn": kept.arn,
        "ResultWriterDetails": {"Bucket": where["Bucket"], "Key": f"{base}/manifest.json"},
    }


def _group(status: str) -> str:
    return "FAILED" if status in _REDRIVABLE else status


def _written(shown: list[Any], form: str) -> bytes:
    if form == "JSONL":
        return "".join(f"{text_of(one)}\n" for one in shown).encode()
    return text_of(shown).encode()


def _shaped(machine: Machine, kept: MapRun, numbers: Any, way: str) -> list[Any]:
    made: list[Any] = []
    for number in numbers:
        if way == "NONE" or kept.statuses[number] != "SUCCEEDED":
            made.append(_record(machine, kept, number))
            continue
        output = json.loads(kept.outputs[number])
        if way == "FLATTEN" and isinstance(output, list):
            made.extend(output)
        else:
            made.append(output)
    return made


def _record(machine: Machine, kept: MapRun, number: int) -> dict[str, Any]:
    """A child execution as Transformation NONE shows it."""
    child: Run | None = machine.host.child(kept.arns[number]) if kept.arns[number] else None
    if child is None:
        return {
            "Input": text_of(kept.inputs[number]),
            "InputDetails": {"Included": True},
            "Status": "PENDING",
        }
    done = child.status == "SUCCEEDED"
    record: dict[str, Any] = {"ExecutionArn": child.arn}
    record |= {
        name.capitalize(): value for name, value in StateFailed(child.error, child.cause).details.items()
    }
    record |= {
        "Input": text_of(child.input), "InputDetails": {"Included": True}, "Name": child.name,
        "Output": child.output, "OutputDetails": {"Included": True}, "RedriveCount": child.redrives,
        "RedriveStatus": "NOT_REDRIVABLE" if done or child.express else "REDRIVABLE_BY_MAP_RUN",
        "RedriveStatusReason": f"Execution is {child.status} and cannot be redriven" if done else None,
        "StartDate": written(child.started), "StateMachineArn": child.machine_arn, "Status": child.status,
        "StopDate": written(child.ended) if child.ended is not None else None,
    }  # fmt: skip
    if not done:
        record.pop("OutputDetails")
    return {name: value for name, value in record.items() if value is not None}
