"""Each operator with values it takes and values it does not take."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from labkit.sandbox.patterns import Pattern

MISSING = object()

CASES: dict[str, tuple[list[Any], list[Any], list[Any]]] = {
    # name: what the pattern says, values that match, values that do not
    "text": (["plum"], ["plum"], ["Plum", "plums", "", None, MISSING, ["pear"], "plum "]),
    "one of several": (["plum", "pear"], ["plum", "pear", ["fig", "pear"]], ["fig", ["fig"], []]),
    "empty text": ([""], [""], [None, " ", MISSING, 0, False, []]),
    "null": ([None], [None, [1, None]], ["", "null", 0, False, MISSING, []]),
    "true": ([True], [True], [1, 1.0, "true", False, None, MISSING]),
    "false": ([False], [False], [0, "", "false", True, None, MISSING]),
    "number": ([300], [300, 300.0, 3.0e2, Decimal(300)], ["300", 301, 300.5, True, None, MISSING]),
    "one": ([1], [1, 1.0], [True, "1"]),
    "zero": ([0], [0, -0.0, 0.0], [False, "", None, MISSING]),
    "fraction": ([301.8], [301.8, 301.80, 3.018e2], [301.81, 301, "301.8"]),
    "six decimals": ([0.000001], [0.000001, 1e-6], [0.000002, 0]),
    "a number too large to compare": (
        [123456789012],
        [123456789012],
        [123456789012.0, 123456789013, "123456789012"],
    ),
    "a larger one": ([10**40], [10**40], [10**40 + 1, 1e40]),
    "IPv4 address": (["10.0.0.7"], ["10.0.0.7", "010.0.0.7"], ["10.0.0.8", "10.0.0.70"]),
    "IPv6 address": (["::1"], ["::1", "0:0:0:0:0:0:0:1"], ["::2", "1"]),
    "prefix": (
        [{"prefix": "eu-"}],
        ["eu-", "eu-west-1", ["us", "eu-x"]],
        ["us-eu-", "EU-west", "e", 5, None, MISSING],
    ),
    "empty prefix": ([{"prefix": ""}], ["", "a"], [1, None, True, MISSING]),
    "prefix, any case": (
        [{"prefix": {"equals-ignore-case": "Eu-"}}],
        ["eu-west", "EU-"],
        ["e-u", 1, MISSING],
    ),
    "suffix": ([{"suffix": ".png"}], [".png", "a.png"], ["a.PNG", "png", "a.png ", 1, None, MISSING]),
    "suffix, any case": ([{"suffix": {"equals-ignore-case": ".PnG"}}], ["a.png", "A.PNG"], ["a.pngx", None]),
    "any case": (
        [{"equals-ignore-case": "Alice"}],
        ["alice", "ALICE", "Alice"],
        ["alic", "alice ", 1, None, MISSING],
    ),
    "any case, empty": ([{"equals-ignore-case": ""}], [""], [" ", None, MISSING]),
    "wildcard": (
        [{"wildcard": "a*c"}],
        ["ac", "abc", "a*c", "a\nc", "acc"],
        ["a", "ab", "abcd", "xac", 1, None],
    ),
    "wildcard at both ends": (
        [{"wildcard": "*/lib/*"}],
        ["/lib/", "x/lib/y", "/lib//lib/"],
        ["lib", "/lib", "/li/b/"],
    ),
    "wildcard alone": ([{"wildcard": "*"}], ["", "x"], [1, None, MISSING]),
    "wildcard that must not overlap": ([{"wildcard": "ab*ba"}], ["abba", "ab-ba"], ["aba"]),
    "wildcard, three pieces": ([{"wildcard": "a*b*a"}], ["aba", "a-b-a", "abba"], ["aa", "ab", "ba"]),
    "wildcard, a literal star": ([{"wildcard": "a\\*b*"}], ["a*b", "a*bc"], ["axb", "a\\*b"]),
    "wildcard, a literal backslash": ([{"wildcard": "a\\\\*"}], ["a\\", "a\\b"], ["a", "ab"]),
    "wildcard without a star": ([{"wildcard": "abc"}], ["abc"], ["abcd", "ab"]),
    "anything-but text": (
        [{"anything-but": "x"}],
        ["y", "", 1, None, True, "X", ["x", "y"]],
        ["x", ["x"], [], MISSING],
    ),
    "anything-but list": (
        [{"anything-but": ["x", "y"]}],
        ["z", None, ["x", "z"]],
        ["x", "y", ["x", "y"], MISSING],
    ),
    "anything-but number": ([{"anything-but": 5}], [6, "5", None, True], [5, 5.0, MISSING]),
    "anything-but zero": ([{"anything-but": 0}], [789, False, "0"], [0, 0.0]),
    "anything-but numbers": ([{"anything-but": [1, 2]}], [3, "1", [1, 3]], [1, 2.0, [1, 2]]),
    "anything-but prefix": (
        [{"anything-but": {"prefix": "in"}}],
        ["out", 5, None, "IN"],
        ["in", "inside", MISSING],
    ),
    "anything-but prefixes": ([{"anything-but": {"prefix": ["a", "b"]}}], ["c", 1], ["a", "bc", MISSING]),
    "anything-but suffix": ([{"anything-but": {"suffix": ".png"}}], ["a.gif", None], ["a.png", MISSING]),
    "anything-but suffixes": (
        [{"anything-but": {"suffix": [".png", ".gif"]}}],
        ["a.svg"],
        ["a.png", "b.gif"],
    ),
    "anything-but any case": (
        [{"anything-but": {"equals-ignore-case": "x"}}],
        ["y", None],
        ["x", "X", MISSING],
    ),
    "anything-but any cases": ([{"anything-but": {"equals-ignore-case": ["x", "y"]}}], ["z"], ["X", "Y"]),
    "anything-but wildcard": (
        [{"anything-but": {"wildcard": "*/lib/*"}}],
        ["lib", 1, None],
        ["/lib/", MISSING],
    ),
    "anything-but wildcards": ([{"anything-but": {"wildcard": ["a*", "*b"]}}], ["xyz"], ["ax", "xb"]),
    "anything-but empty wildcard": ([{"anything-but": {"wildcard": ""}}], ["x"], [""]),
    "more than": ([{"numeric": [">", 0]}], [1, 0.000001, 5e9], [0, -1, "1", None, True, MISSING, 5.1e9]),
    "at least": ([{"numeric": [">=", 0]}], [0, -0.0, 7], [-0.000001, "7"]),
    "less than": ([{"numeric": ["<", 10]}], [9.99, -5e9], [10, 11, -6e9]),
    "at most": ([{"numeric": ["<=", 10]}], [10, 10.0], [10.000001]),
    "equal": ([{"numeric": ["=", 3.018e2]}], [301.8], [301.9, "301.8"]),
    "between": (
        [{"numeric": [">", 0, "<=", 5]}],
        [0.1, 5, [9, 3]],
        [0, 5.1, [9, -3], float("nan"), float("inf")],
    ),
    "cidr": (
        [{"cidr": "10.0.0.0/24"}],
        ["10.0.0.0", "10.0.0.255", ["x", "10.0.0.3"]],
        ["10.0.1.0", "10.0.0", 10, None],
    ),
    "cidr with host bits": ([{"cidr": "10.0.0.77/24"}], ["10.0.0.1", "10.0.0.99"], ["10.0.1.1"]),
    "cidr of everything": (
        [{"cidr": "0.0.0.0/0"}],
        ["0.0.0.0", "255.255.255.255"],
        ["::1", "256.1.1.1", "host"],
    ),
    "cidr, version 6": (
        [{"cidr": "2001:db8::/32"}],
        ["2001:db8::1", "2001:DB8:ffff::"],
        ["2001:db9::", "1.2.3.4"],
    ),
    "present": ([{"exists": True}], ["x", "", None, 0, False, [1]], [MISSING, [], {}, {"inner": 1}, [{}]]),
    "absent": ([{"exists": False}], [MISSING, [], {}, {"inner": 1}], ["x", None, "", [None]]),
    "absent or a value": ([{"exists": False}, "x"], [MISSING, "x", ["y", "x"]], ["y", None]),
    "several operators": ([{"prefix": "a"}, {"suffix": "z"}, 5], ["ab", "yz", 5], ["b", 6]),
    "true and one in one list": ([True, 2], [True, 2], [1, False]),
}


@pytest.mark.parametrize("name", CASES)
def test_operator(name: str) -> None:
    wanted, good, bad = CASES[name]
    pattern = Pattern.parse({"f": wanted})
    for value in good:
        event = {} if value is MISSING else {"f": value}
        assert pattern.matches(event), event
        assert pattern.explain(event) == []
    for value in bad:
        event = {} if value is MISSING else {"f": value}
        assert not pattern.matches(event), event
        assert len(pattern.explain(event)) == 1


def test_values_that_python_calls_equal_stay_apart() -> None:
    pattern = Pattern.parse({"$or": [{"a": [1]}, {"b": [True]}]})
    assert pattern.matches({"a": 1})
    assert pattern.matches({"b": True})
    assert not pattern.matches({"a": True})
    assert not pattern.matches({"b": 1})


def test_a_numeric_operator_does_not_hide_the_others() -> None:
    pattern = Pattern.parse({"n": [{"numeric": [">", 100]}, {"anything-but": "101"}]})
    assert pattern.matches({"n": "102"})
    assert not pattern.matches({"n": "101"})
