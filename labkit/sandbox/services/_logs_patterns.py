"""Filter patterns of CloudWatch Logs: terms, JSON, and fields between spaces.

Source: CloudWatch Logs user guide, "Filter pattern syntax for metric filters, subscription filters, filter log events,
and Live Tail" (docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html and the pages below it).
Not documented, so decided here: a comparison with a property that is not there is false, also `!=`.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from typing import Any, Final

Values = Callable[[str], Any]
"""The value that a selector stands for in one message, or `_NOTHING`."""
Test = Callable[[Values], bool]

_NOTHING: Final = object()
_TERM: Final = re.compile(r'\s*([?-]?)(?:"((?:[^"\\]|\\.)*)"|%([^%]*)%|(\S+))')
_TOKEN: Final = re.compile(
    r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<regex>%[^%]*%)|(?P<sign>\(|\)|&&|\|\||!=|<=|>=|=|<|>)'
    r"|(?P<word>(?:\['[^']*'\]|[^\s()=<>!&|\"%])+))"
)
_STEP: Final = re.compile(r"\.?\['([^']*)'\]|\[(\d+|\*)\]|\.([^.\[\]\s]+)")
_FIELD: Final = re.compile(r'\[([^\]]*)\]|"([^"]*)"|(\S+)')
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_DEEPEST: Final = 50


class InvalidFilter(Exception):
    """The text is no filter pattern. It says what AWS says."""


class Filter:
    """One filter pattern, read. `matches` and `number` take a log event's message."""

    def __init__(self, kind: str, test: Test, names: tuple[str, ...] = ()) -> None:
        self._kind = kind
        self._test = test
        self._names = names

    def matches(self, message: str) -> bool:
        """Whether a log event gets through."""
        values = self._values(message)
        return values is not None and self._test(values)

    def number(self, message: str, selector: str) -> float | None:
        """The number that `$.path` or `$field` stands for in a message, or None."""
        values = self._values(message)
        value = (
            values(selector if self._kind == "json" else selector.removeprefix("$")) if values else _NOTHING
        )
        return _as_number(value)

    def text(self, message: str, selector: str) -> str | None:
        """The text that a selector stands for in a message, or None."""
        values = self._values(message)
        value = (
            values(selector if self._kind == "json" else selector.removeprefix("$")) if values else _NOTHING
        )
        return None if value is _NOTHING or isinstance(value, (dict, list)) else str(value)

    def _values(self, message: str) -> Values | None:
        if self._kind == "json":
            try:
                document = json.loads(message)
            except (ValueError, RecursionError):
                return None
            return functools.partial(_select, document) if isinstance(document, (dict, list)) else None
        if self._kind == "fields":
            fields = _fields(message, self._names)
            return None if fields is None else lambda name: fields.get(name, _NOTHING)
        return lambda _: message


@functools.lru_cache(maxsize=256)
def read(pattern: str) -> Filter:
    """Read a filter pattern. An empty one lets everything through. Raises `InvalidFilter`."""
    text = pattern.strip()
    if text.startswith("{") and text.endswith("}"):
        return Filter("json", _Reader(text[1:-1], _selector).all())
    if text.startswith("[") and text.endswith("]"):
        return _spaced(text[1:-1])
    if text[:1] in ("{", "["):
        raise InvalidFilter("Invalid filter pattern")
    return Filter("terms", _terms(text))


# -- terms -------------------------------------------------------------------------------------------


def _terms(text: str) -> Test:
    wanted: list[Callable[[str], bool]] = []
    unwanted: list[Callable[[str], bool]] = []
    optional: list[Callable[[str], bool]] = []
    kinds = {"": wanted, "-": unwanted, "?": optional}
    for match in _TERM.finditer(text):
        sign, quoted, expression, bare = match.groups()
        kinds[sign].append(_term(quoted, expression, bare))
    if wanted or unwanted:
        optional = []  # AWS leaves terms with a question mark out beside other terms

    def test(values: Values) -> bool:
        message = values("")
        if optional and not any(term(message) for term in optional):
            return False
        return all(term(message) for term in wanted) and not any(term(message) for term in unwanted)

    return test


def _term(quoted: str | None, expression: str | None, bare: str | None) -> Callable[[str], bool]:
    if expression is not None:
        return _regex(expression)
    if bare is not None:
        if not re.fullmatch(r"\w+", bare):
            raise InvalidFilter(f"Invalid character(s) in term '{bare}'")
        return lambda message: bare in message
    phrase = _unquoted(quoted or "")
    return lambda message: not phrase.strip() or phrase in message


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _regex(text: str) -> Callable[[str], bool]:
    # AWS takes no groups. So a pattern cannot make Python search for ever either.
    if not text or re.search(r"(?<!\\)[()]", text):
        raise InvalidFilter("Invalid regular expression in filter pattern")
    try:
        return functools.partial(_found, re.compile(text))
    except re.error:
        raise InvalidFilter("Invalid regular expression in filter pattern") from None


def _found(compiled: re.Pattern[str], text: str) -> bool:
    return compiled.search(text) is not None


# -- expressions -------------------------------------------------------------------------------------


class _Reader:
    """Reads conditions with `&&`, `||` and brackets; `selector` says which words name a value."""

    def __init__(self, text: str, selector: Callable[[str], bool]) -> None:
        self._selector = selector
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None:
                raise InvalidFilter("Invalid filter pattern")
            self._tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
            at = match.end()
        self._next = 0
        self._depth = 0

    def all(self) -> Test:
        test = self._either()
        if self._next < len(self._tokens):
            raise InvalidFilter("Invalid filter pattern")
        return test

    def _peek(self) -> str:
        return self._tokens[self._next][1] if self._next < len(self._tokens) else ""

    def _take(self) -> tuple[str, str]:
        if self._next >= len(self._tokens):
            raise InvalidFilter("Invalid filter pattern")
        self._next += 1
        return self._tokens[self._next - 1]

    def _either(self) -> Test:
        tests = [self._both()]
        while self._peek() == "||":
            self._take()
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda values: any(test(values) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._peek() == "&&":
            self._take()
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda values: all(test(values) for test in tests)

    def _one(self) -> Test:
        kind, text = self._take()
        if text == "(" and kind == "sign":
            self._depth += 1
            if self._depth > _DEEPEST:
                raise InvalidFilter("Invalid filter pattern")
            test = self._either()
            if self._take() != ("sign", ")"):
                raise InvalidFilter("Invalid filter pattern")
            self._depth -= 1
            return test
        if kind != "word" or not self._selector(text):
            raise InvalidFilter("Invalid filter pattern")
        return self._condition(text)

    def _condition(self, selector: str) -> Test:
        kind, sign = self._take()
        if kind == "word":
            words = (sign.upper(), self._take()[1].upper())
            known = _STATES.get(words)
            if known is None:
                raise InvalidFilter("Invalid filter pattern")
            return lambda values: known(values(selector))
        if sign not in ("=", "!=", "<", "<=", ">", ">="):
            raise InvalidFilter("Invalid filter pattern")
        kind, text = self._take()
        if kind == "sign":
            raise InvalidFilter("Invalid filter pattern")
        compare = _comparison(sign, kind, text)
        return lambda values: _holds(compare, values(selector))


_STATES: Final[dict[tuple[str, str], Callable[[Any], bool]]] = {
    ("IS", "NULL"): lambda value: value is None,
    ("IS", "TRUE"): lambda value: value is True,
    ("IS", "FALSE"): lambda value: value is False,
    ("NOT", "EXISTS"): lambda value: value is _NOTHING,
}


def _holds(compare: Callable[[Any], bool], value: Any) -> bool:
    if value is _NOTHING or isinstance(value, dict):
        return False
    return any(compare(item) for item in value) if isinstance(value, list) else compare(value)


def _comparison(sign: str, kind: str, text: str) -> Callable[[Any], bool]:
    number = float(text) if kind == "word" and _NUMBER.fullmatch(text) else None
    if sign not in ("=", "!="):
        if number is None:
            raise InvalidFilter("Invalid filter pattern")
        return functools.partial(_ordered, sign, number)
    equal = _equality(kind, text, number)
    return equal if sign == "=" else lambda value: not equal(value)


def _ordered(sign: str, number: float, value: Any) -> bool:
    found = _as_number(value)
    if found is None:
        return False
    return {"<": found < number, "<=": found <= number, ">": found > number, ">=": found >= number}[sign]


def _equality(kind: str, text: str, number: float | None) -> Callable[[Any], bool]:
    if kind == "regex":
        search = _regex(text[1:-1])
        return lambda value: isinstance(value, (str, int, float)) and search(_shown(value))
    if number is not None:
        return lambda value: _as_number(value) == number
    plain = _unquoted(text[1:-1]) if kind == "string" else text
    glob = re.compile(".*".join(re.escape(part) for part in plain.split("*")), re.DOTALL)
    return lambda value: value is not None and glob.fullmatch(_shown(value)) is not None


def _shown(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _as_number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value)
    return float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else None


# -- JSON --------------------------------------------------------------------------------------------


def _selector(text: str) -> bool:
    return text.startswith("$") and _STEP.sub("", text[1:]) == "" and len(text) > 1


def _select(document: Any, selector: str) -> Any:
    value = document
    for match in _STEP.finditer(selector):
        name, index, plain = match.groups()
        if index == "*":
            continue  # all members: comparisons look at each
        if index is not None:
            if not isinstance(value, list) or int(index) >= len(value):
                return _NOTHING
            value = value[int(index)]
        else:
            key = name if name is not None else plain
            if isinstance(value, list):
                value = [item[key] for item in value if isinstance(item, dict) and key in item] or _NOTHING
            else:
                value = value.get(key, _NOTHING) if isinstance(value, dict) else _NOTHING
        if value is _NOTHING:
            return _NOTHING
    return value


# -- fields between spaces ---------------------------------------------------------------------------


def _spaced(text: str) -> Filter:
    names: list[str] = []
    tests: list[Test] = []
    for part in re.findall(r'(?:"[^"]*"|%[^%]*%|[^,"%])+', text):
        condition = part.strip()
        if condition == "...":
            names.append("...")
            continue
        match = re.match(r"\(*\s*([A-Za-z_]\w*)", condition)
        if match is None:
            raise InvalidFilter("Invalid filter pattern")
        names.append(match[1])
        if match[0] != condition:
            tests.append(_Reader(condition, str.isidentifier).all())
    if not names or names.count("...") > 1:
        raise InvalidFilter("Invalid filter pattern")
    return Filter("fields", lambda values: all(test(values) for test in tests), tuple(names))


def _fields(message: str, names: tuple[str, ...]) -> dict[str, str] | None:
    """The named fields of a message, or None when it has another number of fields."""
    found = [
        next(group for group in match.groups() if group is not None) for match in _FIELD.finditer(message)
    ]
    if "..." not in names:
        return dict(zip(names, found, strict=True)) if len(found) == len(names) else None
    at = names.index("...")
    after = len(names) - at - 1
    if len(found) < at + after:
        return None
    tail = found[len(found) - after :] if after else []
    return {**dict(zip(names[:at], found, strict=False)), **dict(zip(names[at + 1 :], tail, strict=True))}
