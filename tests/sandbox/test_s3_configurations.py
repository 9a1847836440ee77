"""S3 event notifications: which configurations are taken, and which are refused."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox
from tests.sandbox.s3kit import ARN, QUEUE, TOPIC, Shop, where


@pytest.fixture
def shop(sandbox: Sandbox) -> Shop:
    return Shop(sandbox)


def refused(shop: Shop, *queues: dict[str, Any], **others: Any) -> str:
    with pytest.raises(ClientError) as caught:
        shop.notify(*queues, **others)
    assert caught.value.response["Error"]["Code"] == "InvalidArgument"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    answer = shop.s3.get_bucket_notification_configuration(Bucket="photos")
    assert set(answer) == {"ResponseMetadata"}
    return str(caught.value.response["Error"]["Message"])


UNABLE = "Unable to validate the following destination configurations"


@pytest.mark.parametrize(
    "statement",
    [
        {"Principal": {"Service": "sns.amazonaws.com"}},
        {"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::other"}}},
        {"Condition": {"StringEquals": {"aws:SourceAccount": "999999999999"}}},
        {"Action": "sqs:ReceiveMessage"},
    ],
)
def test_a_queue_that_does_not_let_s3_in_is_refused(shop: Shop, statement: dict[str, Any]) -> None:
    shop.allow(**statement)
    assert refused(shop, {}) == UNABLE
    assert shop.messages() == []


def test_destinations_that_are_not_there_are_refused(shop: Shop) -> None:
    assert refused(shop, {"QueueArn": QUEUE + "-none"}) == UNABLE
    for service, name, key in (("sns", "none", "Topic"), ("lambda", "function:none", "LambdaFunction")):
        wanted = {f"{key}Arn": ARN.format(service, name), "Events": ["s3:ObjectCreated:*"]}
        assert refused(shop, **{f"{key}Configurations": [wanted]}) == UNABLE


def test_the_check_of_destinations_can_be_skipped(shop: Shop) -> None:
    shop.notify({"QueueArn": QUEUE + "-none", "Id": "later"}, skip=True)
    answer = shop.s3.get_bucket_notification_configuration(Bucket="photos")
    assert [one["Id"] for one in answer["QueueConfigurations"]] == ["later"]


def test_a_queue_with_a_key_must_let_s3_use_it(shop: Shop) -> None:
    shop.sqs.set_queue_attributes(QueueUrl=shop.url, Attributes={"KmsMasterKeyId": "alias/aws/sqs"})
    assert refused(shop, {}) == UNABLE


def test_a_queue_in_another_region_or_with_order_is_refused(shop: Shop) -> None:
    message = refused(shop, {"QueueArn": QUEUE.replace("eu-west-1", "us-east-1")})
    assert message.startswith("The notification destination service region is not valid")
    shop.sqs.create_queue(QueueName="line.fifo", Attributes={"FifoQueue": "true"})
    assert refused(shop, {"QueueArn": ARN.format("sqs", "line.fifo")}) == UNABLE


@pytest.mark.parametrize(
    ("queue", "message"),
    [
        ({"QueueArn": "uploads"}, "The ARN could not be parsed"),
        ({"QueueArn": TOPIC}, "The ARN is not well formed"),
        ({"Events": ["s3:ObjectShown:*"]}, "The event is not supported for notifications"),
        (
            {"Filter": {"Key": {"FilterRules": [{"Name": "middle", "Value": "x"}]}}},
            "filter rule name must be either prefix or suffix",
        ),
    ],
)
def test_a_configuration_that_makes_no_sense(shop: Shop, queue: dict[str, Any], message: str) -> None:
    assert refused(shop, queue) == message


@pytest.mark.parametrize(
    ("first", "second", "start"),
    [
        ({}, {"Events": ["s3:ObjectCreated:Put"]}, "Configurations overlap."),
        ({}, where("in/"), "Configuration is ambiguously defined."),
        (where("in/"), where("in/a"), "Configuration is ambiguously defined."),
        (where("", "jpg"), where("", "pg"), "Configuration is ambiguously defined."),
        (where("in/"), where("", ".jpg"), "Configuration is ambiguously defined."),
        ({"Id": "same", **where("a")}, {"Id": "same", **where("b")}, "Same ID used"),
    ],
)
def test_configurations_that_overlap(
    shop: Shop, first: dict[str, Any], second: dict[str, Any], start: str
) -> None:
    assert refused(shop, first, second).startswith(start)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (where("in/"), where("out/")),
        (where("in/", ".jpg"), where("in/", ".png")),
        ({}, {"Events": ["s3:ObjectRemoved:*"]}),
    ],
)
def test_configurations_that_do_not_overlap(
    shop: Shop, first: dict[str, Any], second: dict[str, Any]
) -> None:
    shop.notify(first, second)
    answer = shop.s3.get_bucket_notification_configuration(Bucket="photos")
    assert len(answer["QueueConfigurations"]) == 2


def test_the_configuration_comes_back_as_aws_shows_it(shop: Shop) -> None:
    shop.notify({"Id": "one", **where("in/", ".jpg")}, EventBridgeConfiguration={})
    answer = shop.s3.get_bucket_notification_configuration(Bucket="photos")
    del answer["ResponseMetadata"]
    rules = [{"Name": "Prefix", "Value": "in/"}, {"Name": "Suffix", "Value": ".jpg"}]
    assert answer == {
        "QueueConfigurations": [
            {
                "Id": "one",
                "QueueArn": QUEUE,
                "Events": ["s3:ObjectCreated:*"],
                "Filter": {"Key": {"FilterRules": rules}},
            }
        ],
        "EventBridgeConfiguration": {},
    }
