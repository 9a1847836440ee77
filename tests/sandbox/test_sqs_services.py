"""SQS beside the rest of the account: other accounts, other services, copies, threads, moto's own code."""

from __future__ import annotations

import cProfile
import json
import pickle
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox
from labkit.sandbox.services import sqs as card

ARN = "arn:aws:sqs:eu-west-1:123456789012:"


@pytest.fixture(scope="module")
def account() -> Iterator[tuple[Sandbox, Any]]:
    """One account for all tests of this file: making a client takes longer than most of them."""
    with Sandbox() as running:
        yield running, running.client("sqs")


@pytest.fixture
def sandbox(account: tuple[Sandbox, Any]) -> Sandbox:
    account[0].reset()
    return account[0]


@pytest.fixture
def sqs(sandbox: Sandbox, account: tuple[Sandbox, Any]) -> Any:
    return account[1]


@pytest.fixture
def url(sqs: Any) -> str:
    return sqs.create_queue(QueueName="orders")["QueueUrl"]


def bodies(sqs: Any, url: str, **more: Any) -> list[str]:
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, **more)
    return [message["Body"] for message in answer.get("Messages", [])]


def code_of(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return caught.value.response["Error"]["Code"]


def lets_in(arn: str, service: str = "sns.amazonaws.com") -> str:
    """A queue policy that lets a service write."""
    allowed = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sqs:SendMessage"}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**allowed, "Resource": arn}]})


def test_the_card_has_its_paragraphs() -> None:
    heads = [part.partition(":")[0] for part in (card.__doc__ or "").split("\n\n")[1:]]
    assert heads == ["Simulated here", "Differs on AWS", "Not simulated", "Sources"]


# -- accounts and Regions ----------------------------------------------------------------------------------


def other_account() -> Any:
    """SQS as the root user of another account."""
    keys = {"aws_access_key_id": "222222222222", "aws_secret_access_key": "x"}
    return boto3.client("sqs", region_name="eu-west-1", **keys)


def let_in(client: Any, url: str, account: str) -> None:
    """Let another account use a queue."""
    actions = ["SendMessage", "GetQueueUrl", "ReceiveMessage"]
    client.add_permission(QueueUrl=url, Label="Partner", AWSAccountIds=[account], Actions=actions)


def test_the_account_in_the_url_is_the_owner(sandbox: Sandbox, sqs: Any, url: str) -> None:
    partner = other_account()
    theirs = partner.create_queue(QueueName="orders")["QueueUrl"]
    let_in(partner, theirs, "123456789012")
    let_in(sqs, url, "222222222222")
    assert "/222222222222/" in theirs
    sqs.send_message(QueueUrl=theirs, MessageBody="from us")
    partner.send_message(QueueUrl=url, MessageBody="from them")
    assert bodies(sqs, url) == ["from them"]
    assert bodies(partner, theirs) == ["from us"]
    found = sqs.get_queue_url(QueueName="orders", QueueOwnerAWSAccountId="222222222222")["QueueUrl"]
    assert found == theirs
    missing = {"QueueName": "orders", "QueueOwnerAWSAccountId": "333333333333"}
    assert code_of(sqs.get_queue_url, **missing) == "AWS.SimpleQueueService.NonExistentQueue"


def test_looking_for_a_foreign_queue_leaves_no_trace_in_the_account(
    sandbox: Sandbox, sqs: Any, url: str
) -> None:
    before = sandbox.digest()
    for wrong in (url.replace("123456789012", "333333333333"), url + "x"):
        assert code_of(sqs.receive_message, QueueUrl=wrong) == "AWS.SimpleQueueService.NonExistentQueue"
    sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    sqs.list_queues()
    assert sandbox.digest() == before


def test_a_queue_of_another_region_has_another_address(sandbox: Sandbox, sqs: Any, url: str) -> None:
    ireland, virginia = sqs, sandbox.client("sqs", region="us-east-1")
    assert code_of(virginia.send_message, QueueUrl=url, MessageBody="x") == "InvalidAddress"
    assert "QueueUrls" not in virginia.list_queues()
    there = virginia.create_queue(QueueName="orders")["QueueUrl"]
    assert code_of(ireland.receive_message, QueueUrl=there) == "InvalidAddress"
    virginia.send_message(QueueUrl=there, MessageBody="x")
    assert bodies(virginia, there) == ["x"]


def test_a_bare_name_works_as_a_url(sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl="orders", MessageBody="x")
    assert bodies(sqs, url) == ["x"]


# -- other services ------------------------------------------------------------------------------------


def test_a_topic_delivers_and_wakes_a_long_poll(sandbox: Sandbox, sqs: Any, url: str) -> None:
    sns = sandbox.client("sns")
    topic = sns.create_topic(Name="news")["TopicArn"]
    raw = {"RawMessageDelivery": "true"}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": lets_in(f"{ARN}orders")})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"{ARN}orders", Attributes=raw)
    attributes = {"n": {"DataType": "Number", "StringValue": "5"}}
    sns.publish(TopicArn=topic, Message="hello", MessageAttributes=attributes)
    found = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], WaitTimeSeconds=5)["Messages"][0]
    assert found["Body"] == "hello"
    assert found["MessageAttributes"]["n"]["StringValue"] == "5"


def test_a_fifo_topic_keeps_group_order_and_duplicates_out(sandbox: Sandbox, sqs: Any) -> None:
    sns, given = sandbox.client("sns"), {"FifoQueue": "true", "Policy": lets_in(f"{ARN}o.fifo")}
    url = sqs.create_queue(QueueName="o.fifo", Attributes=given)["QueueUrl"]
    topic = sns.create_topic(Name="t.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=f"{ARN}o.fifo", Attributes={"RawMessageDelivery": "true"}
    )
    for body in ("1", "2", "1"):
        sns.publish(TopicArn=topic, Message=body, MessageGroupId="g", MessageDeduplicationId=body)
    assert bodies(sqs, url) == ["1", "2"]


def test_a_bucket_tells_a_queue(sandbox: Sandbox, sqs: Any, url: str) -> None:
    s3 = sandbox.client("s3")
    s3.create_bucket(Bucket="files", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    attributes = {"Policy": lets_in(f"{ARN}orders", "s3.amazonaws.com")}
    sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    s3.put_bucket_notification_configuration(
        Bucket="files",
        NotificationConfiguration={
            "QueueConfigurations": [{"QueueArn": f"{ARN}orders", "Events": ["s3:ObjectCreated:*"]}]
        },
    )
    s3.put_object(Bucket="files", Key="a.txt", Body=b"x")
    last = json.loads(bodies(sqs, url)[-1])
    assert last["Records"][0]["s3"]["object"]["key"] == "a.txt"


def test_moto_itself_sees_the_messages(sandbox: Sandbox, sqs: Any, url: str) -> None:
    backend = sandbox.backend("sqs")
    queue = backend.queues["orders"]
    sent = backend.send_message(
        "orders", "a", {"x": {"DataType": "String", "StringValue": "1"}}, delay_seconds="0"
    )
    backend.send_message("orders", "b", delay_seconds=60)
    assert [message.body for message in queue._messages] == ["a", "b"]
    assert len(queue._messages) == 2
    assert [message.body for message in queue.messages] == ["a"]
    assert queue.approximate_number_of_messages == 1
    assert queue.approximate_number_of_messages_delayed == 1
    received = backend.receive_message("orders", 1, 0, 30, ["All"])[0]
    assert (received.id, received.approximate_receive_count) == (sent.id, 1)
    assert received.message_attributes["x"]["StringValue"] == "1"
    assert not received.visible
    assert queue.approximate_number_of_messages_not_visible == 1
    backend.change_message_visibility("orders", received.receipt_handle, 0)
    again = backend.receive_message("orders", 1, 0, 30)[0]
    assert again.message_attributes == {}
    backend.delete_message("orders", again.receipt_handle)
    queue.delete_message(again.receipt_handle)
    assert [message.body for message in queue._messages] == ["b"]
    attributes = backend.get_queue_attributes("orders", ["VisibilityTimeout"])
    assert attributes == {"VisibilityTimeout": 30}


def test_a_message_that_another_service_made_is_accepted(sandbox: Sandbox, sqs: Any, url: str) -> None:
    from moto.sqs.models import Message

    sandbox.backend("sqs").queues["orders"].add_message(Message("my-id", "by hand"))
    found = sqs.receive_message(QueueUrl=url, AttributeNames=["SentTimestamp"])["Messages"][0]
    assert (found["MessageId"], found["Body"]) == ("my-id", "by hand")
    assert abs(int(found["Attributes"]["SentTimestamp"]) / 1000 - sandbox.clock.time()) < 5


def steps(work: Callable[..., object], *args: Any, **kwargs: Any) -> int:
    """How many Python functions are called: what a call costs, without a stopwatch."""
    profile = cProfile.Profile()
    profile.runcall(work, *args, **kwargs)
    return sum(entry.callcount for entry in profile.getstats())


@pytest.mark.parametrize("fifo", [False, True])
def test_no_call_works_harder_in_a_deep_queue(sandbox: Sandbox, sqs: Any, fifo: bool) -> None:
    given = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if fifo else {}
    backend = sandbox.backend("sqs")
    found: dict[int, list[int]] = {}
    for depth in (20, 5_000):
        name = f"q{depth}" + ".fifo" * fifo
        sqs.create_queue(QueueName=name, Attributes=given)
        for number in range(depth):
            backend.send_message(name, str(number), group_id=str(number % 7))
        for message in backend.receive_message(name, 5, 0, 30):  # what is remembered is warm
            backend.delete_message(name, message.receipt_handle)
        held = backend.receive_message(name, 1, 0, 30)[0]
        found[depth] = [
            steps(backend.send_message, name, "one more", group_id="x"),
            steps(backend.receive_message, name, 1, 0, 30),
            steps(backend.change_message_visibility, name, held.receipt_handle, 60),
            steps(backend.delete_message, name, held.receipt_handle),
            steps(backend.get_queue_attributes, name, ["All"]),
        ]
    for shallow, deep in zip(found[20], found[5_000], strict=True):
        assert deep <= 1.2 * shallow + 20


# -- copies --------------------------------------------------------------------------------------------


def test_a_rehearsal_leaves_a_queue_as_it_was(sandbox: Sandbox, sqs: Any, url: str) -> None:
    for body in "abc":
        sqs.send_message(QueueUrl=url, MessageBody=body)
    held = sqs.receive_message(QueueUrl=url)["Messages"][0]
    before, due = sandbox.digest(), sandbox.clock.waiting
    with sandbox.rehearsal():
        sandbox.clock.advance(seconds=31)
        assert bodies(sqs, url) == ["a", "b", "c"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=held["ReceiptHandle"])
        sqs.purge_queue(QueueUrl=url)
    assert sandbox.digest() == before
    assert sandbox.clock.waiting == due
    assert bodies(sqs, url) == ["b", "c"]
    sandbox.clock.advance(seconds=31)
    assert bodies(sqs, url) == ["a", "b", "c"]


def test_a_snapshot_brings_back_fifo_memory_tasks_and_deadlines(sandbox: Sandbox, sqs: Any) -> None:
    fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    sqs.create_queue(QueueName="dlq.fifo", Attributes=fifo)
    policy = json.dumps({"deadLetterTargetArn": f"{ARN}dlq.fifo", "maxReceiveCount": 1})
    url = sqs.create_queue(QueueName="o.fifo", Attributes={**fifo, "RedrivePolicy": policy})["QueueUrl"]
    for body in ("1", "2", "3"):
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")
    sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)
    sqs.receive_message(QueueUrl=url)
    sqs.start_message_move_task(SourceArn=f"{ARN}dlq.fifo")
    snapshot = sandbox.snapshot()
    for _ in range(2):
        sandbox.clock.advance(seconds=31)
        assert sqs.list_message_move_tasks(SourceArn=f"{ARN}dlq.fifo")["Results"][0]["Status"] == "COMPLETED"
        sqs.send_message(QueueUrl=url, MessageBody="3", MessageGroupId="g")  # a duplicate still
        assert bodies(sqs, url) == ["3", "1"]
        sandbox.restore(snapshot)
        assert sqs.list_message_move_tasks(SourceArn=f"{ARN}dlq.fifo")["Results"][0]["Status"] == "RUNNING"


def test_a_store_pickles_as_it_stands(sandbox: Sandbox, sqs: Any, url: str) -> None:
    for body in "ab":
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="t")
    bodies(sqs, url)
    store = sandbox.backend("sqs").queues["orders"]._messages
    copy = pickle.loads(pickle.dumps(store))
    assert [message.body for message in copy] == ["a", "b"]
    assert copy.count == store.count
    assert pickle.dumps(copy) == pickle.dumps(pickle.loads(pickle.dumps(copy)))


def test_reset_forgets_queues_names_and_deadlines(sandbox: Sandbox, sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="a")
    sqs.delete_queue(QueueUrl=url)
    sandbox.reset()
    assert not sandbox.clock.waiting
    assert "QueueUrls" not in sqs.list_queues()
    sqs.create_queue(QueueName="orders")


# -- threads -------------------------------------------------------------------------------------------


def test_eight_threads_lose_and_double_nothing(sandbox: Sandbox, sqs: Any, url: str) -> None:
    sent, found = [f"{who}-{n}" for who in range(8) for n in range(25)], Counter[str]()
    lock = threading.Lock()

    def work(who: int) -> None:
        for number in range(25):
            sqs.send_message(QueueUrl=url, MessageBody=f"{who}-{number}")
        while True:
            with lock:
                if found.total() >= len(sent):
                    return
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=5).get("Messages", []):
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                with lock:
                    found[message["Body"]] += 1

    threads = [threading.Thread(target=work, args=(who,)) for who in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    assert found == Counter(sent)


def test_a_long_poll_in_one_thread_wakes_on_a_send_from_another(sandbox: Sandbox, sqs: Any, url: str) -> None:
    found: list[str] = []
    poll = threading.Thread(target=lambda: found.extend(bodies(sqs, url, WaitTimeSeconds=20)))
    poll.start()
    while not sandbox.trace.mark() > 2 and poll.is_alive():
        sandbox.changed()
    sqs.send_message(QueueUrl=url, MessageBody="wake up")
    poll.join(timeout=10)
    assert found == ["wake up"]
