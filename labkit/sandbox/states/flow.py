"""How data goes through a state, in JSONPath and in JSONata.

JSONPath: InputPath, Parameters, the work, ResultSelector, ResultPath, OutputPath. JSONata: Arguments, the work, Output.
Assign sets variables in both; all its values are computed before any is set.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-input-output-filtering.html and
workflow-variables.html (what `$` means in Assign, limits of variables).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from labkit.sandbox.states import expressions, intrinsics, paths
from labkit.sandbox.states.errors import QUERY, RESULT_PATH, RUNTIME, TOO_LARGE, StateFailed
from labkit.sandbox.states.scope import Scope, look_up

LARGEST: Final = 262_144
"""Bytes of any input or output, as JSON: 256 KiB (service-quotas.html). One Assign takes no more, either."""
State = Mapping[str, Any]


def text_of(value: Any) -> str:
    """JSON as Step Functions writes it: no spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def check_size(text: str, what: str, state: str) -> None:
    """Raise `States.DataLimitExceeded` for data that is too large."""
    if len(text) * 4 > LARGEST and len(text.encode()) > LARGEST:
        said = f"The state/task '{state}' returned {what} with a size exceeding the maximum number of bytes service"
        raise StateFailed(TOO_LARGE, f"{said} limit.")


def uses_jsonata(machine: State, state: State) -> bool:
    """Whether a state speaks JSONata: its own QueryLanguage, or the state machine's."""
    return bool(state.get("QueryLanguage", machine.get("QueryLanguage", "JSONPath")) == "JSONata")


# -- JSONPath ----------------------------------------------------------------------------------------


def at(path: str, scope: Scope) -> Any:
    """What a path field leads to. Raises `StateFailed` as AWS does."""
    try:
        return look_up(path, scope)
    except paths.NoResult as error:
        raise StateFailed(RUNTIME, f"Invalid path '{path}': No results for path: {error}") from None
    except paths.InvalidPath:
        raise StateFailed(RUNTIME, f"Invalid path '{path}'") from None


def effective_input(state: State, scope: Scope) -> Any:
    """The input after InputPath; `null` stands for an empty object."""
    path = state.get("InputPath", "$")
    return {} if path is None else at(path, scope)


def template(value: Any, scope: Scope) -> Any:
    """A payload template: the value of a field `name.$` is a path or an intrinsic function."""
    if isinstance(value, dict):
        return {
            name[:-2] if name.endswith(".$") else name: (
                _filled(name, item, scope) if name.endswith(".$") else template(item, scope)
            )
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [template(item, scope) for item in value]
    return value


def _filled(name: str, text: Any, scope: Scope) -> Any:
    try:
        return intrinsics.evaluate(text, scope) if intrinsics.is_call(text) else look_up(text, scope)
    except (paths.NoResult, paths.InvalidPath):
        data = scope.context if text.startswith("$$") else scope.data
        cause = f"The JSONPath '{text}' specified for the field '{name}' could not be found in the input"
        raise StateFailed(RUNTIME, f"{cause} '{text_of(data)}'") from None


def with_result(state: State, raw: Any, result: Any) -> Any:
    """The raw input with the result where ResultPath says; `null` drops the result."""
    path = state.get("ResultPath", "$")
    if path is None:
        return raw
    try:
        return paths.put(path, raw, result)
    except paths.NoResult:
        cause = f"Unable to apply ReferencePath {path} to input {text_of(raw)}"
        raise StateFailed(RESULT_PATH, cause) from None


def output_path(state: State, data: Any, scope: Scope) -> Any:
    """The output after OutputPath; `null` stands for an empty object."""
    path = state.get("OutputPath", "$")
    return {} if path is None else at(path, scope._replace(data=data))


def assigned(state: State, scope: Scope) -> dict[str, Any]:
    """The values of Assign in JSONPath."""
    return dict(template(state.get("Assign") or {}, scope))


# -- both --------------------------------------------------------------------------------------------


def value_of(
    state: State, name: str, scope: Scope, jsonata: bool, otherwise: Any = None, *, field: str = ""
) -> Any:
    """A field that holds a value, an expression, or (as `NamePath`) a path. `field` names it in a cause."""
    if jsonata:
        return expressions.evaluate(state[name], scope, field or name) if name in state else otherwise
    path = state.get(f"{name}Path")
    if path is None:
        return state.get(name, otherwise)
    try:
        return intrinsics.evaluate(path, scope) if intrinsics.is_call(path) else look_up(path, scope)
    except (paths.NoResult, paths.InvalidPath):
        said = f"The {name}Path parameter does not reference an input value: {path}"
        raise StateFailed(RUNTIME, said) from None


def number_of(
    state: State, name: str, scope: Scope, jsonata: bool, otherwise: float | None = None, *, least: float = 0,
    most: float = 99_999_999, field: str = "", whole: bool = True,
) -> float | None:  # fmt: skip
    """A field that holds a number from `least` to `most`. Raises `StateFailed` for anything else."""
    value = value_of(state, name, scope, jsonata, otherwise, field=field)
    if value is None and name not in state and f"{name}Path" not in state:
        return None
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and least <= value <= most and (not whole or value == int(value)):
        return float(value) if value != int(value) else int(value)
    if jsonata:
        raise wrong_type(state[name], field or name, "number", value)
    given = name if name in state else f"{name}Path"
    said = f"The {given} field refers to value {text_of(value)}, which is not a valid number."
    raise StateFailed(RUNTIME, said)


def wrong_type(expression: Any, field: str, wanted: str, value: Any) -> StateFailed:
    """An expression gave something the field cannot take."""
    inside = str(expression).removeprefix("{%").removesuffix("%}").strip()
    said = (
        f"The JSONata expression '{inside}' specified for the field '{field}' returned an unexpected result type. "
        f"Expected '{wanted}', but was '{kind_of(value)}' for value: {text_of(value)}"
    )
    return StateFailed(QUERY, said, location=field)


def kind_of(value: Any) -> str:
    """What JSON calls a value."""
    if value is None:
        return "null"
    names = {bool: "boolean", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "number")
