"""The intrinsic functions of JSONPath state machines: `States.Format('Hello {}', $.name)`.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import random
from collections.abc import Callable
from typing import Any, Final

from labkit.sandbox.states import paths
from labkit.sandbox.states.errors import RUNTIME, StateFailed
from labkit.sandbox.states.scope import Scope, look_up

Node = tuple[str, Any]
_LONGEST: Final = 10_000
"""Characters that Base64Encode, Base64Decode and Hash take at most; the same page."""
_MOST_ITEMS: Final = 1_000
"""Items ArrayRange gives at most; the same page."""
_MOST_CALLS: Final = 10
"""Functions in one field, inside each other; the same page."""
_HASHES: Final = {
    "MD5": "md5",
    "SHA-1": "sha1",
    "SHA-256": "sha256",
    "SHA-384": "sha384",
    "SHA-512": "sha512",
}


class InvalidFunction(ValueError):
    """This is no intrinsic function."""


def is_call(text: str) -> bool:
    """Whether the text looks like an intrinsic function."""
    return text.startswith("States.")


def evaluate(text: str, scope: Scope) -> Any:
    """The value of an intrinsic function. Raises `StateFailed`."""
    try:
        return _value(parse(text), scope)
    except InvalidFunction:
        raise StateFailed(RUNTIME, f"Invalid Intrinsic Function: {text}") from None
    except (paths.NoResult, paths.InvalidPath):
        raise
    except (TypeError, ValueError, ArithmeticError, LookupError, RecursionError):
        raise StateFailed(RUNTIME, f"Invalid arguments in {text}") from None


# -- reading -----------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1_024)
def parse(text: str) -> Node:
    """The call as a tree. Raises `InvalidFunction`."""
    node, at = _node(text, _skip(text, 0))
    if _skip(text, at) != len(text) or node[0] != "call" or _calls(node) > _MOST_CALLS:
        raise InvalidFunction(text)
    return node


def _calls(node: Node) -> int:
    kind, value = node
    return 1 + sum(_calls(one) for one in value[1]) if kind == "call" else 0


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _node(text: str, at: int) -> tuple[Node, int]:
    if at >= len(text):
        raise InvalidFunction(text)
    if text[at] == "'":
        return _string(text, at + 1)
    if text[at] == "$":
        return _path(text, at)
    if text.startswith("States.", at):
        return _call(text, at)
    end = at
    while end < len(text) and text[end] not in ",) \t\n":
        end += 1
    try:
        value = json.loads(text[at:end])
    except ValueError:
        raise InvalidFunction(text) from None
    if isinstance(value, (dict, list, str)):
        raise InvalidFunction(text)
    return ("value", value), end


def _string(text: str, at: int) -> tuple[Node, int]:
    letters = []
    while at < len(text) and text[at] != "'":
        if text[at] == "\\" and at + 1 < len(text):
            # Braces keep their backslash until Format has looked at them.
            letters.append(text[at : at + 2] if text[at + 1] in "{}\\" else text[at + 1])
            at += 2
        else:
            letters.append(text[at])
            at += 1
    if at >= len(text):
        raise InvalidFunction(text)
    return ("text", "".join(letters)), at + 1


def _path(text: str, at: int) -> tuple[Node, int]:
    end, deep, quote = at, 0, ""
    while end < len(text):
        letter = text[end]
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"" and deep:
            quote = letter
        elif letter in "[(":
            deep += 1
        elif letter in "])" and deep:
            deep -= 1
        elif letter in ",)" or letter.isspace():
            break
        end += 1
    return ("path", text[at:end]), end


def _call(text: str, at: int) -> tuple[Node, int]:
    opened = text.find("(", at)
    name = text[at:opened].strip() if opened > 0 else ""
    if name not in FUNCTIONS:
        raise InvalidFunction(text)
    arguments: list[Node] = []
    at = _skip(text, opened + 1)
    while at < len(text) and text[at] != ")":
        node, at = _node(text, at)
        arguments.append(node)
        at = _skip(text, at)
        if at < len(text) and text[at] == ",":
            at = _skip(text, at + 1)
        elif at >= len(text) or text[at] != ")":
            raise InvalidFunction(text)
    if at >= len(text):
        raise InvalidFunction(text)
    return ("call", (name, tuple(arguments))), at + 1


# -- computing ---------------------------------------------------------------------------------------


def _value(node: Node, scope: Scope) -> Any:
    kind, value = node
    if kind == "path":
        return look_up(value, scope)
    if kind == "call":
        name, arguments = value
        given = [_value(one, scope) for one in arguments]
        if name == "States.Format":
            return _format(arguments[0][0] == "text", *given)
        plain = [
            _plain(one) if node[0] == "text" else one for node, one in zip(arguments, given, strict=True)
        ]
        if name in _BY_CHANCE:
            return FUNCTIONS[name](scope.dice(), *plain)
        return FUNCTIONS[name](*plain)
    return value


def _plain(text: str) -> str:
    return text.replace("\\{", "{").replace("\\}", "}").replace("\\\\", "\\")


def _format(literal: bool, template: str, *values: Any) -> str:
    parts, at, given = [], 0, list(values)
    while at < len(template):
        if literal and template[at] == "\\" and at + 1 < len(template):
            parts.append(template[at + 1])
            at += 2
        elif template.startswith("{}", at):
            value = given.pop(0)
            parts.append(value if isinstance(value, str) else _json(value))
            at += 2
        else:
            parts.append(template[at])
            at += 1
    if given:
        raise ValueError("more values than places")
    return "".join(parts)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _partition(items: list[Any], size: int) -> list[Any]:
    if not isinstance(items, list) or size <= 0:
        raise ValueError("ArrayPartition")
    return [items[at : at + size] for at in range(0, len(items), size)]


def _range(first: int, last: int, step: int) -> list[int]:
    numbers = range(first, last + (1 if step > 0 else -1), step)
    if len(numbers) > _MOST_ITEMS:
        raise ValueError("ArrayRange")
    return list(numbers)


def _get(items: list[Any], number: int) -> Any:
    if not isinstance(items, list) or number < 0:
        raise ValueError("ArrayGetItem")
    return items[number]


def _unique(items: list[Any]) -> list[Any]:
    return list({json.dumps(one, sort_keys=True): one for one in reversed(items)}.values())[::-1]


def _short(text: str) -> bytes:
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise ValueError("too long")
    return text.encode()


def _hash(text: Any, name: str) -> str:
    data = _short(text if isinstance(text, str) else _json(text))
    return hashlib.new(_HASHES[name], data, usedforsecurity=False).hexdigest()


def _merge(first: dict[str, Any], second: dict[str, Any], deep: bool) -> dict[str, Any]:
    if deep is not False or not isinstance(first, dict) or not isinstance(second, dict):
        raise ValueError("JsonMerge supports the shallow mode only")
    return {**first, **second}


def _random(dice: random.Random, first: int, last: int, seed: int | None = None) -> int:
    return (dice if seed is None else random.Random(seed)).randrange(int(first), int(last))


def _uuid(dice: random.Random) -> str:
    digits = f"{dice.getrandbits(128):032x}"
    digits = f"{digits[:12]}4{digits[13:16]}{'89ab'[int(digits[16], 16) % 4]}{digits[17:]}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _split(text: str, letters: str) -> list[str]:
    for letter in letters[1:]:
        text = text.replace(letter, letters[0])
    return [part for part in text.split(letters[0]) if part]


def _length(items: list[Any]) -> int:
    if not isinstance(items, list):
        raise ValueError("ArrayLength")
    return len(items)


def _add(first: float, second: float) -> int:
    return int(first) + int(second)


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "States.Format": _format,
    "States.StringToJson": json.loads,
    "States.JsonToString": _json,
    "States.Array": lambda *items: list(items),
    "States.ArrayPartition": _partition,
    "States.ArrayContains": lambda items, wanted: wanted in items,
    "States.ArrayRange": _range,
    "States.ArrayGetItem": _get,
    "States.ArrayLength": _length,
    "States.ArrayUnique": _unique,
    "States.Base64Encode": lambda text: base64.b64encode(_short(text)).decode(),
    "States.Base64Decode": lambda text: base64.b64decode(_short(text)).decode(),
    "States.Hash": _hash,
    "States.JsonMerge": _merge,
    "States.MathRandom": _random,
    "States.MathAdd": _add,
    "States.StringSplit": _split,
    "States.UUID": _uuid,
}
_BY_CHANCE: Final = ("States.MathRandom", "States.UUID")
