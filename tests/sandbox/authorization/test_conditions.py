"""Condition operators: each one, with keys that match, do not match, and are missing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from labkit.sandbox.authorization.conditions import Condition
from labkit.sandbox.authorization.context import Context
from labkit.sandbox.authorization.operators import OPERATORS, moment
from labkit.sandbox.authorization.validation import texts

ARN = "arn:aws:sns:eu-west-1:123456789012:orders"
MISSING = object()


def holds(operator: str, values: Any, seen: Any, *, variables: bool = True, **more: Any) -> bool:
    context = Context({**more, **({} if seen is MISSING else {"k:v": seen})})
    return Condition.of(operator, "K:V", texts(values)).holds(context, variables)


@pytest.mark.parametrize(
    ("operator", "values", "seen", "wanted"),
    [
        ("StringEquals", "blue", "blue", True),
        ("StringEquals", "blue", "Blue", False),
        ("StringEquals", ["red", "blue"], "blue", True),
        ("StringEquals", "b*", "blue", False),
        ("StringEquals", "b*", "b*", True),
        ("StringEquals", [], "blue", False),
        ("StringNotEquals", "blue", "red", True),
        ("StringNotEquals", ["blue", "red"], "red", False),
        ("StringNotEquals", ["blue", "red"], "green", True),
        ("StringEqualsIgnoreCase", "BLUE", "blue", True),
        ("StringEqualsIgnoreCase", "BLUE", "red", False),
        ("StringNotEqualsIgnoreCase", "BLUE", "blue", False),
        ("StringNotEqualsIgnoreCase", "BLUE", "red", True),
        ("StringLike", "home/*", "home/alice", True),
        ("StringLike", "HOME/*", "home/alice", False),
        ("StringLike", ["x", "home/?"], "home/a", True),
        ("StringLike", "", "", True),
        ("StringNotLike", "home/*", "home/alice", False),
        ("StringNotLike", "home/*", "work/alice", True),
        ("NumericEquals", "10", 10, True),
        ("NumericEquals", 10, "10.0", True),
        ("NumericEquals", "10", "ten", False),
        ("NumericNotEquals", "10", 11, True),
        ("NumericNotEquals", ["10", "11"], 11, False),
        ("NumericLessThan", "10", 9, True),
        ("NumericLessThan", "10", 10, False),
        ("NumericLessThanEquals", "10", 10, True),
        ("NumericLessThanEquals", "10", 10.5, False),
        ("NumericGreaterThan", "10", 11, True),
        ("NumericGreaterThan", "10", 10, False),
        ("NumericGreaterThanEquals", "10", 10, True),
        ("NumericGreaterThanEquals", "10", -1, False),
        ("NumericLessThan", "NaN", 1, False),
        ("DateEquals", "2026-11-23", "2026-11-23T00:00:00Z", True),
        ("DateEquals", "2026-11", "2026-11-01T00:00Z", True),
        ("DateNotEquals", "2026-11-23", "2026-11-24T00:00:00Z", True),
        ("DateNotEquals", "2026-11-23", "2026-11-23T00:00:00Z", False),
        ("DateLessThan", "2026-11-23T08:00:00Z", datetime(2026, 11, 23, 7, tzinfo=UTC), True),
        ("DateLessThan", "2026-11-23T08:00:00Z", datetime(2026, 11, 23, 9, tzinfo=UTC), False),
        ("DateLessThan", "2026-11-23T08:00:00+02:00", "2026-11-23T06:30:00Z", False),
        ("DateLessThanEquals", "1790000000", 1790000000, True),
        ("DateGreaterThan", "1790000000", 1790000001, True),
        ("DateGreaterThan", "1790000000", 1790000000, False),
        ("DateGreaterThanEquals", "2026-11-23T08:00:00.5Z", "2026-11-23T08:00:01Z", True),
        ("DateGreaterThanEquals", "2026-11-23", "yesterday", False),
        ("Bool", "true", True, True),
        ("Bool", True, "TRUE", True),
        ("Bool", "false", True, False),
        ("Bool", "false", "false", True),
        ("Bool", "yes", "yes", False),
        ("BinaryEquals", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", b"BinaryValueInBase64", True),
        ("BinaryEquals", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", b"other", False),
        ("BinaryEquals", "not base64!", "not base64!", False),
        ("IpAddress", "203.0.113.0/24", "203.0.113.77", True),
        ("IpAddress", "203.0.113.0/24", "203.0.114.1", False),
        ("IpAddress", "203.0.113.5", "203.0.113.5", True),
        ("IpAddress", ["10.0.0.0/8", "2001:DB8::/32"], "2001:db8::1", True),
        ("IpAddress", "203.0.113.77/24", "203.0.113.1", True),
        ("IpAddress", "everywhere", "203.0.113.1", False),
        ("IpAddress", "10.0.0.0/8", "2001:db8::1", False),
        ("NotIpAddress", "203.0.113.0/24", "198.51.100.1", True),
        ("NotIpAddress", ["203.0.113.0/24", "198.51.100.0/24"], "198.51.100.1", False),
        ("ArnEquals", ARN, ARN, True),
        ("ArnEquals", "arn:aws:sns:*:*:ord*", ARN, True),
        ("ArnLike", "arn:aws:sns:*:*:pay*", ARN, False),
        ("ArnLike", ["arn:aws:sqs:*:*:*", "arn:aws:sns:*:*:*"], ARN, True),
        ("ArnNotEquals", ARN, ARN, False),
        ("ArnNotEquals", "arn:aws:sns:*:*:pay*", ARN, True),
        ("ArnNotLike", ["arn:aws:sns:*:*:pay*", "arn:aws:sns:*:*:ord*"], ARN, False),
        ("Null", "true", "x", False),
        ("Null", "false", "x", True),
        ("Null", False, "x", True),
        ("Null", "false", [], False),
    ],
)
def test_an_operator(operator: str, values: Any, seen: Any, wanted: bool) -> None:
    assert holds(operator, values, seen) is wanted


NEGATED = [name for name, one in OPERATORS.items() if one.negated]
PLAIN = [name for name, one in OPERATORS.items() if not one.negated and name != "Null"]


def test_every_documented_operator_is_here() -> None:
    assert len(OPERATORS) == 27
    assert set(NEGATED) == {
        "StringNotEquals", "StringNotEqualsIgnoreCase", "StringNotLike", "NumericNotEquals", "DateNotEquals",
        "NotIpAddress", "ArnNotEquals", "ArnNotLike",
    }  # fmt: skip


@pytest.mark.parametrize("operator", PLAIN)
def test_a_missing_key_fails_a_plain_operator(operator: str) -> None:
    assert not holds(operator, "1", MISSING)
    assert holds(f"{operator}IfExists", "1", MISSING)
    assert holds(f"ForAllValues:{operator}", "1", MISSING)
    assert not holds(f"ForAnyValue:{operator}", "1", MISSING)
    assert holds(f"ForAnyValue:{operator}IfExists", "1", MISSING)


@pytest.mark.parametrize("operator", NEGATED)
def test_a_missing_key_passes_a_negated_operator(operator: str) -> None:
    assert holds(operator, "1", MISSING)
    assert holds(f"{operator}IfExists", "1", MISSING)
    assert holds(f"ForAllValues:{operator}", "1", MISSING)
    assert not holds(f"ForAnyValue:{operator}", "1", MISSING)


def test_if_exists_still_compares_a_key_that_is_there() -> None:
    assert not holds("StringLikeIfExists", ["t2.*", "m3.*"], "c5.large")
    assert holds("StringLikeIfExists", ["t2.*", "m3.*"], "m3.large")


def test_null_of_a_missing_key() -> None:
    assert holds("Null", "true", MISSING)
    assert not holds("Null", "false", MISSING)


@pytest.mark.parametrize(
    ("operator", "values", "seen", "wanted"),
    [
        ("ForAllValues:StringEquals", ["a", "b", "c"], ["a", "b"], True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "z"], False),
        ("ForAllValues:StringEquals", ["a"], [], True),
        ("ForAllValues:StringEquals", ["a"], "", True),
        ("ForAllValues:StringEquals", ["a"], [""], True),
        ("ForAllValues:StringLike", "key1*", ["key1:hr", "key1:legal"], True),
        ("ForAllValues:StringNotLike", "key1*", ["key1:legal"], False),
        ("ForAllValues:StringNotLike", "key1*", ["key2:audit"], True),
        ("ForAllValues:StringNotLike", "key1*", ["key1:hr", "key2:audit"], False),
        ("ForAnyValue:StringEquals", ["a", "b"], ["z", "b"], True),
        ("ForAnyValue:StringEquals", ["a", "b"], ["y", "z"], False),
        ("ForAnyValue:StringEquals", ["a"], [], False),
        ("ForAnyValue:StringEquals", ["a"], "", False),
        ("ForAnyValue:StringNotEquals", ["a"], ["a", "z"], True),
        ("ForAnyValue:StringNotEquals", ["a", "z"], ["a", "z"], False),
        ("ForAnyValue:StringLike", "web*", ["webserver", "db"], True),
        ("ForAllValues:StringEquals", "one", "one", True),  # a single value counts as a set of one
        ("StringEquals", "one", ["one"], True),
        ("StringEquals", "one", ["one", "two"], False),  # several values need a set operator
        ("StringNotEquals", "three", ["one", "two"], False),
    ],
)
def test_set_operators(operator: str, values: Any, seen: Any, wanted: bool) -> None:
    assert holds(operator, values, seen) is wanted


def test_variables_in_values() -> None:
    assert holds("StringEquals", "${aws:username}", "alice", **{"aws:username": "alice"})
    assert not holds("StringEquals", "${aws:username}", "alice", variables=False, **{"aws:username": "alice"})
    assert holds("StringEquals", "${*}", "*")
    assert not holds("NumericEquals", "${a:n}", 5, **{"a:n": "5"})  # numbers take no variables
    assert holds("Bool", "${a:b}", True, **{"a:b": True})


def test_a_variable_without_a_value_never_lets_a_statement_apply() -> None:
    assert not holds("StringEquals", "${aws:username}", "alice")
    assert not holds("StringNotEquals", "${aws:username}", "alice")
    assert holds("StringEquals", ["${aws:username}", "alice"], "alice")


@pytest.mark.parametrize(
    ("operator", "hint"),
    [
        ("StringEqual", "Did you mean StringEquals?"),
        ("stringequals", "Did you mean StringEquals?"),
        ("NullIfExists", "No condition operator"),
        ("ForEachValue:StringEquals", "write ForAllValues or ForAnyValue"),
        ("", "No condition operator"),
        ("IfExists", "No condition operator"),
    ],
)
def test_an_unknown_operator_is_refused(operator: str, hint: str) -> None:
    with pytest.raises(ValueError, match="operator") as caught:
        Condition.of(operator, "aws:x", ("1",))
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-11-23T08:00Z", datetime(2026, 11, 23, 8, tzinfo=UTC)),
        ("2026-11-23t08:00:00z", datetime(2026, 11, 23, 8, tzinfo=UTC)),
        ("2026-11-23T08:00:00", datetime(2026, 11, 23, 8, tzinfo=UTC)),
        ("1790000000", datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)),
        ("", None),
        ("tomorrow", None),
        ("2026-13-01", None),
        ("99999999999999999999", None),
        ("nan", None),
    ],
)
def test_times(text: str, wanted: datetime | None) -> None:
    assert moment(text) == wanted
