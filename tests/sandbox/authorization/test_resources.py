"""Policies and keys of resources, found where moto keeps them; looking makes nothing."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox, identity
from labkit.sandbox.authorization import Principal, resources
from labkit.sandbox.authorization.account import Caller, administrator
from labkit.sandbox.authorization.keys import key_refusal
from labkit.sandbox.authorization.resources import PolicyRefused, check_policy, key_of, policy_of
from tests.sandbox.enforced import HERE, REGION, allow, deny, make_role, outcome, policy

SNS = Caller.service("sns.amazonaws.com")


def arn(service: str, name: str) -> str:
    return f"arn:aws:{service}:{REGION}:{HERE}:{name}"


@pytest.mark.parametrize(
    "wanted",
    [
        "", "*", "nonsense", "arn:aws:sqs", arn("sqs", "nothing"), arn("sns", "nothing"), arn("lambda", "function:f"),
        arn("lambda", "layer"), arn("events", "event-bus/b"), arn("kms", "key/k"), arn("kms", "alias/a"),
        "arn:aws:s3:::nobodys-bucket/key", arn("secretsmanager", "secret:s"), arn("ecr", "repository/r"),
        arn("dynamodb", "table/t"), arn("kinesis", "stream/s"), arn("logs", "log-group:/x"), arn("ssm", "parameter/p"),
        f"arn:aws:iam::{HERE}:role/nobody", "arn:aws:sqs:eu-west-1:555555555555:orders", arn("unheard-of", "x"),
    ],
)  # fmt: skip
def test_what_is_not_there_has_neither_policy_nor_key(sandbox: Sandbox, wanted: str) -> None:
    for service in ("sqs", "sns", "kms", "dynamodb", "secretsmanager", "logs", "events"):
        sandbox.backend(service)
    before = sandbox.digest()
    assert policy_of(wanted) is None
    assert key_of(wanted) == ""
    assert not resources.denies(wanted)
    assert sandbox.digest() == before


def test_a_queue_with_what_add_permission_made(sandbox: Sandbox) -> None:
    sqs = sandbox.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    assert policy_of(arn("sqs", "orders")) is None
    sqs.add_permission(QueueUrl=url, Label="A", AWSAccountIds=["222222222222"], Actions=["SendMessage"])
    found = policy_of(arn("sqs", "orders"))
    assert found is not None
    assert [statement.sid for statement in found.statements] == ["A"]
    sqs.remove_permission(QueueUrl=url, Label="A")
    assert policy_of(arn("sqs", "orders")) is None
    document = policy(deny("sqs:*", Principal="*"))
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document})
    assert resources.denies(arn("sqs", "orders"))


def test_the_default_policy_of_a_topic_lets_no_service_in(sandbox: Sandbox) -> None:
    topic = sandbox.client("sns").create_topic(Name="t")["TopicArn"]
    found = policy_of(topic)
    assert found is not None
    assert found.statements[0].sid == "__default_statement_ID"
    events = Caller.service("events.amazonaws.com")
    assert not events.may(
        "sns:Publish", topic, policies=[found], context={"aws:SourceArn": arn("events", "rule/r")}
    ).allowed


def test_a_function_and_its_alias_have_statements_of_their_own(sandbox: Sandbox) -> None:
    role = make_role("f", trusts={"Service": "lambda.amazonaws.com"})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): pass")
    client = sandbox.client("lambda")
    client.create_function(
        FunctionName="f", Runtime="python3.13", Role=role, Handler="app.handler", Publish=True,
        Code={"ZipFile": packed.getvalue()},
    )  # fmt: skip
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    common = {"FunctionName": "f", "Action": "lambda:InvokeFunction"}
    client.add_permission(**common, StatementId="A", Principal="sns.amazonaws.com")
    client.add_permission(**common, StatementId="B", Principal="222222222222", Qualifier="live")
    bare, live = policy_of(arn("lambda", "function:f")), policy_of(arn("lambda", "function:f:live"))
    assert bare is not None
    assert live is not None
    assert [statement.sid for statement in bare.statements] == ["A"]
    assert [statement.sid for statement in live.statements] == ["B"]
    assert policy_of(arn("lambda", "function:f:1")) is None
    assert policy_of(arn("lambda", "function:f:$LATEST")) is not None
    assert SNS.may("lambda:InvokeFunction", arn("lambda", "function:f"), policies=[bare]).allowed
    assert not SNS.may("lambda:InvokeFunction", arn("lambda", "function:f:live"), policies=[live]).allowed
    other = Caller(Principal.of("222222222222"))
    assert other.may("lambda:InvokeFunction", arn("lambda", "function:f:live"), policies=[live]).allowed


def test_buses_buckets_secrets_tables_and_log_groups(sandbox: Sandbox) -> None:
    everybody = allow("*", Principal="*")
    sandbox.client("events").put_permission(
        Action="events:PutEvents", Principal="222222222222", StatementId="A"
    )
    s3 = sandbox.client("s3")
    s3.create_bucket(Bucket="photos", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_policy(Bucket="photos", Policy=policy({**everybody, "Resource": "arn:aws:s3:::photos/*"}))
    secrets = sandbox.client("secretsmanager")
    secret = secrets.create_secret(Name="db", SecretString="x")["ARN"]
    secrets.put_resource_policy(SecretId="db", ResourcePolicy=policy(everybody))
    table = sandbox.client("dynamodb").create_table(
        TableName="t", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "i", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "i", "AttributeType": "S"}],
    )["TableDescription"]["TableArn"]  # fmt: skip
    sandbox.client("dynamodb").put_resource_policy(ResourceArn=table, Policy=policy(everybody))
    sandbox.client("logs").put_resource_policy(policyName="p", policyDocument=policy(everybody))
    for wanted in (
        arn("events", "event-bus/default"), "arn:aws:s3:::photos/cat", secret, table, f"{table}/index/i",
        arn("logs", "log-group:/x"),
    ):  # fmt: skip
        found = policy_of(wanted)
        assert found is not None, wanted
        assert not found.problem, wanted
    assert key_of(secret) == "alias/aws/secretsmanager"
    assert key_of(table) == ""


# -- keys -----------------------------------------------------------------------------------------------


def test_a_service_cannot_use_an_aws_managed_key(sandbox: Sandbox) -> None:
    learner = administrator(identity.LEARNER)
    actions = ("kms:GenerateDataKey", "kms:Decrypt")
    assert key_refusal(learner, "alias/aws/sqs", HERE, REGION, actions) is None
    found = key_refusal(SNS, "alias/aws/sqs", HERE, REGION, actions)
    assert found is not None
    assert found.code == "KmsAccessDenied"
    assert "no resource-based policy allows the kms:GenerateDataKey action" in found.message
    assert found.note
    foreign = administrator("eve", "222222222222")
    assert key_refusal(foreign, "alias/aws/sqs", HERE, REGION, actions) is not None


def test_a_customer_key_lets_a_service_in_when_its_policy_says_so(sandbox: Sandbox) -> None:
    kms = sandbox.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/orders", TargetKeyId=key)
    actions = ("kms:GenerateDataKey", "kms:Decrypt")
    for name in (key, "alias/orders", arn("kms", f"key/{key}"), arn("kms", "alias/orders")):
        found = key_refusal(SNS, name, HERE, REGION, actions)
        assert found is not None
        assert found.code == "KmsAccessDenied"
    document = policy(
        allow("kms:*", Principal={"AWS": HERE}),
        allow(["kms:GenerateDataKey*", "kms:Decrypt"], Principal={"Service": "sns.amazonaws.com"}),
    )
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document)
    assert key_refusal(SNS, "alias/orders", HERE, REGION, actions) is None
    kms.disable_key(KeyId=key)
    disabled = key_refusal(SNS, key, HERE, REGION, actions)
    assert disabled is not None
    assert (disabled.code, disabled.decision) == ("KmsDisabled", None)
    kms.schedule_key_deletion(KeyId=key)
    leaving = key_refusal(SNS, key, HERE, REGION, actions)
    assert leaving is not None
    assert leaving.code == "KmsInvalidState"


def test_no_key_and_no_such_key(sandbox: Sandbox) -> None:
    assert key_refusal(SNS, "", HERE, REGION, ["kms:Decrypt"]) is None
    found = key_refusal(SNS, "alias/nothing", HERE, REGION, ["kms:Decrypt"])
    assert found is not None
    assert (found.code, found.message) == (
        "KmsNotFound",
        f"Alias '{arn('kms', 'alias/nothing')}' does not exist",
    )


# -- before they are stored -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "code"),
    [("sqs", "InvalidAttributeValue"), ("sns", "InvalidParameter"), ("kms", "MalformedPolicyDocumentException"),
     ("iam", "MalformedPolicyDocument"), ("s3", "MalformedPolicy")],
)  # fmt: skip
@pytest.mark.parametrize(
    "text", ["nonsense", "[]", "{}", policy(allow("sqs:*")), policy({"Effect": "Maybe"})]
)
def test_a_policy_that_is_not_one_is_refused_with_the_services_error(kind: str, code: str, text: str) -> None:
    with pytest.raises(PolicyRefused) as caught:
        check_policy(kind, text)
    assert caught.value.code == code
    assert caught.value.detail


def test_a_role_with_a_malformed_trust_policy_is_not_made(sandbox: Sandbox) -> None:
    iam: Any = boto3.client("iam")
    for text in ("nonsense", "{}", policy(allow("sts:AssumeRole", Principal="*"))):
        assert (
            outcome(iam.create_role, RoleName="r", AssumeRolePolicyDocument=text) == "MalformedPolicyDocument"
        )
    assert json.loads(json.dumps(iam.list_roles()["Roles"])) == []


def test_aws_managed_policies_can_be_read_attached_and_listed(sandbox: Sandbox) -> None:
    iam: Any = boto3.client("iam")
    wanted = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    before = sandbox.digest()
    found = iam.get_policy(PolicyArn=wanted)["Policy"]
    version = iam.get_policy_version(PolicyArn=wanted, VersionId=found["DefaultVersionId"])["PolicyVersion"]
    assert "logs:PutLogEvents" in str(version["Document"])
    pages = iam.get_paginator("list_policies").paginate(Scope="AWS")
    listed = [one["Arn"] for page in pages for one in page["Policies"]]
    assert len(listed) > 1000
    assert wanted in listed
    assert sandbox.digest() == before
    iam.create_user(UserName="mina")
    for _ in range(2):
        iam.attach_user_policy(UserName="mina", PolicyArn=wanted)
    assert iam.list_attached_user_policies(UserName="mina")["AttachedPolicies"] == [
        {"PolicyName": "AWSLambdaBasicExecutionRole", "PolicyArn": wanted}
    ]
    assert iam.get_policy(PolicyArn=wanted)["Policy"]["AttachmentCount"] == 1
    assert iam.list_policies(Scope="Local")["Policies"] == []
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.attach_user_policy(UserName="mina", PolicyArn="arn:aws:iam::aws:policy/Nonsense")
