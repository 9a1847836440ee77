"""Phones and devices: who gets a text or a push message, who does not, and what it may cost."""

from __future__ import annotations

import json
import re
from typing import Any

import boto3
import pytest

from labkit.errors import UsageError
from labkit.sandbox import inbox
from tests.sandbox.snskit import SQS, Post, refusal

NUMBER = "+447911123456"


def texts(post: Post) -> list[str]:
    return [entry.body for entry in reversed(inbox.entries(post.sandbox))]


# -- text messages -----------------------------------------------------------------------------------


def test_a_text_message_arrives_on_the_phone(post: Post) -> None:
    sender = {"AWS.SNS.SMS.SenderID": {"DataType": "String", "StringValue": "TeaHouse"}}
    sent = post.sns.publish(PhoneNumber=NUMBER, Message="Your tea is ready", MessageAttributes=sender)
    [entry] = inbox.entries(post.sandbox)
    assert (entry.kind, entry.to, entry.body) == ("sms", NUMBER, "Your tea is ready")
    assert (entry.sender, entry.message_id) == ("TeaHouse", sent["MessageId"])


@pytest.mark.parametrize("number", ["+1a234", "NAA+15551234567", "0", ""])
def test_wrong_numbers_are_refused(post: Post, number: str) -> None:
    code, message = refusal(post.sns.publish, PhoneNumber=number, Message="hi")
    assert code == "InvalidParameter"
    assert message == f"Invalid parameter: PhoneNumber Reason: {number} is not valid to publish to"


def test_stop_opts_a_number_out_and_nobody_hears_an_error(post: Post) -> None:
    post.sns.publish(PhoneNumber=NUMBER, Message="one")
    [entry] = inbox.entries(post.sandbox)
    assert inbox.answer(post.sandbox, entry, " thanks ") is False
    assert inbox.answer(post.sandbox, entry, "stop") is True
    assert post.sns.check_if_phone_number_is_opted_out(phoneNumber=NUMBER)["isOptedOut"] is True
    assert post.sns.list_phone_numbers_opted_out()["phoneNumbers"] == [NUMBER]
    assert post.sns.publish(PhoneNumber=NUMBER, Message="two")["MessageId"]
    topic = post.topic()
    post.subscribe(topic, "sms", NUMBER)
    post.publish(topic, "three")
    assert texts(post) == ["one"]
    assert [event.message for event in post.events("DeliveryRefused")] == ["Phone number is opted out"] * 2
    post.sns.opt_in_phone_number(phoneNumber=NUMBER)
    post.publish(topic, "four")
    assert texts(post) == ["one", "four"]


def test_nobody_is_opted_out_in_the_beginning(post: Post) -> None:
    assert post.sns.list_phone_numbers_opted_out()["phoneNumbers"] == []
    assert post.sns.check_if_phone_number_is_opted_out(phoneNumber="+447911123499")["isOptedOut"] is False
    _code, message = refusal(post.sns.check_if_phone_number_is_opted_out, phoneNumber="me")
    assert message == "Invalid parameter: PhoneNumber Reason: input incorrectly formatted"


def test_the_monthly_limit_stops_text_messages_until_the_next_month(post: Post) -> None:
    for number in range(156):
        post.sns.publish(PhoneNumber=NUMBER, Message=f"tea {number}")
    assert len(texts(post)) == 155  # 155 x 0.00645 = 0.99975 dollars
    assert post.events("DeliveryRefused")[-1].message == "No quota left for account"
    post.sandbox.clock.advance(days=31)
    post.sns.publish(PhoneNumber=NUMBER, Message="a new month")
    assert texts(post)[-1] == "a new month"
    for number in range(156):
        post.sns.publish(PhoneNumber=NUMBER, Message=f"tea {number}")
    inbox.begin_month(post.sandbox)
    post.sns.publish(PhoneNumber=NUMBER, Message="one more month")
    assert texts(post)[-1] == "one more month"


def test_a_highest_price_is_kept(post: Post) -> None:
    for price in ("0.001", "0.01"):
        attributes = {"AWS.SNS.SMS.MaxPrice": {"DataType": "Number", "StringValue": price}}
        post.sns.publish(PhoneNumber=NUMBER, Message=price, MessageAttributes=attributes)
    assert texts(post) == ["0.01"]


def test_settings_of_the_account_are_checked_and_used(post: Post) -> None:
    post.sns.set_sms_attributes(attributes={"DefaultSenderID": "Tea", "DefaultSMSType": "Transactional"})
    assert post.sns.get_sms_attributes(attributes=["DefaultSMSType"])["attributes"] == {
        "DefaultSMSType": "Transactional"
    }
    post.sns.publish(PhoneNumber=NUMBER, Message="hi")
    assert inbox.entries(post.sandbox)[0].sender == "Tea"
    for name, value in (
        ("DefaultSMSType", "Loud"), ("DefaultSenderID", "123"), ("MonthlySpendLimit", "-1"), ("Volume", "11"),
        ("MonthlySpendLimit", "500"), ("DeliveryStatusSuccessSamplingRate", "101"),
    ):  # fmt: skip
        assert refusal(post.sns.set_sms_attributes, attributes={name: value})[0] == "InvalidParameter"


def test_the_delivery_of_text_messages_is_logged(post: Post) -> None:
    role = post.role("log", "sns.amazonaws.com", "logs:*")
    post.sns.set_sms_attributes(attributes={"DeliveryStatusIAMRole": role})
    post.sns.publish(PhoneNumber=NUMBER, Message="hi")
    group = "sns/eu-west-1/123456789012/DirectPublishToPhoneNumber"
    [event] = boto3.client("logs").filter_log_events(logGroupName=group)["events"]
    line = json.loads(event["message"])
    assert line["status"] == "SUCCESS"
    assert line["delivery"]["destination"] == NUMBER
    assert line["delivery"]["providerResponse"] == "Message has been accepted by phone carrier"


def test_numbers_of_the_sms_sandbox_are_verified_with_the_password_from_the_phone(post: Post) -> None:
    assert post.sns.get_sms_sandbox_account_status()["IsInSandbox"] is False
    post.sns.create_sms_sandbox_phone_number(PhoneNumber=NUMBER)
    assert post.sns.list_sms_sandbox_phone_numbers()["PhoneNumbers"] == [
        {"PhoneNumber": NUMBER, "Status": "Pending"}
    ]
    found = re.search(r"\d{6}", inbox.entries(post.sandbox)[0].body)
    assert found is not None
    verify = post.sns.verify_sms_sandbox_phone_number
    wrong = f"{(int(found[0]) + 1) % 1_000_000:06d}"
    assert refusal(verify, PhoneNumber=NUMBER, OneTimePassword=wrong)[0] == "VerificationException"
    verify(PhoneNumber=NUMBER, OneTimePassword=found[0])
    assert post.sns.list_sms_sandbox_phone_numbers()["PhoneNumbers"][0]["Status"] == "Verified"
    post.sns.delete_sms_sandbox_phone_number(PhoneNumber=NUMBER)
    assert refusal(post.sns.delete_sms_sandbox_phone_number, PhoneNumber=NUMBER)[0] == "ResourceNotFound"


# -- devices -----------------------------------------------------------------------------------------


def device(post: Post, token: str = "device-1", **attributes: str) -> tuple[str, str]:
    given = {"PlatformCredential": "key", **attributes}
    application = post.sns.create_platform_application(Name="shop", Platform="GCM", Attributes=given)
    arn = application["PlatformApplicationArn"]
    endpoint = post.sns.create_platform_endpoint(PlatformApplicationArn=arn, Token=token)
    return arn, str(endpoint["EndpointArn"])


def test_a_device_gets_direct_messages_and_those_of_topics(post: Post) -> None:
    _, endpoint = device(post)
    post.sns.publish(TargetArn=endpoint, Message="direct")
    topic = post.topic()
    post.subscribe(topic, "application", endpoint)
    texts_ = {"default": "text", "GCM": '{"notification": {"title": "tea"}}'}
    post.publish(topic, json.dumps(texts_), MessageStructure="json")
    newest, oldest = inbox.entries(post.sandbox)
    assert (oldest.kind, oldest.to, oldest.body) == ("push", endpoint, "direct")
    assert newest.body == '{"notification": {"title": "tea"}}'


def test_a_disabled_endpoint_is_an_error_for_who_pushes_and_silence_for_a_topic(post: Post) -> None:
    _, endpoint = device(post)
    topic = post.topic()
    dead = json.dumps({"deadLetterTargetArn": post.queue("dead")})
    post.subscribe(topic, "application", endpoint, RedrivePolicy=dead)
    post.sns.set_endpoint_attributes(EndpointArn=endpoint, Attributes={"Enabled": "false"})
    code, message = refusal(post.sns.publish, TargetArn=endpoint, Message="hi")
    assert (code, message) == ("EndpointDisabled", "Endpoint is disabled")
    assert post.publish(topic, "tea")["MessageId"]
    assert texts(post) == []
    assert post.texts(SQS + "dead") == ["tea"]


def test_a_dead_token_switches_its_endpoint_off_and_the_application_is_told(post: Post) -> None:
    events = post.topic("events")
    post.subscribe(events, "sqs", post.queue(), RawMessageDelivery="true")
    _, endpoint = device(post, EventDeliveryFailure=events)
    post.sns.publish(TargetArn=endpoint, Message="hello")
    inbox.uninstall(post.sandbox, inbox.entries(post.sandbox)[0])
    assert post.sns.publish(TargetArn=endpoint, Message="are you there?")["MessageId"]
    assert post.sns.get_endpoint_attributes(EndpointArn=endpoint)["Attributes"]["Enabled"] == "false"
    assert refusal(post.sns.publish, TargetArn=endpoint, Message="hello?")[0] == "EndpointDisabled"
    [body] = post.bodies()
    told = json.loads(body)
    assert (told["EventType"], told["FailureType"]) == ("DeliveryFailure", "InvalidPlatformToken")
    assert told["EndpointArn"] == endpoint
    post.sns.delete_endpoint(EndpointArn=endpoint)
    _code, message = refusal(post.sns.publish, TargetArn=endpoint, Message="?")
    assert message == "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified"


def test_an_endpoint_that_is_deleted_meanwhile_is_a_client_error(post: Post) -> None:
    _, endpoint = device(post)
    topic = post.topic()
    post.subscribe(topic, "application", endpoint)
    post.sns.delete_endpoint(EndpointArn=endpoint)
    assert post.publish(topic)["MessageId"]
    assert [event.error for event in post.events("DeliveryRefused")] == ["NotFound"]


@pytest.mark.parametrize(
    "given",
    [
        {"Name": "shop", "Platform": "SMOKE", "Attributes": {"PlatformCredential": "x"}},
        {"Name": "shop", "Platform": "GCM", "Attributes": {}},
        {"Name": "a shop", "Platform": "GCM", "Attributes": {"PlatformCredential": "x"}},
    ],
)
def test_wrong_applications_are_refused(post: Post, given: dict[str, Any]) -> None:
    assert refusal(post.sns.create_platform_application, **given)[0] == "InvalidParameter"


def test_endpoints_are_listed_a_hundred_at_a_time(post: Post) -> None:
    application, _ = device(post)
    for number in range(109):
        post.sns.create_platform_endpoint(PlatformApplicationArn=application, Token=f"t{number}")
    pages = post.sns.get_paginator("list_endpoints_by_platform_application")
    found = [page["Endpoints"] for page in pages.paginate(PlatformApplicationArn=application)]
    assert [len(page) for page in found] == [100, 10]


def test_who_deletes_endpoints_while_listing_them_misses_none(post: Post) -> None:
    application, _ = device(post)
    for number in range(150):
        post.sns.create_platform_endpoint(PlatformApplicationArn=application, Token=f"t{number}")
    for page in post.sns.get_paginator("list_endpoints_by_platform_application").paginate(
        PlatformApplicationArn=application
    ):
        for one in page["Endpoints"]:
            post.sns.delete_endpoint(EndpointArn=one["EndpointArn"])
    left = post.sns.list_endpoints_by_platform_application(PlatformApplicationArn=application)
    assert left["Endpoints"] == []


def test_an_endpoint_can_be_switched_off_and_on_by_hand(post: Post) -> None:
    _, endpoint = device(post)
    post.sns.set_endpoint_attributes(EndpointArn=endpoint, Attributes={"Enabled": "false"})
    assert refusal(post.sns.publish, TargetArn=endpoint, Message="hi")[0] == "EndpointDisabled"
    post.sns.set_endpoint_attributes(EndpointArn=endpoint, Attributes={"Enabled": "true"})
    assert post.sns.publish(TargetArn=endpoint, Message="hi")["MessageId"]
    assert post.sns.get_endpoint_attributes(EndpointArn=endpoint)["Attributes"]["Enabled"] == "true"


def test_credentials_are_never_shown(post: Post) -> None:
    application, _ = device(post)
    found = post.sns.get_platform_application_attributes(PlatformApplicationArn=application)["Attributes"]
    assert "key" not in found.values()


def test_only_what_fits_can_be_answered_or_uninstalled(post: Post) -> None:
    post.sns.publish(PhoneNumber=NUMBER, Message="hi")
    _, endpoint = device(post)
    post.sns.publish(TargetArn=endpoint, Message="hi")
    push, sms = inbox.entries(post.sandbox)
    with pytest.raises(UsageError, match="text message"):
        inbox.answer(post.sandbox, push, "STOP")
    with pytest.raises(UsageError, match="push message"):
        inbox.uninstall(post.sandbox, sms)
    post.sns.delete_endpoint(EndpointArn=endpoint)
    with pytest.raises(UsageError, match="deleted"):
        inbox.uninstall(post.sandbox, push)
