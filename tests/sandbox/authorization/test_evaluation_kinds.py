"""Who may: services, NotPrincipal, keys, roles, and the condition keys of the labs."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.sandbox.authorization import Policy, Principal
from tests.sandbox.authorization.cast import (
    ALICE,
    HERE,
    KEY,
    QUEUE,
    ROLE,
    ROOT,
    SEND,
    SESSION,
    STRANGER,
    THERE,
    TOPIC,
    allowing,
    ask,
    naming,
    of,
    say,
)

# -- services ---------------------------------------------------------------------------------------------------

SNS = Principal.of("sns.amazonaws.com")
FROM_TOPIC = {"aws:SourceArn": TOPIC}


@pytest.mark.parametrize(
    ("principal", "condition", "context", "allowed"),
    [
        ({"Service": "sns.amazonaws.com"}, {}, FROM_TOPIC, True),
        ({"Service": ["events.amazonaws.com", "sns.amazonaws.com"]}, {}, FROM_TOPIC, True),
        ({"Service": "events.amazonaws.com"}, {}, FROM_TOPIC, False),
        ("*", {}, FROM_TOPIC, True),
        ({"AWS": "*"}, {"ArnEquals": {"aws:SourceArn": TOPIC}}, FROM_TOPIC, True),
        ({"AWS": HERE}, {}, FROM_TOPIC, False),
        ({"Service": "sns.amazonaws.com"}, {"ArnEquals": {"aws:SourceArn": TOPIC}}, FROM_TOPIC, True),
        (
            {"Service": "sns.amazonaws.com"},
            {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:orders"}},
            FROM_TOPIC,
            True,
        ),
        ({"Service": "sns.amazonaws.com"}, {"ArnEquals": {"aws:SourceArn": TOPIC + "x"}}, FROM_TOPIC, False),
        ({"Service": "sns.amazonaws.com"}, {"ArnEquals": {"aws:SourceArn": TOPIC}}, {}, False),
        ({"Service": "sns.amazonaws.com"}, {"StringEquals": {"aws:SourceAccount": HERE}}, FROM_TOPIC, True),
        ({"Service": "sns.amazonaws.com"}, {"StringEquals": {"aws:SourceAccount": THERE}}, FROM_TOPIC, False),
        (
            {"Service": "sns.amazonaws.com"},
            {"StringEquals": {"AWS:SourceAccount": HERE}},
            {"aws:SourceAccount": HERE},
            True,
        ),
        ({"Service": "sns.amazonaws.com"}, {"Bool": {"aws:SecureTransport": "true"}}, FROM_TOPIC, True),
    ],
)
def test_a_service_needs_the_resources_policy(
    principal: Any, condition: Any, context: Any, allowed: bool
) -> None:
    opened = of("resource", say("Allow", SEND, Principal=principal, Condition=condition))
    assert ask(SNS, context=context, resource=[opened]).allowed is allowed


def test_identity_policies_and_boundaries_mean_nothing_to_a_service() -> None:
    assert not ask(SNS, identity=[allowing()]).allowed
    opened = naming({"Service": "sns.amazonaws.com"})
    assert ask(
        SNS, resource=[opened], boundary=allowing("boundary", "s3:*"), session=[allowing("session", "s3:*")]
    ).allowed


def test_plain_http_is_denied_to_everybody() -> None:
    tls = naming("*", "Deny", Condition={"Bool": {"aws:SecureTransport": "false"}})
    opened = naming({"Service": "sns.amazonaws.com"})
    assert ask(SNS, resource=[opened, tls]).allowed
    assert ask(SNS, resource=[opened, tls], context={"aws:SecureTransport": False}).reason == "explicit deny"


def test_somebody_unknown_needs_a_policy_for_everybody() -> None:
    nobody = Principal.of("*")
    assert not ask(nobody, identity=[allowing()], resource=[naming(HERE)]).allowed
    assert ask(nobody, resource=[naming("*")]).allowed


# -- NotPrincipal -----------------------------------------------------------------------------------------------


def test_not_principal_with_deny() -> None:
    def but(*listed: str) -> Policy:
        return of(
            "resource",
            {"Effect": "Deny", "NotPrincipal": {"AWS": list(listed)}, "Action": "*", "Resource": "*"},
        )

    bob = Principal.of(f"arn:aws:iam::{HERE}:user/bob")
    assert ask(ALICE, identity=[allowing()], resource=[but(ALICE.arn, ROOT)]).allowed
    assert not ask(bob, identity=[allowing()], resource=[but(ALICE.arn, ROOT)]).allowed
    assert not ask(ALICE, identity=[allowing()], resource=[but(ALICE.arn)]).allowed
    # whoever has a permissions boundary is denied, listed or not
    bounded = ask(
        ALICE, identity=[allowing()], resource=[but(ALICE.arn, ROOT)], boundary=allowing("boundary")
    )
    assert bounded.reason == "explicit deny"


# -- keys -------------------------------------------------------------------------------------------------------


def key(*statements: dict[str, Any]) -> Policy:
    return of("key", *statements)


DELEGATING = say("Allow", "kms:*", "EnableIAM", Principal={"AWS": ROOT})
DECRYPT = "kms:Decrypt"


@pytest.mark.parametrize(
    ("who", "statements", "identity", "allowed", "layer"),
    [
        (ALICE, [DELEGATING], "kms:*", True, "identity"),
        (ALICE, [DELEGATING], None, False, "identity"),
        (ALICE, [say("Allow", DECRYPT, Principal={"AWS": ALICE.arn})], None, True, "resource"),
        (ALICE, [say("Allow", DECRYPT, Principal={"AWS": SESSION.arn})], "kms:*", False, "resource"),
        (SESSION, [say("Allow", DECRYPT, Principal={"AWS": ROLE})], None, True, "resource"),
        (ALICE, [say("Allow", "kms:Encrypt", Principal={"AWS": ROOT})], "kms:*", False, "resource"),
        (ALICE, [DELEGATING, say("Deny", DECRYPT, Principal="*")], "kms:*", False, "resource"),
        (STRANGER, [say("Allow", DECRYPT, Principal={"AWS": THERE})], "kms:*", True, "resource"),
        (STRANGER, [say("Allow", DECRYPT, Principal={"AWS": THERE})], None, False, "identity"),
        (STRANGER, [DELEGATING], "kms:*", False, "resource"),
        (SNS, [say("Allow", "kms:*", Principal={"Service": "sns.amazonaws.com"})], None, True, "resource"),
        (SNS, [DELEGATING], None, False, "resource"),
    ],
)
def test_a_key_policy_must_allow_or_delegate(
    who: Principal, statements: list[Any], identity: str | None, allowed: bool, layer: str
) -> None:
    policies = [allowing(what=identity)] if identity else []
    decision = ask(who, DECRYPT, KEY, identity=policies, resource=[key(*statements)])
    assert (decision.allowed, decision.layer) == (allowed, layer)


def test_conditions_of_keys() -> None:
    via = {
        "StringEquals": {
            "kms:ViaService": "sqs.eu-west-1.amazonaws.com",
            "kms:EncryptionContext:aws:sqs:arn": QUEUE,
        }
    }
    guarded = key(say("Allow", "kms:*", Principal={"AWS": ALICE.arn}, Condition=via))
    context = {"kms:ViaService": "sqs.eu-west-1.amazonaws.com", "kms:EncryptionContext:AWS:sqs:ARN": QUEUE}
    assert ask(ALICE, DECRYPT, KEY, context, resource=[guarded]).allowed
    assert not ask(
        ALICE, DECRYPT, KEY, {**context, "kms:ViaService": "s3.eu-west-1.amazonaws.com"}, resource=[guarded]
    ).allowed
    assert not ask(ALICE, DECRYPT, KEY, resource=[guarded]).allowed


def test_a_boundary_limits_delegated_use_of_a_key() -> None:
    decision = ask(
        ALICE,
        DECRYPT,
        KEY,
        identity=[allowing(what="kms:*")],
        resource=[key(DELEGATING)],
        boundary=allowing("boundary", "sqs:*"),
    )
    assert (decision.allowed, decision.layer) == (False, "boundary")


# -- roles ------------------------------------------------------------------------------------------------------

ASSUME = "sts:AssumeRole"


@pytest.mark.parametrize(
    ("who", "named", "identity", "allowed"),
    [
        (ALICE, {"AWS": ALICE.arn}, None, True),  # named herself, in the same account
        (ALICE, {"AWS": ROOT}, None, False),
        (ALICE, {"AWS": ROOT}, ASSUME, True),
        (ALICE, {"AWS": SESSION.arn}, ASSUME, False),
        (STRANGER, {"AWS": THERE}, ASSUME, True),
        (STRANGER, {"AWS": THERE}, None, False),
        (STRANGER, {"AWS": STRANGER.arn}, None, False),
        (STRANGER, {"AWS": STRANGER.arn}, ASSUME, True),
        (SESSION, {"AWS": ROLE}, None, True),
        (Principal.of("lambda.amazonaws.com"), {"Service": "lambda.amazonaws.com"}, None, True),
        (Principal.of("lambda.amazonaws.com"), {"Service": "ec2.amazonaws.com"}, None, False),
    ],
)
def test_a_trust_policy_must_trust(who: Principal, named: Any, identity: str | None, allowed: bool) -> None:
    trust = naming(named, what=ASSUME, sort="trust")
    policies = [allowing(what=identity)] if identity else []
    assert ask(who, ASSUME, ROLE, identity=policies, resource=[trust]).allowed is allowed


@pytest.mark.parametrize(("given", "allowed"), [("12345", True), ("54321", False), (None, False)])
def test_an_external_id(given: str | None, allowed: bool) -> None:
    trust = naming(THERE, what=ASSUME, sort="trust", Condition={"StringEquals": {"sts:ExternalId": "12345"}})
    decision = ask(
        STRANGER, ASSUME, ROLE, {"sts:ExternalId": given}, identity=[allowing(what=ASSUME)], resource=[trust]
    )
    assert decision.allowed is allowed


def test_web_identity() -> None:
    provider = f"arn:aws:iam::{HERE}:oidc-provider/token.example.com"
    trust = of(
        "trust",
        {
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {
                    "token.example.com:sub": "repo:orders",
                    "token.example.com:aud": "sts.amazonaws.com",
                }
            },
        },
    )
    who = Principal.of(provider)
    claims = {"token.example.com:sub": "repo:orders", "token.example.com:aud": "sts.amazonaws.com"}
    action = "sts:AssumeRoleWithWebIdentity"
    assert ask(who, action, ROLE, claims, resource=[trust]).allowed
    assert not ask(
        who, action, ROLE, {**claims, "token.example.com:sub": "repo:evil"}, resource=[trust]
    ).allowed
    assert not ask(who, action, ROLE, resource=[trust]).allowed


# -- conditions on who, what and when -----------------------------------------------------------------------------


def only_if(condition: dict[str, Any], **more: Any) -> Policy:
    return of("identity", say("Allow", Condition=condition, **more))


@pytest.mark.parametrize(
    ("condition", "context", "allowed"),
    [
        ({"StringEquals": {"aws:PrincipalTag/team": "blue"}}, {}, True),
        ({"StringEquals": {"aws:PrincipalTag/team": "red"}}, {}, False),
        (
            {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}},
            {"aws:ResourceTag/team": "blue"},
            True,
        ),
        (
            {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}},
            {"aws:ResourceTag/team": "red"},
            False,
        ),
        ({"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}, {}, False),
        ({"StringEquals": {"aws:RequestTag/env": ["dev", "test"]}}, {"aws:RequestTag/env": "test"}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["env", "team"]}}, {"aws:TagKeys": ["env"]}, True),
        (
            {"ForAllValues:StringEquals": {"aws:TagKeys": ["env", "team"]}},
            {"aws:TagKeys": ["env", "cost"]},
            False,
        ),
        (
            {"ForAllValues:StringEquals": {"aws:TagKeys": ["env"]}, "Null": {"aws:TagKeys": "false"}},
            {},
            False,
        ),
        (
            {"ForAnyValue:StringEquals": {"aws:CalledVia": ["athena.amazonaws.com"]}},
            {"aws:CalledVia": ["athena.amazonaws.com"]},
            True,
        ),
        ({"ForAnyValue:StringEquals": {"aws:CalledVia": ["athena.amazonaws.com"]}}, {}, False),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, {"aws:PrincipalOrgID": "o-1"}, True),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, {}, False),
        ({"StringEquals": {"aws:PrincipalAccount": HERE, "aws:username": "alice"}}, {}, True),
        ({"StringEquals": {"aws:PrincipalAccount": HERE, "aws:username": "bob"}}, {}, False),
        ({"StringEquals": {"aws:PrincipalAccount": HERE}, "Bool": {"aws:SecureTransport": "true"}}, {}, True),
        (
            {"StringEquals": {"aws:PrincipalAccount": HERE}, "Bool": {"aws:SecureTransport": "false"}},
            {},
            False,
        ),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/al*"}}, {}, True),
        ({"StringEquals": {"aws:userid": "AIDAEXAMPLE123456789"}}, {}, True),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, {"aws:SourceIp": "203.0.113.9"}, True),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, {}, False),
        ({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, {}, True),
        ({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, {}, False),
        (
            {"DateLessThan": {"aws:CurrentTime": "2027-01-01T00:00:00Z"}},
            {"aws:CurrentTime": "2026-12-31T23:59:59Z"},
            True,
        ),
        ({"NumericGreaterThan": {"aws:EpochTime": "1577836800"}}, {}, True),
        (
            {
                "StringEquals": {"sns:Protocol": "https"},
                "StringLike": {"sns:Endpoint": "https://shop.example/${aws:username}/*"},
            },
            {"sns:Protocol": "https", "sns:Endpoint": "https://shop.example/alice/in"},
            True,
        ),
        (
            {"ArnLike": {"lambda:FunctionArn": "arn:aws:lambda:*:*:function:pay"}},
            {"lambda:FunctionArn": f"arn:aws:lambda:eu-west-1:{HERE}:function:pay"},
            True,
        ),
    ],
)
def test_the_keys_of_the_labs(condition: Any, context: Any, allowed: bool) -> None:
    alice = Principal("user", ALICE.arn, HERE, "alice", unique_id=ALICE.unique_id, tags={"team": "blue"})
    assert ask(alice, context=context, identity=[only_if(condition)]).allowed is allowed


def test_the_labs_clock_moves_current_time() -> None:
    import time

    from labkit.sandbox import Sandbox

    with Sandbox() as sandbox:
        until = time.time() + 3600
        policy = only_if({"NumericLessThan": {"aws:EpochTime": str(until)}})
        assert ask(ALICE, identity=[policy]).allowed
        sandbox.clock.advance(hours=2)
        assert not ask(ALICE, identity=[policy]).allowed
