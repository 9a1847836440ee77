"""The operators of a pattern, such as `{"prefix": "a"}`, read from its text.

Every refusal has the words of the engine the services use, at the place where it stops
(github.com/aws/event-ruler, JsonRuleCompiler and CIDR).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Final

from labkit.sandbox.patterns import operators as op
from labkit.sandbox.patterns.dialects import Dialect
from labkit.sandbox.patterns.reader import Reader
from labkit.sandbox.patterns.wildcards import Malformed, wildcard


def number(word: str) -> int | float:
    """A JSON number as Python has it."""
    try:
        return int(word)
    except ValueError:  # a fraction, an exponent, or more digits than Python converts
        return float(word)


class Expressions:
    """Reads one operator at a time from a reader that stands on its opening bracket."""

    def __init__(self, read: Reader, dialect: Dialect) -> None:
        self._read = read
        self._dialect = dialect
        self._operators: dict[str, Callable[[], op.Operator]] = {
            "exactly": self._exactly,  # not documented; the engine knows it
            "prefix": self._affix,
            "suffix": lambda: self._affix(at_end=True),
            "equals-ignore-case": lambda: op.Folded(self._only_string("equals-ignore-case")),
            "wildcard": self._wildcard,
            "numeric": self._numeric,
            "anything-but": self._anything_but,
            "exists": self._exists,
            "cidr": self._cidr,
        }

    def one(self) -> op.Operator:
        """Read the operator behind an opening bracket, and its closing bracket."""
        read = self._read
        if read.next() != "name":
            read.fail("Match expression name not found")
        name = read.word
        if name not in self._dialect.operators and name != "exactly":
            read.fail(f"Unrecognized match type {name}")
        return self._operators[name]()

    def _only_string(self, name: str) -> str:
        """The string that is all an operator takes, and the bracket behind it."""
        if self._read.next() != "string":
            self._read.fail(f"{name} match pattern must be a string")
        text = self._read.string()
        self._close()
        return text

    def _close(self, otherwise: str = "Only one key allowed in match expression") -> None:
        if self._read.next() != "}":
            self._read.fail(otherwise)

    def _exactly(self) -> op.Operator:
        return op.Exact(self._only_string("exact"))

    def _affix(self, *, at_end: bool = False) -> op.Operator:
        read, name = self._read, "suffix" if at_end else "prefix"
        if read.next() == "{" and self._dialect.folded_affixes:
            if read.next() != "name":
                read.fail(f"{name.capitalize()} expression name not found")
            if read.word != "equals-ignore-case":
                read.fail(f"Unsupported {name} pattern: {read.word}")
            text = self._only_string("equals-ignore-case")
            self._close()
            return op.Affix(text, at_end=at_end, folded=True)
        if read.kind != "string":
            read.fail(f"{name} match pattern must be a string")
        text = read.string()
        self._close()
        return op.Affix(text, at_end=at_end)

    def _wildcard(self) -> op.Operator:
        if self._read.next() != "string":
            self._read.fail("wildcard match pattern must be a string")
        found = self._well_formed(self._read.string())
        self._close()
        return found

    def _well_formed(self, text: str) -> op.Operator:
        try:
            return wildcard(text)
        except Malformed as fault:
            return self._read.fail(str(fault))

    def _exists(self) -> op.Operator:
        kind = self._read.next()
        if kind not in ("true", "false"):
            self._read.fail("exists match pattern must be either true or false.")
        self._close()
        return op.Present(filled=self._dialect.is_sns) if kind == "true" else op.Absent()

    def _cidr(self) -> op.Operator:
        read = self._read
        if read.next() != "string":
            read.fail("prefix match pattern must be a string")  # the engine's own slip of the pen
        network = self._network(read.string())
        self._close()
        return op.Cidr(network)

    def _network(self, text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        fail = self._read.fail_without_place
        base, slash, mask = text.partition("/")
        if not slash or not mask or "/" in mask.rstrip("/"):
            fail("Malformed CIDR, one '/' required")
        if not re.fullmatch(r"[-+]?[0-9]{1,9}", mask, re.ASCII):
            fail("Malformed CIDR, mask bits must be an integer")
        bits = int(mask)
        if bits < 0:
            fail("Malformed CIDR, mask bits must not be negative")
        if not op.looks_like_address(base):
            fail(f"Nonstandard IP address: {base}")
        found = op.address(base)
        if found is None:
            fail(f"Invalid IP address: {base}")
        if bits >= found.max_prefixlen:
            fail(f"IPv{found.version} mask bits must be < {found.max_prefixlen}")
        return ipaddress.ip_network(f"{found}/{bits}", strict=False)

    # -- numeric ---------------------------------------------------------------------------------

    def _numeric(self) -> op.Operator:
        read = self._read
        if read.next() != "[":
            read.fail("Value of numeric must be an array.")
        if read.next() != "string":
            read.fail(f"Invalid member in numeric match: {read.string()}")
        sign = read.string()
        read.next()
        if sign not in ("=", "<", "<=", ">", ">="):
            read.fail(f"Unrecognized numeric range operator: {sign}")
        first = self._operand("equals" if sign == "=" else sign)
        found = self._range(sign, first)
        self._close("Too many elements in numeric expression")
        return found

    def _range(self, sign: str, first: str) -> op.Operator:
        read = self._read
        read.next()
        if sign in (">", ">=") and read.kind != "]":
            return self._two_sided(sign, first)
        if read.kind != "]":
            read.fail("Too many elements in numeric expression")
        value = self._comparable(first)
        bottom, top = -op.LARGEST * 1_000_000, op.LARGEST * 1_000_000
        return op.Numeric(
            low=value if sign in ("=", ">", ">=") else bottom,
            high=value if sign in ("=", "<", "<=") else top,
            low_open=sign == ">",
            high_open=sign == "<",
            terms=(sign, number(first)),
        )

    def _two_sided(self, sign: str, bottom: str) -> op.Operator:
        read = self._read
        if read.kind != "string":
            read.fail(f"Bad value in numeric range: {read.string()}")
        upper = read.string()
        if upper not in ("<", "<="):
            read.fail(f"Bad numeric range operator: {upper}")
        read.next()
        top = self._operand(upper)
        if read.next() != "]":
            read.fail("Too many terms in numeric range expression")
        low, high = self._comparable(bottom), self._comparable(top)
        if low >= high:
            read.fail("Bottom must be less than top")
        terms = (sign, number(bottom), upper, number(top))
        return op.Numeric(low, high, sign == ">", upper == "<", terms)

    def _operand(self, name: str) -> str:
        if self._read.kind != "number":
            self._read.fail(f"Value of {name} must be numeric")
        return self._read.word

    def _comparable(self, word: str) -> int:
        value = op.scaled(number(word))
        return self._read.fail(_OUT_OF_RANGE) if value is None else value

    # -- anything-but ----------------------------------------------------------------------------

    def _anything_but(self) -> op.Operator:
        read, form = self._read, ""
        if read.next() == "{":
            if read.next() != "name":
                read.fail("Anything-But expression name not found")
            form = read.word
            if form not in self._dialect.negatable:
                read.fail(f"Unsupported anything-but pattern: {form}")
            read.next()
            if self._dialect.is_sns and read.kind != "string":
                read.fail(f"{form} match pattern must be a string")  # an earlier version of the engine
        if read.kind not in ("[", "string", "number"):
            read.fail("Value of anything-but must be an array or single string/number value.")
        if form:
            inner = self._negated_forms(form)
        else:
            inner = self._negated_list() if read.kind == "[" else [self._negated_value()]
        self._close("Too many elements in numeric expression")
        if form:
            self._close("Too many elements in numeric expression")
        return op.AnythingBut(tuple(inner))

    def _negated_value(self) -> op.Operator:
        if self._read.kind == "string":
            return op.Exact(self._read.string())
        if op.scaled(number(self._read.word)) is None:
            self._read.fail_without_place(_OUT_OF_RANGE)
        return op.Exact(number(self._read.word))

    def _negated_list(self) -> list[op.Operator]:
        read, found, kinds = self._read, [], set()
        while read.next() != "]":
            if read.kind not in ("string", "number"):
                read.fail("Inside anything but list, start|null|boolean is not supported.", twice=True)
            kinds.add(read.kind)
            value = read.string() if read.kind == "string" else number(read.word)
            if read.kind == "number" and op.scaled(value) is None:
                read.fail(_OUT_OF_RANGE)
            found.append(op.Exact(value))
        if len(kinds) != 1:
            read.fail(
                "Inside anything but list, either all values are number or string, mixed type is not supported"
            )
        return list(found)

    def _negated_forms(self, form: str) -> list[op.Operator]:
        read, texts = self._read, []
        if read.kind == "[":
            while read.next() != "]":
                texts.append(self._negated_text(form, in_list=True))
        else:
            texts.append(self._negated_text(form, in_list=False))
        if form == "wildcard":
            return [self._well_formed(text) for text in texts]
        if form == "equals-ignore-case":
            return [op.Folded(text) for text in texts]
        return [op.Affix(text, at_end=form == "suffix") for text in texts]

    def _negated_text(self, form: str, *, in_list: bool) -> str:
        read = self._read
        if read.kind != "string":
            read.fail(_NOT_A_STRING[form], twice=in_list)
        text = read.string()
        if not text and form in ("prefix", "suffix"):
            read.fail("Null prefix/suffix not allowed", twice=in_list)
        return text


_OUT_OF_RANGE: Final = "Value must be between -5.0E9 and 5.0E9, inclusive"
_NOT_A_STRING: Final = {
    "prefix": "prefix/suffix match pattern must be a string",
    "suffix": "prefix/suffix match pattern must be a string",
    "wildcard": "wildcard match pattern must be a string",
    "equals-ignore-case": (
        "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
    ),
}
