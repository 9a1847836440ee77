"""The Distributed Map: every item, or batch of items, is an execution of its own; together they are a Map Run.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html (10,000 at once, tolerated
failures, a new Map Run for each retry, permission for states:StartExecution) and redrive-map-run.html.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

from labkit.sandbox.states import branches, expressions, flow, items, results
from labkit.sandbox.states.errors import THRESHOLD, StateFailed
from labkit.sandbox.states.flow import text_of
from labkit.sandbox.states.runs import MapRun, Parent, Track

if TYPE_CHECKING:
    from labkit.sandbox.states.machine import Machine

MOST: Final = 10_000
"""Child executions at work at the same time, at most."""
State = dict[str, Any]
_OVER: Final = "The specified tolerated failure threshold was exceeded"


def processor(state: State) -> dict[str, Any]:
    """What a Map does with each item: ItemProcessor, or Iterator in older definitions."""
    return state.get("ItemProcessor") or state["Iterator"]  # type: ignore[no-any-return]


def is_distributed(state: State) -> bool:
    """Whether a Map runs each item as an execution of its own."""
    config = processor(state).get("ProcessorConfig") or {}
    return bool(state["Type"] == "Map" and config.get("Mode") == "DISTRIBUTED")


# -- beginning ---------------------------------------------------------------------------------------


def begin(machine: Machine, track: Track, state: State) -> None:
    """Begin a Map Run, and as many child executions as may run at once."""
    reads = "ItemReader" in state
    found = [] if reads else items.of_input(machine, track, state)
    kept = _map_run(machine, track, state)
    machine.record(track, "MapStateStarted", "mapStateStartedEventDetails", {"length": len(found)})
    machine.record(track, "MapRunStarted", "mapRunStartedEventDetails", {"mapRunArn": kept.arn})
    machine.run.map_runs[kept.arn] = kept
    track.map_run, track.waiting = kept.arn, "children"
    try:
        fill(machine, track, state, kept, _read(machine, track, state) if reads else found)
    except StateFailed as failure:
        _fails(machine, track, machine.blamed(track, failure) if not reads else failure)
        return
    go_on(machine, track)


def _map_run(machine: Machine, track: Track, state: State) -> MapRun:
    run = machine.run
    most = items.concurrency(machine, track, state)
    count, share = _tolerance(machine, track, state)
    number = _uuid(machine, "map", track)
    label = state.get("Label") or _uuid(machine, "label", track)
    head = ":".join(run.arn.split(":")[:5])
    arn = f"{head}:mapRun:{run.machine_name}/{label}:{number}"
    express = processor(state)["ProcessorConfig"].get("ExecutionType") == "EXPRESS"
    return MapRun(
        arn, label, track.id, machine.host.now(), express, min(most or MOST, MOST), most, count, share
    )


def _tolerance(machine: Machine, track: Track, state: State) -> tuple[int | None, float | None]:
    scope, jsonata = items.input_scope(machine, track, state), machine.jsonata(state)
    count = flow.number_of(state, "ToleratedFailureCount", scope, jsonata)
    share = flow.number_of(state, "ToleratedFailurePercentage", scope, jsonata, most=100, whole=False)
    return None if count is None else int(count), None if share is None else float(share)


def _uuid(machine: Machine, what: str, track: Track) -> str:
    digits = f"{machine.host.dice(what, machine.run.arn, track.id, track.event, track.epoch).getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _read(machine: Machine, track: Track, state: State) -> list[Any]:
    reader = state["ItemReader"]
    scope, jsonata = items.input_scope(machine, track, state), machine.jsonata(state)
    config = dict(reader.get("ReaderConfig") or {})
    most = flow.number_of(config, "MaxItems", scope, jsonata, field="ItemReader/ReaderConfig/MaxItems")
    given = reader.get("Arguments", reader.get("Parameters", {}))
    arguments = (
        expressions.evaluate(given, scope, "ItemReader/Arguments") if jsonata else flow.template(given, scope)
    )
    found = items.listed(machine.host.read_items(machine.run, state, arguments, config)) or []
    return found[: int(most)] if most else found


def fill(machine: Machine, track: Track, state: State, kept: MapRun, found: list[Any]) -> None:
    """Work out the input of every child execution."""
    contexts = [items.context_of(index, value) for index, value in enumerate(found)]
    inputs = [
        items.selected(machine, track, state, value, item)
        for value, item in zip(found, contexts, strict=True)
    ]
    if "ItemSelector" in state or "Parameters" in state:
        machine.run.inspect(afterItemSelector=inputs)
    if "ItemBatcher" in state:
        kept.inputs, kept.sizes = items.batched(machine, track, state, inputs)
        kept.items = [None] * len(kept.inputs)
        machine.run.inspect(afterItemBatcher=kept.inputs)
    else:
        kept.inputs, kept.sizes, kept.items = inputs, [1] * len(inputs), [*contexts]
    number = len(kept.inputs)
    kept.statuses, kept.arns, kept.outputs = ["PENDING"] * number, [""] * number, [None] * number
    kept.waiting.extend(range(number))


# -- on the way --------------------------------------------------------------------------------------


def go_on(machine: Machine, track: Track) -> None:
    """Begin what may begin; end the Map Run when it is done, or when too much has failed."""
    kept = machine.run.map_runs[track.map_run]
    if kept.failed_items > kept.tolerated:
        _fails(machine, track, StateFailed(THRESHOLD, _OVER))
        return
    try:
        while kept.waiting and kept.running < kept.most:
            _begin_child(machine, track, kept, kept.waiting.popleft())
    except StateFailed as failure:
        _fails(machine, track, failure)
        return
    if not kept.running and not kept.waiting:
        machine.step(track, functools.partial(_finished, machine))


def _begin_child(machine: Machine, track: Track, kept: MapRun, number: int) -> None:
    run, arn = machine.run, kept.arns[number]
    parent = Parent(run.arn, track.id, track.epoch, number)
    if not arn or kept.express:
        block = processor(machine.state(track))
        definition = {
            "QueryLanguage": run.definition.get("QueryLanguage", "JSONPath"),
            "StartAt": block["StartAt"], "States": block["States"],
        }  # fmt: skip
        kept.arns[number] = machine.host.begin_child(run, kept, parent, definition)
    elif not machine.host.redrive_child(arn, parent):
        kept.statuses[number] = "FAILED"  # what cannot be redriven keeps its failure
        kept.failed_items += kept.sizes[number]
        return
    kept.statuses[number] = "RUNNING"
    kept.running += 1


def child_ended(machine: Machine, track: Track, number: int) -> None:
    """One child execution is over."""
    kept = machine.run.map_runs[track.map_run]
    child = machine.host.child(kept.arns[number])
    if child is None or kept.statuses[number] != "RUNNING":
        return
    kept.running -= 1
    kept.statuses[number] = child.status
    if child.status == "SUCCEEDED":
        kept.outputs[number] = child.output
    else:
        kept.failed_items += kept.sizes[number]
    go_on(machine, track)


def _finished(machine: Machine, track: Track, state: State) -> None:
    kept = machine.run.map_runs[track.map_run]
    try:
        result = results.of(machine, track, state, kept)
    except StateFailed as failure:
        _fails(machine, track, failure)
        return
    _over(machine, kept, "SUCCEEDED")
    before = track.event
    machine.record(track, "MapRunSucceeded", "", {})
    flow.check_size(text_of(result), "a result", track.name)
    machine.record(track, "MapStateSucceeded", "", {})
    track.event = before  # in AWS's histories the end of the state follows the beginning of the Map Run
    track.waiting = ""
    track.epoch += 1
    machine.complete(track, state, result)


def _fails(machine: Machine, track: Track, failure: StateFailed) -> None:
    kept = machine.run.map_runs[track.map_run]
    _over(machine, kept, "FAILED")
    _abort_children(machine, kept)
    machine.record(track, "MapRunFailed", "mapRunFailedEventDetails", failure.details)
    track.waiting = ""
    machine.failed(track, failure)


def abort(machine: Machine, track: Track) -> None:
    """The state or the execution ends from outside: so do the Map Run and its child executions."""
    kept = machine.run.map_runs.get(track.map_run)
    if kept is not None and kept.status == "RUNNING":
        _over(machine, kept, "ABORTED")
        _abort_children(machine, kept)


def _over(machine: Machine, kept: MapRun, status: str) -> None:
    kept.status, kept.ended = status, machine.host.now()


def _abort_children(machine: Machine, kept: MapRun) -> None:
    for number, status in enumerate(kept.statuses):
        if status == "RUNNING":
            kept.statuses[number] = "ABORTED"
            machine.host.end_child(kept.arns[number])
    kept.running = 0


def redrive(machine: Machine, track: Track) -> None:
    """Do again what did not succeed, in the same Map Run."""
    kept = machine.run.map_runs[track.map_run]
    if kept.status == "SUCCEEDED" or not kept.inputs:
        track.waiting, track.map_run = "", ""  # it never came to its items: begin anew
        machine.run.ready.append(track.id)
        return
    kept.status, kept.ended, kept.failed_items, kept.running = "RUNNING", None, 0, 0
    kept.redrives, kept.redriven = kept.redrives + 1, machine.host.now()
    kept.waiting.clear()
    for number, status in enumerate(kept.statuses):
        if status != "SUCCEEDED":
            kept.statuses[number] = "PENDING"
            kept.waiting.append(number)
    track.waiting = "children"
    details = {"mapRunArn": kept.arn, "redriveCount": kept.redrives}
    machine.record(track, "MapRunRedriven", "mapRunRedrivenEventDetails", details)
    go_on(machine, track)


# -- TestState ---------------------------------------------------------------------------------------


def mocked(machine: Machine, track: Track, state: State) -> None:
    """TestState: the items are worked out; a given result or error stands for what would be done with them."""
    run = machine.run
    given = run.outcome.get("items")
    found = items.listed(given) if "ItemReader" in state else items.of_input(machine, track, state)
    count, share = _tolerance(machine, track, state)
    run.inspect(maxConcurrency=items.concurrency(machine, track, state))
    if count is not None:
        run.inspect(toleratedFailureCount=count)
    if share is not None:
        run.inspect(toleratedFailurePercentage=share)
    kept = MapRun("", "", track.id, 0.0, False, MOST, 0, count, share)
    fill(machine, track, state, kept, found or [])
    failures = run.outcome.get("failures")
    if failures is not None and is_distributed(state) and failures > kept.tolerated:
        machine.failed(track, StateFailed(THRESHOLD, _OVER))
        return
    branches.mocked(machine, track, state)
