"""`lab.inbox()`: what people would have received, safe to show, and what they can do with it."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from labkit.errors import UsageError
from labkit.notebook.inbox import Inbox
from labkit.notebook.views import Views
from labkit.sandbox import Sandbox

NASTY = '<script>alert("tea")</script>\x1b[31m'


class Post:
    """A topic with one e-mail subscriber."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.sns = boto3.client("sns")
        self.topic = self.sns.create_topic(Name="news")["TopicArn"]
        self.subscribe("ada@example.com")

    def subscribe(self, address: str) -> None:
        """Subscribe an address."""
        self.sns.subscribe(TopicArn=self.topic, Protocol="email", Endpoint=address)

    def publish(self, message: str, **more: Any) -> None:
        """Publish to the topic."""
        self.sns.publish(TopicArn=self.topic, Message=message, **more)

    def inbox(self) -> Inbox:
        """The card."""
        return Inbox.of(self.sandbox)


@pytest.fixture
def post(sandbox: Sandbox) -> Post:
    return Post(sandbox)


def test_it_is_empty_in_the_beginning(sandbox: Sandbox) -> None:
    card = Inbox.of(sandbox)
    assert len(card) == 0
    assert card.text() == "INBOX  Nothing has arrived yet"
    assert "Nothing has arrived yet" in card.html()


def test_the_first_message_is_the_newest_and_can_be_confirmed(post: Post) -> None:
    [asked] = post.inbox()
    assert asked.subject == "AWS Notification - Subscription Confirmation"
    assert "lab.inbox()[0].confirm()" in post.inbox().text()
    note = post.inbox()[0].confirm()
    assert post.topic in note.text()
    post.publish("Tea is ready", Subject="Order 7")
    newest = post.inbox()[0]
    assert (newest.kind, newest.to, newest.subject) == ("email", "ada@example.com", "Order 7")
    assert newest.body.startswith("Tea is ready")
    assert len(post.inbox()) == 2


def test_html_is_escaped_and_the_text_twin_is_complete(post: Post) -> None:
    post.inbox()[0].confirm()
    post.publish(NASTY, Subject="<b>bold</b>")
    card = post.inbox()
    html, text = card.html(), card.text()
    assert "<script>" not in html
    assert "<b>bold" not in html
    assert "\x1b" not in html + text
    assert "&lt;script&gt;" in html
    assert '<script>alert("tea")</script>' in text
    assert "Subject: <b>bold</b>" in text
    for shown in (html, text):
        assert "ada@example.com" in shown
    assert set(card._repr_mimebundle_()) == {"text/html", "text/plain"}
    assert "&lt;script&gt;" in card[0].html()
    assert "alert" in card[0].text()


def test_one_address_can_be_asked_for(post: Post) -> None:
    post.subscribe("bob@example.com")
    assert [one.to for one in Inbox.of(post.sandbox, "bob@example.com")] == ["bob@example.com"]


def test_many_messages_show_the_newest_twenty(post: Post) -> None:
    for number in range(25):
        post.sns.publish(PhoneNumber="+447911123456", Message=f"message {number}")
    card = post.inbox()
    assert len(card) == 26
    assert "message 24" in card.text()
    assert "message 4\n" not in card.text()
    assert "6 older messages: lab.inbox()[20:]" in card.text()
    assert len(card[20:]) == 6
    assert card[20:].text().startswith("INBOX  6 messages")


def test_a_phone_can_answer_stop(post: Post) -> None:
    post.sns.publish(PhoneNumber="+447911123456", Message="Sale!")
    assert "changes nothing" in post.inbox()[0].reply("ok").text()
    assert post.inbox()[0].reply("STOP").text().startswith("OPTED OUT")
    post.sns.publish(PhoneNumber="+447911123456", Message="More sale!")
    assert post.inbox()[0].body == "Sale!"


def test_what_cannot_be_done_is_explained(post: Post) -> None:
    post.sns.publish(PhoneNumber="+447911123456", Message="Sale!")
    with pytest.raises(UsageError, match="asks for nothing"):
        post.inbox()[0].confirm()
    with pytest.raises(UsageError, match="push message"):
        post.inbox()[0].uninstall()


def test_a_rehearsal_and_a_reset_take_the_messages_with_them(post: Post) -> None:
    with post.sandbox.rehearsal():
        post.sns.publish(PhoneNumber="+447911123456", Message="only a try")
        assert len(post.inbox()) == 2
    assert len(post.inbox()) == 1
    post.sandbox.reset()
    assert len(post.inbox()) == 0


def test_the_lab_has_the_method() -> None:
    assert "lab.inbox()[0].confirm()" in (Views.inbox.__doc__ or "")
