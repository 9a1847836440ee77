"""The fields of the state types, and what may stand in them.

Source: the pages of the state types in https://docs.aws.amazon.com/step-functions/latest/dg/workflow-states.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from labkit.sandbox.states import choices, expressions, intrinsics, paths
from labkit.sandbox.states.errors import ALL, KNOWN

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
    "Arguments",
    "Output",
    "Assign",
    "Items",
    "ItemSelector",
    "Seconds",
    "Timestamp",
    "Error",
    "Cause",
)
_PATH_FIELDS: Final = (
    "InputPath", "OutputPath", "ItemsPath", "SecondsPath", "TimestampPath", "TimeoutSecondsPath",
    "HeartbeatSecondsPath", "MaxConcurrencyPath", "ToleratedFailureCountPath", "ToleratedFailurePercentagePath",
)  # fmt: skip

Problem = tuple[str, str]
"""A sentence, and the place below the state."""


def allowed(kind: str, jsonata: bool) -> frozenset[str]:
    """The fields of a state type in a query language."""
    return _COMMON | (_IN_JSONATA if jsonata else _IN_PATHS)[kind]


def positive(value: Any, least: int = 1) -> bool:
    """Whether this is a whole number of at least `least`."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def problems(state: Mapping[str, Any], jsonata: bool) -> Iterator[Problem]:
    """What is wrong with the values of a state's fields."""
    if jsonata:
        for name in _EXPRESSIONS:
            yield from _expressions(state.get(name), f"/{name}")
    else:
        yield from _paths(state)
        for name in _TEMPLATES:
            yield from _template(state.get(name), f"/{name}")
    yield from _numbers(state, jsonata)
    yield from _tries(state, jsonata)
    if state["Type"] == "Choice":
        yield from _choices(state, jsonata)
    if state["Type"] == "Wait":
        given = [name for name in ("Seconds", "SecondsPath", "Timestamp", "TimestampPath") if name in state]
        if len(given) != 1:
            yield "A Wait state has exactly one of [Seconds, SecondsPath, Timestamp, TimestampPath]", ""
        elif given == ["Timestamp"] and not _is_time(state["Timestamp"]):
            yield "Timestamp must be a date and time such as 2026-11-23T09:00:00Z", "/Timestamp"


def _is_time(value: Any) -> bool:
    return expressions.is_expression(value) or choices.moment(value) is not None


def _paths(state: Mapping[str, Any]) -> Iterator[Problem]:
    for name in _PATH_FIELDS:
        if state.get(name) is not None and (said := _path_problem(state[name])):
            yield said, f"/{name}"
    if state.get("ResultPath", "$") is not None and not paths.is_reference(state.get("ResultPath", "$")):
        yield "Value is not a Reference Path: ResultPath", "/ResultPath"


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
            if name.endswith(".$"):
                if _path_problem(item):
                    yield (
                        f"The value for the field '{name}' must be a valid JSONPath or a valid intrinsic function call",
                        f"{at}/{name}",
                    )
            else:
                yield from _template(item, f"{at}/{name}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _template(item, f"{at}[{number}]")


def _expressions(value: Any, at: str) -> Iterator[Problem]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _expressions(item, f"{at}/{name}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _expressions(item, f"{at}[{number}]")
    elif expressions.is_expression(value) and (said := expressions.problem(value)):
        yield f"Invalid JSONata expression: {said}", at


def _numbers(state: Mapping[str, Any], jsonata: bool) -> Iterator[Problem]:
    for name, least in (
        ("Seconds", 0),
        ("TimeoutSeconds", 1),
        ("HeartbeatSeconds", 1),
        ("MaxConcurrency", 0),
    ):
        value = state.get(name)
        if value is None or (jsonata and expressions.is_expression(value)):
            continue
        if not positive(value, least):
            yield f"{name} must be a whole number of at least {least}", f"/{name}"
    timeout, beat = state.get("TimeoutSeconds"), state.get("HeartbeatSeconds")
    if positive(timeout) and positive(beat) and beat >= timeout:  # type: ignore[operator]
        yield "HeartbeatSeconds must be smaller than TimeoutSeconds", "/HeartbeatSeconds"


def _tries(state: Mapping[str, Any], jsonata: bool) -> Iterator[Problem]:
    for group in ("Retry", "Catch"):
        rules = state.get(group, [])
        if not isinstance(rules, list):
            yield "Expected value of type Array", f"/{group}"
            continue
        for number, rule in enumerate(rules):
            yield from _rule(rule, group, f"/{group}[{number}]", number == len(rules) - 1, jsonata)


def _rule(rule: Any, group: str, at: str, last: bool, jsonata: bool) -> Iterator[Problem]:
    names = rule.get("ErrorEquals") if isinstance(rule, dict) else None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        yield "These fields are required: [ErrorEquals]", at
        return
    for name in names:
        if name.startswith("States.") and name not in KNOWN:
            yield f"The error name '{name}' is reserved and does not exist", f"{at}/ErrorEquals"
    if ALL in names and (len(names) > 1 or not last):
        yield (
            f"{ALL} must appear alone, and in the last {'retrier' if group == 'Retry' else 'catcher'}",
            f"{at}/ErrorEquals",
        )
    if group == "Catch":
        if "Next" not in rule:
            yield "These fields are required: [Next]", at
        if (
            not jsonata
            and rule.get("ResultPath", "$") is not None
            and not paths.is_reference(rule.get("ResultPath", "$"))
        ):
            yield "Value is not a Reference Path: ResultPath", f"{at}/ResultPath"
        return
    for name, least in (("IntervalSeconds", 1), ("MaxAttempts", 0), ("MaxDelaySeconds", 1)):
        if name in rule and not positive(rule[name], least):
            yield f"{name} must be a whole number of at least {least}", f"{at}/{name}"
    rate = rule.get("BackoffRate", 2.0)
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or rate < 1:
        yield "BackoffRate must be a number of at least 1.0", f"{at}/BackoffRate"
    if rule.get("JitterStrategy", "NONE") not in ("FULL", "NONE"):
        yield "JitterStrategy must be FULL or NONE", f"{at}/JitterStrategy"


def _choices(state: Mapping[str, Any], jsonata: bool) -> Iterator[Problem]:
    rules = state.get("Choices")
    if not isinstance(rules, list) or not rules:
        yield "These fields are required: [Choices]", ""
        return
    for number, rule in enumerate(rules):
        at = f"/Choices[{number}]"
        if not isinstance(rule, dict) or "Next" not in rule:
            yield "These fields are required: [Next]", at
        elif jsonata:
            if not (
                expressions.is_expression(rule.get("Condition")) or isinstance(rule.get("Condition"), bool)
            ):
                yield "Condition must be a JSONata expression", f"{at}/Condition"
            else:
                yield from _expressions(rule["Condition"], f"{at}/Condition")
        else:
            yield from _choice(rule, at)


def _choice(rule: Any, at: str) -> Iterator[Problem]:
    if not isinstance(rule, dict):
        yield "Expected value of type Object", at
        return
    for name in ("And", "Or"):
        if name in rule:
            several = rule[name]
            if not isinstance(several, list) or not several:
                yield "Expected a list of rules", f"{at}/{name}"
                return
            for number, one in enumerate(several):
                yield from _choice(one, f"{at}/{name}[{number}]")
            return
    if "Not" in rule:
        yield from _choice(rule["Not"], f"{at}/Not")
        return
    tests = [name for name in rule if name in choices.OPERATORS]
    if len(tests) != 1:
        yield "A Choice rule has exactly one comparison operator", at
    if said := _path_problem(rule.get("Variable")):
        yield said, f"{at}/Variable"
