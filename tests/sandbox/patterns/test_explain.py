"""The sentences of `explain`, word for word: learners read them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from labkit.sandbox.patterns import Pattern

ORDER = {
    "source": "com.orchard.shop",
    "resources": [],
    "detail": {
        "state": "Paid",
        "total": 310.5,
        "id": "17",
        "express": "true",
        "note": " gift ",
        "payload": '{"x": 1}',
        "address": {"city": "Ghent"},
        "lines": [{"fruit": "plum", "kilos": 3}, {"fruit": "pear", "kilos": 40}],
        "tags": ["this or that"],
    },
}
HAVE = '"detail.state" is "Paid", but the pattern wants '

CASES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("it matches", {"detail": {"state": ["Paid"]}}, []),
    ("missing", {"account": ["1"]}, ['"account" is missing; the pattern wants "1".']),
    (
        "another value",
        {"source": ["com.orchard.press"]},
        ['"source" is "com.orchard.shop", but the pattern wants "com.orchard.press".'],
    ),
    (
        "two fields",
        {"source": ["x", {"prefix": "c."}], "detail": {"total": [{"numeric": [">", 0, "<=", 100]}]}},
        [
            '"detail.total" is 310.5, but the pattern wants a number > 0 and <= 100.',
            '"source" is "com.orchard.shop", but the pattern wants "x" or text that starts with "c.".',
        ],
    ),
    (
        "text for a number",
        {"detail": {"total": ["310.5"]}},
        [
            '"detail.total" is 310.5, but the pattern wants "310.5", '
            'and the number 310.5 is not the text "310.5".'
        ],
    ),
    (
        "a number for text",
        {"detail": {"id": [17]}},
        ['"detail.id" is "17", but the pattern wants 17, and the text "17" is not the number 17.'],
    ),
    (
        "true for text",
        {"detail": {"express": [True]}},
        [
            '"detail.express" is "true", but the pattern wants true, and the text "true" is not the value true.'
        ],
    ),
    ("another case", {"detail": {"state": ["paid"]}}, [f'{HAVE}"paid"; upper and lower case differ.']),
    (
        "blanks",
        {"detail": {"note": ["gift"]}},
        ['"detail.note" is " gift ", but the pattern wants "gift"; only the blanks around it differ.'],
    ),
    (
        "a name in another case",
        {"detail": {"State": ["Paid"]}},
        ['"detail.State" is missing: the event spells it "state", and names are compared letter by letter.'],
    ),
    (
        "JSON in a string",
        {"detail": {"payload": {"x": [1]}}},
        [
            '"detail.payload" is text, not an object (JSON inside a string is not looked into), '
            'so "detail.payload.x" is missing.'
        ],
    ),
    (
        "text where an object should be",
        {"detail": {"state": {"now": ["Paid"]}}},
        ['"detail.state" is text, not an object, so "detail.state.now" is missing.'],
    ),
    (
        "an object where a value should be",
        {"detail": {"address": ["Ghent"]}},
        ['"detail.address" is an object, and only single values are compared; name a field inside it.'],
    ),
    (
        "an empty array",
        {"resources": [{"exists": True}]},
        ['"resources" is an empty array, which holds no value; the pattern wants any value.'],
    ),
    (
        "there, and should not be",
        {"source": [{"exists": False}]},
        ['"source" is "com.orchard.shop", but the pattern wants events without this field.'],
    ),
    (
        "no element of an array",
        {"detail": {"lines": {"fruit": ["fig"]}}},
        ['"detail.lines.fruit" holds "plum" and "pear", but the pattern wants "fig".'],
    ),
    (
        "two elements of an array",
        {"detail": {"lines": {"fruit": ["plum"], "kilos": [40]}}},
        [
            '"detail.lines.fruit" and "detail.lines.kilos" match, but not in the same element of an array; '
            "one element must satisfy them all."
        ],
    ),
    (
        "an event that spells or",
        {"detail": {"tags": ["this"]}},
        ['"detail.tags" is "this or that", but the pattern wants "this".'],
    ),
    (
        "the nearest branch of $or",
        {"$or": [{"source": ["x"], "account": ["1"]}, {"detail": {"state": ["open"]}}]},
        ["None of the 2 alternatives of $or matches; the nearest one fails here.", f'{HAVE}"open".'],
    ),
    (
        "anything-but",
        {"detail": {"state": [{"anything-but": {"prefix": ["P", "Q"]}}]}},
        [f'{HAVE}anything but text that starts with "P" or text that starts with "Q".'],
    ),
    (
        "every kind of text",
        {
            "detail": {
                "state": [
                    {"suffix": {"equals-ignore-case": "X"}},
                    {"wildcard": "a*"},
                    {"equals-ignore-case": "x"},
                    {"cidr": "10.0.0.0/8"},
                    None,
                ]
            }
        },
        [
            f'{HAVE}text that ends with "X" in any case, text like "a*", where * stands for anything, '
            '"x" in any case, an IP address in 10.0.0.0/8 or null.'
        ],
    ),
    ("a long list", {"detail": {"state": list("abcdefgh")}}, [f'{HAVE}"a", "b", "c", "d", "e" or 3 more.']),
    (
        "long text",
        {"detail": {"state": ["x" * 100]}},
        [f'{HAVE}"{"x" * 55}...".'],
    ),
]


@pytest.mark.parametrize(
    ("given", "sentences"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_an_event_pattern_is_explained(given: dict[str, Any], sentences: list[str]) -> None:
    assert Pattern.parse(given).explain(ORDER) == sentences


def attribute(kind: str, text: str) -> dict[str, Any]:
    return {"it": {"DataType": kind, "StringValue": text}}


OTHER: list[tuple[str, dict[str, Any], Any, str]] = [
    (
        "lambda",
        {"body": {"a": [1]}},
        {"body": "plain"},
        '"body" is plain text, but the pattern expects JSON in it, so the record is dropped.',
    ),
    (
        "lambda",
        {"body": ["plain"]},
        {"body": '{"a": 1}'},
        '"body" is JSON, but the pattern expects plain text, so the record is dropped.',
    ),
    ("lambda", {"body": {"a": [1]}}, {"body": '{"a": 2}'}, '"body.a" is 2, but the pattern wants 1.'),
    (
        "pipes",
        {"data": {"a": [1]}},
        {"data": base64.b64encode(b'{"a": 2}').decode()},
        '"data.a" is 2, but the pattern wants 1.',
    ),
    (
        "sns-attributes",
        {"it": ["red"]},
        {},
        "The message has no attributes, and then no filter policy on attributes matches.",
    ),
    (
        "sns-attributes",
        {"it": ["red", "green"]},
        attribute("String.Array", '["blue", "black"]'),
        '"it" holds "blue" and "black", but the pattern wants "red" or "green".',
    ),
    (
        "sns-attributes",
        {"it": [{"exists": True}]},
        attribute("String", ""),
        '"it" is "", but the pattern wants a value that is not empty.',
    ),
    (
        "sns-attributes",
        {"it": ["5"]},
        attribute("Number", "5"),
        '"it" is 5, but the pattern wants "5", and the number 5 is not the text "5".',
    ),
    ("sns-body", {"a": ["x"]}, "hello", "The message body is not a JSON object."),
    ("sns-body", {"a": ["x"]}, '{"a": "y"}', '"a" is "y", but the pattern wants "x".'),
    ("eventbridge", {"a": ["x"]}, ["x"], "The event is not a JSON object."),
]


@pytest.mark.parametrize(("dialect", "given", "event", "sentence"), OTHER)
def test_what_the_other_services_filter_is_explained(
    dialect: str, given: dict[str, Any], event: Any, sentence: str
) -> None:
    assert Pattern.parse(given, dialect).explain(event) == [sentence]
