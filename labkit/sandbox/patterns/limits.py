"""Limits that depend on the whole pattern."""

from __future__ import annotations

import json
from typing import Any, Final

from labkit.sandbox.patterns.dialects import Dialect
from labkit.sandbox.patterns.errors import InvalidPattern, TooLong
from labkit.sandbox.patterns.grammar import Rule
from labkit.sandbox.patterns.wildcards import TOO_COMPLEX, too_complex

MOST_KEYS: Final = 5
MOST_COMBINATIONS: Final = 150
"""Both from sns/latest/dg/subscription-filter-policy-constraints.html."""


def check_size(text: str, dialect: Dialect) -> None:
    """Refuse a text that the request could not carry. SNS counts bytes, the others characters."""
    size = len(text.encode("utf-8", "surrogatepass")) if dialect.is_sns else len(text)
    if size > dialect.longest:
        raise TooLong(dialect)


def check_wildcards(rule: Rule, dialect: Dialect) -> None:
    """Refuse fields whose wildcards the service would call too complex."""
    if "wildcard" in dialect.operators and too_complex(rule.branches):
        raise InvalidPattern(dialect, TOO_COMPLEX)


def check_policy(policy: dict[str, Any], rule: Rule, dialect: Dialect) -> None:
    """Refuse an SNS policy with too many keys or combinations, or nested where it must be flat.

    `rule` is the policy compiled, so the policy is known to be well formed.
    """
    alternatives = "" if rule.or_is_name else "$or"
    if dialect.name == "sns-attributes" and _is_nested(policy, alternatives):
        raise InvalidPattern(
            dialect, "Filter policy scope MessageAttributes does not support nested filter policy"
        )
    if len(policy) > MOST_KEYS:
        raise InvalidPattern(dialect, f"Filter policy can not have more than {MOST_KEYS} keys")
    if _combinations(policy, alternatives, depth=1) > MOST_COMBINATIONS:
        raise InvalidPattern(dialect, "Filter policy is too complex")


def compact(text: str, dialect: Dialect) -> tuple[str, dict[str, Any] | None]:
    """The policy without blanks, as SNS quotes it in its errors, and the policy itself if it is an object."""
    try:
        found = json.loads(text)
        short = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        raise InvalidPattern(dialect, "failed to parse JSON.") from None
    return short, found if isinstance(found, dict) else None


def _is_nested(policy: dict[str, Any], alternatives: str) -> bool:
    for key, value in policy.items():
        if key == alternatives:
            if any(_is_nested(one, alternatives) for one in value):
                return True
        elif isinstance(value, dict):
            return True
    return False


def _combinations(policy: dict[str, Any], alternatives: str, depth: int) -> int:
    """Values multiplied by the depth of their key, over all keys; the branches of `$or` are added."""
    total = 1
    for key, value in policy.items():
        if key == alternatives:
            total *= sum(_combinations(one, alternatives, depth) for one in value)
        elif isinstance(value, dict):
            total *= _combinations(value, alternatives, depth + 1)
        else:
            total *= len(value) * depth
    return total
