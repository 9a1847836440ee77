"""What a message looks like at each kind of endpoint.

Sources: https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html (envelope, headers, confirmations),
https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html (event),
https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html (raw),
https://docs.aws.amazon.com/sns/latest/dg/firehose-archived-message-format-S3.html (no signature).
A message of a FIFO topic carries a sequence number and no signature, as records of the service show.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from labkit.sandbox.services import _sns_signing as signing
from labkit.sandbox.services._sns_messages import Notice

AGENT = "Amazon Simple Notification Service Agent"
_CONFIRM = (
    "You have chosen to subscribe to the topic {topic}.\n"
    "To confirm the subscription, visit the SubscribeURL included in this message."
)
_CANCEL = (
    "You have chosen to deactivate subscription {subscription}.\n"
    "To cancel this operation and restore the subscription, visit the SubscribeURL included in this message."
)


def timestamp(moment: float) -> str:
    """A time as messages show it, with milliseconds."""
    at = datetime.fromtimestamp(moment, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def pretty(fields: Mapping[str, Any]) -> str:
    """JSON as SNS writes it: one field on each line."""
    lines = ",\n".join(f'  "{name}" : {_value(value)}' for name, value in fields.items())
    return f"{{\n{lines}\n}}"


def _value(value: Any) -> str:
    if not isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    inner = ",\n".join(
        f"    {json.dumps(name)} : {json.dumps(one, separators=(',', ':'), ensure_ascii=False)}"
        for name, one in value.items()
    )
    return f"{{\n{inner}\n  }}"


def unsubscribe_url(subscription: str) -> str:
    """The URL at the foot of every notification."""
    return f"https://sns.{_region(subscription)}.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={subscription}"


def subscribe_url(topic: str, token: str) -> str:
    """The URL that confirms a subscription."""
    region = _region(topic)
    return f"https://sns.{region}.amazonaws.com/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}"


def _region(arn: str) -> str:
    return arn.split(":")[3]


class Writer:
    """Writes one notice for all its subscribers. What they share, the signature above all, is made once."""

    def __init__(self, notice: Notice, signature_version: str) -> None:
        self.notice = notice
        self._version = signature_version
        self._signed: dict[str, dict[str, Any]] = {}
        self._heads: dict[str, str] = {}

    def envelope(self, protocol: str, subscription: str) -> str:
        """The notification as queues, web servers and `email-json` get it."""
        text = self.notice.text_for(protocol)
        head = self._heads.get(text)
        if head is None:
            # All but the last field is the same for every subscriber.
            head = self._heads[text] = pretty(self._fields(text)).removesuffix("\n}")
        rest = f'{head},\n  "UnsubscribeURL" : {json.dumps(unsubscribe_url(subscription))}'
        if attributes := self.notice.sent_attributes:
            rest += f',\n  "MessageAttributes" : {_value(attributes)}'
        return rest + "\n}"

    def _fields(self, text: str) -> dict[str, Any]:
        """The fields of a notification up to the certificate's URL."""
        if text in self._signed:
            return self._signed[text]
        notice = self.notice
        fields: dict[str, Any] = {"Type": "Notification", "MessageId": notice.id}
        if notice.sequence:
            fields["SequenceNumber"] = notice.sequence
        fields["TopicArn"] = notice.topic
        if notice.subject:
            fields["Subject"] = notice.subject
        fields["Message"] = text
        fields["Timestamp"] = timestamp(notice.time)
        if notice.replayed:
            fields["Replayed"] = "true"
        if not notice.sequence:
            fields["SignatureVersion"] = self._version
            fields["Signature"] = signing.sign(fields, self._version)
            fields["SigningCertURL"] = signing.certificate_url(_region(notice.topic))
        self._signed[text] = fields
        return fields

    def function_event(self, subscription: str) -> str:
        """The event of a Lambda function."""
        fields = self._fields(self.notice.text_for("lambda"))
        sns = {
            "Type": "Notification", "MessageId": fields["MessageId"], "TopicArn": fields["TopicArn"],
            "Subject": fields.get("Subject"), "Message": fields["Message"], "Timestamp": fields["Timestamp"],
            "SignatureVersion": fields.get("SignatureVersion"), "Signature": fields.get("Signature"),
            "SigningCertUrl": fields.get("SigningCertURL"), "UnsubscribeUrl": unsubscribe_url(subscription),
            "MessageAttributes": self.notice.sent_attributes,
        }  # fmt: skip
        record = {
            "EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": subscription, "Sns": sns,
        }  # fmt: skip
        return json.dumps({"Records": [record]}, ensure_ascii=False)

    def record(self, subscription: str) -> str:
        """One line for a Firehose stream: the envelope without signature."""
        notice = self.notice
        fields: dict[str, Any] = {"Type": "Notification", "MessageId": notice.id, "TopicArn": notice.topic}
        if notice.subject:
            fields["Subject"] = notice.subject
        fields["Message"] = notice.text_for("firehose")
        fields["Timestamp"] = timestamp(notice.time)
        fields["UnsubscribeURL"] = unsubscribe_url(subscription)
        if notice.sent_attributes:
            fields["MessageAttributes"] = notice.sent_attributes
        return json.dumps(fields, separators=(",", ":"), ensure_ascii=False) + "\n"


def raw_attributes(notice: Notice) -> str:
    """The attributes as a raw message carries them into a queue: JSON as SQS takes it, or nothing."""
    found = {
        name: {"DataType": kind, "BinaryValue" if kind.startswith("Binary") else "StringValue": value}
        for name, kind, value in notice.attributes
    }
    return json.dumps(found) if found and not notice.structured else ""


def headers(kind: str, message_id: str, topic: str, subscription: str, content_type: str) -> dict[str, str]:
    """The headers of a POST. `subscription` is empty as long as it waits to be confirmed."""
    found = {"x-amz-sns-message-type": kind, "x-amz-sns-message-id": message_id, "x-amz-sns-topic-arn": topic}
    if subscription:
        found["x-amz-sns-subscription-arn"] = subscription
    return {**found, "Content-Type": content_type, "User-Agent": AGENT}


def confirmation(
    kind: str, message_id: str, topic: str, subscription: str, token: str, at: float, version: str
) -> str:
    """The body of a `SubscriptionConfirmation` or an `UnsubscribeConfirmation`, signed."""
    text = _CONFIRM if kind == "SubscriptionConfirmation" else _CANCEL
    fields = {
        "Type": kind, "MessageId": message_id, "Token": token, "TopicArn": topic,
        "Message": text.format(topic=topic, subscription=subscription),
        "SubscribeURL": subscribe_url(topic, token), "Timestamp": timestamp(at), "SignatureVersion": version,
    }  # fmt: skip
    fields["Signature"] = signing.sign(fields, version)
    fields["SigningCertURL"] = signing.certificate_url(_region(topic))
    return pretty(fields)


def mail(notice: Notice, subscription: str) -> str:
    """The text of an e-mail, with the way out at its foot."""
    text = notice.text_for("email")
    return f"{text}\n\n--\nIf you wish to stop receiving notifications from this topic: {unsubscribe_url(subscription)}"
