"""Refusals in the words of the service. The wording is AWS's; the patterns are ours."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labkit.errors import LabkitError
from labkit.sandbox.patterns import DIALECTS, InvalidPattern, Pattern

FORM = "Match value must be String, number, true, false, or null"
ONE_KEY = "Only one key allowed in match expression"
TOO_MANY = "Too many elements in numeric expression"
RANGE = "Value must be between -5.0E9 and 5.0E9, inclusive"
BUT_VALUE = "Value of anything-but must be an array or single string/number value."
BUT_MIXED = "Inside anything but list, either all values are number or string, mixed type is not supported"
BUT_LIST = "Inside anything but list, start|null|boolean is not supported."
BUT_CASE = "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
BUT_AFFIX = "prefix/suffix match pattern must be a string"
WILD = "wildcard match pattern must be a string"
CASE = "equals-ignore-case match pattern must be a string"
VALUES = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"

REFUSED: list[tuple[str, str, int | None]] = [
    # the pattern, the reason, and the column where the service stands when it gives up
    ("", "Filter is not an object", 1),
    ("null", "Filter is not an object", 5),
    ('"running"', "Filter is not an object", 2),
    ("[]", "Filter is not an object", 2),
    ("{}", "Empty objects are not allowed", 3),
    ('{"d":{}}', "Empty objects are not allowed", 8),
    ('{"d":{"s":{}}}', "Empty objects are not allowed", 13),
    ('{"s":"open"}', '"s" must be an object or an array', 7),
    ('{"s":5}', '"s" must be an object or an array', 7),
    ('{"s":null}', '"s" must be an object or an array', 10),
    ('{"d":{"s":true}}', '"s" must be an object or an array', 15),
    ('{"s":[]}', "Empty arrays are not allowed", 8),
    ('{"s":[["x"]]}', FORM, 8),
    ('{"s":[{}]}', "Match expression name not found", 9),
    ('{"s":[{"like":"x"}]}', "Unrecognized match type like", 16),
    ('{"s":[{"Prefix":"x"}]}', "Unrecognized match type Prefix", 18),
    ('{"s":[{"prefix":5}]}', "prefix match pattern must be a string", 18),
    ('{"s":[{"prefix":["x"]}]}', "prefix match pattern must be a string", 18),
    ('{"s":[{"prefix":"x","suffix":"y"}]}', ONE_KEY, 31),
    ('{"s":[{"prefix":{}}]}', "Prefix expression name not found", 19),
    ('{"s":[{"prefix":{"wildcard":"x"}}]}', "Unsupported prefix pattern: wildcard", 30),
    ('{"s":[{"suffix":{"prefix":"x"}}]}', "Unsupported suffix pattern: prefix", 28),
    ('{"s":[{"prefix":{"equals-ignore-case":5}}]}', CASE, 40),
    ('{"s":[{"suffix":null}]}', "suffix match pattern must be a string", 21),
    ('{"s":[{"equals-ignore-case":["x"]}]}', CASE, 30),
    ('{"s":[{"wildcard":7}]}', WILD, 20),
    ('{"s":[{"wildcard":"a**"}]}', "Consecutive wildcard characters at pos 2", 24),
    ('{"s":[{"wildcard":"é**"}]}', "Consecutive wildcard characters at pos 3", 24),
    ('{"s":[{"wildcard":"a\\\\b"}]}', "Invalid escape character at pos 2", 25),
    ('{"s":[{"wildcard":"a\\\\"}]}', "Invalid escape character at pos 2", 24),
    ('{"s":[{"exists":"yes"}]}', "exists match pattern must be either true or false.", 18),
    ('{"s":[{"exists":null}]}', "exists match pattern must be either true or false.", 21),
    ('{"s":[{"exists":true,"prefix":"x"}]}', ONE_KEY, 32),
    ('{"s":[{"cidr":10}]}', "prefix match pattern must be a string", 17),
    ('{"s":[{"cidr":"10.0.0.1"}]}', "Malformed CIDR, one '/' required", None),
    ('{"s":[{"cidr":"10.0.0.1/"}]}', "Malformed CIDR, one '/' required", None),
    ('{"s":[{"cidr":"10.0.0.1/8/8"}]}', "Malformed CIDR, one '/' required", None),
    ('{"s":[{"cidr":"10.0.0.1/x"}]}', "Malformed CIDR, mask bits must be an integer", None),
    ('{"s":[{"cidr":"10.0.0.1/-1"}]}', "Malformed CIDR, mask bits must not be negative", None),
    ('{"s":[{"cidr":"10.0.0.1/32"}]}', "IPv4 mask bits must be < 32", None),
    ('{"s":[{"cidr":"::1/128"}]}', "IPv6 mask bits must be < 128", None),
    ('{"s":[{"cidr":"host/8"}]}', "Nonstandard IP address: host", None),
    ('{"s":[{"cidr":"10.0.0.300/8"}]}', "Invalid IP address: 10.0.0.300", None),
    ('{"s":[{"numeric":5}]}', "Value of numeric must be an array.", 19),
    ('{"s":[{"numeric":[]}]}', "Invalid member in numeric match: ]", 20),
    ('{"s":[{"numeric":[5]}]}', "Invalid member in numeric match: 5", 20),
    ('{"s":[{"numeric":["=>",5]}]}', "Unrecognized numeric range operator: =>", 25),
    ('{"s":[{"numeric":["="]}]}', "Value of equals must be numeric", 23),
    ('{"s":[{"numeric":["<","5"]}]}', "Value of < must be numeric", 24),
    ('{"s":[{"numeric":["=",5,"<",6]}]}', TOO_MANY, 26),
    ('{"s":[{"numeric":["<",5,">",1]}]}', TOO_MANY, 26),
    ('{"s":[{"numeric":[">",5,6]}]}', "Bad value in numeric range: 6", 26),
    ('{"s":[{"numeric":[">",5,">",6]}]}', "Bad numeric range operator: >", 28),
    ('{"s":[{"numeric":[">",5,"<"]}]}', "Value of < must be numeric", 29),
    ('{"s":[{"numeric":[">",5,"<",6,7]}]}', "Too many terms in numeric range expression", 32),
    ('{"s":[{"numeric":[">",6,"<",5]}]}', "Bottom must be less than top", 31),
    ('{"s":[{"numeric":[">",5,"<",5]}]}', "Bottom must be less than top", 31),
    ('{"s":[{"numeric":[">",5000000001]}]}', RANGE, 34),
    ('{"s":[{"numeric":["=",-6e9]}]}', RANGE, 28),
    ('{"s":[{"numeric":["=",5],"exists":true}]}', TOO_MANY, 39),
    ('{"s":[{"anything-but":null}]}', BUT_VALUE, 27),
    ('{"s":[{"anything-but":true}]}', BUT_VALUE, 27),
    ('{"s":[{"anything-but":[]}]}', BUT_MIXED, 25),
    ('{"s":[{"anything-but":["x",5]}]}', BUT_MIXED, 30),
    ('{"s":[{"anything-but":[null]}]}', BUT_LIST, 28),
    ('{"s":[{"anything-but":[{"prefix":"x"}]}]}', BUT_LIST, 25),
    ('{"s":[{"anything-but":6e9}]}', RANGE, None),
    ('{"s":[{"anything-but":[6e9]}]}', RANGE, 27),
    ('{"s":[{"anything-but":{}}]}', "Anything-But expression name not found", 25),
    ('{"s":[{"anything-but":{"numeric":[">",5]}}]}', "Unsupported anything-but pattern: numeric", 35),
    ('{"s":[{"anything-but":{"prefix":5}}]}', BUT_AFFIX, 34),
    ('{"s":[{"anything-but":{"prefix":""}}]}', "Null prefix/suffix not allowed", 35),
    ('{"s":[{"anything-but":{"suffix":["x",""]}}]}', "Null prefix/suffix not allowed", 40),
    ('{"s":[{"anything-but":{"suffix":[5]}}]}', BUT_AFFIX, 35),
    ('{"s":[{"anything-but":{"equals-ignore-case":[5]}}]}', BUT_CASE, 47),
    ('{"s":[{"anything-but":{"wildcard":["x*",5]}}]}', WILD, 42),
    ('{"s":[{"anything-but":{"wildcard":["x**"]}}]}', "Consecutive wildcard characters at pos 2", 42),
    ('{"s":[{"anything-but":{"prefix":{"equals-ignore-case":"x"}}}]}', BUT_VALUE, 34),
    ('{"s":[{"anything-but":"x","exists":true}]}', TOO_MANY, 40),
    ('{"s":[{"anything-but":{"prefix":"x","suffix":"y"}}]}', TOO_MANY, 47),
    ('{"$or":5}', "It must be an Array followed with $or.", 9),
    ('{"$or":[]}', "There must have at least 2 Objects in $or relationship.", 10),
    ('{"$or":[{"a":[1]}]}', "There must have at least 2 Objects in $or relationship.", 19),
    ('{"$or":[{"a":[1]},5]}', "Only JSON object is allowed in array of $or relationship.", 20),
    ('{"$or":[{"a":[1]},{}]}', "Empty objects are not allowed", 21),
    (
        '{"$or":[{"a":[1]},{"numeric":[1]}]}',
        "numeric is Ruler reserved fieldName which cannot be used inside $or.",
        31,
    ),
    # not JSON at all
    ("{", "Unexpected end-of-input", 2),
    ("open", f"Unrecognized token 'open': was expecting {VALUES}", 5),
    ("{s:[1]}", "Unexpected character ('s' (code 115)): was expecting double-quote to start field name", 2),
    ("{'s':[1]}", "Unexpected character (''' (code 39)): was expecting double-quote to start field name", 2),
    (
        '{"s":[1],}',
        "Unexpected character ('}' (code 125)): was expecting double-quote to start field name",
        10,
    ),
    ('{"s":[1,]}', f"Unexpected character (']' (code 93)): expected a valid value {VALUES}", 9),
    ('{"s":[1 2]}', "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries", 9),
    (
        '{"s":[1]"t":[1]}',
        "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries",
        9,
    ),
    (
        '{"s" [1]}',
        "Unexpected character ('[' (code 91)): was expecting a colon to separate field name and value",
        6,
    ),
    ('{"s":[True]}', f"Unrecognized token 'True': was expecting {VALUES}", 11),
    ('{"s":[01]}', "Invalid numeric value: Leading zeroes not allowed", 8),
    ('{"s":["x]}', "Unexpected end-of-input: was expecting closing quote for a string value", 11),
    ('{"s":["\\x"]}', "Unrecognized character escape 'x' (code 120)", 10),
    ('{"s":[1]} {"t":[1]}', "Unexpected character ('{' (code 123)): expected the end of the text", 11),
]


@pytest.mark.parametrize(("text", "reason", "column"), REFUSED)
def test_refusal(text: str, reason: str, column: int | None) -> None:
    with pytest.raises(InvalidPattern) as refused:
        Pattern.parse(text)
    error = refused.value
    assert (
        error.reason.partition(" (start marker")[0].removesuffix(": expected close marker for Object")
        == reason
    )
    assert error.column == column
    assert error.code == "InvalidEventPatternException"
    assert str(error).startswith(f"Event pattern is not valid. Reason: {reason}")
    if column is None:
        assert "[Source" not in str(error)
    else:
        assert str(error).endswith(f'\n at [Source: (String)"{text}"; line: 1, column: {column}]')


def test_the_whole_message() -> None:
    with pytest.raises(InvalidPattern) as refused:
        Pattern.parse({"detail": {"state": "running"}})
    assert str(refused.value) == (
        'Event pattern is not valid. Reason: "state" must be an object or an array\n'
        ' at [Source: (String)"{"detail": {"state": "running"}}"; line: 1, column: 23]'
    )
    assert refused.value.dialect == "eventbridge"
    assert isinstance(refused.value, LabkitError)


def test_line_and_column_of_a_long_text() -> None:
    with pytest.raises(InvalidPattern) as refused:
        Pattern.parse('{\n  "source": ["shop"],\n  "detail": {\n    "state": "paid"\n  }\n}')
    assert (refused.value.line, refused.value.column) == (4, 15)
    assert str(refused.value).endswith("; line: 4, column: 15]")


def test_the_place_is_named_twice_where_the_engine_does() -> None:
    with pytest.raises(InvalidPattern) as refused:
        Pattern.parse('{"s":[{"anything-but":[true]}]}')
    assert str(refused.value).count("\n at [Source") == 2


def test_a_long_text_is_quoted_in_part() -> None:
    text = json.dumps({"s": ["x" * 600], "t": "bare"})
    with pytest.raises(InvalidPattern, match="truncated") as refused:
        Pattern.parse(text)
    assert f'"{text[:500]}"[truncated {len(text) - 500} chars]; line: 1' in str(refused.value)


@pytest.mark.parametrize("thing", [None, 5, ["x"], {"s": {1, 2}}, {("a",): ["x"]}, b"{}", object()])
def test_what_is_no_pattern(thing: Any) -> None:
    with pytest.raises(InvalidPattern, match="Filter is not an object"):
        Pattern.parse(thing)


def test_a_pattern_may_be_as_long_as_the_request_allows() -> None:
    longest = json.dumps({"s": ["x" * (4096 - len(json.dumps({"s": [""]})))]})
    assert len(longest) == 4096
    assert Pattern.parse(longest).names == ("s",)
    with pytest.raises(InvalidPattern, match="Member must have length less than or equal to 4096") as refused:
        Pattern.parse(longest + " ")
    assert refused.value.code == "ValidationException"


def test_or_makes_at_most_a_thousand_combinations() -> None:
    def alternatives(name: str, count: int) -> dict[str, Any]:
        return {"$or": [{name: [n]} for n in range(count)]}

    fine = {"a": alternatives("x", 10), "b": alternatives("x", 10), "c": alternatives("x", 10)}
    assert Pattern.parse(fine).matches({"a": {"x": 9}, "b": {"x": 9}, "c": {"x": 9}})
    with pytest.raises(InvalidPattern, match="1000 rule combinations"):
        Pattern.parse({**fine, "c": alternatives("x", 11)})


def test_nesting_has_an_end() -> None:
    assert Pattern.parse('{"a":' * 98 + "[1]" + "}" * 98)
    with pytest.raises(InvalidPattern, match="nesting depth"):
        Pattern.parse('{"a":' * 101 + "[1]" + "}" * 101)


# -- SNS -----------------------------------------------------------------------------------------


def sns(policy: Any, dialect: str = "sns-attributes") -> InvalidPattern:
    with pytest.raises(InvalidPattern) as refused:
        Pattern.parse(policy, dialect)
    assert refused.value.code == "InvalidParameter"
    return refused.value


def test_sns_quotes_the_policy_without_blanks() -> None:
    error = sns('{ "fruit" : "plum" }')
    place = '\n at [Source: (String)"{"fruit":"plum"}"; line: 1, column: 11]'
    assert str(error) == f'Invalid parameter: FilterPolicy: "fruit" must be an object or an array{place}'
    assert error.subscribe_message == (
        f'Invalid parameter: Attributes Reason: FilterPolicy: "fruit" must be an object or an array{place}'
    )


def test_sns_nested_policy_on_attributes() -> None:
    words = "Filter policy scope MessageAttributes does not support nested filter policy"
    for policy in ({"order": {"kind": ["x"]}}, {"$or": [{"a": {"b": ["x"]}}, {"c": ["x"]}]}):
        error = sns(policy)
        assert str(error) == f"Invalid parameter: {words}"
        assert error.subscribe_message == f"Invalid parameter: Attributes Reason: {words}"
    assert Pattern.parse({"order": {"kind": ["x"]}}, "sns-body")


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ("{fruit", "failed to parse JSON."),
        ({f"k{n}": ["x"] for n in range(6)}, "Filter policy can not have more than 5 keys"),
        ({"k": [str(n) for n in range(151)]}, "Filter policy is too complex"),
        ({"k": [str(n) for n in range(76)], "l": ["x", "y"]}, "Filter policy is too complex"),
        ({"k": [{"wildcard": "x*"}]}, "Unrecognized match type wildcard"),
        ({"k": [{"anything-but": {"suffix": "x"}}]}, "Unsupported anything-but pattern: suffix"),
        ({"k": [{"anything-but": {"prefix": 5}}]}, "prefix match pattern must be a string"),
        ({"k": [{"anything-but": {"prefix": ["x"]}}]}, "prefix match pattern must be a string"),
        ({"k": [{"prefix": {"equals-ignore-case": "x"}}]}, "prefix match pattern must be a string"),
        ({"k": []}, "Empty arrays are not allowed"),
        ("[1]", "Filter is not an object"),
        ('{"k": ["' + "x" * 262144 + '"]}', "Member must have length less than or equal to 262144"),
    ],
)
def test_sns_refusals(policy: Any, reason: str) -> None:
    error = sns(policy)
    assert error.reason == reason
    assert str(error).startswith(f"Invalid parameter: FilterPolicy: {reason}")


def test_sns_combinations_count_the_depth_of_a_key() -> None:
    # 4 values three keys deep, 3 values two keys deep: 4 x 3 x 3 x 2 = 72
    policy = {"a": {"b": {"c": ["1", "2", "3", "4"]}}, "d": {"e": ["1", "2", "3"]}}
    assert Pattern.parse({**policy, "f": ["1", "2"]}, "sns-body")
    assert sns({**policy, "f": ["1", "2", "3"]}, "sns-body").reason == "Filter policy is too complex"


def test_sns_combinations_of_or_are_added() -> None:
    # 5 x (10 + 2 x (5 + 5)) = 150
    inner = {"x": [1, 2], "$or": [{"y": [1, 2, 3, 4, 5]}, {"z": [1, 2, 3, 4, 5]}]}
    policy = {"s": list("abcde"), "$or": [{"m": list(range(10))}, inner]}
    assert Pattern.parse(policy, "sns-attributes")
    policy["$or"][0]["m"] = list(range(11))
    assert sns(policy).reason == "Filter policy is too complex"


# -- Lambda and Pipes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["{", '{"body": "x"}', '{"body": []}', '{"body": [{"wildcard": "x*"}]}', "{}"]
)
def test_lambda_says_no_more_than_that(text: str) -> None:
    with pytest.raises(InvalidPattern) as refused:
        Pattern.parse(text, "lambda")
    assert str(refused.value) == "Invalid filter pattern definition."
    assert refused.value.code == "InvalidParameterValueException"
    assert refused.value.reason


def test_pipes_refuse_with_their_own_code() -> None:
    with pytest.raises(InvalidPattern, match="Unrecognized match type wildcard") as refused:
        Pattern.parse({"body": {"a": [{"wildcard": "x*"}]}}, "pipes")
    assert refused.value.code == "ValidationException"


@pytest.mark.parametrize("dialect", ["lambda", "pipes"])
def test_filters_have_their_limit_too(dialect: str) -> None:
    with pytest.raises(InvalidPattern) as refused:
        Pattern.parse({"s": ["x" * 4096]}, dialect)
    assert refused.value.code == "ValidationException"
    assert (
        refused.value.reason == f"Member must have length less than or equal to {DIALECTS[dialect].longest}"
    )
