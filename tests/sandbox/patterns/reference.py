"""The pattern language once more, as short and slow as it can be said: the tests compare the matcher with it.

It takes the pattern as a dict, tries every combination of the event's fields, and shares no code with
the matcher.
"""

from __future__ import annotations

import ipaddress
import itertools
import re
from decimal import Decimal
from typing import Any

Fields = dict[str, list[Any]]


def matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    leaves = list(_leaves(event, "", {}, itertools.count()))
    return any(_fits(sorted(fields.items()), leaves, {}) for fields in _branches(pattern, "", [{}]))


def _branches(pattern: dict[str, Any], path: str, before: list[Fields]) -> list[Fields]:
    for key, value in pattern.items():
        if key == "$or":
            before = [made for one in value for made in _branches(one, path, [dict(b) for b in before])]
        elif isinstance(value, dict):
            before = _branches(value, f"{path}{key}.", before)
        else:
            before = [{**branch, f"{path}{key}": value} for branch in before]
    return before


def _leaves(value: Any, name: str, inside: dict[int, int], numbers: Any) -> Any:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else key, inside, numbers)
    elif isinstance(value, list):
        array = next(numbers)
        for index, inner in enumerate(value):
            place = {**inside, array: index} if isinstance(inner, (dict, list)) else inside
            yield from _leaves(inner, name, place, numbers)
    else:
        yield name, value, inside


def _fits(fields: list[tuple[str, list[Any]]], leaves: list[Any], entered: dict[int, int]) -> bool:
    if not fields:
        return True
    (name, alternatives), *rest = fields
    here = [
        (value, inside)
        for leaf, value, inside in leaves
        if leaf == name and all(entered.get(array, at) == at for array, at in inside.items())
    ]
    for one in alternatives:
        if one == {"exists": False}:
            if not here and _fits(rest, leaves, entered):
                return True
        elif any(takes(one, value) and _fits(rest, leaves, {**entered, **inside}) for value, inside in here):
            return True
    return False


def takes(wanted: Any, value: Any) -> bool:
    if not isinstance(wanted, dict):
        return _same(wanted, value)
    ((name, operand),) = wanted.items()
    text = value if isinstance(value, str) else None
    if name == "exists":
        return bool(operand)
    if name == "anything-but":
        if isinstance(operand, dict):
            ((form, operand),) = operand.items()
            unwanted = operand if isinstance(operand, list) else [operand]
            return not any(takes({form: one}, value) for one in unwanted)
        return not any(_same(one, value) for one in (operand if isinstance(operand, list) else [operand]))
    if name == "numeric":
        return _is_number(value) and all(
            _compare(Decimal(str(value)), sign, Decimal(str(bound)))
            for sign, bound in zip(operand[::2], operand[1::2], strict=True)
        )
    if text is None:
        return False
    if isinstance(operand, dict):
        return takes({name: operand["equals-ignore-case"].casefold()}, text.casefold())
    if name == "cidr":
        try:
            return ipaddress.ip_address(text) in ipaddress.ip_network(operand, strict=False)
        except ValueError:
            return False
    shape = {
        "prefix": re.escape(operand) + ".*",
        "suffix": ".*" + re.escape(operand),
        "equals-ignore-case": f"(?i:{re.escape(operand)})",
        "wildcard": "".join(_piece(found) for found in re.findall(r"\\.|.", operand, re.DOTALL)),
    }[name]
    return re.fullmatch(shape, text, re.DOTALL) is not None


def _piece(written: str) -> str:
    return ".*" if written == "*" else re.escape(written[-1])


def _same(wanted: Any, value: Any) -> bool:
    if _is_number(wanted) and _is_number(value):
        return Decimal(str(wanted)) == Decimal(str(value))
    return type(wanted) is type(value) and bool(wanted == value)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _compare(number: Decimal, sign: str, bound: Decimal) -> bool:
    signs = {"<": (-1,), "<=": (-1, 0), "=": (0,), ">=": (0, 1), ">": (1,)}
    return int(number.compare(bound)) in signs[sign]
