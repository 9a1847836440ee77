"""Step Functions: state machines and what their states call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from labkit.drawing.scene import Scene

CALLS: Final = ("StartExecution", "StartSyncExecution")
USED: Final = ("stateMachineArn",)
_FAILED: Final = ("FAILED", "TIMED_OUT", "ABORTED")
"""How executions end that do not succeed."""


def show(scene: Scene, backend: Any) -> None:
    """State machines, the resources their definition names, and their role."""
    for machine in backend.state_machines:
        states = list(_states(machine.definition))
        detail = f"{(machine.type or 'STANDARD').lower()}, {len(states)} states"
        shown = scene.resource(machine.arn, "stepfunctions", machine.name, detail)
        shown.counts["runs"] = len(machine.executions)
        shown.counts["failed"] = sum(one.status in _FAILED for one in machine.executions)
        for target in dict.fromkeys(arn for state in states for arn in _targets(scene, state)):
            scene.link(machine.arn, target, "calls")
        scene.assumes(machine.arn, machine.roleArn)


def _states(definition: str | dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every state of a definition, also those inside Map and Parallel."""
    try:
        top = json.loads(definition) if isinstance(definition, str) else definition
    except ValueError:
        return
    for state in (top.get("States") or {}).values() if isinstance(top, dict) else ():
        if isinstance(state, dict):
            yield state
            for inner in (state.get("Iterator"), state.get("ItemProcessor"), *state.get("Branches", ())):
                if isinstance(inner, dict):
                    yield from _states(inner)


def _targets(scene: Scene, state: dict[str, Any]) -> Iterator[str]:
    """What a Task state calls: a function by its ARN, or a resource named in its parameters."""
    resource = str(state.get("Resource", ""))
    arguments = state.get("Parameters") or state.get("Arguments") or {}
    if resource.startswith("arn:") and ":states:" not in resource:
        yield resource
    for value in arguments.values() if isinstance(arguments, dict) else ():
        if isinstance(value, str) and (found := _named(scene, resource, value)):
            yield found


def _named(scene: Scene, resource: str, value: str) -> str | None:
    if value.startswith("arn:"):
        return value
    service = resource.removeprefix("arn:aws:states:::").removeprefix("aws-sdk:").partition(":")[0]
    if value.startswith("https://") and service == "sqs":
        return scene.named("sqs", value)
    return scene.named(service, value)
