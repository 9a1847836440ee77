"""Snapshots, rehearsals and reset: every backend, nothing lost, nothing left behind."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox, current, state

ROLE = "arn:aws:iam::123456789012:role/orders"


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): return event")
    return buffer.getvalue()


def _make_function() -> object:
    allow = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    boto3.client("iam").create_role(RoleName="orders", AssumeRolePolicyDocument=trust)
    return boto3.client("lambda").create_function(
        FunctionName="quote", Runtime="python3.13", Role=ROLE, Handler="app.handler", Code={"ZipFile": _zip()}
    )


def _make_machine() -> object:
    definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
    trusted = {
        "Effect": "Allow",
        "Principal": {"Service": "states.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
    role = boto3.client("iam").create_role(RoleName="flow", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    return boto3.client("stepfunctions").create_state_machine(
        name="flow", definition=json.dumps(definition), roleArn=role
    )


def _make_table() -> object:
    return boto3.client("dynamodb").create_table(
        TableName="stock",
        KeySchema=[{"AttributeName": "sku", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "sku", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def client(name: str) -> Any:
    return boto3.client(name)


# Service: how to make one resource, and how to count them.
RESOURCES: dict[str, tuple[Callable[[], object], Callable[[], int]]] = {
    "sqs": (
        lambda: client("sqs").create_queue(QueueName="orders"),
        lambda: len(client("sqs").list_queues().get("QueueUrls", [])),
    ),
    "sns": (
        lambda: client("sns").create_topic(Name="news"),
        lambda: len(client("sns").list_topics()["Topics"]),
    ),
    "lambda": (_make_function, lambda: len(client("lambda").list_functions()["Functions"])),
    "stepfunctions": (
        _make_machine,
        lambda: len(client("stepfunctions").list_state_machines()["stateMachines"]),
    ),
    "ecr": (
        lambda: client("ecr").create_repository(repositoryName="shop"),
        lambda: len(client("ecr").describe_repositories()["repositories"]),
    ),
    "kms": (
        lambda: client("kms").create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY"),
        lambda: len(client("kms").list_keys()["Keys"]),
    ),
    "ssm": (
        lambda: client("ssm").put_parameter(Name="colour", Value="green", Type="String"),
        lambda: len(client("ssm").describe_parameters()["Parameters"]),
    ),
    "dynamodb": (_make_table, lambda: len(client("dynamodb").list_tables()["TableNames"])),
    "s3": (
        lambda: client("s3").create_bucket(
            Bucket="orchard", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        ),
        lambda: len(client("s3").list_buckets()["Buckets"]),
    ),
    "secretsmanager": (
        lambda: client("secretsmanager").create_secret(Name="db", SecretString="x"),
        lambda: len(client("secretsmanager").list_secrets()["SecretList"]),
    ),
    "events": (
        lambda: client("events").put_rule(Name="hourly", ScheduleExpression="rate(1 hour)"),
        lambda: len(client("events").list_rules()["Rules"]),
    ),
    "logs": (
        lambda: client("logs").create_log_group(logGroupName="/orders"),
        lambda: len(client("logs").describe_log_groups()["logGroups"]),
    ),
    "ecs": (
        lambda: client("ecs").create_cluster(clusterName="shop"),
        lambda: len(client("ecs").list_clusters()["clusterArns"]),
    ),
}


@pytest.mark.parametrize("service", RESOURCES)
def test_a_rehearsal_sees_the_account_and_leaves_it_alone(sandbox: Sandbox, service: str) -> None:
    make, count = RESOURCES[service]
    make()
    count()  # moto's SSM fills a table of its own when it is first asked
    before = sandbox.digest()
    with sandbox.rehearsal():
        assert count() == 1
        state.empty()
        assert count() == 0
    assert count() == 1
    assert sandbox.digest() == before


@pytest.mark.parametrize("service", RESOURCES)
def test_a_snapshot_comes_back_twice(sandbox: Sandbox, service: str) -> None:
    make, count = RESOURCES[service]
    make()
    snapshot = sandbox.snapshot()
    for _ in range(2):
        sandbox.reset()
        assert count() == 0
        sandbox.restore(snapshot)
        assert count() == 1


def test_a_service_first_used_inside_a_rehearsal_is_empty_afterwards(sandbox: Sandbox) -> None:
    make, count = RESOURCES["sns"]
    with sandbox.rehearsal():
        make()
        assert count() == 1
    assert count() == 0


def test_rehearsals_nest(sandbox: Sandbox) -> None:
    make, count = RESOURCES["sqs"]
    with sandbox.rehearsal():
        make()
        with sandbox.rehearsal():
            state.empty()
            assert count() == 0
        assert count() == 1
    assert count() == 0


def test_an_error_inside_a_rehearsal_still_puts_everything_back(sandbox: Sandbox) -> None:
    make, count = RESOURCES["sqs"]
    make()

    def interrupted() -> None:
        with sandbox.rehearsal():
            state.empty()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert count() == 1


def nothing() -> None:
    """Due work that does nothing."""


def test_time_and_due_work_come_back(sandbox: Sandbox) -> None:
    sandbox.clock.schedule(sandbox.clock.time() + 100, nothing)
    start = sandbox.clock.time()
    with sandbox.rehearsal():
        sandbox.clock.advance(days=2)
        assert not sandbox.clock.waiting
    assert len(sandbox.clock.waiting) == 1
    assert sandbox.clock.time() == pytest.approx(start, abs=5)


def test_the_learners_trace_does_not_show_a_rehearsal(sandbox: Sandbox) -> None:
    with sandbox.rehearsal() as rehearsal:
        boto3.client("sqs").list_queues()
        assert len(rehearsal.trace.where(action="ListQueues")) == 1
    assert sandbox.trace.where(action="ListQueues") == []
    assert len(rehearsal.trace.where(action="ListQueues")) == 1


def test_faults_and_dice_come_back(sandbox: Sandbox) -> None:
    sandbox.faults.put("sqs.duplicate", share=0.25)
    expected = sandbox.snapshot()
    with sandbox.rehearsal():
        sandbox.faults.clear()
        sandbox.random.random()
    assert sandbox.faults.share("sqs.duplicate") == 0.25
    first = sandbox.random.random()
    sandbox.restore(expected)
    assert sandbox.random.random() == first


def test_ids_do_not_depend_on_whether_a_check_ran(sandbox: Sandbox) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    snapshot = sandbox.snapshot()
    plain = sqs.send_message(QueueUrl=url, MessageBody="x")["MessageId"]
    sandbox.restore(snapshot)
    with sandbox.rehearsal():
        sqs.send_message(QueueUrl=url, MessageBody="probe")
    assert sqs.send_message(QueueUrl=url, MessageBody="x")["MessageId"] == plain


def test_the_digest_changes_with_the_account_and_only_then(sandbox: Sandbox) -> None:
    make, count = RESOURCES["sqs"]
    make()
    first = sandbox.digest()
    count()
    assert sandbox.digest() == first
    sqs = boto3.client("sqs")
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="orders")["QueueUrl"], MessageBody="x")
    assert sandbox.digest() != first


def test_reset_empties_every_account_and_region_and_keeps_calls_inside(sandbox: Sandbox) -> None:
    for region in ("eu-west-1", "us-east-1"):
        boto3.client("sqs", region_name=region).create_queue(QueueName="orders")
    sandbox.backend("sqs", account="111122223333").create_queue("foreign")
    sandbox.clock.schedule(sandbox.clock.time() + 9, nothing)
    sandbox.reset()
    for region in ("eu-west-1", "us-east-1"):
        assert "QueueUrls" not in boto3.client("sqs", region_name=region).list_queues()
    assert not sandbox.backend("sqs", account="111122223333").queues
    assert not sandbox.clock.waiting
    assert current() is sandbox


def test_a_bucket_that_was_never_made_can_be_made(sandbox: Sandbox) -> None:
    s3, place = boto3.client("s3"), {"LocationConstraint": "eu-west-1"}

    def make() -> str:
        s3.create_bucket(Bucket="orchard-prices", CreateBucketConfiguration=place)
        s3.put_object(Bucket="orchard-prices", Key="k", Body=b"tea")
        return str(s3.get_object(Bucket="orchard-prices", Key="k")["Body"].read(), "ascii")

    before = sandbox.snapshot()
    with sandbox.rehearsal():
        assert make() == "tea"
    with pytest.raises(s3.exceptions.ClientError, match="404"):
        s3.head_bucket(Bucket="orchard-prices")
    assert make() == "tea"
    sandbox.restore(before)
    assert make() == "tea"
    sandbox.reset()
    assert make() == "tea"


def test_the_same_story_gives_the_same_ids() -> None:
    def story() -> list[str]:
        with Sandbox(seed=7):
            sqs = boto3.client("sqs")
            url = sqs.create_queue(QueueName="orders")["QueueUrl"]
            return [sqs.send_message(QueueUrl=url, MessageBody="x")["MessageId"] for _ in range(3)]

    assert story() == story()
