"""Child executions: those of a Map Run, which are executions of their own below a label of the state machine.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html (ARNs, the permission to start
them) and redrive-map-run.html (Standard children are redriven, Express children begin anew under the same ARN).
"""

from __future__ import annotations

import re
from typing import Any

from moto.stepfunctions.models import Execution

from labkit.sandbox import current
from labkit.sandbox.services import _stepfunctions_engine as engine
from labkit.sandbox.services import _stepfunctions_roles as roles
from labkit.sandbox.states.errors import PERMISSIONS, StateFailed
from labkit.sandbox.states.flow import text_of
from labkit.sandbox.states.machine import Machine
from labkit.sandbox.states.runs import MapRun, Parent, Run


def begin(run: Run, kept: MapRun, parent: Parent, definition: dict[str, Any]) -> str:
    """Begin the child execution of this number; returns its ARN. Raises `StateFailed`."""
    if not kept.running:
        _ask(run)
    backend, number = engine.backend_for(run.arn), parent.number
    name, arn = kept.arns[number].rpartition(":")[2], kept.arns[number]
    if not arn:
        name = _name(run, kept, number)
        head = run.arn.split(":")
        kind = "express" if kept.express else "execution"
        arn = ":".join([*head[:5], kind, f"{run.machine_name}/{kept.label}", name])
    execution = Execution(
        backend.region_name,
        backend.account_id,
        run.machine_name,
        name,
        run.machine_arn,
        text_of(kept.inputs[number]),
    )
    execution.execution_arn = arn
    execution.labkit_version = execution.labkit_alias = ""
    execution.labkit_items = kept.sizes[number]
    clock = current().clock
    child = Run(
        arn, name, f"{run.machine_arn}/{kept.label}", f"{run.machine_name}/{kept.label}", run.role, definition,
        kept.inputs[number], clock.time(), kept.express, parent=parent, map_run=kept.arn,
        item=kept.items[number], logging=run.logging,
    )  # fmt: skip
    execution.labkit_run = child
    execution.status = "RUNNING"
    engine.index_of(backend)[arn] = execution
    clock.schedule(clock.time(), engine.begin, arn)
    return arn


def _ask(run: Run) -> None:
    decision = roles.may(run, "states:StartExecution", run.machine_arn)
    if not decision.allowed:
        raise StateFailed(
            PERMISSIONS, f"The role {run.role} is not authorized to perform: states:StartExecution"
        )


def _name(run: Run, kept: MapRun, number: int) -> str:
    digits = f"{engine.HOST.dice('child', kept.arn, number).getrandbits(128):032x}"
    return re.sub(r"^(.{8})(.{4})(.{4})(.{4})(.{12})$", r"\1-\2-\3-\4-\5", digits)


def end(arn: str) -> None:
    """Abort a child execution, because its Map Run is over."""
    child = engine.run_at(arn)
    if child is None or not child.running:
        return
    child.parent = None  # nobody waits for it any more
    machine = Machine(child, engine.HOST)
    if not child.history:
        machine.start(stillborn=True)
    machine.stop(None, None)


def redrive(arn: str, parent: Parent) -> bool:
    """Redrive a Standard child execution. Returns False when it cannot be redriven any more."""
    from labkit.sandbox.services import _stepfunctions_executions as executions

    execution = engine.execution_at(arn)
    if execution is None or executions.not_redrivable(execution.labkit_run):
        return False
    child: Run = execution.labkit_run
    child.parent = parent
    execution.status, execution.stop_date = "RUNNING", None
    clock = current().clock
    clock.schedule(clock.time(), engine.redrive, arn)
    child.status = "RUNNING"
    return True
