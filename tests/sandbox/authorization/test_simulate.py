"""SimulatePrincipalPolicy through boto3, with the hooks of services/iam.py in place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox
from labkit.sandbox.services import SERVICES
from tests.sandbox.authorization.cast import document

HERE, THERE = "123456789012", "999999999999"
QUEUE = f"arn:aws:sqs:eu-west-1:{HERE}:orders"
OTHER = f"arn:aws:sqs:eu-west-1:{HERE}:other"
ALICE = f"arn:aws:iam::{HERE}:user/alice"
SEND, READ = "sqs:SendMessage", "sqs:ReceiveMessage"


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SERVICES, "moto.iam", ("iam",))
        with Sandbox() as running:
            yield running.client("iam")


@pytest.fixture
def iam(client: Any) -> Any:
    from labkit.sandbox import current

    current().reset()
    client.create_user(UserName="alice")
    client.put_user_policy(UserName="alice", PolicyName="Queues", PolicyDocument=document(what=[SEND]))
    return client


def only(answer: dict[str, Any]) -> dict[str, Any]:
    (result,) = answer["EvaluationResults"]
    return dict(result)


def refused(call: Any, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


# -- a principal's policies ------------------------------------------------------------------------------------


def test_one_result_for_each_action(iam: Any) -> None:
    answer = iam.simulate_principal_policy(PolicySourceArn=ALICE, ActionNames=[SEND, READ])
    said = [(one["EvalActionName"], one["EvalDecision"]) for one in answer["EvaluationResults"]]
    assert said == [(SEND, "allowed"), (READ, "implicitDeny")]
    assert answer["IsTruncated"] is False


def test_a_matched_statement_says_where_it_stands(iam: Any) -> None:
    result = only(iam.simulate_principal_policy(PolicySourceArn=ALICE, ActionNames=[SEND]))
    text = document(what=[SEND])
    assert result["MatchedStatements"] == [
        {
            "SourcePolicyId": "user_alice_Queues",
            "SourcePolicyType": "IAM Policy",
            "StartPosition": {"Line": 1, "Column": text.index("[{") + 2},
            "EndPosition": {"Line": 1, "Column": len(text) - 1},
        }
    ]
    assert result["MissingContextValues"] == []
    assert result["EvalResourceName"] == "arn:${Partition}:sqs:${Region}:${Account}:${QueueName}"
    assert "ResourceSpecificResults" not in result
    assert "EvalDecisionDetails" not in result


def test_several_resources_stand_in_one_result_and_the_strictest_counts(iam: Any) -> None:
    iam.put_user_policy(
        UserName="alice", PolicyName="No", PolicyDocument=document("Deny", "*", Resource=OTHER)
    )
    result = only(
        iam.simulate_principal_policy(PolicySourceArn=ALICE, ActionNames=[SEND], ResourceArns=[QUEUE, OTHER])
    )
    assert result["EvalDecision"] == "explicitDeny"
    assert [one["SourcePolicyId"] for one in result["MatchedStatements"]] == ["user_alice_No"]
    assert result["EvalDecisionDetails"] == {}
    specific = {one["EvalResourceName"]: one for one in result["ResourceSpecificResults"]}
    assert {name: one["EvalResourceDecision"] for name, one in specific.items()} == {
        QUEUE: "allowed",
        OTHER: "explicitDeny",
    }
    assert [one["SourcePolicyId"] for one in specific[QUEUE]["MatchedStatements"]] == ["user_alice_Queues"]


def test_groups_managed_policies_and_policies_in_the_call_count(iam: Any) -> None:
    iam.create_group(GroupName="devs")
    iam.put_group_policy(GroupName="devs", PolicyName="Read", PolicyDocument=document(what=READ))
    iam.add_user_to_group(UserName="alice", GroupName="devs")
    arn = iam.create_policy(PolicyName="Topics", PolicyDocument=document(what="sns:*"))["Policy"]["Arn"]
    iam.attach_user_policy(UserName="alice", PolicyArn=arn)
    answer = iam.simulate_principal_policy(
        PolicySourceArn=ALICE,
        PolicyInputList=[document(what="s3:*")],
        ActionNames=[READ, "sns:Publish", "s3:GetObject"],
    )
    sources = [one["MatchedStatements"][0]["SourcePolicyId"] for one in answer["EvaluationResults"]]
    assert sources == ["group_devs_Read", "Topics", "PolicyInputList.1"]


@pytest.mark.parametrize(
    ("exclusion", "wanted"),
    [
        ({"PolicyType": "inline"}, ["implicitDeny", "allowed"]),
        ({"PolicyType": "user-managed"}, ["allowed", "implicitDeny"]),
        ({"PolicyArn": f"arn:aws:iam::{HERE}:policy/To*"}, ["allowed", "implicitDeny"]),
        (
            {
                "InlinePolicyIdentifier": {
                    "PolicyName": "Queues",
                    "AttachmentType": "user",
                    "AttachmentName": "al*",
                }
            },
            ["implicitDeny", "allowed"],
        ),
        (
            {
                "InlinePolicyIdentifier": {
                    "PolicyName": "Queues",
                    "AttachmentType": "role",
                    "AttachmentName": "*",
                }
            },
            ["allowed", "allowed"],
        ),
        ({"PolicyType": "scp"}, ["allowed", "allowed"]),
    ],
)
def test_policies_can_be_left_out(iam: Any, exclusion: Any, wanted: list[str]) -> None:
    arn = iam.create_policy(PolicyName="Topics", PolicyDocument=document(what="sns:*"))["Policy"]["Arn"]
    iam.attach_user_policy(UserName="alice", PolicyArn=arn)
    answer = iam.simulate_principal_policy(
        PolicySourceArn=ALICE, PolicyExclusionList=[exclusion], ActionNames=[SEND, "sns:Publish"]
    )
    assert [one["EvalDecision"] for one in answer["EvaluationResults"]] == wanted


def test_a_role_with_its_boundary(iam: Any) -> None:
    limit = iam.create_policy(PolicyName="Limit", PolicyDocument=document(what="s3:*"))["Policy"]["Arn"]
    trust = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": {"Effect": "Allow", "Principal": {"AWS": HERE}, "Action": "sts:AssumeRole"},
        }
    )
    arn = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trust, PermissionsBoundary=limit)[
        "Role"
    ]["Arn"]
    iam.put_role_policy(RoleName="worker", PolicyName="All", PolicyDocument=document(what="*"))

    def asked(**more: Any) -> tuple[str, Any]:
        result = only(iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=[SEND], **more))
        detail = result.get("PermissionsBoundaryDecisionDetail", {})
        return result["EvalDecision"], detail.get("AllowedByPermissionsBoundary")

    assert asked() == ("implicitDeny", False)
    assert asked(PermissionsBoundaryPolicyInputList=[document()]) == ("allowed", True)
    assert asked(PolicyExclusionList=[{"PolicyType": "permission-boundary"}]) == ("allowed", None)
    policy = document(Principal={"AWS": arn})
    code, message = refused(
        iam.simulate_principal_policy, PolicySourceArn=arn, ActionNames=[SEND], ResourcePolicy=policy
    )
    assert (code, message) == (
        "InvalidInput",
        "Simulation of resource-based policies isn't supported for IAM roles.",
    )


def test_the_same_account_example(iam: Any) -> None:
    """A bucket's policy names Alice: neither her policies nor her boundary matter."""
    answer = iam.simulate_principal_policy(
        PolicySourceArn=ALICE,
        ActionNames=["s3:PutObject"],
        ResourceArns=["arn:aws:s3:::production/Test"],
        ResourceOwner=f"arn:aws:iam::{HERE}:root",
        PermissionsBoundaryPolicyInputList=[document(what="iam:*")],
        ResourcePolicy=document(what=["s3:List*", "s3:Put*"], Principal={"AWS": ALICE}),
    )
    result = only(answer)
    assert result["EvalDecision"] == "allowed"
    assert result["EvalDecisionDetails"] == {}
    assert result["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    (statement,) = result["MatchedStatements"]
    assert (statement["SourcePolicyId"], statement["SourcePolicyType"]) == (
        "ResourcePolicy",
        "Resource Policy",
    )


def test_the_cross_account_example(iam: Any) -> None:
    """The other account's bucket lets Alice in, her own account does not."""
    answer = iam.simulate_principal_policy(
        PolicySourceArn=ALICE,
        ActionNames=["s3:PutObject"],
        ResourceArns=["arn:aws:s3:::mary/Test"],
        ResourceOwner=f"arn:aws:iam::{THERE}:root",
        PermissionsBoundaryPolicyInputList=[document(what="iam:*")],
        ResourcePolicy=document(what=["s3:List*", "s3:Put*"], Principal={"AWS": ALICE}),
    )
    result = only(answer)
    details = {
        "IAM Policy": "implicitDeny",
        "Resource Policy": "allowed",
        "Permissions Boundary Policy": "implicitDeny",
    }
    assert result["EvalDecision"] == "implicitDeny"
    assert result["EvalDecisionDetails"] == details
    assert result["MatchedStatements"] == []
    (specific,) = result["ResourceSpecificResults"]
    assert specific["EvalDecisionDetails"] == details
    assert [one["SourcePolicyId"] for one in specific["MatchedStatements"]] == ["ResourcePolicy"]


def test_callers_other_than_the_source(iam: Any) -> None:
    same = {"StringEquals": {"aws:username": "bob"}}
    iam.put_user_policy(
        UserName="alice", PolicyName="Bob", PolicyDocument=document(what=READ, Condition=same)
    )
    asked = {"PolicySourceArn": ALICE, "ActionNames": [READ]}
    assert only(iam.simulate_principal_policy(**asked))["EvalDecision"] == "implicitDeny"
    bob = f"arn:aws:iam::{HERE}:user/bob"
    assert only(iam.simulate_principal_policy(**asked, CallerArn=bob))["EvalDecision"] == "allowed"


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        (
            {"PolicySourceArn": f"arn:aws:iam::{HERE}:user/nobody"},
            "NoSuchEntity",
            "The user with name nobody cannot be found.",
        ),
        (
            {"PolicySourceArn": f"arn:aws:iam::{HERE}:role/nobody"},
            "NoSuchEntity",
            "The role with name nobody cannot be found.",
        ),
        (
            {"PolicySourceArn": f"arn:aws:iam::{HERE}:root"},
            "InvalidInput",
            "does not clearly define entity type and name",
        ),
        ({"PolicySourceArn": "arn:aws:sqs:eu-west-1:1:x"}, "InvalidInput", "Invalid Entity Arn"),
        ({"CallerArn": f"arn:aws:sts::{HERE}:assumed-role/x/y"}, "InvalidInput", "CallerArn"),
        ({"CallerArn": "bob"}, "InvalidInput", "CallerArn"),
        ({"ActionNames": ["SendMessage"]}, "InvalidInput", "name the service too"),
        ({"PolicyInputList": ["not json"]}, "InvalidInput", "PolicyInputList.1: Syntax errors in policy."),
        ({"PolicyInputList": [document(Principal="*")]}, "InvalidInput", "should not specify a principal"),
        ({"ResourcePolicy": document()}, "InvalidInput", "ResourcePolicy: Missing required field Principal"),
        ({"PermissionsBoundaryPolicyInputList": [document(), document()]}, "InvalidInput", "one policy only"),
        ({"Marker": "next"}, "InvalidInput", "Marker"),
    ],
)
def test_refusals(iam: Any, params: Any, code: str, message: str) -> None:
    asked = {"PolicySourceArn": ALICE, "ActionNames": [SEND], **params}
    found = refused(iam.simulate_principal_policy, **asked)
    assert found[0] == code
    assert message in found[1]


def test_results_come_in_pages(iam: Any) -> None:
    actions = [f"sqs:Action{number}" for number in range(5)]
    paginator = iam.get_paginator("simulate_principal_policy")
    pages = list(
        paginator.paginate(PolicySourceArn=ALICE, ActionNames=actions, PaginationConfig={"PageSize": 2})
    )
    sizes = [len(page["EvaluationResults"]) for page in pages]
    assert sizes == [2, 2, 1]
    assert [one["EvalActionName"] for page in pages for one in page["EvaluationResults"]] == actions


def test_it_leaves_no_trace_in_the_account(iam: Any) -> None:
    from labkit.sandbox import current

    before = current().digest()
    iam.simulate_principal_policy(PolicySourceArn=ALICE, ActionNames=[SEND])
    assert current().digest() == before
