"""Executions in the account: where they are kept, and what moves them on.

moto keeps state machines and their executions; what an execution is doing is the attribute `labkit_run` of moto's
`Execution`. Everything later is due work that finds the execution anew by its ARN.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any, Final

from labkit.sandbox import current, stores
from labkit.sandbox.states.errors import TASK_FAILED, StateFailed
from labkit.sandbox.states.flow import text_of
from labkit.sandbox.states.machine import Machine
from labkit.sandbox.states.resources import Resource
from labkit.sandbox.states.runs import Run, Track

PRINCIPAL: Final = "states.amazonaws.com"
_INDEX: Final = "labkit_executions"
EXPRESS_SECONDS: Final = 300.0
"""How long an Express execution lasts at most: five minutes (developer guide, quotas)."""


# -- finding -----------------------------------------------------------------------------------------


def backend_for(arn: str) -> Any:
    """moto's backend of the account and Region that an ARN names, or None."""
    parts = arn.split(":")
    return stores.backend_of("states", parts[4], parts[3]) if len(parts) > 5 else None


def index_of(backend: Any) -> dict[str, Any]:
    """ARN -> moto's execution: the executions of all state machines, found quickly."""
    found: dict[str, Any] = vars(backend).setdefault(_INDEX, {})
    return found


def execution_at(arn: str) -> Any:
    """moto's execution, or None."""
    backend = backend_for(arn)
    return None if backend is None else index_of(backend).get(arn)


def run_at(arn: str) -> Run | None:
    """What an execution is doing, or None when there is no such execution."""
    return getattr(execution_at(arn), "labkit_run", None)


def moment(seconds: float) -> datetime:
    """A time as botocore wants it."""
    return datetime.fromtimestamp(seconds, UTC)


# -- the world around an execution ----------------------------------------------------------------------


class Account:
    """The lab's account as a state machine's host; see `labkit.sandbox.states.runs.Host`."""

    def now(self) -> float:
        return current().clock.time()

    def later(self, run: Run, seconds: float, track: int, epoch: int, what: str) -> None:
        clock = current().clock
        clock.schedule(clock.time() + seconds, wake, run.arn, track, epoch, what)

    def dice(self, *key: Any) -> random.Random:
        return current().faults.dice("states", *key)

    def call(self, run: Run, track: Track, resource: Resource, arguments: Any) -> None:
        from labkit.sandbox.services import _stepfunctions_calls as calls

        if run.mock is not None:
            machine = Machine(run, self)
            machine.reply(track.id, track.epoch, run.mock.get("result"), run.mock.get("failure"))
            return
        if resource.kind == "activity":
            current().changed()
            return
        calls.begin(run, track, resource, arguments)

    def read_items(self, run: Run, state: dict[str, Any], arguments: Any) -> list[Any]:
        from labkit.sandbox.services import _stepfunctions_items as items

        return items.read(run, state, arguments)

    def recorded(self, run: Run, event: dict[str, Any]) -> None:
        if run.single:
            return
        sandbox = current()
        from labkit.sandbox.services import _stepfunctions_logs as logs

        logs.event(run, event)
        details: dict[str, Any] = next(
            (value for name, value in event.items() if name.endswith("EventDetails")), {}
        )
        shown = {"Event": event["id"]}
        for name in ("name", "resource", "index", "resourceType"):
            if name in details:
                shown[name] = details[name]
        sandbox.trace.record(
            "state", "stepfunctions", event["type"], resource=run.arn, caller=run.machine_name, params=shown,
            error=details.get("error") or "", message=details.get("cause") or "",
        )  # fmt: skip

    def ended(self, run: Run) -> None:
        execution = execution_at(run.arn)
        if execution is None or run.single:
            return
        copy_outcome(execution, run)
        clock = current().clock
        for parent, track, epoch, pattern in getattr(execution, "labkit_waiting", ()):
            clock.schedule(clock.time(), child_ended, parent, track, epoch, run.arn, pattern)
        current().changed()
        _bury(run)


HOST: Final = Account()


def copy_outcome(execution: Any, run: Run) -> None:
    """Tell moto's execution how it stands."""
    execution.status, execution.output = run.status, run.output
    execution.error, execution.cause = run.error, run.cause
    execution.stop_date = moment(run.ended) if run.ended is not None else None


def _bury(run: Run) -> None:
    """A state machine that was deleted is gone when its last execution has ended."""
    backend = backend_for(run.arn)
    machine = None if backend is None else machine_of(backend, run.machine_arn)
    if machine is None or not getattr(machine, "labkit_deleting", False):
        return
    if not any(one.status == "RUNNING" for one in machine.executions):
        remove(backend, machine)


def machine_of(backend: Any, arn: str) -> Any:
    """The state machine itself, whatever version or alias the ARN names; None when there is none."""
    plain = ":".join(arn.split(":")[:7])
    return next((one for one in backend.state_machines if one.arn == plain), None)


def remove(backend: Any, machine: Any) -> None:
    """Take a state machine out, with its executions."""
    backend.state_machines.remove(machine)
    for execution in machine.executions:
        index_of(backend).pop(execution.execution_arn, None)


# -- due work ----------------------------------------------------------------------------------------


def begin(arn: str) -> None:
    """Due work: an execution that was started begins."""
    run = run_at(arn)
    if run is not None and run.running and not run.history:
        Machine(run, HOST).start()
        if run.express and run.running:
            HOST.later(run, EXPRESS_SECONDS, -1, run.life, "expire")


def wake(arn: str, track: int, epoch: int, what: str) -> None:
    """Due work: a wait, a retry, a time limit of an execution is over."""
    run = run_at(arn)
    if run is not None:
        Machine(run, HOST).wake(track, epoch, what)


def child_ended(parent: str, track: int, epoch: int, child: str, pattern: str) -> None:
    """Due work: an execution that another one waits for has ended."""
    import json

    run, ended = run_at(parent), execution_at(child)
    if run is None or ended is None:
        return
    done = ended.labkit_run
    shown: dict[str, Any] = {
        "ExecutionArn": done.arn, "Input": text_of(done.input), "InputDetails": {"Included": True}, "Name": done.name,
        "StartDate": int(done.started * 1000), "StateMachineArn": done.machine_arn, "Status": done.status,
        "StopDate": int((done.ended or 0) * 1000),
    }  # fmt: skip
    if done.status == "SUCCEEDED":
        shown |= {"Output": done.output, "OutputDetails": {"Included": True}}
        if pattern == "sync:2":
            shown |= {"Input": done.input, "Output": json.loads(done.output or "null")}
        Machine(run, HOST).reply(track, epoch, shown)
        return
    shown |= {
        name: value for name, value in (("Error", done.error), ("Cause", done.cause)) if value is not None
    }
    Machine(run, HOST).reply(track, epoch, None, StateFailed(TASK_FAILED, text_of(shown)))
