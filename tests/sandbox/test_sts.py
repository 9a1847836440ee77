"""AssumeRole asks before it gives; sessions end on the lab's clock."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox
from labkit.sandbox.authorization import account
from tests.sandbox.enforced import HERE, allow, make_role, outcome, policy, refusal, session, user


def assume(role: str, keys: dict[str, str] | None = None, **more: Any) -> Any:
    sts = boto3.client("sts", **(keys or {}))
    return sts.assume_role(RoleArn=role, RoleSessionName="one", **more)


def test_a_role_that_is_not_there_cannot_be_assumed(sandbox: Sandbox) -> None:
    role = f"arn:aws:iam::{HERE}:role/nobody"
    assert refusal(assume, role=role) == (
        "AccessDenied",
        f"User: arn:aws:iam::{HERE}:user/learner is not authorized to perform: sts:AssumeRole on resource: {role}",
    )
    assert sandbox.trace.where(action="AssumeRole")[0].note == f"There is no role {role}."


def test_the_trust_policy_decides_even_for_administrators(sandbox: Sandbox) -> None:
    role = make_role("machine", trusts={"Service": "lambda.amazonaws.com"})
    code, text = refusal(assume, role=role)
    assert code == "AccessDenied"
    assert "no role trust policy allows the sts:AssumeRole action" in text


def test_a_user_needs_her_own_permission_too_unless_the_role_names_her(sandbox: Sandbox) -> None:
    role = make_role("worker")
    keys = user("mina")
    assert outcome(assume, role=role, keys=keys) == "AccessDenied"
    boto3.client("iam").put_user_policy(
        UserName="mina", PolicyName="P", PolicyDocument=policy(allow("sts:AssumeRole", role))
    )
    assert outcome(assume, role=role, keys=keys) == "ok"
    named = make_role("hers", trusts={"AWS": f"arn:aws:iam::{HERE}:user/mina"})
    assert outcome(assume, role=named, keys=keys) == "ok"


def test_an_external_id_is_asked_for(sandbox: Sandbox) -> None:
    role = make_role("partner")
    statement = {
        "Effect": "Allow", "Principal": {"AWS": HERE}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "42"}},
    }  # fmt: skip
    boto3.client("iam").update_assume_role_policy(RoleName="partner", PolicyDocument=policy(statement))
    assert outcome(assume, role=role) == "AccessDenied"
    assert outcome(assume, role=role, ExternalId="41") == "AccessDenied"
    assert outcome(assume, role=role, ExternalId="42") == "ok"


def test_a_session_lasts_as_long_as_the_role_allows(sandbox: Sandbox) -> None:
    role = make_role("worker", allow("*"), MaxSessionDuration=7200)
    assert outcome(assume, role=role, DurationSeconds=7200) == "ok"
    assert refusal(assume, role=role, DurationSeconds=7201) == (
        "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    )  # fmt: skip
    chained = session(role)
    assert outcome(assume, role=role, keys=chained) == "ok"
    assert "role chaining" in refusal(assume, role=role, keys=chained, DurationSeconds=3601)[1]


@pytest.mark.parametrize(
    ("service", "operation", "expected"),
    [
        ("sqs", "list_queues", "ExpiredToken"),
        ("iam", "list_users", "ExpiredToken"),
        ("s3", "list_buckets", "ExpiredToken"),
        ("dynamodb", "list_tables", "ExpiredTokenException"),
        ("lambda", "list_functions", "ExpiredTokenException"),
        ("sts", "get_caller_identity", "ExpiredToken"),
    ],
)
def test_a_session_ends_on_the_clock(sandbox: Sandbox, service: str, operation: str, expected: str) -> None:
    keys = session(make_role("worker", allow("*")), DurationSeconds=900)
    client = boto3.client(service, **keys)
    sandbox.clock.advance(seconds=890)
    assert outcome(getattr(client, operation)) == "ok"
    sandbox.clock.advance(seconds=20)
    assert outcome(getattr(client, operation)) == expected


def test_a_malformed_session_policy_is_refused(sandbox: Sandbox) -> None:
    role = make_role("worker")
    assert outcome(assume, role=role, Policy="{}") == "MalformedPolicyDocument"


def test_who_am_i(sandbox: Sandbox) -> None:
    role = make_role("worker")
    arns = [
        boto3.client("sts", **keys).get_caller_identity()["Arn"].partition("::")[2]
        for keys in (
            {}, user("mina"), user("learner"), session(role),
            {"aws_access_key_id": "222222222222", "aws_secret_access_key": "x"},
        )
    ]  # fmt: skip
    assert arns == [
        f"{HERE}:user/learner", f"{HERE}:user/mina", f"{HERE}:user/learner",
        f"{HERE}:assumed-role/worker/one", "222222222222:root",
    ]  # fmt: skip


def test_a_service_gets_a_session_of_a_role_for_its_work(sandbox: Sandbox) -> None:
    role = make_role("worker", trusts={"Service": "lambda.amazonaws.com"})
    assert account.trusts(role, "lambda.amazonaws.com").allowed
    assert not account.trusts(role, "events.amazonaws.com").allowed
    assert not account.trusts(role + "x", "lambda.amazonaws.com").allowed
    given = account.issue_session(role, "checkout")
    assert given is not None
    caller = account.caller_of(given["AccessKeyId"])
    assert caller is not None
    assert caller.principal.arn == f"arn:aws:sts::{HERE}:assumed-role/worker/checkout"
    assert account.issue_session(role + "x", "checkout") is None


def test_passing_a_role_is_the_callers_own_permission(sandbox: Sandbox) -> None:
    role = make_role("worker")
    keys = user(
        "mina", allow("iam:PassRole", role, Condition={"StringEquals": {"iam:PassedToService": "a.com"}})
    )
    mina = account.caller_of(keys["aws_access_key_id"])
    assert mina is not None
    assert account.may_pass(mina, role, "a.com").allowed
    assert not account.may_pass(mina, role, "b.com").allowed
