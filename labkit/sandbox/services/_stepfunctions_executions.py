"""Executions: start, look, stop, redrive.

Sources: https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html (names, idempotency),
API_DescribeExecution.html (why an execution cannot be redriven), and in the developer guide redrive-executions.html and
choosing-workflow-type.html (asynchronous Express executions run at least once). Words of errors: the answers of AWS in
LocalStack's tests (https://github.com/localstack/localstack, tests/aws/services/stepfunctions/v2/test_sfn_api*.json).
"""

from __future__ import annotations

import json
from typing import Any, Final

from moto.moto_api._internal import mock_random
from moto.stepfunctions.models import Execution

from labkit.sandbox import current
from labkit.sandbox.services import _stepfunctions_engine as engine
from labkit.sandbox.services._stepfunctions_errors import no_execution, no_machine, refused
from labkit.sandbox.states.flow import LARGEST
from labkit.sandbox.states.machine import Machine
from labkit.sandbox.states.runs import MOST_EVENTS, Run

REDRIVE_SECONDS: Final = 14 * 86_400.0
"""A failed execution can be redriven for 14 days."""
YEAR_SECONDS: Final = 366 * 86_400.0
"""A Standard execution is open for a year at most (service-quotas.html)."""
_DETAILS: Final = {"included": True}


# -- starting ----------------------------------------------------------------------------------------


def target_of(backend: Any, arn: str) -> tuple[Any, Any, str, str]:
    """The machine, the revision that runs (itself or a version), and the ARNs of version and alias ("" for none)."""
    parts = arn.split(":")
    machine = engine.machine_of(backend, arn) if len(parts) in (7, 8) and parts[5] == "stateMachine" else None
    if machine is None:
        if parts[0] != "arn":
            raise refused("InvalidArn", f"Invalid Arn: 'Invalid ARN prefix: {arn}'")
        if len(parts) < 7 or parts[2] != "states" or parts[5] != "stateMachine":
            raise refused("InvalidArn", f"Invalid Arn: '{arn}'")
        raise no_machine(arn)
    if len(parts) == 7:
        return machine, machine, "", ""
    if parts[7].isdigit():
        version = machine.versions.get(int(parts[7]))
        if version is None:
            raise no_machine(arn)
        return machine, version, arn, ""
    alias = machine.aliases.get(parts[7])
    if alias is None:
        raise no_machine(arn)
    chosen = _routed(alias)
    found = machine.versions.get(int(chosen.rpartition(":")[2]))
    if found is None:
        raise no_machine(chosen)
    return machine, found, chosen, arn


def _routed(alias: Any) -> str:
    """The version that takes this execution, by weight."""
    count = alias.labkit_used = getattr(alias, "labkit_used", 0) + 1
    point = current().faults.dice("states.alias", alias.arn, count).random() * 100
    for route in alias.routing_configuration:
        point -= route["weight"]
        if point < 0:
            return str(route["stateMachineVersionArn"])
    return str(alias.routing_configuration[-1]["stateMachineVersionArn"])


def start(backend: Any, arn: str, name: str | None, text: str | None, *, sync: bool = False) -> Any:
    """Start an execution; returns moto's object for it."""
    text = "{}" if text is None else text
    machine, revision, version, alias = target_of(backend, arn)
    if getattr(machine, "labkit_deleting", False):
        raise refused("StateMachineDeleting", f"State Machine Deleting: '{machine.arn}'")
    if name is not None:
        backend._validate_name(name)
    data = _input(text)
    express = machine.type == "EXPRESS"
    if sync and not express:
        raise refused(
            "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine"
        )
    if not express and name is not None and (same := _same(backend, machine, name, text)) is not None:
        return same
    called = name or str(mock_random.uuid4())
    sandbox = current()

    def made(after: float = 0.0) -> Any:
        execution = Execution(
            backend.region_name, backend.account_id, machine.name, called, machine.arn, text
        )
        if express:
            head = execution.execution_arn.replace(":execution:", ":express:", 1)
            execution.execution_arn = f"{head}:{mock_random.uuid4()}"
        execution.labkit_version, execution.labkit_alias = version, alias
        execution.labkit_run = Run(
            execution.execution_arn, called, machine.arn, machine.name, revision.roleArn,
            json.loads(revision.definition), data, sandbox.clock.time(), express, version, alias,
            logging=logging_of(revision),
        )  # fmt: skip
        execution.status = "RUNNING"
        machine.executions.append(execution)
        engine.index_of(backend)[execution.execution_arn] = execution
        sandbox.clock.schedule(sandbox.clock.time() + after, engine.begin, execution.execution_arn)
        return execution

    first = made()
    if express and not sync:
        again = sandbox.faults.dice("states.duplicate", machine.arn, len(machine.executions)).random()
        if again < sandbox.faults.share("states.duplicate", machine.arn):
            made(again)  # at least once: the same name and input run a second time, a moment later
    return first


def logging_of(revision: Any) -> dict[str, Any]:
    """Level, group and whether data is written; nothing when logging is off."""
    config = revision.loggingConfiguration or {}
    level = config.get("level", "OFF")
    groups = [
        one.get("cloudWatchLogsLogGroup", {}).get("logGroupArn", "")
        for one in config.get("destinations") or ()
    ]
    if level == "OFF" or not groups:
        return {}
    return {"level": level, "data": bool(config.get("includeExecutionData")), "group": groups[0]}


def _input(text: str) -> Any:
    if not text:
        raise refused(
            "InvalidExecutionInput", "Invalid State Machine Execution Input: 'Invalid execution input.'"
        )
    if len(text.encode()) > LARGEST:
        said = (
            "1 validation error detected: Value at 'input' failed to satisfy constraint: Member must have length less "
            f"than or equal to {LARGEST}"
        )
        raise refused("ValidationException", said)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise refused("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{error}'") from None


def _same(backend: Any, machine: Any, name: str, text: str) -> Any:
    """The running execution of this name and input. Raises when the name is taken otherwise."""
    arn = f"{machine.arn.replace(':stateMachine:', ':execution:')}:{name}"
    found = engine.index_of(backend).get(arn)
    if found is None:
        return None
    if found.status == "RUNNING" and found.execution_input == text:
        return found
    raise refused("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")


def start_sync(backend: Any, arn: str, name: str | None, text: str | None) -> dict[str, Any]:
    """StartSyncExecution: wait for the end of an Express execution, five minutes at most."""
    sandbox = current()
    execution = start(backend, arn, name, text, sync=True)
    run = execution.labkit_run
    engine.begin(run.arn)
    sandbox.wait_until(lambda: not run.running, engine.EXPRESS_SECONDS + 1)
    run = engine.run_at(run.arn) or run
    answer = {
        "executionArn": run.arn, "stateMachineArn": run.machine_arn, "name": run.name,
        "startDate": engine.moment(run.started), "stopDate": execution.stop_date, "status": run.status,
        "input": execution.execution_input, "inputDetails": _DETAILS, "output": run.output,
        "outputDetails": _DETAILS if run.output is not None else None, "error": run.error, "cause": run.cause,
        "billingDetails": {"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": _billed(run)},
    }  # fmt: skip
    return {name: value for name, value in answer.items() if value is not None}


def _billed(run: Run) -> int:
    """Durations are billed in steps of 100 ms, memory in steps of 64 MB (pricing page)."""
    return max(100, -(-int(((run.ended or run.started) - run.started) * 1000) // 100) * 100)


# -- looking -----------------------------------------------------------------------------------------


def found(arn: str, *, express: bool = False) -> Any:
    """moto's execution. Raises AWS's errors; Express executions have no such API."""
    parts = arn.split(":")
    if len(parts) < 8 or parts[2] != "states" or parts[5] not in ("execution", "express"):
        raise refused("InvalidArn", f"Invalid Arn: '{arn}'")
    if parts[5] == "express" and not express:
        raise refused("InvalidArn", f"Invalid Arn: 'Resource type not valid in this context: {parts[5]}'")
    execution = engine.execution_at(arn)
    if execution is None:
        raise no_execution(arn)
    return execution


def described(execution: Any, with_data: bool = True) -> dict[str, Any]:
    """An execution as DescribeExecution shows it."""
    run: Run = execution.labkit_run
    answer = {
        "executionArn": run.arn, "stateMachineArn": run.machine_arn, "name": run.name, "status": run.status,
        "startDate": execution.start_date, "stopDate": execution.stop_date, "error": run.error, "cause": run.cause,
        "mapRunArn": run.map_run or None, "stateMachineVersionArn": execution.labkit_version or None,
        "stateMachineAliasArn": execution.labkit_alias or None, "redriveCount": run.redrives,
        "redriveDate": engine.moment(run.redriven) if run.redriven is not None else None,
        "inputDetails": {"included": with_data},
    }  # fmt: skip
    if with_data:
        answer |= {"input": execution.execution_input, "output": run.output}
    if run.output is not None:
        answer["outputDetails"] = {"included": with_data}
    reason = not_redrivable(run)
    by_map_run = bool(run.map_run) and not reason
    answer["redriveStatus"] = (
        "REDRIVABLE_BY_MAP_RUN" if by_map_run else "NOT_REDRIVABLE" if reason else "REDRIVABLE"
    )
    answer["redriveStatusReason"] = reason or None
    return {name: value for name, value in answer.items() if value is not None}


def listed(execution: Any) -> dict[str, Any]:
    """An execution as ListExecutions shows it."""
    names = (
        "executionArn", "stateMachineArn", "name", "status", "startDate", "stopDate", "stateMachineVersionArn",
        "stateMachineAliasArn", "redriveCount", "redriveDate",
    )  # fmt: skip
    shown = described(execution)
    return {name: shown[name] for name in names if name in shown}


def history(run: Run, with_data: bool, backwards: bool) -> list[dict[str, Any]]:
    """The history as GetExecutionHistory gives it."""
    events = [_event(one, with_data) for one in run.history]
    return events[::-1] if backwards else events


def _event(kept: dict[str, Any], with_data: bool) -> dict[str, Any]:
    event = {**kept, "timestamp": engine.moment(kept["timestamp"])}
    if not with_data:
        for name, details in kept.items():
            if name.endswith("EventDetails"):
                event[name] = {key: value for key, value in details.items() if key not in _DATA}
    return event


_DATA: Final = ("input", "inputDetails", "output", "outputDetails")
"""What an event leaves out when nobody asks for execution data."""


# -- stopping and going on -------------------------------------------------------------------------------


def stop(execution: Any, error: str | None, cause: str | None) -> Any:
    """StopExecution; an execution that has ended stays as it is."""
    run: Run = execution.labkit_run
    if run.running:
        machine = Machine(run, engine.HOST)
        if not run.history:
            machine.start(stillborn=True)  # stopped before its first step was due
        machine.stop(error, cause)
    return execution.stop_date


def not_redrivable(run: Run) -> str:
    """Why an execution cannot be redriven, or nothing."""
    if run.express:
        return "Execution is EXPRESS and cannot be redriven"
    if run.running:
        return "Execution is RUNNING and cannot be redriven"
    if run.status == "SUCCEEDED":
        return "Execution is SUCCEEDED and cannot be redriven"
    backend = engine.backend_for(run.arn)
    machine = None if backend is None else engine.machine_of(backend, run.machine_arn)
    if getattr(machine, "labkit_deleting", False):
        return "State machine is in DELETING status"
    if len(run.history) >= MOST_EVENTS - 1:
        return "Execution history event limit exceeded"
    now = current().clock.time()
    if now - run.started > YEAR_SECONDS:
        return "Execution has exceeded the max execution time"
    if now - (run.ended or 0) > REDRIVE_SECONDS:
        return "Execution redrivable period exceeded"
    return ""


def redrive(execution: Any) -> Any:
    """RedriveExecution: go on with the steps that did not succeed."""
    run: Run = execution.labkit_run
    if reason := not_redrivable(run):
        raise refused("ExecutionNotRedrivable", reason)
    if run.map_run:
        raise refused("ExecutionNotRedrivable", "Redrive the execution that started the Map Run.")
    execution.status, execution.stop_date = "RUNNING", None
    run.redriven = current().clock.time()
    Machine(run, engine.HOST).redrive()
    engine.announced(run)
    return engine.moment(run.redriven)
