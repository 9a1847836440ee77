"""After a failure: the Retry and Catch of a state at work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labkit.sandbox.states import branches, expressions, flow, retries
from labkit.sandbox.states.errors import RUNTIME, StateFailed
from labkit.sandbox.states.runs import Track

if TYPE_CHECKING:
    from labkit.sandbox.states.machine import Machine

State = dict[str, Any]


def retried(machine: Machine, track: Track, state: State, failure: StateFailed) -> bool:
    """Whether a Retry takes the failure: then the next attempt is on the clock."""
    number = retries.retrier_for(state, failure)
    if number is None:
        return False
    done = track.retries.get(number, 0)
    dice = machine.host.dice("retry", machine.run.arn, track.id, track.event, done)
    wait = retries.delay(state["Retry"][number], done, dice)
    if wait is None:
        if machine.run.single:
            machine.run.outcome["retry"] = number
        return False
    if machine.run.single:
        machine.run.outcome |= {"status": "RETRIABLE", "retry": number, "wait": wait}
        machine.end("FAILED", failure.error, failure.cause)
        return True
    branches.drop_children(machine, track)
    track.retries[number] = done + 1
    track.retried += 1
    track.waiting, track.task = "retry", {}
    machine.host.later(machine.run, wait, track.id, track.epoch, "go")
    return True


def caught(machine: Machine, track: Track, state: State, failure: StateFailed, before: int) -> bool:
    """Whether a Catch takes the failure: then the track goes on elsewhere.

    `before` is the event before the state was noted as failed. When the Catch itself fails, AWS goes on from there.
    """
    number = retries.catcher_for(state, failure)
    if number is None:
        return False
    rule = state["Catch"][number]
    if machine.run.single:
        machine.run.outcome |= {"status": "CAUGHT_ERROR", "error": failure, "catch": number}
    try:
        output, assigned = _handed_on(machine, track, state, number, failure)
    except StateFailed as again:
        track.event = before
        again = machine.blamed(track, again)
        if state["Type"] in ("Map", "Parallel") and again.error != RUNTIME:
            machine.record(track, f"{state['Type']}StateFailed", "", {})
        machine.run.outcome.pop("status", None)
        machine.give_up(track, again)
        return True
    branches.drop_children(machine, track)
    track.task = {}
    try:
        machine.leave(track, state, output, assigned, rule["Next"])
    except StateFailed as again:
        machine.give_up(track, again)
    return True


def _handed_on(
    machine: Machine, track: Track, state: State, number: int, failure: StateFailed
) -> tuple[Any, dict[str, Any]]:
    """Output and variables that a catcher makes of the failure."""
    rule = state["Catch"][number]
    if not machine.jsonata(state):
        scope = machine.scope(track, state)
        assigned = flow.assigned(rule, scope._replace(data=failure.output))
        return flow.with_result(rule, track.data, failure.output), assigned
    scope = machine.scope(track, state, errorOutput=failure.output)
    at = f"Catch[{number}]"
    output: Any = failure.output
    if "Output" in rule:
        output = expressions.evaluate(rule["Output"], scope, f"{at}/Output")
    return output, expressions.evaluate(rule.get("Assign") or {}, scope, f"{at}/Assign")
