"""S3 event notifications: who is told what."""

from __future__ import annotations

import json
from urllib.parse import unquote_plus

import boto3
import pytest

from labkit.sandbox import Sandbox, delivery
from labkit.sandbox.parcels import Parcel
from tests.sandbox.s3kit import ARN, FUNCTION, QUEUE, TOPIC, Shop, where


@pytest.fixture
def shop(sandbox: Sandbox) -> Shop:
    return Shop(sandbox)


# -- what is told ------------------------------------------------------------------------------------


def test_a_new_configuration_sends_a_test_event(shop: Shop) -> None:
    shop.notify({})
    [event] = shop.messages()
    assert (event["Service"], event["Event"], event["Bucket"]) == ("Amazon S3", "s3:TestEvent", "photos")
    assert set(event) == {"Service", "Event", "Time", "Bucket", "RequestId", "HostId"}


def test_a_record_has_the_form_of_aws(shop: Shop) -> None:
    shop.notify({"Id": "all"})
    shop.put("a.jpg")
    [record] = shop.records()
    elements, about = record.pop("responseElements"), record["s3"]["object"]
    assert set(elements) == {"x-amz-request-id", "x-amz-id-2"}
    assert record.pop("eventTime").endswith("Z")
    assert record.pop("userIdentity")["principalId"].startswith("AWS:")
    sequencer = about.pop("sequencer")
    assert len(sequencer) == 18
    assert int(sequencer, 16) > 0
    owner = record["s3"]["bucket"].pop("ownerIdentity")
    assert set(owner) == {"principalId"}
    assert record == {
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-west-1", "eventName": "ObjectCreated:Put",
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "s3": {
            "s3SchemaVersion": "1.0", "configurationId": "all",
            "bucket": {"name": "photos", "arn": "arn:aws:s3:::photos"},
            "object": {"key": "a.jpg", "size": 5, "eTag": "827ccb0eea8a706c4c34a16891f84e7b"},
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "told"),
    [("in/a b.jpg", "in/a+b.jpg"), ("a@b", "a%40b"), ("Grüße+1", "Gr%C3%BC%C3%9Fe%2B1"), ("100%", "100%25")],
)
def test_the_key_is_url_encoded(shop: Shop, key: str, told: str) -> None:
    shop.notify({})
    shop.put(key)
    [record] = shop.records()
    assert record["s3"]["object"]["key"] == told
    assert unquote_plus(told) == key


def test_sequencers_grow(shop: Shop) -> None:
    shop.notify({})
    for number in range(30):
        shop.put("same")
        if number % 10 == 0:
            shop.sandbox.clock.advance(minutes=1)
    told = [event.params["Id"] for event in shop.sandbox.trace.where(service="s3", action="Delivered")]
    assert len(set(told)) == len(told)
    records = shop.records()
    by_time = sorted(records, key=lambda record: str(record["s3"]["object"]["sequencer"]))
    assert len({record["s3"]["object"]["sequencer"] for record in records}) == 30
    assert [record["eventTime"] for record in by_time] == sorted(record["eventTime"] for record in records)


def test_each_kind_of_event_has_its_name_and_version(shop: Shop) -> None:
    shop.notify({"Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"]})
    shop.put("a")
    shop.s3.copy_object(Bucket="photos", Key="b", CopySource="photos/a")
    shop.s3.put_object_tagging(Bucket="photos", Key="a", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    shop.s3.delete_object(Bucket="photos", Key="a")
    upload = shop.s3.create_multipart_upload(Bucket="photos", Key="c")["UploadId"]
    part = shop.s3.upload_part(Bucket="photos", Key="c", UploadId=upload, PartNumber=1, Body=b"x")
    shop.s3.complete_multipart_upload(
        Bucket="photos", Key="c", UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )  # fmt: skip
    found = {record["eventName"]: record for record in shop.records()}
    assert set(found) == {
        "ObjectCreated:Put", "ObjectCreated:Copy", "ObjectTagging:Put", "ObjectRemoved:Delete",
        "ObjectCreated:CompleteMultipartUpload",
    }  # fmt: skip
    assert found["ObjectTagging:Put"]["eventVersion"] == "2.3"
    assert set(found["ObjectTagging:Put"]["s3"]["object"]) == {"key", "eTag"}
    assert set(found["ObjectRemoved:Delete"]["s3"]["object"]) == {"key", "sequencer"}


def test_a_new_object_has_one_event_with_tags_or_without(shop: Shop) -> None:
    shop.notify({"Events": ["s3:ObjectCreated:*", "s3:ObjectTagging:*"]})
    shop.put("plain")
    shop.s3.put_object(Bucket="photos", Key="tagged", Body=b"1", Tagging="k=v")
    assert shop.events() == [("ObjectCreated:Put", "plain"), ("ObjectCreated:Put", "tagged")]


def test_a_versioned_bucket_tells_of_markers_and_versions(shop: Shop) -> None:
    shop.s3.put_bucket_versioning(Bucket="photos", VersioningConfiguration={"Status": "Enabled"})
    shop.notify({"Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]})
    first = shop.s3.put_object(Bucket="photos", Key="a", Body=b"1")["VersionId"]
    shop.put("a")
    marker = shop.s3.delete_object(Bucket="photos", Key="a")["VersionId"]
    shop.s3.delete_object(Bucket="photos", Key="a", VersionId=first)
    told = {
        (record["eventName"], record["s3"]["object"]["versionId"])
        for record in shop.records()
    }  # fmt: skip
    assert ("ObjectRemoved:DeleteMarkerCreated", marker) in told
    assert ("ObjectRemoved:Delete", first) in told
    assert ("ObjectCreated:Put", first) in told
    assert len(told) == 4


def test_only_keys_that_match_the_filter_are_told(shop: Shop) -> None:
    shop.notify({**where("in/", ".jpg")})
    shop.put("in/a.jpg", "in/a.png", "out/a.jpg", "in/deep/b.jpg")
    assert shop.events() == [("ObjectCreated:Put", "in/a.jpg"), ("ObjectCreated:Put", "in/deep/b.jpg")]


def test_a_configuration_without_anything_ends_all_notifications(shop: Shop) -> None:
    shop.notify({})
    shop.notify()
    shop.put("a")
    assert shop.records() == []


# -- to whom -----------------------------------------------------------------------------------------


def test_a_topic_gets_the_message_with_its_subject(shop: Shop) -> None:
    sns = boto3.client("sns")
    sns.create_topic(Name="uploads")
    statement = {
        "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sns:Publish", "Resource": TOPIC,
        "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
    }  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sns.set_topic_attributes(TopicArn=TOPIC, AttributeName="Policy", AttributeValue=policy)
    shop.allow(Principal={"Service": "sns.amazonaws.com"}, Condition={"ArnEquals": {"aws:SourceArn": TOPIC}})
    sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE)
    shop.notify(TopicConfigurations=[{"TopicArn": TOPIC, "Events": ["s3:ObjectCreated:Put"]}])
    shop.put("a")
    shop.sandbox.clock.advance(seconds=1)
    envelopes = shop.messages()
    assert {envelope["Subject"] for envelope in envelopes} == {"Amazon S3 Notification"}
    [record] = json.loads(envelopes[-1]["Message"])["Records"]
    assert record["s3"]["object"]["key"] == "a"


def test_a_function_gets_the_record(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Parcel] = []

    def accept(parcel: Parcel) -> str:
        seen.append(parcel)
        return "taken"

    monkeypatch.setitem(delivery.receivers, "arn:lambda", delivery.Receiver((), accept))
    shop.notify(
        LambdaFunctionConfigurations=[{"LambdaFunctionArn": FUNCTION, "Events": ["s3:ObjectCreated:*"]}]
    )
    shop.put("a")
    [parcel] = seen
    assert parcel.principal == "s3.amazonaws.com"
    assert json.loads(parcel.body)["Records"][0]["eventName"] == "ObjectCreated:Put"


def test_eventbridge_gets_events_without_any_policy(shop: Shop) -> None:
    events = boto3.client("events")
    events.put_rule(Name="photos", EventPattern=json.dumps({"source": ["aws.s3"]}))
    rule = ARN.format("events", "rule/photos")
    shop.allow(
        Principal={"Service": "events.amazonaws.com"}, Condition={"ArnEquals": {"aws:SourceArn": rule}}
    )
    events.put_targets(Rule="photos", Targets=[{"Id": "1", "Arn": QUEUE}])
    shop.notify(EventBridgeConfiguration={})
    shop.put("in/a b.jpg")
    shop.s3.delete_object(Bucket="photos", Key="in/a b.jpg")
    shop.sandbox.clock.advance(seconds=5)
    found = {event["detail-type"]: event for event in shop.messages()}
    created, deleted = found["Object Created"]["detail"], found["Object Deleted"]["detail"]
    assert found["Object Created"]["resources"] == ["arn:aws:s3:::photos"]
    assert (created["reason"], created["object"]["key"], created["object"]["size"]) == (
        "PutObject",
        "in/a b.jpg",
        5,
    )
    assert "etag" in created["object"]
    assert (deleted["reason"], deleted["deletion-type"]) == ("DeleteObject", "Permanently Deleted")
    assert set(deleted["object"]) == {"key", "sequencer"}


def test_what_the_queue_no_longer_allows_is_lost_and_the_upload_succeeds(shop: Shop) -> None:
    shop.notify({})
    shop.allow(Effect="Deny")
    shop.put("a")
    [refused] = shop.sandbox.trace.where(service="s3", action="DeliveryRefused")
    assert (refused.error, refused.params["target"]) == ("AccessDenied", QUEUE)
    assert shop.s3.head_object(Bucket="photos", Key="a")["ContentLength"] == 5


def test_a_queue_that_was_deleted_and_a_bucket_that_was_deleted_disturb_nobody(shop: Shop) -> None:
    shop.notify({})
    shop.sqs.delete_queue(QueueUrl=shop.url)
    shop.sandbox.clock.advance(minutes=2)
    shop.put("a")
    shop.s3.delete_object(Bucket="photos", Key="a")
    shop.s3.delete_bucket(Bucket="photos")
    shop.sandbox.clock.advance(hours=1)
    assert shop.sandbox.trace.where(service="s3", action="Dropped")


def test_a_rehearsal_leaves_no_message_behind(shop: Shop) -> None:
    shop.notify({})
    shop.messages()
    before = shop.sandbox.digest()
    with shop.sandbox.rehearsal():
        shop.put("a")
        assert len(shop.records()) == 1
    assert shop.sandbox.digest() == before
    assert shop.records() == []
