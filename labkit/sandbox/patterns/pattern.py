"""Event patterns and filter policies: one matcher for EventBridge, SNS, Lambda and Pipes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from labkit.errors import UsageError
from labkit.sandbox.patterns import limits, views
from labkit.sandbox.patterns.dialects import DIALECTS, Dialect
from labkit.sandbox.patterns.errors import InvalidPattern
from labkit.sandbox.patterns.explaining import explain
from labkit.sandbox.patterns.fields import Branch, steps_of, values_of
from labkit.sandbox.patterns.grammar import Rule, compile_pattern
from labkit.sandbox.patterns.operators import Field
from labkit.sandbox.patterns.wildcards import has_wildcard

_ANYTHING: Final = Rule([{}])


class Pattern:
    """A compiled pattern. It is immutable, so one may be kept and used for many events."""

    __slots__ = ("_branches", "_dialect", "_record", "_steps", "has_wildcards", "names", "repeated", "text")

    @classmethod
    def parse(cls, pattern: str | Mapping[str, Any], dialect: str = "eventbridge") -> Pattern:
        """Compile a pattern, given as JSON text or as a dict.

        `dialect` is `eventbridge`, `pipes`, `lambda`, `sns-attributes` or `sns-body`; `dialects.py` says
        what each understands. Raises `InvalidPattern` with the service's own reason, and `UsageError`
        for an unknown dialect.
        """
        if dialect not in DIALECTS:
            raise UsageError(f"There is no dialect {dialect!r}. Choose one of: {', '.join(DIALECTS)}.")
        if isinstance(pattern, str):
            return _parsed(pattern, dialect)
        try:
            text = json.dumps(pattern)
        except (TypeError, ValueError, RecursionError):
            raise InvalidPattern(DIALECTS[dialect], "Filter is not an object") from None
        return _parsed(text, dialect)

    def __init__(self, text: str, dialect: Dialect, rule: Rule) -> None:
        self.text = text
        self.names = tuple(dict.fromkeys(name for branch in rule.branches for name in branch))
        """The full names of all fields, steps joined by dots."""
        self.repeated = tuple(rule.repeated)
        """Names that the text gives more than once; only the last one counts."""
        self.has_wildcards = any(has_wildcard(field) for branch in rule.branches for field in branch.values())
        self._dialect = dialect
        self._steps = steps_of(self.names)
        compiled = {field: Field(field) for branch in rule.branches for field in branch.values()}
        self._branches = tuple(
            Branch({name: compiled[field] for name, field in branch.items()}) for branch in rule.branches
        )
        self._record = views.RecordView(self.names) if dialect.name in ("lambda", "pipes") else None

    @property
    def dialect(self) -> str:
        """The name of the dialect the pattern is written in."""
        return self._dialect.name

    def matches(self, event: Mapping[str, Any] | str) -> bool:
        """Whether the event satisfies the pattern.

        `event` is what the service filters: an event, a record, the message attributes of SNS; for
        `sns-body` the body, as a dict or as the text that was published. Never raises.
        """
        view = event if self._dialect.name == "eventbridge" else self._view(event)
        if not isinstance(view, Mapping):
            return False
        found = values_of(self._steps, view)
        return any(branch.matches(found) for branch in self._branches)

    def explain(self, event: Mapping[str, Any] | str) -> list[str]:
        """Which fields do not match and why, one plain sentence each; empty when the event matches."""
        view = self._view(event)
        if isinstance(view, str):
            return [view]
        found = values_of(self._steps, view)
        return explain(self._branches, found, view)

    def __repr__(self) -> str:
        return f"Pattern({self.text!r}, dialect={self.dialect!r})"

    def _view(self, event: Mapping[str, Any] | str) -> views.View | str:
        """The event as the filter sees it, or the sentence that says why it sees none."""
        if self._dialect.name == "sns-body":
            seen = views.body(event) if isinstance(event, (str, Mapping)) else None
            if seen is None:
                return "The message body is not a JSON object." if self.names else {}
            return seen
        if not isinstance(event, Mapping):
            return "The event is not a JSON object."
        if self._dialect.name == "sns-attributes":
            if not event and self.names:
                return "The message has no attributes, and then no filter policy on attributes matches."
            return views.attributes(event)
        return self._record(event) if self._record is not None else event


@lru_cache(maxsize=512)
def _parsed(text: str, dialect_name: str) -> Pattern:
    dialect = DIALECTS[dialect_name]
    limits.check_size(text, dialect)
    if not dialect.is_sns:
        rule = compile_pattern(text, dialect)
        limits.check_wildcards(rule, dialect)
        return Pattern(text, dialect, rule)
    short, policy = limits.compact(text, dialect)
    if policy == {}:
        return Pattern(text, dialect, _ANYTHING)  # the same as no policy at all
    rule = compile_pattern(short, dialect)
    if policy is not None:
        limits.check_policy(policy, rule, dialect)
    return Pattern(text, dialect, rule)
