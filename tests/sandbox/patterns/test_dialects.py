"""Who understands which operator, and how SNS, Lambda and Pipes look at a message."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from labkit.errors import UsageError
from labkit.sandbox.patterns import DIALECTS, InvalidPattern, Pattern

ALL = set(DIALECTS)
SNS = {"sns-attributes", "sns-body"}

UNDERSTOOD: dict[str, tuple[Any, set[str]]] = {
    "text": ("x", ALL),
    "null": (None, ALL),
    "exists": ({"exists": False}, ALL),
    "prefix": ({"prefix": "x"}, ALL),
    "suffix": ({"suffix": "x"}, ALL),
    "equals-ignore-case": ({"equals-ignore-case": "x"}, ALL),
    "numeric": ({"numeric": [">", 1]}, ALL),
    "anything-but": ({"anything-but": ["x", "y"]}, ALL),
    "cidr": ({"cidr": "10.0.0.0/8"}, ALL - {"lambda"}),
    "wildcard": ({"wildcard": "x*"}, {"eventbridge"}),
    "prefix in any case": ({"prefix": {"equals-ignore-case": "x"}}, {"eventbridge", "pipes"}),
    "suffix in any case": ({"suffix": {"equals-ignore-case": "x"}}, {"eventbridge", "pipes"}),
    "anything-but prefix": ({"anything-but": {"prefix": "x"}}, {"eventbridge"} | SNS),
    "anything-but prefixes": ({"anything-but": {"prefix": ["x", "y"]}}, {"eventbridge"}),
    "anything-but suffix": ({"anything-but": {"suffix": "x"}}, {"eventbridge"}),
    "anything-but any case": ({"anything-but": {"equals-ignore-case": "x"}}, {"eventbridge"}),
    "anything-but wildcard": ({"anything-but": {"wildcard": "x*"}}, {"eventbridge"}),
}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", UNDERSTOOD)
def test_operators_of_a_dialect(name: str, dialect: str) -> None:
    alternative, understood_by = UNDERSTOOD[name]
    text = json.dumps({"f": [alternative]})
    if dialect in understood_by:
        assert Pattern.parse(text, dialect).names == ("f",)
    else:
        with pytest.raises(InvalidPattern):
            Pattern.parse(text, dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_or_is_understood_by_all(dialect: str) -> None:
    assert Pattern.parse({"$or": [{"a": [1]}, {"b": [1]}]}, dialect).names == ("a", "b")


def test_every_dialect_names_its_source() -> None:
    assert all(dialect.source.startswith("https://docs.aws.amazon.com/") for dialect in DIALECTS.values())


def test_unknown_dialect() -> None:
    with pytest.raises(UsageError, match="Choose one of: eventbridge, pipes"):
        Pattern.parse("{}", "sqs")


# -- SNS, message attributes ---------------------------------------------------------------------


def text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


def number(value: str) -> dict[str, str]:
    return {"DataType": "Number", "StringValue": value}


def array(*values: Any) -> dict[str, str]:
    return {"DataType": "String.Array", "StringValue": json.dumps(values)}


ATTRIBUTES: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    ("text", {"fruit": ["plum"]}, {"fruit": text("plum")}, True),
    ("text, delivered form", {"fruit": ["plum"]}, {"fruit": {"Type": "String", "Value": "plum"}}, True),
    ("text of digits is no number", {"kilos": [5]}, {"kilos": text("5")}, False),
    ("number", {"kilos": [5]}, {"kilos": number("5.0")}, True),
    ("number is no text", {"kilos": ["5"]}, {"kilos": number("5")}, False),
    ("range", {"kilos": [{"numeric": [">", 0, "<=", 100]}]}, {"kilos": number("99")}, True),
    ("outside the range", {"kilos": [{"numeric": [">", 0, "<=", 100]}]}, {"kilos": number("111")}, False),
    ("scientific", {"kilos": [{"numeric": ["=", 301.5]}]}, {"kilos": number("3.015e2")}, True),
    ("array: one is wanted", {"fruit": ["plum"]}, {"fruit": array("fig", "plum")}, True),
    ("array: none is wanted", {"fruit": ["plum"]}, {"fruit": array("fig", "pear")}, False),
    ("array: number", {"kilos": [{"numeric": [">", 3]}]}, {"kilos": array(1, 5)}, True),
    ("array: prefix", {"fruit": [{"prefix": "pl"}]}, {"fruit": array("fig", "plum")}, True),
    ("array: true and null", {"flag": [True, None]}, {"flag": array(None)}, True),
    (
        "array: one value is allowed",
        {"fruit": [{"anything-but": ["fig", "plum"]}]},
        {"fruit": array("fig", "kiwi")},
        True,
    ),
    (
        "array: all values forbidden",
        {"fruit": [{"anything-but": ["fig", "plum"]}]},
        {"fruit": array("fig", "plum")},
        False,
    ),
    (
        "array that cannot be read",
        {"fruit": ["plum"]},
        {"fruit": {"DataType": "String.Array", "StringValue": "["}},
        False,
    ),
    (
        "binary is not looked at",
        {"raw": [{"exists": True}]},
        {"raw": {"DataType": "Binary", "BinaryValue": b"x"}},
        False,
    ),
    ("present", {"store": [{"exists": True}]}, {"store": number("99")}, True),
    ("present but empty", {"store": [{"exists": True}]}, {"store": text("")}, False),
    ("absent", {"store": [{"exists": False}]}, {"other": number("99")}, True),
    ("absent, without any attribute", {"store": [{"exists": False}]}, {}, False),
    ("missing", {"store": [None, {"anything-but": "x"}]}, {}, False),
    ("two keys", {"a": ["x"], "b": ["y"]}, {"a": text("x"), "b": text("z")}, False),
    ("$or", {"$or": [{"a": ["x"]}, {"b": ["y"]}]}, {"b": text("y")}, True),
    ("any case", {"a": [{"equals-ignore-case": "Tennis"}]}, {"a": text("TENNIS")}, True),
    ("address", {"ip": [{"cidr": "10.0.0.0/24"}]}, {"ip": text("10.0.0.9")}, True),
    ("a dot in the name", {"shop.fruit": ["plum"]}, {"shop.fruit": text("plum")}, True),
    ("quotation marks escaped twice", {"a": ['say \\"hi\\"']}, {"a": text('say "hi"')}, True),
    ("quotation marks escaped once", {"a": ['say "hi"']}, {"a": text('say "hi"')}, False),
    ("what is no attribute", {"a": ["x"]}, {"a": "x"}, False),
    ("a number that is none", {"a": [{"numeric": [">", 1]}]}, {"a": number("many")}, False),
]


@pytest.mark.parametrize(
    ("policy", "given", "expected"), [case[1:] for case in ATTRIBUTES], ids=[case[0] for case in ATTRIBUTES]
)
def test_attributes(policy: dict[str, Any], given: dict[str, Any], expected: bool) -> None:
    pattern = Pattern.parse(policy, "sns-attributes")
    assert pattern.matches(given) is expected
    assert (pattern.explain(given) == []) is expected


@pytest.mark.parametrize("dialect", sorted(SNS))
def test_an_empty_policy_takes_everything(dialect: str) -> None:
    assert Pattern.parse("{}", dialect).matches({})
    assert Pattern.parse({}, dialect).matches({"a": text("x")})


# -- SNS, body -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"order": {"key": "auto-1"}}, True),
        ({"order": {"key": "fixed"}}, True),
        ({"order": [{"key": "x"}, {"key": "auto-2"}]}, True),
        ({"order": {"key": "1-auto"}}, False),
        ({"order": {"key": "auto-1", "draft": None}}, False),
        ({"order": {"key": "auto-1"}, "test": 1}, False),
        ("plain text", False),
        ('"auto-1"', False),
        ("[1]", False),
        (None, False),
    ],
)
def test_body(message: Any, expected: bool) -> None:
    policy = {
        "order": {"key": [{"prefix": "auto-"}, "fixed"], "draft": [{"exists": False}]},
        "test": [{"exists": False}],
    }
    pattern = Pattern.parse(policy, "sns-body")
    assert pattern.matches(message) is expected
    if isinstance(message, dict):
        assert pattern.matches(json.dumps(message)) is expected
    assert (pattern.explain(message) == []) is expected


def test_body_with_dots() -> None:
    pattern = Pattern.parse({"order.line.kind": ["new"]}, "sns-body")
    for message in (
        {"order": {"line": {"kind": "new"}}},
        {"order.line": {"kind": "new"}},
        {"order": {"line.kind": "new"}},
        {"order.line.kind": "new"},
    ):
        assert pattern.matches(message)
    assert not pattern.matches({"order": {"line": {"kind": "old"}}})


# -- Lambda and Pipes ----------------------------------------------------------------------------

JSON_BODY = {"body": {"kind": ["paid"]}}
TEXT_BODY = {"body": ["paid"]}
NO_BODY = {"messageAttributes": {"shop": {"stringValue": ["north"]}}}


def record(body: str) -> dict[str, Any]:
    return {"messageId": "1", "body": body, "messageAttributes": {"shop": {"stringValue": "north"}}}


@pytest.mark.parametrize("dialect", ["lambda", "pipes"])
@pytest.mark.parametrize(
    ("pattern", "body", "expected"),
    [
        (JSON_BODY, '{"kind": "paid"}', True),
        (JSON_BODY, '{"kind": "open"}', False),
        (JSON_BODY, "paid", False),
        (JSON_BODY, '"paid"', False),
        (JSON_BODY, '[{"kind": "open"}, {"kind": "paid"}]', True),
        ({"body": {"kind": [{"exists": False}]}}, "plain", False),
        ({"body": {"kind": [{"exists": False}]}}, "{}", True),
        (TEXT_BODY, "paid", True),
        (TEXT_BODY, "open", False),
        (TEXT_BODY, '"paid"', False),
        ({"body": [{"anything-but": "paid"}]}, '{"kind": "paid"}', False),
        ({"body": [{"prefix": "pa"}]}, "paid", True),
        (NO_BODY, "paid", True),
        (NO_BODY, "{}", True),
        ({**NO_BODY, **JSON_BODY}, '{"kind": "paid"}', True),
        ({"$or": [TEXT_BODY, JSON_BODY]}, "paid", True),
        ({"$or": [TEXT_BODY, JSON_BODY]}, '{"kind": "paid"}', True),
    ],
)
def test_queue_records(dialect: str, pattern: dict[str, Any], body: str, expected: bool) -> None:
    compiled = Pattern.parse(pattern, dialect)
    assert compiled.matches(record(body)) is expected
    assert (compiled.explain(record(body)) == []) is expected


def test_a_body_that_was_parsed_before() -> None:
    assert Pattern.parse(JSON_BODY, "lambda").matches({"body": {"kind": "paid"}})


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b'{"kind": "paid"}', True), (b'{"kind": "open"}', False), (b"paid", False), (b"\xff\xfe", False)],
)
def test_stream_records(data: bytes, expected: bool) -> None:
    encoded = base64.b64encode(data).decode()
    pattern = {"partitionKey": ["7"], "data": {"kind": ["paid"]}}
    assert (
        Pattern.parse(pattern, "lambda").matches({"kinesis": {"partitionKey": "7", "data": encoded}})
        is expected
    )
    assert Pattern.parse(pattern, "pipes").matches({"partitionKey": "7", "data": encoded}) is expected


def test_table_records() -> None:
    pattern = Pattern.parse(
        {"eventName": ["INSERT"], "dynamodb": {"NewImage": {"kilos": {"N": ["5"]}}}}, "lambda"
    )
    assert pattern.matches({"eventName": "INSERT", "dynamodb": {"NewImage": {"kilos": {"N": "5"}}}})
    assert not pattern.matches({"eventName": "REMOVE", "dynamodb": {"OldImage": {"kilos": {"N": "5"}}}})


def test_eventbridge_leaves_bodies_alone() -> None:
    assert Pattern.parse(TEXT_BODY).matches({"body": "paid"})
    assert not Pattern.parse(JSON_BODY).matches({"body": '{"kind": "paid"}'})
