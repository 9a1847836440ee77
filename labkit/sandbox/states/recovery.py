"""After a failure: the Retry and Catch of a state at work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labkit.sandbox.states import branches, expressions, flow, retries
from labkit.sandbox.states.errors import StateFailed
from labkit.sandbox.states.runs import Track

if TYPE_CHECKING:
    from labkit.sandbox.states.machine import Machine

State = dict[str, Any]


def retried(machine: Machine, track: Track, state: State, failure: StateFailed) -> bool:
    """Whether a Retry takes the failure: then the next attempt is on the clock."""
    number = retries.retrier_for(state, failure.error)
    if number is None:
        return False
    done = track.retries.get(number, 0)
    dice = machine.host.dice("retry", machine.run.arn, track.id, track.event, done)
    wait = retries.delay(state["Retry"][number], done, dice)
    if wait is None:
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


def caught(machine: Machine, track: Track, state: State, failure: StateFailed) -> bool:
    """Whether a Catch takes the failure: then the track goes on elsewhere."""
    rule = retries.catcher_for(state, failure.error)
    if rule is None:
        return False
    branches.drop_children(machine, track)
    track.task = {}
    if machine.run.single:
        machine.run.outcome |= {
            "status": "CAUGHT_ERROR",
            "error": failure,
            "catch": state["Catch"].index(rule),
        }
    try:
        if machine.jsonata(state):
            scope = machine.scope(track, state, errorOutput=failure.output)
            output = (
                expressions.evaluate(rule["Output"], scope, "Output") if "Output" in rule else failure.output
            )
            assigned = expressions.evaluate(rule.get("Assign") or {}, scope, "Assign")
        else:
            scope = machine.scope(track, state)
            assigned = flow.assigned(rule, scope._replace(data=failure.output))
            output = flow.with_result(rule, track.data, failure.output)
        machine.leave(track, state, output, assigned, rule["Next"])
    except StateFailed as again:
        track.waiting = "failed"
        if track.parent is None:
            machine.end("FAILED", again.error, again.cause)
        else:
            branches.failed(machine, track, again)
    return True
