"""SimulateCustomPolicy and the context keys, through boto3 with the hooks of services/iam.py in place."""

from __future__ import annotations

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


# -- policies in the call --------------------------------------------------------------------------------------


def custom(iam: Any, *policies: str, action: str = SEND, **more: Any) -> dict[str, Any]:
    return only(iam.simulate_custom_policy(PolicyInputList=list(policies), ActionNames=[action], **more))


def entry(name: str, *values: str, sort: str = "string") -> dict[str, Any]:
    return {"ContextKeyName": name, "ContextKeyValues": list(values), "ContextKeyType": sort}


def test_the_context_key_example(iam: Any) -> None:
    mfa = document(what="s3:ListBucket", Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}})
    asked = {"action": "s3:ListBucket", "ResourceArns": ["arn:aws:s3:::teambucket"]}
    without = custom(iam, mfa, **asked)
    assert without["EvalDecision"] == "implicitDeny"
    assert without["MissingContextValues"] == ["aws:MultiFactorAuthPresent"]
    given = custom(
        iam, mfa, **asked, ContextEntries=[entry("aws:MultiFactorAuthPresent", "true", sort="boolean")]
    )
    assert given["EvalDecision"] == "allowed"
    assert given["MissingContextValues"] == []
    assert given["MatchedStatements"][0]["SourcePolicyId"] == "PolicyInputList.1"


def test_what_a_real_request_brings_along_a_simulation_must_be_told(iam: Any) -> None:
    tls = document(Condition={"Bool": {"aws:SecureTransport": "true"}})
    assert custom(iam, tls)["MissingContextValues"] == ["aws:SecureTransport"]


def test_lists_numbers_and_variables(iam: Any) -> None:
    tags = document(
        Condition={
            "ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]},
            "NumericLessThan": {"sqs:n": "5"},
        }
    )
    entries = [entry("aws:TagKeys", "a", "b", sort="stringList"), entry("sqs:n", "4", sort="numeric")]
    assert custom(iam, tags, ContextEntries=entries)["EvalDecision"] == "allowed"
    entries[0]["ContextKeyValues"].append("c")
    assert custom(iam, tags, ContextEntries=entries)["EvalDecision"] == "implicitDeny"
    mine = document(Resource="arn:aws:sqs:*:*:${aws:PrincipalTag/team}-*")
    result = custom(iam, mine, ResourceArns=[f"arn:aws:sqs:eu-west-1:{HERE}:blue-orders"])
    assert result["ResourceSpecificResults"][0]["MissingContextValues"] == ["aws:PrincipalTag/team"]
    blue = [entry("aws:PrincipalTag/team", "blue")]
    result = custom(
        iam, mine, ResourceArns=[f"arn:aws:sqs:eu-west-1:{HERE}:blue-orders"], ContextEntries=blue
    )
    assert result["EvalDecision"] == "allowed"


def test_a_resource_policy_needs_a_caller(iam: Any) -> None:
    policy = document(Principal={"AWS": ALICE})
    code, message = refused(
        iam.simulate_custom_policy,
        PolicyInputList=[document(what="s3:*")],
        ActionNames=[SEND],
        ResourcePolicy=policy,
    )
    assert (code, "CallerArn" in message) == ("InvalidInput", True)
    result = custom(iam, document(what="s3:*"), ResourcePolicy=policy, CallerArn=ALICE, ResourceArns=[QUEUE])
    assert result["EvalDecision"] == "allowed"


def test_levels_of_an_organization(iam: Any) -> None:
    def asked(*levels: str) -> tuple[str, bool, bool]:
        ordered = [{"ServiceControlPolicyInputList": [document(what=level)]} for level in levels]
        result = custom(iam, document(), OrderedOrganizationPolicyInputList=ordered, ResourceArns=[QUEUE])
        detail = result["OrganizationsDecisionDetail"]["AllowedByOrganizations"]
        return result["EvalDecision"], detail, "EvalDecisionDetails" in result

    assert asked("*", "sqs:*") == ("allowed", True, True)
    assert asked("*", "s3:*") == ("implicitDeny", False, False)


def test_statements_of_several_policies_are_listed_once(iam: Any) -> None:
    result = custom(
        iam, document(), document(what="sqs:Send*"), document(what="s3:*"), ResourceArns=[QUEUE, OTHER]
    )
    assert [one["SourcePolicyId"] for one in result["MatchedStatements"]] == [
        "PolicyInputList.1",
        "PolicyInputList.2",
    ]


# -- context keys ------------------------------------------------------------------------------------------------


def test_the_keys_that_policies_use(iam: Any) -> None:
    policy = document(
        Resource="arn:aws:s3:::home/${aws:username}",
        Condition={
            "StringLike": {"s3:prefix": "${aws:PrincipalTag/x}"},
            "Bool": {"AWS:securetransport": "true"},
        },
    )
    keys = ["s3:prefix", "aws:PrincipalTag/x", "AWS:securetransport", "aws:username"]
    assert iam.get_context_keys_for_custom_policy(PolicyInputList=[policy])["ContextKeyNames"] == keys
    iam.put_user_policy(UserName="alice", PolicyName="Home", PolicyDocument=policy)
    more = document(Condition={"StringEquals": {"aws:username": "x", "aws:y": "1"}})
    answer = iam.get_context_keys_for_principal_policy(PolicySourceArn=ALICE, PolicyInputList=[more])
    assert answer["ContextKeyNames"] == [*keys, "aws:y"]


def test_the_card_has_its_three_paragraphs() -> None:
    from labkit.sandbox.services import iam as card

    heads = [part.partition(":")[0] for part in (card.__doc__ or "").split("\n\n")[1:]]
    assert heads == ["Simulated here", "Differs on AWS", "Not simulated"]
