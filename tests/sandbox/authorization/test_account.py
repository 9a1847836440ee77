"""Callers of the account: found by key, by ARN, as a session, with the policies IAM keeps for them."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox, identity
from labkit.sandbox.authorization import Policy, account
from tests.sandbox.authorization.cast import document

HERE = "123456789012"
QUEUE = f"arn:aws:sqs:eu-west-1:{HERE}:orders"
SEND = "sqs:SendMessage"


def trusting(principal: Any, what: Any = "sts:AssumeRole", **more: Any) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": what, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def iam(running: Sandbox) -> Any:
    running.reset()
    return running.client("iam")


@pytest.fixture
def sts(running: Sandbox) -> Any:
    return running.client("sts")


def user(iam: Any, name: str = "alice", **more: Any) -> tuple[str, str]:
    """Make a user with an access key; the ARN and the key."""
    arn = iam.create_user(UserName=name, **more)["User"]["Arn"]
    return arn, iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]


def role(iam: Any, trust: str | None = None, name: str = "worker", **more: Any) -> str:
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust or trusting({"AWS": HERE}), **more)
    return str(made["Role"]["Arn"])


def found(key: str) -> account.Caller:
    caller = account.caller_of(key)
    assert caller is not None
    return caller


# -- who calls ----------------------------------------------------------------------------------------------


def test_the_learner_may_do_everything(running: Sandbox) -> None:
    keys = identity.credentials(identity.LEARNER)
    learner = found(keys["aws_access_key_id"])
    said = boto3.client("sts", **keys).get_caller_identity()
    assert (learner.principal.arn, learner.principal.unique_id) == (said["Arn"], said["UserId"])
    decision = learner.may(SEND, QUEUE)
    assert decision.allowed
    assert (
        decision.sentence
        == "Statement Everything of the policy of user learner allows user learner to do sqs:SendMessage."
    )


def test_a_key_of_twelve_digits_is_the_root_user_of_that_account() -> None:
    assert found("999999999999").principal.kind == "root"


@pytest.mark.parametrize("key", ["", None, "AKIANOBODYHASTHISKEY"])
def test_nobody(running: Sandbox, key: str | None) -> None:
    assert account.caller_of(key) is None


def test_asking_for_callers_makes_no_account(iam: Any, running: Sandbox) -> None:
    before = running.digest()
    account.caller_of("AKIANOBODYHASTHISKEY")
    account.caller_named("arn:aws:iam::555555555555:user/x")
    assert running.digest() == before


def test_a_user_has_inline_managed_and_group_policies(iam: Any) -> None:
    arn, key = user(iam, Path="/team/", Tags=[{"Key": "team", "Value": "blue"}])
    iam.put_user_policy(UserName="alice", PolicyName="Inline", PolicyDocument=document(what="s3:*"))
    managed = iam.create_policy(PolicyName="Managed", PolicyDocument=document(what="sns:*"))["Policy"]["Arn"]
    iam.attach_user_policy(UserName="alice", PolicyArn=managed)
    for name in ("devs", "others"):
        iam.create_group(GroupName=name)
        iam.put_group_policy(GroupName=name, PolicyName="Group", PolicyDocument=document(what=f"{name}:*"))
    iam.add_user_to_group(UserName="alice", GroupName="devs")
    caller = found(key)
    assert caller.principal.arn == arn
    assert caller.principal.tags == {"team": "blue"}
    assert [policy.name for policy in caller.identity] == [
        "policy Inline of user alice",
        "managed policy Managed",
        "policy Group of group devs",
    ]
    allowed = {
        action: caller.may(action).allowed for action in ("s3:Get", "sns:Publish", "devs:x", "others:x")
    }
    assert allowed == {"s3:Get": True, "sns:Publish": True, "devs:x": True, "others:x": False}
    assert caller.may("others:x").aws_message.startswith(f"User: {arn} is not authorized")


def test_the_default_version_of_a_managed_policy_counts(iam: Any) -> None:
    _, key = user(iam)
    arn = iam.create_policy(PolicyName="Managed", PolicyDocument=document(what="sns:*"))["Policy"]["Arn"]
    iam.attach_user_policy(UserName="alice", PolicyArn=arn)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=document(), SetAsDefault=True)
    assert found(key).may(SEND).allowed
    assert not found(key).may("sns:Publish").allowed
    iam.put_user_policy(UserName="alice", PolicyName="No", PolicyDocument=document("Deny"))
    assert found(key).may(SEND).reason == "explicit deny"


def test_a_key_that_is_off_or_deleted_is_nobodys(iam: Any) -> None:
    _, key = user(iam)
    iam.update_access_key(UserName="alice", AccessKeyId=key, Status="Inactive")
    assert account.caller_of(key) is None
    iam.delete_access_key(UserName="alice", AccessKeyId=key)
    assert account.caller_of(key) is None


def test_callers_by_arn(iam: Any) -> None:
    arn, _ = user(iam)
    iam.create_group(GroupName="devs")
    worker = role(iam, Path="/jobs/")
    for one in (arn, worker, f"arn:aws:iam::{HERE}:group/devs"):
        caller = account.caller_named(one)
        assert caller is not None
        assert caller.principal.arn == one
    for one in (f"arn:aws:iam::{HERE}:user/nobody", QUEUE, "alice"):
        assert account.caller_named(one) is None


# -- roles and sessions -----------------------------------------------------------------------------------------


def test_a_session_of_a_role(iam: Any, sts: Any) -> None:
    arn = role(iam, Path="/jobs/", Tags=[{"Key": "team", "Value": "blue"}])
    iam.put_role_policy(RoleName="worker", PolicyName="Queue", PolicyDocument=document())
    key = sts.assume_role(RoleArn=arn, RoleSessionName="one")["Credentials"]["AccessKeyId"]
    caller = found(key)
    assert caller.principal.arn == f"arn:aws:sts::{HERE}:assumed-role/worker/one"
    assert caller.principal.role_arn == arn
    assert caller.expires is not None
    assert caller.may(SEND, QUEUE).allowed
    assert not caller.may("s3:GetObject").allowed
    named = Policy.parse(json.loads(document(what="s3:*", Principal={"AWS": arn})), "resource")
    assert caller.may("s3:GetObject", "arn:aws:s3:::x/y", account=HERE, policies=[named]).allowed


def test_a_session_policy_limits(iam: Any, sts: Any) -> None:
    arn = role(iam)
    iam.put_role_policy(RoleName="worker", PolicyName="All", PolicyDocument=document(what="*"))
    answer = sts.assume_role(RoleArn=arn, RoleSessionName="one", Policy=document(what="s3:*"))
    caller = found(answer["Credentials"]["AccessKeyId"])
    assert caller.may("s3:GetObject").allowed
    decision = caller.may(SEND, QUEUE)
    assert (decision.layer, decision.sentence) == (
        "session",
        "The session policy of role worker (session one) does not allow sqs:SendMessage. "
        "Statement 1 of the session policy of role worker (session one) nearly fits: its Action is s3:*.",
    )


def test_what_moto_forgets_of_a_session_can_be_kept(iam: Any, sts: Any, running: Sandbox) -> None:
    arn = role(iam, Tags=[{"Key": "team", "Value": "blue"}, {"Key": "cost", "Value": "1"}])
    iam.put_role_policy(RoleName="worker", PolicyName="All", PolicyDocument=document(what="*"))
    limit = iam.create_policy(PolicyName="Limit", PolicyDocument=document(what="s3:*"))["Policy"]["Arn"]
    key = sts.assume_role(RoleArn=arn, RoleSessionName="one")["Credentials"]["AccessKeyId"]
    (assumed,) = running.backend("sts", region="aws").assumed_roles
    account.remember_session(assumed, tags={"team": "red"}, policy_arns=[limit])
    caller = found(key)
    assert caller.principal.tags == {"team": "red", "cost": "1"}
    assert not caller.may(SEND).allowed
    with running.rehearsal():
        assert found(key).principal.tags["team"] == "red"
    assert pickle.loads(pickle.dumps(assumed)).role_arn == arn


def test_a_boundary_of_a_role(iam: Any) -> None:
    own = iam.create_policy(PolicyName="Limit", PolicyDocument=document(what="s3:*"))["Policy"]["Arn"]
    arn = role(iam, PermissionsBoundary=own)
    iam.put_role_policy(RoleName="worker", PolicyName="All", PolicyDocument=document(what="*"))
    caller = account.session_of(arn, "one")
    assert caller is not None
    assert caller.may("s3:GetObject").allowed
    assert caller.may(SEND, QUEUE).layer == "boundary"
    iam.put_role_permissions_boundary(
        RoleName="worker", PermissionsBoundary="arn:aws:iam::aws:policy/AmazonSQSFullAccess"
    )
    caller = account.session_of(arn, "one")
    assert caller is not None
    assert caller.may(SEND, QUEUE).allowed
    iam.put_role_permissions_boundary(RoleName="worker", PermissionsBoundary="arn:aws:iam::aws:policy/NoSuch")
    caller = account.session_of(arn, "one")
    assert caller is not None
    assert "There is no policy arn:aws:iam::aws:policy/NoSuch." in caller.may(SEND, QUEUE).sentence


def test_an_execution_role_as_a_function_has_it(iam: Any) -> None:
    arn = role(iam, trusting({"Service": "lambda.amazonaws.com"}))
    iam.put_role_policy(RoleName="worker", PolicyName="Queue", PolicyDocument=document())
    caller = account.session_of(arn, "my-function", tags={"env": "dev"}, policy=document(what="sqs:Send*"))
    assert caller is not None
    assert caller.principal.tags == {"env": "dev"}
    assert caller.may(SEND, QUEUE).allowed
    assert not caller.may("sqs:DeleteQueue", QUEUE).allowed
    assert account.session_of(arn + "x", "one") is None


def test_a_session_whose_role_is_gone_may_nothing(iam: Any, sts: Any) -> None:
    arn = role(iam)
    key = sts.assume_role(RoleArn=arn, RoleSessionName="one")["Credentials"]["AccessKeyId"]
    iam.delete_role(RoleName="worker")
    assert not found(key).may(SEND).allowed


# -- who may assume a role ----------------------------------------------------------------------------------------


def test_a_service_must_be_trusted(iam: Any) -> None:
    arn = role(iam, trusting({"Service": "lambda.amazonaws.com"}))
    assert account.may_assume(account.Caller.service("lambda.amazonaws.com"), arn).allowed
    decision = account.may_assume(account.Caller.service("ec2.amazonaws.com"), arn)
    assert not decision.allowed
    assert "its Principal is lambda.amazonaws.com" in decision.sentence


def test_a_user_needs_both_sides_unless_named(iam: Any) -> None:
    alice, key = user(iam)
    arn = role(iam)
    assert account.may_assume(found(key), arn).layer == "identity"
    iam.put_user_policy(UserName="alice", PolicyName="Assume", PolicyDocument=document(what="sts:AssumeRole"))
    assert account.may_assume(found(key), arn).allowed
    iam.delete_user_policy(UserName="alice", PolicyName="Assume")
    iam.update_assume_role_policy(RoleName="worker", PolicyDocument=trusting({"AWS": alice}))
    assert account.may_assume(found(key), arn).allowed


def test_session_tags_need_tag_session_in_the_trust_policy(iam: Any) -> None:
    service = account.Caller.service("pods.eks.amazonaws.com")
    arn = role(iam, trusting({"Service": "pods.eks.amazonaws.com"}))
    assert account.may_assume(service, arn).allowed
    refused = account.may_assume(service, arn, tags={"team": "blue"})
    assert (refused.allowed, refused.request.action) == (False, "sts:TagSession")
    both = trusting({"Service": "pods.eks.amazonaws.com"}, ["sts:AssumeRole", "sts:TagSession"])
    iam.update_assume_role_policy(RoleName="worker", PolicyDocument=both)
    assert account.may_assume(service, arn, tags={"team": "blue"}).allowed


def test_a_source_identity_needs_its_own_permission(iam: Any) -> None:
    service = account.Caller.service("x.amazonaws.com")
    arn = role(iam, trusting({"Service": "x.amazonaws.com"}))
    refused = account.may_assume(service, arn, source_identity="alice")
    assert refused.request.action == "sts:SetSourceIdentity"


def test_conditions_of_a_trust_policy(iam: Any) -> None:
    condition = {
        "StringEquals": {
            "sts:ExternalId": "42",
            "sts:RoleSessionName": "nightly",
            "aws:RequestTag/team": "blue",
        },
        "ForAllValues:StringEquals": {"sts:TransitiveTagKeys": ["team"], "aws:TagKeys": ["team"]},
    }
    arn = role(iam, trusting({"AWS": "*"}, ["sts:AssumeRole", "sts:TagSession"], Condition=condition))
    _, key = user(iam)
    given: dict[str, Any] = {
        "external_id": "42", "session_name": "nightly", "tags": {"team": "blue"}, "transitive_tag_keys": ["team"],
    }  # fmt: skip
    assert account.may_assume(found(key), arn, **given).allowed
    for change in (
        {"external_id": "41"},
        {"session_name": "x"},
        {"tags": {"team": "red"}},
        {"tags": {"x": "y"}},
    ):
        assert not account.may_assume(found(key), arn, **{**given, **change}).allowed


def test_abac_on_the_tags_of_a_role(iam: Any) -> None:
    arn = role(iam, Tags=[{"Key": "team", "Value": "blue"}])
    _, key = user(iam, Tags=[{"Key": "team", "Value": "blue"}])
    same = {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}
    iam.put_user_policy(
        UserName="alice", PolicyName="A", PolicyDocument=document(what="sts:AssumeRole", Condition=same)
    )
    assert account.may_assume(found(key), arn).allowed
    iam.tag_role(RoleName="worker", Tags=[{"Key": "team", "Value": "red"}])
    assert not account.may_assume(found(key), arn).allowed


def test_a_role_that_does_not_exist(iam: Any) -> None:
    learner = account.administrator("learner")
    decision = account.may_assume(learner, f"arn:aws:iam::{HERE}:role/nobody")
    assert not decision.allowed
    assert decision.sentence.endswith(f"There is no role arn:aws:iam::{HERE}:role/nobody.")
    assert decision.aws_message == (
        f"User: arn:aws:iam::{HERE}:user/learner is not authorized to perform: sts:AssumeRole on resource: "
        f"arn:aws:iam::{HERE}:role/nobody because no role trust policy allows the sts:AssumeRole action"
    )
    assert not account.may_assume(learner, "not an arn").allowed
