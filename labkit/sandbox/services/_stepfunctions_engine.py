"""Executions in the account: where they are kept, and what moves them on.

moto keeps state machines and their executions; what an execution is doing is the attribute `labkit_run` of moto's
`Execution`. Everything later is due work that finds the execution anew by its ARN.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from typing import Any, Final

from labkit.sandbox import current, stores
from labkit.sandbox.states.errors import TASK_FAILED, StateFailed
from labkit.sandbox.states.flow import text_of
from labkit.sandbox.states.machine import Machine
from labkit.sandbox.states.resources import Resource
from labkit.sandbox.states.runs import MapRun, Parent, Run, Track

PRINCIPAL: Final = "states.amazonaws.com"
_INDEX: Final = "labkit_executions"
_MOST_TOLD: Final = 248 * 1024
"""Bytes of input and output that an event for EventBridge holds."""
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

    def read_items(self, run: Run, state: dict[str, Any], arguments: Any, config: dict[str, Any]) -> Any:
        from labkit.sandbox.services import _stepfunctions_items as items

        return items.read(run, state, arguments, config)

    def write_results(self, run: Run, where: dict[str, Any], files: dict[str, bytes]) -> None:
        from labkit.sandbox.services import _stepfunctions_items as items

        items.write(run, where, files)

    def begin_child(self, run: Run, kept: MapRun, parent: Parent, definition: dict[str, Any]) -> str:
        from labkit.sandbox.services import _stepfunctions_children as children

        return children.begin(run, kept, parent, definition)

    def child(self, arn: str) -> Run | None:
        return run_at(arn)

    def end_child(self, arn: str) -> None:
        from labkit.sandbox.services import _stepfunctions_children as children

        children.end(arn)

    def redrive_child(self, arn: str, parent: Parent) -> bool:
        from labkit.sandbox.services import _stepfunctions_children as children

        return children.redrive(arn, parent)

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
        announced(run)
        clock = current().clock
        if run.parent is not None:
            clock.schedule(clock.time(), item_ended, *run.parent)
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


def announced(run: Run) -> None:
    """Tell EventBridge that a Standard execution has another status; Express executions tell nothing.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html (form, 248 KiB).
    """
    from labkit.sandbox.announce import announce

    if run.express:
        return
    text = text_of(run.input)
    sizes = len(json.dumps(text)), len(json.dumps(run.output or ""))
    with_output, with_input = sizes[1] <= _MOST_TOLD, sum(sizes) <= _MOST_TOLD
    over = run.ended is not None
    detail: dict[str, Any] = {
        "executionArn": run.arn, "stateMachineArn": run.machine_arn, "name": run.name, "status": run.status,
        "startDate": int(run.started * 1000), "stopDate": int((run.ended or 0) * 1000) if over else None,
        "input": text if with_input else None, "inputDetails": {"included": with_input},
        "output": run.output if with_output else None,
        "outputDetails": {"included": with_output} if run.output is not None else None,
    }  # fmt: skip
    parts = run.arn.split(":")
    announce(
        "aws.states",
        "Step Functions Execution Status Change",
        detail,
        [run.arn],
        account=parts[4],
        region=parts[3],
    )


def _bury(run: Run) -> None:
    """A state machine that was deleted is gone when its last execution has ended."""
    backend = backend_for(run.arn)
    machine = None if backend is None else machine_of(backend, run.machine_arn)
    if machine is None or not getattr(machine, "labkit_deleting", False):
        return
    if not any(one.status == "RUNNING" for one in machine.executions):
        remove(backend, machine)


def machine_of(backend: Any, arn: str) -> Any:
    """The state machine itself, whatever version, alias or label the ARN names; None when there is none."""
    plain = ":".join(arn.split(":")[:7]).partition("/")[0]
    return next((one for one in backend.state_machines if one.arn == plain), None)


def remove(backend: Any, machine: Any) -> None:
    """Take a state machine out, with its executions and those of its Map Runs."""
    backend.state_machines.remove(machine)
    index = index_of(backend)
    for arn in [arn for arn, one in index.items() if machine_of_run(one.labkit_run) == machine.arn]:
        del index[arn]


def machine_of_run(run: Run) -> str:
    """The ARN of the state machine that an execution, or a child of it, belongs to."""
    return run.machine_arn.partition("/")[0]


# -- due work ----------------------------------------------------------------------------------------


def begin(arn: str) -> None:
    """Due work: an execution that was started begins."""
    run = run_at(arn)
    if run is not None and run.running and not run.history:
        announced(run)
        Machine(run, HOST).start()
        if run.express and run.running:
            HOST.later(run, EXPRESS_SECONDS, -1, run.life, "expire")


def redrive(arn: str) -> None:
    """Due work: an execution that is redriven goes on."""
    run = run_at(arn)
    if run is not None and run.running:
        Machine(run, HOST).redrive()
        announced(run)


def item_ended(arn: str, track: int, epoch: int, number: int) -> None:
    """Due work: a child execution of a Map Run has ended."""
    run = run_at(arn)
    if run is not None:
        Machine(run, HOST).child_ended(track, epoch, number)


def map_run_changed(arn: str, track: int) -> None:
    """Due work: somebody changed the limits of a Map Run."""
    run = run_at(arn)
    if run is not None:
        Machine(run, HOST).map_run_changed(track)


def wake(arn: str, track: int, epoch: int, what: str) -> None:
    """Due work: a wait, a retry, a time limit of an execution is over."""
    run = run_at(arn)
    if run is not None:
        Machine(run, HOST).wake(track, epoch, what)


def child_ended(parent: str, track: int, epoch: int, child: str, pattern: str) -> None:
    """Due work: an execution that another one waits for has ended."""
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
