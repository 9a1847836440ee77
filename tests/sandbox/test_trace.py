"""The record: complete, ordered, masked, and easy to ask."""

from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError

from labkit.errors import UsageError
from labkit.sandbox import Sandbox
from labkit.sandbox.trace import Trace, short_name


def test_a_call_is_recorded_with_all_that_matters(sandbox: Sandbox) -> None:
    url = boto3.client("sqs").create_queue(QueueName="orders")["QueueUrl"]
    (event,) = sandbox.trace.where(service="sqs", action="CreateQueue")
    assert event.kind == "call"
    assert event.caller == "learner"
    assert event.resource == "orders"
    assert event.params == {"QueueName": "orders"}
    assert event.result == {"QueueUrl": url}
    assert event.time == pytest.approx(sandbox.clock.time(), abs=5)
    assert event.error == ""


def test_a_refused_call_is_recorded_with_its_code(sandbox: Sandbox) -> None:
    with pytest.raises(ClientError):
        boto3.client("sqs").get_queue_url(QueueName="missing")
    (event,) = sandbox.trace.where(action="GetQueueUrl")
    assert "NonExistentQueue" in event.error or event.error == "QueueDoesNotExist"
    assert event.message


def test_the_outside_world_has_another_name(sandbox: Sandbox) -> None:
    sandbox.client("sqs").create_queue(QueueName="probe")
    assert [event.caller for event in sandbox.trace.where(action="CreateQueue")] == ["checker"]


def test_what_the_service_model_calls_sensitive_is_hidden(sandbox: Sandbox) -> None:
    boto3.client("secretsmanager").create_secret(Name="db", SecretString="swordfish")
    boto3.client("kms").encrypt(
        KeyId=boto3.client("kms").create_key()["KeyMetadata"]["KeyId"], Plaintext=b"swordfish"
    )
    assert "swordfish" not in "".join(repr(event) for event in sandbox.trace)


def test_long_texts_and_bytes_are_shortened_in_the_record_only(sandbox: Sandbox) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x" * 5_000)
    (event,) = sandbox.trace.where(action="SendMessage")
    assert len(event.params["MessageBody"]) < 1_100
    assert "5,000 characters" in event.params["MessageBody"]
    assert len(sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"]) == 5_000


def test_the_record_keeps_a_copy_of_the_parameters(sandbox: Sandbox) -> None:
    tags = {"project": "orchard"}
    boto3.client("sqs").create_queue(QueueName="orders", tags=tags)
    tags["project"] = "changed later"
    assert sandbox.trace.where(action="CreateQueue")[0].params["tags"] == {"project": "orchard"}


def test_filters_combine_and_take_names_urls_and_arns(sandbox: Sandbox) -> None:
    sqs = boto3.client("sqs")
    urls = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("orders", "invoices")]
    for url in urls:
        sqs.send_message(QueueUrl=url, MessageBody="hello")
    assert len(sandbox.trace.where(service="sqs", action="SendMessage")) == 2
    for resource in ("orders", urls[0], "arn:aws:sqs:eu-west-1:123456789012:orders"):
        assert len(sandbox.trace.where(action="SendMessage", resource=resource)) == 1
    assert sandbox.trace.where(service="sns") == []


def test_since_a_mark_only_later_events_count(sandbox: Sandbox) -> None:
    sqs = boto3.client("sqs")
    sqs.list_queues()
    mark = sandbox.trace.mark()
    sqs.list_queues()
    assert len(sandbox.trace.where(action="ListQueues", since=mark)) == 1


def test_events_are_in_order_and_a_cause_comes_before_what_it_caused() -> None:
    trace = Trace()
    call = trace.reserve()
    with trace.caused_by(call, "learner"):
        trace.record("state", "sqs", "MessageMovedToDLQ")
    trace.record("call", "sqs", "ReceiveMessage", sequence=call)
    assert [event.action for event in trace] == ["ReceiveMessage", "MessageMovedToDLQ"]
    assert next(iter(trace.where(kind="state"))).cause == call
    assert next(iter(trace.where(kind="state"))).caller == "learner"


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no kind of event"):
        Trace().record("nonsense", "sqs", "X")
    with pytest.raises(UsageError, match="Take one of"):
        Trace().where(kind="nonsense")


def test_the_record_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labkit.sandbox.trace.KEPT", 10)
    trace = Trace()
    for number in range(25):
        trace.record("state", "sqs", f"event {number}")
    assert len(trace) == 10
    assert trace.last(1)[0].action == "event 24"


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        ("arn:aws:sqs:eu-west-1:123456789012:orders", "orders"),
        ("arn:aws:dynamodb:eu-west-1:123456789012:table/stock", "stock"),
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/orders", "orders"),
        ("arn:aws:lambda:eu-west-1:123456789012:function:quote", "quote"),
        ("orders", "orders"),
        ("", ""),
    ],
)
def test_short_names(resource: str, name: str) -> None:
    assert short_name(resource) == name


def test_an_empty_record_says_so() -> None:
    assert repr(Trace()) == "Nothing has happened yet."


def test_a_reserved_place_keeps_the_cause_it_had(sandbox: Sandbox) -> None:
    trace = sandbox.trace
    first = trace.record("state", "sqs", "First").sequence
    with trace.caused_by(first):
        place = trace.reserve()
    with trace.caused_by(place):
        inside = trace.record("state", "sqs", "Inside")
        outer = trace.record("delivery", "sqs", "Outer", sequence=place)
    assert (outer.cause, inside.cause) == (first, place)
