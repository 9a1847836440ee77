"""Lambda reads queues: batches, failures, windows, filters, side by side, and all the time on the clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox
from tests.sandbox.sources.kit import FAILS, PICKY, QUEUES, SAYS, Kit, statement


@pytest.fixture
def kit(sandbox: Sandbox) -> Iterator[Kit]:
    with sandbox.clock.paused():  # the same story on a slow machine
        yield Kit(sandbox)


def dead_letters(kit: Kit, most: int, name: str = "dead") -> tuple[str, str]:
    """A dead-letter queue, and the redrive policy that names it."""
    url = kit.queue(name)
    return url, json.dumps({"deadLetterTargetArn": QUEUES + name, "maxReceiveCount": most})


# -- what arrives ------------------------------------------------------------------------------------


def test_a_batch_is_handed_over_and_deleted(kit: Kit) -> None:
    url = kit.queue()
    kit.function()
    kit.mapping()
    kit.send(url, *[f"m{n}" for n in range(10)])
    assert kit.bodies() == [[f"m{n}" for n in range(10)]]
    assert kit.counts(url) == (0, 0)
    [event] = kit.did("BatchDelivered")
    assert (event.kind, event.service, event.caller) == ("delivery", "lambda", "lambda.amazonaws.com")
    assert event.params["source"] == QUEUES + "orders"
    assert event.params["target"].endswith(":function:work")
    assert event.params["Size"] == 10
    [invocation] = kit.did("Invocation")
    assert invocation.sequence > event.sequence


def test_the_event_has_awss_form(kit: Kit) -> None:
    url = kit.queue()
    kit.function()
    kit.mapping()
    kit.sqs.send_message(
        QueueUrl=url, MessageBody="tea",
        MessageAttributes={
            "shop": {"DataType": "String", "StringValue": "Graz"},
            "raw": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
        },
    )  # fmt: skip
    [event] = kit.events()
    [record] = event["Records"]
    assert list(record) == [
        "messageId", "receiptHandle", "body", "attributes", "messageAttributes", "md5OfMessageAttributes",
        "md5OfBody", "eventSource", "eventSourceARN", "awsRegion",
    ]  # fmt: skip
    assert record["messageAttributes"]["shop"] == {
        "stringValue": "Graz", "stringListValues": [], "binaryListValues": [], "dataType": "String",
    }  # fmt: skip
    assert record["messageAttributes"]["raw"]["binaryValue"] == "AAE="
    assert set(record["attributes"]) == {
        "ApproximateReceiveCount", "SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp",
    }  # fmt: skip
    assert (record["eventSource"], record["awsRegion"]) == ("aws:sqs", "eu-west-1")
    assert record["eventSourceARN"] == QUEUES + "orders"


def test_messages_that_were_there_before_are_read_too(kit: Kit) -> None:
    url = kit.queue()
    kit.send(url, "old")
    kit.function()
    kit.mapping()
    assert kit.bodies() == [["old"]]


def test_a_delayed_message_comes_when_its_delay_ends(kit: Kit) -> None:
    url = kit.queue()
    kit.function()
    kit.mapping()
    kit.sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=60)
    assert kit.bodies() == []
    kit.clock.advance(seconds=61)
    assert kit.bodies() == [["later"]]


def test_an_idle_mapping_has_nothing_on_the_clock(kit: Kit) -> None:
    url = kit.queue()
    kit.function()
    kit.mapping()
    kit.send(url, "tea")
    kit.clock.advance(minutes=10)
    assert kit.clock.waiting == ()
    assert len(kit.bodies()) == 1


def test_a_burst_of_a_thousand_is_done_in_batches(kit: Kit) -> None:
    url = kit.queue()
    kit.function("def handler(event, context): return len(event['Records'])")
    kit.mapping()
    kit.send(url, *map(str, range(1000)))
    kit.clock.advance(seconds=1)
    assert kit.counts(url) == (0, 0)
    sizes = [event.params["Size"] for event in kit.did("BatchDelivered")]
    assert sum(sizes) == 1000
    assert max(sizes) == 10


def test_a_batch_has_at_most_six_megabytes(kit: Kit) -> None:
    url = kit.queue()
    kit.function("def handler(event, context): pass")
    uuid = kit.mapping(Enabled=False)
    for _ in range(8):
        kit.sqs.send_message(QueueUrl=url, MessageBody="x" * 1_000_000)
    kit.lam.update_event_source_mapping(UUID=uuid, Enabled=True)
    kit.clock.advance(seconds=1)
    assert [event.params["Size"] for event in kit.did("BatchDelivered")] == [6, 2]
    assert kit.counts(url) == (0, 0)


# -- what fails ----------------------------------------------------------------------------------------


def test_a_failed_batch_comes_back_after_the_visibility_timeout_and_goes_to_the_dead_letters(
    kit: Kit,
) -> None:
    dead, redrive = dead_letters(kit, 3)
    url = kit.queue(VisibilityTimeout=30, RedrivePolicy=redrive)
    kit.function(FAILS)
    kit.mapping()
    kit.send(url, "poison")
    assert kit.counts(url) == (0, 1)
    kit.clock.advance(seconds=29)
    assert len(kit.bodies()) == 1
    kit.clock.advance(seconds=2)
    assert len(kit.bodies()) == 2
    kit.clock.advance(minutes=5)
    assert [event["Records"][0]["attributes"]["ApproximateReceiveCount"] for event in kit.events()] == [
        "1",
        "2",
        "3",
    ]
    [message] = kit.received(dead)
    assert message["Body"] == "poison"
    assert kit.did("BatchFailed")[0].error == "ValueError"


def test_without_partial_replies_one_bad_message_brings_all_back(kit: Kit) -> None:
    url = kit.queue()
    kit.function(PICKY)
    kit.mapping()
    kit.send(url, "good", "bad")
    assert kit.counts(url) == (0, 0)  # the reply is not asked for: the bad one is lost


def test_one_poison_in_ten_goes_alone(kit: Kit) -> None:
    dead, redrive = dead_letters(kit, 3)
    url = kit.queue(VisibilityTimeout=30, RedrivePolicy=redrive)
    kit.function(PICKY)
    kit.mapping(FunctionResponseTypes=["ReportBatchItemFailures"])
    kit.send(url, *[f"good{n}" for n in range(9)], "bad")
    kit.clock.advance(minutes=5)
    assert [len(batch) for batch in kit.bodies()] == [10, 1, 1]
    assert [message["Body"] for message in kit.received(dead)] == ["bad"]
    assert kit.did("BatchDelivered")[0].params["Failed"] == 1


@pytest.mark.parametrize(
    ("reply", "left"),
    [
        ("None", 0),
        ("{}", 0),
        ('{"batchItemFailures": []}', 0),
        ('{"batchItemFailures": None}', 0),
        ('{"statusCode": 200}', 0),
        ('{"batchItemFailures": [{"itemIdentifier": ""}]}', 2),
        ('{"batchItemFailures": [{"itemIdentifier": None}]}', 2),
        ('{"batchItemFailures": [{"messageId": "7"}]}', 2),
        ('{"batchItemFailures": ["7"]}', 2),
        ('{"batchItemFailures": [{"itemIdentifier": "not in the batch"}]}', 2),
        ('{"batchItemFailures": "all"}', 2),
        ('"done"', 2),
    ],
)
def test_what_a_reply_means(kit: Kit, reply: str, left: int) -> None:
    url = kit.queue()
    kit.function(f"def handler(event, context): return {reply}")
    kit.mapping(FunctionResponseTypes=["ReportBatchItemFailures"])
    kit.send(url, "a", "b")
    assert kit.counts(url) == (0, left)


def test_a_function_slower_than_the_visibility_timeout_works_again_and_again(kit: Kit) -> None:
    dead, redrive = dead_letters(kit, 3)
    url = kit.queue(VisibilityTimeout=20, RedrivePolicy=redrive)
    kit.function(
        """
        import json, time

        def handler(event, context):
            print("EVENT", json.dumps(event))
            time.sleep(15)
        """,
        Timeout=20,
    )
    kit.mapping()
    kit.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "10"})
    kit.send(url, "order")
    kit.clock.advance(minutes=2)
    counts = [event["Records"][0]["attributes"]["ApproximateReceiveCount"] for event in kit.events()]
    assert sorted(counts) == ["1", "2", "3"]
    assert [event.error for event in kit.did("BatchDelivered")] == ["", "", ""]  # and yet each one went well
    assert len(kit.received(dead)) == 1
    assert kit.counts(url) == (0, 0)


def test_duplicates_of_the_queue_reach_the_function(kit: Kit) -> None:
    kit.sandbox.faults.put("sqs.duplicate", 1.0)
    url = kit.queue()
    kit.function()
    kit.mapping()
    kit.send(url, "once")
    kit.clock.advance(minutes=2)
    assert kit.bodies() == [["once"], ["once"]]


# -- several at once -----------------------------------------------------------------------------------

SLEEPS = """
    import json, time

    def handler(event, context):
        print("EVENT", json.dumps(event))
        time.sleep(10)
"""


def batches_within(kit: Kit, seconds: float) -> int:
    began = kit.did("BatchDelivered")[0].time
    return sum(event.time - began <= seconds for event in kit.did("BatchDelivered"))


def test_five_batches_are_under_way_at_first(kit: Kit) -> None:
    url = kit.queue(VisibilityTimeout=120)
    kit.function(SLEEPS, Timeout=20)
    kit.mapping(BatchSize=1)
    kit.send(url, *map(str, range(10)))
    kit.clock.advance(minutes=2)
    assert batches_within(kit, 0.9) == 5
    assert kit.counts(url) == (0, 0)
    assert len(kit.did("BatchDelivered")) == 10


def test_maximum_concurrency_is_a_fence(kit: Kit) -> None:
    url = kit.queue(VisibilityTimeout=120)
    kit.function(SLEEPS, Timeout=20)
    kit.mapping(BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    kit.send(url, *map(str, range(6)))
    kit.clock.advance(minutes=2)
    assert batches_within(kit, 9) == 2
    assert batches_within(kit, 19) == 4
    assert len(kit.did("BatchDelivered")) == 6


def test_a_group_of_a_fifo_queue_waits_for_its_batch(kit: Kit) -> None:
    url = kit.queue("line.fifo", FifoQueue="true", ContentBasedDeduplication="true", VisibilityTimeout=60)
    kit.function(SLEEPS, Timeout=20)
    kit.mapping("line.fifo", BatchSize=1)
    for body in ("a1", "a2", "b1"):
        kit.sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=body[0])
    kit.clock.advance(minutes=2)
    began = {event["Records"][0]["body"]: place for place, event in enumerate(kit.events())}
    times = [event.time for event in kit.did("BatchDelivered")]
    assert len(times) == 3
    assert began["a1"] < began["a2"]
    assert max(times) - min(times) >= 10
    record = kit.events()[0]["Records"][0]
    assert {"SequenceNumber", "MessageGroupId", "MessageDeduplicationId"} <= set(record["attributes"])


# -- windows and filters -------------------------------------------------------------------------------


def test_a_window_gathers_messages_which_stay_hidden(kit: Kit) -> None:
    url = kit.queue()
    kit.function()
    kit.mapping(BatchSize=100, MaximumBatchingWindowInSeconds=20)
    kit.send(url, "a")
    kit.clock.advance(seconds=10)
    kit.send(url, "b")
    assert kit.bodies() == []
    assert kit.counts(url) == (0, 2)
    kit.clock.advance(seconds=11)
    assert kit.bodies() == [["a", "b"]]
    kit.send(url, "c")
    kit.clock.advance(seconds=21)
    assert kit.bodies()[1:] == [["c"]]
    assert kit.clock.waiting == ()


def test_a_full_batch_does_not_wait_for_its_window(kit: Kit) -> None:
    url = kit.queue(VisibilityTimeout=600)
    kit.function()
    kit.mapping(BatchSize=3, MaximumBatchingWindowInSeconds=300)
    kit.send(url, *"abcd")
    assert kit.bodies() == [["a", "b", "c"]]
    kit.clock.advance(seconds=301)
    assert kit.bodies() == [["a", "b", "c"], ["d"]]


def test_what_no_filter_wants_is_deleted(kit: Kit) -> None:
    url = kit.queue()
    kit.function()
    pattern = json.dumps({"body": {"total": [{"numeric": [">", 100]}]}})
    kit.mapping(FilterCriteria={"Filters": [{"Pattern": pattern}]})
    kit.send(url, '{"total": 150}', '{"total": 5}', "plain text")
    assert kit.bodies() == [['{"total": 150}']]
    assert kit.counts(url) == (0, 0)
    assert len(kit.did("FilteredOut")) == 2


# -- throttled -----------------------------------------------------------------------------------------


def test_a_switched_off_function_burns_receives_until_the_dead_letters(kit: Kit) -> None:
    dead, redrive = dead_letters(kit, 1)
    url = kit.queue(VisibilityTimeout=30, RedrivePolicy=redrive)
    kit.function()
    kit.mapping()
    kit.lam.put_function_concurrency(FunctionName="work", ReservedConcurrentExecutions=0)
    kit.send(url, "healthy")
    kit.clock.advance(seconds=20)
    assert kit.bodies() == []
    assert len(kit.did("BatchFailed")) > 1  # the same receive is tried several times
    kit.clock.advance(seconds=60)
    assert [message["Body"] for message in kit.received(dead)] == ["healthy"]


def test_a_throttled_batch_goes_through_when_there_is_room_again(kit: Kit) -> None:
    url = kit.queue(VisibilityTimeout=120)
    kit.function()
    kit.mapping()
    kit.lam.put_function_concurrency(FunctionName="work", ReservedConcurrentExecutions=0)
    kit.send(url, "patient")
    kit.clock.advance(seconds=5)
    kit.lam.delete_function_concurrency(FunctionName="work")
    kit.clock.advance(seconds=30)
    [event] = kit.events()
    assert event["Records"][0]["attributes"]["ApproximateReceiveCount"] == "1"
    assert kit.counts(url) == (0, 0)


# -- things that go away -------------------------------------------------------------------------------


def test_without_permission_nothing_is_read_and_the_trace_says_why(kit: Kit) -> None:
    url = kit.queue()
    kit.function()
    kit.mapping()
    kit.iam.put_role_policy(RoleName="worker", PolicyName="own", PolicyDocument=statement("logs:*"))
    kit.send(url, "waits")
    assert kit.counts(url) == (1, 0)
    refused = kit.did("PollRefused")[0]
    assert (refused.kind, refused.error, refused.params["Action"]) == (
        "refused",
        "AccessDenied",
        "sqs:ReceiveMessage",
    )
    kit.iam.put_role_policy(RoleName="worker", PolicyName="own", PolicyDocument=statement("sqs:*", "logs:*"))
    kit.clock.advance(minutes=1)
    assert kit.bodies() == [["waits"]]


def test_the_key_of_the_queue_must_open_for_the_role(kit: Kit) -> None:
    key = boto3.client("kms").create_key()["KeyMetadata"]["KeyId"]
    url = kit.queue(KmsMasterKeyId=key)
    kit.function()
    with pytest.raises(kit.lam.exceptions.InvalidParameterValueException, match="Decrypt"):
        kit.mapping()
    kit.iam.put_role_policy(RoleName="worker", PolicyName="key", PolicyDocument=statement("kms:Decrypt"))
    kit.mapping()
    kit.send(url, "secret")
    assert kit.bodies() == [["secret"]]


def test_a_deleted_function_reads_nothing(kit: Kit) -> None:
    url = kit.queue()
    kit.function()
    kit.mapping()
    kit.lam.delete_function(FunctionName="work")
    kit.send(url, "waits")
    kit.clock.advance(minutes=5)
    assert kit.counts(url) == (1, 0)
    kit.function()
    kit.clock.advance(minutes=16)
    assert kit.counts(url) == (0, 0)


def test_a_deleted_queue_ends_quietly_and_comes_back_under_its_name(kit: Kit) -> None:
    url = kit.queue()
    kit.function(SLEEPS, Timeout=20)
    kit.mapping()
    kit.send(url, "in the middle")
    kit.sqs.delete_queue(QueueUrl=url)
    kit.clock.advance(minutes=2)
    url = kit.queue()
    kit.send(url, "again")
    kit.clock.advance(minutes=1)
    assert kit.bodies() == [["in the middle"], ["again"]]
    assert kit.counts(url) == (0, 0)


def test_a_mapping_deleted_in_the_middle_finishes_its_batch(kit: Kit) -> None:
    url = kit.queue(VisibilityTimeout=60)
    kit.function(SLEEPS, Timeout=20)
    uuid = kit.mapping(BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    kit.send(url, "1", "2", "3")
    assert kit.lam.delete_event_source_mapping(UUID=uuid)["State"] == "Deleting"
    assert kit.lam.get_event_source_mapping(UUID=uuid)["State"] == "Deleting"
    kit.clock.advance(seconds=15)
    with pytest.raises(kit.lam.exceptions.ResourceNotFoundException):
        kit.lam.get_event_source_mapping(UUID=uuid)
    assert kit.counts(url) == (1, 0)


def test_a_reset_in_the_middle_leaves_nothing(kit: Kit) -> None:
    url = kit.queue()
    kit.function(SLEEPS, Timeout=20)
    kit.mapping()
    kit.send(url, "gone")
    kit.sandbox.reset()
    kit.clock.advance(minutes=5)
    assert kit.clock.waiting == ()


def test_a_rehearsal_in_the_middle_is_undone(kit: Kit) -> None:
    url = kit.queue(VisibilityTimeout=60)
    kit.function(SLEEPS, Timeout=20)
    kit.mapping()
    kit.send(url, "real")
    with kit.sandbox.rehearsal():
        kit.send(url, "tried out")
        kit.clock.advance(minutes=5)
        assert kit.counts(url) == (0, 0)
    kit.clock.advance(seconds=30)
    assert kit.counts(url) == (0, 0)
    assert kit.bodies() == [["real"]]


def test_a_snapshot_of_a_window_goes_on_where_it_was(kit: Kit) -> None:
    url = kit.queue()
    kit.function()
    kit.mapping(BatchSize=100, MaximumBatchingWindowInSeconds=20)
    kit.send(url, "a")
    snapshot = kit.sandbox.snapshot()
    for _ in range(2):
        kit.clock.advance(seconds=30)
        assert kit.bodies() == [["a"]]
        kit.sandbox.restore(snapshot)
    assert kit.counts(url) == (0, 1)


def test_two_mappings_of_one_queue_share_its_messages(kit: Kit) -> None:
    url = kit.queue()
    for name in ("work", "play"):
        kit.function(SAYS, name)
        kit.mapping(function=name, BatchSize=1)
    kit.send(url, *map(str, range(20)))
    kit.clock.advance(seconds=1)
    one, other = kit.bodies("work"), kit.bodies("play")
    assert len(one) + len(other) == 20
    assert sorted([body for [body] in one + other], key=int) == [str(n) for n in range(20)]


def test_an_alias_is_called_as_an_alias(kit: Kit) -> None:
    url = kit.queue()
    kit.function()
    version = kit.lam.publish_version(FunctionName="work")["Version"]
    kit.lam.create_alias(FunctionName="work", Name="live", FunctionVersion=version)
    answer: Any = kit.lam.create_event_source_mapping(
        EventSourceArn=QUEUES + "orders", FunctionName="work:live"
    )
    assert answer["FunctionArn"].endswith(":function:work:live")
    kit.send(url, "tea")
    assert kit.did("Invocation")[0].params["Version"] == version


def test_every_chain_of_causes_leads_back_to_a_beginning(kit: Kit) -> None:
    url = kit.queue(VisibilityTimeout=60)
    kit.function()
    kit.mapping()
    kit.send(url, "tea")
    kit.clock.advance(minutes=1)
    known = {event.sequence: event for event in kit.trace}
    assert kit.did("BatchDelivered")
    for event in kit.trace:
        seen = [event.sequence]
        while (cause := known[seen[-1]].cause) is not None and cause in known:
            assert cause < seen[-1], f"{known[seen[-1]].action} follows from what came later"
            seen.append(cause)
    [run] = [event for event in kit.trace if event.kind == "invocation"]
    assert known[run.cause].action == "BatchDelivered"
