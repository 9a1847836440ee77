"""What a message, a batch and a request may be, and the words of the refusals."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox

MIB = 1_048_576


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


def refused(call: Any, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def text(value: str = "v", kind: str = "String") -> dict[str, Any]:
    return {"DataType": kind, "StringValue": value}


# -- sizes ---------------------------------------------------------------------------------------------


def test_a_message_is_measured_in_bytes(sqs: Any, url: str) -> None:
    too_long = (
        "InvalidParameterValue",
        f"One or more parameters are invalid. Reason: Message must be shorter than {MIB} bytes.",
    )
    sqs.send_message(QueueUrl=url, MessageBody="a" * MIB)
    sqs.send_message(QueueUrl=url, MessageBody="é" * (MIB // 2))
    assert refused(sqs.send_message, QueueUrl=url, MessageBody="a" * (MIB + 1)) == too_long
    assert refused(sqs.send_message, QueueUrl=url, MessageBody="é" * (MIB // 2) + "a") == too_long


def test_attributes_count_with_name_type_and_value(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="small", Attributes={"MaximumMessageSize": "1024"})["QueueUrl"]
    attributes = {
        "name": text("é" * 10, "String.custom"),
        "bin": {"DataType": "Binary", "BinaryValue": b"12345"},
    }
    weight = len("name") + len("String.custom") + 20 + len("bin") + len("Binary") + 5
    fits = "a" * (1024 - weight)
    sqs.send_message(QueueUrl=url, MessageBody=fits, MessageAttributes=attributes)
    code, message = refused(
        sqs.send_message, QueueUrl=url, MessageBody=fits + "a", MessageAttributes=attributes
    )
    assert code == "InvalidParameterValue"
    assert message.endswith("Message must be shorter than 1024 bytes.")
    trace = {"AWSTraceHeader": text("Root=1-5759e988-bd862e3fe1be46a994272793")}
    sqs.send_message(
        QueueUrl=url, MessageBody=fits, MessageAttributes=attributes, MessageSystemAttributes=trace
    )  # a system attribute weighs nothing


def test_a_batch_may_weigh_as_much_as_one_message(sqs: Any, url: str) -> None:
    entries = [{"Id": str(n), "MessageBody": "é" * (MIB // 4)} for n in range(2)]
    assert len(sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]) == 2
    entries.append({"Id": "last", "MessageBody": "a"})
    assert refused(sqs.send_message_batch, QueueUrl=url, Entries=entries) == (
        "AWS.SimpleQueueService.BatchRequestTooLong",
        f"Batch requests cannot be longer than {MIB} bytes. You have sent {MIB + 1} bytes.",
    )


def test_one_entry_too_long_for_its_queue_fails_alone(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="small", Attributes={"MaximumMessageSize": "1024"})["QueueUrl"]
    entries = [{"Id": "ok", "MessageBody": "a" * 1024}, {"Id": "long", "MessageBody": "a" * 1025}]
    answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [entry["Id"] for entry in answer["Successful"]] == ["ok"]
    failed = answer["Failed"][0]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("long", "InvalidParameterValue", True)
    assert "Message must be shorter than 1024 bytes." in failed["Message"]


# -- bodies --------------------------------------------------------------------------------------------


def test_an_empty_body(sqs: Any, url: str) -> None:
    assert refused(sqs.send_message, QueueUrl=url, MessageBody="") == (
        "MissingParameter",
        "The request must contain the parameter MessageBody.",
    )
    answer = sqs.send_message_batch(
        QueueUrl=url, Entries=[{"Id": "a", "MessageBody": "x"}, {"Id": "b", "MessageBody": ""}]
    )
    assert [entry["Code"] for entry in answer["Failed"]] == ["MissingParameter"]
    assert "SendMessageBatchRequestEntry.2.MessageBody" in answer["Failed"][0]["Message"]


@pytest.mark.parametrize("wrong", ["\x00", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff"])
def test_characters_that_are_not_taken(sqs: Any, url: str, wrong: str) -> None:
    code, message = refused(sqs.send_message, QueueUrl=url, MessageBody=f"a{wrong}b")
    assert code == "InvalidMessageContents"
    assert "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF" in message
    assert refused(
        sqs.send_message, QueueUrl=url, MessageBody="x", MessageAttributes={"a": text(f"a{wrong}")}
    )[0] == ("InvalidMessageContents")


def test_characters_that_are_taken(sqs: Any, url: str) -> None:
    body = "\t\n\r \ud7ff\ue000\ufffd\U00010000\U0010ffff é 漢 🙂"
    sqs.send_message(QueueUrl=url, MessageBody=body)
    found = sqs.receive_message(QueueUrl=url)["Messages"][0]
    assert found["Body"] == body
    assert found["MD5OfBody"] == hashlib.md5(body.encode()).hexdigest()


# -- message attributes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        (
            {f"a{n}": text() for n in range(11)},
            "Number of message attributes [11] exceeds the allowed maximum [10].",
        ),
        ({"AWS.x": text()}, "reserved for internal use"),
        ({"aWs.x": text()}, "reserved for internal use"),
        ({"Amazon.x": text()}, "reserved for internal use"),
        ({".x": text()}, "cannot start or end with '.'"),
        ({"x.": text()}, "cannot start or end with '.'"),
        ({"a..b": text()}, "The message attribute name 'a..b' is invalid."),
        ({"a b": text()}, "The message attribute name 'a b' is invalid."),
        ({"": text()}, "The request must contain non-empty message (user) attribute names."),
        ({"n" * 257: text()}, "Message (user) attribute name must be shorter than 256 bytes."),
        (
            {"a": text(kind="String." + "x" * 250)},
            "Message (user) attribute type must be shorter than 256 bytes.",
        ),
        ({"a": text(kind="")}, "must contain a non-empty message attribute value."),
        ({"a": text(kind="Text")}, "The type of message (user) attribute 'a' is invalid."),
        ({"a": text("")}, "Message (user) attribute 'a' must contain a non-empty value of type 'String'."),
        ({"a": {"DataType": "String"}}, "must contain a non-empty value of type 'String'."),
        (
            {"a": {"DataType": "Binary", "StringValue": "x"}},
            "must contain a non-empty value of type 'Binary'.",
        ),
        (
            {"a": {"DataType": "String", "BinaryValue": b"x"}},
            "must contain a non-empty value of type 'String'.",
        ),
        ({"a": text("world", "Number")}, "Can't cast the value of message (user) attribute 'a' to a number."),
    ],
)
def test_attributes_that_cannot_be(sqs: Any, url: str, attributes: dict[str, Any], words: str) -> None:
    code, message = refused(sqs.send_message, QueueUrl=url, MessageBody="x", MessageAttributes=attributes)
    assert code == "InvalidParameterValue"
    assert words in message
    answer = sqs.send_message_batch(
        QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "x", "MessageAttributes": attributes}]
    )
    assert words in answer["Failed"][0]["Message"]


def test_attribute_lists_are_not_supported(sqs: Any, url: str) -> None:
    attributes = {"a": {"DataType": "String", "StringListValues": ["x"]}}
    code, _ = refused(sqs.send_message, QueueUrl=url, MessageBody="x", MessageAttributes=attributes)
    assert code == "AWS.SimpleQueueService.UnsupportedOperation"


def test_attributes_arrive_typed_and_chosen_by_name(sqs: Any, url: str) -> None:
    attributes = {
        "Shop.id": text("7", "Number.int"),
        "Shop.name": text("Bäcker"),
        "raw": {"DataType": "Binary.gif", "BinaryValue": b"\x00\xff"},
        **{f"x{n}": text("-1.5e3", "Number") for n in range(7)},
    }
    answer = sqs.send_message(QueueUrl=url, MessageBody="x", MessageAttributes=attributes)

    def names(*asked: str) -> set[str]:
        got = sqs.receive_message(QueueUrl=url, MessageAttributeNames=list(asked), VisibilityTimeout=0)
        message = got["Messages"][0]
        assert ("MD5OfMessageAttributes" in message) == ("MessageAttributes" in message)
        return set(message.get("MessageAttributes", {}))

    assert names() == set()
    assert names("All") == names(".*") == set(attributes)
    assert names("Shop.*", "raw", "nothing") == {"Shop.id", "Shop.name", "raw"}
    full = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"][0]
    assert full["MessageAttributes"] == attributes
    assert full["MD5OfMessageAttributes"] == answer["MD5OfMessageAttributes"]


def test_the_trace_header_is_the_one_system_attribute(sqs: Any, url: str) -> None:
    root = "Root=1-5759e988-bd862e3fe1be46a994272793"
    given = {"QueueUrl": url, "MessageBody": "x"}
    answer = sqs.send_message(**given, MessageSystemAttributes={"AWSTraceHeader": text(root)})
    assert len(answer["MD5OfMessageSystemAttributes"]) == 32
    found = sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["AWSTraceHeader"])["Messages"][0]
    assert found["Attributes"] == {"AWSTraceHeader": root}
    code, message = refused(sqs.send_message, **given, MessageSystemAttributes={"Hello": text()})
    assert (code, message) == ("InvalidParameterValue", "Message system attribute name 'Hello' is invalid.")
    refused(sqs.send_message, **given, MessageSystemAttributes={"AWSTraceHeader": text("1", "Number")})


def test_system_attributes_are_chosen_by_name(sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="x")
    plain = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"][0]
    assert "Attributes" not in plain
    chosen = sqs.receive_message(QueueUrl=url, AttributeNames=["SenderId"], VisibilityTimeout=0)["Messages"][
        0
    ]
    assert set(chosen["Attributes"]) == {"SenderId"}
    every = sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"])["Messages"][0]
    assert set(every["Attributes"]) == {
        "SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp",
    }  # fmt: skip
    assert refused(sqs.receive_message, QueueUrl=url, AttributeNames=["Nope"]) == (
        "InvalidAttributeName",
        "Unknown Attribute Nope.",
    )


# -- requests ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("MaxNumberOfMessages", 0, "Must be between 1 and 10, if provided."),
        ("MaxNumberOfMessages", 11, "Must be between 1 and 10, if provided."),
        ("WaitTimeSeconds", -1, "Must be >= 0 and <= 20, if provided."),
        ("WaitTimeSeconds", 21, "Must be >= 0 and <= 20, if provided."),
        ("VisibilityTimeout", -1, "Must be >= 0 and <= 43200, if provided."),
        ("VisibilityTimeout", 43_201, "Must be >= 0 and <= 43200, if provided."),
    ],
)
def test_ranges_of_a_receive(sqs: Any, url: str, name: str, value: int, reason: str) -> None:
    assert refused(sqs.receive_message, QueueUrl=url, **{name: value}) == (
        "InvalidParameterValue",
        f"Value {value} for parameter {name} is invalid. Reason: {reason}",
    )


@pytest.mark.parametrize("delay", [-1, 901])
def test_the_range_of_a_delay(sqs: Any, url: str, delay: int) -> None:
    words = (
        f"Value {delay} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."
    )
    given = {"MessageBody": "x", "DelaySeconds": delay}
    assert refused(sqs.send_message, QueueUrl=url, **given) == ("InvalidParameterValue", words)
    answer = sqs.send_message_batch(
        QueueUrl=url, Entries=[{"Id": "1", **given}, {"Id": "2", "MessageBody": "y"}]
    )
    assert [entry["Message"] for entry in answer["Failed"]] == [words]
    assert [entry["Id"] for entry in answer["Successful"]] == ["2"]


@pytest.mark.parametrize("seconds", [-10, 43_201])
def test_the_range_of_a_visibility_timeout(sqs: Any, url: str, seconds: int) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="x")
    handle = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    given = {"ReceiptHandle": handle, "VisibilityTimeout": seconds}
    assert refused(sqs.change_message_visibility, QueueUrl=url, **given) == (
        "InvalidParameterValue",
        f"Value {seconds} for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200.",
    )
    answer = sqs.change_message_visibility_batch(QueueUrl=url, Entries=[{"Id": "1", **given}])
    assert answer["Failed"][0]["Message"] == (
        f"Value {seconds} for parameter VisibilityTimeout is invalid. Reason: VisibilityTimeout must be "
        "an integer between 0 and 43200."
    )


BATCHES = {
    "send_message_batch": ("SendMessageBatchRequestEntry", {"MessageBody": "x"}),
    "delete_message_batch": ("DeleteMessageBatchRequestEntry", {"ReceiptHandle": "x"}),
    "change_message_visibility_batch": (
        "ChangeMessageVisibilityBatchRequestEntry",
        {"ReceiptHandle": "x", "VisibilityTimeout": 1},
    ),
}


@pytest.mark.parametrize("operation", BATCHES)
def test_batches_that_cannot_be(sqs: Any, url: str, operation: str) -> None:
    call, (name, rest) = getattr(sqs, operation), BATCHES[operation]
    assert refused(call, QueueUrl=url, Entries=[]) == (
        "AWS.SimpleQueueService.EmptyBatchRequest",
        f"There should be at least one {name} in the request.",
    )
    assert refused(call, QueueUrl=url, Entries=[{"Id": str(n), **rest} for n in range(11)]) == (
        "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        "Maximum number of entries per request are 10. You have sent 11.",
    )
    assert refused(call, QueueUrl=url, Entries=[{"Id": "same", **rest}, {"Id": "same", **rest}]) == (
        "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        "Id same repeated.",
    )
    for wrong in ("", "a b", "é", "x" * 81):
        assert refused(call, QueueUrl=url, Entries=[{"Id": wrong, **rest}])[0] == (
            "AWS.SimpleQueueService.InvalidBatchEntryId"
        )


def test_batches_of_a_consumer_succeed_entry_by_entry(sandbox: Sandbox, sqs: Any, url: str) -> None:
    for body in "ab":
        sqs.send_message(QueueUrl=url, MessageBody=body)
    held = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=2)["Messages"]
    entries = [
        {"Id": "good", "ReceiptHandle": held[0]["ReceiptHandle"], "VisibilityTimeout": 0},
        {"Id": "bad", "ReceiptHandle": "nonsense", "VisibilityTimeout": 0},
        {"Id": "blank", "ReceiptHandle": " ", "VisibilityTimeout": 0},
    ]
    answer = sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)
    assert answer["Successful"] == [{"Id": "good"}]
    assert [(e["Id"], e["Code"]) for e in answer["Failed"]] == [
        ("bad", "ReceiptHandleIsInvalid"),
        ("blank", "MissingParameter"),
    ]
    for entry in entries:
        del entry["VisibilityTimeout"]
    entries[0]["ReceiptHandle"] = held[1]["ReceiptHandle"]
    answer = sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    assert answer["Successful"] == [{"Id": "good"}]
    assert [e["Id"] for e in answer["Failed"]] == ["bad", "blank"]
    sandbox.clock.advance(minutes=1)
    left = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [message["Body"] for message in left] == ["a"]


def test_what_a_request_must_contain(sqs: Any, url: str) -> None:
    for call, more in ((sqs.delete_message, {}), (sqs.change_message_visibility, {"VisibilityTimeout": 1})):
        assert refused(call, QueueUrl=url, ReceiptHandle="", **more) == (
            "MissingParameter",
            "The request must contain the parameter ReceiptHandle.",
        )
    answer = sqs.change_message_visibility_batch(QueueUrl=url, Entries=[{"Id": "1", "ReceiptHandle": "x"}])
    assert answer["Failed"][0]["Code"] == "MissingParameter"
