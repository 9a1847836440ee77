"""JSON, read token by token, with the place that AWS would print.

The services read patterns with Jackson's streaming parser and print where it stood when they gave up.
It stands a little ahead of what it handed out: behind a field's name it has already seen the first
character of the value, and the inside of a string is read only when somebody asks for it. This reader
keeps the same book, so that line and column come out the same.

Source: github.com/FasterXML/jackson-core, ReaderBasedJsonParser; checked against recorded answers.
"""

from __future__ import annotations

import json
import re
from typing import Final, NoReturn

from labkit.sandbox.patterns.dialects import Dialect
from labkit.sandbox.patterns.errors import InvalidPattern

DEEPEST: Final = 100
"""How deep a pattern may nest here. AWS documents no limit; nobody's pattern comes near."""

_BLANK: Final = re.compile(r"[ \t\n\r]*")
_INSIDE: Final = re.compile(r'(?:[^"\\\x00-\x1f]|\\.)*', re.DOTALL)
_ESCAPE: Final = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_WORD: Final = re.compile(r"[\w$]+")
_SNIPPET: Final = 500  # Jackson's JsonLocation.MAX_CONTENT_SNIPPET
_VALUES: Final = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
_LITERALS: Final = ("true", "false", "null")


class Reader:
    """Hands out one token after the other. `kind` is one of

    `{` `}` `[` `]` `name` `string` `number` `true` `false` `null` and, behind the last one, an empty string.
    """

    __slots__ = ("_ahead", "_dialect", "_first", "_scopes", "_unread", "at", "kind", "text", "word")

    def __init__(self, text: str, dialect: Dialect) -> None:
        self.text = text
        self.at = 0
        self.kind = ""
        self.word = ""
        self._dialect = dialect
        self._scopes: list[tuple[str, int]] = []  # bracket and where it stands
        self._first = True  # nothing in this scope yet
        self._ahead: tuple[str, str] | None = None  # the value behind a name, seen and not handed out
        self._unread = False  # a string whose inside nobody asked for yet

    # -- tokens ----------------------------------------------------------------------------------

    def next(self) -> str:
        """Go on to the next token and return its kind."""
        if self._unread:
            self.string()
        if self._ahead is not None:
            found, self._ahead = self._ahead, None
        else:
            found = self._token()
        self.kind, self.word = found
        self._unread = self.kind == "string"
        if self.kind in ("{", "["):
            self._enter()
        return self.kind

    def string(self) -> str:
        """What the token says: a string's content, a number as it is written, a bracket."""
        if self._unread:
            self._unread = False
            self.word = self._rest_of_string(": was expecting closing quote for a string value")
        return self.word

    def _token(self) -> tuple[str, str]:
        char = self._peek()
        if not self._scopes:
            if char and not self._first:
                self._unexpected("expected the end of the text")
            self._first = False
            return self._value(char) if char else ("", "")
        if char in "}]":
            return self._leave(char)
        if not self._first:
            if char != ",":
                kind = "Object" if self._scopes[-1][0] == "{" else "Array"
                self._unexpected(f"was expecting comma to separate {kind} entries")
            self.at += 1
            char = self._peek()
        self._first = False
        return self._name(char) if self._scopes[-1][0] == "{" else self._value(char)

    def _name(self, char: str) -> tuple[str, str]:
        if char != '"':
            self._unexpected("was expecting double-quote to start field name")
        self.at += 1
        name = self._rest_of_string(" in field name")
        if self._peek() != ":":
            self._unexpected("was expecting a colon to separate field name and value")
        self.at += 1
        self._ahead = self._value(self._peek())
        return "name", name

    def _value(self, char: str) -> tuple[str, str]:
        if char == '"':
            self.at += 1
            return "string", ""
        if char in "{[":
            self.at += 1
            return char, char
        return self._number() if char in "-0123456789" else self._literal()

    def _enter(self) -> None:
        self._scopes.append((self.kind, self.at - 1))
        self._first = True
        if len(self._scopes) > DEEPEST:
            self.fail(f"Document nesting depth ({len(self._scopes)}) exceeds the maximum allowed ({DEEPEST})")

    def _leave(self, char: str) -> tuple[str, str]:
        scope, start = self._scopes.pop()
        if (scope == "{") != (char == "}"):
            wanted, kind = ("}", "Object") if scope == "{" else ("]", "Array")
            place = self._source(start)
            self.fail(
                f"Unexpected close marker '{char}': expected '{wanted}' (for {kind} starting at {place})"
            )
        self.at += 1
        self._first = False
        return char, char

    # -- values ----------------------------------------------------------------------------------

    def _number(self) -> tuple[str, str]:
        found = _NUMBER.match(self.text, self.at)
        if found is None:
            self.at += 1
            self._unexpected_in_number("expected digit (0-9) to follow minus sign, for valid numeric value")
        self.at = found.end()
        after = self.text[self.at : self.at + 1]
        if after and after in "0123456789":
            self.fail("Invalid numeric value: Leading zeroes not allowed")
        if after == ".":
            self.at += 1
            self._unexpected_in_number("Decimal point not followed by a digit")
        if after and after in "eE":
            self.at += 1
            self._unexpected_in_number("Exponent indicator not followed by a digit")
        return "number", found[0]

    def _literal(self) -> tuple[str, str]:
        found = _WORD.match(self.text, self.at)
        if found is None:
            self._unexpected(f"expected a valid value {_VALUES}")
        self.at = found.end()
        if found[0] not in _LITERALS:
            self.fail(f"Unrecognized token '{found[0]}': was expecting {_VALUES}")
        return found[0], found[0]

    def _rest_of_string(self, lacking: str) -> str:
        start = self.at
        inside = _INSIDE.match(self.text, start)
        end = inside.end() if inside else start
        closing = self.text[end : end + 1]
        if closing in ("", "\\"):
            self.at = len(self.text)
            self.fail(f"Unexpected end-of-input{lacking}")
        self.at = end + 1
        if closing != '"':
            told = f"((CTRL-CHAR, code {ord(closing)}))"
            where = "name" if "name" in lacking else "string value"
            self.fail(
                f"Illegal unquoted character {told}: has to be escaped using backslash to be included in {where}"
            )
        raw = self.text[start:end]
        return raw if "\\" not in raw else self._unescaped(raw, start)

    def _unescaped(self, raw: str, start: int) -> str:
        for escape in re.finditer(r"\\.", raw, re.DOTALL):
            if not _ESCAPE.match(raw, escape.start()):
                self.at = start + escape.end()
                self.fail(f"Unrecognized character escape {_shown(escape[0][1])}")
        return str(json.loads(f'"{raw}"'))

    # -- refusals --------------------------------------------------------------------------------

    def fail(self, reason: str, *, twice: bool = False) -> NoReturn:
        """Refuse the text, naming the place reached. The engine names it twice for some lists."""
        self._refuse(reason, self.at, twice=twice)

    def fail_without_place(self, reason: str) -> NoReturn:
        """Refuse the text as the engine does where it does not know the place."""
        raise InvalidPattern(self._dialect, reason)

    def _refuse(self, reason: str, at: int, *, twice: bool = False) -> NoReturn:
        line, column = self._line_and_column(at)
        place = f"\n at {self._source(at)}" * (2 if twice else 1)
        raise InvalidPattern(self._dialect, reason, place=place, line=line, column=column)

    def _unexpected(self, wanted: str) -> NoReturn:
        if self.at >= len(self.text):
            self._end_of_input()
        char = self.text[self.at]
        self._refuse(f"Unexpected character ({_shown(char)}): {wanted}", self.at)

    def _unexpected_in_number(self, wanted: str) -> NoReturn:
        if self.at >= len(self.text):
            self._end_of_input()
        self.fail(f"Unexpected character ({_shown(self.text[self.at])}) in numeric value: {wanted}")

    def _end_of_input(self) -> NoReturn:
        if not self._scopes:
            self.fail("Unexpected end-of-input")
        scope, start = self._scopes[-1]
        kind = "Object" if scope == "{" else "Array"
        marker = f"(start marker at {self._source(start)})"
        self.fail(f"Unexpected end-of-input: expected close marker for {kind} {marker}")

    def _peek(self) -> str:
        """The next character that is not blank; at the end of an unfinished text, a refusal."""
        blank = _BLANK.match(self.text, self.at)
        self.at = blank.end() if blank else self.at
        if self.at < len(self.text):
            return self.text[self.at]
        if self._scopes:
            self._end_of_input()
        return ""

    def _source(self, at: int) -> str:
        line, column = self._line_and_column(at)
        left = len(self.text) - _SNIPPET
        cut = f"[truncated {left} chars]" if left > 0 else ""
        return f'[Source: (String)"{self.text[:_SNIPPET]}"{cut}; line: {line}, column: {column}]'

    def _line_and_column(self, at: int) -> tuple[int, int]:
        before = self.text[:at]
        return before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1


def _shown(char: str) -> str:
    if ord(char) < 32 or 127 <= ord(char) < 160:
        return f"(CTRL-CHAR, code {ord(char)})"
    if ord(char) > 255:
        return f"'{char}' (code {ord(char)} / 0x{ord(char):x})"
    return f"'{char}' (code {ord(char)})"
