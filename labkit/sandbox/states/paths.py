"""JSONPath as Step Functions reads it, and reference paths.

`$.a['b'][0]`, negative indices, slices, several indices, `*`, `..` and filters such as `[?(@.price < 10)]`. A path that
can only lead to one place gives that value and fails when there is none; any other gives a list.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html
"""

from __future__ import annotations

import functools
import json
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

Step = tuple[str, Any]
_TOKEN: Final = re.compile(
    r"\.\.(?P<deep>\*|[^\s.\[\]()?*'\"]+)?|\.(?P<name>\*|[^\s.\[\]()?*'\"]+)|\[(?P<bracket>(?:'(?:[^'\\]|\\.)*'"
    r"|\"(?:[^\"\\]|\\.)*\"|\?\((?:[^()]|\([^()]*\))*\)|[^\]'\"])+)\]"
)
_TEST: Final = re.compile(r"^(@[^\s=!<>]*)\s*(?:(==|!=|<=|>=|<|>)\s*(.+))?$")
_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


class InvalidPath(ValueError):
    """This is no path."""


class NoResult(LookupError):
    """The path leads nowhere."""


@functools.lru_cache(maxsize=2_048)
def parse(path: str) -> tuple[Step, ...]:
    """The steps of a path that begins with `$`. Raises `InvalidPath`."""
    if not isinstance(path, str) or not path.startswith("$"):
        raise InvalidPath(str(path))
    steps: list[Step] = []
    at = 1
    while at < len(path):
        found = _TOKEN.match(path, at)
        if found is None:
            raise InvalidPath(path)
        at = found.end()
        if found["name"] is not None:
            steps.append(("any", None) if found["name"] == "*" else ("key", found["name"]))
        elif found["bracket"] is not None:
            steps.append(_bracket(found["bracket"].strip(), path))
        else:
            steps.append(("deep", None))
            if found["deep"]:
                steps.append(("any", None) if found["deep"] == "*" else ("key", found["deep"]))
    return tuple(steps)


def _bracket(text: str, path: str) -> Step:
    if text == "*":
        return "any", None
    if text.startswith("?(") and text.endswith(")"):
        return "filter", _filter(text[2:-1].strip(), path)
    if text[0] in "'\"":
        names = [_unquoted(one) for one in re.findall(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", text)]
        return ("key", names[0]) if len(names) == 1 else ("keys", tuple(names))
    try:
        if ":" in text:
            parts = [int(part) if part.strip() else None for part in text.split(":")]
            return "slice", slice(*parts)
        numbers = [int(part) for part in text.split(",")]
    except (ValueError, TypeError):
        raise InvalidPath(path) from None
    return ("index", numbers[0]) if len(numbers) == 1 else ("indices", tuple(numbers))


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def _filter(text: str, path: str) -> tuple[tuple[tuple[str, str, Any], ...], ...]:
    """Alternatives (`||`) of tests that hold together (`&&`)."""
    return tuple(
        tuple(_test(part.strip(), path) for part in one.split("&&")) for one in re.split(r"\|\|", text)
    )


def _test(text: str, path: str) -> tuple[str, str, Any]:
    found = _TEST.match(text)
    if found is None:
        raise InvalidPath(path)
    value: Any = None
    if found[3] is not None:
        raw = found[3].strip()
        try:
            value = _unquoted(raw) if raw[0] == "'" else json.loads(raw)
        except (ValueError, IndexError):
            raise InvalidPath(path) from None
    parse("$" + found[1][1:])
    return "$" + found[1][1:], found[2] or "", value


def is_definite(path: str) -> bool:
    """Whether the path can lead to one place only."""
    return all(kind in ("key", "index") for kind, _ in parse(path))


def is_reference(path: Any) -> bool:
    """Whether this is a reference path: it names one place, as `ResultPath` needs."""
    try:
        return isinstance(path, str) and not path.startswith("$$") and is_definite(path)
    except InvalidPath:
        return False


def read(path: str, data: Any) -> Any:
    """What is at the path. Raises `NoResult` and `InvalidPath`."""
    steps = parse(path)
    if not all(kind in ("key", "index") for kind, _ in steps):
        return list(_walk(steps, data))
    for number, (kind, wanted) in enumerate(steps):
        try:
            data = data[wanted] if isinstance(data, dict if kind == "key" else list) else _nothing()
        except (LookupError, TypeError):
            raise NoResult(spelled(steps[: number + 1])) from None
    return data


def _nothing() -> Any:
    raise LookupError


def spelled(steps: tuple[Step, ...]) -> str:
    """The path in brackets, as AWS's messages have it: `$['a'][0]`."""
    return "$" + "".join(f"['{value}']" if kind == "key" else f"[{value}]" for kind, value in steps)


def _walk(steps: tuple[Step, ...], data: Any) -> Iterator[Any]:
    if not steps:
        yield data
        return
    (kind, wanted), rest = steps[0], steps[1:]
    for value in _SELECT[kind](wanted, data):
        yield from _walk(rest, value)


def _children(_: Any, data: Any) -> Iterator[Any]:
    if isinstance(data, dict):
        yield from data.values()
    elif isinstance(data, list):
        yield from data


def _deep(_: Any, data: Any) -> Iterator[Any]:
    yield data
    for child in _children(None, data):
        yield from _deep(None, child)


def _by_key(name: str, data: Any) -> Iterator[Any]:
    if isinstance(data, dict) and name in data:
        yield data[name]


def _by_keys(names: tuple[str, ...], data: Any) -> Iterator[Any]:
    for name in names:
        yield from _by_key(name, data)


def _by_index(number: int, data: Any) -> Iterator[Any]:
    if isinstance(data, list) and -len(data) <= number < len(data):
        yield data[number]


def _by_indices(numbers: tuple[int, ...], data: Any) -> Iterator[Any]:
    for number in numbers:
        yield from _by_index(number, data)


def _by_slice(part: slice, data: Any) -> Iterator[Any]:
    if isinstance(data, list):
        yield from data[part]


def _by_filter(tests: Any, data: Any) -> Iterator[Any]:
    for child in data if isinstance(data, list) else _children(None, data):
        if any(all(_holds(test, child) for test in together) for together in tests):
            yield child


def _holds(test: tuple[str, str, Any], value: Any) -> bool:
    path, sign, wanted = test
    try:
        found = read(path, value)
    except NoResult:
        return False
    if not sign:
        return True
    alike = type(found) is type(wanted) or (
        isinstance(found, (int, float)) and isinstance(wanted, (int, float))
    )
    if sign not in ("==", "!=") and not alike:
        return False
    try:
        return _OPERATORS[sign](found, wanted)
    except TypeError:
        return False


_SELECT: Final[dict[str, Callable[[Any, Any], Iterator[Any]]]] = {
    "any": _children, "deep": _deep, "key": _by_key, "keys": _by_keys, "index": _by_index,
    "indices": _by_indices, "slice": _by_slice, "filter": _by_filter,
}  # fmt: skip


def put(path: str, data: Any, value: Any) -> Any:
    """The data with `value` at a reference path; objects on the way are made. Raises `NoResult`."""
    return _put(parse(path), data, value)


def _put(steps: tuple[Step, ...], data: Any, value: Any) -> Any:
    if not steps:
        return value
    (kind, wanted), rest = steps[0], steps[1:]
    if kind == "key":
        if not isinstance(data, dict):
            if data is not None:
                raise NoResult(spelled(steps))
            data = {}
        return {**data, wanted: _put(rest, data.get(wanted), value)}
    if not isinstance(data, list) or not -len(data) <= wanted < len(data):
        raise NoResult(spelled(steps))
    changed = list(data)
    changed[wanted] = _put(rest, changed[wanted], value)
    return changed
