"""Nesting, arrays, dots in names, `$or`: what the shape of an event means for a pattern."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.sandbox.patterns import Pattern

ORDER = {
    "source": "com.orchard.shop",
    "detail-type": "Order Placed",
    "resources": ["arn:aws:sqs:eu-west-1:123456789012:a", "arn:aws:sqs:eu-west-1:123456789012:b"],
    "detail": {
        "state": "paid",
        "lines": [{"fruit": "plum", "kilos": 3}, {"fruit": "pear", "kilos": 40}],
        "boxes": [[{"size": "s", "full": True}], [{"size": "m", "full": False}, {"size": "l", "full": True}]],
    },
}

CASES: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    ("every field must match", {"source": ["com.orchard.shop"], "detail": {"state": ["open"]}}, ORDER, False),
    ("fields not named are ignored", {"detail": {"state": ["paid"]}}, ORDER, True),
    ("any element of an array", {"resources": [{"suffix": ":b"}]}, ORDER, True),
    ("no element of an array", {"resources": [{"suffix": ":c"}]}, ORDER, False),
    ("objects in an array", {"detail": {"lines": {"fruit": ["pear"]}}}, ORDER, True),
    ("two fields of one element", {"detail": {"lines": {"fruit": ["pear"], "kilos": [40]}}}, ORDER, True),
    ("two fields of two elements", {"detail": {"lines": {"fruit": ["plum"], "kilos": [40]}}}, ORDER, False),
    ("arrays in arrays", {"detail": {"boxes": {"size": ["l"], "full": [True]}}}, ORDER, True),
    ("arrays in arrays, apart", {"detail": {"boxes": {"size": ["m"], "full": [True]}}}, ORDER, False),
    (
        "different arrays do not disturb each other",
        {"detail": {"lines": {"fruit": ["plum"]}, "boxes": {"size": ["l"]}}},
        ORDER,
        True,
    ),
    (
        "a field of the parent and one of an element",
        {"a": {"id": [2], "b": {"c": ["y"]}}},
        {"a": [{"id": 1, "b": [{"c": "y"}]}, {"id": 2, "b": [{"c": "x"}, {"c": "y"}]}]},
        True,
    ),
    (
        "a field of the parent and one of another's element",
        {"a": {"id": [2], "b": {"c": ["z"]}}},
        {"a": [{"id": 1, "b": [{"c": "z"}]}, {"id": 2, "b": [{"c": "x"}]}]},
        False,
    ),
    ("plain values of two arrays go together", {"a": [1], "b": [2]}, {"a": [0, 1], "b": [2, 3]}, True),
    ("a value and an object in one array", {"a": ["x"], "a.b": ["y"]}, {"a": ["x", {"b": "y"}]}, True),
    ("exists is about leaves", {"detail": [{"exists": True}]}, ORDER, False),
    ("exists false for an object", {"detail": [{"exists": False}]}, ORDER, True),
    ("exists false below what is missing", {"x": {"y": [{"exists": False}]}}, ORDER, True),
    ("exists true in an array", {"detail": {"lines": {"kilos": [{"exists": True}]}}}, ORDER, True),
    (
        "absent in the element that matches",
        {"a": {"b": ["x"], "c": [{"exists": False}]}},
        {"a": [{"b": "x"}, {"b": "y", "c": 1}]},
        True,
    ),
    (
        "present in the element that matches",
        {"a": {"b": ["x"], "c": [{"exists": False}]}},
        {"a": [{"b": "x", "c": 1}, {"b": "y"}]},
        False,
    ),
    # The engine asks for the names in order, so here the absence is judged before an element is chosen.
    (
        "absence asked first looks at all elements",
        {"a": {"b": [{"exists": False}], "c": ["x"]}},
        {"a": [{"b": 1}, {"c": "x"}]},
        False,
    ),
    ("JSON inside a string is text", {"detail": {"state": ["paid"]}}, {"detail": '{"state": "paid"}'}, False),
    ("a step into a value", {"a": {"b": ["x"]}}, {"a": "x"}, False),
    ("an empty array holds nothing", {"a": [None]}, {"a": []}, False),
    ("names are compared letter by letter", {"Source": ["com.orchard.shop"]}, ORDER, False),
    ("dots in the pattern", {"detail.state": ["paid"]}, ORDER, True),
    ("dots in the event", {"a": {"b": {"c": ["x"]}}}, {"a.b": {"c": "x"}}, True),
    ("other dots in the event", {"a": {"b": {"c": ["x"]}}}, {"a": {"b.c": "x"}}, True),
    ("all dots in the event", {"a": {"b": {"c": ["x"]}}}, {"a.b.c": "x"}, True),
    ("dots on both sides", {"a.b": {"c": ["x"]}}, {"a": {"b.c": "x"}}, True),
    ("dots in another place", {"a": {"b": ["x"]}}, {"a": {"b.c": "x"}}, False),
    ("dots and another value", {"a": {"b": ["x"]}}, {"a": {"b": "y"}, "a.b": "x"}, True),
    ("a name that is empty", {"": ["x"], "a": {"": ["y"]}}, {"": "x", "a": {"": "y"}}, True),
    ("a dot at the end", {"a": {"": {"b": ["x"]}}}, {"a.": {"b": "x"}}, True),
    ("$or: first", {"$or": [{"a": [1]}, {"b": [1]}]}, {"a": 1}, True),
    ("$or: second", {"$or": [{"a": [1]}, {"b": [1]}]}, {"a": 2, "b": 1}, True),
    ("$or: neither", {"$or": [{"a": [1]}, {"b": [1]}]}, {"a": 2, "b": 2}, False),
    ("$or and a field beside it", {"c": [3], "$or": [{"a": [1]}, {"b": [1]}]}, {"b": 1}, False),
    ("$or with two fields in one", {"$or": [{"a": [1], "b": [1]}, {"c": [1]}]}, {"a": 1, "c": 2}, False),
    ("$or deep inside", {"d": {"$or": [{"a": [1]}, {"b": {"c": [1]}}]}}, {"d": {"b": {"c": 1}}}, True),
    ("$or in $or", {"$or": [{"a": [1]}, {"$or": [{"b": [1]}, {"c": [1]}]}]}, {"c": 1}, True),
    (
        "two $or: both",
        {"$or": [{"a": [1]}, {"b": [1]}], "d": {"$or": [{"x": [1]}, {"y": [1]}]}},
        {"b": 1, "d": {"y": 1}},
        True,
    ),
    (
        "two $or: one",
        {"$or": [{"a": [1]}, {"b": [1]}], "d": {"$or": [{"x": [1]}, {"y": [1]}]}},
        {"b": 1, "d": {}},
        False,
    ),
    ("$or and absence", {"$or": [{"a": [{"exists": False}]}, {"a": ["x"]}]}, {}, True),
    ("$or as the name of a field", {"$or": {"a": ["x"]}}, {"$or": {"a": "x"}}, True),
    (
        "$or with a reserved name is a field",
        {"$or": [{"prefix": "x"}, {"prefix": "y"}]},
        {"$or": "yes"},
        True,
    ),
    ("unicode", {"größe": [{"wildcard": "ö*✓"}]}, {"größe": "öl ✓"}, True),
]


@pytest.mark.parametrize(
    ("pattern", "event", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_shape(pattern: dict[str, Any], event: dict[str, Any], expected: bool) -> None:
    compiled = Pattern.parse(pattern)
    assert compiled.matches(event) is expected
    assert (compiled.explain(event) == []) is expected


def test_a_name_given_twice_counts_once() -> None:
    pattern = Pattern.parse('{"d": {"place": [{"prefix": "eu-"}], "place": [{"anything-but": "eu-west-1"}]}}')
    assert pattern.matches({"d": {"place": "us-east-1"}})
    assert not pattern.matches({"d": {"place": "eu-west-1"}})
    assert pattern.repeated == ("d.place",)


def test_an_object_given_twice_keeps_the_fields_of_both() -> None:
    pattern = Pattern.parse('{"d": {"a": [1]}, "d": {"b": [2]}}')
    assert pattern.names == ("d.a", "d.b")
    assert pattern.repeated == ()
    assert not pattern.matches({"d": {"b": 2}})


def test_an_alternative_of_or_may_replace_a_field() -> None:
    pattern = Pattern.parse({"a": [1], "$or": [{"a": [2]}, {"b": [1]}]})
    assert pattern.matches({"a": 2})
    assert pattern.matches({"a": 1, "b": 1})
    assert not pattern.matches({"a": 1})


def test_large_arrays_of_objects_stay_quick() -> None:
    rows = [{"a": n, "b": n + 1, "c": n + 2} for n in range(4000)]
    pattern = Pattern.parse({"rows": {"a": [{"exists": True}], "b": [{"exists": True}], "c": [0]}})
    assert not pattern.matches({"rows": rows})
    assert Pattern.parse({"rows": {"a": [3999], "b": [4000], "c": [4001]}}).matches({"rows": rows})


def test_deep_events_do_not_break_the_matcher() -> None:
    event: dict[str, Any] = {"a": "x"}
    for _ in range(3000):
        event = {"a": [event]}
    assert not Pattern.parse({"a": {"a": ["x"]}}).matches(event)
    assert Pattern.parse({".".join("a" * 1500): [{"exists": False}]}).matches(event)


def test_what_is_no_event_matches_nothing() -> None:
    pattern: Any = Pattern.parse({"a": [{"exists": False}]})
    for event in ([], "text", None, 5):
        assert not pattern.matches(event)
        assert pattern.explain(event) == ["The event is not a JSON object."]


def test_values_that_json_does_not_know_are_only_present() -> None:
    event = {"a": object(), "b": {1, 2}, "c": b"x"}
    assert Pattern.parse(
        {"a": [{"exists": True}], "b": [{"anything-but": "x"}], "c": [{"exists": True}]}
    ).matches(event)
    assert not Pattern.parse({"c": ["x"]}).matches(event)


def test_the_pattern_says_what_it_is() -> None:
    pattern = Pattern.parse(
        '{"a": [{"wildcard": "x*"}], "$or": [{"b": [1]}, {"c": {"d": [1]}}]}', dialect="eventbridge"
    )
    assert pattern.names == ("a", "b", "c.d")
    assert pattern.dialect == "eventbridge"
    assert pattern.has_wildcards
    assert not Pattern.parse({"a": ["x*"]}).has_wildcards
    assert repr(pattern).startswith("Pattern('{")
