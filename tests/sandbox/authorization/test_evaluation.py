"""Who may: the order of policies, within one account, across accounts, for keys, roles and services."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.sandbox.authorization import Decision, Policy, Principal, Request, decide

HERE, THERE = "123456789012", "999999999999"
QUEUE = f"arn:aws:sqs:eu-west-1:{HERE}:orders"
TOPIC = f"arn:aws:sns:eu-west-1:{HERE}:orders"
KEY = f"arn:aws:kms:eu-west-1:{HERE}:key/1234abcd"
ROLE = f"arn:aws:iam::{HERE}:role/jobs/worker"
ROOT = f"arn:aws:iam::{HERE}:root"
ALICE = Principal("user", f"arn:aws:iam::{HERE}:user/alice", HERE, "alice", unique_id="AIDAEXAMPLE123456789")
STRANGER = Principal.of(f"arn:aws:iam::{THERE}:user/carlos")
SESSION = Principal(
    "session",
    f"arn:aws:sts::{HERE}:assumed-role/worker/one",
    HERE,
    "worker",
    "one",
    ROLE,
    "AROAEXAMPLE123456789",
)
FEDERATED = Principal(
    "federated user", f"arn:aws:sts::{HERE}:federated-user/alice", HERE, "alice", role_arn=ALICE.arn
)
SEND = "sqs:SendMessage"


def say(effect: str, what: str = "sqs:*", sid: str = "", **more: Any) -> dict[str, Any]:
    """One statement about every resource."""
    return {"Effect": effect, "Action": what, "Resource": "*", **({"Sid": sid} if sid else {}), **more}


def of(sort: Any, *statements: dict[str, Any]) -> Policy:
    return Policy.parse({"Version": "2012-10-17", "Statement": list(statements)}, sort)


def allowing(sort: Any = "identity", what: str = "sqs:*") -> Policy:
    return of(sort, say("Allow", what))


def naming(
    who: Any, effect: str = "Allow", what: str = "sqs:*", sort: Any = "resource", **more: Any
) -> Policy:
    """A resource's policy with one statement for `who`: a Principal element, or something for its key AWS."""
    statement = say(
        effect, what, Principal=who if who == "*" or isinstance(who, dict) else {"AWS": who}, **more
    )
    if sort == "trust":
        del statement["Resource"]
    return of(sort, statement)


def ask(
    who: Principal,
    action: str = SEND,
    about: str = QUEUE,
    context: dict[str, Any] | None = None,
    **policies: Any,
) -> Decision:
    return decide(Request(who, action, about, context=context), **policies)


# -- identity policies alone ------------------------------------------------------------------------------


def test_without_any_policy_nothing_is_allowed() -> None:
    decision = ask(ALICE)
    assert (decision.allowed, decision.reason, decision.layer) == (False, "implicit deny", "identity")
    assert decision.statement is None


def test_one_allow_among_several_policies_is_enough() -> None:
    decision = ask(ALICE, identity=[allowing(what="sns:*"), allowing()])
    assert decision.allowed
    assert decision.reason == "allowed"


def test_a_deny_wins_wherever_it_stands() -> None:
    deny = of("identity", say("Allow"), say("Deny", SEND, "NoSending"))
    decision = ask(ALICE, identity=[allowing(), deny], resource=[naming(ALICE.arn)])
    assert decision.reason == "explicit deny"
    assert decision.statement is not None
    assert decision.statement.sid == "NoSending"


def test_a_deny_that_does_not_apply_is_no_deny() -> None:
    deny = of("identity", say("Deny", "sqs:DeleteQueue"))
    assert ask(ALICE, identity=[allowing(), deny]).allowed


@pytest.mark.parametrize("layer", ["identity", "resource", "boundary", "session", "scp"])
def test_a_deny_in_each_type_of_policy(layer: str) -> None:
    full: dict[str, Any] = {
        "identity": [allowing()],
        "resource": [naming(SESSION.arn)],
        "boundary": allowing("boundary"),
        "session": [allowing("session")],
        "scp": [allowing("scp")],
    }
    assert ask(SESSION, **full).allowed
    denying = naming("*", "Deny") if layer == "resource" else of(layer, say("Deny"))
    full[layer] = denying if layer == "boundary" else [*full[layer], denying]
    decision = ask(SESSION, **full)
    assert (decision.reason, decision.layer) == ("explicit deny", layer)


def test_the_example_of_carlos() -> None:
    """His own bucket is his, buckets for logs are nobody's: a bucket policy cannot lift his Deny."""
    carlos = Principal.of(f"arn:aws:iam::{HERE}:user/carlos")
    own = of(
        "identity",
        say("Allow", "s3:ListAllMyBuckets", "List"),
        say("Allow", "s3:*", "Own", Resource=["arn:aws:s3:::carlos", "arn:aws:s3:::carlos/*"]),
        say("Deny", "s3:*", "NoLogs", Resource="arn:aws:s3:::*log*"),
    )
    bucket = naming(carlos.arn, what="s3:*", Resource=["arn:aws:s3:::carlos*", "arn:aws:s3:::carlos*/*"])
    assert decide(Request(carlos, "s3:PutObject", "arn:aws:s3:::carlos/a", HERE), [own], [bucket]).allowed
    logs = decide(Request(carlos, "s3:PutObject", "arn:aws:s3:::carlos-logs/a", HERE), [own], [bucket])
    assert logs.reason == "explicit deny"


# -- the resource's policy within one account ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "named", "allowed"),
    [
        (ALICE, ALICE.arn, True),
        (ALICE, "*", True),
        (ALICE, ALICE.unique_id, True),
        (ALICE, HERE, False),  # the account: its own policies decide
        (ALICE, ROOT, False),
        (ALICE, SESSION.arn, False),
        (SESSION, SESSION.arn, True),
        (SESSION, ROLE, True),
        (SESSION, SESSION.unique_id, True),
        (SESSION, ROOT, False),
        (FEDERATED, FEDERATED.arn, True),
        (FEDERATED, ALICE.arn, False),  # without a session policy a federated session has nothing
    ],
)
def test_the_resources_policy_alone(who: Principal, named: str, allowed: bool) -> None:
    assert ask(who, resource=[naming(named)]).allowed is allowed


def test_either_side_is_enough_within_one_account() -> None:
    assert ask(ALICE, identity=[allowing()], resource=[naming(SESSION.arn)]).allowed
    assert ask(ALICE, identity=[allowing(what="sns:*")], resource=[naming(ALICE.arn)]).allowed


def test_naming_the_account_only_leaves_it_to_identity_policies() -> None:
    assert ask(ALICE, identity=[allowing()], resource=[naming(HERE)]).allowed


@pytest.mark.parametrize(
    ("who", "named", "allowed"),
    [
        (ALICE, ALICE.arn, True),
        (SESSION, SESSION.arn, True),
        (SESSION, "*", True),
        (SESSION, ROLE, False),
        (Principal.of(ROLE), ROLE, False),
    ],
)
def test_a_boundary_limits_only_what_was_given_to_the_role(who: Principal, named: str, allowed: bool) -> None:
    decision = ask(who, resource=[naming(named)], boundary=allowing("boundary", "s3:*"))
    assert decision.allowed is allowed
    if not allowed:
        assert decision.layer == "boundary"


@pytest.mark.parametrize(
    ("who", "named", "allowed"),
    [(SESSION, SESSION.arn, True), (SESSION, ROLE, False), (FEDERATED, FEDERATED.arn, True), (FEDERATED, ALICE.arn, False)],
)  # fmt: skip
def test_a_session_policy_limits_only_what_was_given_to_the_role(
    who: Principal, named: str, allowed: bool
) -> None:
    decision = ask(who, resource=[naming(named)], session=[allowing("session", "s3:*")])
    assert decision.allowed is allowed
    if not allowed:
        assert decision.layer == "session"


def test_everybody_with_a_condition_on_the_role_is_not_limited() -> None:
    open_to = naming("*", Condition={"ArnEquals": {"aws:PrincipalArn": ROLE}})
    assert ask(SESSION, resource=[open_to], boundary=allowing("boundary", "s3:*")).allowed
    assert not ask(ALICE, resource=[open_to]).allowed


# -- boundaries, sessions, the organization -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("identity", "boundary", "session", "layer"),
    [
        ("sqs:*", None, None, None),
        ("sqs:*", "sqs:*", None, None),
        ("sqs:*", "s3:*", None, "boundary"),
        ("s3:*", "sqs:*", None, "identity"),
        ("sqs:*", None, "sqs:*", None),
        ("sqs:*", None, "s3:*", "session"),
        ("sqs:*", "sqs:*", "sqs:*", None),
        ("sqs:*", "s3:*", "s3:*", "boundary"),
        ("s3:*", None, "sqs:*", "identity"),
    ],
)
def test_intersections(identity: str, boundary: str | None, session: str | None, layer: str | None) -> None:
    decision = ask(
        SESSION,
        identity=[allowing(what=identity)],
        boundary=allowing("boundary", boundary) if boundary else None,
        session=[allowing("session", session)] if session else [],
    )
    assert decision.allowed is (layer is None)
    if layer:
        assert (decision.reason, decision.layer) == ("implicit deny", layer)


def test_session_policies_are_joined() -> None:
    assert ask(
        SESSION,
        identity=[allowing()],
        session=[allowing("session", "s3:*"), allowing("session", "sqs:Send*")],
    ).allowed


def test_a_federated_session_gets_what_user_and_session_policy_share() -> None:
    assert not ask(FEDERATED, identity=[allowing()]).allowed
    assert ask(FEDERATED, identity=[allowing()], session=[allowing("session")]).allowed


@pytest.mark.parametrize(
    ("levels", "allowed"),
    [
        ([], True),
        (["sqs:*"], True),
        (["s3:*"], False),
        ([["*"], ["sqs:*", "s3:*"], ["sqs:Send*"]], True),
        ([["*"], ["s3:*"], ["*"]], False),
    ],
)
def test_the_organization_must_allow_at_every_level(levels: list[Any], allowed: bool) -> None:
    scp = [
        [allowing("scp", action) for action in level] if isinstance(level, list) else allowing("scp", level)
        for level in levels
    ]
    decision = ask(ALICE, identity=[allowing()], resource=[naming(ALICE.arn)], scp=scp)
    assert decision.allowed is allowed
    if not allowed:
        assert (decision.reason, decision.layer) == ("implicit deny", "scp")


def test_the_organization_does_not_touch_services_and_their_roles() -> None:
    linked = Principal(
        "session", f"arn:aws:sts::{HERE}:assumed-role/AWSServiceRoleForX/s", HERE, "AWSServiceRoleForX", "s",
        f"arn:aws:iam::{HERE}:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX",
    )  # fmt: skip
    assert ask(linked, identity=[allowing()], scp=[of("scp", say("Deny"))]).allowed
    service = Principal.of("sns.amazonaws.com")
    opened = naming({"Service": "sns.amazonaws.com"})
    assert ask(service, resource=[opened], scp=[of("scp", say("Deny"))]).allowed


# -- the root user --------------------------------------------------------------------------------------------


def test_the_root_user() -> None:
    root = Principal.of(HERE)
    assert ask(root).allowed
    assert not ask(root, resource=[naming(ROOT, "Deny")]).allowed
    assert not ask(root, scp=[allowing("scp", "s3:*")]).allowed
    assert not ask(root, "kms:Decrypt", KEY, resource=[naming(ALICE.arn, what="kms:*", sort="key")]).allowed
    assert ask(root, "kms:Decrypt", KEY, resource=[naming(ROOT, what="kms:*", sort="key")]).allowed


def test_the_root_user_of_another_account_needs_only_the_other_side() -> None:
    root = Principal.of(THERE)
    assert not ask(root).allowed
    assert ask(root, resource=[naming(THERE)]).allowed


# -- across accounts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [STRANGER.arn, THERE, f"arn:aws:iam::{THERE}:root", "*"])
def test_across_accounts_both_sides_must_allow(named: str) -> None:
    both = ask(STRANGER, identity=[allowing()], resource=[naming(named)])
    assert both.allowed
    assert ask(STRANGER, resource=[naming(named)]).layer == "identity"
    only_own = ask(STRANGER, identity=[allowing()], resource=[naming(ALICE.arn)])
    assert (only_own.allowed, only_own.layer) == (False, "resource")
    assert ask(STRANGER, identity=[allowing()]).layer == "resource"


def test_across_accounts_boundaries_and_sessions_limit_everybody() -> None:
    opened = naming(STRANGER.arn)
    assert not ask(
        STRANGER, identity=[allowing()], resource=[opened], boundary=allowing("boundary", "s3:*")
    ).allowed
    away = Principal.of(f"arn:aws:sts::{THERE}:assumed-role/app/one")
    limited = ask(
        away, identity=[allowing()], resource=[naming(away.arn)], session=[allowing("session", "s3:*")]
    )
    assert not limited.allowed


def test_a_deny_on_either_side_counts_across_accounts() -> None:
    sides: dict[str, Any] = {"identity": [allowing()], "resource": [naming(STRANGER.arn)]}
    assert not ask(STRANGER, **{**sides, "identity": [allowing(), of("identity", say("Deny"))]}).allowed
    assert not ask(STRANGER, **{**sides, "resource": [*sides["resource"], naming("*", "Deny")]}).allowed


def test_a_bucket_has_no_account_in_its_name_so_the_owner_is_said() -> None:
    bucket = naming(STRANGER.arn, what="s3:*")
    ours = Request(STRANGER, "s3:GetObject", "arn:aws:s3:::photos/cat.jpg", account=HERE)
    assert not decide(ours, resource=[bucket]).allowed
    theirs = Request(STRANGER, "s3:GetObject", "arn:aws:s3:::photos/cat.jpg", account=THERE)
    assert decide(theirs, resource=[bucket]).allowed


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
        ({"Service": "sns.amazonaws.com"}, {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:orders"}}, FROM_TOPIC, True),
        ({"Service": "sns.amazonaws.com"}, {"ArnEquals": {"aws:SourceArn": TOPIC + "x"}}, FROM_TOPIC, False),
        ({"Service": "sns.amazonaws.com"}, {"ArnEquals": {"aws:SourceArn": TOPIC}}, {}, False),
        ({"Service": "sns.amazonaws.com"}, {"StringEquals": {"aws:SourceAccount": HERE}}, FROM_TOPIC, True),
        ({"Service": "sns.amazonaws.com"}, {"StringEquals": {"aws:SourceAccount": THERE}}, FROM_TOPIC, False),
        ({"Service": "sns.amazonaws.com"}, {"StringEquals": {"AWS:SourceAccount": HERE}}, {"aws:SourceAccount": HERE}, True),
        ({"Service": "sns.amazonaws.com"}, {"Bool": {"aws:SecureTransport": "true"}}, FROM_TOPIC, True),
    ],
)  # fmt: skip
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
        ALICE, DECRYPT, KEY, identity=[allowing(what="kms:*")], resource=[key(DELEGATING)],
        boundary=allowing("boundary", "sqs:*"),
    )  # fmt: skip
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
    trust = of("trust", {
        "Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {"token.example.com:sub": "repo:orders", "token.example.com:aud": "sts.amazonaws.com"}},
    })  # fmt: skip
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
        ({"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}, {"aws:ResourceTag/team": "blue"}, True),
        ({"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}, {"aws:ResourceTag/team": "red"}, False),
        ({"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}, {}, False),
        ({"StringEquals": {"aws:RequestTag/env": ["dev", "test"]}}, {"aws:RequestTag/env": "test"}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["env", "team"]}}, {"aws:TagKeys": ["env"]}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["env", "team"]}}, {"aws:TagKeys": ["env", "cost"]}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["env"]}, "Null": {"aws:TagKeys": "false"}}, {}, False),
        ({"ForAnyValue:StringEquals": {"aws:CalledVia": ["athena.amazonaws.com"]}}, {"aws:CalledVia": ["athena.amazonaws.com"]}, True),
        ({"ForAnyValue:StringEquals": {"aws:CalledVia": ["athena.amazonaws.com"]}}, {}, False),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, {"aws:PrincipalOrgID": "o-1"}, True),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, {}, False),
        ({"StringEquals": {"aws:PrincipalAccount": HERE, "aws:username": "alice"}}, {}, True),
        ({"StringEquals": {"aws:PrincipalAccount": HERE, "aws:username": "bob"}}, {}, False),
        ({"StringEquals": {"aws:PrincipalAccount": HERE}, "Bool": {"aws:SecureTransport": "true"}}, {}, True),
        ({"StringEquals": {"aws:PrincipalAccount": HERE}, "Bool": {"aws:SecureTransport": "false"}}, {}, False),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/al*"}}, {}, True),
        ({"StringEquals": {"aws:userid": "AIDAEXAMPLE123456789"}}, {}, True),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, {"aws:SourceIp": "203.0.113.9"}, True),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, {}, False),
        ({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, {}, True),
        ({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, {}, False),
        ({"DateLessThan": {"aws:CurrentTime": "2027-01-01T00:00:00Z"}}, {"aws:CurrentTime": "2026-12-31T23:59:59Z"}, True),
        ({"NumericGreaterThan": {"aws:EpochTime": "1577836800"}}, {}, True),
        ({"StringEquals": {"sns:Protocol": "https"}, "StringLike": {"sns:Endpoint": "https://shop.example/${aws:username}/*"}}, {"sns:Protocol": "https", "sns:Endpoint": "https://shop.example/alice/in"}, True),
        ({"ArnLike": {"lambda:FunctionArn": "arn:aws:lambda:*:*:function:pay"}}, {"lambda:FunctionArn": f"arn:aws:lambda:eu-west-1:{HERE}:function:pay"}, True),
    ],
)  # fmt: skip
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
