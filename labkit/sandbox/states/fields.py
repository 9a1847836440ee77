"""The fields of the state types, and what may stand in them.

Source: the pages of the state types in https://docs.aws.amazon.com/step-functions/latest/dg/workflow-states.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from labkit.sandbox.states import choices, expressions, intrinsics, paths, references, retries
from labkit.sandbox.states.errors import ALL, HTTP_STATUS, KNOWN

TOP: Final = frozenset({"Comment", "StartAt", "States", "Version", "TimeoutSeconds", "QueryLanguage"})
_COMMON: Final = frozenset({"Type", "Comment", "QueryLanguage"})
_ONWARD: Final = frozenset({"Next", "End"})
_PATHS: Final = frozenset({"InputPath", "OutputPath"})
_TRIES: Final = frozenset({"Retry", "Catch"})
_TIMES: Final = frozenset({"TimeoutSeconds", "HeartbeatSeconds"})
DISTRIBUTED_ONLY: Final = (
    "ItemReader", "ItemBatcher", "ResultWriter", "ToleratedFailureCount", "ToleratedFailureCountPath",
    "ToleratedFailurePercentage", "ToleratedFailurePercentagePath", "Label",
)  # fmt: skip
_MAP: Final = frozenset(
    {"ItemProcessor", "Iterator", "ItemSelector", "MaxConcurrency", *DISTRIBUTED_ONLY}
) - {"ToleratedFailureCountPath", "ToleratedFailurePercentagePath"}  # fmt: skip
_MAP_PATHS: Final = frozenset(
    {
        "ItemsPath", "Parameters", "MaxConcurrencyPath", "ToleratedFailureCountPath",
        "ToleratedFailurePercentagePath",
    }
)  # fmt: skip
_RESULTS: Final = frozenset({"ResultPath", "ResultSelector"})
_IN_PATHS: Final[dict[str, frozenset[str]]] = {
    "Task": _ONWARD | _PATHS | _TRIES | _TIMES | _RESULTS
    | {"Resource", "Parameters", "TimeoutSecondsPath", "HeartbeatSecondsPath", "Credentials", "Assign"},
    "Pass": _ONWARD | _PATHS | {"Result", "ResultPath", "Parameters", "Assign"},
    "Choice": _PATHS | {"Choices", "Default", "Assign"},
    "Wait": _ONWARD | _PATHS | {"Seconds", "SecondsPath", "Timestamp", "TimestampPath", "Assign"},
    "Succeed": _PATHS,
    "Fail": frozenset({"Error", "ErrorPath", "Cause", "CausePath"}),
    "Parallel": _ONWARD | _PATHS | _TRIES | _RESULTS | {"Branches", "Parameters", "Assign"},
    "Map": _ONWARD | _PATHS | _TRIES | _RESULTS | _MAP | _MAP_PATHS | {"Assign"},
}  # fmt: skip
_IN_JSONATA: Final[dict[str, frozenset[str]]] = {
    "Task": _ONWARD | _TRIES | _TIMES | {"Resource", "Arguments", "Output", "Assign", "Credentials"},
    "Pass": _ONWARD | {"Output", "Assign"},
    "Choice": frozenset({"Choices", "Default", "Output", "Assign"}),
    "Wait": _ONWARD | {"Seconds", "Timestamp", "Output", "Assign"},
    "Succeed": frozenset({"Output"}),
    "Fail": frozenset({"Error", "Cause"}),
    "Parallel": _ONWARD | _TRIES | {"Branches", "Arguments", "Output", "Assign"},
    "Map": _ONWARD | _TRIES | _MAP | {"Items", "Output", "Assign"},
}
_TEMPLATES: Final = ("Parameters", "ResultSelector", "ItemSelector", "Assign")
_EXPRESSIONS: Final = (
    "Arguments", "Output", "Assign", "Items", "ItemSelector", "ItemReader", "ItemBatcher", "ResultWriter", "Seconds",
    "Timestamp", "Error", "Cause", "TimeoutSeconds", "HeartbeatSeconds", "MaxConcurrency", "ToleratedFailureCount",
    "ToleratedFailurePercentage", "Credentials",
)  # fmt: skip
_AFTERWARDS: Final = ("Output", "Assign")
"""The fields that know `$states.result` (in a catcher: `$states.errorOutput`)."""
_NUMBERS: Final = (
    ("Seconds", 0, retries.LARGEST), ("TimeoutSeconds", 1, retries.LARGEST), ("HeartbeatSeconds", 1, retries.LARGEST),
    ("MaxConcurrency", 0, None), ("ToleratedFailureCount", 0, None),
)  # fmt: skip
_TRY_NUMBERS: Final = (
    ("IntervalSeconds", 1, retries.LARGEST), ("MaxAttempts", 0, retries.LARGEST),
    ("MaxDelaySeconds", 1, retries.LONGEST_DELAY),
)  # fmt: skip
_EITHER: Final = (
    "TimeoutSeconds", "HeartbeatSeconds", "MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage",
    "Error", "Cause",
)  # fmt: skip
"""Fields with a twin that ends in `Path`. A state has one of the two."""
_PATH_FIELDS: Final = (
    "InputPath", "OutputPath", "ItemsPath", "SecondsPath", "TimestampPath", "TimeoutSecondsPath",
    "HeartbeatSecondsPath", "MaxConcurrencyPath", "ToleratedFailureCountPath", "ToleratedFailurePercentagePath",
)  # fmt: skip
_LONGEST_LABEL: Final = 40
_BATCH_LIMITS: Final = (
    "MaxItemsPerBatch", "MaxInputBytesPerBatch", "MaxItemsPerBatchPath", "MaxInputBytesPerBatchPath",
)  # fmt: skip


class Problem(NamedTuple):
    """A sentence, the place below the state, and AWS's code."""

    said: str
    place: str
    code: str = "SCHEMA_VALIDATION_FAILED"


def allowed(kind: str, jsonata: bool) -> frozenset[str]:
    """The fields of a state type in a query language."""
    return _COMMON | (_IN_JSONATA if jsonata else _IN_PATHS)[kind]


def positive(value: Any, least: int = 1, most: int | None = None) -> bool:
    """Whether this is a whole number of at least `least` and at most `most`."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= (most or value)


def problems(state: Mapping[str, Any], jsonata: bool) -> Iterator[Problem]:
    """What is wrong with the values of a state's fields."""
    if jsonata:
        gives = frozenset({"result"}) if state["Type"] in ("Task", "Parallel", "Map") else frozenset[str]()
        for name in _EXPRESSIONS:
            yield from _expressions(
                state.get(name), f"/{name}", gives if name in _AFTERWARDS else frozenset()
            )
    else:
        yield from _paths(state)
        for name in _TEMPLATES:
            yield from _template(state.get(name), f"/{name}")
    yield from _numbers(state, jsonata)
    yield from _tries(state, jsonata)
    if state["Type"] == "Choice":
        yield from _choices(state, jsonata)
    if state["Type"] == "Map":
        yield from _map(state)
    if state["Type"] == "Wait":
        given = [name for name in ("Seconds", "SecondsPath", "Timestamp", "TimestampPath") if name in state]
        if len(given) != 1:
            yield Problem(
                "A Wait state has exactly one of [Seconds, SecondsPath, Timestamp, TimestampPath]", ""
            )
        elif given == ["Timestamp"] and not _is_time(state["Timestamp"]):
            yield Problem("Timestamp must be a date and time such as 2026-11-23T09:00:00Z", "/Timestamp")


def _is_time(value: Any) -> bool:
    return expressions.is_expression(value) or choices.moment(value) is not None


def _paths(state: Mapping[str, Any]) -> Iterator[Problem]:
    for name in _PATH_FIELDS:
        if state.get(name) is not None and (said := _path_problem(state[name])):
            yield Problem(said, f"/{name}")
    yield from _result_path(state, "")


def _result_path(holder: Mapping[str, Any], at: str) -> Iterator[Problem]:
    path = holder.get("ResultPath", "$")
    if path is not None and not paths.is_reference(path):
        yield Problem("Value is not a Reference Path: ResultPath", f"{at}/ResultPath")


def _path_problem(value: Any) -> str:
    if isinstance(value, str):
        try:
            if intrinsics.is_call(value):
                intrinsics.parse(value)
            elif len(value) > 1 and value[0] == "$" and value[1] not in ".[$":
                if not value[1].isidentifier():
                    raise paths.InvalidPath(value)
            else:
                paths.parse(value[1:] if value.startswith("$$") else value)
            return ""
        except (paths.InvalidPath, intrinsics.InvalidFunction):
            pass
    return f"Value is not a valid JSONPath or Intrinsic Function: {value}"


def _template(value: Any, at: str) -> Iterator[Problem]:
    if isinstance(value, dict):
        for name, item in value.items():
            if not name.endswith(".$"):
                yield from _template(item, f"{at}/{name}")
            elif _path_problem(item):
                said = f"The value for the field '{name}' must be a valid JSONPath or a valid intrinsic function call"
                yield Problem(said, f"{at}/{name}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _template(item, f"{at}[{number}]")


def _expressions(value: Any, at: str, states: frozenset[str] = frozenset()) -> Iterator[Problem]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _expressions(item, f"{at}/{name}", states)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _expressions(item, f"{at}[{number}]", states)
    elif expressions.is_expression(value):
        code, said = references.problem(expressions.inside(value), states)
        if said:
            yield Problem(said, at, code)


def _numbers(state: Mapping[str, Any], jsonata: bool) -> Iterator[Problem]:
    for name in _EITHER:
        if name in state and f"{name}Path" in state:
            yield Problem(f"A state has either {name} or {name}Path, not both", "")
    for name, least, most in _NUMBERS:
        value = state.get(name)
        if value is None or (jsonata and expressions.is_expression(value)):
            continue
        yield from _number(value, name, f"/{name}", least, most)
    timeout, beat = state.get("TimeoutSeconds"), state.get("HeartbeatSeconds")
    if positive(timeout) and positive(beat) and beat >= timeout:  # type: ignore[operator]
        yield Problem("HeartbeatSeconds must be smaller than TimeoutSeconds", "/HeartbeatSeconds")


def _number(value: Any, name: str, at: str, least: int, most: int | None) -> Iterator[Problem]:
    if not positive(value, least, most):
        bounds = f"at least {least}" if most is None else f"{least} to {most}"
        yield Problem(f"{name} must be a whole number of {bounds}", at)


def _map(state: Mapping[str, Any]) -> Iterator[Problem]:
    share = state.get("ToleratedFailurePercentage", 0)
    if not expressions.is_expression(share) and not _is_share(share):
        yield Problem(
            "ToleratedFailurePercentage must be a number of 0 to 100", "/ToleratedFailurePercentage"
        )
    label = state.get("Label", "label")
    if not isinstance(label, str) or not 1 <= len(label) <= _LONGEST_LABEL:
        yield Problem(f"Label must have 1 to {_LONGEST_LABEL} characters", "/Label")
    if "ResultWriter" in state and not state["ResultWriter"]:
        yield Problem("ResultWriter must not be empty", "/ResultWriter")
    batcher = state.get("ItemBatcher")
    if batcher is not None and not (
        isinstance(batcher, dict) and any(name in batcher for name in _BATCH_LIMITS)
    ):
        yield Problem("ItemBatcher needs MaxItemsPerBatch or MaxInputBytesPerBatch", "/ItemBatcher")


def _is_share(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 100


def _tries(state: Mapping[str, Any], jsonata: bool) -> Iterator[Problem]:
    for group in ("Retry", "Catch"):
        rules = state.get(group, [])
        if not isinstance(rules, list):
            yield Problem("Expected value of type Array", f"/{group}")
            continue
        for number, rule in enumerate(rules):
            at, last = f"/{group}[{number}]", number == len(rules) - 1
            yield from _names(rule, at, last, "retrier" if group == "Retry" else "catcher")
            if isinstance(rule, dict):
                yield from _retrier(rule, at) if group == "Retry" else _catcher(rule, at, jsonata)


def _names(rule: Any, at: str, last: bool, kind: str) -> Iterator[Problem]:
    names = rule.get("ErrorEquals") if isinstance(rule, dict) else None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        yield Problem("These fields are required: [ErrorEquals]", at)
        return
    for name in names:
        if name.startswith("States.") and name not in KNOWN and not name.startswith(HTTP_STATUS):
            yield Problem(f"The error name '{name}' is reserved and does not exist", f"{at}/ErrorEquals")
    if ALL in names and (len(names) > 1 or not last):
        yield Problem(f"{ALL} must appear alone, and in the last {kind}", f"{at}/ErrorEquals")


def _retrier(rule: Mapping[str, Any], at: str) -> Iterator[Problem]:
    for name, least, most in _TRY_NUMBERS:
        if name in rule:
            yield from _number(rule[name], name, f"{at}/{name}", least, most)
    rate = rule.get("BackoffRate", 2.0)
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or rate < 1:
        yield Problem("BackoffRate must be a number of at least 1.0", f"{at}/BackoffRate")
    if rule.get("JitterStrategy", "NONE") not in ("FULL", "NONE"):
        yield Problem("JitterStrategy must be FULL or NONE", f"{at}/JitterStrategy")


def _catcher(rule: Mapping[str, Any], at: str, jsonata: bool) -> Iterator[Problem]:
    if "Next" not in rule:
        yield Problem("These fields are required: [Next]", at)
    if not jsonata:
        yield from _result_path(rule, at)
        yield from _template(rule.get("Assign"), f"{at}/Assign")
        return
    for name in _AFTERWARDS:
        yield from _expressions(rule.get(name), f"{at}/{name}", frozenset({"errorOutput"}))


def _choices(state: Mapping[str, Any], jsonata: bool) -> Iterator[Problem]:
    rules = state.get("Choices")
    if not isinstance(rules, list) or not rules:
        yield Problem("These fields are required: [Choices]", "")
        return
    for number, rule in enumerate(rules):
        at = f"/Choices[{number}]"
        if not isinstance(rule, dict) or "Next" not in rule:
            yield Problem("These fields are required: [Next]", at)
        elif not jsonata:
            yield from _choice(rule, at)
            yield from _template(rule.get("Assign"), f"{at}/Assign")
        elif not (
            expressions.is_expression(rule.get("Condition")) or isinstance(rule.get("Condition"), bool)
        ):
            yield Problem("Condition must be a JSONata expression", f"{at}/Condition")
        else:
            for name in ("Condition", *_AFTERWARDS):
                yield from _expressions(rule.get(name), f"{at}/{name}")


def _choice(rule: Any, at: str) -> Iterator[Problem]:
    if not isinstance(rule, dict):
        yield Problem("Expected value of type Object", at)
        return
    for name in ("And", "Or"):
        if name in rule:
            several = rule[name]
            if not isinstance(several, list) or not several:
                yield Problem("Expected a list of rules", f"{at}/{name}")
                return
            for number, one in enumerate(several):
                yield from _choice(one, f"{at}/{name}[{number}]")
            return
    if "Not" in rule:
        yield from _choice(rule["Not"], f"{at}/Not")
        return
    tests = [name for name in rule if name in choices.OPERATORS]
    if len(tests) != 1:
        yield Problem("A Choice rule has exactly one comparison operator", at)
    if said := _path_problem(rule.get("Variable")):
        yield Problem(said, f"{at}/Variable")
