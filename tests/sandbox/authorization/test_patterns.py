"""Wildcards in actions, resources and ARNs, and variables inside them."""

from __future__ import annotations

import time

import pytest

from labkit.sandbox.authorization.context import Context
from labkit.sandbox.authorization.patterns import (
    action_matches,
    arn_matches,
    matches,
    pattern,
    resource_matches,
)
from labkit.sandbox.authorization.variables import names_in, resolve, resolve_resource

ORDERS = "arn:aws:sqs:eu-west-1:123456789012:orders"


@pytest.mark.parametrize(
    ("wanted", "text", "fits"),
    [
        ("orders", "orders", True),
        ("orders", "Orders", False),
        ("*", "", True),
        ("?", "", False),
        ("o?ders", "orders", True),
        ("o*s", "os", True),
        ("*der*", "orders", True),
        ("a*b*c", "axxbyyc", True),
        ("a*b*c", "axxcyyb", False),
        ("**", "x", True),
        ("*.jpg", "a\nb.jpg", True),
        ("a.c", "abc", False),
        ("[ab]", "a", False),
        ("*ab", "aab", True),
        ("*a*ab", "aab", True),
    ],
)
def test_stars_and_question_marks(wanted: str, text: str, fits: bool) -> None:
    assert matches(pattern(wanted), text) is fits


def test_a_pattern_made_to_be_slow_is_not() -> None:
    started = time.perf_counter()
    assert not matches(pattern("*a" * 40 + "b"), "a" * 2000)
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    ("wanted", "action", "fits"),
    [
        ("*", "sqs:SendMessage", True),
        ("sqs:*", "sqs:SendMessage", True),
        ("SQS:sendmessage", "sqs:SendMessage", True),
        ("sqs:Send*", "sqs:SendMessageBatch", True),
        ("sqs:*Message", "sqs:ReceiveMessage", True),
        ("sqs:?endMessage", "sqs:SendMessage", True),
        ("sqs:Send", "sqs:SendMessage", False),
        ("sns:*", "sqs:SendMessage", False),
        ("s*:SendMessage", "sqs:SendMessage", True),
    ],
)
def test_actions_ignore_case(wanted: str, action: str, fits: bool) -> None:
    assert action_matches(wanted, action) is fits


@pytest.mark.parametrize(
    ("wanted", "resource", "fits"),
    [
        ("*", ORDERS, True),
        ("*", "*", True),
        (ORDERS, ORDERS, True),
        (ORDERS, ORDERS.upper(), False),
        (ORDERS, "*", False),
        ("arn:aws:sqs:*:*:orders", ORDERS, True),
        ("arn:aws:sqs:*:123456789012:or*", ORDERS, True),
        ("arn:aws:sqs:eu-west-?:123456789012:orders", ORDERS, True),
        ("arn:aws:sqs:eu-*:123456789012:payments", ORDERS, False),
        ("arn:*:sqs:*:*:*", ORDERS, True),
        # a star at the end of a part reaches across colons, one inside a part does not
        ("arn:aws:sqs:*:orders", ORDERS, True),
        ("arn:aws:sqs:*", ORDERS, True),
        ("arn:aws:sqs:eu*orders", ORDERS, True),  # the last part that is written takes all the rest
        ("arn:aws:sqs:e*1:orders", ORDERS, False),
        ("arn:aws:sqs:eu-west-1:orders", ORDERS, False),
        # in the resource part a star takes slashes and colons alike
        ("arn:aws:s3:::photos/*", "arn:aws:s3:::photos/2026/11/cat.jpg", True),
        ("arn:aws:s3:::photos/*.jpg", "arn:aws:s3:::photos/a:b/cat.jpg", True),
        ("arn:aws:s3:::photos", "arn:aws:s3:::photos/cat.jpg", False),
        ("arn:aws:lambda:*:*:function:pay*", "arn:aws:lambda:eu-west-1:123456789012:function:pay:live", True),
        (
            "arn:aws:logs:*:*:log-group:/aws/*:*",
            "arn:aws:logs:eu-west-1:1:log-group:/aws/f:log-stream:x",
            True,
        ),
    ],
)
def test_resources_keep_case_and_know_parts(wanted: str, resource: str, fits: bool) -> None:
    assert resource_matches(pattern(wanted), resource) is fits


@pytest.mark.parametrize(
    ("wanted", "arn", "fits"),
    [
        ("arn:aws:sns:*:123456789012:orders", "arn:aws:sns:eu-west-1:123456789012:orders", True),
        ("arn:aws:sns:*:*:*", "arn:aws:sns:eu-west-1:123456789012:orders", True),
        ("arn:aws:sns:eu-west-1:123456789012:order?", "arn:aws:sns:eu-west-1:123456789012:orders", True),
        ("arn:aws:sns:*:orders", "arn:aws:sns:eu-west-1:123456789012:orders", False),
        ("arn:aws:sns:*:123456789012:Orders", "arn:aws:sns:eu-west-1:123456789012:orders", False),
        ("arn:aws:lambda:*:*:function:*", "arn:aws:lambda:eu-west-1:1:function:pay:live", True),
        ("*", "arn:aws:sns:eu-west-1:123456789012:orders", True),
        ("*", "no ARN at all", False),
        ("arn:aws:sns:*:*:*", "no ARN at all", False),
        # the documented difference between StringLike and ArnLike
        (
            "arn:aws:some:*:111122223333:finance/*",
            "arn:aws:some:us-east-2:999999999999:store/abc:111122223333:finance/d",
            False,
        ),
    ],
)
def test_arn_operators_compare_part_by_part(wanted: str, arn: str, fits: bool) -> None:
    assert arn_matches(pattern(wanted), arn) is fits


CONTEXT = Context({"aws:username": "alice", "aws:PrincipalTag/Team": "a*b", "aws:TagKeys": ["a", "b"]})


@pytest.mark.parametrize(
    ("template", "text", "fits"),
    [
        ("home/${aws:username}/*", "home/alice/x", True),
        ("home/${aws:username}/*", "home/bob/x", False),
        ("home/${AWS:UserName}", "home/alice", True),
        ("${aws:PrincipalTag/team}", "a*b", True),
        ("${aws:PrincipalTag/team}", "axb", False),  # a star in a value is a star
        ("${*}", "*", True),
        ("${*}", "x", False),
        ("${?}${$}", "?$", True),
        ("${aws:userid, 'nobody'}", "nobody", True),
        ("${aws:username, 'nobody'}", "alice", True),
        ("${aws:userid,'no one, yet'}", "no one, yet", True),
        ("${unclosed", "${unclosed", True),
    ],
)
def test_variables(template: str, text: str, fits: bool) -> None:
    pieces = resolve(template, CONTEXT)
    assert pieces is not None
    assert matches(pieces, text) is fits


@pytest.mark.parametrize("template", ["${aws:userid}", "x${aws:TagKeys}", "${}", "${ }"])
def test_a_variable_without_one_value_has_none(template: str) -> None:
    assert resolve(template, CONTEXT) is None


def test_without_version_2012_a_variable_is_plain_text() -> None:
    pieces = resolve("${aws:username}", CONTEXT, enabled=False)
    assert pieces is not None
    assert matches(pieces, "${aws:username}")


def test_a_resource_knows_variables_only_behind_the_fifth_colon() -> None:
    whole = resolve_resource("arn:aws:sqs:*:*:${aws:username}-queue", CONTEXT)
    early = resolve_resource("arn:aws:sqs:*:${aws:username}:queue", CONTEXT)
    assert whole is not None
    assert resource_matches(whole, "arn:aws:sqs:eu-west-1:123456789012:alice-queue")
    assert early is not None
    assert not resource_matches(early, "arn:aws:sqs:eu-west-1:alice:queue")


def test_a_variable_in_an_arn_condition_may_hold_colons() -> None:
    pieces = resolve("${aws:SourceArn}", Context({"aws:SourceArn": ORDERS}))
    assert pieces is not None
    assert arn_matches(pieces, ORDERS)


def test_names_in_a_template() -> None:
    assert list(names_in("${a:b}/${*}/${c:d, 'x'}/${ e:f }")) == ["a:b", "e:f"]
