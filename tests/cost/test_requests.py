"""What the meter counts from calls and runs, service by service."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from labkit.cost import meter
from labkit.sandbox import Sandbox

KB = 1024
Units = Callable[..., dict[str, float]]


def test_sqs_counts_a_request_for_each_64_kb(sandbox: Sandbox, units: Units) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    mark = sandbox.trace.mark()
    sqs.send_message(QueueUrl=url, MessageBody="small")
    assert units(mark) == {"sqs requests": 1}
    sqs.send_message(QueueUrl=url, MessageBody="x" * 64 * KB)
    assert units(mark) == {"sqs requests": 2}
    sqs.send_message(QueueUrl=url, MessageBody="x" * (64 * KB + 1))
    assert units(mark) == {"sqs requests": 4}


def test_a_batch_and_a_receive_count_by_their_whole_payload(sandbox: Sandbox, units: Units) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    mark = sandbox.trace.mark()
    entries = [{"Id": str(one), "MessageBody": "x" * 40 * KB} for one in range(4)]
    sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert units(mark) == {"sqs requests": 3}  # 160 KB are three chunks of 64 KB
    mark = sandbox.trace.mark()
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert len(got) == 4
    assert units(mark) == {"sqs requests": 3}
    sqs.receive_message(QueueUrl=url)
    assert units(mark) == {"sqs requests": 4}  # an empty receive is a request, too


def test_fifo_queues_have_their_own_price_and_share_the_free_million(sandbox: Sandbox, units: Units) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="orders.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x", MessageGroupId="g", MessageDeduplicationId="d")
    assert units() == {"sqs fifo_requests": 2}
    plain = sqs.create_queue(QueueName="plain")["QueueUrl"]
    sqs.send_message(QueueUrl=plain, MessageBody="x")
    made = meter.bill(sandbox, scale=1_000_000)  # 2 M FIFO and 2 M standard requests
    # FIFO takes the million: 1 M x 0.50 is left; standard pays 2 M x 0.40
    assert made.cost == pytest.approx(1.00 + 0.80)
    assert made.free == pytest.approx(0.50)
    assert made.total == pytest.approx(0.50 + 0.80)


def test_a_call_that_aws_refuses_is_not_counted(sandbox: Sandbox, units: Units) -> None:
    with pytest.raises(Exception, match="NonExistentQueue"):
        boto3.client("sqs").get_queue_url(QueueName="nothing")
    assert units() == {}


def test_sns_and_events_count_in_chunks(sandbox: Sandbox, units: Units) -> None:
    sns, events = boto3.client("sns"), boto3.client("events")
    topic = sns.create_topic(Name="news")["TopicArn"]
    mark = sandbox.trace.mark()
    sns.publish(TopicArn=topic, Message="x" * 65 * KB)
    assert units(mark) == {"sns requests": 2}
    mark = sandbox.trace.mark()
    big = json.dumps({"text": "x" * 130 * KB})
    events.put_events(
        Entries=[
            {"Source": "shop", "DetailType": "a", "Detail": "{}"},
            {"Source": "s", "DetailType": "b", "Detail": big},
        ]
    )
    assert units(mark) == {"events custom_events": 1 + 3}


def test_lambda_counts_requests_and_whole_milliseconds_by_memory(
    sandbox: Sandbox, units: Units, function: Callable[..., Any]
) -> None:
    client = function("work", "import time\ndef handler(e, c):\n    time.sleep(2)\n", MemorySize=512)
    client.invoke(FunctionName="work")
    [run] = [event for event in sandbox.trace if event.kind == "invocation"]
    milliseconds = -(-(run.params["DurationMs"] + run.params["InitMs"]) // 1)
    found = units()
    assert found["lambda requests"] == 1
    assert found["lambda gb_seconds"] == pytest.approx(0.5 * milliseconds / 1000)
    assert found["lambda gb_seconds"] >= 1.0  # half a GB for two seconds


def test_memory_and_architecture_are_those_of_the_moment(
    sandbox: Sandbox, units: Units, function: Callable[..., Any]
) -> None:
    source = "import time\ndef handler(e, c):\n    time.sleep(1)\n"
    client = function("work", source, MemorySize=1024, Architectures=["arm64"])
    client.invoke(FunctionName="work")
    mark = sandbox.trace.mark()
    client.update_function_configuration(FunctionName="work", MemorySize=2048)
    client.invoke(FunctionName="work")
    assert units(mark)["lambda gb_seconds_arm"] == pytest.approx(2.0, rel=0.2)
    assert units()["lambda gb_seconds_arm"] == pytest.approx(3.0, rel=0.2)
    assert units()["lambda requests_arm"] == 2


def test_a_large_asynchronous_payload_costs_more_requests(
    sandbox: Sandbox, units: Units, function: Callable[..., Any]
) -> None:
    client = function("work", "def handler(e, c):\n    return 1\n")
    mark = sandbox.trace.mark()
    client.invoke(FunctionName="work", InvocationType="Event", Payload=b'"' + b"x" * (256 * KB - 2) + b'"')
    sandbox.clock.advance(seconds=5)
    assert units(mark)["lambda requests"] == 1
    mark = sandbox.trace.mark()
    client.invoke(FunctionName="work", InvocationType="Event", Payload=b'"' + b"x" * (320 * KB) + b'"')
    sandbox.clock.advance(seconds=5)
    assert units(mark)["lambda requests"] == 1 + 2  # 320 KB and two quotes are two chunks above 256 KB


def test_standard_workflows_count_each_step(sandbox: Sandbox, units: Units, role: str) -> None:
    states = {
        "A": {"Type": "Pass", "Next": "B"},
        "B": {"Type": "Pass", "Next": "C"},
        "C": {"Type": "Succeed"},
    }
    client = boto3.client("stepfunctions")
    machine = client.create_state_machine(
        name="flow", roleArn=role, definition=json.dumps({"StartAt": "A", "States": states})
    )["stateMachineArn"]
    for _ in range(2):
        client.start_execution(stateMachineArn=machine)
    assert units()["stepfunctions transitions"] == 6


def test_a_retry_of_a_task_is_a_transition(
    sandbox: Sandbox, units: Units, role: str, function: Callable[..., Any]
) -> None:
    function("breaks", "def handler(e, c):\n    raise ValueError('no')\n")
    task = {
        "Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:breaks", "End": True,
        "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2}],
    }  # fmt: skip
    client = boto3.client("stepfunctions")
    machine = client.create_state_machine(
        name="flow", roleArn=role, definition=json.dumps({"StartAt": "A", "States": {"A": task}})
    )["stateMachineArn"]
    client.start_execution(stateMachineArn=machine)
    sandbox.clock.advance(minutes=1)
    assert units()["stepfunctions transitions"] == 1 + 2


def test_express_workflows_count_requests_and_memory_for_time(
    sandbox: Sandbox, units: Units, role: str
) -> None:
    states = {"A": {"Type": "Wait", "Seconds": 8, "End": True}}
    client = boto3.client("stepfunctions")
    machine = client.create_state_machine(
        name="fast", roleArn=role, type="EXPRESS", definition=json.dumps({"StartAt": "A", "States": states})
    )["stateMachineArn"]
    client.start_execution(stateMachineArn=machine)
    sandbox.clock.advance(seconds=10)
    found = units()
    assert found["stepfunctions express_requests"] == 1
    assert found["stepfunctions express_gb_seconds"] == pytest.approx(8 * 64 / 1024, rel=0.02)  # 8 s of 64 MB
    assert "stepfunctions transitions" not in found


def test_dynamodb_counts_request_units(sandbox: Sandbox, units: Units) -> None:
    client = boto3.client("dynamodb")
    client.create_table(
        TableName="ledger", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    client.put_item(TableName="ledger", Item={"id": {"S": "1"}, "text": {"S": "x" * 3000}})
    client.get_item(TableName="ledger", Key={"id": {"S": "1"}}, ConsistentRead=True)
    client.get_item(TableName="ledger", Key={"id": {"S": "1"}})
    put = {"Put": {"TableName": "ledger", "Item": {"id": {"S": "2"}}}}
    client.transact_write_items(TransactItems=[put])
    assert units() == {"dynamodb write_units": 3 + 2, "dynamodb read_units": 1.5}


def test_a_table_with_provisioned_capacity_is_not_priced(sandbox: Sandbox) -> None:
    client = boto3.client("dynamodb")
    client.create_table(
        TableName="old", ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    client.put_item(TableName="old", Item={"id": {"S": "1"}})
    made = meter.bill(sandbox)
    assert made.lines == ()
    assert "dynamodb: provisioned capacity in eu-west-1 (no price found)." in made.not_priced


def test_s3_has_dear_and_cheap_requests_and_free_ones(sandbox: Sandbox, units: Units) -> None:
    client = boto3.client("s3")
    client.create_bucket(Bucket="pictures", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    client.put_object(Bucket="pictures", Key="a", Body=b"x")
    client.list_objects_v2(Bucket="pictures")
    client.get_object(Bucket="pictures", Key="a")
    client.delete_object(Bucket="pictures", Key="a")
    assert units() == {"s3 put_requests": 3, "s3 get_requests": 1}


def test_logs_count_the_text_and_26_bytes_an_event(sandbox: Sandbox, units: Units) -> None:
    client = boto3.client("logs")
    client.create_log_group(logGroupName="app")
    client.create_log_stream(logGroupName="app", logStreamName="one")
    now = int(sandbox.clock.time() * 1000)
    events = [{"timestamp": now, "message": "x" * 998}] * 2
    client.put_log_events(logGroupName="app", logStreamName="one", logEvents=events)
    assert units()["logs gb_ingested"] == pytest.approx(2 * (998 + 26) / 1024**3)


def test_schedules_count_their_runs(sandbox: Sandbox, units: Units, role: str) -> None:
    boto3.client("sqs").create_queue(QueueName="ticks")
    target = {"Arn": "arn:aws:sqs:eu-west-1:123456789012:ticks", "RoleArn": role}
    boto3.client("scheduler").create_schedule(
        Name="tick", ScheduleExpression="rate(1 minute)", FlexibleTimeWindow={"Mode": "OFF"}, Target=target
    )
    mark = sandbox.trace.mark()
    sandbox.clock.advance(minutes=5, seconds=30)
    assert units(mark)["scheduler invocations"] == 5


def test_calls_that_cost_nothing_and_services_nobody_knows(sandbox: Sandbox) -> None:
    boto3.client("sts").get_caller_identity()
    boto3.client("iam").list_roles()
    made = meter.bill(sandbox)
    assert (made.lines, made.not_priced) == ((), ())
    boto3.client("cloudwatch").list_metrics()
    assert meter.bill(sandbox).not_priced == ("cloudwatch: the meter does not know this service.",)


def test_what_a_rehearsal_does_costs_nothing(sandbox: Sandbox, units: Units) -> None:
    url = boto3.client("sqs").create_queue(QueueName="orders")["QueueUrl"]
    before = units()
    with sandbox.rehearsal():
        boto3.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    assert units() == before


def test_asking_changes_nothing(sandbox: Sandbox) -> None:
    boto3.client("sqs").create_queue(QueueName="orders")
    before = (sandbox.digest(), len(sandbox.trace))
    meter.bill(sandbox)
    assert (sandbox.digest(), len(sandbox.trace)) == before
