"""What the expressions of a state see: its data, the variables around it, and the context object.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from labkit.sandbox.states.runs import Run, Track
from labkit.sandbox.states.scope import Scope

if TYPE_CHECKING:
    from labkit.sandbox.states.machine import Machine


def written(when: float) -> str:
    """A moment as the context object has it, such as 2026-11-23T09:00:00.000Z."""
    return f"{datetime.fromtimestamp(when, UTC).isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def context(run: Run, track: Track) -> dict[str, Any]:
    """The context object of a state."""
    execution = {
        "Id": run.arn, "Input": run.input, "Name": run.name, "RoleArn": run.role,
        "StartTime": written(run.started), "RedriveCount": run.redrives,
    }  # fmt: skip
    if run.redriven is not None:
        execution["RedriveTime"] = written(run.redriven)
    found: dict[str, Any] = {
        "Execution": execution,
        "State": {"EnteredTime": written(track.entered), "Name": track.name, "RetryCount": track.retried},
        "StateMachine": {"Id": run.machine_arn, "Name": run.machine_name},
    }
    if track.task.get("token"):
        found["Task"] = {"Token": track.task["token"]}
    around: Track | None = track
    while around is not None:
        if around.item is not None:
            return found | {"Map": {"Item": around.item}}
        around = None if around.parent is None else run.tracks[around.parent]
    given: dict[str, Any] = run.outcome.get("context", {})
    return found | given if run.single else found


def scope(machine: Machine, track: Track, state: dict[str, Any], **states: Any) -> Scope:
    """What expressions of a state see. In JSONPath, `$` is the raw input until somebody says otherwise."""
    run = machine.run
    variables: dict[str, Any] = {}
    line: list[Track] = [track]
    while line[-1].parent is not None:
        line.append(run.tracks[line[-1].parent])
    for one in reversed(line):
        variables |= one.variables
    dice = functools.partial(machine.host.dice, "value", run.arn, track.id, track.event)
    data = {"input": track.data, **states} if machine.jsonata(state) else track.data
    return Scope(data, variables, context(run, track), dice)
