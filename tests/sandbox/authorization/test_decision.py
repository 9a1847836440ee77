"""How a decision is told: AWS's message for programs, a plain sentence for people."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.sandbox.authorization import Decision, Policy, Principal, Request, decide

HERE, THERE = "123456789012", "999999999999"
QUEUE = f"arn:aws:sqs:eu-west-1:{HERE}:orders"
TOPIC = f"arn:aws:sns:eu-west-1:{HERE}:orders"
KEY = f"arn:aws:kms:eu-west-1:{HERE}:key/1234abcd"
ROLE = f"arn:aws:iam::{HERE}:role/worker"
ALICE = f"arn:aws:iam::{HERE}:user/alice"
SEND = "sqs:SendMessage"
START = f"User: {ALICE} is not authorized to perform: {SEND} on resource: {QUEUE} "


def of(
    sort: Any, effect: str = "Allow", what: str = "*", name: str = "", arn: str = "", **more: Any
) -> Policy:
    statement = {"Effect": effect, "Action": what, "Resource": "*", **more}
    if sort == "trust":
        del statement["Resource"]
    return Policy.parse({"Version": "2012-10-17", "Statement": statement}, sort, name, arn)


def ask(who: str = ALICE, action: str = SEND, about: str = QUEUE, **policies: Any) -> Decision:
    return decide(Request(who, action, about, context=policies.pop("context", None)), **policies)


YES = of("identity")
MANAGED = f"arn:aws:iam::{HERE}:policy/NoQueues"


@pytest.mark.parametrize(
    ("policies", "ending"),
    [
        ({}, f"because no identity-based policy allows the {SEND} action"),
        (
            {"identity": [YES], "boundary": of("boundary", what="s3:*")},
            f"because no permissions boundary allows the {SEND} action",
        ),
        (
            {"identity": [YES], "session": [of("session", what="s3:*")]},
            f"because no session policy allows the {SEND} action",
        ),
        (
            {"identity": [YES], "scp": [of("scp", what="s3:*")]},
            f"because no service control policy allows the {SEND} action",
        ),
        ({"identity": [YES, of("identity", "Deny")]}, "with an explicit deny in an identity-based policy"),
        (
            {"identity": [YES, of("identity", "Deny", arn=MANAGED)]},
            f"with an explicit deny in an identity-based policy: {MANAGED}",
        ),
        (
            {"identity": [YES], "boundary": of("boundary", "Deny")},
            "with an explicit deny in a permissions boundary",
        ),
        (
            {"identity": [YES], "session": [of("session", "Deny")]},
            "with an explicit deny in a session policy",
        ),
        (
            {"identity": [YES], "scp": [of("scp", "Deny")]},
            "with an explicit deny in a service control policy",
        ),
        (
            {"identity": [YES], "resource": [of("resource", "Deny", Principal="*")]},
            "with an explicit deny in a resource-based policy",
        ),
    ],
)
def test_the_documented_messages(policies: dict[str, Any], ending: str) -> None:
    assert ask(**policies).aws_message == START + ending


def test_a_service_without_permission() -> None:
    decision = ask("sns.amazonaws.com", resource=[of("resource", Principal={"AWS": HERE})])
    assert decision.aws_message == (
        f"User: sns.amazonaws.com is not authorized to perform: {SEND} on resource: {QUEUE} "
        f"because no resource-based policy allows the {SEND} action"
    )
    assert decision.sentence == (
        "No statement of the queue's policy allows sns.amazonaws.com to do sqs:SendMessage. "
        f"Statement 1 of the resource-based policy nearly fits: its Principal is {HERE}."
    )


def test_an_action_without_a_resource_names_none() -> None:
    message = ask(action="sqs:ListQueues", about="*").aws_message
    assert message == (
        f"User: {ALICE} is not authorized to perform: sqs:ListQueues "
        "because no identity-based policy allows the sqs:ListQueues action"
    )


def test_what_is_allowed_has_no_message() -> None:
    assert ask(identity=[YES]).aws_message == ""


@pytest.mark.parametrize(
    ("trust", "ending"),
    [
        (
            of("trust", what="sts:AssumeRole", Principal={"AWS": THERE}),
            "because no role trust policy allows the sts:AssumeRole action",
        ),
        (
            of("trust", "Deny", what="sts:AssumeRole", Principal={"AWS": HERE}),
            "with an explicit deny in the role trust policy",
        ),
    ],
)
def test_roles(trust: Policy, ending: str) -> None:
    decision = ask(action="sts:AssumeRole", about=ROLE, identity=[YES], resource=[trust])
    assert decision.aws_message == (
        f"User: {ALICE} is not authorized to perform: sts:AssumeRole on resource: {ROLE} {ending}"
    )


def test_a_key_of_this_account_and_of_another() -> None:
    key = of("key", Principal={"AWS": ROLE})
    near = ask(action="kms:Decrypt", about=KEY, identity=[YES], resource=[key])
    assert near.aws_message.endswith(
        f"on resource: {KEY} because no resource-based policy allows the kms:Decrypt action"
    )
    far = ask(f"arn:aws:iam::{THERE}:user/bob", "kms:Decrypt", KEY, identity=[YES], resource=[key])
    assert far.aws_message.endswith(
        "kms:Decrypt on this resource because the resource does not exist in this Region, no resource-based policies "
        "allow access, or a resource-based policy explicitly denies access"
    )


def test_the_arn_of_a_denying_policy_stays_in_its_account() -> None:
    deny = of("identity", "Deny", arn=MANAGED)
    decision = ask(f"arn:aws:iam::{THERE}:user/bob", identity=[deny])
    assert decision.aws_message.endswith("with an explicit deny in an identity-based policy")


@pytest.mark.parametrize(
    ("decision", "sentence"),
    [
        (lambda: ask(), f"User alice may not do {SEND} on {QUEUE}: user alice has no policy."),
        (
            lambda: ask(identity=[of("identity", what="s3:*", name="policy Files of user alice")]),
            f"User alice may not do {SEND} on {QUEUE}: user alice has no policy that allows it. "
            "Statement 1 of policy Files of user alice nearly fits: its Action is s3:*.",
        ),
        (
            lambda: ask(
                identity=[YES], boundary=of("boundary", what="s3:*", name="the permissions boundary")
            ),
            f"The permissions boundary of user alice does not allow {SEND}. "
            "Statement 1 of the permissions boundary nearly fits: its Action is s3:*.",
        ),
        (
            lambda: ask(f"arn:aws:sts::{HERE}:federated-user/bob", identity=[YES]),
            "Federated user bob has no session policy, so its own policies give it nothing.",
        ),
        (
            lambda: ask(
                identity=[YES],
                scp=[of("scp", what="s3:*")],
            ),
            f"The service control policies of the organization do not allow user alice to do {SEND}. "
            "Statement 1 of the service control policy nearly fits: its Action is s3:*.",
        ),
        (
            lambda: ask("sns.amazonaws.com"),
            f"The queue has no policy, so sns.amazonaws.com may not do {SEND}.",
        ),
        (
            lambda: ask(
                "s3.amazonaws.com", "lambda:InvokeFunction", f"arn:aws:lambda:eu-west-1:{HERE}:function:f"
            ),
            "The function has no policy, so s3.amazonaws.com may not do lambda:InvokeFunction.",
        ),
        (
            lambda: ask(f"arn:aws:iam::{THERE}:user/bob"),
            f"User bob may not do {SEND} on {QUEUE}: user bob has no policy, "
            "and a resource of another account needs that too.",
        ),
        (
            lambda: ask(action="kms:Decrypt", about=KEY, resource=[of("key", Principal={"AWS": HERE})]),
            f"User alice may not do kms:Decrypt on {KEY}: user alice has no policy, "
            "and the key's policy leaves the decision to that.",
        ),
        (
            lambda: ask(
                action="kms:Decrypt", about=KEY, resource=[of("key", "Deny", Principal={"AWS": THERE})]
            ),
            "The key's policy neither allows user alice to do kms:Decrypt nor leaves that to IAM policies.",
        ),
        (
            lambda: ask(
                action="sts:AssumeRole",
                about=ROLE,
                resource=[of("trust", "Deny", "sts:TagSession", Principal="*")],
            ),
            "No statement of the role's trust policy allows user alice to do sts:AssumeRole.",
        ),
        (
            lambda: ask(
                action="sts:AssumeRole",
                about=ROLE,
                resource=[of("trust", what="sts:AssumeRole", Principal={"AWS": HERE})],
            ),
            f"User alice may not do sts:AssumeRole on {ROLE}: user alice has no policy, "
            "and the role's trust policy leaves the decision to that.",
        ),
        (
            lambda: ask(
                resource=[of("resource", "Deny", Principal="*", Sid="NoOne", name="the queue's policy")]
            ),
            f"Statement NoOne of the queue's policy forbids user alice to do {SEND}. A Deny wins over every Allow.",
        ),
        (
            lambda: ask(resource=[of("resource", Principal="*", Sid="All", name="the queue's policy")]),
            f"Statement All of the queue's policy allows user alice to do {SEND}.",
        ),
        (
            lambda: ask(HERE),
            f"The root user of account {HERE} may do everything in this account, so also {SEND}.",
        ),
        (
            lambda: ask(
                f"arn:aws:sts::{HERE}:assumed-role/worker/one",
                identity=[YES],
                session=[of("session", "Deny", "s3:*")],
            ),
            f"The session policy of role worker (session one) does not allow {SEND}.",
        ),
    ],
)
def test_sentences(decision: Any, sentence: str) -> None:
    assert decision().sentence == sentence


@pytest.mark.parametrize(
    ("condition", "context", "why"),
    [
        (
            {"ArnEquals": {"aws:SourceArn": TOPIC}},
            {"aws:SourceArn": TOPIC + "-old"},
            f'its condition ArnEquals on aws:SourceArn names "{TOPIC}", and the request has "{TOPIC}-old"',
        ),
        (
            {"StringEquals": {"aws:SourceAccount": ["1", "2"]}},
            {},
            'its condition StringEquals on aws:SourceAccount names "1" or "2", and the request has no such key',
        ),
        (
            {"ForAllValues:StringEquals": {"aws:TagKeys": "a"}},
            {"aws:TagKeys": ["a", "b"]},
            'its condition ForAllValues:StringEquals on aws:TagKeys names "a", and the request has "a", "b"',
        ),
    ],
)
def test_the_statement_that_nearly_fits_is_named(condition: Any, context: Any, why: str) -> None:
    policy = of(
        "resource",
        what=SEND,
        name="the queue's policy",
        Sid="AllowTopic",
        Principal={"Service": "sns.amazonaws.com"},
        Condition=condition,
    )
    decision = ask("sns.amazonaws.com", resource=[policy], context=context)
    assert decision.hint == f"Statement AllowTopic of the queue's policy nearly fits: {why}."
    assert decision.sentence.endswith(decision.hint)


def test_a_long_value_is_cut() -> None:
    policy = of("resource", Principal="*", Condition={"StringEquals": {"aws:x": "y" * 500}})
    assert len(ask("sns.amazonaws.com", resource=[policy]).sentence) < 400


def test_a_condition_is_told_before_a_wrong_action() -> None:
    policy = Policy.parse(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Sid": "Read", "Effect": "Allow", "Principal": "*", "Action": "sqs:ReceiveMessage"},
                {
                    "Sid": "Send",
                    "Effect": "Allow",
                    "Principal": "*",
                    "Action": SEND,
                    "Condition": {"Null": {"aws:x": "false"}},
                },
            ],
        },
        "resource",
    )
    assert "Statement Send" in ask("sns.amazonaws.com", resource=[policy]).hint


def test_what_decided_can_be_read_by_programs() -> None:
    policy = of("resource", Principal={"AWS": ALICE}, Sid="Mine", name="the queue's policy")
    decision = ask(resource=[policy], identity=[YES])
    assert decision.statement is not None
    assert (decision.statement.sid, decision.statement.policy.name) == ("Mine", "the queue's policy")
    assert str(decision.statement) == "statement Mine of the queue's policy"
    assert decision.layers == {"resource": "allowed", "identity": "allowed"}
    assert "Decision(allowed" in repr(decision)
    assert "user alice" in repr(decision.request)


def test_a_principal_may_be_given_whole() -> None:
    alice = Principal("user", ALICE, HERE, "alice", tags={"team": "blue"})
    assert Request(alice, SEND).principal is alice
