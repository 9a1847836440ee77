"""Condition operators: how a value of a request is compared with a value of a policy.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
(also for which operators take policy variables: text, ARN and boolean ones).
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from labkit.sandbox.authorization.patterns import Pieces, arn_matches, matches


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator without prefix and suffix. `compare(wanted, seen)` never raises.

    A negated operator holds when no value of the policy matches. `variables` says whether values of the policy
    may hold policy variables.
    """

    name: str
    compare: Callable[[Pieces, str], bool]
    negated: bool = False
    variables: bool = False


def _plain(wanted: Pieces) -> str:
    return "".join(text for text, _ in wanted)


def _equals(wanted: Pieces, seen: str) -> bool:
    return _plain(wanted) == seen


def _equals_ignoring_case(wanted: Pieces, seen: str) -> bool:
    return _plain(wanted).casefold() == seen.casefold()


def _bool(wanted: Pieces, seen: str) -> bool:
    said = _plain(wanted).lower()
    return said in ("true", "false") and said == seen.lower()


def _binary(wanted: Pieces, seen: str) -> bool:
    try:
        return base64.b64decode(_plain(wanted), validate=True) == base64.b64decode(seen, validate=True)
    except (binascii.Error, ValueError):
        return False


def _ip(wanted: Pieces, seen: str) -> bool:
    try:
        return ipaddress.ip_address(seen) in ipaddress.ip_network(_plain(wanted), strict=False)
    except ValueError:
        return False


def number(text: str) -> Decimal | None:
    """A number in a policy or a request, or None when the text is none."""
    try:
        value = Decimal(text.strip())
    except (InvalidOperation, ValueError):
        return None
    return value if value.is_finite() else None


def moment(text: str) -> datetime | None:
    """A time as seconds since 1970 or as W3C writes ISO 8601 (2026, 2026-11, 2026-11-23T08:00Z), or None.

    Digits alone are seconds. A time without a zone is UTC.
    """
    said = text.strip().upper()
    try:
        if "T" not in said and "-" not in said:
            return datetime.fromtimestamp(float(said), UTC)
        if said.count("-") == 1 and "T" not in said:
            said += "-01"
        found = datetime.fromisoformat(said)
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _numeric(holds: Callable[[Decimal, Decimal], bool]) -> Callable[[Pieces, str], bool]:
    def compare(wanted: Pieces, seen: str) -> bool:
        ours, theirs = number(seen), number(_plain(wanted))
        return ours is not None and theirs is not None and holds(ours, theirs)

    return compare


def _date(holds: Callable[[datetime, datetime], bool]) -> Callable[[Pieces, str], bool]:
    def compare(wanted: Pieces, seen: str) -> bool:
        ours, theirs = moment(seen), moment(_plain(wanted))
        return ours is not None and theirs is not None and holds(ours, theirs)

    return compare


_ALL: Final = (
    Operator("StringEquals", _equals, variables=True),
    Operator("StringNotEquals", _equals, negated=True, variables=True),
    Operator("StringEqualsIgnoreCase", _equals_ignoring_case, variables=True),
    Operator("StringNotEqualsIgnoreCase", _equals_ignoring_case, negated=True, variables=True),
    Operator("StringLike", matches, variables=True),
    Operator("StringNotLike", matches, negated=True, variables=True),
    Operator("NumericEquals", _numeric(lambda ours, theirs: ours == theirs)),
    Operator("NumericNotEquals", _numeric(lambda ours, theirs: ours == theirs), negated=True),
    Operator("NumericLessThan", _numeric(lambda ours, theirs: ours < theirs)),
    Operator("NumericLessThanEquals", _numeric(lambda ours, theirs: ours <= theirs)),
    Operator("NumericGreaterThan", _numeric(lambda ours, theirs: ours > theirs)),
    Operator("NumericGreaterThanEquals", _numeric(lambda ours, theirs: ours >= theirs)),
    Operator("DateEquals", _date(lambda ours, theirs: ours == theirs)),
    Operator("DateNotEquals", _date(lambda ours, theirs: ours == theirs), negated=True),
    Operator("DateLessThan", _date(lambda ours, theirs: ours < theirs)),
    Operator("DateLessThanEquals", _date(lambda ours, theirs: ours <= theirs)),
    Operator("DateGreaterThan", _date(lambda ours, theirs: ours > theirs)),
    Operator("DateGreaterThanEquals", _date(lambda ours, theirs: ours >= theirs)),
    Operator("Bool", _bool, variables=True),
    Operator("BinaryEquals", _binary),
    Operator("IpAddress", _ip),
    Operator("NotIpAddress", _ip, negated=True),
    Operator("ArnEquals", arn_matches, variables=True),
    Operator("ArnLike", arn_matches, variables=True),
    Operator("ArnNotEquals", arn_matches, negated=True, variables=True),
    Operator("ArnNotLike", arn_matches, negated=True, variables=True),
    Operator("Null", _bool),
)
OPERATORS: Final = {operator.name: operator for operator in _ALL}
"""Every operator by its name in a policy. `Null` asks only whether the key is there."""
