"""What a target receives: the event, a constant, a part of the event, or a filled-in template.

Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html (variables, quotes,
"Common issues"), the model of PutTargets in botocore. That `<aws.events.event>` names the detail type `detailType`,
and that a missing value becomes an empty string, was recorded on AWS by LocalStack's validated tests.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from moto.core.exceptions import JsonRESTError

MISSING: Final = object()
"""The value of a path that leads nowhere."""
_PLACEHOLDER: Final = re.compile(r"<(.*?)>")
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+|\*)\]|\[['\"]([^'\"]+)['\"]\]")
_TEXTS: Final = frozenset({"aws.events.rule-arn", "aws.events.rule-name", "aws.events.event.ingestion-time"})
_WHOLE: Final = frozenset({"aws.events.event", "aws.events.event.json"})
_decoder: Final = json.JSONDecoder()


class Invalid(Exception):
    """A template that was filled in is not the JSON object it was meant to be."""


def compact(value: Any) -> str:
    """JSON as EventBridge writes it: no spaces, every letter as it is."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


# -- paths -------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=512)
def _steps(path: str) -> tuple[str | int, ...] | None:
    """`$.a.b[0]` as `("a", "b", 0)`; None when it is no path that EventBridge reads."""
    if not path.startswith("$"):
        return None
    found: list[str | int] = []
    at = 1
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            return None
        name, index, quoted = step.groups()
        found.append(name or quoted or ("*" if index == "*" else int(index)))
        at = step.end()
    return tuple(found)


def value_at(path: str, event: Any) -> Any:
    """What stands at a JSON path, or `MISSING`. A path with a `*` gives the list of all it reaches."""
    steps = _steps(path)
    if steps is None:
        return MISSING
    found = [event]
    for step in steps:
        found = [inner for value in found for inner in _one_step(value, step)]
    if "*" in steps:
        return found or MISSING
    return found[0] if found else MISSING


def _one_step(value: Any, step: str | int) -> list[Any]:
    if step == "*":
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return list(inner)
    if isinstance(step, int):
        return [value[step]] if isinstance(value, list) and step < len(value) else []
    return [value[step]] if isinstance(value, dict) and step in value else []


def parameter(given: str, event: Any) -> str:
    """A target parameter: a JSON path stands for what is there in the event, all else for itself.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html, "Dynamic path parameters".
    """
    if not given.startswith("$."):
        return given
    found = value_at(given, event)
    return "" if found is MISSING else found if isinstance(found, str) else compact(found)


# -- templates ---------------------------------------------------------------------------------------


class _Piece(NamedTuple):
    """A piece of a template: fixed text, or a variable's name and whether it stands between quotes."""

    text: str
    name: str = ""
    quoted: bool = False


@functools.lru_cache(maxsize=256)
def _pieces(template: str) -> tuple[_Piece, ...]:
    found, at, quoted = [], 0, False
    for match in _PLACEHOLDER.finditer(template):
        text = template[at : match.start()]
        quoted = _quoted_after(text, quoted)
        found.append(_Piece(text, match[1], quoted))
        at = match.end()
    return (*found, _Piece(template[at:]))


def _quoted_after(text: str, quoted: bool) -> bool:
    escaped = False
    for letter in text:
        if letter == '"' and not escaped:
            quoted = not quoted
        escaped = letter == "\\" and not escaped
    return quoted


def _is_object(template: str) -> bool:
    return template.lstrip().startswith("{")


def _shown(value: Any, quoted: bool) -> str:
    """A value as it stands in the result. Nothing is escaped: EventBridge does not either."""
    if value is MISSING:
        return "" if quoted else '""'
    if isinstance(value, str):
        return value if quoted else compact(value)
    text = compact(value)
    return text.replace('"', "") if quoted and isinstance(value, (dict, list)) else text


def _filled(template: str, paths: Mapping[str, str], event: Any, known: Mapping[str, Any]) -> str:
    parts: list[str] = []
    for text, name, quoted in _pieces(template):
        parts.append(text)
        if name:
            value = known[name] if name in known else value_at(paths.get(name, ""), event)
            parts.append(_shown(value, quoted))
    filled = "".join(parts)
    if _is_object(template):
        try:
            json.loads(filled)
        except ValueError as error:
            raise Invalid(f"The transformed input is not valid JSON: {error}.") from None
    return filled


def body_for(
    target: Mapping[str, Any], event: dict[str, Any], text: str, rule_arn: str, rule_name: str, ingested: str
) -> str:
    """What this target receives. `text` is the event as JSON. Raises `Invalid`."""
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        found = value_at(target["InputPath"], event)
        return compact(None if found is MISSING else found)
    transformer = target.get("InputTransformer")
    if not transformer:
        return text
    template = transformer.get("InputTemplate", "")
    known: dict[str, Any] = {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_name,
        "aws.events.event.ingestion-time": ingested,
        "aws.events.event.json": event,
    }
    if "<aws.events.event>" in template:
        known["aws.events.event"] = {
            "detailType" if name == "detail-type" else name: value
            for name, value in event.items()
            if name != "detail"
        }
    return _filled(template, transformer.get("InputPathsMap") or {}, event, known)


# -- checks at PutTargets -----------------------------------------------------------------------------


def check(target: Mapping[str, Any]) -> None:
    """Refuse an input that AWS refuses when the target is put."""
    name = target.get("Id")
    given = [field for field in ("Input", "InputPath", "InputTransformer") if target.get(field)]
    if len(given) > 1:
        raise _refusal(
            f"Only one of Input, InputPath, or InputTransformer must be provided for target {name}."
        )
    if target.get("Input"):
        problem = _json_problem(target["Input"])
        if problem:
            raise _refusal(f"JSON syntax error in input for target {name} : [{problem}].")
    if transformer := target.get("InputTransformer"):
        _check_template(str(name), transformer)


def _check_template(name: str, transformer: Mapping[str, Any]) -> None:
    template, paths = transformer.get("InputTemplate", ""), transformer.get("InputPathsMap") or {}
    for key in paths:
        if key.lower().startswith("aws."):
            raise _refusal(f"InputPathsMap for target {name} contains the reserved placeholder {key}.")
    for piece in _pieces(template):
        if piece.name in _WHOLE and not _is_object(template):
            raise _refusal(
                f"InputTemplate for target {name} contains placeholder {piece.name} valid only for JSON template."
            )
        if piece.name and piece.name not in paths and piece.name not in _TEXTS | _WHOLE:
            raise _refusal(f"InputTemplate for target {name} contains invalid placeholder {piece.name}.")
    sample = "".join(
        text + ("x" if quoted else "0" if key else "") for text, key, quoted in _pieces(template)
    )
    if problem := _json_problem(sample, template, several=not _is_object(template)):
        raise _refusal(f"Invalid InputTemplate for target {name} : [{problem}].")


def _json_problem(text: str, shown: str = "", several: bool = False) -> str:
    """Where it stops being JSON, or nothing. `several` values may follow each other, one a line."""
    at = len(text) - len(text.lstrip())
    try:
        while True:
            _, at = _decoder.raw_decode(text, at)
            rest = text[at:].lstrip()
            if not rest:
                return ""
            if not several:
                break
            at = len(text) - len(rest)
    except json.JSONDecodeError as error:
        at = error.pos
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    return f'Source: (String)"{shown or text}"; line: {line}, column: {column}'


def _refusal(message: str) -> JsonRESTError:
    return JsonRESTError("ValidationException", message)
