"""Parallel and the Inline Map: states that run other states inside the same execution.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html (at most 40 items at once) and
state-parallel.html. Which events tell of branches, and in which order, is as in the histories of AWS that LocalStack's
tests keep (https://github.com/localstack/localstack, tests/aws/services/stepfunctions/v2/timeouts).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

from labkit.sandbox.states import distributed, expressions, flow, items
from labkit.sandbox.states.errors import RUNTIME, StateFailed
from labkit.sandbox.states.flow import text_of
from labkit.sandbox.states.runs import Track

if TYPE_CHECKING:
    from labkit.sandbox.states.machine import Machine

INLINE: Final = 40
"""Items of an Inline Map at work at the same time, at most."""
LASTING: Final = ("Task", "Wait", "Parallel", "Map")
"""States that can be stopped in the middle."""
State = dict[str, Any]


def block(state: State, index: int) -> dict[str, Any]:
    """The part of the definition that a branch or an item runs in."""
    if state["Type"] == "Parallel":
        return state["Branches"][index]  # type: ignore[no-any-return]
    return distributed.processor(state)


# -- beginning ---------------------------------------------------------------------------------------


def parallel(machine: Machine, track: Track, state: State) -> None:
    """Begin all branches with the same input."""
    data = _arguments(machine, track, state)
    if machine.run.mock is not None:
        mocked(machine, track, state)
        return
    machine.record(track, "ParallelStateStarted", "", {})
    _begin(track, [(number, data) for number in range(len(state["Branches"]))])
    for _ in state["Branches"]:
        _start_next(machine, track, state)


def _arguments(machine: Machine, track: Track, state: State) -> Any:
    scope = machine.scope(track, state)
    if machine.jsonata(state):
        given = expressions.evaluate(state.get("Arguments", track.data), scope, "Arguments")
        machine.run.inspect(afterArguments=given)
        return given
    data = flow.effective_input(state, scope)
    machine.run.inspect(afterInputPath=data)
    if "Parameters" in state:
        data = flow.template(state["Parameters"], scope._replace(data=data))
    machine.run.inspect(afterParameters=data)
    return data


def mapped(machine: Machine, track: Track, state: State) -> None:
    """Map: in this execution, or in executions of their own."""
    if machine.run.mock is not None:
        distributed.mocked(machine, track, state)
    elif distributed.is_distributed(state):
        distributed.begin(machine, track, state)
    else:
        _inline(machine, track, state)


def _inline(machine: Machine, track: Track, state: State) -> None:
    """Begin as many items as may run at once."""
    found = items.of_input(machine, track, state)
    most = items.concurrency(machine, track, state)
    machine.record(track, "MapStateStarted", "mapStateStartedEventDetails", {"length": len(found)})
    track.task = {"began": track.event}
    _begin(track, list(enumerate(found)))
    if not found:
        _finished(machine, track, state)
        return
    for _ in range(min(most or INLINE, INLINE, len(found))):
        _start_next(machine, track, state)


def _begin(track: Track, work: list[tuple[int, Any]]) -> None:
    track.results = [None] * len(work)
    track.pending.clear()
    track.pending.extend(work)
    track.working = 0
    track.waiting = "children"


def _start_next(machine: Machine, track: Track, state: State) -> None:
    if not track.pending or track.waiting != "children" or not machine.run.running:
        return
    index, data = track.pending.popleft()
    item = None
    if state["Type"] == "Map":
        item = items.context_of(index, data)
        # AWS computes this before it notes the iteration: a wrong ItemSelector fails the Map itself.
        data = items.selected(machine, track, state, data, item)
    child = machine.new_track(track, index, block(state, index)["StartAt"], data)
    track.working += 1
    if item is not None:
        child.item = item
        details = {"name": track.name, "index": index}
        machine.record(child, "MapIterationStarted", "mapIterationStartedEventDetails", details)
    machine.run.ready.append(child.id)


def mocked(machine: Machine, track: Track, state: State) -> None:
    """TestState: a given result or error stands for all the branches or items."""
    mock = machine.run.mock or {}
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
    child.done = True
    child.data = None
    track.working -= 1
    track.results[child.index] = output
    machine.run.tracks.pop(child.id)
    track.event = child.event
    if track.pending:
        machine.step(track, functools.partial(_next_one, machine))
    elif not track.working:
        machine.step(track, functools.partial(_finished, machine))


def _next_one(machine: Machine, track: Track, state: State) -> None:
    before, track.event = track.event, track.task["began"]  # an item follows the beginning of the Map
    try:
        _start_next(machine, track, state)
    finally:
        track.event = before


def _finished(machine: Machine, track: Track, state: State) -> None:
    kind, results = state["Type"], track.results
    flow.check_size(text_of(results), "a result", track.name)
    machine.aside(track, f"{kind}StateSucceeded", "", {})
    track.waiting, track.results = "", []
    track.epoch += 1
    machine.complete(track, state, results)


def failed(machine: Machine, child: Track, failure: StateFailed) -> None:
    """A branch or an item failed for good: so does what is around it."""
    track = machine.run.tracks[child.parent if child.parent is not None else 0]
    if failure.error != RUNTIME:  # of that one AWS tells the end of the execution only
        if machine.state(track)["Type"] == "Map":
            details = {"name": track.name, "index": child.index}
            machine.aside(child, "MapIterationFailed", "mapIterationFailedEventDetails", details)
        if machine.state(child)["Type"] == "Task":
            machine.aside(child, "TaskStateAborted", "", {})
    track.event = child.event
    if track.id in machine.run.tracks and machine.run.running:
        machine.failed(track, failure)


def abort(machine: Machine, track: Track, failure: StateFailed) -> None:
    """Stop everything below a track because of a failure, and tell so in the history."""
    for child in _children(machine, track):
        abort(machine, child, failure)
        if child.waiting != "failed":
            if failure.error != RUNTIME:
                _told(machine, track, child)
            _stopped(machine, child)
    if track.map_run:
        distributed.abort(machine, track)


def _told(machine: Machine, track: Track, child: Track) -> None:
    if child.item is not None:
        details = {"name": track.name, "index": child.index}
        machine.aside(track, "MapIterationAborted", "mapIterationAbortedEventDetails", details)
    kind = machine.state(child)["Type"]
    if child.entered_event and kind in LASTING:
        machine.aside(track, f"{kind}StateAborted", "", {})


def quiet(machine: Machine, track: Track) -> None:
    """Stop everything below a track. It stays where it is: a redrive goes on from there."""
    for child in _children(machine, track):
        quiet(machine, child)
        _stopped(machine, child)
    if track.map_run:
        distributed.abort(machine, track)


def _children(machine: Machine, track: Track) -> list[Track]:
    return [one for one in machine.run.tracks.values() if one.parent == track.id and not one.done]


def _stopped(machine: Machine, child: Track) -> None:
    child.epoch += 1
    if child.waiting != "children":
        child.waiting = "failed"
    if child.map_run:
        distributed.abort(machine, child)


def drop_children(machine: Machine, track: Track) -> None:
    """Forget everything below a track: it begins anew, or goes on elsewhere."""
    for child in [one for one in machine.run.tracks.values() if one.parent == track.id]:
        drop_children(machine, child)
        machine.run.tracks.pop(child.id, None)
    track.pending.clear()
    track.results, track.map_run = [], ""
