"""Queue attributes, names, encryption, tags, permissions, and lists of queues."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox


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


def shown(sqs: Any, url: str) -> dict[str, str]:
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def refused(call: Any, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


RANGES = {
    "DelaySeconds": (0, 900),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
    "MaximumMessageSize": (1_024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43_200),
}


@pytest.mark.parametrize("name", RANGES)
def test_every_number_has_its_range(sqs: Any, name: str) -> None:
    low, high = RANGES[name]
    url = sqs.create_queue(QueueName="orders", Attributes={"KmsMasterKeyId": "alias/aws/sqs"})["QueueUrl"]
    before = shown(sqs, url)
    for wrong in (str(low - 1), str(high + 1), "", " 60", "65.2", "true", "9" * 30):
        expected = ("InvalidAttributeValue", f"Invalid value for the parameter {name}.")
        assert refused(sqs.set_queue_attributes, QueueUrl=url, Attributes={name: wrong}) == expected
        assert refused(sqs.create_queue, QueueName="new", Attributes={name: wrong}) == expected
    assert shown(sqs, url) == before
    for right in (low, high):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={name: str(right)})
        assert shown(sqs, url)[name] == str(right)


def test_a_change_with_one_wrong_attribute_changes_nothing(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    refused(
        sqs.set_queue_attributes, QueueUrl=url, Attributes={"VisibilityTimeout": "60", "DelaySeconds": "901"}
    )
    assert shown(sqs, url)["VisibilityTimeout"] == "30"


def test_the_defaults(sandbox: Sandbox, sqs: Any) -> None:
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    found = shown(sqs, url)
    for name in ("CreatedTimestamp", "LastModifiedTimestamp"):
        assert abs(int(found.pop(name)) - sandbox.clock.time()) < 2
    assert found == {
        "QueueArn": "arn:aws:sqs:eu-west-1:123456789012:orders",
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
        "VisibilityTimeout": "30",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "DelaySeconds": "0",
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "true",
    }
    fifo = sqs.create_queue(QueueName="o.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    more = {
        name: value for name, value in shown(sqs, fifo).items() if name not in found and "stamp" not in name
    }
    assert more == {
        "FifoQueue": "true",
        "ContentBasedDeduplication": "false",
        "DeduplicationScope": "queue",
        "FifoThroughputLimit": "perQueue",
    }


def test_a_change_moves_the_time_of_the_last_change(sandbox: Sandbox, sqs: Any) -> None:
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    sandbox.clock.advance(hours=1)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})
    found = shown(sqs, url)
    assert 3600 <= int(found["LastModifiedTimestamp"]) - int(found["CreatedTimestamp"]) <= 3601


def test_attributes_are_asked_for_by_name(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    names = ["VisibilityTimeout", "Policy", "FifoQueue"]
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"] == {
        "VisibilityTimeout": "30"
    }
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url)
    assert refused(sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["Nope"]) == (
        "InvalidAttributeName",
        "Unknown Attribute Nope.",
    )


@pytest.mark.parametrize(
    "name", ["Nope", "All", "QueueArn", "CreatedTimestamp", "ApproximateNumberOfMessages"]
)
def test_attributes_that_cannot_be_set(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    unknown = ("InvalidAttributeName", f"Unknown Attribute {name}.")
    assert refused(sqs.set_queue_attributes, QueueUrl=url, Attributes={name: "1"}) == unknown
    assert refused(sqs.create_queue, QueueName="new", Attributes={name: "1"}) == unknown


# -- kinds of queue --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "a b", "a.b", "é", "x" * 81, "orders.fifo"])
def test_names_of_standard_queues(sqs: Any, name: str) -> None:
    assert refused(sqs.create_queue, QueueName=name) == (
        "InvalidParameterValue",
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
    )


@pytest.mark.parametrize("name", ["orders", "a b.fifo", ".fifo", "x" * 76 + ".fifo"])
def test_names_of_fifo_queues(sqs: Any, name: str) -> None:
    code, message = refused(sqs.create_queue, QueueName=name, Attributes={"FifoQueue": "true"})
    assert code == "InvalidParameterValue"
    assert "must end with .fifo suffix and be 1 to 80 in length" in message
    sqs.create_queue(QueueName="x" * 75 + ".fifo", Attributes={"FifoQueue": "true"})


def test_fifo_attributes_belong_to_fifo_queues(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    for given, words in (
        ({"FifoQueue": "true"}, "Unknown Attribute FifoQueue."),
        ({"FifoQueue": "false"}, "Unknown Attribute FifoQueue."),
        ({"ContentBasedDeduplication": "true"}, "Unknown Attribute ContentBasedDeduplication."),
        (
            {"DeduplicationScope": "queue"},
            "You can specify the DeduplicationScope only when FifoQueue is set to true.",
        ),
        (
            {"FifoThroughputLimit": "perQueue"},
            "You can specify the FifoThroughputLimit only when FifoQueue is set to true.",
        ),
    ):
        assert refused(sqs.set_queue_attributes, QueueUrl=url, Attributes=given) == (
            "InvalidAttributeName",
            words,
        )
    assert (
        refused(sqs.create_queue, QueueName="new", Attributes={"FifoQueue": "false"})[0]
        == "InvalidAttributeName"
    )


def test_a_queue_keeps_its_kind(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="o.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    assert refused(sqs.set_queue_attributes, QueueUrl=url, Attributes={"FifoQueue": "false"}) == (
        "InvalidAttributeValue",
        "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
    )


def test_high_throughput_needs_both_attributes(sqs: Any) -> None:
    fifo, high = {"FifoQueue": "true"}, {"FifoThroughputLimit": "perMessageGroupId"}
    code, message = refused(sqs.create_queue, QueueName="o.fifo", Attributes={**fifo, **high})
    assert code == "InvalidAttributeValue"
    assert "allowed only when the value for DeduplicationScope is messageGroup" in message
    both = {**high, "DeduplicationScope": "messageGroup"}
    url = sqs.create_queue(QueueName="o.fifo", Attributes={**fifo, **both})["QueueUrl"]
    refused(sqs.set_queue_attributes, QueueUrl=url, Attributes={"DeduplicationScope": "queue"})
    back = {"DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue"}
    sqs.set_queue_attributes(QueueUrl=url, Attributes=back)
    refused(sqs.set_queue_attributes, QueueUrl=url, Attributes=high)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DeduplicationScope": "messageGroup"})
    sqs.set_queue_attributes(QueueUrl=url, Attributes=high)
    for name in ("DeduplicationScope", "FifoThroughputLimit", "ContentBasedDeduplication"):
        wrong = {name: "sometimes"}
        assert refused(sqs.set_queue_attributes, QueueUrl=url, Attributes=wrong)[0] == "InvalidAttributeValue"


# -- a queue that exists ---------------------------------------------------------------------------------


def test_making_a_queue_again_finds_it_or_says_what_differs(sqs: Any) -> None:
    policy = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*"}]}
    )
    given = {"DelaySeconds": "5", "Policy": policy, "SqsManagedSseEnabled": "true"}
    url = sqs.create_queue(QueueName="orders", Attributes=given)["QueueUrl"]
    assert sqs.create_queue(QueueName="orders", Attributes=given)["QueueUrl"] == url
    assert sqs.create_queue(QueueName="orders")["QueueUrl"] == url
    assert refused(sqs.create_queue, QueueName="orders", Attributes={**given, "DelaySeconds": "6"}) == (
        "QueueAlreadyExists",
        "A queue already exists with the same name and a different value for attribute DelaySeconds",
    )
    with pytest.raises(sqs.exceptions.QueueNameExists):
        sqs.create_queue(QueueName="orders", Attributes={"SqsManagedSseEnabled": "false"})


def test_setting_one_attribute_leaves_the_policy_alone(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:ReceiveMessage"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "5"})
    assert json.loads(shown(sqs, url)["Policy"]) == json.loads(policy)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    assert "Policy" not in shown(sqs, url)
    nobody = policy.replace('"Principal": "*", ', "")
    for wrong in ("nonsense", "[]", "null", "{}", '{"Statement": []}', nobody):
        assert refused(sqs.set_queue_attributes, QueueUrl=url, Attributes={"Policy": wrong}) == (
            "InvalidAttributeValue",
            "Invalid value for the parameter Policy.",
        )


def test_a_policy_may_have_one_statement_without_a_list(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": deny}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    assert json.loads(shown(sqs, url)["Policy"]) == policy
    assert refused(sqs.send_message, QueueUrl=url, MessageBody="tea")[0] == "AccessDenied"


def test_permissions_come_and_go(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    given = {"QueueUrl": url, "Label": "shop", "AWSAccountIds": ["111111111111"], "Actions": ["SendMessage"]}
    sqs.add_permission(**given)
    statement = json.loads(shown(sqs, url)["Policy"])["Statement"][0]
    assert (statement["Sid"], statement["Action"]) == ("shop", "SQS:SendMessage")
    assert refused(sqs.add_permission, **given)[1].endswith("Already exists.")
    sqs.remove_permission(QueueUrl=url, Label="shop")
    assert "Policy" not in shown(sqs, url)
    assert refused(sqs.remove_permission, QueueUrl=url, Label="shop")[0] == "InvalidParameterValue"


def test_tags_come_and_go(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="orders", tags={"team": "shop"})["QueueUrl"]
    sqs.tag_queue(QueueUrl=url, Tags={"stage": "prod", "empty": ""})
    sqs.untag_queue(QueueUrl=url, TagKeys=["team"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"stage": "prod", "empty": ""}


def test_queues_are_listed_by_prefix_and_in_pages(sqs: Any) -> None:
    names = [f"shop-{number}" for number in range(5)] + ["shopX1", "other"]
    urls = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in names}
    assert sqs.list_queues(QueueNamePrefix="shop-")["QueueUrls"] == [urls[f"shop-{n}"] for n in range(5)]
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix="sh.p")
    pages = list(sqs.get_paginator("list_queues").paginate(PaginationConfig={"PageSize": 3}))
    assert [len(page["QueueUrls"]) for page in pages] == [3, 3, 1]
    assert {one for page in pages for one in page["QueueUrls"]} == set(urls.values())
    for most in (0, 1001):
        assert refused(sqs.list_queues, MaxResults=most)[0] == "InvalidParameterValue"


# -- encryption ------------------------------------------------------------------------------------------


def test_one_kind_of_encryption_at_a_time(sqs: Any) -> None:
    both = {"KmsMasterKeyId": "alias/aws/sqs", "SqsManagedSseEnabled": "true"}
    words = "You can use one type of server-side encryption (SSE) at one time."
    code, message = refused(sqs.create_queue, QueueName="orders", Attributes=both)
    assert (code, message.startswith(words)) == ("InvalidAttributeName", True)
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    assert refused(sqs.set_queue_attributes, QueueUrl=url, Attributes=both)[0] == "InvalidAttributeName"
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": "alias/aws/sqs"})
    found = shown(sqs, url)
    assert (found["SqsManagedSseEnabled"], found["KmsMasterKeyId"]) == ("false", "alias/aws/sqs")
    assert found["KmsDataKeyReusePeriodSeconds"] == "300"
    assert refused(sqs.set_queue_attributes, QueueUrl=url, Attributes={"SqsManagedSseEnabled": "true"})[
        0
    ] == ("InvalidAttributeName")
    back = {"KmsMasterKeyId": "", "SqsManagedSseEnabled": "true"}
    sqs.set_queue_attributes(QueueUrl=url, Attributes=back)
    found = shown(sqs, url)
    assert found["SqsManagedSseEnabled"] == "true"
    assert "KmsMasterKeyId" not in found


def test_the_managed_key_always_works(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="orders", Attributes={"KmsMasterKeyId": "alias/aws/sqs"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    assert sqs.receive_message(QueueUrl=url)["Messages"]


@pytest.mark.parametrize("key", ["nope", "alias/nope", "arn:aws:kms:eu-west-1:123456789012:key/nope"])
def test_a_key_that_does_not_exist_shows_at_the_first_send(sqs: Any, key: str) -> None:
    url = sqs.create_queue(QueueName="orders", Attributes={"KmsMasterKeyId": key})["QueueUrl"]
    code, message = refused(sqs.send_message, QueueUrl=url, MessageBody="x")
    assert code == "KMS.NotFoundException"
    assert key.rpartition("/")[2] in message
    assert refused(sqs.receive_message, QueueUrl=url)[0] == "KMS.NotFoundException"
    with pytest.raises(sqs.exceptions.KmsNotFound):
        sqs.send_message(QueueUrl=url, MessageBody="x")
    answer = sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "x"}])
    assert answer["Failed"][0]["Code"] == "KMS.NotFoundException"


@pytest.mark.parametrize("by", ["KeyId", "Arn", "alias"])
def test_a_key_can_be_taken_away(sandbox: Sandbox, sqs: Any, by: str) -> None:
    kms = sandbox.client("kms")
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/shop", TargetKeyId=key["KeyId"])
    chosen = key.get(by, "alias/shop")
    url = sqs.create_queue(QueueName="orders", Attributes={"KmsMasterKeyId": chosen})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    kms.disable_key(KeyId=key["KeyId"])
    assert refused(sqs.send_message, QueueUrl=url, MessageBody="x")[0] == "KMS.DisabledException"
    assert refused(sqs.receive_message, QueueUrl=url)[0] == "KMS.DisabledException"
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    assert refused(sqs.receive_message, QueueUrl=url)[0] == "KMS.InvalidStateException"
