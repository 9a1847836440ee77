"""The states that need nobody else: Pass, Succeed, Fail, Choice, Wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from labkit.sandbox.states import choices, expressions, flow
from labkit.sandbox.states.errors import QUERY, RUNTIME, StateFailed
from labkit.sandbox.states.flow import text_of
from labkit.sandbox.states.runs import Track
from labkit.sandbox.states.scope import Scope

if TYPE_CHECKING:
    from labkit.sandbox.states.machine import Machine

State = dict[str, Any]
_NO_WAY: Final = "Failed to transition out of the state. The state does not point to a next state."
"""AWS's words for a Choice where nothing matches and that has no Default. The error is States.Runtime."""


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
    if "Result" in state:
        result = state["Result"]
        machine.run.inspect(result=result)
    else:
        machine.run.inspect(afterInputPath=data)
        result = (
            flow.template(state["Parameters"], scope._replace(data=data)) if "Parameters" in state else data
        )
        machine.run.inspect(afterParameters=result)
    assigned = flow.assigned(state, scope._replace(data=result))
    merged = flow.with_result(state, track.data, result)
    machine.run.inspect(afterResultSelector=result, afterResultPath=merged)
    output = flow.output_path(state, merged, scope)
    machine.leave(track, state, output, assigned, state.get("Next"))


def succeed(machine: Machine, track: Track, state: State) -> None:
    """Succeed ends the track well."""
    scope = machine.scope(track, state)
    if machine.jsonata(state):
        output = expressions.evaluate(state["Output"], scope, "Output") if "Output" in state else track.data
    else:
        data = flow.effective_input(state, scope)
        machine.run.inspect(afterInputPath=data)
        output = flow.output_path(state, data, scope)
    machine.leave(track, state, output, {}, None)


def fail(machine: Machine, track: Track, state: State) -> None:
    """Fail ends it with an error of its own."""
    scope, jsonata = machine.scope(track, state), machine.jsonata(state)
    if not jsonata:
        machine.run.inspect(afterInputPath=track.data)
    said = []
    for name in ("Error", "Cause"):
        value = flow.value_of(state, name, scope, jsonata)
        if value is not None and not isinstance(value, str):
            if jsonata:
                raise flow.wrong_type(state[name], name, "string", value)
            raise StateFailed(
                RUNTIME, f"The {name}Path field must refer to a string, and refers to {text_of(value)}."
            )
        said.append(value)
    machine.failed(track, StateFailed(*said))


def choice(machine: Machine, track: Track, state: State) -> None:
    """Choice: the first rule that holds says where to go."""
    scope, jsonata = machine.scope(track, state), machine.jsonata(state)
    data = track.data
    if not jsonata:
        data = flow.effective_input(state, scope)
        scope = scope._replace(data=data)
        machine.run.inspect(afterInputPath=data)
    chosen: State | None = None
    at = ""
    for number, rule in enumerate(state["Choices"]):
        here = f"Choices[{number}]/"
        if _condition(rule, scope, here) if jsonata else choices.holds(rule, scope):
            chosen, at = rule, here
            break
    if chosen is None and "Default" not in state:
        raise StateFailed(RUNTIME, _NO_WAY)
    given = chosen if chosen is not None else state
    if jsonata:
        output = expressions.evaluate(given["Output"], scope, f"{at}Output") if "Output" in given else data
        assigned = expressions.evaluate(given.get("Assign") or {}, scope, f"{at}Assign")
    else:
        assigned = flow.assigned(given, scope)
        output = flow.output_path(state, data, scope)
    machine.leave(track, state, output, assigned, chosen["Next"] if chosen is not None else state["Default"])


def _condition(rule: State, scope: Scope, at: str) -> bool:
    found = expressions.evaluate(rule["Condition"], scope, f"{at}Condition")
    if not isinstance(found, bool):
        raise flow.wrong_type(rule["Condition"], f"{at}Condition", "boolean", found)
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
