"""TestState: one state, with a given input, and with a mock for its work if wanted.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/test-state-isolation.html and its API reference.
"""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, Final

from moto.moto_api._internal import mock_random

from labkit.sandbox import current
from labkit.sandbox.services import _stepfunctions_engine as engine
from labkit.sandbox.services._stepfunctions_errors import refused
from labkit.sandbox.states import definition as definitions
from labkit.sandbox.states.errors import StateFailed
from labkit.sandbox.states.machine import Machine
from labkit.sandbox.states.runs import Run

SECONDS: Final = 300.0
"""A test lasts five minutes at most (developer guide, TestState)."""
_MOCKED: Final = ("Task", "Map", "Parallel")


def test(backend: Any, params: dict[str, Any]) -> dict[str, Any]:
    """What the state does with the input."""
    machine, name = _definition(params)
    state = _found(machine, name)
    mock = _mock(params.get("mock"))
    if mock is not None and state["Type"] not in _MOCKED:
        raise refused(
            "ValidationException", "A mock can only be specified for Task, Map, or Parallel states."
        )
    if mock is None and state["Type"] in ("Map", "Parallel"):
        raise refused("ValidationException", f"State type '{state['Type']}' is not supported without a mock.")
    if mock is None and state["Type"] == "Task" and not params.get("roleArn"):
        raise refused("ValidationException", "roleArn must be specified when no mock is specified.")
    language = machine.get("QueryLanguage", "JSONPath")
    alone = {"StartAt": name, "States": {name: state}, "QueryLanguage": language}
    run = _run(backend, params, alone, mock)
    _play(backend, run, _json(params.get("variables") or "{}", "variables"), params)
    return _answer(run, params)


def _definition(params: dict[str, Any]) -> tuple[dict[str, Any], str]:
    found = _json(params["definition"], "definition", "InvalidDefinition")
    name = params.get("stateName")
    if not isinstance(found, dict):
        raise refused("InvalidDefinition", "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED'")
    if "States" in found:
        if name is None:
            raise refused(
                "ValidationException", "stateName is needed with the definition of a state machine."
            )
        if said := definitions.refusal(params["definition"]):
            raise refused("InvalidDefinition", said)
        return found, name
    if name is not None:
        raise refused("ValidationException", "stateName needs the definition of a whole state machine.")
    # Other states it names exist for the check only.
    known = {"Type": "Succeed"}
    names = {one[0] for one in definitions.targets_of(found)}
    wrapped = {
        "StartAt": "State",
        "States": {"State": found} | {one: known for one in names if one != "State"},
    }
    wrapped["QueryLanguage"] = found.get("QueryLanguage", "JSONPath")
    if said := definitions.refusal(json.dumps(wrapped)):
        raise refused("InvalidDefinition", said)
    return wrapped, "State"


def _found(block: Any, name: str) -> dict[str, Any]:
    """A state, wherever it stands."""
    states = block["States"]
    if name in states:
        return states[name]  # type: ignore[no-any-return]
    for state in states.values():
        inner = [
            *state.get("Branches", ()),
            *(state[one] for one in ("ItemProcessor", "Iterator") if one in state),
        ]
        for one in inner:
            try:
                return _found(one, name)
            except LookupError:
                continue
    raise _NoState(name)


class _NoState(LookupError):
    pass


def _mock(given: dict[str, Any] | None) -> dict[str, Any] | None:
    if given is None:
        return None
    if ("result" in given) == ("errorOutput" in given):
        raise refused("ValidationException", "A test mock has either a result or an errorOutput.")
    if "result" in given:
        return {"result": _json(given["result"], "mock.result")}
    error = given["errorOutput"]
    return {"failure": StateFailed(error.get("error"), error.get("cause"))}


def _json(text: str, name: str, code: str = "ValidationException") -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise refused(code, f"Invalid JSON in {name}: {error}") from None


def _run(backend: Any, params: dict[str, Any], alone: dict[str, Any], mock: dict[str, Any] | None) -> Run:
    head = f"arn:aws:states:{backend.region_name}:{backend.account_id}"
    name = str(mock_random.uuid4())
    run = Run(
        f"{head}:execution:TestState:{name}", name, f"{head}:stateMachine:TestState", "TestState",
        params.get("roleArn") or "", alone, _json(params.get("input") or "{}", "input"), current().clock.time(),
        single=True, mock=mock,
    )  # fmt: skip
    count = (params.get("stateConfiguration") or {}).get("retrierRetryCount")
    if count:
        run.outcome["retries"] = int(count)
    return run


def _play(backend: Any, run: Run, variables: dict[str, Any], params: dict[str, Any]) -> None:
    index = engine.index_of(backend)
    index[run.arn] = SimpleNamespace(labkit_run=run, status="RUNNING")
    try:
        machine = Machine(run, engine.HOST)
        machine.start(variables, run.outcome.pop("retries", 0))
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
    if caught is not None:
        answer |= {"error": caught.error, "cause": caught.cause}
    elif run.status != "SUCCEEDED":
        answer |= {"error": run.error, "cause": run.cause}
    data: dict[str, Any] = {}
    if params.get("inspectionLevel") in ("DEBUG", "TRACE"):
        data["input"] = json.dumps(run.input)
    details = {
        "retryIndex": outcome.get("retry"), "catchIndex": outcome.get("catch"),
        "retryBackoffIntervalSeconds": int(outcome["wait"]) if "wait" in outcome else None,
    }  # fmt: skip
    if any(value is not None for value in details.values()):
        data["errorDetails"] = {name: value for name, value in details.items() if value is not None}
    if data:
        answer["inspectionData"] = data
    return {name: value for name, value in answer.items() if value is not None}
