"""Policies that are not well formed: refused in AWS's words, with advice, and with nothing but InvalidPolicy."""

from __future__ import annotations

import json
import random
import string
from typing import Any

import pytest

from labkit.sandbox.authorization import InvalidPolicy, Policy, Request, decide
from labkit.sandbox.authorization.validation import KINDS

QUEUE = "arn:aws:sqs:eu-west-1:123456789012:orders"
ALLOW = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
OPEN = {**ALLOW, "Principal": "*"}
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
SYNTAX = "Syntax errors in policy."
PREFACED = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."


def policy(*statements: Any, **more: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements), **more}


def refused(document: Any, kind: Any = "identity") -> InvalidPolicy:
    with pytest.raises(InvalidPolicy) as caught:
        Policy.parse(document, kind)
    return caught.value


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "not JSON"),
        ("not json", "line 1, column 1"),
        ('{"Version": "2012-10-17",}', "not JSON"),
        ("[1, 2]", "A policy is a JSON object"),
        ('"text"', "A policy is a JSON object"),
        ("null", "A policy is a JSON object"),
        ("NaN", "NaN is no value of JSON"),
        ('{"Statement": [], "Statement": []}', "stands twice"),
        ('{"Statement": [{"Effect": "Allow", "Effect": "Deny"}]}', '"Effect" stands twice'),
        ("[" * 100_000, "nested far too deeply"),
        ('{"Statement": ' + "1" * 5000 + "}", "not JSON"),
    ],
)
def test_text_that_is_no_policy(text: str, detail: str) -> None:
    error = refused(text)
    assert error.reason == SYNTAX
    assert detail in error.detail
    assert str(error) == f"{error.reason} {error.detail}"


@pytest.mark.parametrize(
    ("document", "reason", "detail"),
    [
        ({}, SYNTAX, "needs a Statement"),
        (policy(), SYNTAX, "needs a Statement"),
        ({"Statement": "Allow"}, SYNTAX, "needs a Statement"),
        (policy(ALLOW, Statment=[]), SYNTAX, "Did you mean Statement?"),
        ({"Version": "2024-01-01", "Statement": ALLOW}, SYNTAX, "2012-10-17"),
        (policy(ALLOW, Id=7), SYNTAX, "Id is a text"),
        (policy("Allow"), SYNTAX, "Statement 1 must be an object"),
        (
            policy(ALLOW, {**ALLOW, "Efect": "Deny"}),
            SYNTAX,
            "Statement 2 has no element 'Efect'. Did you mean Effect?",
        ),
        (policy({**ALLOW, "Effect": "allow"}), SYNTAX, "written exactly so"),
        (policy({"Action": "a:b", "Resource": "*"}), SYNTAX, '"Effect"'),
        (policy({**ALLOW, "NotAction": "a:b"}), SYNTAX, "both Action and NotAction"),
        (policy({**ALLOW, "NotResource": "*"}), SYNTAX, "both Resource and NotResource"),
        (policy({**ALLOW, "Sid": 1}), SYNTAX, "must be a text"),
        (
            policy({**ALLOW, "Sid": "my sid"}),
            "Statement IDs (SID) must be alpha-numeric. "
            "Check that your input satisfies the regular expression [0-9A-Za-z]*",
            "my sid",
        ),
        (
            policy({**ALLOW, "Sid": "A"}, {**ALLOW, "Sid": "A"}),
            "Statement IDs (SID) in a single policy must be unique.",
            '"A"',
        ),
        (
            policy({"Effect": "Allow", "Resource": "*"}),
            "Policy statement must contain actions.",
            "Statement 1",
        ),
        (policy({**ALLOW, "Action": []}), "Policy statement must contain actions.", "Statement 1"),
        (policy({**ALLOW, "Action": 7}), SYNTAX, "a text or a list of texts"),
        (policy({**ALLOW, "Action": "SendMessage"}), PREFACED, 'write it like "sqs:SendMessage"'),
        (policy({**ALLOW, "Action": "sqs:"}), PREFACED, "sqs:"),
        (
            policy({**ALLOW, "Action": "sqs:Send:Message"}),
            "Actions/Condition can contain only one colon.",
            "sqs:Send:Message",
        ),
        (policy({**ALLOW, "Action": "sq s:SendMessage"}), "Vendor sq s is not valid", "sq s:SendMessage"),
        (
            policy({"Effect": "Allow", "Action": "sqs:*"}),
            "Policy statement must contain resources.",
            "Resource",
        ),
        (policy({**ALLOW, "Resource": []}), "Policy statement must contain resources.", "Resource"),
        (policy({**ALLOW, "Resource": None}), SYNTAX, "a text or a list of texts"),
        (
            policy({**ALLOW, "Resource": "orders"}),
            'Resource orders must be in ARN format or "*".',
            "Statement 1",
        ),
        (
            policy({**ALLOW, "Resource": "arn:aws"}),
            "Resource vendor must be fully qualified and cannot contain regexes.",
            "arn:aws",
        ),
        (
            policy({**ALLOW, "Resource": "arn:awz:sqs:*:*:orders"}),
            'Partition "awz" is not valid for resource "arn:awz:sqs:*:*:orders".',
            "arn:aws:",
        ),
        (
            policy({**ALLOW, "Resource": "arn:aws:s*:::x"}),
            "Resource vendor must be fully qualified and cannot contain regexes.",
            "write the service",
        ),
        (policy(OPEN), "Policy document should not specify a principal.", "Take it out"),
        (policy({**ALLOW, "Condition": []}), SYNTAX, "is an object"),
        (policy({**ALLOW, "Condition": {"StringEquals": "x"}}), SYNTAX, "needs an object"),
        (
            policy({**ALLOW, "Condition": {"StringEqual": {"aws:x": "y"}}}),
            SYNTAX,
            "Did you mean StringEquals?",
        ),
        (
            policy({**ALLOW, "Condition": {"StringEquals": {"aws:x": None}}}),
            SYNTAX,
            "texts, numbers or booleans",
        ),
        (
            policy({**ALLOW, "Condition": {"StringEquals": {"aws:x": {"y": 1}}}}),
            SYNTAX,
            "texts, numbers or booleans",
        ),
        (
            policy({**ALLOW, "Condition": {"StringEquals": {"username": "y"}}}),
            PREFACED,
            'write it like "aws:SourceArn"',
        ),
        (
            policy({**ALLOW, "Condition": {"DateLessThan": {"aws:CurrentTime": "soon"}}}),
            "The policy failed legacy parsing",
            "2026-11-23T08:00:00Z",
        ),
    ],
)
def test_a_malformed_identity_policy(document: Any, reason: str, detail: str) -> None:
    error = refused(document)
    assert error.reason == reason
    assert detail in error.detail


@pytest.mark.parametrize(
    ("kind", "statement", "reason"),
    [
        ("trust", {**TRUST, "Resource": "*"}, "Has prohibited field Resource"),
        ("trust", {**TRUST, "NotResource": "*"}, "Has prohibited field NotResource"),
        ("trust", {"Effect": "Allow", "Action": "sts:AssumeRole"}, "Missing required field Principal"),
        ("trust", {"Effect": "Allow", "Principal": {"AWS": "*"}}, "Missing required field Action"),
        (
            "trust",
            {**TRUST, "Action": "sqs:SendMessage"},
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        ("trust", {**TRUST, "Action": "*"}, PREFACED),
        ("trust", {**TRUST, "Action": "sts:*"}, "AssumeRole policy may only specify STS AssumeRole actions."),
        (
            "trust",
            {**TRUST, "Principal": {"Service": "lambda"}},
            'Invalid principal in policy: "SERVICE":"lambda"',
        ),
        (
            "trust",
            {**TRUST, "Principal": {"AWS": "arn:aws:iam::123456789012:user/*"}},
            'Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:user/*"',
        ),
        (
            "trust",
            {"Effect": "Deny", "NotPrincipal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"},
            "AssumeRole policy must not contain NotPrincipal field.",
        ),
        ("resource", ALLOW, "Missing required field Principal"),
        (
            "resource",
            {**ALLOW, "NotPrincipal": {"AWS": "123456789012"}},
            "Allow with NotPrincipal is not allowed.",
        ),
        ("resource", {**OPEN, "Principal": "123456789012"}, "Invalid principal in policy"),
        ("resource", {**OPEN, "Principal": {}}, "Invalid principal in policy"),
        ("resource", {**OPEN, "Principal": []}, "Invalid principal in policy"),
        (
            "resource",
            {**OPEN, "Principal": {"Person": "alice"}},
            'Invalid principal in policy: "PERSON":"alice"',
        ),
        ("resource", {**OPEN, "Principal": {"AWS": [1]}}, 'Invalid principal in policy: "AWS":""'),
        ("resource", {**OPEN, "Resource": []}, "Policy statement must contain resources."),
        (
            "key",
            {**OPEN, "Principal": {"AWS": "alice"}},
            "Policy contains a statement with one or more invalid principals.",
        ),
        (
            "key",
            {"Effect": "Allow", "Principal": "*", "Action": "kms:*"},
            "Policy statement must contain resources.",
        ),
        ("session", OPEN, "Policy document should not specify a principal."),
        ("boundary", OPEN, "Policy document should not specify a principal."),
        ("scp", OPEN, "Policy document should not specify a principal."),
    ],
)
def test_a_malformed_policy_of_another_kind(kind: Any, statement: Any, reason: str) -> None:
    error = refused(policy(statement), kind)
    assert error.reason == reason
    assert error.detail


WORDS = [
    "Version",
    "Statement",
    "Effect",
    "Allow",
    "Deny",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Principal",
    "NotPrincipal",
    "Condition",
    "Sid",
    "Id",
    "AWS",
    "Service",
    "*",
    "sqs:*",
    "sns.amazonaws.com",
    "123456789012",
    QUEUE,
    "StringEquals",
    "ForAllValues:StringLikeIfExists",
    "DateLessThan",
    "NumericEquals",
    "IpAddress",
    "Null",
    "aws:x",
    "${aws:username}",
    "${",
    "2012-10-17",
    "2008-10-17",
    "arn:aws",
    "sts:AssumeRole",
    "",
    "\ud800",
    "\x00",
]


def anything(dice: random.Random, depth: int = 0) -> Any:
    if depth > 4 or dice.random() < 0.5:
        return dice.choice(
            [
                *WORDS,
                None,
                True,
                7,
                -1.5,
                float("inf"),
                "".join(dice.choices(string.printable, k=5)),
                b"x",
                (),
                10**400,
            ]
        )
    if dice.random() < 0.4:
        return [anything(dice, depth + 1) for _ in range(dice.randrange(4))]
    return {dice.choice(WORDS): anything(dice, depth + 1) for _ in range(dice.randrange(6))}


def bent(dice: random.Random, document: Any) -> Any:
    """A well-formed policy with one thing changed."""
    copy = json.loads(json.dumps(document))
    place: Any = copy
    while isinstance(place, (dict, list)) and place and dice.random() < 0.8:
        key = dice.choice(list(place)) if isinstance(place, dict) else dice.randrange(len(place))
        if not isinstance(place[key], (dict, list)) or dice.random() < 0.2:
            place[key] = anything(dice)
            break
        place = place[key]
    return copy


@pytest.mark.parametrize("seed", range(8))
def test_nothing_but_invalid_policy_ever_comes_out(seed: int) -> None:
    dice = random.Random(seed)
    base = policy(
        {**OPEN, "Condition": {"StringEquals": {"aws:x": ["1"]}, "DateLessThan": {"aws:y": "2026-01-01"}}},
        {"Effect": "Deny", "NotPrincipal": {"AWS": "123456789012"}, "NotAction": "a:b", "NotResource": QUEUE},
    )
    callers = ["arn:aws:iam::123456789012:user/alice", "sns.amazonaws.com", "*", "123456789012"]
    read, said = 0, list[InvalidPolicy]()
    for _ in range(600):
        kind: Any = dice.choice(KINDS)
        document = anything(dice) if dice.random() < 0.5 else bent(dice, base)
        try:
            found = Policy.parse(document, kind)
        except InvalidPolicy as error:
            said.append(error)
            continue
        read += 1
        request = Request(
            dice.choice(callers), "sqs:SendMessage", QUEUE, context={"aws:x": anything(dice, 5)}
        )
        decision = decide(
            request,
            [found],
            [found],
            boundary=found if kind == "boundary" else None,
            session=[found],
            scp=[found],
        )
        assert decision.sentence
        assert bool(decision.aws_message) is not decision.allowed
    assert read > 10
    assert all(error.reason and error.detail for error in said)
