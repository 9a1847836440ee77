"""Task states: from the call to its answer.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html: TimeoutSeconds and HeartbeatSeconds count
from the event that tells the start, which for an activity is when a worker gets it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from labkit.sandbox.states import expressions, flow, resources
from labkit.sandbox.states.errors import HEARTBEAT, TIMEOUT, NotSimulatedHere, StateFailed
from labkit.sandbox.states.flow import text_of
from labkit.sandbox.states.resources import Resource
from labkit.sandbox.states.runs import Track

if TYPE_CHECKING:
    from labkit.sandbox.states.machine import Machine

_FULL: Final = {"truncated": False}
_NAMES: Final = {
    "function": ("LambdaFunction", "lambdaFunction"), "activity": ("Activity", "activity"), "service": ("Task", "task"),
}  # fmt: skip


def begin(machine: Machine, track: Track, state: dict[str, Any]) -> None:
    """Work out the arguments, write down what is scheduled, and begin the call."""
    if "Credentials" in state:
        raise NotSimulatedHere("Credentials of a task")
    resource = resources.parse(state["Resource"])
    assert resource is not None, "definitions are checked when they are stored"
    track.epoch += 1
    track.task = {"arn": resource.arn}
    if resource.kind == "activity" or resource.pattern == "waitForTaskToken":
        track.task["token"] = token_of(machine, track)
    scope, jsonata = machine.scope(track, state), machine.jsonata(state)
    if jsonata:
        arguments = expressions.evaluate(state.get("Arguments", track.data), scope, "Arguments")
    else:
        data = flow.effective_input(state, scope)
        scope = scope._replace(data=data)
        machine.run.inspect(afterInputPath=data)
        arguments = flow.template(state["Parameters"], scope) if "Parameters" in state else data
    arguments = _completed(resource, arguments)
    machine.run.inspect(**{"afterArguments" if jsonata else "afterParameters": arguments})
    timeout = flow.number_of(state, "TimeoutSeconds", scope, jsonata, least=1)
    beat = flow.number_of(state, "HeartbeatSeconds", scope, jsonata, least=1)
    flow.check_size(text_of(arguments), "an input", track.name)
    _scheduled(machine, track, resource, arguments, timeout, beat)
    track.waiting = "task"
    track.task |= {"since": machine.host.now(), "input": text_of(arguments), "timeout": timeout, "beat": beat}
    if resource.kind != "activity":
        started(machine, track)
    machine.host.call(machine.run, track, resource, arguments)


def _completed(resource: Resource, arguments: Any) -> Any:
    added = {} if resource.sdk else resources.ADDED.get((resource.service, resource.action), {})
    return {**arguments, **added} if added and isinstance(arguments, dict) else arguments


def token_of(machine: Machine, track: Track) -> str:
    """A task token: it tells which task of which execution waits, and cannot be guessed."""
    import base64
    import json

    secret = machine.host.dice("token", machine.run.arn, track.id, track.epoch, machine.run.life).getrandbits(
        96
    )
    plain = json.dumps([machine.run.arn, track.id, track.epoch, f"{secret:024x}"])
    return "AQC" + base64.b64encode(plain.encode()).decode()


def _scheduled(
    machine: Machine,
    track: Track,
    resource: Resource,
    arguments: Any,
    timeout: float | None,
    beat: float | None,
) -> None:
    long, short = _NAMES[resource.kind]
    details: dict[str, Any] = {}
    if timeout is not None:
        details["timeoutInSeconds"] = int(timeout)
    if beat is not None and resource.kind != "function":
        details["heartbeatInSeconds"] = int(beat)
    if resource.kind == "service":
        region = machine.run.arn.split(":")[3]
        more: dict[str, Any] = {
            "resourceType": resource.resource_type, "resource": resource.shown, "region": region,
            "parameters": text_of(arguments),
        }  # fmt: skip
    else:
        more = {"resource": resource.arn, "input": text_of(arguments), "inputDetails": _FULL}
    machine.record(track, f"{long}Scheduled", f"{short}ScheduledEventDetails", more | details)


def started(machine: Machine, track: Track, worker: str = "") -> None:
    """The work has begun. For an activity, `worker` names who does it."""
    resource = _resource(track)
    long, short = _NAMES[resource.kind]
    details: dict[str, Any] = {"workerName": worker} if worker else {}
    if resource.kind == "service":
        details = {"resourceType": resource.resource_type, "resource": resource.shown}
    machine.record(track, f"{long}Started", f"{short}StartedEventDetails", details)
    if track.task["timeout"] is not None:
        machine.host.later(machine.run, float(track.task["timeout"]), track.id, track.epoch, "timeout")
    if track.task["beat"] is not None:
        track.task["beaten"] = machine.host.now()
        machine.host.later(machine.run, float(track.task["beat"]), track.id, track.epoch, "heartbeat")


def submitted(machine: Machine, track: Track, output: Any) -> None:
    """The call went through; the result comes later."""
    resource = _resource(track)
    details: dict[str, Any] = {
        "resourceType": resource.resource_type, "resource": resource.shown, "output": text_of(output),
        "outputDetails": _FULL,
    }  # fmt: skip
    machine.record(track, "TaskSubmitted", "taskSubmittedEventDetails", details)


def expired(machine: Machine, track: Track, what: str) -> None:
    """TimeoutSeconds or HeartbeatSeconds is over."""
    if what == "heartbeat":
        left = track.task["beaten"] + track.task["beat"] - machine.host.now()
        if left > 0.000_001:
            machine.host.later(machine.run, left, track.id, track.epoch, "heartbeat")
            return
    failure = StateFailed(TIMEOUT, None, also=HEARTBEAT if what == "heartbeat" else "")
    _ended(machine, track, "TimedOut", failure.details)
    machine.failed(track, failure)


def answered(machine: Machine, track: Track, output: Any, failure: StateFailed | None) -> None:
    """The result of a task, or its failure."""
    if failure is not None:
        _ended(machine, track, "Failed", failure.details)
        machine.failed(track, failure)
        return

    def finish(track: Track, state: dict[str, Any]) -> None:
        text = text_of(output)
        flow.check_size(text, "a result", track.name)
        _ended(machine, track, "Succeeded", {"output": text, "outputDetails": _FULL})
        track.waiting = ""
        track.epoch += 1
        machine.complete(track, state, output)

    machine.step(track, finish)


def _ended(machine: Machine, track: Track, how: str, details: dict[str, Any]) -> None:
    resource = _resource(track)
    long, short = _NAMES[resource.kind]
    if resource.kind == "service":
        details = {"resourceType": resource.resource_type, "resource": resource.shown} | details
    machine.record(track, f"{long}{how}", f"{short}{how}EventDetails", details)


def _resource(track: Track) -> Resource:
    found = resources.parse(track.task["arn"])
    assert found is not None, "a task has a resource"
    return found
