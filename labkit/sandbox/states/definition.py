"""Reading a definition, and what AWS refuses in it.

Every problem is a diagnostic with AWS's code and a place such as `/States/Pay/Next`. CreateStateMachine refuses a
definition with errors; ValidateStateMachineDefinition lists them.

Sources: https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinitionDiagnostic.html
(codes; AWS asks nobody to rely on the words, and most words here are ours) and the pages of the state types in the
developer guide (fields).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from labkit.sandbox.states import fields, http, resources

SCHEMA: Final = "SCHEMA_VALIDATION_FAILED"
TARGET: Final = "MISSING_TRANSITION_TARGET"
_LONGEST_NAME: Final = 80
_TYPES: Final = ("Task", "Pass", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map")
_ENDS: Final = ("Succeed", "Fail")
_LANGUAGES: Final = ("JSONPath", "JSONata")
_ONE_OF: Final = "Value should be one of the following: [JSONPath, JSONata]"


class Diagnostic(NamedTuple):
    """One problem: `severity` is ERROR or WARNING."""

    severity: str
    code: str
    message: str
    location: str

    @property
    def spoken(self) -> str:
        """As InvalidDefinition has it."""
        return (
            f"{self.code}: {self.message} at {self.location}"
            if self.location
            else f"{self.code}: {self.message}"
        )


def diagnose(text: str, express: bool = False) -> list[Diagnostic]:
    """Everything that is wrong with a definition, errors first."""
    try:
        found = json.loads(text, object_pairs_hook=_unique)
    except _Twice as twice:
        return [Diagnostic("ERROR", "INVALID_JSON_DESCRIPTION", f"Duplicate field '{twice}'", "")]
    except (ValueError, RecursionError) as error:
        return [Diagnostic("ERROR", "INVALID_JSON_DESCRIPTION", f"Invalid JSON: {error}", "")]
    if not isinstance(found, dict):
        return [Diagnostic("ERROR", SCHEMA, "Definition must be a valid JSON object", "")]
    language = found.get("QueryLanguage", "JSONPath")
    if language not in _LANGUAGES:
        return [Diagnostic("ERROR", SCHEMA, _ONE_OF, "/QueryLanguage")]
    check = _Check(language, express)
    try:
        problems = [*check.top(found), *check.block(found, "", language)]
    except RecursionError:
        problems = [Diagnostic("ERROR", SCHEMA, "The definition is nested too deeply.", "/")]
    return sorted(problems, key=lambda one: one.severity != "ERROR")


def refusal(text: str, express: bool = False) -> str:
    """The errors of a definition in one sentence, as AWS words InvalidDefinition; nothing when there are none."""
    errors = [one.spoken for one in diagnose(text, express) if one.severity == "ERROR"]
    return f"Invalid State Machine Definition: '{', '.join(errors)}'" if errors else ""


class _Twice(Exception):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise _Twice(name)
        made[name] = value
    return made


def _wrong(message: str, location: str, code: str = SCHEMA) -> Diagnostic:
    return Diagnostic("ERROR", code, message, location)


class _Check:
    """One look through a definition."""

    def __init__(self, language: str, express: bool) -> None:
        self.language = language
        self.express = express
        self.names: set[str] = set()
        self.labels: list[object] = []

    def top(self, machine: Mapping[str, Any]) -> Iterator[Diagnostic]:
        """The fields around the states."""
        for name in machine:
            if name not in fields.TOP:
                yield _wrong(f"Field '{name}' is not supported", f"/{name}")
        if "TimeoutSeconds" in machine and not fields.positive(machine["TimeoutSeconds"]):
            yield _wrong("TimeoutSeconds must be a positive integer", "/TimeoutSeconds")
        if machine.get("Version", "1.0") != "1.0":
            yield _wrong("Version must be '1.0'", "/Version")

    def block(self, block: Any, at: str, language: str) -> Iterator[Diagnostic]:
        """States that belong together, with where they start."""
        found = block if isinstance(block, dict) else {}
        if absent := [name for name in ("States", "StartAt") if name not in found]:
            yield _wrong(f"These fields are required: [{', '.join(absent)}]", at or "/")
        if at and "QueryLanguage" in found:
            yield _wrong("Field 'QueryLanguage' is not supported", f"{at}/QueryLanguage")
        states, start = found.get("States"), found.get("StartAt")
        if not isinstance(states, dict) or not states:
            if "States" in found:
                yield _wrong("States must be an object with at least one state", f"{at}/States")
            return
        if "StartAt" in found and not isinstance(start, str):
            yield _wrong("Expected value of type String", f"{at}/StartAt")
        elif isinstance(start, str) and start not in states:
            yield _wrong(f"Missing 'StartAt' target: {start}", f"{at}/StartAt", TARGET)
        targets: set[str] = {start} if isinstance(start, str) else set()
        for name, state in states.items():
            where = f"{at}/States/{name}"
            yield from self._name(name, where)
            if not isinstance(state, dict) or state.get("Type") not in _TYPES:
                yield _wrong(f"The field 'Type' should be one of {list(_TYPES)}", f"{where}/Type")
                continue
            for target, place in _targets(state, where):
                if not isinstance(target, str):
                    yield _wrong("Expected value of type String", place)
                elif target not in states:
                    yield _wrong(f"Missing 'Next' target: {target}", place, TARGET)
                else:
                    targets.add(target)
            yield from self._state(state, where, language)
        for name in states:
            if name not in targets:
                yield _wrong(f'State "{name}" is not reachable.', f"{at}/States/{name}", TARGET)
        if not any(isinstance(one, dict) and _can_end(one) for one in states.values()):
            yield _wrong("The workflow does not have a terminal state.", f"{at}/States", "MISSING_END_STATE")

    def _name(self, name: str, where: str) -> Iterator[Diagnostic]:
        if not name or len(name) > _LONGEST_NAME:
            yield _wrong(f"State names have 1 to {_LONGEST_NAME} characters.", where, "INVALID_STATE_NAME")
        if name in self.names:
            yield _wrong(f"Duplicate state name: {name}", where, "DUPLICATE_STATE_NAME")
        self.names.add(name)

    def _state(self, state: dict[str, Any], where: str, language: str) -> Iterator[Diagnostic]:
        kind = state["Type"]
        spoken = state.get("QueryLanguage", language)
        if spoken not in _LANGUAGES:
            yield _wrong(_ONE_OF, f"{where}/QueryLanguage")
            return
        if language == "JSONata" and spoken == "JSONPath":
            said = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine"
            yield _wrong(said, where)
            return
        jsonata = spoken == "JSONata"
        yield from _strangers(state, where, jsonata)
        yield from _way_out(state, where)
        for problem in fields.problems(state, jsonata):
            yield _wrong(problem.said, where + problem.place, problem.code)
        if kind == "Task":
            yield from self._task(state, where, jsonata)
        elif kind == "Parallel":
            found = state.get("Branches")
            if not isinstance(found, list) or not found:
                yield _wrong("These fields are required: [Branches]", where)
                return
            for number, branch in enumerate(found):
                yield from self.block(branch, f"{where}/Branches[{number}]", language)
        elif kind == "Map":
            yield from self._map(state, where, language)

    def _map(self, state: dict[str, Any], where: str, language: str) -> Iterator[Diagnostic]:
        name = "ItemProcessor" if "ItemProcessor" in state else "Iterator"
        inner = state.get(name)
        if not isinstance(inner, dict):
            yield _wrong("These fields are required: [ItemProcessor]", where)
            return
        config = inner.get("ProcessorConfig") or {}
        mode = config.get("Mode", "INLINE") if isinstance(config, dict) else None
        if mode not in ("INLINE", "DISTRIBUTED"):
            yield _wrong("Mode must be INLINE or DISTRIBUTED", f"{where}/{name}/ProcessorConfig/Mode")
        elif mode == "DISTRIBUTED":
            yield from self._distributed(state, config, where, name)
        else:
            for field in fields.DISTRIBUTED_ONLY:
                if field in state:
                    yield _wrong(f"Field '{field}' is only for a Map in DISTRIBUTED mode", f"{where}/{field}")
        around, self.express = self.express, self.express or _express_children(config)
        yield from self.block(inner, f"{where}/{name}", language)
        self.express = around

    def _distributed(
        self, state: dict[str, Any], config: Mapping[str, Any], where: str, name: str
    ) -> Iterator[Diagnostic]:
        if config.get("ExecutionType") not in ("STANDARD", "EXPRESS"):
            yield _wrong("These fields are required: [ExecutionType]", f"{where}/{name}/ProcessorConfig")
        if self.express:
            yield _wrong("Express state machine does not support Distributed Map", where)
        label = state.get("Label")
        if label is not None and label in self.labels:
            yield _wrong(f"Label '{label}' is not unique in the state machine", f"{where}/Label")
        self.labels.append(label)

    def _task(self, state: dict[str, Any], where: str, jsonata: bool) -> Iterator[Diagnostic]:
        if "Resource" not in state:
            yield _wrong("These fields are required: [Resource]", where)
            return
        found = resources.parse(state["Resource"])
        if found is None:
            said = (
                f"The resource provided {state['Resource']} is not recognized. The value is not a valid resource ARN, "
                "or the resource is not available in this region."
            )
            yield _wrong(said, f"{where}/Resource")
        elif self.express and found.kind == "activity":
            yield _wrong("Express state machine does not support Activity ARN", f"{where}/Resource")
        elif self.express and found.pattern:
            # The second sentence ends with a blank on AWS.
            said = f"Express state machine does not support '.{found.pattern}' service integration"
            said += " " if found.pattern == "waitForTaskToken" else ""
            yield _wrong(said, f"{where}/Resource")
        elif found.service == "http" and not found.sdk:
            for said, place in http.problems(state, jsonata):
                yield _wrong(said, where + place)


def _express_children(config: object) -> bool:
    return isinstance(config, dict) and config.get("ExecutionType") == "EXPRESS"


def _strangers(state: Mapping[str, Any], where: str, jsonata: bool) -> Iterator[Diagnostic]:
    """Fields that the state type has not, or only in the other query language."""
    spoken, other = _LANGUAGES[jsonata], _LANGUAGES[not jsonata]
    allowed, elsewhere = (fields.allowed(state["Type"], one) for one in (jsonata, not jsonata))
    for name in state:
        if name in allowed:
            continue
        if name in elsewhere:
            said = f"The QueryLanguage is set to '{spoken}', but field '{name}' is only supported for the '{other}' "
            yield _wrong(f"{said}QueryLanguage", where)
        else:
            yield _wrong(f"Field '{name}' is not supported", f"{where}/{name}")


def _targets(state: Mapping[str, Any], where: str) -> Iterator[tuple[Any, str]]:
    """Every state this one names, and where."""
    for name in ("Next", "Default"):
        if name in state and (name == "Next" or state["Type"] == "Choice"):
            yield state[name], f"{where}/{name}"
    for group in ("Choices", "Catch"):
        for number, rule in enumerate(state.get(group) or () if isinstance(state.get(group), list) else ()):
            if isinstance(rule, dict) and "Next" in rule:
                yield rule["Next"], f"{where}/{group}[{number}]/Next"


def targets_of(state: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every state that a state names, and where. For a state that stands alone."""
    if not isinstance(state, dict) or "Type" not in state:
        return []
    return [(name, place) for name, place in _targets(state, "") if isinstance(name, str)]


def _can_end(state: Mapping[str, Any]) -> bool:
    return state.get("Type") in _ENDS or state.get("End") is True


def _way_out(state: Mapping[str, Any], where: str) -> Iterator[Diagnostic]:
    if state["Type"] in (*_ENDS, "Choice"):
        return
    if "Next" in state and "End" in state:
        yield _wrong("A state has either Next or End, not both", where)
    elif state.get("End") is not True and "Next" not in state:
        yield _wrong("These fields are required: [Next, End]: a state needs one of them", where)
