"""The states that need nobody else: Pass, Succeed, Fail, Choice, Wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labkit.sandbox.states import choices, expressions, flow
from labkit.sandbox.states.errors import NO_CHOICE, QUERY, RUNTIME, StateFailed
from labkit.sandbox.states.flow import text_of
from labkit.sandbox.states.runs import Track
from labkit.sandbox.states.scope import Scope

if TYPE_CHECKING:
    from labkit.sandbox.states.machine import Machine

State = dict[str, Any]


def passed(machine: Machine, track: Track, state: State) -> None:
    """Pass: the input, a fixed result, or a new shape of it."""
    if machine.jsonata(state):
        scope = machine.scope(track, state)
        output = expressions.evaluate(state["Output"], scope, "Output") if "Output" in state else track.data
        assigned = expressions.evaluate(state.get("Assign") or {}, scope, "Assign")
        machine.leave(track, state, output, assigned, state.get("Next"))
        return
    scope = machine.scope(track, state)
    data = flow.effective_input(state, scope)
    if "Parameters" in state:
        data = flow.template(state["Parameters"], scope._replace(data=data))
    result = state.get("Result", data)
    assigned = flow.assigned(state, scope._replace(data=result))
    output = flow.output_path(state, flow.with_result(state, track.data, result), scope)
    machine.leave(track, state, output, assigned, state.get("Next"))


def succeed(machine: Machine, track: Track, state: State) -> None:
    """Succeed ends the track well."""
    scope = machine.scope(track, state)
    if machine.jsonata(state):
        output = expressions.evaluate(state["Output"], scope, "Output") if "Output" in state else track.data
    else:
        output = flow.output_path(state, flow.effective_input(state, scope), scope)
    machine.leave(track, state, output, {}, None)


def fail(machine: Machine, track: Track, state: State) -> None:
    """Fail ends it with an error of its own."""
    scope, jsonata = machine.scope(track, state), machine.jsonata(state)
    said = []
    for name in ("Error", "Cause"):
        path = state.get(f"{name}Path")
        if path is not None and path.startswith("States."):
            said.append(flow.template({"value.$": path}, scope)["value"])
        else:
            said.append(flow.value_of(state, name, scope, jsonata))
    machine.failed(track, StateFailed(*said))


def choice(machine: Machine, track: Track, state: State) -> None:
    """Choice: the first rule that holds says where to go."""
    scope, jsonata = machine.scope(track, state), machine.jsonata(state)
    data = track.data
    if not jsonata:
        data = flow.effective_input(state, scope)
        scope = scope._replace(data=data)
    chosen: State | None = None
    for rule in state["Choices"]:
        if _condition(rule, scope) if jsonata else choices.holds(rule, scope):
            chosen = rule
            break
    if chosen is None and "Default" not in state:
        raise StateFailed(NO_CHOICE, "No choice rule matched the input, and there is no Default.")
    given = chosen if chosen is not None else state
    if jsonata:
        output = expressions.evaluate(given["Output"], scope, "Output") if "Output" in given else data
        assigned = expressions.evaluate(given.get("Assign") or {}, scope, "Assign")
    else:
        assigned = flow.assigned(given, scope)
        output = flow.output_path(state, data, scope)
    machine.leave(track, state, output, assigned, chosen["Next"] if chosen is not None else state["Default"])


def _condition(rule: State, scope: Scope) -> bool:
    found = expressions.evaluate(rule["Condition"], scope, "Condition")
    if not isinstance(found, bool):
        said = (
            f"The JSONata expression '{rule['Condition']}' specified for the field 'Condition' returned an unexpected "
            "result type. Expected 'boolean'."
        )
        raise StateFailed(QUERY, said, location="Condition")
    return found


def wait(machine: Machine, track: Track, state: State) -> None:
    """Wait: for some seconds, or until a moment."""
    scope, jsonata = machine.scope(track, state), machine.jsonata(state)
    if not jsonata:
        scope = scope._replace(data=flow.effective_input(state, scope))
    if "Timestamp" in state or "TimestampPath" in state:
        text = flow.value_of(state, "Timestamp", scope, jsonata)
        until = choices.moment(text)
        if until is None:
            said = (
                "The Timestamp parameter does not reference a valid ISO-8601 extended offset date-time format string: "
                f"Timestamp == {text_of(text)}"
            )
            raise StateFailed(QUERY if jsonata else RUNTIME, said, location="Timestamp")
        seconds = until - machine.host.now()
    else:
        seconds = float(flow.number_of(state, "Seconds", scope, jsonata) or 0)
    if seconds <= 0 or machine.run.single:
        waited(machine, track, state)
        return
    track.epoch += 1
    track.waiting = "wait"
    machine.host.later(machine.run, seconds, track.id, track.epoch, "wait")


def waited(machine: Machine, track: Track, state: State) -> None:
    """The time of a Wait is over."""
    if machine.jsonata(state):
        machine.complete(track, state, track.data)
        return
    scope = machine.scope(track, state)
    data = flow.effective_input(state, scope)
    assigned = flow.assigned(state, scope._replace(data=data))
    machine.leave(track, state, flow.output_path(state, data, scope), assigned, state.get("Next"))
