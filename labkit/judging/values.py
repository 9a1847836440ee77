"""The values a learner passes to a check by name: what is taken, and what to say when it does not fit."""

from __future__ import annotations

import collections.abc
import inspect
import numbers
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, Union

from labkit.errors import nearest

_KINDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    Decimal: "a number",
    str: "a text",
    bool: "True or False",
    bytes: "bytes",
    dict: "a dict",
    list: "a list",
    tuple: "a tuple",
    set: "a set",
    collections.abc.Callable: "a function",
    collections.abc.Mapping: "a dict",
    collections.abc.Sequence: "a list",
    collections.abc.Iterable: "a list",
}
_EXAMPLES: dict[Any, str] = {
    int: "3",
    float: "2.5",
    Decimal: "2.5",
    str: '"..."',
    bool: "True",
    dict: "{...}",
    list: "[...]",
    collections.abc.Callable: "your_function",
}


@dataclass(frozen=True, slots=True)
class Value:
    """One value a check takes: its name, the kinds that fit, and the choices when there are only some."""

    name: str
    kinds: tuple[Any, ...] = ()
    choices: tuple[Any, ...] = ()
    optional: bool = False

    @property
    def wanted(self) -> str:
        """What fits, in words: "a function", "a whole number", "one of 'a', 'b'"."""
        if self.choices:
            return f"one of {', '.join(map(repr, self.choices))}"
        words = dict.fromkeys(_KINDS.get(kind, f"a {getattr(kind, '__name__', kind)}") for kind in self.kinds)
        return " or ".join(words) or "a value"

    @property
    def example(self) -> str:
        """How it looks in a call: `worker=your_function`."""
        if self.choices:
            return f"{self.name}={self.choices[0]!r}"
        return f"{self.name}={_EXAMPLES.get(self.kinds[0] if self.kinds else None, '...')}"

    def fits(self, value: object) -> bool:
        """Whether a value is of a kind the check can judge. None and ... are never an answer."""
        if value is None or value is Ellipsis:
            return False
        if self.choices:
            return value in self.choices
        return not self.kinds or any(_is(value, kind) for kind in self.kinds)


def values_of(function: Callable[..., Any]) -> tuple[Value, ...]:
    """What a check takes by name, from its keyword-only parameters and their type hints."""
    try:
        hints = typing.get_type_hints(function)
    except Exception:  # a hint may be anything, for instance a name only type checkers import
        hints = {}
    parameters = inspect.signature(function).parameters.values()
    return tuple(
        _value(one.name, hints.get(one.name), optional=one.default not in (one.empty, None))
        for one in parameters
        if one.kind is one.KEYWORD_ONLY
    )


def misfit(name: str, taken: tuple[Value, ...], given: Mapping[str, object]) -> str:
    """Why these values cannot be judged, with the call that can; an empty text when they fit.

    `name` is the exercise as the learner calls it.
    """
    call = f"`{call_form(name, taken)}`"
    known = {value.name: value for value in taken}
    for unknown in (one for one in given if one not in known):
        if not known:
            return f"This check takes no values: {call}. You passed `{unknown}`."
        near = nearest(unknown, known, most=1)
        offer = f" Did you mean `{near[0]}`?" if near else ""
        return f"This check does not take `{unknown}`.{offer} Write {call}."
    for value in taken:
        if value.name not in given:
            if not value.optional:
                return f"This check needs {value.wanted}, passed by name: {call}."
        elif not value.fits(given[value.name]):
            return f"`{value.name}` should be {value.wanted}, not {_said(given[value.name])}. Write {call}."
    return ""


def call_form(name: str, taken: tuple[Value, ...]) -> str:
    """The call a learner writes: `lab.check("job", worker=your_function)`."""
    needed = [value.example for value in taken if not value.optional]
    return f"lab.check({', '.join([_quoted(name), *needed])})"


def _quoted(name: str) -> str:
    return '"' + name + '"'


def _value(name: str, hint: Any, optional: bool) -> Value:
    kinds: list[Any] = []
    choices: list[Any] = []
    for one in _alternatives(hint):
        origin = typing.get_origin(one) or one
        if origin is Literal:
            choices.extend(typing.get_args(one))
        elif origin is not Any and origin is not object:
            kinds.append(origin)
    return Value(name, tuple(kinds), tuple(choices) if not kinds else (), optional)


def _alternatives(hint: Any) -> tuple[Any, ...]:
    if hint is None:
        return ()
    if typing.get_origin(hint) in (Union, types.UnionType):
        return tuple(one for one in typing.get_args(hint) if one is not types.NoneType)
    return (hint,)


def _is(value: object, kind: Any) -> bool:
    if kind is collections.abc.Callable:
        return callable(value)
    if isinstance(value, bool):
        return kind is bool
    if kind in (float, Decimal):
        return isinstance(value, numbers.Number)
    if kind is int:  # 2400 / 20 is a float and still a whole number
        return isinstance(value, numbers.Integral) or (isinstance(value, float) and value.is_integer())
    try:
        return isinstance(value, kind)
    except TypeError:  # a hint that cannot be asked, such as a Protocol: the check itself will see
        return True


def _said(value: object) -> str:
    if value is None or value is Ellipsis or isinstance(value, (bool, int, float, str)):
        text = repr(value)
        return text if len(text) <= 40 else text[:37] + "..."
    return f"a {type(value).__name__}"
