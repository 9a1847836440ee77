"""Lambda reads streams: in order, blocked by what fails, with checkpoints and destinations."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox
from tests.sandbox.sources.kit import PLACE, QUEUES, SAYS, Kit, statement

FAILS_ON_BAD = """
    import base64, json

    def handler(event, context):
        print("EVENT", json.dumps(event))
        data = [base64.b64decode(r.get("kinesis", {}).get("data", "")) for r in event["Records"]]
        if "bad" in json.dumps(event) or b"bad" in data:
            raise ValueError("no tea")
"""
"""A function that fails with every batch that has "bad" in it."""


class Streams(Kit):
    """An account with a table and its stream, and a Kinesis stream."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.ddb, self.kinesis = boto3.client("dynamodb"), boto3.client("kinesis")

    def table(self, view: str = "NEW_AND_OLD_IMAGES") -> str:
        """The ARN of the stream of a new table `shop`."""
        answer = self.ddb.create_table(
            TableName="shop", BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
        )  # fmt: skip
        arn: str = answer["TableDescription"]["LatestStreamArn"]
        return arn

    def put(self, *ids: str, **more: Any) -> None:
        for one in ids:
            self.ddb.put_item(TableName="shop", Item={"id": {"S": one}, **more})

    def stream(self, shards: int = 1) -> str:
        self.kinesis.create_stream(StreamName="clicks", ShardCount=shards)
        return f"arn:aws:kinesis:{PLACE}:stream/clicks"

    def click(self, *data: str, key: str = "a") -> None:
        for one in data:
            self.kinesis.put_record(StreamName="clicks", Data=one.encode(), PartitionKey=key)

    def ids(self) -> list[list[str]]:
        """The keys of the records in each batch of the table's stream."""
        return [[r["dynamodb"]["Keys"]["id"]["S"] for r in event["Records"]] for event in self.events()]

    def data(self) -> list[list[str]]:
        """What was in each batch of the Kinesis stream."""
        return [
            [base64.b64decode(r["kinesis"]["data"]).decode() for r in event["Records"]]
            for event in self.events()
        ]


@pytest.fixture
def kit(sandbox: Sandbox) -> Iterator[Streams]:
    with sandbox.clock.paused():  # the same story on a slow machine
        yield Streams(sandbox)


# -- DynamoDB ------------------------------------------------------------------------------------------


def test_writes_reach_the_function_in_order(kit: Streams) -> None:
    arn = kit.table()
    kit.function()
    kit.mapping(arn, StartingPosition="LATEST")
    kit.put("a")
    kit.put("a", colour={"S": "red"})
    kit.put("a", colour={"S": "red"})  # changes nothing: no record
    kit.ddb.delete_item(TableName="shop", Key={"id": {"S": "a"}})
    records = [record for event in kit.events() for record in event["Records"]]
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]
    first, second = records[0], records[1]
    assert list(first) == [
        "eventID", "eventName", "eventVersion", "eventSource", "awsRegion", "dynamodb", "eventSourceARN",
    ]  # fmt: skip
    assert (first["eventVersion"], first["eventSource"], first["awsRegion"]) == (
        "1.1",
        "aws:dynamodb",
        "eu-west-1",
    )
    assert first["eventSourceARN"] == arn
    assert isinstance(first["dynamodb"]["ApproximateCreationDateTime"], int)
    assert second["dynamodb"]["OldImage"] == {"id": {"S": "a"}}
    assert second["dynamodb"]["NewImage"] == {"id": {"S": "a"}, "colour": {"S": "red"}}
    assert int(first["dynamodb"]["SequenceNumber"]) < int(second["dynamodb"]["SequenceNumber"])


def test_where_a_mapping_starts(kit: Streams) -> None:
    arn = kit.table()
    kit.put("before")
    for name, start in (("work", "TRIM_HORIZON"), ("play", "LATEST")):
        kit.function(SAYS, name)
        kit.mapping(arn, name, StartingPosition=start)
    kit.put("after")
    assert kit.ids() == [["before"], ["after"]]
    assert len(kit.events("play")) == 1


def test_a_window_makes_larger_batches(kit: Streams) -> None:
    arn = kit.table()
    kit.function()
    kit.mapping(arn, StartingPosition="LATEST", MaximumBatchingWindowInSeconds=10, BatchSize=3)
    kit.put("a", "b")
    assert kit.ids() == []
    kit.clock.advance(seconds=11)
    assert kit.ids() == [["a", "b"]]
    kit.put("c", "d", "e")
    assert kit.ids()[1:] == [["c", "d", "e"]]
    assert kit.clock.waiting == ()


def test_a_poison_record_blocks_its_shard_until_it_expires(kit: Streams) -> None:
    arn = kit.table()
    kit.function(FAILS_ON_BAD)
    kit.mapping(arn, StartingPosition="LATEST")
    kit.put("bad")
    kit.put("good")
    kit.clock.advance(hours=23)
    assert all(batch == ["bad"] for batch in kit.ids())
    assert kit.lam.list_event_source_mappings()["EventSourceMappings"][0]["LastProcessingResult"] == (
        "PROBLEM: Function call failed"
    )
    kit.put("fresh")
    kit.clock.advance(hours=2)
    assert kit.ids()[-1] == ["fresh"]
    [expired] = kit.did("RecordsExpired")
    assert expired.params["Size"] >= 1
    assert kit.clock.waiting == ()


def test_retries_end_at_the_destination_with_the_place_of_the_records(kit: Streams) -> None:
    arn, url = kit.table(), kit.queue("lost")
    kit.function(FAILS_ON_BAD)
    destination = {"OnFailure": {"Destination": QUEUES + "lost"}}
    kit.mapping(arn, StartingPosition="LATEST", MaximumRetryAttempts=2, DestinationConfig=destination)
    kit.put("bad")
    kit.put("good")
    kit.clock.advance(minutes=5)
    assert kit.ids() == [["bad"], ["bad"], ["bad"], ["good"]]
    [message] = kit.received(url)
    body = json.loads(message["Body"])
    assert body["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert body["requestContext"]["approximateInvokeCount"] == 3
    assert body["responseContext"] == {
        "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled",
    }  # fmt: skip
    info = body["DDBStreamBatchInfo"]
    assert (info["batchSize"], info["streamArn"]) == (1, arn)
    assert info["startSequenceNumber"] == info["endSequenceNumber"]
    found = boto3.client("dynamodbstreams")
    iterator = found.get_shard_iterator(
        StreamArn=arn, ShardId=info["shardId"], ShardIteratorType="AT_SEQUENCE_NUMBER",
        SequenceNumber=info["startSequenceNumber"],
    )["ShardIterator"]  # fmt: skip
    record = found.get_records(ShardIterator=iterator, Limit=1)["Records"][0]
    assert record["dynamodb"]["Keys"]["id"]["S"] == "bad"


def test_a_batch_is_split_until_the_bad_record_is_alone(kit: Streams) -> None:
    arn = kit.table()
    kit.function(FAILS_ON_BAD)
    kit.put("a", "b", "bad", "d")
    kit.mapping(arn, StartingPosition="TRIM_HORIZON", BisectBatchOnFunctionError=True, MaximumRetryAttempts=1)
    kit.clock.advance(minutes=5)
    assert kit.ids() == [["a", "b", "bad", "d"], ["a", "b"], ["bad", "d"], ["bad"], ["bad"], ["d"]]


def test_a_checkpoint_keeps_what_was_done(kit: Streams) -> None:
    arn = kit.table()
    kit.function(
        """
        import json

        def handler(event, context):
            print("EVENT", json.dumps(event))
            for record in event["Records"]:
                if "bad" in json.dumps(record):
                    return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
        """
    )
    kit.put("a", "bad", "c")
    kit.mapping(
        arn, StartingPosition="TRIM_HORIZON", FunctionResponseTypes=["ReportBatchItemFailures"],
        MaximumRetryAttempts=1,
    )  # fmt: skip
    kit.clock.advance(minutes=5)
    assert kit.ids() == [["a", "bad", "c"], ["bad", "c"]]
    [lost] = kit.did("RecordsDiscarded")
    assert lost.params["Size"] == 2


def test_old_records_are_given_up(kit: Streams) -> None:
    arn, url = kit.table(), kit.queue("lost")
    kit.put("old")
    kit.clock.advance(minutes=10)
    kit.put("young")
    kit.function()
    destination = {"OnFailure": {"Destination": QUEUES + "lost"}}
    kit.mapping(
        arn, StartingPosition="TRIM_HORIZON", MaximumRecordAgeInSeconds=60, DestinationConfig=destination
    )
    assert kit.ids() == [["young"]]
    body = json.loads(kit.received(url)[0]["Body"])
    assert body["requestContext"]["condition"] == "RecordAgeExceeded"
    assert "responseContext" not in body


def test_a_filter_passes_records_over(kit: Streams) -> None:
    arn = kit.table()
    kit.function()
    pattern = json.dumps({"eventName": ["INSERT"], "dynamodb": {"Keys": {"id": {"S": [{"prefix": "w"}]}}}})
    kit.mapping(arn, StartingPosition="LATEST", FilterCriteria={"Filters": [{"Pattern": pattern}]})
    kit.put("water", "tea", "wine")
    kit.ddb.delete_item(TableName="shop", Key={"id": {"S": "wine"}})
    assert kit.ids() == [["water"], ["wine"]]


def test_a_switched_off_mapping_goes_on_where_it_was(kit: Streams) -> None:
    arn = kit.table()
    kit.function()
    uuid = kit.mapping(arn, StartingPosition="LATEST")
    kit.put("a")
    assert kit.lam.update_event_source_mapping(UUID=uuid, Enabled=False)["State"] == "Disabling"
    kit.put("b")
    assert kit.ids() == [["a"]]
    assert kit.lam.update_event_source_mapping(UUID=uuid, Enabled=True)["State"] == "Enabling"
    assert kit.ids() == [["a"], ["b"]]


def test_a_throttled_shard_waits_and_loses_nothing(kit: Streams) -> None:
    arn = kit.table()
    kit.function()
    kit.mapping(arn, StartingPosition="LATEST", MaximumRetryAttempts=0)
    kit.lam.put_function_concurrency(FunctionName="work", ReservedConcurrentExecutions=0)
    kit.put("a", "b")
    kit.clock.advance(minutes=30)
    assert kit.ids() == []
    kit.lam.delete_function_concurrency(FunctionName="work")
    kit.clock.advance(minutes=6)
    assert [one for batch in kit.ids() for one in batch] == ["a", "b"]


def test_a_rehearsal_and_a_snapshot_move_no_real_checkpoint(kit: Streams) -> None:
    arn = kit.table()
    kit.function()
    kit.mapping(arn, StartingPosition="LATEST")
    kit.put("a")
    snapshot = kit.sandbox.snapshot()
    with kit.sandbox.rehearsal():
        kit.put("tried out")
        assert kit.ids()[-1] == ["tried out"]
    kit.put("b")
    assert kit.ids() == [["a"], ["b"]]
    kit.sandbox.restore(snapshot)
    kit.put("c")
    assert kit.ids() == [["a"], ["c"]]


def test_a_table_deleted_with_records_waiting_ends_quietly(kit: Streams) -> None:
    arn = kit.table()
    kit.function(FAILS_ON_BAD)
    kit.mapping(arn, StartingPosition="LATEST")
    kit.put("bad")
    kit.ddb.delete_table(TableName="shop")
    kit.clock.advance(hours=1)
    assert kit.clock.waiting == ()


def test_what_a_stream_mapping_shows(kit: Streams) -> None:
    arn = kit.table()
    kit.function()
    answer = kit.lam.create_event_source_mapping(
        EventSourceArn=arn, FunctionName="work", StartingPosition="LATEST"
    )
    del answer["ResponseMetadata"], answer["LastModified"], answer["UUID"], answer["EventSourceMappingArn"]
    assert answer == {
        "StartingPosition": "LATEST", "BatchSize": 100, "MaximumBatchingWindowInSeconds": 0,
        "ParallelizationFactor": 1, "EventSourceArn": arn, "FunctionArn": f"arn:aws:lambda:{PLACE}:function:work",
        "LastProcessingResult": "No records processed", "State": "Creating",
        "StateTransitionReason": "User action", "DestinationConfig": {"OnFailure": {}},
        "MaximumRecordAgeInSeconds": -1, "BisectBatchOnFunctionError": False, "MaximumRetryAttempts": -1,
        "TumblingWindowInSeconds": 0, "FunctionResponseTypes": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "code", "message"),
    [
        ({"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1},
         "InvalidParameterValueException", "Unsupported starting position for arn type"),
        ({"StartingPosition": "LATEST", "StartingPositionTimestamp": 1},
         "InvalidParameterValueException", "Timestamp only valid with StartingPosition AT_TIMESTAMP"),
        ({"StartingPosition": "LATEST", "FilterCriteria": {"Filters": [{"Pattern": "tea"}]}},
         "InvalidParameterValueException", "Invalid filter pattern definition."),
        ({"StartingPosition": "LATEST", "ParallelizationFactor": 11},
         "ValidationException", "less than or equal to 10"),
    ],
)  # fmt: skip
def test_what_a_stream_mapping_may_not_be(
    kit: Streams, settings: dict[str, Any], code: str, message: str
) -> None:
    arn = kit.table()
    kit.function()
    with pytest.raises(ClientError, match=message) as refused:
        kit.mapping(arn, **settings)
    assert refused.value.response["Error"]["Code"] == code


def test_the_role_needs_the_stream(kit: Streams) -> None:
    arn = kit.table()
    kit.function()
    kit.iam.put_role_policy(RoleName="worker", PolicyName="own", PolicyDocument=statement("logs:*"))
    with pytest.raises(ClientError, match=f"Cannot access stream {arn}. Please ensure the role can perform"):
        kit.mapping(arn, StartingPosition="LATEST")
    with pytest.raises(ClientError, match="Stream not found"):
        kit.mapping(arn + "0", StartingPosition="LATEST")


# -- Kinesis -------------------------------------------------------------------------------------------


def test_kinesis_records_have_awss_form(kit: Streams) -> None:
    arn = kit.stream()
    kit.function()
    kit.mapping(arn, StartingPosition="LATEST")
    kit.click("tea")
    [event] = kit.events()
    [record] = event["Records"]
    assert list(record) == [
        "kinesis", "eventSource", "eventVersion", "eventID", "eventName", "awsRegion", "eventSourceARN",
        "invokeIdentityArn",
    ]  # fmt: skip
    inside = record["kinesis"]
    assert base64.b64decode(inside["data"]) == b"tea"
    assert (inside["partitionKey"], inside["kinesisSchemaVersion"]) == ("a", "1.0")
    assert len(inside["sequenceNumber"]) == 56
    assert record["eventID"] == f"shardId-000000000000:{inside['sequenceNumber']}"
    assert (record["invokeIdentityArn"], record["eventName"]) == (kit.role, "aws:kinesis:record")


def test_shards_go_side_by_side_and_a_bad_record_blocks_only_its_own(kit: Streams) -> None:
    arn = kit.stream(4)
    kit.function(FAILS_ON_BAD)
    kit.mapping(arn, StartingPosition="LATEST")
    kit.click("bad", "behind", key="a")
    for key in "bcdefgh":
        kit.click(key, key=key)
    kit.clock.advance(minutes=10)
    done = {one for batch in kit.data() if "bad" not in batch for one in batch}
    assert "behind" not in done
    assert len(done) >= 3


def test_records_with_one_key_stay_in_order_in_parallel_lanes(kit: Streams) -> None:
    arn = kit.stream()
    kit.function(FAILS_ON_BAD)
    kit.mapping(arn, StartingPosition="LATEST", ParallelizationFactor=10)
    kit.click("bad", "behind", key="a")
    for key in "bcdefgh":
        kit.click(key + "1", key + "2", key=key)
    kit.clock.advance(minutes=1)
    done = [one for batch in kit.data() if "bad" not in batch for one in batch]
    assert "behind" not in done
    assert "b1" in done
    assert all(done.index(key + "1") < done.index(key + "2") for key in "bcdefgh" if key + "1" in done)


def test_more_lanes_leave_nothing_out(kit: Streams) -> None:
    arn = kit.stream()
    kit.function()
    uuid = kit.mapping(arn, StartingPosition="LATEST")
    kit.click("1", "2")
    kit.lam.update_event_source_mapping(UUID=uuid, ParallelizationFactor=4)
    for key in "abcdef":
        kit.click(key, key=key)
    kit.lam.update_event_source_mapping(UUID=uuid, ParallelizationFactor=1)
    kit.click("z")
    seen = [one for batch in kit.data() for one in batch]
    assert set(seen) == {"1", "2", *"abcdefz"}
    assert seen.count("1") == 1


def test_a_mapping_can_start_at_a_moment(kit: Streams) -> None:
    arn = kit.stream()
    kit.click("early")
    kit.clock.advance(minutes=10)
    moment = kit.clock.time()
    kit.clock.advance(minutes=10)
    kit.click("late")
    kit.function()
    kit.mapping(arn, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=moment)
    assert kit.data() == [["late"]]


def test_a_split_shard_loses_and_repeats_nothing(kit: Streams) -> None:
    arn = kit.stream()
    kit.function()
    kit.mapping(arn, StartingPosition="TRIM_HORIZON")
    kit.click("1", "2")
    kit.kinesis.split_shard(
        StreamName="clicks", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127)
    )
    kit.click("3", key="a")
    kit.click("4", key="c")
    assert sorted(one for batch in kit.data() for one in batch) == ["1", "2", "3", "4"]
    shards = {event["Records"][0]["eventID"].partition(":")[0] for event in kit.events()}
    assert len(shards) >= 2


def test_put_records_does_not_wait_for_the_function(kit: Streams) -> None:
    arn = kit.stream()
    kit.function("import time\ndef handler(event, context): time.sleep(60)", Timeout=90)
    kit.mapping(arn, StartingPosition="LATEST")
    before = kit.clock.time()
    kit.click("1")
    assert kit.clock.time() - before < 30
    kit.clock.advance(minutes=2)
    assert len(kit.did("BatchDelivered")) == 1
