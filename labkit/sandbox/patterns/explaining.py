"""Why an event does not match, one sentence for each field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labkit.sandbox.patterns.fields import Branch, Found
from labkit.sandbox.patterns.operators import Absent, Exact, Field, is_number, listed, shown


def explain(branches: tuple[Branch, ...], found: Found, event: Mapping[str, Any]) -> list[str]:
    """The sentences for the branch that comes nearest to matching; none if one matches."""
    if any(branch.matches(found) for branch in branches):
        return []
    nearest = min((_misses(branch, found, event) for branch in branches), key=len)
    if len(branches) == 1:
        return nearest
    return [f"None of the {len(branches)} alternatives of $or matches; the nearest one fails here.", *nearest]


def _misses(branch: Branch, found: Found, event: Mapping[str, Any]) -> list[str]:
    misses = []
    for name, field in branch.fields:
        values = [value for value, _ in found.get(name, [])]
        if not (field.absent and not values) and not any(field.takes(value) for value in values):
            misses.append(_miss(name, field, values, event))
    if misses:
        return misses
    names = " and ".join(f'"{name}"' for name, _ in branch.fields if name in found)
    return [f"{names} match, but not in the same element of an array; one element must satisfy them all."]


def _miss(name: str, field: Field, values: list[Any], event: Mapping[str, Any]) -> str:
    if not values:
        return _missing(name, field, event)
    has = f'"{name}" {"is" if len(values) == 1 else "holds"} {listed(map(shown, values), "and")}'
    if all(isinstance(one, Absent) for one in field.alternatives):
        return f"{has}, but the pattern wants events without this field."
    return f"{has}, but the pattern wants {field.wanted()}{_slip(field, values)}."


def _missing(name: str, field: Field, event: Mapping[str, Any]) -> str:
    here: Any = event
    passed: list[str] = []
    for step in name.split("."):
        if isinstance(here, str):
            as_json = " (JSON inside a string is not looked into)" if here.lstrip().startswith("{") else ""
            return f'"{".".join(passed)}" is text, not an object{as_json}, so "{name}" is missing.'
        if not isinstance(here, Mapping):
            break
        if step not in here:
            return _no_such_key(name, step, here, field)
        here = here[step]
        passed.append(step)
    if isinstance(here, Mapping) and len(passed) == len(name.split(".")):
        return f'"{name}" is an object, and only single values are compared; name a field inside it.'
    if isinstance(here, (list, tuple)) and not here:
        return f'"{name}" is an empty array, which holds no value; the pattern wants {field.wanted()}.'
    return f'"{name}" is missing; the pattern wants {field.wanted()}.'


def _no_such_key(name: str, step: str, here: Mapping[str, Any], field: Field) -> str:
    for key in here:
        if isinstance(key, str) and key.lower() == step.lower():
            return (
                f'"{name}" is missing: the event spells it "{key}", and names are compared letter by letter.'
            )
    return f'"{name}" is missing; the pattern wants {field.wanted()}.'


def _slip(field: Field, values: list[Any]) -> str:
    """The usual slips, as an afterthought: a number in quotes, another case, a blank too many."""
    wanted = [one.value for one in field.alternatives if isinstance(one, Exact)]
    for value in values:
        for want in wanted:
            if is_number(want) and isinstance(value, str) and value == shown(want):
                return f", and the text {shown(value)} is not the number {shown(want)}"
            if isinstance(want, str) and is_number(value) and want == shown(value):
                return f", and the number {shown(value)} is not the text {shown(want)}"
            if isinstance(want, bool) and isinstance(value, str) and value.lower() == shown(want):
                return f", and the text {shown(value)} is not the value {shown(want)}"
            if isinstance(want, str) and isinstance(value, str) and value != want:
                if value.strip() == want.strip():
                    return "; only the blanks around it differ"
                if value.lower() == want.lower():
                    return "; upper and lower case differ"
    return ""
