"""Who asks, and whom a Principal element names."""

from __future__ import annotations

import pytest

from labkit.sandbox.authorization import Principal, Request, pinned
from labkit.sandbox.authorization.principals import How, PrincipalElement, valid_entry

ACCOUNT, OTHER = "123456789012", "999999999999"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
WORKER = f"arn:aws:iam::{ACCOUNT}:role/jobs/worker"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/one"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def session() -> Principal:
    return Principal("session", SESSION, ACCOUNT, "worker", "one", WORKER, "AROAEXAMPLE123456789")


@pytest.mark.parametrize(
    ("text", "kind", "account", "spoken"),
    [
        (ALICE, "user", ACCOUNT, "user alice"),
        (f"arn:aws:iam::{ACCOUNT}:user/team/bob", "user", ACCOUNT, "user bob"),
        (WORKER, "role", ACCOUNT, "role worker"),
        (SESSION, "session", ACCOUNT, "role worker (session one)"),
        (f"arn:aws:sts::{ACCOUNT}:federated-user/carol", "federated user", ACCOUNT, "federated user carol"),
        (ROOT, "root", ACCOUNT, f"the root user of account {ACCOUNT}"),
        (ACCOUNT, "root", ACCOUNT, f"the root user of account {ACCOUNT}"),
        ("sns.amazonaws.com", "service", "", "sns.amazonaws.com"),
        ("*", "anonymous", "", "an anonymous caller"),
        ("", "anonymous", "", "an anonymous caller"),
        (
            f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.example.com",
            "identity provider",
            ACCOUNT,
            "somebody signed in with token.example.com",
        ),
        (f"arn:aws:iam::{ACCOUNT}:group/devs", "group", ACCOUNT, "group devs"),
    ],
)
def test_a_caller_from_text(text: str, kind: str, account: str, spoken: str) -> None:
    caller = Principal.of(text)
    assert (caller.kind, caller.account, caller.spoken) == (kind, account, spoken)


@pytest.mark.parametrize(
    "text", ["alice", "arn:aws:sqs:eu-west-1:1:q", "arn:aws:iam::1:user/", "12345", "a/b.c"]
)
def test_no_caller(text: str) -> None:
    with pytest.raises(ValueError, match="is no caller"):
        Principal.of(text)


@pytest.mark.parametrize(
    ("sort", "value", "caller", "how"),
    [
        ("AWS", "*", Principal.of(ALICE), "direct"),
        ("AWS", "*", Principal.of("sns.amazonaws.com"), "direct"),
        ("AWS", "*", Principal.of("*"), "direct"),
        ("AWS", ALICE, Principal.of(ALICE), "direct"),
        ("AWS", ALICE.replace("alice", "Alice"), Principal.of(ALICE), None),
        ("AWS", ACCOUNT, Principal.of(ALICE), "account"),
        ("AWS", ROOT, Principal.of(ALICE), "account"),
        ("AWS", ROOT, session(), "account"),
        ("AWS", ROOT, Principal.of(ROOT), "direct"),
        ("AWS", OTHER, Principal.of(ALICE), None),
        ("AWS", ACCOUNT, Principal.of("sns.amazonaws.com"), None),
        ("AWS", ACCOUNT, Principal.of("*"), None),
        ("AWS", WORKER, session(), "role"),
        ("AWS", WORKER, Principal.of(WORKER), "role"),
        ("AWS", SESSION, session(), "direct"),
        ("AWS", SESSION.replace("one", "two"), session(), None),
        ("AWS", "AROAEXAMPLE123456789", session(), "role"),
        ("AWS", "AROAEXAMPLE000000000", session(), None),
        (
            "AWS",
            "AIDAEXAMPLE123456789",
            Principal("user", ALICE, ACCOUNT, "alice", unique_id="AIDAEXAMPLE123456789"),
            "direct",
        ),
        ("Service", "sns.amazonaws.com", Principal.of("sns.amazonaws.com"), "direct"),
        ("Service", "sqs.amazonaws.com", Principal.of("sns.amazonaws.com"), None),
        ("Service", "sns.amazonaws.com", Principal.of(ALICE), None),
        (
            "Federated",
            "accounts.google.com",
            Principal("identity provider", "accounts.google.com", name="accounts.google.com"),
            "direct",
        ),
        ("Federated", "accounts.google.com", Principal.of(ALICE), None),
        ("CanonicalUser", "79a59df900b949e5", Principal.of(ALICE), None),
    ],
)
def test_how_an_element_names_a_caller(sort: str, value: str, caller: Principal, how: How | None) -> None:
    assert PrincipalElement(((sort, value),)).how(caller) == how


def test_the_closest_way_counts() -> None:
    everyone = PrincipalElement((("AWS", ROOT), ("AWS", WORKER), ("AWS", SESSION)))
    assert everyone.how(session()) == "direct"
    assert PrincipalElement((("AWS", ROOT), ("AWS", WORKER))).how(session()) == "role"


@pytest.mark.parametrize(
    ("listed", "caller", "spared"),
    [
        ([ALICE, ROOT], Principal.of(ALICE), True),
        ([ALICE, ACCOUNT], Principal.of(ALICE), True),
        ([ALICE], Principal.of(ALICE), False),  # the account is denied, and she with it
        ([ROOT], Principal.of(ALICE), False),
        ([SESSION, WORKER, ROOT], session(), True),
        ([WORKER, ROOT], session(), False),
        ([ROOT], Principal.of(ROOT), True),
        ([ALICE, ROOT], Principal.of(f"arn:aws:iam::{ACCOUNT}:user/bob"), False),
        ([ALICE, ROOT], Principal.of("sns.amazonaws.com"), False),
        ([ALICE, ROOT], Principal.of("*"), False),
        (["*"], Principal.of(ALICE), True),
    ],
)
def test_not_principal_spares_only_who_is_listed_at_every_level(
    listed: list[str], caller: Principal, spared: bool
) -> None:
    assert PrincipalElement(tuple(("AWS", value) for value in listed)).spares(caller) is spared


def test_not_principal_spares_a_listed_service() -> None:
    element = PrincipalElement((("Service", "sns.amazonaws.com"),))
    assert element.spares(Principal.of("sns.amazonaws.com"))
    assert not element.spares(Principal.of("events.amazonaws.com"))


@pytest.mark.parametrize(
    ("sort", "value", "fine"),
    [
        ("AWS", "*", True),
        ("AWS", ACCOUNT, True),
        ("AWS", ALICE, True),
        ("AWS", WORKER, True),
        ("AWS", SESSION, True),
        ("AWS", ROOT, True),
        ("AWS", "AROAEXAMPLE123456789", True),
        ("AWS", f"arn:aws:iam::{ACCOUNT}:user/*", False),
        ("AWS", f"arn:aws:iam::{ACCOUNT}:group/devs", False),
        ("AWS", "arn:aws:iam::12:user/alice", False),
        ("AWS", "sns.amazonaws.com", False),
        ("AWS", "alice", False),
        ("AWS", "", False),
        ("Service", "sns.amazonaws.com", True),
        ("Service", "sns", False),
        ("Service", "*", False),
        ("Service", ALICE, False),
        ("Federated", "cognito-identity.amazonaws.com", True),
    ],
)
def test_what_may_stand_in_a_principal_element(sort: str, value: str, fine: bool) -> None:
    assert valid_entry(sort, value) is fine


def test_the_keys_of_a_user() -> None:
    alice = Principal("user", ALICE, ACCOUNT, "alice", unique_id="AIDA1", tags={"team": "blue"})
    context = Request(alice, "sqs:SendMessage").context
    said = {key: context.variable(key) for key in ("aws:username", "aws:userid", "aws:PrincipalArn")}
    assert said == {"aws:username": "alice", "aws:userid": "AIDA1", "aws:PrincipalArn": ALICE}
    assert context.variable("AWS:principaltag/TEAM") == "blue"
    assert context.variable("aws:PrincipalType") == "User"
    assert context.variable("aws:PrincipalAccount") == ACCOUNT


def test_the_keys_of_a_session_speak_of_its_role() -> None:
    context = Request(session(), "sqs:SendMessage").context
    assert context.variable("aws:PrincipalArn") == WORKER
    assert context.variable("aws:userid") == "AROAEXAMPLE123456789:one"
    assert "aws:username" not in context
    assert context.variable("aws:PrincipalType") == "AssumedRole"


def test_the_keys_of_a_service() -> None:
    topic = f"arn:aws:sns:eu-west-1:{ACCOUNT}:orders"
    context = Request("sns.amazonaws.com", "sqs:SendMessage", context={"aws:SourceArn": topic}).context
    assert context.variable("aws:PrincipalIsAWSService") == "true"
    assert context.variable("aws:PrincipalServiceName") == "sns.amazonaws.com"
    assert context.variable("aws:SourceAccount") == ACCOUNT
    assert "aws:PrincipalArn" not in context


def test_a_bucket_says_no_account_so_nobody_guesses_it() -> None:
    request = Request("s3.amazonaws.com", "sqs:SendMessage", context={"aws:SourceArn": "arn:aws:s3:::photos"})
    assert "aws:SourceAccount" not in request.context


def test_the_surroundings_of_a_request() -> None:
    queue = f"arn:aws:sqs:eu-west-1:{OTHER}:orders"
    request = Request(ALICE, "sqs:SendMessage", queue, context={"aws:CalledVia": ["a.com", "b.com"]})
    assert request.account == OTHER
    assert request.cross_account
    seen = {name: request.context.variable(f"aws:{name}") for name in (
        "SecureTransport", "ResourceAccount", "RequestedRegion", "CalledViaFirst", "CalledViaLast", "ViaAWSService",
    )}  # fmt: skip
    assert list(seen.values()) == ["true", OTHER, "eu-west-1", "a.com", "b.com", "true"]


def test_given_keys_win_and_none_takes_a_key_away() -> None:
    request = Request(ALICE, "a:b", context={"AWS:securetransport": False, "aws:username": None})
    assert request.context.variable("aws:SecureTransport") == "false"
    assert "aws:username" not in request.context


def test_pinned_principals_do_not_outlive_a_role() -> None:
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": [WORKER, ACCOUNT]}, "Action": "sts:AssumeRole"},
            {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sts:AssumeRole"},
        ],
    }
    kept = pinned(document, {WORKER: "AROAEXAMPLE123456789"})
    assert kept["Statement"][0]["Principal"] == {"AWS": ["AROAEXAMPLE123456789", ACCOUNT]}
    assert kept["Statement"][1] == document["Statement"][1]
    assert document["Statement"][0]["Principal"] == {"AWS": [WORKER, ACCOUNT]}
