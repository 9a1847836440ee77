"""From a topic to its subscribers: who gets what, in which form, and what nobody tells the publisher."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import boto3
import pytest
import requests
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from labkit.sandbox import delivery
from labkit.sandbox.parcels import Parcel, Unavailable
from labkit.sandbox.services import sns as card
from tests.sandbox.snskit import ROLE, SNS, SQS, Post, refusal

TYPED = {
    "kind": {"DataType": "String", "StringValue": "green"},
    "price": {"DataType": "Number", "StringValue": "4.20"},
    "photo": {"DataType": "Binary", "BinaryValue": b"\x01\x02"},
}


class Taker:
    """A receiver that takes everything of one kind, and shows what came."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
        self.parcels: list[Parcel] = []
        self.answers: list[Exception] = []
        monkeypatch.setitem(delivery.receivers, kind, delivery.Receiver((), self.accept))

    def accept(self, parcel: Parcel) -> str:
        self.parcels.append(parcel)
        if self.answers:
            raise self.answers.pop(0)
        return "taken"


def test_the_card_has_its_paragraphs() -> None:
    heads = [part.partition(":")[0] for part in (card.__doc__ or "").split("\n\n")[1:]]
    assert heads == ["Simulated here", "Differs on AWS", "Not simulated", "Sources"]


# -- queues ------------------------------------------------------------------------------------------


def test_a_queue_gets_the_envelope_with_all_its_fields(post: Post) -> None:
    topic = post.topic()
    subscription = post.subscribe(topic, "sqs", post.queue())
    sent = post.publish(topic, "tea ☕", Subject="Order", MessageAttributes=TYPED)
    [body] = post.bodies()
    envelope = json.loads(body)
    assert list(envelope) == [
        "Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion", "Signature",
        "SigningCertURL", "UnsubscribeURL", "MessageAttributes",
    ]  # fmt: skip
    assert (envelope["Type"], envelope["Message"], envelope["Subject"]) == ("Notification", "tea ☕", "Order")
    assert (envelope["MessageId"], envelope["TopicArn"]) == (sent["MessageId"], topic)
    assert envelope["UnsubscribeURL"].endswith(f"?Action=Unsubscribe&SubscriptionArn={subscription}")
    assert envelope["MessageAttributes"] == {
        "kind": {"Type": "String", "Value": "green"},
        "price": {"Type": "Number", "Value": "4.20"},
        "photo": {"Type": "Binary", "Value": "AQI="},
    }


def test_raw_delivery_is_the_message_itself_with_its_attributes(post: Post) -> None:
    topic = post.topic()
    post.subscribe(topic, "sqs", post.queue(), RawMessageDelivery="true")
    post.publish(topic, "tea", Subject="left out", MessageAttributes=TYPED)
    [message] = post.received()
    assert message["Body"] == "tea"
    assert message["MessageAttributes"] == {
        "kind": {"DataType": "String", "StringValue": "green"},
        "price": {"DataType": "Number", "StringValue": "4.20"},
        "photo": {"DataType": "Binary", "BinaryValue": b"\x01\x02"},
    }


def test_more_than_ten_attributes_are_discarded_by_raw_delivery_only(post: Post) -> None:
    topic = post.topic()
    dead = json.dumps({"deadLetterTargetArn": post.queue("dead")})
    post.subscribe(topic, "sqs", post.queue("raw"), RawMessageDelivery="true", RedrivePolicy=dead)
    post.subscribe(topic, "sqs", post.queue("whole"))
    eleven = {f"a{n}": {"DataType": "String", "StringValue": "x"} for n in range(11)}
    post.publish(topic, MessageAttributes=eleven)
    assert (len(post.bodies(SQS + "raw")), len(post.bodies(SQS + "dead"))) == (0, 0)
    [whole] = post.bodies(SQS + "whole")
    assert len(json.loads(whole)["MessageAttributes"]) == 11
    [event] = post.events("Dropped")
    assert "Number of message attributes [11] exceeds the allowed maximum [10]" in event.message


def test_each_protocol_gets_its_own_text(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    functions = Taker(monkeypatch, "arn:lambda")
    topic = post.topic()
    post.subscribe(topic, "sqs", post.queue())
    post.subscribe(topic, "sms", "+447911123456")
    post.subscribe(topic, "lambda", "arn:aws:lambda:eu-west-1:123456789012:function:f")
    texts = {"default": "long", "sms": "short", "sqs": '{"a": 1}', "other": "ignored", "lambda": 7}
    post.publish(topic, json.dumps(texts), MessageStructure="json", MessageAttributes=TYPED)
    [body] = post.bodies()
    assert json.loads(body)["Message"] == '{"a": 1}'
    assert "MessageAttributes" not in json.loads(body)  # they go with a message that is one text for all
    [parcel] = functions.parcels
    assert json.loads(parcel.body)["Records"][0]["Sns"]["Message"] == "long"
    assert post.sandbox.backend("sns").inbox[0]["body"] == "short"


def test_a_group_of_a_standard_topic_reaches_standard_queues_for_fair_queues(post: Post) -> None:
    topic = post.topic()
    post.subscribe(topic, "sqs", post.queue())
    post.publish(topic, MessageGroupId="tenant-1")
    [message] = post.received()
    assert message["Attributes"]["MessageGroupId"] == "tenant-1"


def test_all_of_more_than_a_hundred_subscriptions_are_served(post: Post) -> None:
    topic = post.topic()
    post.subscribe(topic, "sqs", post.queue())
    for number in range(120):
        post.subscribe(topic, "sms", f"+4479111{number:05d}")
    post.publish(topic)
    assert len(post.sandbox.backend("sns").inbox) == 120
    assert post.texts() == ["tea"]
    first = post.sns.list_subscriptions_by_topic(TopicArn=topic)
    rest = post.sns.list_subscriptions_by_topic(TopicArn=topic, NextToken=first["NextToken"])
    assert (len(first["Subscriptions"]), len(rest["Subscriptions"]), "NextToken" in rest) == (100, 21, False)
    assert len(post.sns.list_subscriptions()["Subscriptions"]) == 100


def test_a_batch_goes_to_everybody_in_its_order(post: Post) -> None:
    topic = post.topic()
    post.subscribe(topic, "sqs", post.queue())
    entries = [{"Id": str(n), "Message": f"tea {n}"} for n in range(10)]
    answer = post.sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert [one["Id"] for one in answer["Successful"]] == [str(n) for n in range(10)]
    assert answer["Failed"] == []
    assert sorted(post.texts()) == sorted(f"tea {n}" for n in range(10))


# -- signatures --------------------------------------------------------------------------------------


def _verify(fields: dict[str, Any]) -> None:
    """As AWS documents it: certificate by URL, fields in their order, version 1 with SHA1, 2 with SHA256."""
    answer = requests.get(fields["SigningCertURL"], timeout=5)
    key = x509.load_pem_x509_certificate(answer.content).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    names = ("Message", "MessageId", "SubscribeURL", "Subject", "Timestamp", "Token", "TopicArn", "Type")
    text = "".join(f"{name}\n{fields[name]}\n" for name in names if name in fields)
    algorithm = hashes.SHA256() if fields["SignatureVersion"] == "2" else hashes.SHA1()
    key.verify(base64.b64decode(fields["Signature"]), text.encode(), padding.PKCS1v15(), algorithm)


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", [{}, {"Subject": "Order"}])
def test_the_signature_can_be_verified_with_the_certificate_at_its_url(
    post: Post, version: str, subject: dict[str, str]
) -> None:
    topic = post.topic(SignatureVersion=version)
    post.subscribe(topic, "sqs", post.queue())
    post.publish(topic, "tea\nand more", **subject)
    [body] = post.bodies()
    fields = json.loads(body)
    assert fields["SignatureVersion"] == version
    _verify(fields)
    with pytest.raises(InvalidSignature):
        _verify(fields | {"Message": "two teas"})


def test_there_is_no_other_certificate(post: Post) -> None:
    url = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0000.pem"
    assert requests.get(url, timeout=5).status_code == 404


# -- functions, streams ------------------------------------------------------------------------------


def test_a_function_gets_the_event_of_sns(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    functions = Taker(monkeypatch, "arn:lambda")
    topic = post.topic()
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:pack:live"
    subscription = post.subscribe(topic, "lambda", arn)
    post.publish(topic, "tea", Subject="Order", MessageAttributes={"kind": TYPED["kind"]})
    post.publish(topic, "mug")
    first, second = functions.parcels
    assert (first.target, first.via, first.principal) == (arn, subscription, "sns.amazonaws.com")
    [record] = json.loads(first.body)["Records"]
    told = (record["EventSource"], record["EventVersion"], record["EventSubscriptionArn"])
    assert told == ("aws:sns", "1.0", subscription)
    sns = record["Sns"]
    assert set(sns) == {
        "Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion", "Signature",
        "SigningCertUrl", "UnsubscribeUrl", "MessageAttributes",
    }  # fmt: skip
    assert (sns["Message"], sns["Subject"], sns["TopicArn"]) == ("tea", "Order", topic)
    assert sns["MessageAttributes"] == {"kind": {"Type": "String", "Value": "green"}}
    second_sns = json.loads(second.body)["Records"][0]["Sns"]
    assert (second_sns["Subject"], second_sns["MessageAttributes"]) == (None, {})


@pytest.mark.parametrize("raw", ["true", "false"])
def test_a_stream_gets_one_line_without_a_signature(
    post: Post, monkeypatch: pytest.MonkeyPatch, raw: str
) -> None:
    streams = Taker(monkeypatch, "arn:firehose")
    topic = post.topic()
    arn = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/archive"
    role = ROLE + "firehose"
    post.subscribe(topic, "firehose", arn, SubscriptionRoleArn=role, RawMessageDelivery=raw)
    post.publish(topic, "tea")
    [parcel] = streams.parcels
    assert parcel.role == role
    if raw == "true":
        assert parcel.body == "tea"
    else:
        line = json.loads(parcel.body)
        assert list(line) == ["Type", "MessageId", "TopicArn", "Message", "Timestamp", "UnsubscribeURL"]


def test_a_stream_needs_a_role(post: Post) -> None:
    arn = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/archive"
    code, message = refusal(post.sns.subscribe, TopicArn=post.topic(), Protocol="firehose", Endpoint=arn)
    assert code == "InvalidParameter"
    assert "SubscriptionRoleArn" in message


# -- filters -----------------------------------------------------------------------------------------


def test_filters_sort_by_attribute_and_by_body_and_the_trace_says_what_was_stopped(post: Post) -> None:
    topic = post.topic()
    dear = {"price": [{"numeric": [">=", 10]}]}
    post.subscribe(topic, "sqs", post.queue("dear"), FilterPolicy=json.dumps(dear))
    post.subscribe(
        topic, "sqs", post.queue("body"), FilterPolicy=json.dumps(dear), FilterPolicyScope="MessageBody"
    )
    price = {"DataType": "Number", "StringValue": "12"}
    post.publish(topic, "by attribute", MessageAttributes={"price": price})
    post.publish(topic, '{"price": 12}')
    post.publish(topic, "not JSON at all")
    assert post.texts(SQS + "dear") == ["by attribute"]
    assert post.texts(SQS + "body") == ['{"price": 12}']
    assert len(post.events("MessageFiltered")) == 4


def test_a_body_filter_sees_the_text_its_endpoint_would_get(post: Post) -> None:
    topic = post.topic()
    policy = json.dumps({"kind": ["green"]})
    post.subscribe(topic, "sqs", post.queue(), FilterPolicy=policy, FilterPolicyScope="MessageBody")
    texts = {"default": "{}", "sqs": json.dumps({"kind": "green"})}
    post.publish(topic, json.dumps(texts), MessageStructure="json")
    assert len(post.bodies()) == 1


# -- who may -----------------------------------------------------------------------------------------


def test_a_queue_without_a_policy_gets_nothing_and_the_publisher_hears_nothing(post: Post) -> None:
    topic = post.topic()
    post.subscribe(topic, "sqs", post.queue(allowed=False))
    assert post.publish(topic)["MessageId"]
    assert post.bodies() == []
    [event] = post.events("DeliveryRefused")
    assert (event.kind, event.error, event.resource) == ("refused", "AccessDenied", topic)


def test_only_the_topic_a_queue_names_may_write(post: Post) -> None:
    arn = post.queue()
    policy = json.loads(post.policy(arn))
    policy["Statement"][0]["Condition"] = {"ArnEquals": {"aws:SourceArn": SNS + "news"}}
    url = post.sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    post.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    for name in ("news", "strangers"):
        topic = post.topic(name)
        post.subscribe(topic, "sqs", arn)
        post.publish(topic, name)
    assert post.texts() == ["news"]


def test_a_queue_with_the_managed_key_of_sqs_cannot_be_reached(post: Post) -> None:
    topic = post.topic()
    post.subscribe(topic, "sqs", post.queue(KmsMasterKeyId="alias/aws/sqs"))
    post.publish(topic)
    assert post.bodies() == []
    [event] = post.events("DeliveryRefused")
    assert event.error in ("KMS.AccessDeniedException", "KmsAccessDenied")


def _key(*services: str) -> str:
    allowed: list[Any] = [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ]
    for service in services:
        actions = ["kms:GenerateDataKey*", "kms:Decrypt"]
        allowed.append(
            {"Effect": "Allow", "Principal": {"Service": service}, "Action": actions, "Resource": "*"}
        )
    policy = json.dumps({"Version": "2012-10-17", "Statement": allowed})
    return str(boto3.client("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"])


def test_an_encrypted_queue_takes_it_when_its_key_lets_sns(post: Post) -> None:
    topic = post.topic()
    post.subscribe(topic, "sqs", post.queue(KmsMasterKeyId=_key("sns.amazonaws.com")))
    post.publish(topic)
    assert post.texts() == ["tea"]


def test_a_service_publishes_to_an_encrypted_topic_only_with_its_policy_and_its_key(post: Post) -> None:
    topic = post.topic(KmsMasterKeyId=_key("events.amazonaws.com"))
    post.subscribe(topic, "sqs", post.queue())

    def send(service: str, name: str) -> None:
        with post.sandbox.lock:
            source = f"arn:aws:{name}:eu-west-1:123456789012:rule/r"
            delivery.send(Parcel(name, source, topic, name, principal=service, id=name))
            post.sandbox.clock.catch_up()

    send("events.amazonaws.com", "events")  # the topic's policy lets the owner's account only
    assert post.texts() == []
    policy = json.loads(post.policy(topic, "sns:Publish", "events.amazonaws.com"))
    policy["Statement"] += json.loads(post.policy(topic, "sns:Publish", "cloudwatch.amazonaws.com"))[
        "Statement"
    ]
    post.sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(policy))
    send("events.amazonaws.com", "events")
    send("cloudwatch.amazonaws.com", "cloudwatch")  # its policy is good, its key is not
    assert post.texts() == ["events"]
    assert "Kms" in post.events("DeliveryRefused")[-1].error


@pytest.mark.parametrize(("service", "arrived"), [("events", []), ("cloudwatch", ["x"])])
def test_a_key_hears_from_eventbridge_on_nobodys_behalf(post: Post, service: str, arrived: list[str]) -> None:
    key = _key(f"{service}.amazonaws.com")
    policy = json.loads(boto3.client("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    policy["Statement"][1]["Condition"] = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    boto3.client("kms").put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))
    topic = post.topic(KmsMasterKeyId=key)
    post.subscribe(topic, "sqs", post.queue())
    allowed = post.policy(topic, "sns:Publish", f"{service}.amazonaws.com")
    post.sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=allowed)
    with post.sandbox.lock:
        source = f"arn:aws:{service}:eu-west-1:123456789012:alarm:a"
        delivery.send(Parcel(service, source, topic, "x", principal=f"{service}.amazonaws.com", id="1"))
        post.sandbox.clock.catch_up()
    assert post.texts() == arrived


def test_a_topic_whose_key_is_disabled_takes_nothing(post: Post) -> None:
    key = _key()
    topic = post.topic(KmsMasterKeyId=key)
    post.publish(topic)
    boto3.client("kms").disable_key(KeyId=key)
    assert refusal(post.publish, topic)[0] == "KMSDisabled"
    entries = [{"Id": "1", "Message": "tea"}]
    code, _ = refusal(post.sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=entries)
    assert code == "KMSDisabled"


# -- things that go away -----------------------------------------------------------------------------


def test_a_deleted_queue_costs_the_others_nothing(post: Post) -> None:
    topic = post.topic()
    post.subscribe(topic, "sqs", post.queue("gone"))
    post.subscribe(topic, "sqs", post.queue())
    post.sqs.delete_queue(QueueUrl=post.sqs.get_queue_url(QueueName="gone")["QueueUrl"])
    assert post.publish(topic)["MessageId"]
    assert post.texts() == ["tea"]
    assert len(post.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]) == 2


def test_a_deleted_topic_takes_its_subscriptions_and_stops_nothing_on_the_way(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions = Taker(monkeypatch, "arn:lambda")
    functions.answers = [Unavailable("503", "later")] * 4
    topic = post.topic(LambdaFailureFeedbackRoleArn=ROLE + "log")
    subscription = post.subscribe(topic, "lambda", "arn:aws:lambda:eu-west-1:123456789012:function:f")
    post.publish(topic)
    post.sns.delete_topic(TopicArn=topic)
    post.sns.delete_topic(TopicArn=topic)
    post.sandbox.clock.advance(minutes=1)
    assert (len(functions.parcels), functions.answers) == (5, [])
    assert refusal(post.publish, topic) == ("NotFound", "Topic does not exist")
    code, _ = refusal(post.sns.get_subscription_attributes, SubscriptionArn=subscription)
    assert code == "NotFound"


def test_after_unsubscribing_nothing_new_comes(post: Post) -> None:
    topic = post.topic()
    subscription = post.subscribe(topic, "sqs", post.queue())
    post.publish(topic, "before")
    post.sns.unsubscribe(SubscriptionArn=subscription)
    post.sns.unsubscribe(SubscriptionArn=subscription)
    post.publish(topic, "after")
    assert post.texts() == ["before"]
    assert post.sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsDeleted"] == "1"


def test_a_subscriber_that_publishes_to_its_own_topic_goes_round_and_harms_nobody(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = post.topic()
    rounds: list[str] = []

    def again(parcel: Parcel) -> str:
        rounds.append(parcel.id)
        if len(rounds) < 50:
            post.publish(topic, f"round {len(rounds)}")
        return "done"

    monkeypatch.setitem(delivery.receivers, "arn:lambda", delivery.Receiver((), again))
    post.subscribe(topic, "lambda", "arn:aws:lambda:eu-west-1:123456789012:function:loop")
    post.publish(topic)
    post.sandbox.clock.advance(minutes=1)
    assert len(set(rounds)) == 50


def test_a_rehearsal_in_the_middle_leaves_no_trace(post: Post) -> None:
    topic = post.topic()
    post.subscribe(topic, "sqs", post.queue())
    post.subscribe(topic, "email", "ada@example.com")
    before = post.sandbox.digest()
    with post.sandbox.rehearsal():
        post.publish(topic, "only a try")
        assert post.texts() == ["only a try"]
        post.sns.delete_topic(TopicArn=topic)
    assert post.sandbox.digest() == before
    post.publish(topic, "for real")
    assert post.texts() == ["for real"]


def test_the_digest_of_a_message_is_in_no_way_a_secret(post: Post) -> None:
    # The log shows MD5 sums: the ones a learner can compute.
    topic = post.topic(
        SQSSuccessFeedbackRoleArn=post.role("log", "sns.amazonaws.com", "logs:*"),
        SQSSuccessFeedbackSampleRate="100",
    )
    post.subscribe(topic, "sqs", post.queue())
    sent = post.publish(topic, "tea")
    [line] = _log(post, "news")
    assert line["notification"] == {
        "messageId": sent["MessageId"], "messageMD5Sum": hashlib.md5(b"tea").hexdigest(), "topicArn": topic,
        "timestamp": line["notification"]["timestamp"],
    }  # fmt: skip
    assert (line["status"], line["delivery"]["destination"]) == ("SUCCESS", SQS + "orders")
    assert line["delivery"]["statusCode"] == 200


def _log(post: Post, name: str) -> list[dict[str, Any]]:
    logs = boto3.client("logs")
    group = f"sns/eu-west-1/123456789012/{name}"
    names = [one["logGroupName"] for one in logs.describe_log_groups()["logGroups"]]
    if group not in names:
        return []
    return [json.loads(event["message"]) for event in logs.filter_log_events(logGroupName=group)["events"]]


def test_failures_are_logged_beside_successes(post: Post) -> None:
    role = post.role("log", "sns.amazonaws.com", "logs:*")
    topic = post.topic(SQSFailureFeedbackRoleArn=role)
    post.subscribe(topic, "sqs", post.queue(allowed=False))
    post.publish(topic)
    assert _log(post, "news") == []
    [line] = _log(post, "news/Failure")
    response = json.loads(line["delivery"]["providerResponse"])
    assert (line["status"], line["delivery"]["statusCode"]) == ("FAILURE", 403)
    assert (response["ErrorCode"], response["sqsRequestId"]) == ("AccessDenied", "Unrecoverable")


@pytest.mark.parametrize(
    ("service", "actions"), [("events.amazonaws.com", ["logs:*"]), ("sns.amazonaws.com", [])]
)
def test_a_role_that_may_not_write_logs_leaves_no_log(post: Post, service: str, actions: list[str]) -> None:
    topic = post.topic(SQSSuccessFeedbackRoleArn=post.role("log", service, *actions))
    post.subscribe(topic, "sqs", post.queue())
    post.publish(topic)
    assert (post.texts(), _log(post, "news")) == (["tea"], [])
    assert len(post.events("DeliveryNotLogged")) == 1
