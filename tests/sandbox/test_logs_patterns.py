"""Filter patterns of CloudWatch Logs: AWS's documented examples, and patterns that make no sense."""

from __future__ import annotations

import json

import pytest

from labkit.sandbox.services._logs_patterns import InvalidFilter, read

ERRORS = (
    "[ERROR 400] BAD REQUEST", "[ERROR 401] UNAUTHORIZED REQUEST", "[ERROR 419] MISSING ARGUMENTS",
    "[WARN 420] INVALID ARGUMENTS", "[INFO] INTERNAL SERVER ERROR",
)  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "chosen"),
    [
        ("", "01234"), ("ERROR", "0124"), ("error", ""), ("ERROR ARGUMENTS", "2"), ("?ERROR ?ARGUMENTS", "01234"),
        ("ERROR -ARGUMENTS", "014"), ('"INTERNAL SERVER ERROR"', "4"), ('"[WARN"', "3"), ("%4(0", None),
        ("%4[01][09]%", "02"), ("-%REQUEST$%", "234"), ("?WARN ERROR ?nothing", "0124"), ('" "', "01234"),
        ("a-b", None), ("{ $.a = 1", None), ("[a", None), ("%(a+)+%", None), ("ERROR %UNAUTH.*%", "1"),
    ],
)  # fmt: skip
def test_terms(pattern: str, chosen: str | None) -> None:
    if chosen is None:
        with pytest.raises(InvalidFilter):
            read(pattern)
    else:
        assert (
            "".join(str(number) for number, line in enumerate(ERRORS) if read(pattern).matches(line))
            == chosen
        )


EVENT = {
    "eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "arrayKey": ["value", "another value"],
    "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}], "SomeObject": None, "cluster.name": "c",
    "latency": 130.5, "ok": True, "words": "Hello World", "deep": {"er": {"est": 7}}, "cat-dog": 1, "text": "42",
}  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{ $.eventType = "UpdateTrail" }', True),
        ("{ $.eventType = UpdateTrail }", True),
        ("{$.eventType=Update*}", True),
        ('{ $.eventType != "UpdateTrail" }', False),
        ("{ $.sourceIPAddress != 123.123.* }", True),
        ("{ $.sourceIPAddress = 111.111.* }", True),
        ('{ $.arrayKey[0] = "value" }', True),
        ('{ $.arrayKey[1] = "value" }', False),
        ('{ $.arrayKey[9] = "value" }', False),
        ("{ $.objectList[1].id = 2 }", True),
        ("{ $.objectList[*].id = 2 }", True),
        ("{ $.SomeObject IS NULL }", True),
        ("{ $.eventType IS NULL }", False),
        ("{ $.SomeOtherObject NOT EXISTS }", True),
        ("{ $.SomeObject NOT EXISTS }", False),
        ("{ $.latency > 130 }", True),
        ("{ $.latency >= 130.5 && $.latency <= 1.305e2 }", True),
        ("{ $.latency < 130 || $.ok IS TRUE }", True),
        ("{ ($.latency < 130 || $.ok IS FALSE) && $.deep.er.est = 7 }", False),
        ("{ $.latency < 130 || $.ok IS FALSE && $.deep.er.est = 7 }", False),
        ('{ $.words = "Hello World" }', True),
        ("{ $.words = %World$% }", True),
        ("{ $.['cat-dog'] = 1 }", True),
        ("{ $.['cluster.name'] = c }", True),
        ("{ $.missing != x }", False),
        ("{ $.text = 42 }", True),
        ("{ $.deep = 7 }", False),
    ],
)
def test_json(pattern: str, expected: bool) -> None:
    assert read(pattern).matches(json.dumps(EVENT)) is expected
    assert read(pattern).matches("no JSON at all") is False


@pytest.mark.parametrize(
    "pattern",
    [
        "{ }", "{ $.a }", "{ a = 1 }", "{ $.a == 1 }", "{ $.a > word }", "{ $.a = 1 && }", "{ ($.a = 1 }",
        "{ $.a IS ODD }",
        "{ $.a = 1 $.b = 2 }", "{ $.a = }", '{ $.a = "x }', "{ $. = 1 }", "{" + "(" * 60 + "$.a = 1" + ")" * 60 + "}",
        "[]", "[a, ..., b, ...]", "[1a, b]", "[a = ]",
    ],
)  # fmt: skip
def test_patterns_that_make_no_sense(pattern: str) -> None:
    with pytest.raises(InvalidFilter):
        read(pattern)


LINE = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[ip, server, username, timestamp, request, status_code, bytes > 1000]", True),
        ("[ip, server, username, timestamp, request =*.html*, status_code = 4*, bytes]", True),
        ("[ip, server, username, timestamp, request, status_code = 5*, bytes]", False),
        ("[..., status_code = 404, bytes]", True),
        ("[ip = 127.*, ...]", True),
        ("[ip, ..., bytes < 1000]", False),
        ("[ip, server]", False),
        ("[w1 = 127.0.0.1 || w1 = 10.0.0.1, ...]", True),
        ("[w1 != %127% && w1 != 10.0.0.1, ...]", False),
    ],
)
def test_fields_between_spaces(pattern: str, expected: bool) -> None:
    assert read(pattern).matches(LINE) is expected


def test_values_for_metrics() -> None:
    assert read("{ $.latency > 1 }").number(json.dumps(EVENT), "$.latency") == 130.5
    assert read("{ $.latency > 1 }").number(json.dumps(EVENT), "$.words") is None
    assert read("[..., status, bytes]").number(LINE, "$bytes") == 1534
