"""Who may: the order of policies, within one account and across accounts."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.sandbox.authorization import Principal, Request, decide
from tests.sandbox.authorization.cast import (
    ALICE,
    FEDERATED,
    HERE,
    KEY,
    ROLE,
    ROOT,
    SEND,
    SESSION,
    STRANGER,
    THERE,
    allowing,
    ask,
    naming,
    of,
    say,
)

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
    [
        (SESSION, SESSION.arn, True),
        (SESSION, ROLE, False),
        (FEDERATED, FEDERATED.arn, True),
        (FEDERATED, ALICE.arn, False),
    ],
)
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
        "session",
        f"arn:aws:sts::{HERE}:assumed-role/AWSServiceRoleForX/s",
        HERE,
        "AWSServiceRoleForX",
        "s",
        f"arn:aws:iam::{HERE}:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX",
    )
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
