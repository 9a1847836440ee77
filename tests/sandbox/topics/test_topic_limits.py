"""What SNS does not take, in its own words: topics, attributes, messages, batches."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from tests.sandbox.snskit import ROLE, SNS, Post, refusal

# -- topics ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "a" * 257, "a b", "tea!", "news.fifo", "ümlaut"])
def test_names_of_topics(post: Post, name: str) -> None:
    assert refusal(post.sns.create_topic, Name=name) == ("InvalidParameter", "Invalid parameter: Topic Name")


def test_a_fifo_topic_has_a_name_that_says_so(post: Post) -> None:
    code, message = refusal(post.sns.create_topic, Name="news", Attributes={"FifoTopic": "true"})
    assert (code, message) == ("InvalidParameter", "Invalid parameter: Topic Name")
    assert post.topic("a" * 251 + ".fifo").endswith(".fifo")


def test_making_a_topic_again_finds_it_unless_it_differs(post: Post) -> None:
    topic = post.topic(DisplayName="Tea")
    assert post.topic() == post.topic(DisplayName="Tea") == topic
    code, message = refusal(post.topic, DisplayName="Coffee")
    assert (code, message) == (
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: Topic already exists with different attributes",
    )
    code, message = refusal(post.sns.create_topic, Name="news", Tags=[{"Key": "a", "Value": "b"}])
    assert message == "Invalid parameter: Tags Reason: Topic already exists with different tags"


def test_a_tag_comes_once(post: Post) -> None:
    twice = [{"Key": "a", "Value": "b"}, {"Key": "a", "Value": "c"}]
    code, message = refusal(post.sns.create_topic, Name="news", Tags=twice)
    assert (code, message) == ("InvalidParameter", "Invalid parameter: Duplicated keys are not allowed.")


def test_a_new_topic_shows_the_attributes_aws_shows(post: Post) -> None:
    found = post.sns.get_topic_attributes(TopicArn=post.topic())["Attributes"]
    assert set(found) == {
        "TopicArn", "Owner", "Policy", "DisplayName", "SubscriptionsPending", "SubscriptionsConfirmed",
        "SubscriptionsDeleted", "EffectiveDeliveryPolicy",
    }  # fmt: skip
    http = json.loads(found["EffectiveDeliveryPolicy"])["http"]
    assert http["defaultRequestPolicy"] == {"headerContentType": "text/plain; charset=UTF-8"}
    assert http["defaultHealthyRetryPolicy"]["numRetries"] == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SignatureVersion", "2"), ("TracingConfig", "Active"), ("MaximumMessageSize", "1048576"),
        ("KmsMasterKeyId", "alias/aws/sns"), ("DisplayName", "Tea House"),
        ("LambdaSuccessFeedbackRoleArn", ROLE + "log"), ("HTTPSuccessFeedbackSampleRate", "10"),
    ],
)  # fmt: skip
def test_attributes_are_set_and_shown(post: Post, name: str, value: str) -> None:
    topic = post.topic()
    post.sns.set_topic_attributes(TopicArn=topic, AttributeName=name, AttributeValue=value)
    assert post.sns.get_topic_attributes(TopicArn=topic)["Attributes"][name] == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FifoTopic", "false"), ("Owner", "me"), ("SignatureVersion", "3"), ("TracingConfig", "On"),
        ("MaximumMessageSize", "1023"), ("MaximumMessageSize", "1048577"), ("MaximumMessageSize", "large"),
        ("HTTPSuccessFeedbackSampleRate", "101"), ("SQSFailureFeedbackRoleArn", "me"),
        ("ContentBasedDeduplication", "true"), ("FifoThroughputScope", "Topic"), ("ArchivePolicy", "{}"),
        ("Policy", "not JSON"), ("Policy", '{"Statement": 7}'), ("DisplayName", "x" * 101),
    ],
)  # fmt: skip
def test_wrong_attributes_of_topics_are_refused(post: Post, name: str, value: str) -> None:
    topic = post.topic()
    before = post.sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    code, _ = refusal(post.sns.set_topic_attributes, TopicArn=topic, AttributeName=name, AttributeValue=value)
    assert code == "InvalidParameter"
    assert post.sns.get_topic_attributes(TopicArn=topic)["Attributes"] == before


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (
            "news",
            (
                "InvalidParameter",
                "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1",
            ),
        ),
        (SNS + "gone", ("NotFound", "Topic does not exist")),
        ("arn:aws:sns:us-east-1:123456789012:news", ("InvalidParameter", "Invalid parameter: TopicArn")),
    ],
)
def test_arns_of_topics_are_checked_everywhere(post: Post, arn: str, expected: tuple[str, str]) -> None:
    boto3.client("sns", region_name="us-east-1").create_topic(Name="news")
    sns = post.sns
    entries = [{"Id": "1", "Message": "tea"}]
    calls: list[tuple[Any, dict[str, Any]]] = [
        (sns.publish, {"Message": "tea"}),
        (sns.publish_batch, {"PublishBatchRequestEntries": entries}),
        (sns.get_topic_attributes, {}),
        (sns.set_topic_attributes, {"AttributeName": "DisplayName", "AttributeValue": "x"}),
        (sns.subscribe, {"Protocol": "email", "Endpoint": "ada@example.com"}),
        (sns.list_subscriptions_by_topic, {}),
    ]
    for call, params in calls:
        assert refusal(call, TopicArn=arn, **params) == expected


def test_permissions_are_statements_of_the_policy(post: Post) -> None:
    topic = post.topic()
    given = {"AWSAccountId": ["210987654321"], "ActionName": ["Publish"]}
    post.sns.add_permission(TopicArn=topic, Label="partner", **given)
    policy = json.loads(post.sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
    assert policy["Statement"][1] == {
        "Sid": "partner", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
        "Action": "SNS:Publish", "Resource": topic,
    }  # fmt: skip
    partner = boto3.Session(
        aws_access_key_id="210987654321", aws_secret_access_key="x", region_name="eu-west-1"
    )
    assert partner.client("sns").publish(TopicArn=topic, Message="tea")["MessageId"]
    assert "already exists" in refusal(post.sns.add_permission, TopicArn=topic, Label="partner", **given)[1]
    post.sns.remove_permission(TopicArn=topic, Label="partner")
    assert refusal(partner.client("sns").publish, TopicArn=topic, Message="tea")[0] == "AuthorizationError"
    wrong = {**given, "ActionName": ["Fly"]}
    code, message = refusal(post.sns.add_permission, TopicArn=topic, Label="x", **wrong)
    assert (code, message) == (
        "InvalidParameter", "Invalid parameter: Policy statement action out of service scope!"
    )  # fmt: skip


# -- messages ----------------------------------------------------------------------------------------


def test_the_size_is_counted_in_bytes_with_the_attributes(post: Post) -> None:
    topic = post.topic()
    post.publish(topic, "x" * 262_144)
    assert refusal(post.publish, topic, "x" * 262_145) == (
        "InvalidParameter", "Invalid parameter: Message too long",
    )  # fmt: skip
    assert refusal(post.publish, topic, "é" * 131_073)[1] == "Invalid parameter: Message too long"
    attributes = {"name": {"DataType": "String", "StringValue": "v" * 10}}
    post.publish(topic, "x" * (262_144 - 20), MessageAttributes=attributes)
    assert (
        refusal(post.publish, topic, "x" * (262_144 - 19), MessageAttributes=attributes)[0]
        == "InvalidParameter"
    )


def test_larger_messages_where_the_topic_allows_them(post: Post) -> None:
    topic = post.topic(MaximumMessageSize="1048576")
    post.subscribe(topic, "sqs", post.queue())
    post.publish(topic, "x" * 600_000)
    assert [len(text) for text in post.texts()] == [600_000]
    assert refusal(post.publish, topic, "x" * 1_048_577)[1] == "Invalid parameter: Message too long"
    assert refusal(post.subscribe, topic, "email", "ada@example.com")[0] == "InvalidParameter"


def test_a_topic_with_phones_cannot_allow_larger_messages(post: Post) -> None:
    topic = post.topic()
    post.subscribe(topic, "sms", "+447911123456")
    setting = {"TopicArn": topic, "AttributeName": "MaximumMessageSize"}
    assert refusal(post.sns.set_topic_attributes, AttributeValue="300000", **setting)[0] == "InvalidParameter"
    post.sns.set_topic_attributes(AttributeValue="2000", **setting)
    assert refusal(post.publish, topic, "x" * 2_001)[1] == "Invalid parameter: Message too long"


@pytest.mark.parametrize("subject", ["", "x" * 101, "two\nlines", "\x07bell"])
def test_wrong_subjects(post: Post, subject: str) -> None:
    code, message = refusal(post.publish, post.topic(), Subject=subject)
    assert (code, message) == ("InvalidParameter", "Invalid parameter: Subject")


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ("{oops", "Message Structure - JSON message body failed to parse"),
        ('["default"]', "Message Structure - JSON message body failed to parse"),
        ('{"sqs": "x"}', "Message Structure - No default entry in JSON message body"),
        ('{"default": 7}', "Message Structure - No default entry in JSON message body"),
    ],
)
def test_wrong_structures(post: Post, message: str, says: str) -> None:
    expected = ("InvalidParameter", f"Invalid parameter: {says}")
    assert refusal(post.publish, post.topic(), message, MessageStructure="json") == expected


def test_something_must_be_said_to_somebody(post: Post) -> None:
    assert refusal(post.publish, post.topic(), "")[1] == "Invalid parameter: Empty message"
    code, message = refusal(post.sns.publish, Message="tea")
    assert (code, message) == (
        "InvalidParameter", "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter",
    )  # fmt: skip
    assert refusal(post.sns.publish, TargetArn="news", Message="x")[0] == "InvalidParameter"
    both = {"TopicArn": post.topic(), "PhoneNumber": "+447911123456"}
    assert refusal(post.sns.publish, Message="tea", **both)[0] == "InvalidParameter"
    assert post.sns.publish(TargetArn=post.topic(), Message="tea")["MessageId"]


_EMPTY = "The message attribute 'a' must contain non-empty message attribute value for message attribute type"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("a", {"DataType": "String", "StringValue": ""}, f"{_EMPTY} 'String'."),
        ("a", {"DataType": "Binary", "BinaryValue": b""}, f"{_EMPTY} 'Binary'."),
        ("a", {"DataType": "String"}, f"{_EMPTY} 'String'."),
        ("a", {"DataType": "String", "BinaryValue": b"x"}, "'a' with type 'String' must use field 'String'."),
        ("a", {"DataType": "Number", "BinaryValue": b"x"}, "'a' with type 'Number' must use field 'String'."),
        ("a", {"DataType": "Binary", "StringValue": "x"}, "'a' with type 'Binary' must use field 'Binary'."),
        ("a", {"DataType": "Integer", "StringValue": "1"}, "has an invalid message attribute type"),
        ("a", {"DataType": "Number", "StringValue": "many"}, "Could not cast message attribute 'a' value to number."),
        ("a" * 257, {"DataType": "String", "StringValue": "x"}, "name must be less than 256 bytes."),
        ("a^b", {"DataType": "String", "StringValue": "x"}, "Invalid non-alphanumeric character '#x5E' was found"),
        (".a", {"DataType": "String", "StringValue": "x"}, "attribute name starting with character '.'"),
        ("a.", {"DataType": "String", "StringValue": "x"}, "Invalid message attribute name ending with character '.'"),
        ("a..b", {"DataType": "String", "StringValue": "x"}, "name can not have successive '.' character."),
    ],
)  # fmt: skip
def test_wrong_message_attributes(post: Post, name: str, value: dict[str, Any], says: str) -> None:
    topic, attributes = post.topic(), {name: value}
    entries = [{"Id": "1", "Message": "tea", "MessageAttributes": attributes}]
    for code, message in (
        refusal(post.publish, topic, MessageAttributes=attributes),
        refusal(post.sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=entries),
    ):
        assert code == "ParameterValueInvalid"
        assert says in message


def test_types_may_have_a_label_of_their_own(post: Post) -> None:
    attributes = {
        "a": {"DataType": "Number.price", "StringValue": "1.5"},
        "b": {"DataType": "String.Array", "StringValue": '["x"]'},
    }
    assert post.publish(post.topic(), MessageAttributes=attributes)["MessageId"]


# -- batches -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([], "EmptyBatchRequest"),
        ([{"Id": str(n), "Message": "x"} for n in range(11)], "TooManyEntriesInBatchRequest"),
        ([{"Id": "1", "Message": "x"}, {"Id": "1", "Message": "y"}], "BatchEntryIdsNotDistinct"),
        ([{"Id": "a b", "Message": "x"}], "InvalidBatchEntryId"),
        ([{"Id": "1" * 81, "Message": "x"}], "InvalidBatchEntryId"),
        ([{"Id": str(n), "Message": "x" * 140_000} for n in range(2)], "BatchRequestTooLong"),
        ([{"Id": "1", "Message": ""}], "InvalidParameter"),
        ([{"Id": "1", "Message": "{", "MessageStructure": "json"}], "InvalidParameter"),
    ],
)
def test_wrong_batches_publish_nothing(post: Post, entries: list[dict[str, str]], code: str) -> None:
    topic = post.topic()
    post.subscribe(topic, "sqs", post.queue())
    assert refusal(post.sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=entries)[0] == code
    assert post.bodies() == []
