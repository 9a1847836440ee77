"""Reading policies of every kind, and what their elements mean."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from labkit.sandbox.authorization import Policy, Request, decide
from labkit.sandbox.authorization.positions import position, statement_spans
from labkit.sandbox.authorization.validation import KINDS

QUEUE = "arn:aws:sqs:eu-west-1:123456789012:orders"
ALLOW = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
OPEN = {**ALLOW, "Principal": "*"}
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
SYNTAX = "Syntax errors in policy."
PREFACED = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."


def policy(*statements: Any, **more: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements), **more}


@pytest.mark.parametrize("kind", KINDS)
def test_a_plain_policy_of_each_kind(kind: Any) -> None:
    statement = TRUST if kind == "trust" else OPEN if kind in ("resource", "key") else ALLOW
    document = policy(statement)
    for form in (document, json.dumps(document), json.dumps(document).encode(), policy(statement)):
        read = Policy.parse(form, kind, name="a policy")
        assert len(read.statements) == 1
        assert read.kind == kind


def test_one_statement_needs_no_list() -> None:
    assert len(Policy.parse({"Statement": ALLOW}, "identity").statements) == 1


def test_a_resource_policy_may_name_no_resource_and_use_free_sids() -> None:
    read = Policy.parse(
        policy({"Sid": "my own sid", "Effect": "Allow", "Principal": "*", "Action": "SQS:*"}), "resource"
    )
    assert decide(Request("sns.amazonaws.com", "sqs:SendMessage", QUEUE), resource=[read]).allowed


def test_an_unknown_kind_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="no kind of policy"):
        Policy.parse(policy(ALLOW), "identities")  # type: ignore[arg-type]


def test_a_stored_policy_that_is_broken_applies_to_nothing_and_says_so() -> None:
    broken = Policy.stored("not json", "resource", "the queue's policy")
    decision = decide(Request("sns.amazonaws.com", "sqs:SendMessage", QUEUE), resource=[broken])
    assert not decision.allowed
    assert "The queue's policy is not well formed. Syntax errors in policy." in decision.sentence


@pytest.mark.parametrize(("version", "allowed"), [("2012-10-17", True), ("2008-10-17", False), (None, False)])
def test_variables_need_version_2012(version: str | None, allowed: bool) -> None:
    document: dict[str, Any] = {
        "Statement": {**ALLOW, "Resource": "arn:aws:sqs:*:*:${aws:username}-queue"},
        **({"Version": version} if version else {}),
    }
    request = Request(
        "arn:aws:iam::123456789012:user/alice",
        "sqs:SendMessage",
        "arn:aws:sqs:eu-west-1:123456789012:alice-queue",
    )
    assert decide(request, [Policy.parse(document, "identity")]).allowed is allowed


def test_not_action_and_not_resource() -> None:
    but = Policy.parse(
        policy({"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "NotResource": QUEUE}), "identity"
    )
    alice = "arn:aws:iam::123456789012:user/alice"
    assert decide(Request(alice, "sns:Publish", "arn:aws:sns:eu-west-1:123456789012:t"), [but]).allowed
    assert not decide(Request(alice, "IAM:CreateUser"), [but]).allowed
    assert not decide(Request(alice, "sqs:SendMessage", QUEUE), [but]).allowed


def test_not_resource_with_a_variable_without_value_does_not_apply() -> None:
    but = Policy.parse(
        policy(
            {
                **{k: v for k, v in ALLOW.items() if k != "Resource"},
                "NotResource": "arn:aws:sqs:*:*:${aws:PrincipalTag/x}",
            }
        ),
        "identity",
    )
    assert not decide(
        Request("arn:aws:iam::123456789012:user/alice", "sqs:SendMessage", QUEUE), [but]
    ).allowed


def test_every_policy_aws_manages_is_well_formed() -> None:
    from labkit.sandbox.authorization import managed

    catalogue = managed.catalogue()
    assert len(catalogue) > 1000
    for one in catalogue.values():
        assert Policy.parse(one["Document"], "identity").statements
    text = managed.document("arn:aws:iam::aws:policy/AdministratorAccess")
    assert text is not None
    assert Policy.parse(text, "identity").statements[0].actions == ("*",)
    assert managed.document("arn:aws:iam::aws:policy/NoSuchPolicy") is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            '{\n  "Version": "2012-10-17",\n  "Statement": [\n    {\n      "Effect": "Allow"\n    }\n  ]\n}',
            [((3, 17), (6, 6))],
        ),
        (
            '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}',
            [((1, 38), (1, 84))],
        ),
        ('{\n  "Statement":{\n    "a": 1\n  }\n}', [((2, 16), (4, 4))]),
        (
            '{"Id": {"Statement": []}, "Statement": [{}, {"x": "}"}]}',
            [((1, 41), (1, 43)), ((1, 44), (1, 55))],
        ),
        ('{"Statement": []}', []),
        ("{}", []),
        ("", []),
        ("[", []),
    ],
)
def test_where_statements_stand(text: str, wanted: list[Any]) -> None:
    found = [
        tuple((at["Line"], at["Column"]) for at in (position(text, start), position(text, end)))
        for start, end in statement_spans(text)
    ]
    assert found == wanted


def test_judging_needs_no_moto() -> None:
    program = (
        "import sys; from labkit.sandbox.authorization import account, simulate, managed;"
        "print([name for name in sys.modules if name.partition('.')[0] in ('moto', 'boto3')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
