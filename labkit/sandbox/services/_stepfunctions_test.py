"""TestState: one state, with a given input, and with a mock for its work if wanted.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/test-state-isolation.html (inspection levels, Map and
Parallel, states inside them) and https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html.
"""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, Final

from moto.moto_api._internal import mock_random

from labkit.sandbox import current
from labkit.sandbox.services import _stepfunctions_engine as engine
from labkit.sandbox.services import _stepfunctions_mocks as mocks
from labkit.sandbox.services._stepfunctions_errors import refused
from labkit.sandbox.services._stepfunctions_mocks import parsed, wrong
from labkit.sandbox.states import definition as definitions
from labkit.sandbox.states import distributed
from labkit.sandbox.states.flow import text_of
from labkit.sandbox.states.machine import Machine
from labkit.sandbox.states.runs import Run

SECONDS: Final = 300.0
"""A test lasts five minutes at most (API reference)."""
_NUMBERS: Final = ("maxConcurrency", "toleratedFailureCount", "toleratedFailurePercentage")


def test(backend: Any, params: dict[str, Any]) -> dict[str, Any]:
    """What the state does with the input."""
    machine, name = _definition(params)
    try:
        state = _found(machine, name)
    except LookupError:
        raise wrong(f"There is no state named '{name}' in the definition.") from None
    mock = mocks.of(params, state)
    if params.get("context") and mock is None:
        raise wrong("A context can only be specified when a mock is specified.")
    run = _run(backend, params, machine, name, state, mock)
    variables = parsed(params.get("variables") or "{}", "variables")
    if not isinstance(variables, dict):
        raise wrong("variables must be a JSON object.")
    _play(
        backend, run, variables, int((params.get("stateConfiguration") or {}).get("retrierRetryCount") or 0)
    )
    return _answer(run, params)


def _definition(params: dict[str, Any]) -> tuple[dict[str, Any], str]:
    found = parsed(params["definition"], "definition", "InvalidDefinition")
    name = params.get("stateName")
    if not isinstance(found, dict):
        raise refused(
            "InvalidDefinition",
            definitions.refusal(params["definition"]) or "Invalid State Machine Definition",
        )
    if "States" in found:
        if name is None:
            raise wrong("stateName is needed with the definition of a state machine.")
        if said := definitions.refusal(params["definition"]):
            raise refused("InvalidDefinition", said)
        return found, name
    if name is not None:
        raise wrong("stateName needs the definition of a whole state machine.")
    # Other states it names exist for the check only.
    names = {one[0] for one in definitions.targets_of(found)}
    states = {"State": found} | {one: {"Type": "Succeed"} for one in names if one != "State"}
    wrapped = {"StartAt": "State", "States": states, "QueryLanguage": found.get("QueryLanguage", "JSONPath")}
    if said := definitions.refusal(json.dumps(wrapped)):
        raise refused("InvalidDefinition", said)
    return wrapped, "State"


def _found(block: Any, name: str) -> dict[str, Any]:
    """A state, wherever it stands."""
    states: dict[str, dict[str, Any]] = block["States"]
    if name in states:
        return states[name]
    for state in states.values():
        for inner in _inside(state):
            try:
                return _found(inner, name)
            except LookupError:
                continue
    raise LookupError(name)


def _inside(state: dict[str, Any]) -> list[dict[str, Any]]:
    if state["Type"] == "Map":
        return [distributed.processor(state)]
    return list(state.get("Branches", ()))


def _around(block: Any, name: str) -> list[str]:
    """The Map and Parallel states around a state, the nearest first."""
    for outer, state in block["States"].items():
        for inner in _inside(state):
            if name in inner["States"]:
                return [outer]
            if found := _around(inner, name):
                return [*found, outer]
    return []


def _run(
    backend: Any, params: dict[str, Any], machine: dict[str, Any], name: str, state: dict[str, Any],
    mock: dict[str, Any] | None,
) -> Run:  # fmt: skip
    head = f"arn:aws:states:{backend.region_name}:{backend.account_id}"
    number, called = str(mock_random.uuid4()), str(mock_random.uuid4())
    language = machine.get("QueryLanguage", "JSONPath")
    alone = {"StartAt": name, "States": {name: state}, "QueryLanguage": language}
    run = Run(
        f"{head}:express:{called}:{number}", number, f"{head}:stateMachine:{called}", called,
        params.get("roleArn") or "", alone, parsed(params.get("input") or "{}", "input", "InvalidExecutionInput"),
        current().clock.time(), single=True, mock=mock,
    )  # fmt: skip
    config = params.get("stateConfiguration") or {}
    if params.get("context"):
        run.outcome["context"] = parsed(params["context"], "context")
    if config.get("mapItemReaderData"):
        run.outcome["items"] = parsed(config["mapItemReaderData"], "stateConfiguration.mapItemReaderData")
    if config.get("mapIterationFailureCount") is not None:
        run.outcome["failures"] = int(config["mapIterationFailureCount"])
    return run


def _play(backend: Any, run: Run, variables: dict[str, Any], retried: int) -> None:
    index = engine.index_of(backend)
    index[run.arn] = SimpleNamespace(labkit_run=run, status="RUNNING")
    try:
        machine = Machine(run, engine.HOST)
        machine.start(variables, retried)
        current().wait_until(lambda: not run.running, SECONDS)
        if run.running:
            machine.end("FAILED", "States.Timeout", "The test took longer than five minutes.")
    finally:
        index.pop(run.arn, None)


def _answer(run: Run, params: dict[str, Any]) -> dict[str, Any]:
    outcome = run.outcome
    status = outcome.get("status") or run.status
    answer: dict[str, Any] = {"status": status, "nextState": outcome.get("next")}
    caught = outcome.get("error")
    if status in ("SUCCEEDED", "CAUGHT_ERROR"):
        answer["output"] = run.output
    if status == "CAUGHT_ERROR" and caught is not None:
        answer |= caught.details
    elif run.status != "SUCCEEDED":
        answer |= {"error": run.error, "cause": run.cause}
    if params.get("inspectionLevel") in ("DEBUG", "TRACE"):
        answer["inspectionData"] = _inspected(run)
    return {name: value for name, value in answer.items() if value is not None}


def _inspected(run: Run) -> dict[str, Any]:
    outcome = run.outcome
    data: dict[str, Any] = {"input": text_of(run.input)}
    for name, value in outcome.get("inspected", {}).items():
        data[name] = value if name in _NUMBERS else text_of(value)
    root = run.tracks[0]
    if root.variables:
        data["variables"] = text_of(root.variables)
    details = {
        "retryIndex": outcome.get("retry"), "catchIndex": outcome.get("catch"),
        "retryBackoffIntervalSeconds": int(outcome["wait"]) if "wait" in outcome else None,
    }  # fmt: skip
    if any(value is not None for value in details.values()):
        data["errorDetails"] = {name: value for name, value in details.items() if value is not None}
    return data
