"""The mocks of TestState: what AWS refuses in them, and how they are compared with the model of the API they stand for.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/test-state-isolation.html (STRICT, PRESENT, NONE); the
words are AWS's, as LocalStack's tests keep them (https://github.com/localstack/localstack,
tests/aws/services/stepfunctions/v2/test_state).
"""

from __future__ import annotations

import json
from typing import Any, Final

from moto.core.exceptions import AWSError

from labkit.sandbox.services._stepfunctions_errors import refused
from labkit.sandbox.states import distributed, resources
from labkit.sandbox.states.errors import StateFailed

_MOCKED: Final = ("Task", "Map", "Parallel")
_UNMOCKED: Final = (
    "TestState API does not support Map or Parallel states. Supported state types include: "
    "[Task, Wait, Pass, Succeed, Fail, Choice]"
)
_KINDS: Final[dict[str, tuple[Any, str]]] = {
    "string": (str, "a string"), "timestamp": (str, "a string"), "blob": (str, "a string"),
    "list": (list, "an array"), "structure": (dict, "an object"), "map": (dict, "an object"),
    "integer": ((int, float), "a number"), "long": ((int, float), "a number"),
    "float": ((int, float), "a number"), "double": ((int, float), "a number"), "boolean": (bool, "a boolean"),
}  # fmt: skip


def wrong(message: str) -> AWSError:
    """A ValidationException."""
    return refused("ValidationException", message)


def parsed(text: str, name: str, code: str = "ValidationException") -> Any:
    """JSON of a parameter. Raises AWS's error."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise refused(code, f"Invalid JSON in {name}: {error}") from None


def of(params: dict[str, Any], state: dict[str, Any]) -> dict[str, Any] | None:
    """The mock of a request, checked: `result` or `failure`; None without one."""
    given, kind = params.get("mock"), state["Type"]
    if given is None:
        _without(params, state)
        return None
    if kind not in _MOCKED:
        raise wrong(f"State type '{kind}' is not supported when a mock is specified")
    if ("result" in given) and ("errorOutput" in given):
        raise wrong("A test mock should have only one of the following fields: [result, errorOutput].")
    if params.get("revealSecrets"):
        raise wrong("TestState does not support RevealSecrets when a mock is specified.")
    if "errorOutput" in given:
        error = given["errorOutput"]
        return {"failure": StateFailed(error.get("error"), error.get("cause"))}
    result = parsed(given.get("result", "null"), "mock.result")
    if kind == "Task":
        _compared(state, result, given.get("fieldValidationMode", "STRICT"))
    else:
        _shaped(state, result)
    return {"result": result}


def _without(params: dict[str, Any], state: dict[str, Any]) -> None:
    if state["Type"] in ("Map", "Parallel"):
        raise refused("InvalidDefinition", _UNMOCKED)
    if state["Type"] != "Task":
        return
    resource = resources.parse(state["Resource"])
    if resource is not None and (resource.kind == "activity" or resource.pattern):
        raise refused(
            "InvalidDefinition", f"A mock is needed to test a Task with the resource {state['Resource']}."
        )
    if not params.get("roleArn"):
        raise wrong("RoleArn must be specified when a mock is not specified.")


def _shaped(state: dict[str, Any], result: Any) -> None:
    if (
        state["Type"] == "Map"
        and distributed.is_distributed(state)
        and "Resource" in (state.get("ResultWriter") or {})
    ):
        if not isinstance(result, dict):
            raise wrong("Mocked result must be a JSON object.")
        return
    if not isinstance(result, list):
        raise wrong("Mocked result must be an array.")
    if state["Type"] == "Parallel" and len(result) != len(state["Branches"]):
        raise wrong("Mocked result must contain the same number of items as number of Parallel branches.")


# -- comparing with the model --------------------------------------------------------------------------


def _compared(state: dict[str, Any], result: Any, mode: str) -> None:
    resource = resources.parse(state["Resource"])
    if mode == "NONE" or resource is None or resource.kind != "service" or resource.pattern:
        return
    shape = _output(resource)
    if shape is not None:
        _fits(result, shape, "", mode == "STRICT")


def _output(resource: resources.Resource) -> Any:
    """The shape of what an API action answers, or None when there is no such action."""
    from botocore.exceptions import UnknownServiceError
    from botocore.session import get_session

    from labkit.sandbox.services._stepfunctions_calls import BOTO

    name = BOTO.get(resource.service, resource.service)
    action = resource.action[:1].upper() + resource.action[1:]
    try:
        model = get_session().get_service_model(name)
    except UnknownServiceError:
        return None
    return model.operation_model(action).output_shape if action in model.operation_names else None


def _fits(value: Any, shape: Any, field: str, strict: bool) -> None:
    if field == "Payload" and shape.type_name == "blob":
        return  # in an integration, what a function gives may be any JSON
    expected, spoken = _KINDS[shape.type_name]
    if not isinstance(value, expected) or (isinstance(value, bool) and shape.type_name != "boolean"):
        raise _mismatch(f"Field '{field}' must be {spoken}" if field else f"Mocked result must be {spoken}")
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        _within(value, shape, field)
    if shape.type_name == "list":
        for one in value:
            _fits(one, shape.member, field, strict)
    elif shape.type_name == "map":
        for one in value.values():
            _fits(one, shape.value, field, strict)
    elif shape.type_name == "structure":
        _members(value, shape, strict)


def _members(value: dict[str, Any], shape: Any, strict: bool) -> None:
    shown = {name[:1].upper() + name[1:]: member for name, member in shape.members.items()}
    if strict:
        for name in shape.required_members:
            spoken = name[:1].upper() + name[1:]
            if spoken not in value:
                raise _mismatch(f"Required field '{spoken}' is missing")
    for name, one in value.items():
        if name in shown:
            _fits(one, shown[name], name, strict)


def _within(value: Any, shape: Any, field: str) -> None:
    rules = shape.metadata
    if rules.get("enum") and value not in rules["enum"]:
        raise _mismatch(f"Field '{field}' is not an expected value")
    number = not isinstance(value, str)
    size = value if number else len(value)
    if rules.get("min") is not None and size < rules["min"]:
        raise _mismatch(
            f"Field '{field}' is {'less than the minimum value' if number else 'smaller than the minimum length'}"
        )
    if rules.get("max") is not None and size > rules["max"]:
        raise _mismatch(f"Field '{field}' exceeds the maximum {'value' if number else 'length'}")


def _mismatch(said: str) -> AWSError:
    return wrong(f"Mock result schema validation error: {said}")
