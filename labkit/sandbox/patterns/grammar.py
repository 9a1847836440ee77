"""From the text of a pattern to its branches: the compiler.

The order of the questions, and so which fault is found first, is that of the engine the services use
(github.com/aws/event-ruler, JsonRuleCompiler). Fields are kept by their full name, steps joined by
dots; where a name comes twice the last one counts, as eb-patterns-best-practices.html says of
duplicate keys. `$or` multiplies the branches, and an event has to satisfy one of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from labkit.sandbox.patterns import operators as op
from labkit.sandbox.patterns.dialects import Dialect
from labkit.sandbox.patterns.errors import InvalidPattern
from labkit.sandbox.patterns.expressions import Expressions, number
from labkit.sandbox.patterns.reader import Reader

MOST_BRANCHES: Final = 1000
"""Rule combinations that `$or` may make: eb-create-pattern-operators.html, "Or matching"."""

Branch = dict[str, tuple[op.Operator, ...]]

_OR: Final = "$or"
_RESERVED: Final = frozenset(
    {
        *(
            "exactly",
            "equals-ignore-case",
            "prefix",
            "suffix",
            "anything-but",
            "exists",
            "wildcard",
            "numeric",
        ),
        *("cidr", "html", "=", "<", "<=", ">", ">=", "regex", "not-wildcard", "not-equals-ignore-case"),
        *("date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range"),
        *("ip-address-in-range", "ip-address-not-in-range"),
    }
)
"""Names that a field inside `$or` may not have: Constants.java of the engine."""


@dataclass(slots=True)
class Rule:
    """What the compiler made: the branches, the names given more than once, and whether `$or` names a field."""

    branches: list[Branch]
    repeated: list[str] = field(default_factory=list)
    or_is_name: bool = False


class TooManyBranches(InvalidPattern):
    """`$or` makes more combinations than the service takes."""


def compile_pattern(text: str, dialect: Dialect) -> Rule:
    """Compile the text. Raises `InvalidPattern` with the service's reason.

    A `$or` that is none (no list, fewer than two objects, a reserved name in one) is the name of a
    field; only when the text makes no sense that way either, the first complaint stands.
    """
    try:
        return _Compiler(text, dialect, or_is_name=False).rule()
    except TooManyBranches:
        raise
    except InvalidPattern:
        if _OR not in text:
            raise
        try:
            return _Compiler(text, dialect, or_is_name=True).rule()
        except InvalidPattern:
            pass
        raise


class _Compiler:
    def __init__(self, text: str, dialect: Dialect, *, or_is_name: bool) -> None:
        self._read = Reader(text, dialect)
        self._dialect = dialect
        self._or_is_name = or_is_name
        self._repeated: list[str] = []
        self._expressions = Expressions(self._read, dialect)

    def rule(self) -> Rule:
        if self._read.next() != "{":
            self._read.fail("Filter is not an object")
        branches = self._object([], (), inside_or=False)
        self._read.next()  # the engine reads no further; text behind the pattern is a slip worth telling
        return Rule(branches, self._repeated, self._or_is_name)

    # -- objects ---------------------------------------------------------------------------------

    def _object(self, branches: list[Branch], path: tuple[str, ...], *, inside_or: bool) -> list[Branch]:
        read, empty = self._read, True
        while read.next() != "}":
            empty, step = False, read.word
            if step == _OR and not self._or_is_name:
                branches = self._alternatives(branches, path)
                continue
            if inside_or and step in _RESERVED:
                read.fail(f"{step} is Ruler reserved fieldName which cannot be used inside {_OR}.")
            match read.next():
                case "{":
                    branches = self._object(branches, (*path, step), inside_or=inside_or)
                case "[":
                    branches = self._values(branches, ".".join((*path, step)))
                case _:
                    read.fail(f'"{step}" must be an object or an array')
        if empty:
            read.fail("Empty objects are not allowed")
        return branches

    def _alternatives(self, before: list[Branch], path: tuple[str, ...]) -> list[Branch]:
        read, after, count = self._read, [], 0
        if read.next() != "[":
            read.fail(f"It must be an Array followed with {_OR}.")
        while read.next() != "]":
            count += 1
            if read.kind != "{":
                read.fail(f"Only JSON object is allowed in array of {_OR} relationship.")
            copies = [dict(branch) for branch in before] or [{}]
            after += self._object(copies, path, inside_or=True)
            if len(after) > MOST_BRANCHES:
                self._too_many_branches()
        if count < 2:
            read.fail(f"There must have at least 2 Objects in {_OR} relationship.")
        return after

    def _too_many_branches(self) -> None:
        if self._dialect.is_sns:  # its own limit is far lower
            raise TooManyBranches(self._dialect, "Filter policy is too complex")
        raise TooManyBranches(self._dialect, f"{_OR} makes more than {MOST_BRANCHES} rule combinations")

    def _values(self, branches: list[Branch], name: str) -> list[Branch]:
        read, values = self._read, []
        while read.next() != "]":
            values.append(self._alternative())
        if not values:
            read.fail("Empty arrays are not allowed")
        branches = branches or [{}]
        if name in branches[-1] and name not in self._repeated:
            self._repeated.append(name)
        for branch in branches:
            branch[name] = tuple(values)
        return branches

    def _alternative(self) -> op.Operator:
        read = self._read
        match read.kind:
            case "{":
                return self._expressions.one()
            case "string":
                return op.Exact(read.string())
            case "number":
                return op.Exact(number(read.word))
            case "true" | "false" | "null":
                return op.Exact({"true": True, "false": False, "null": None}[read.kind])
            case _:
                return read.fail("Match value must be String, number, true, false, or null")
