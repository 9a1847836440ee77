"""Asking the owner of an endpoint whether she wants the messages, and telling her that they end.

Source: https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html (both messages and their headers),
https://docs.aws.amazon.com/sns/latest/dg/sns-create-subscribe-endpoint-to-topic.html (confirmation by e-mail), and
https://docs.aws.amazon.com/sns/latest/dg/sns-send-message-to-sqs-cross-account.html (a queue of another account).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from moto.moto_api._internal import mock_random
from moto.sns.models import Subscription

from labkit.sandbox import current, delivery
from labkit.sandbox.guard import is_loopback
from labkit.sandbox.parcels import Failure, Parcel, pairs
from labkit.sandbox.services import _sns_endpoints as endpoints
from labkit.sandbox.services import _sns_formats as formats
from labkit.sandbox.services import _sns_inbox as inbox
from labkit.sandbox.services import _sns_publish as publishing
from labkit.sandbox.services import _sns_retries as retries
from labkit.sandbox.services import _sns_subscriptions as subscriptions
from labkit.sandbox.services import _sns_topics as topics

WAITS = "The confirmation waits in lab.inbox()."
_AWAY = f"The lab reaches web servers on this machine only. {WAITS}"
_MAIL = (
    "You have chosen to subscribe to the topic:\n{topic}\n\n"
    "To confirm this subscription, click or visit the link below (If this was in error no action is necessary):\n{url}"
)
_FAREWELL = "Your subscription to the topic below has been deactivated:\n{topic}\n\nTo subscribe again: {url}"
_FROM = "AWS Notifications <no-reply@sns.amazonaws.com>"


def ask(subscription: Subscription) -> None:
    """Send the request for confirmation to the endpoint."""
    _send(subscription, "SubscriptionConfirmation")


def tell_end(subscription: Subscription) -> None:
    """Tell the endpoint that it was unsubscribed, with a way back."""
    if subscription.protocol in ("http", "https", "email", "email-json"):
        _send(subscription, "UnsubscribeConfirmation")


def _send(subscription: Subscription, kind: str) -> None:
    topic, protocol = subscription.topic, subscription.protocol
    token = subscriptions.new_token(subscription)
    message_id, now = str(mock_random.uuid4()), current().clock.time()
    body = formats.confirmation(
        kind,
        message_id,
        topic.arn,
        subscription.arn,
        token,
        now,
        topics.setting(topic, "SignatureVersion", "1"),
    )
    if protocol in ("http", "https") and not is_loopback(urlsplit(subscription.endpoint).hostname):
        _into_inbox(subscription, kind, body, token, message_id, _AWAY)
        return
    options: tuple[tuple[str, Any], ...] = ()
    if protocol in ("http", "https"):
        known = subscription.arn if kind == "UnsubscribeConfirmation" else ""
        found = formats.headers(kind, message_id, topic.arn, known, retries.CONTENT_TYPE)
        options = publishing.web_options(found)
    elif protocol in ("email", "email-json"):
        subject = "Subscription" if kind == "SubscriptionConfirmation" else "Unsubscribe"
        options = pairs(
            {
                "kind": protocol,
                "from": _FROM,
                "subject": f"AWS Notification - {subject} Confirmation",
                "token": token,
            }
        )
        if protocol == "email":
            words = _MAIL if kind == "SubscriptionConfirmation" else _FAREWELL
            body = words.format(topic=topic.arn, url=formats.subscribe_url(topic.arn, token))
    delivery.send(
        Parcel(
            "sns", topic.arn, endpoints.target_of(protocol, subscription.endpoint), body,
            principal=publishing.PRINCIPAL if protocol in ("sqs", "lambda", "firehose") else "",
            via=subscription.arn, id=message_id, options=options,
            about=(("confirmation", kind), ("token", token), ("protocol", protocol)),
            retry=retries.plan_for(protocol, lambda: subscriptions.effective_policy(subscription)),
        )
    )  # fmt: skip


def ended(parcel: Parcel, failure: Failure | None) -> None:
    """A request for confirmation arrived or was given up. What found no web server waits in the inbox."""
    subscription = subscriptions.look_up(parcel.via)
    if failure is None or subscription is None or not subscriptions.is_pending(subscription):
        return
    note = f"The endpoint did not take it ({failure.message}). {WAITS}"
    _into_inbox(
        subscription,
        str(parcel.told("confirmation")),
        parcel.body,
        str(parcel.told("token")),
        parcel.id,
        note,
    )


def _into_inbox(
    subscription: Subscription, kind: str, body: str, token: str, message_id: str, note: str
) -> None:
    topic = subscription.topic
    backend = topic.sns_backend
    inbox.put(
        backend, kind=subscription.protocol, to=subscription.endpoint, sender=formats.AGENT, subject=kind, body=body,
        topic=topic.arn, subscription=subscription.arn, token=token, message_id=message_id,
        account=backend.account_id, region=backend.region_name,
    )  # fmt: skip
    current().trace.record(
        "state", "sns", "ConfirmationWaits", resource=subscription.arn,
        params={"Endpoint": subscription.endpoint}, note=note,
    )  # fmt: skip
