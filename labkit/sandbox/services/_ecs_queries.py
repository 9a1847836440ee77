"""The cluster query language: which container instances an expression selects.

Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cluster-query-language.html (subjects, operators,
`and`, `or`, `!` and parentheses). An expression that cannot be read is refused; the words of that are ours.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from labkit.sandbox.fleet.nodes import Node

Test = Callable[[Node], bool]

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<mark>==|!=|=~|!~|>=|<=|&&|\|\||!in\b|!exists\b|[()\[\],!<>])"
    r"|(?P<quoted>\"[^\"]*\"|'[^']*')|(?P<word>[^\s()\[\],!<>=~&|]+))"
)
_SAME: Final = {
    "equals": "==", "not_equals": "!=", "greater_than": ">", "greater_than_equal": ">=", "less_than": "<",
    "less_than_equal": "<=", "matches": "=~", "not_matches": "!~", "not_in": "!in", "not_exists": "!exists",
    "&&": "and", "||": "or", "not": "!",
}  # fmt: skip
_COMPARING: Final = ("==", "!=", ">", ">=", "<", "<=", "=~", "!~")
_SUBJECTS: Final = ("agentConnected", "agentVersion", "ec2InstanceId", "registeredAt", "runningTasksCount")


class BadQuery(Exception):
    """An expression that is not in the language. The text says where."""


@functools.lru_cache(maxsize=256)
def parse(text: str) -> Test:
    """The test an expression makes. Raises `BadQuery`."""
    parser = _Parser(text)
    test = parser.either()
    if parser.tokens:
        raise BadQuery(f"unexpected '{parser.tokens[0]}'")
    return test


class _Parser:
    """Reads an expression from left to right; `and` binds closer than `or`."""

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        place = 0
        while text[place:].strip():
            found = _TOKEN.match(text, place)
            if found is None:
                raise BadQuery(f"unexpected '{text[place:].strip()}'")
            self.tokens.append(_SAME.get(found[0].strip(), found[0].strip()))
            place = found.end()
        if not self.tokens:
            raise BadQuery("the expression is empty")

    def take(self) -> str:
        if not self.tokens:
            raise BadQuery("the expression ends too early")
        return self.tokens.pop(0)

    def next_is(self, token: str) -> bool:
        if self.tokens and self.tokens[0] == token:
            self.tokens.pop(0)
            return True
        return False

    def expect(self, token: str) -> None:
        if (found := self.take()) != token:
            raise BadQuery(f"expected '{token}', found '{found}'")

    def either(self) -> Test:
        tests = [self.both()]
        while self.next_is("or"):
            tests.append(self.both())
        return lambda node: any(test(node) for test in tests)

    def both(self) -> Test:
        tests = [self.one()]
        while self.next_is("and"):
            tests.append(self.one())
        return lambda node: all(test(node) for test in tests)

    def one(self) -> Test:
        if self.next_is("!"):
            inner = self.one()
            return lambda node: not inner(node)
        if self.next_is("("):
            test = self.either()
            self.expect(")")
            return test
        return self.comparison()

    def comparison(self) -> Test:
        subject = self.take()
        if subject not in _SUBJECTS and subject != "task:group" and not subject.startswith("attribute:"):
            raise BadQuery(f"unknown subject '{subject}'")
        operator = self.take()
        if operator in ("exists", "!exists"):
            wanted = operator == "exists"
            return lambda node: bool(_values(node, subject)) == wanted
        if operator in ("in", "!in"):
            members, wanted = self.members(), operator == "in"
            return lambda node: any(one in members for one in _values(node, subject)) == wanted
        if operator in _COMPARING:
            argument = _plain(self.take())
            return _compare(subject, operator, argument)
        raise BadQuery(f"unknown operator '{operator}'")

    def members(self) -> list[str]:
        self.expect("[")
        found = [_plain(self.take())]
        while self.next_is(","):
            found.append(_plain(self.take()))
        self.expect("]")
        return found


def _plain(token: str) -> str:
    return token[1:-1] if token[:1] in "\"'" and len(token) > 1 else token


def _compare(subject: str, operator: str, argument: str) -> Test:
    if operator in ("=~", "!~"):
        try:
            pattern = re.compile(argument)
        except re.error as error:
            raise BadQuery(f"'{argument}' is not a pattern") from error
        wanted = operator == "=~"
        return lambda node: any(pattern.fullmatch(one) for one in _values(node, subject)) == wanted
    if operator in ("==", "!="):
        wanted = operator == "=="
        return lambda node: any(_order(one, argument) == 0 for one in _values(node, subject)) == wanted
    allowed = {">": (1,), ">=": (0, 1), "<": (-1,), "<=": (-1, 0)}[operator]
    return lambda node: any(_order(one, argument) in allowed for one in _values(node, subject))


def _values(node: Node, subject: str) -> list[str]:
    """What a node has under a subject; a group of tasks can be there many times, an attribute not at all."""
    if subject == "task:group":
        return list(node.groups)
    if subject.startswith("attribute:"):
        name = subject.removeprefix("attribute:")
        return [node.attributes[name]] if name in node.attributes else []
    if subject == "agentConnected":
        return ["true" if node.connected else "false"]
    if subject == "runningTasksCount":
        return [str(len(node.groups))]
    return [node.facts[subject]] if subject in node.facts else []


def _order(first: str, second: str) -> int:
    """-1, 0 or 1: numbers, versions and dates by their value, everything else by its letters."""
    one, other = _ranked(first), _ranked(second)
    if type(one) is not type(other):
        one, other = first, second
    return int(one > other) - int(one < other)


def _ranked(text: str) -> Any:
    if re.fullmatch(r"\d+(\.\d+)*", text):
        return tuple(int(part) for part in text.split("."))
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return found if found.tzinfo else found.replace(tzinfo=UTC)
