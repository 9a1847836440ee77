"""EventBridge Pipes: from queues and streams through filter, enrichment and template to a target."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox
from tests.sandbox.sources.kit import PLACE, QUEUES, Kit, statement

FUNCTION = f"arn:aws:lambda:{PLACE}:function:work"


class Pipes(Kit):
    """An account with a pipe's role, a source queue and a target queue."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.pipes = boto3.client("pipes")
        self.pipe_role = self.make_role(
            "plumber",
            "pipes.amazonaws.com",
            "sqs:*",
            "lambda:*",
            "events:*",
            "sns:*",
            "kinesis:*",
            "dynamodb:*",
        )
        self.source, self.target = self.queue("in", VisibilityTimeout=30), self.queue("out")

    def pipe(
        self, name: str = "p", source: str = QUEUES + "in", target: str = QUEUES + "out", **more: Any
    ) -> Any:
        return self.pipes.create_pipe(Name=name, Source=source, Target=target, RoleArn=self.pipe_role, **more)

    def out(self) -> list[str]:
        return [message["Body"] for message in self.received(self.target)]

    def state(self, name: str = "p") -> str:
        state: str = self.pipes.describe_pipe(Name=name)["CurrentState"]
        return state


@pytest.fixture
def kit(sandbox: Sandbox) -> Iterator[Pipes]:
    with sandbox.clock.paused():  # the same story on a slow machine
        yield Pipes(sandbox)


def test_a_message_goes_through_as_its_record(kit: Pipes) -> None:
    assert kit.pipe()["CurrentState"] == "CREATING"
    assert kit.state() == "RUNNING"
    kit.send(kit.source, "tea")
    [body] = kit.out()
    record = json.loads(body)
    assert (record["body"], record["eventSource"]) == ("tea", "aws:sqs")
    assert kit.counts(kit.source) == (0, 0)
    [event] = kit.did("BatchDelivered")
    assert (event.service, event.caller) == ("pipes", "pipes.amazonaws.com")


def test_a_template_shapes_each_record(kit: Pipes) -> None:
    template = (
        '{"id": <$.body.id>, "text": "order <$.body.id> of <$.body.who>", "all": <$.body>, '
        '"none": <$.body.nothing>, "pipe": "<aws.pipes.pipe-name>", "at": "<aws.pipes.event.ingestion-time>"}'
    )
    kit.pipe(TargetParameters={"InputTemplate": template})
    kit.send(kit.source, '{"id": 7, "who": "Ann \\"A\\""}')
    [body] = kit.out()
    shaped = json.loads(body)
    assert shaped["id"] == 7
    assert shaped["text"] == 'order 7 of Ann "A"'
    assert json.loads(shaped["all"]) == {"id": 7, "who": 'Ann "A"'}
    assert (shaped["none"], shaped["pipe"]) == ("", "p")
    assert shaped["at"].endswith("Z")


def test_plain_text_is_a_template_too(kit: Pipes) -> None:
    kit.pipe(TargetParameters={"InputTemplate": "<$.body>!"})
    kit.send(kit.source, "tea")
    assert kit.out() == ["tea!"]


def test_what_no_filter_wants_is_deleted(kit: Pipes) -> None:
    pattern = json.dumps({"body": {"total": [{"numeric": [">", 100]}]}})
    kit.pipe(
        SourceParameters={"FilterCriteria": {"Filters": [{"Pattern": pattern}]}},
        TargetParameters={"InputTemplate": "<$.body.total>"},
    )
    kit.send(kit.source, '{"total": 5}', '{"total": 500}')
    assert kit.out() == ["500"]
    assert kit.counts(kit.source) == (0, 0)


def test_an_enrichment_adds_and_takes_away(kit: Pipes) -> None:
    kit.function(
        """
        def handler(events, context):
            return [{"name": e["body"].upper()} for e in events if e["body"] != "skip"]
        """
    )
    kit.pipe(Enrichment=FUNCTION)
    kit.send(kit.source, "tea", "skip", "rum")
    assert [json.loads(body)["name"] for body in kit.out()] == ["TEA", "RUM"]
    kit.send(kit.source, "skip")
    assert kit.out() == []
    assert kit.counts(kit.source) == (0, 0)


def test_a_failing_enrichment_keeps_the_messages_until_the_dead_letters(kit: Pipes) -> None:
    dead = kit.queue("dead")
    redrive = json.dumps({"deadLetterTargetArn": QUEUES + "dead", "maxReceiveCount": 2})
    kit.sqs.set_queue_attributes(QueueUrl=kit.source, Attributes={"RedrivePolicy": redrive})
    kit.function("def handler(events, context): raise ValueError('no tea')")
    kit.pipe(Enrichment=FUNCTION)
    kit.send(kit.source, "tea")
    kit.clock.advance(minutes=5)
    assert [message["Body"] for message in kit.received(dead)] == ["tea"]
    assert kit.did("BatchFailed")[0].error == "ValueError"


def test_a_function_as_target_gets_an_array_and_reports_failures(kit: Pipes) -> None:
    kit.function(
        """
        import json

        def handler(events, context):
            print("EVENT", json.dumps(events))
            return {"batchItemFailures": [{"itemIdentifier": e["messageId"]} for e in events if e["body"] == "bad"]}
        """
    )
    kit.pipe(target=FUNCTION)
    kit.send(kit.source, "good", "bad")
    [event] = kit.events()
    assert [record["body"] for record in event] == ["good", "bad"]
    assert kit.counts(kit.source) == (0, 1)
    kit.clock.advance(seconds=31)
    assert [record["body"] for record in kit.events()[1]] == ["bad"]


def test_a_bus_as_target(kit: Pipes) -> None:
    events = boto3.client("events")
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["Pipe p"]}))
    rule = f"arn:aws:events:{PLACE}:rule/r"
    allowed = {
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": QUEUES + "out", "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    kit.sqs.set_queue_attributes(QueueUrl=kit.target, Attributes={"Policy": policy})
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": QUEUES + "out"}])
    kit.pipe(
        target=f"arn:aws:events:{PLACE}:event-bus/default", TargetParameters={"InputTemplate": "<$.body>"}
    )
    kit.send(kit.source, '{"id": 7}')
    kit.clock.advance(seconds=1)
    [body] = kit.out()
    event = json.loads(body)
    assert (event["source"], event["detail-type"], event["detail"]) == (
        "Pipe p",
        "Event from aws:sqs",
        {"id": 7},
    )


def test_a_group_may_come_from_the_record(kit: Pipes) -> None:
    line = kit.queue("line.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    with pytest.raises(ClientError, match="MessageGroupId"):
        kit.pipe(target=QUEUES + "line.fifo")
    kit.pipe(
        target=QUEUES + "line.fifo",
        TargetParameters={"SqsQueueParameters": {"MessageGroupId": "$.body.customer"}},
    )
    kit.send(kit.source, '{"customer": "ann"}')
    [message] = kit.received(line)
    assert message["Attributes"]["MessageGroupId"] == "ann"


def test_a_stopped_pipe_leaves_the_messages(kit: Pipes) -> None:
    kit.pipe(DesiredState="STOPPED")
    assert kit.state() == "STOPPED"
    kit.send(kit.source, "tea")
    assert kit.counts(kit.source) == (1, 0)
    assert kit.pipes.start_pipe(Name="p")["CurrentState"] == "STARTING"
    assert kit.state() == "RUNNING"
    assert len(kit.out()) == 1
    assert kit.pipes.stop_pipe(Name="p")["CurrentState"] == "STOPPING"
    kit.send(kit.source, "rum")
    assert kit.counts(kit.source) == (1, 0)
    assert kit.pipes.delete_pipe(Name="p")["CurrentState"] == "DELETING"
    with pytest.raises(kit.pipes.exceptions.NotFoundException):
        kit.pipes.describe_pipe(Name="p")
    assert kit.clock.waiting[0].action.__name__ == "play"  # only the queue's own retention


def test_a_role_that_may_not_send_keeps_the_messages(kit: Pipes) -> None:
    kit.iam.put_role_policy(
        RoleName="plumber",
        PolicyName="own",
        PolicyDocument=statement("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
    )
    kit.pipe()
    kit.send(kit.source, "tea")
    assert kit.counts(kit.source) == (0, 1)
    refused = kit.did("DeliveryRefused")[0]
    assert (refused.error, refused.service) == ("AccessDenied", "pipes")
    kit.iam.put_role_policy(RoleName="plumber", PolicyName="own", PolicyDocument=statement("sqs:*"))
    kit.clock.advance(seconds=31)
    assert len(kit.out()) == 1


def test_a_role_that_pipes_may_not_take_reads_nothing(kit: Pipes) -> None:
    kit.pipe_role = kit.make_role("other", "ec2.amazonaws.com", "sqs:*")
    kit.pipe()
    kit.send(kit.source, "tea")
    assert kit.counts(kit.source) == (1, 0)
    assert kit.did("PollRefused")[0].error == "AccessDenied"


def test_a_deleted_target_keeps_the_messages(kit: Pipes) -> None:
    kit.pipe()
    kit.sqs.delete_queue(QueueUrl=kit.target)
    kit.send(kit.source, "tea")
    assert kit.counts(kit.source) == (0, 1)


def test_a_table_stream_as_source_with_dead_letters(kit: Pipes) -> None:
    ddb = boto3.client("dynamodb")
    stream = ddb.create_table(
        TableName="shop", BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]["LatestStreamArn"]  # fmt: skip
    dead = kit.queue("dead")
    kit.function(
        """
        def handler(events, context):
            if any(e["dynamodb"]["Keys"]["id"]["S"] == "bad" for e in events):
                raise ValueError("no tea")
            return [e["dynamodb"]["Keys"]["id"]["S"] for e in events]
        """
    )
    kit.pipe(
        source=stream, Enrichment=FUNCTION,
        SourceParameters={"DynamoDBStreamParameters": {
            "StartingPosition": "LATEST", "MaximumRetryAttempts": 1, "BatchSize": 10,
            "OnPartialBatchItemFailure": "AUTOMATIC_BISECT", "DeadLetterConfig": {"Arn": QUEUES + "dead"},
        }},
    )  # fmt: skip
    for one in ("a", "bad", "c"):
        ddb.put_item(TableName="shop", Item={"id": {"S": one}})
    kit.clock.advance(minutes=5)
    assert kit.out() == ["a", "c"]
    body = json.loads(kit.received(dead)[0]["Body"])
    assert body["context"]["condition"] == "RetryAttemptsExhausted"
    assert body["DDBStreamBatchInfo"]["batchSize"] == 1


def test_a_kinesis_stream_as_source_shows_flat_records(kit: Pipes) -> None:
    kinesis = boto3.client("kinesis")
    kinesis.create_stream(StreamName="clicks", ShardCount=1)
    kit.pipe(
        source=f"arn:aws:kinesis:{PLACE}:stream/clicks",
        SourceParameters={"KinesisStreamParameters": {"StartingPosition": "LATEST", "BatchSize": 1}},
        TargetParameters={"InputTemplate": "<$.data.id> by <$.partitionKey>"},
    )
    kinesis.put_record(StreamName="clicks", Data=b'{"id": 7}', PartitionKey="ann")
    assert kit.out() == ["7 by ann"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"SourceParameters": {"SqsQueueParameters": {"BatchSize": 11}}}, "at most 10"),
        ({"SourceParameters": {"SqsQueueParameters": {"MaximumBatchingWindowInSeconds": 301}}},
         "less than or equal to 300"),
        ({"SourceParameters": {"FilterCriteria": {"Filters": [{"Pattern": '{"body": "tea"}'}]}}},
         "Event pattern is not valid"),
        ({"Source": "queue"}, "at 'source'"),
    ],
)  # fmt: skip
def test_what_a_pipe_may_not_be(kit: Pipes, more: dict[str, Any], message: str) -> None:
    given: Any = {
        "Name": "p",
        "Source": QUEUES + "in",
        "Target": QUEUES + "out",
        "RoleArn": kit.pipe_role,
    } | more
    with pytest.raises(ClientError, match=message) as refused:
        kit.pipes.create_pipe(**given)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_a_name_is_taken_once(kit: Pipes) -> None:
    kit.pipe()
    with pytest.raises(kit.pipes.exceptions.ConflictException):
        kit.pipe()


def test_a_changed_pipe_keeps_what_was_not_named(kit: Pipes) -> None:
    kit.pipe(TargetParameters={"InputTemplate": "old <$.body>"})
    kit.pipes.update_pipe(Name="p", RoleArn=kit.pipe_role, TargetParameters={"InputTemplate": "new <$.body>"})
    assert kit.state() == "RUNNING"
    kit.send(kit.source, "tea")
    assert kit.out() == ["new tea"]


def test_a_rehearsal_sends_nothing_for_real(kit: Pipes) -> None:
    kit.pipe()
    with kit.sandbox.rehearsal():
        kit.send(kit.source, "tried out")
        assert len(kit.out()) == 1
    assert kit.out() == []
