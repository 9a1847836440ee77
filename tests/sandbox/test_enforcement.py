"""Who may: calls are refused for the right reason, in AWS's words, with the deciding statement in the trace."""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import Any

import boto3
import pytest
import requests

from labkit.sandbox import Sandbox
from tests.sandbox.enforced import (
    HERE,
    QUEUE,
    REGION,
    allow,
    deny,
    make_role,
    outcome,
    policy,
    refusal,
    session,
    user,
    worker,
)

CONSUME = allow(["sqs:ReceiveMessage", "sqs:DeleteMessage"], QUEUE, Sid="Consume")
BOUNDARY = "arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess"


@pytest.fixture
def url(sandbox: Sandbox) -> str:
    return str(boto3.client("sqs").create_queue(QueueName="orders")["QueueUrl"])


def set_policy(url: str, *statements: dict[str, Any]) -> None:
    everybody = [{"Principal": "*", **statement} for statement in statements]
    boto3.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy(*everybody)})


# -- identity policies ----------------------------------------------------------------------------------


def test_a_consumer_may_receive_and_delete_and_not_send(sandbox: Sandbox, url: str) -> None:
    boto3.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    sqs = boto3.client("sqs", **worker(CONSUME))
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    code, text = refusal(sqs.send_message, QueueUrl=url, MessageBody="y")
    assert code == "AccessDenied"
    assert text == (
        f"User: arn:aws:sts::{HERE}:assumed-role/worker/one is not authorized to perform: sqs:sendmessage on "
        f"resource: {QUEUE} because no identity-based policy allows the sqs:sendmessage action"
    )
    event = sandbox.trace.where(action="SendMessage", error="AccessDenied")[0]
    assert event.caller == "worker"
    assert event.note.startswith("Role worker (session one) may not do sqs:SendMessage")
    assert "nearly fits: its Action is sqs:ReceiveMessage, sqs:DeleteMessage" in event.note


def test_the_learner_and_the_checker_keep_their_names_in_the_trace(sandbox: Sandbox, url: str) -> None:
    sandbox.client("sqs").list_queues()
    boto3.client("sqs", **user("mina", allow("sqs:*"))).list_queues()
    callers = [event.caller for event in sandbox.trace.where(service="sqs", kind="call")]
    assert callers == ["learner", "checker", "mina"]


@pytest.mark.parametrize(
    "batch", ["send_message_batch", "delete_message_batch", "change_message_visibility_batch"]
)
def test_a_batch_needs_the_permission_of_the_single_call(url: str, batch: str) -> None:
    sqs = boto3.client("sqs", **worker(allow(["sqs:SendMessageBatch", "sqs:DeleteMessageBatch"])))
    entry: dict[str, Any] = {"Id": "1", "ReceiptHandle": "h"}
    if batch.startswith("send"):
        entry = {"Id": "1", "MessageBody": "x"}
    elif batch.startswith("change"):
        entry["VisibilityTimeout"] = 1
    code, text = refusal(getattr(sqs, batch), QueueUrl=url, Entries=[entry])
    assert code == "AccessDenied"
    assert "batch" not in text


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("*", "ok"),
        (QUEUE, "ok"),
        (f"arn:aws:sqs:*:{HERE}:ord*", "ok"),
        (QUEUE.replace(HERE, "123456789021"), "AccessDenied"),
        (QUEUE.replace(REGION, "us-east-1"), "AccessDenied"),
        (QUEUE.replace("orders", "Orders"), "AccessDenied"),
        (QUEUE + "*", "ok"),
    ],
)
def test_the_resource_must_fit_exactly(url: str, resource: str, expected: str) -> None:
    sqs = boto3.client("sqs", **worker(allow("sqs:SendMessage", resource)))
    assert outcome(sqs.send_message, QueueUrl=url, MessageBody="x") == expected


def test_the_case_of_an_action_does_not_count(url: str) -> None:
    sqs = boto3.client("sqs", **worker(allow("SQS:sendMESSAGE", QUEUE)))
    assert outcome(sqs.send_message, QueueUrl=url, MessageBody="x") == "ok"


def test_not_action_allows_everything_else(url: str) -> None:
    statement = {"Effect": "Allow", "NotAction": ["sqs:DeleteQueue", "iam:*"], "Resource": "*"}
    keys = worker(statement)
    sqs = boto3.client("sqs", **keys)
    assert outcome(sqs.send_message, QueueUrl=url, MessageBody="x") == "ok"
    assert outcome(sqs.delete_queue, QueueUrl=url) == "AccessDenied"
    assert outcome(boto3.client("iam", **keys).list_users) == "AccessDenied"


def test_a_queue_that_is_not_there_is_refused_all_the_same(url: str) -> None:
    sqs = boto3.client("sqs", **worker(CONSUME))
    assert outcome(sqs.receive_message, QueueUrl=url + "x") == "AccessDenied"


# -- every layer ----------------------------------------------------------------------------------------


def test_a_permissions_boundary_limits_a_role(url: str) -> None:
    keys = worker(allow("sqs:*"), PermissionsBoundary=BOUNDARY)
    sqs = boto3.client("sqs", **keys)
    assert outcome(sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["All"]) == "ok"
    code, text = refusal(sqs.send_message, QueueUrl=url, MessageBody="x")
    assert code == "AccessDenied"
    assert text.endswith("because no permissions boundary allows the sqs:sendmessage action")


def test_a_permissions_boundary_limits_a_user_until_it_is_taken_away(url: str) -> None:
    iam = boto3.client("iam")
    sqs = boto3.client("sqs", **user("mina", allow("sqs:*"), PermissionsBoundary=BOUNDARY))
    assert iam.get_user(UserName="mina")["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == BOUNDARY
    assert "permissions boundary" in refusal(sqs.send_message, QueueUrl=url, MessageBody="x")[1]
    iam.delete_user_permissions_boundary(UserName="mina")
    assert outcome(sqs.send_message, QueueUrl=url, MessageBody="x") == "ok"
    iam.put_user_permissions_boundary(UserName="mina", PermissionsBoundary=BOUNDARY)
    assert outcome(sqs.send_message, QueueUrl=url, MessageBody="x") == "AccessDenied"


def test_a_session_policy_limits_the_session(url: str) -> None:
    role = make_role("worker", allow("sqs:*"))
    sqs = boto3.client("sqs", **session(role, Policy=policy(CONSUME)))
    assert outcome(sqs.receive_message, QueueUrl=url) == "ok"
    assert "no session policy allows" in refusal(sqs.send_message, QueueUrl=url, MessageBody="x")[1]
    sqs = boto3.client("sqs", **session(role, PolicyArns=[{"arn": BOUNDARY}]))
    assert outcome(sqs.list_queues) == "ok"
    assert outcome(sqs.receive_message, QueueUrl=url) == "AccessDenied"


def test_a_group_gives_and_a_deny_takes(url: str) -> None:
    iam = boto3.client("iam")
    keys = user("mina")
    iam.create_group(GroupName="team")
    iam.put_group_policy(GroupName="team", PolicyName="P", PolicyDocument=policy(allow("sqs:*")))
    sqs = boto3.client("sqs", **keys)
    assert outcome(sqs.send_message, QueueUrl=url, MessageBody="x") == "AccessDenied"
    iam.add_user_to_group(GroupName="team", UserName="mina")
    assert outcome(sqs.send_message, QueueUrl=url, MessageBody="x") == "ok"
    iam.put_user_policy(UserName="mina", PolicyName="No", PolicyDocument=policy(deny("sqs:Send*")))
    assert (
        "explicit deny in an identity-based policy"
        in refusal(sqs.send_message, QueueUrl=url, MessageBody="x")[1]
    )


def test_a_queue_policy_alone_lets_a_role_of_the_account_in(url: str) -> None:
    role = make_role("worker")
    set_policy(url, allow("sqs:SendMessage", QUEUE, Principal={"AWS": role}))
    sqs = boto3.client("sqs", **session(role))
    assert outcome(sqs.send_message, QueueUrl=url, MessageBody="x") == "ok"
    assert outcome(sqs.receive_message, QueueUrl=url) == "AccessDenied"


def test_a_deny_in_the_queue_policy_stops_the_administrator(sandbox: Sandbox, url: str) -> None:
    set_policy(url, deny("sqs:PurgeQueue", QUEUE, Sid="NoPurge"))
    sqs = boto3.client("sqs")
    code, text = refusal(sqs.purge_queue, QueueUrl=url)
    assert code == "AccessDenied"
    assert text.endswith(
        "sqs:purgequeue on resource: " + QUEUE + " with an explicit deny in a resource-based policy"
    )
    assert sandbox.trace.where(action="PurgeQueue")[0].note.startswith(
        "Statement NoPurge of the queue's policy forbids"
    )
    assert outcome(sqs.send_message, QueueUrl=url, MessageBody="x") == "ok"


def test_tls_only(url: str) -> None:
    set_policy(url, deny("sqs:*", QUEUE, Condition={"Bool": {"aws:SecureTransport": "false"}}))
    assert outcome(boto3.client("sqs").send_message, QueueUrl=url, MessageBody="x") == "ok"
    assert (
        outcome(boto3.client("sqs", use_ssl=False).send_message, QueueUrl=url, MessageBody="x")
        == "AccessDenied"
    )


def test_across_accounts_both_sides_must_allow(url: str) -> None:
    other = {"aws_access_key_id": "222222222222", "aws_secret_access_key": "x"}
    partner = boto3.client("sqs", **other)
    assert outcome(partner.send_message, QueueUrl=url, MessageBody="x") == "AccessDenied"
    boto3.client("sqs").add_permission(
        QueueUrl=url, Label="Partner", AWSAccountIds=["222222222222"], Actions=["SendMessage"]
    )
    assert outcome(partner.send_message, QueueUrl=url, MessageBody="x") == "ok"
    iam = boto3.client("iam", **other)
    iam.create_user(UserName="bob")
    keys = iam.create_access_key(UserName="bob")["AccessKey"]
    bob = boto3.client(
        "sqs", aws_access_key_id=keys["AccessKeyId"], aws_secret_access_key=keys["SecretAccessKey"]
    )
    assert "no identity-based policy" in refusal(bob.send_message, QueueUrl=url, MessageBody="x")[1]
    iam.put_user_policy(
        UserName="bob", PolicyName="P", PolicyDocument=policy(allow("sqs:SendMessage", QUEUE))
    )
    assert outcome(bob.send_message, QueueUrl=url, MessageBody="x") == "ok"
    boto3.client("sqs").remove_permission(QueueUrl=url, Label="Partner")
    assert "no resource-based policy" in refusal(bob.send_message, QueueUrl=url, MessageBody="x")[1]


# -- conditions -----------------------------------------------------------------------------------------


def test_tags_on_the_resource_and_on_the_caller(sandbox: Sandbox) -> None:
    own = {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}
    keys = user("mina", allow("sqs:SendMessage", Condition=own), Tags=[{"Key": "team", "Value": "blue"}])
    learner, mina = boto3.client("sqs"), boto3.client("sqs", **keys)
    blue = learner.create_queue(QueueName="blue", tags={"team": "blue"})["QueueUrl"]
    red = learner.create_queue(QueueName="red", tags={"team": "red"})["QueueUrl"]
    assert outcome(mina.send_message, QueueUrl=blue, MessageBody="x") == "ok"
    assert outcome(mina.send_message, QueueUrl=red, MessageBody="x") == "AccessDenied"


def test_tags_in_the_request(sandbox: Sandbox) -> None:
    must = {
        "StringEquals": {"aws:RequestTag/team": "blue"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]},
    }
    keys = user("mina", allow(["sqs:CreateQueue", "sqs:TagQueue"], Condition=must))
    sqs = boto3.client("sqs", **keys)
    assert outcome(sqs.create_queue, QueueName="a") == "AccessDenied"
    assert outcome(sqs.create_queue, QueueName="a", tags={"team": "red"}) == "AccessDenied"
    assert outcome(sqs.create_queue, QueueName="a", tags={"team": "blue", "x": "y"}) == "AccessDenied"
    assert outcome(sqs.create_queue, QueueName="a", tags={"team": "blue"}) == "ok"


def test_session_tags_count_as_the_callers(sandbox: Sandbox) -> None:
    role = make_role("worker", allow("sqs:*", Condition={"StringEquals": {"aws:PrincipalTag/team": "blue"}}))
    assert outcome(session, role_arn=role, Tags=[{"Key": "team", "Value": "blue"}]) == "AccessDenied"
    document = policy(
        {"Effect": "Allow", "Principal": {"AWS": HERE}, "Action": ["sts:AssumeRole", "sts:TagSession"]}
    )
    boto3.client("iam").update_assume_role_policy(RoleName="worker", PolicyDocument=document)
    tagged = boto3.client("sqs", **session(role, Tags=[{"Key": "team", "Value": "blue"}]))
    plain = boto3.client("sqs", **session(role))
    assert (outcome(tagged.list_queues), outcome(plain.list_queues)) == ("ok", "AccessDenied")


def test_leading_keys_of_a_table(sandbox: Sandbox) -> None:
    boto3.client("dynamodb").create_table(
        TableName="carts", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "who", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "who", "AttributeType": "S"}],
    )  # fmt: skip
    mine = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${aws:username}"]}}
    table = f"arn:aws:dynamodb:{REGION}:{HERE}:table/carts"
    keys = user(
        "mina", allow(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"], table, Condition=mine)
    )
    carts = boto3.client("dynamodb", **keys)
    for who, expected in (("mina", "ok"), ("bob", "AccessDeniedException")):
        key = {"who": {"S": who}}
        put = {"TransactItems": [{"Put": {"TableName": "carts", "Item": key}}]}
        query = {"KeyConditionExpression": "who = :w", "ExpressionAttributeValues": {":w": {"S": who}}}
        assert outcome(carts.get_item, TableName="carts", Key=key) == expected
        assert outcome(carts.transact_write_items, **put) == expected
        assert outcome(carts.query, TableName="carts", **query) == expected


# -- PassRole -------------------------------------------------------------------------------------------


def test_passing_a_role_needs_iam_pass_role(sandbox: Sandbox) -> None:
    role = make_role("target", trusts={"Service": "events.amazonaws.com"})
    boto3.client("events").put_rule(Name="r", EventPattern=json.dumps({"source": ["shop"]}))
    target = {"Rule": "r", "Targets": [{"Id": "1", "Arn": QUEUE, "RoleArn": role}]}
    weak = boto3.client("events", **user("weak", allow("events:*")))
    code, text = refusal(weak.put_targets, **target)
    assert code == "AccessDeniedException"
    assert f"is not authorized to perform: iam:PassRole on resource: {role} because no identity" in text
    only = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    other = boto3.client(
        "events", **user("other", allow("events:*"), allow("iam:PassRole", role, Condition=only))
    )
    assert outcome(other.put_targets, **target) == "AccessDeniedException"
    strong = boto3.client("events", **user("strong", allow("events:*"), allow("iam:PassRole", role)))
    assert outcome(strong.put_targets, **target) == "ok"


# -- errors of each service, and what no client wraps ---------------------------------------------------


@pytest.mark.parametrize(
    ("service", "operation", "params", "code", "said"),
    [
        ("sns", "publish", {"TopicArn": f"arn:aws:sns:{REGION}:{HERE}:t", "Message": "x"}, "AuthorizationError",
         "perform: SNS:Publish on resource: arn:aws:sns:"),
        ("lambda", "invoke", {"FunctionName": "f"}, "AccessDeniedException",
         f"lambda:InvokeFunction on resource: arn:aws:lambda:{REGION}:{HERE}:function:f because"),
        ("lambda", "invoke", {"FunctionName": "f", "Qualifier": "live"}, "AccessDeniedException", "function:f:live "),
        ("dynamodb", "scan", {"TableName": "t", "IndexName": "old"}, "AccessDeniedException", "table/t/index/old "),
        ("kms", "encrypt", {"KeyId": "alias/x", "Plaintext": b"x"}, "AccessDeniedException", "kms:Encrypt on resource"),
        ("s3", "list_objects_v2", {"Bucket": "shop"}, "AccessDenied", 's3:ListBucket on resource: "arn:aws:s3:::shop"'),
        ("s3", "head_object", {"Bucket": "shop", "Key": "k"}, "403", "Forbidden"),
        ("iam", "list_users", {}, "AccessDenied", "iam:ListUsers because"),
        ("ec2", "describe_vpcs", {}, "UnauthorizedOperation", "You are not authorized to perform this operation. User"),
        ("events", "put_events", {"Entries": [{"Source": "a", "DetailType": "b", "Detail": "{}"}]},
         "AccessDeniedException", "event-bus/default"),
        ("stepfunctions", "list_state_machines", {}, "AccessDeniedException", "states:ListStateMachines"),
        ("secretsmanager", "get_secret_value", {"SecretId": "db"}, "AccessDeniedException", "secret:db"),
        ("ssm", "get_parameters", {"Names": ["/a/b"]}, "AccessDeniedException", ":parameter/a/b"),
        ("logs", "create_log_group", {"logGroupName": "/x"}, "AccessDeniedException", "log-group:/x:"),
        ("scheduler", "get_schedule", {"Name": "n"}, "AccessDeniedException", "schedule/default/n"),
        ("pipes", "describe_pipe", {"Name": "n"}, "AccessDeniedException", "pipe/n"),
        ("kinesis", "put_record", {"StreamName": "s", "Data": b"x", "PartitionKey": "k"}, "AccessDeniedException",
         "stream/s"),
        ("ecr", "describe_images", {"repositoryName": "web"}, "AccessDeniedException", "repository/web"),
        ("cloudwatch", "delete_alarms", {"AlarmNames": ["a"]}, "AccessDenied", "alarm:a"),
    ],
)  # fmt: skip
def test_each_service_refuses_in_its_own_words(
    sandbox: Sandbox, service: str, operation: str, params: dict[str, Any], code: str, said: str
) -> None:
    client = boto3.client(service, **worker())
    seen, text = refusal(getattr(client, operation), **params)
    assert seen == code
    assert said in text


def test_modelled_errors_can_be_caught_by_name(sandbox: Sandbox) -> None:
    keys = worker()
    sns = boto3.client("sns", **keys)
    with pytest.raises(sns.exceptions.AuthorizationErrorException):
        sns.publish(TopicArn=f"arn:aws:sns:{REGION}:{HERE}:t", Message="x")


def test_nobody_needs_permission_to_ask_who_she_is(sandbox: Sandbox) -> None:
    found = boto3.client("sts", **worker()).get_caller_identity()
    assert found["Arn"] == f"arn:aws:sts::{HERE}:assumed-role/worker/one"


def test_a_presigned_url_has_the_rights_of_who_signed_it(sandbox: Sandbox) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="photos", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="photos", Key="cat", Body=b"meow")
    named = {"Params": {"Bucket": "photos", "Key": "cat"}}
    good = boto3.client("s3", **user("mina", allow("s3:GetObject", "arn:aws:s3:::photos/*")))
    bad = boto3.client("s3", **user("bob"))
    assert requests.get(good.generate_presigned_url("get_object", **named), timeout=5).content == b"meow"
    refused = requests.get(bad.generate_presigned_url("get_object", **named), timeout=5)
    assert refused.status_code == 403
    assert re.search(
        r"<Code>AccessDenied</Code><Message>User: arn:aws:iam::\d+:user/bob is not", refused.text
    )


def test_a_bucket_policy_stops_the_administrator(sandbox: Sandbox) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="photos", CreateBucketConfiguration={"LocationConstraint": REGION})
    statement = deny("s3:DeleteObject", "arn:aws:s3:::photos/*", Principal="*")
    s3.put_bucket_policy(Bucket="photos", Policy=policy(statement))
    s3.put_object(Bucket="photos", Key="cat", Body=b"meow")
    code, text = refusal(s3.delete_object, Bucket="photos", Key="cat")
    assert code == "AccessDenied"
    assert text.endswith('"arn:aws:s3:::photos/cat" with an explicit deny in a resource-based policy')


def test_a_key_that_was_switched_off_opens_nothing(sandbox: Sandbox) -> None:
    keys = user("mina", allow("*"))
    boto3.client("iam").update_access_key(
        UserName="mina", AccessKeyId=keys["aws_access_key_id"], Status="Inactive"
    )
    assert refusal(boto3.client("sqs", **keys).list_queues)[0] == "InvalidClientTokenId"
    assert refusal(boto3.client("dynamodb", **keys).list_tables) == (
        "UnrecognizedClientException", "The security token included in the request is invalid.",
    )  # fmt: skip


def test_a_call_of_the_learner_looks_at_no_policy_that_is_not_there(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*args: Any) -> None:
        raise AssertionError("judged")

    monkeypatch.setattr("labkit.sandbox.enforcement.judging.refusal", never)
    sqs = boto3.client("sqs")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    sqs.receive_message(QueueUrl=url)
    topic = boto3.client("sns").create_topic(Name="t")["TopicArn"]
    boto3.client("sns").publish(TopicArn=topic, Message="x")


def test_a_function_calls_with_the_rights_of_its_role(sandbox: Sandbox, url: str) -> None:
    role = make_role("cart", CONSUME, trusts={"Service": "lambda.amazonaws.com"})
    code = f"""
import boto3
def handler(event, context):
    sqs = boto3.client("sqs")
    sqs.receive_message(QueueUrl="{url}")
    try:
        sqs.send_message(QueueUrl="{url}", MessageBody="x")
    except Exception as error:
        return str(error)
"""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", code)
    functions = boto3.client("lambda")
    functions.create_function(
        FunctionName="cart", Runtime="python3.13", Role=role, Handler="app.handler",
        Code={"ZipFile": packed.getvalue()}, Timeout=10,
    )  # fmt: skip
    said = json.loads(functions.invoke(FunctionName="cart")["Payload"].read())
    assert (
        f"(AccessDenied) when calling the SendMessage operation: User: arn:aws:sts::{HERE}:assumed-role/cart"
        in said
    )
    [event] = sandbox.trace.where(action="SendMessage", kind="call")
    assert "cart" in event.caller
    assert "has no policy that allows it" in event.note


def test_the_root_user_reads_aws_managed_policies(sandbox: Sandbox) -> None:
    keys = {"aws_access_key_id": "123456789012", "aws_secret_access_key": "x"}
    iam = boto3.client("iam", **keys)
    policy = iam.get_policy(PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")["Policy"]
    assert policy["PolicyName"] == "ReadOnlyAccess"
