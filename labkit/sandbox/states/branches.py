"""Parallel and Map: states that run other states.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-map.html (Inline: at most 40 items at once;
Distributed: tolerated failures, child executions) and state-parallel.html.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

from labkit.sandbox.states import expressions, flow
from labkit.sandbox.states.errors import RUNTIME, THRESHOLD, NotSimulatedHere, StateFailed
from labkit.sandbox.states.flow import text_of
from labkit.sandbox.states.runs import Track

if TYPE_CHECKING:
    from labkit.sandbox.states.machine import Machine

INLINE: Final = 40
DISTRIBUTED: Final = 10_000
"""Items at work at the same time, at most (developer guide, "Map state processing modes")."""
LASTING: Final = ("Task", "Wait", "Parallel", "Map")
"""States that can be stopped in the middle."""
State = dict[str, Any]


def block(state: State, index: int) -> dict[str, Any]:
    """The part of the definition that a branch or an item runs in."""
    if state["Type"] == "Parallel":
        return state["Branches"][index]  # type: ignore[no-any-return]
    return processor(state)


def processor(state: State) -> dict[str, Any]:
    """What a Map does with each item: ItemProcessor, or Iterator in older definitions."""
    return state.get("ItemProcessor") or state["Iterator"]  # type: ignore[no-any-return]


def is_distributed(state: State) -> bool:
    """Whether a Map runs each item as an execution of its own."""
    config = processor(state).get("ProcessorConfig") or {}
    return bool(state["Type"] == "Map" and config.get("Mode") == "DISTRIBUTED")


# -- beginning ---------------------------------------------------------------------------------------


def parallel(machine: Machine, track: Track, state: State) -> None:
    """Begin all branches with the same input."""
    data = _arguments(machine, track, state)
    machine.record(track, "ParallelStateStarted", "", {})
    _begin(track, [(number, data) for number in range(len(state["Branches"]))])
    for _ in state["Branches"]:
        _start_next(machine, track, state)


def _arguments(machine: Machine, track: Track, state: State) -> Any:
    scope = machine.scope(track, state)
    if machine.jsonata(state):
        return expressions.evaluate(state.get("Arguments", track.data), scope, "Arguments")
    data = flow.effective_input(state, scope)
    return flow.template(state["Parameters"], scope._replace(data=data)) if "Parameters" in state else data


def mapped(machine: Machine, track: Track, state: State) -> None:
    """Begin as many items as may run at once."""
    items = _items(machine, track, state)
    far = is_distributed(state)
    machine.record(track, "MapStateStarted", "mapStateStartedEventDetails", {"length": len(items)})
    scope, jsonata = machine.scope(track, state), machine.jsonata(state)
    wanted = int(flow.number_of(state, "MaxConcurrency", scope, jsonata) or 0)
    most = DISTRIBUTED if far else INLINE
    track.task = {"most": min(wanted or most, most), "size": len(items), "far": far, "tolerated": -1}
    if far:
        _map_run(machine, track, state, len(items))
    _begin(track, list(enumerate(items)))
    if not items:
        _finished(machine, track, state)
        return
    for _ in range(min(track.task["most"], len(items))):
        _start_next(machine, track, state)


def _items(machine: Machine, track: Track, state: State) -> list[Any]:
    scope = machine.scope(track, state)
    for field in ("ItemBatcher", "ResultWriter"):
        if field in state:
            raise NotSimulatedHere(f"{field} of a Distributed Map")
    if "ItemReader" in state:
        reader = state["ItemReader"]
        given = reader.get("Arguments", reader.get("Parameters", {}))
        arguments = (
            expressions.evaluate(given, scope, "ItemReader/Arguments")
            if machine.jsonata(state)
            else flow.template(given, scope)
        )
        items: Any = machine.host.read_items(machine.run, state, arguments)
    elif machine.jsonata(state):
        items = expressions.evaluate(state["Items"], scope, "Items") if "Items" in state else track.data
    else:
        data = flow.effective_input(state, scope)
        items = flow.value_of(
            {"ItemsPath": state.get("ItemsPath", "$")}, "Items", scope._replace(data=data), False
        )
    if is_distributed(state) and isinstance(items, dict):
        items = [{"Key": name, "Value": value} for name, value in items.items()]
    if not isinstance(items, list):
        raise StateFailed(RUNTIME, f'Reference path "{state.get("ItemsPath", "$")}" must point to array.')
    return items


def _map_run(machine: Machine, track: Track, state: State, size: int) -> None:
    scope, jsonata = machine.scope(track, state), machine.jsonata(state)
    count = flow.number_of(state, "ToleratedFailureCount", scope, jsonata)
    share = flow.value_of(state, "ToleratedFailurePercentage", scope, jsonata)
    limits = [] if count is None else [float(count)]
    if share is not None:
        limits.append(size * float(share) / 100)
    track.task["tolerated"] = min(limits) if limits else 0.0
    run = machine.run
    label = state.get("Label") or "".join(letter for letter in track.name if letter.isalnum())[:10]
    dice = machine.host.dice("map", run.arn, track.id, track.event).getrandbits(128)
    number = f"{dice:032x}"
    identity = "-".join((number[:8], number[8:12], number[12:16], number[16:20], number[20:]))
    head = run.arn.split(":")
    track.map_run = ":".join([*head[:5], "mapRun", f"{run.machine_name}/{label}:{identity}"])
    run.map_runs[track.map_run] = {
        "track": track.id, "started": machine.host.now(), "ended": None, "status": "RUNNING", "total": size,
        "succeeded": 0, "failed": 0, "aborted": 0, "most": track.task["most"], "count": int(count or 0),
        "share": float(share or 0),
    }  # fmt: skip
    machine.record(track, "MapRunStarted", "mapRunStartedEventDetails", {"mapRunArn": track.map_run})


def _begin(track: Track, work: list[tuple[int, Any]]) -> None:
    track.results = [None] * len(work)
    track.pending.clear()
    track.pending.extend(work)
    track.working = track.failed = 0
    track.waiting = "children"


def _start_next(machine: Machine, track: Track, state: State) -> None:
    if not track.pending or track.waiting != "children" or not machine.run.running:
        return
    index, data = track.pending.popleft()
    child = machine.new_track(track, index, "", data)
    track.working += 1
    child.name = block(state, index)["StartAt"]
    if state["Type"] == "Map":
        child.silent = track.silent or track.task["far"]
        child.item = {"Index": index, "Value": data}
        details = {"name": track.name, "index": index}
        machine.record(child, "MapIterationStarted", "mapIterationStartedEventDetails", details)
        child.data = _selected(machine, track, child, state, data)
    machine.run.ready.append(child.id)


def _selected(machine: Machine, track: Track, child: Track, state: State, value: Any) -> Any:
    selector = state.get("ItemSelector", state.get("Parameters"))
    if selector is None:
        return value
    scope = machine.scope(track, state)
    scope = scope._replace(context={**scope.context, "Map": {"Item": child.item}})
    if machine.jsonata(state):
        return expressions.evaluate(selector, scope, "ItemSelector")
    return flow.template(selector, scope._replace(data=flow.effective_input(state, scope)))


def mocked(machine: Machine, track: Track, state: State) -> None:
    """TestState: a given result or error stands for all the branches or items."""
    mock = machine.run.mock or {}
    if state["Type"] == "Parallel":
        _arguments(machine, track, state)
    else:
        _items(machine, track, state)
    if mock.get("failure") is not None:
        machine.failed(track, mock["failure"])
    else:
        machine.complete(track, state, mock.get("result"))


# -- ending ------------------------------------------------------------------------------------------


def ended(machine: Machine, child: Track, output: Any) -> None:
    """A branch or an item is done."""
    track = machine.run.tracks[child.parent if child.parent is not None else 0]
    state = machine.state(track)
    if state["Type"] == "Map":
        details = {"name": track.name, "index": child.index}
        machine.record(child, "MapIterationSucceeded", "mapIterationSucceededEventDetails", details)
    if track.map_run:
        machine.run.map_runs[track.map_run]["succeeded"] += 1
    _one_less(machine, track, child, output)


def _one_less(machine: Machine, track: Track, child: Track, output: Any) -> None:
    child.done = True
    child.data = None
    track.working -= 1
    track.results[child.index] = output
    machine.run.tracks.pop(child.id)
    if not child.silent:
        track.event = child.event
    if track.pending:
        machine._step(track, functools.partial(_start_next, machine))
    elif not track.working:
        machine._step(track, functools.partial(_finished, machine))


def _finished(machine: Machine, track: Track, state: State) -> None:
    kind, results = state["Type"], track.results
    if track.map_run:
        kept = machine.run.map_runs[track.map_run]
        kept["status"], kept["ended"] = "SUCCEEDED", machine.host.now()
        machine.record(track, "MapRunSucceeded", "", {})
    flow.check_size(text_of(results), "a result", track.name)
    machine.record(track, f"{kind}StateSucceeded", "", {})
    track.waiting, track.results, track.map_run = "", [], ""
    track.epoch += 1
    machine.complete(track, state, results)


def failed(machine: Machine, child: Track, failure: StateFailed) -> None:
    """A branch or an item failed for good: so does what is around it, unless it tolerates that."""
    track = machine.run.tracks[child.parent if child.parent is not None else 0]
    state = machine.state(track)
    if state["Type"] == "Map":
        details = {"name": track.name, "index": child.index}
        machine.record(child, "MapIterationFailed", "mapIterationFailedEventDetails", details)
    if track.map_run:
        track.failed += 1
        kept = machine.run.map_runs[track.map_run]
        kept["failed"] += 1
        if track.failed <= track.task["tolerated"]:
            _one_less(machine, track, child, failure.output)
            return
        kept["status"], kept["ended"] = "FAILED", machine.host.now()
        failure = StateFailed(THRESHOLD, "The specified tolerated failure threshold was exceeded")
    if not child.silent:
        track.event = child.event
    abort(machine, track)
    details = {"error": failure.error, "cause": failure.cause}
    given = {name: value for name, value in details.items() if value is not None}
    if track.map_run:
        machine.record(track, "MapRunFailed", "mapRunFailedEventDetails", given)
        drop_children(machine, track)
        track.waiting = ""
    machine.record(track, f"{state['Type']}StateFailed", "", {})
    if track.id in machine.run.tracks:
        machine.failed(track, failure)


def abort(machine: Machine, track: Track) -> None:
    """Stop everything below a track. It stays where it is: a redrive goes on from there."""
    for child in [one for one in machine.run.tracks.values() if one.parent == track.id and not one.done]:
        abort(machine, child)
        if child.waiting != "failed":
            kind = machine.state(child)["Type"]
            if child.entered_event and kind in LASTING:
                machine.record(child, f"{kind}StateAborted", "", {})
            if child.item is not None and not child.silent:
                details = {"name": track.name, "index": child.index}
                machine.record(child, "MapIterationAborted", "mapIterationAbortedEventDetails", details)
        child.epoch += 1
        if child.waiting != "children":
            child.waiting = "failed"
    if track.map_run and track.map_run in machine.run.map_runs:
        kept = machine.run.map_runs[track.map_run]
        if kept["status"] == "RUNNING":
            kept["status"], kept["ended"] = "ABORTED", machine.host.now()


def drop_children(machine: Machine, track: Track) -> None:
    """Forget everything below a track: it begins anew, or goes on elsewhere."""
    for child in [one for one in machine.run.tracks.values() if one.parent == track.id]:
        drop_children(machine, child)
        machine.run.tracks.pop(child.id, None)
    track.pending.clear()
    track.results, track.map_run = [], ""
