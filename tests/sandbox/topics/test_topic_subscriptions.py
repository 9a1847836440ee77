"""Subscribing, saying yes, and leaving again: with a real web server, by e-mail, across accounts."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests

from labkit.errors import UsageError
from labkit.sandbox import inbox
from tests.sandbox.snskit import ROLE, SNS, SQS, Post, refusal


class Server:
    """A learner's own web server, on loopback. `visit` makes it confirm by itself, in its handler."""

    def __init__(self) -> None:
        self.posts: list[tuple[dict[str, str], str]] = []
        self.visit = False
        self.status = 200
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                server.posts.append(({name.lower(): value for name, value in self.headers.items()}, body))
                if server.visit and "SubscribeURL" in body:
                    requests.get(json.loads(body)["SubscribeURL"], timeout=5)
                self.send_response(server.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/hook"
        self.thread = threading.Thread(
            target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server(post: Post) -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


def state(post: Post, arn: str) -> str:
    return str(post.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["PendingConfirmation"])


# -- a web server ------------------------------------------------------------------------------------


def test_a_web_server_is_asked_before_it_gets_anything(post: Post, server: Server) -> None:
    topic = post.topic()
    answer = post.sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=server.url)
    assert answer["SubscriptionArn"] == "pending confirmation"
    [(headers, body)] = server.posts
    asked = json.loads(body)
    assert headers["x-amz-sns-message-type"] == asked["Type"] == "SubscriptionConfirmation"
    assert headers["x-amz-sns-message-id"] == asked["MessageId"]
    assert headers["x-amz-sns-topic-arn"] == asked["TopicArn"] == topic
    assert "x-amz-sns-subscription-arn" not in headers
    assert headers["user-agent"] == "Amazon Simple Notification Service Agent"
    assert headers["content-type"] == "text/plain; charset=UTF-8"
    assert f"Action=ConfirmSubscription&TopicArn={topic}&Token={asked['Token']}" in asked["SubscribeURL"]
    post.publish(topic, "too early")
    assert len(server.posts) == 1
    [row] = post.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert row["SubscriptionArn"] == "PendingConfirmation"
    attributes = post.sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (attributes["SubscriptionsPending"], attributes["SubscriptionsConfirmed"]) == ("1", "0")


def test_the_token_confirms_and_then_messages_come(post: Post, server: Server) -> None:
    topic = post.topic()
    arn = post.subscribe(topic, "http", server.url)
    token = json.loads(server.posts[0][1])["Token"]
    assert post.sns.confirm_subscription(TopicArn=topic, Token=token)["SubscriptionArn"] == arn
    assert post.sns.confirm_subscription(TopicArn=topic, Token=token)["SubscriptionArn"] == arn
    sent = post.publish(topic, "tea ☕", Subject="Order")
    headers, body = server.posts[-1]
    envelope = json.loads(body)
    assert (envelope["Message"], envelope["Subject"]) == ("tea ☕", "Order")
    assert headers["x-amz-sns-message-type"] == "Notification"
    assert headers["x-amz-sns-message-id"] == sent["MessageId"]
    assert headers["x-amz-sns-subscription-arn"] == arn
    assert "x-amz-sns-rawdelivery" not in headers


def test_a_server_that_visits_the_link_in_its_own_handler_is_confirmed(post: Post, server: Server) -> None:
    topic, server.visit = post.topic(), True
    arn = post.subscribe(topic, "http", server.url)
    assert state(post, arn) == "false"


def test_raw_delivery_to_a_web_server_says_so_in_a_header(post: Post, server: Server) -> None:
    topic, server.visit = post.topic(), True
    post.subscribe(topic, "http", server.url, RawMessageDelivery="true")
    post.publish(topic, "tea", MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}})
    headers, body = server.posts[-1]
    assert (body, headers["x-amz-sns-rawdelivery"]) == ("tea", "true")


def test_a_visit_of_unsubscribe_url_ends_it_and_the_farewell_brings_it_back(
    post: Post, server: Server
) -> None:
    topic, server.visit = post.topic(), True
    arn = post.subscribe(topic, "http", server.url)
    server.visit = False
    post.publish(topic)
    url = json.loads(server.posts[-1][1])["UnsubscribeURL"]
    assert requests.get(url, timeout=5).status_code == 200
    headers, body = server.posts[-1]
    farewell = json.loads(body)
    assert headers["x-amz-sns-message-type"] == farewell["Type"] == "UnsubscribeConfirmation"
    assert headers["x-amz-sns-subscription-arn"] == arn
    assert farewell["Message"].startswith(f"You have chosen to deactivate subscription {arn}.")
    count = len(server.posts)
    post.publish(topic, "nobody hears this")
    assert len(server.posts) == count
    assert requests.get(farewell["SubscribeURL"], timeout=5).status_code == 200
    post.publish(topic, "back again")
    assert json.loads(server.posts[-1][1])["Message"] == "back again"


def test_the_owner_unsubscribes_without_a_farewell(post: Post, server: Server) -> None:
    topic, server.visit = post.topic(), True
    arn = post.subscribe(topic, "http", server.url)
    post.sns.unsubscribe(SubscriptionArn=arn)
    assert len(server.posts) == 1


def test_who_confirmed_with_authentication_cannot_be_unsubscribed_by_a_link(
    post: Post, server: Server
) -> None:
    topic = post.topic()
    arn = post.subscribe(topic, "http", server.url)
    token = json.loads(server.posts[0][1])["Token"]
    post.sns.confirm_subscription(TopicArn=topic, Token=token, AuthenticateOnUnsubscribe="true")
    attributes = post.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert attributes["ConfirmationWasAuthenticated"] == "true"
    url = f"https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={arn}"
    answer = requests.get(url, timeout=5)
    assert answer.status_code == 403
    assert "AuthorizationError" in answer.text
    post.sns.unsubscribe(SubscriptionArn=arn)


def test_a_refusing_server_leaves_the_request_in_the_inbox(post: Post, server: Server) -> None:
    topic, server.status = post.topic(), 404
    arn = post.subscribe(topic, "http", server.url)
    [entry] = inbox.entries(post.sandbox)
    assert (entry.kind, entry.to, entry.asks) == ("http", server.url, True)
    [event] = post.events("ConfirmationWaits")
    assert "lab.inbox()" in event.note
    assert inbox.confirm(post.sandbox, entry) == arn


def test_a_server_elsewhere_stays_pending_and_nothing_is_sent(post: Post) -> None:
    arn = post.subscribe(post.topic(), "https", "https://example.com/hook")
    assert state(post, arn) == "true"
    [entry] = inbox.entries(post.sandbox)
    assert json.loads(entry.body)["Type"] == "SubscriptionConfirmation"
    [event] = post.events("ConfirmationWaits")
    assert (
        event.note
        == "The lab reaches web servers on this machine only. The confirmation waits in lab.inbox()."
    )


# -- tokens ------------------------------------------------------------------------------------------


def test_a_token_is_good_for_two_days_and_then_the_subscription_is_gone(post: Post) -> None:
    topic = post.topic()
    arn = post.subscribe(topic, "email", "ada@example.com")
    token = inbox.entries(post.sandbox)[0].token
    post.sandbox.clock.advance(hours=47)
    assert state(post, arn) == "true"
    post.sandbox.clock.advance(hours=2)
    assert refusal(post.sns.confirm_subscription, TopicArn=topic, Token=token)[0] == "InvalidParameter"
    assert post.sns.list_subscriptions()["Subscriptions"] == []


def test_wrong_tokens_are_refused_in_the_words_of_sns(post: Post) -> None:
    topic = post.topic()
    post.subscribe(topic, "email", "ada@example.com")
    token = inbox.entries(post.sandbox)[0].token
    confirm = post.sns.confirm_subscription
    assert refusal(confirm, TopicArn=topic, Token="randomtoken") == ("InvalidParameter", "Invalid token")
    assert refusal(confirm, TopicArn=topic, Token="5" * 288) == (
        "InvalidParameter",
        "Invalid parameter: Token",
    )
    other = post.topic("other")
    assert refusal(confirm, TopicArn=other, Token=token) == ("InvalidParameter", "Invalid parameter: Token")
    assert refusal(confirm, TopicArn="news", Token=token) == ("InvalidParameter", "Invalid parameter: Topic")
    far = topic.replace("eu-west-1", "us-east-1")
    assert refusal(confirm, TopicArn=far, Token=token) == ("InvalidParameter", "Invalid parameter: Topic")
    assert state(post, post.subscribe(topic, "email", "ada@example.com")) == "true"


def test_a_second_request_makes_the_first_token_void(post: Post) -> None:
    topic = post.topic()
    first = post.subscribe(topic, "email", "ada@example.com")
    assert post.subscribe(topic, "email", "ada@example.com") == first
    newer, older = inbox.entries(post.sandbox)
    with pytest.raises(UsageError, match="no longer valid"):
        inbox.confirm(post.sandbox, older)
    assert inbox.confirm(post.sandbox, newer) == first


# -- e-mail ------------------------------------------------------------------------------------------


def test_mail_is_confirmed_from_the_inbox_and_then_arrives_there(post: Post) -> None:
    topic = post.topic(DisplayName="Tea House")
    post.subscribe(topic, "email", "ada@example.com")
    post.subscribe(topic, "email-json", "bob@example.com")
    post.publish(topic, "too early")
    for entry in inbox.entries(post.sandbox):
        inbox.confirm(post.sandbox, entry)
    post.publish(topic, "tea", Subject="Order")
    by_json, by_text = inbox.entries(post.sandbox)[:2]
    assert (by_text.to, by_text.subject, by_text.asks) == ("ada@example.com", "Order", False)
    assert by_text.sender == "Tea House <no-reply@sns.amazonaws.com>"
    assert by_text.body.startswith("tea\n")
    assert "Action=Unsubscribe" in by_text.body
    assert json.loads(by_json.body)["Message"] == "tea"
    assert len(inbox.entries(post.sandbox)) == 4


def test_what_asks_for_nothing_cannot_be_confirmed(post: Post) -> None:
    post.sns.publish(PhoneNumber="+447911123456", Message="hi")
    with pytest.raises(UsageError, match="asks for nothing"):
        inbox.confirm(post.sandbox, inbox.entries(post.sandbox)[0])


# -- accounts ----------------------------------------------------------------------------------------


def test_queues_functions_and_phones_of_the_same_account_need_no_yes(post: Post) -> None:
    topic = post.topic()
    function = "arn:aws:lambda:eu-west-1:123456789012:function:f"
    for protocol, endpoint in (("sqs", post.queue()), ("lambda", function), ("sms", "+447911123456")):
        answer = post.sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint)
        attributes = post.sns.get_subscription_attributes(SubscriptionArn=answer["SubscriptionArn"])[
            "Attributes"
        ]
        assert attributes["PendingConfirmation"] == "false"
        assert attributes["ConfirmationWasAuthenticated"] == "true"
        assert attributes["Owner"] == "123456789012"
        assert attributes["SubscriptionPrincipal"].endswith(":user/learner")


def test_a_queue_of_another_account_is_asked_first(post: Post) -> None:
    topic = post.topic()
    arn = "arn:aws:sqs:eu-west-1:210987654321:theirs"
    session = boto3.Session(
        aws_access_key_id="210987654321", aws_secret_access_key="x", region_name="eu-west-1"
    )
    sqs = session.client("sqs")
    url = sqs.create_queue(QueueName="theirs", Attributes={"Policy": post.policy(arn)})["QueueUrl"]
    answer = post.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    assert answer["SubscriptionArn"] == "pending confirmation"
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    asked = json.loads(message["Body"])
    post.sns.confirm_subscription(TopicArn=topic, Token=asked["Token"])
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    post.publish(topic, "over the border")
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"])["Message"] == "over the border"


# -- attributes --------------------------------------------------------------------------------------


def test_subscribing_twice_is_the_same_subscription_unless_it_differs(post: Post) -> None:
    topic, queue = post.topic(), post.queue()
    first = post.subscribe(topic, "sqs", queue, RawMessageDelivery="true")
    assert post.subscribe(topic, "sqs", queue) == first
    assert post.subscribe(topic, "sqs", queue, RawMessageDelivery="TRUE") == first
    code, message = refusal(post.subscribe, topic, "sqs", queue, RawMessageDelivery="false")
    assert (code, message) == (
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: Subscription already exists with different attributes",
    )


def test_a_changed_filter_holds_at_once_and_an_empty_one_lets_everything_through(post: Post) -> None:
    topic = post.topic()
    arn = post.subscribe(topic, "sqs", post.queue(), FilterPolicy='{"kind": ["green"]}')
    post.publish(topic, "stopped")
    post.sns.set_subscription_attributes(
        SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue="{}"
    )
    post.publish(topic, "through")
    assert post.texts() == ["through"]
    assert "FilterPolicy" not in post.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("Endpoint", "x", "Invalid parameter: AttributeName"),
        ("RawMessageDelivery", "yes", "RawMessageDelivery: Invalid value [yes]. Must be true or false."),
        ("RawMessageDelivery", "", "Invalid parameter: RawMessageDelivery: Invalid value []. Must be true or false."),
        ("RedrivePolicy", "{oops}", "Invalid parameter: RedrivePolicy: failed to parse JSON."),
        (
            "RedrivePolicy", '{"deadLetterTargetArn": "dead"}',
            "Invalid parameter: RedrivePolicy: deadLetterTargetArn is an invalid arn",
        ),
        ("FilterPolicyScope", "Header", "FilterPolicyScope: Invalid value [Header]"),
        ("FilterPolicy", '{"a": "b"}', "FilterPolicy"),
        ("SubscriptionRoleArn", "me", "SubscriptionRoleArn"),
        ("DeliveryPolicy", "{}{", "DeliveryPolicy: failed to parse JSON"),
    ],
)  # fmt: skip
def test_wrong_attributes_are_refused(post: Post, name: str, value: str, says: str) -> None:
    arn = post.subscribe(post.topic(), "sqs", post.queue())
    code, message = refusal(
        post.sns.set_subscription_attributes, SubscriptionArn=arn, AttributeName=name, AttributeValue=value
    )
    assert code == "InvalidParameter"
    assert says in message


@pytest.mark.parametrize(
    ("topic", "queue", "dead", "says"),
    [
        ("news", "orders", "arn:aws:sqs:us-east-1:123456789012:dead", "same Region"),
        ("news", "orders", "arn:aws:sqs:eu-west-1:210987654321:dead", "same account"),
        ("news", "orders", SQS + "dead.fifo", "standard queue as DLQ"),
        (
            "news.fifo", "orders.fifo", SQS + "dead",
            "must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic.",
        ),
    ],
)  # fmt: skip
def test_a_dead_letter_queue_must_fit(post: Post, topic: str, queue: str, dead: str, says: str) -> None:
    policy = json.dumps({"deadLetterTargetArn": dead})
    code, message = refusal(post.subscribe, post.topic(topic), "sqs", post.queue(queue), RedrivePolicy=policy)
    assert code == "InvalidParameter"
    assert says in message


def test_a_refused_subscription_is_not_there(post: Post) -> None:
    topic = post.topic()
    refusal(post.subscribe, topic, "sqs", post.queue(), RawMessageDelivery="maybe")
    assert post.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


@pytest.mark.parametrize(
    ("protocol", "endpoint", "says"),
    [
        ("bogus", "x", "Invalid parameter: Amazon SNS does not support this protocol string: bogus"),
        ("sqs", "https://sqs.eu-west-1.amazonaws.com/123456789012/orders", "Invalid parameter: SQS endpoint ARN"),
        ("lambda", "pack", "Invalid parameter: Lambda endpoint ARN"),
        ("firehose", "x", "Invalid parameter: Firehose endpoint ARN"),
        ("email", "ada", "Invalid parameter: Email address"),
        ("http", "https://127.0.0.1/", "Invalid parameter: Endpoint must match the specified protocol"),
        ("https", "127.0.0.1", "Invalid parameter: Endpoint must match the specified protocol"),
        ("sms", "NAA+15551234567", "Invalid SMS endpoint: NAA+15551234567"),
        ("application", SNS + "endpoint/GCM/a/b", "Endpoint does not exist for endpoint arn"),
        (
            "sqs", SQS + "orders.fifo",
            "Invalid parameter: Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to "
            "standard SNS topics",
        ),
    ],
)  # fmt: skip
def test_endpoints_must_have_the_form_of_their_protocol(
    post: Post, protocol: str, endpoint: str, says: str
) -> None:
    code, message = refusal(post.subscribe, post.topic(), protocol, endpoint)
    assert code == "InvalidParameter"
    assert says in message


def test_a_fifo_topic_takes_queues_only(post: Post) -> None:
    assert (
        refusal(post.subscribe, post.topic("news.fifo"), "email", "ada@example.com")[0] == "InvalidParameter"
    )


def test_a_pending_subscription_cannot_be_unsubscribed(post: Post) -> None:
    arn = post.subscribe(post.topic(), "email", "ada@example.com")
    code, message = refusal(post.sns.unsubscribe, SubscriptionArn=arn)
    assert code == "InvalidParameter"
    assert "pending confirmation" in message


@pytest.mark.parametrize(
    ("arn", "says"),
    [
        ("news", "SubscriptionArn Reason: An ARN must have at least 6 elements, not 1"),
        (
            "arn:aws:sns:eu-west-1:123456789012",
            "SubscriptionArn Reason: An ARN must have at least 6 elements, not 5",
        ),
        (SNS + "news", "Invalid parameter: SubscriptionId"),
        (SNS + "news:0", "Invalid parameter: SubscriptionId"),
    ],
)
def test_arns_of_subscriptions_are_checked(post: Post, arn: str, says: str) -> None:
    for call in (post.sns.unsubscribe, post.sns.get_subscription_attributes):
        code, message = refusal(call, SubscriptionArn=arn)
        assert code == "InvalidParameter"
        assert says in message


def test_a_role_of_a_stream_is_kept(post: Post) -> None:
    arn = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/archive"
    found = post.subscribe(post.topic(), "firehose", arn, SubscriptionRoleArn=ROLE + "r")
    attributes = post.sns.get_subscription_attributes(SubscriptionArn=found)["Attributes"]
    assert attributes["SubscriptionRoleArn"] == ROLE + "r"
