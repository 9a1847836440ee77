"""Publishing: what is accepted, whom it goes to, and in which order.

Whoever publishes gets an id. The parcels set out when the call has been answered; what becomes of them is the business
of `labkit.sandbox.delivery`.

Sources: Publish and PublishBatch in botocore's service model, https://docs.aws.amazon.com/sns/latest/dg/fifo-message-dedup.html
(five minutes), https://docs.aws.amazon.com/sns/latest/dg/fifo-topic-message-ordering.html.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from moto.moto_api._internal import mock_random
from moto.sns.models import Subscription, Topic

from labkit.sandbox import current, delivery, lineage
from labkit.sandbox.parcels import Failure, Parcel, pairs
from labkit.sandbox.services import _sns_endpoints as endpoints
from labkit.sandbox.services import _sns_formats as formats
from labkit.sandbox.services import _sns_messages as messages
from labkit.sandbox.services import _sns_retries as retries
from labkit.sandbox.services import _sns_subscriptions as subscriptions
from labkit.sandbox.services import _sns_topics as topics
from labkit.sandbox.services._sns_errors import invalid, refusal
from labkit.sandbox.services._sns_messages import Notice

INTERVAL: Final = 300.0
"""Seconds within which a FIFO topic takes a message with the same deduplication id only once."""
TIMEOUT: Final = 15.0
"""Seconds an HTTP/S endpoint has for its answer (sns/latest/dg/SendMessageToHttp.prepare.html)."""
PRINCIPAL: Final = "sns.amazonaws.com"
_ENTRIES: Final = 10
_RAW_ATTRIBUTES: Final = 10
_TOO_MANY: Final = "Number of message attributes [{}] exceeds the allowed maximum [10]."


# -- taking in ----------------------------------------------------------------------------------------


def publish(topic: Topic, given: Mapping[str, Any]) -> Notice:
    """Check one message, and send it on. `given` holds the parameters of Publish."""
    return _taken(topic, _checked(topic, given))


def publish_batch(topic: Topic, entries: list[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Publish up to ten messages, in their order. A parameter that is wrong in one of them refuses all."""
    _check_entries(entries)
    sizes = [
        messages.size_of(
            str(entry.get("Message") or ""), messages.check_attributes(entry.get("MessageAttributes"))
        )
        for entry in entries
    ]
    if sum(sizes) > topics.largest(topic):
        raise refusal(
            "BatchRequestTooLong", "The length of all the messages put together is more than the limit."
        )
    notices = [_checked(topic, entry) for entry in entries]
    return [
        {"Id": entry["Id"], **answer(_taken(topic, notice))}
        for entry, notice in zip(entries, notices, strict=True)
    ]


def _check_entries(entries: list[Mapping[str, Any]]) -> None:
    if not entries:
        raise refusal("EmptyBatchRequest", "The batch request doesn't contain any entries.")
    if len(entries) > _ENTRIES:
        raise refusal(
            "TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible."
        )
    names = [str(entry.get("Id") or "") for entry in entries]
    for name in names:
        if not 1 <= len(name) <= 80 or not name.replace("-", "").replace("_", "").isalnum():
            raise refusal(
                "InvalidBatchEntryId",
                "The Id of a batch entry in a batch request doesn't abide by the specification.",
            )
    if len(set(names)) < len(names):
        raise refusal(
            "BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id."
        )


def answer(notice: Notice) -> dict[str, str]:
    """What the publisher gets."""
    found = {"MessageId": notice.id}
    if notice.sequence:
        found["SequenceNumber"] = notice.sequence
    return found


def _checked(topic: Topic, given: Mapping[str, Any]) -> Notice:
    message = given.get("Message")
    structured = messages.check_message(message, given.get("MessageStructure"))
    subject = messages.check_subject(given.get("Subject"))
    attributes = messages.check_attributes(given.get("MessageAttributes"))
    if messages.size_of(str(message), attributes) > topics.largest(topic):
        raise invalid("Message too long")
    group, key = given.get("MessageGroupId"), given.get("MessageDeduplicationId")
    messages.check_order(topic.fifo_topic, topic.content_based_deduplication, group, key)
    if topic.fifo_topic:
        key = key or hashlib.sha256(str(message).encode("utf-8", "surrogatepass")).hexdigest()
    rows = tuple((name, kind, value) for name, (kind, value) in attributes.items())
    now = current().clock.time()
    return Notice(topic.arn, "", str(message), subject, rows, structured, now, group or "", key or "")


def _taken(topic: Topic, notice: Notice) -> Notice:
    notice = notice._replace(id=str(mock_random.uuid4()))
    if topic.fifo_topic:
        notice, is_new = _numbered(topic, notice)
        if not is_new:
            return notice
    fan_out(topic, notice)
    return notice


def _numbered(topic: Topic, notice: Notice) -> tuple[Notice, bool]:
    """The next sequence number of a FIFO topic, or the first answer again."""
    seen: dict[str, tuple[float, str, str]] = vars(topic).setdefault("seen", {})
    for key in [key for key, (at, _, _) in seen.items() if notice.time - at >= INTERVAL]:
        del seen[key]
    by_group = topics.setting(topic, "FifoThroughputScope") == "MessageGroup"
    key = json.dumps([notice.group if by_group else "", notice.deduplication])
    if key in seen:
        _, message_id, sequence = seen[key]
        note = "The same deduplication id was published less than 5 minutes ago: it is not delivered again."
        current().trace.record(
            "state", "sns", "MessageDeduplicated", resource=topic.arn,
            params={"MessageId": message_id, "MessageDeduplicationId": notice.deduplication}, note=note,
        )  # fmt: skip
        return notice._replace(id=message_id, sequence=sequence), False
    count = vars(topic).get("published", 0) + 1
    vars(topic)["published"] = count
    sequence = f"1{count * 1_000:019d}"
    seen[key] = (notice.time, notice.id, sequence)
    return notice._replace(sequence=sequence), True


# -- sending on ---------------------------------------------------------------------------------------


def fan_out(topic: Topic, notice: Notice) -> None:
    """One parcel for every confirmed subscription whose filter lets the message through."""
    if notice.sequence and topics.setting(topic, "ArchivePolicy"):
        from labkit.sandbox.services import _sns_archive as archive

        archive.keep(topic, notice)
    writer = formats.Writer(notice, topics.setting(topic, "SignatureVersion", "1"))
    for subscription in subscriptions.of_topic(topic):
        if not subscriptions.is_pending(subscription) and not vars(subscription).get("replay_ended"):
            send_to(subscription, writer)


def send_to(subscription: Subscription, writer: formats.Writer) -> None:
    """One parcel for one subscription, unless its filter stops the message."""
    notice = writer.notice
    if not passes(subscription, notice):
        current().trace.record(
            "state", "sns", "MessageFiltered", resource=notice.topic,
            params={"MessageId": notice.id, "Subscription": subscription.arn, "Endpoint": subscription.endpoint},
            note="The filter policy of this subscription stops the message.",
        )  # fmt: skip
        return
    parcel = parcel_for(subscription, writer)
    if subscription.protocol == "sqs" and _is_raw(subscription) and len(notice.attributes) > _RAW_ATTRIBUTES:
        failure = Failure("InvalidParameterValue", _TOO_MANY.format(len(notice.attributes)))
        delivery.give_up(parcel._replace(dead_letter=""), failure)
        return
    if notice.sequence and subscription.endpoint.endswith(".fifo"):
        _in_line(subscription, parcel, notice.group)
    else:
        delivery.send(parcel, _turn(subscription))


def passes(subscription: Subscription, notice: Notice) -> bool:
    """Whether the subscription's filter policy lets a message through."""
    policy = subscription.attributes.get("FilterPolicy")
    if not policy:
        return True
    scope = subscription.attributes.get("FilterPolicyScope") or "MessageAttributes"
    event: Any
    if scope == "MessageBody":
        event = notice.text_for(subscription.protocol)
    else:
        event = {name: {"Type": kind, "Value": value} for name, kind, value in notice.attributes}
    return subscriptions.pattern_of(policy, scope).matches(event)


def _in_line(subscription: Subscription, parcel: Parcel, group: str) -> None:
    """Within a message group the next message sets out when the one before it has arrived or was given up."""
    lanes: dict[str, list[tuple[Any, ...]]] = vars(subscription).setdefault("lanes", {})
    parcel = parcel._replace(about=(*parcel.about, ("lane", group)))
    if group in lanes:
        # What it follows from is known now; later it would look like a consequence of the one before it.
        if header := lineage.carried():
            parcel = parcel._replace(options=(*parcel.options, (lineage.ATTRIBUTE, header)))
        lanes[group].append(tuple(parcel))
    else:
        lanes[group] = []
        delivery.send(parcel)


def next_in_line(parcel: Parcel) -> None:
    """The way is free for the next message of the group."""
    group = parcel.told("lane")
    subscription = subscriptions.look_up(parcel.via) if group is not None else None
    lanes = vars(subscription).get("lanes", {}) if subscription is not None else {}
    if lanes.get(group):
        sandbox = current()
        sandbox.clock.schedule(sandbox.clock.time(), delivery.attempt, *lanes[group].pop(0))
    else:
        lanes.pop(group, None)


def _turn(subscription: Subscription) -> float:
    """Seconds until the endpoint's throttle policy lets the next message go."""
    if subscription.protocol not in ("http", "https"):
        return 0.0
    throttle = subscriptions.effective_policy(subscription)["throttlePolicy"] or {}
    rate = throttle.get("maxReceivesPerSecond")
    if not rate:
        return 0.0
    now = current().clock.time()
    turn = max(now, vars(subscription).get("next_turn", 0.0))
    vars(subscription)["next_turn"] = turn + 1 / rate
    return float(turn - now)


# -- parcels ------------------------------------------------------------------------------------------


def parcel_for(subscription: Subscription, writer: formats.Writer) -> Parcel:
    """What is delivered to one subscription."""
    notice, protocol = writer.notice, subscription.protocol
    redrive = subscription.attributes.get("RedrivePolicy")
    body, options = _CONTENT[protocol](subscription, writer)
    about: dict[str, Any] = {
        "protocol": protocol,
        "published": notice.time,
        "endpoint": subscription.endpoint,
    }
    if redrive and protocol != "sqs":
        about["letter"] = writer.envelope(protocol, subscription.arn)
    return Parcel(
        "sns", notice.topic, endpoints.target_of(protocol, subscription.endpoint), body,
        principal=PRINCIPAL,
        role=subscription.attributes.get("SubscriptionRoleArn", "") if protocol == "firehose" else "",
        via=subscription.arn, id=notice.id, options=options, about=pairs(about),
        retry=retries.plan_for(protocol, lambda: subscriptions.effective_policy(subscription)),
        dead_letter=json.loads(redrive)["deadLetterTargetArn"] if redrive else "",
    )  # fmt: skip


Content = tuple[str, tuple[tuple[str, Any], ...]]


def _is_raw(subscription: Subscription) -> bool:
    return bool(subscription.attributes["RawMessageDelivery"] == "true")


def _for_queue(subscription: Subscription, writer: formats.Writer) -> Content:
    notice, fifo = writer.notice, subscription.endpoint.endswith(".fifo")
    # A FIFO topic hands group and id to FIFO queues only, another topic its group to any queue.
    group = notice.group if fifo or not notice.sequence else ""
    options: dict[str, Any] = {"MessageGroupId": group or None}
    if fifo:
        options["MessageDeduplicationId"] = notice.deduplication or None
    if not _is_raw(subscription):
        return writer.envelope("sqs", subscription.arn), pairs(options)
    options["MessageAttributes"] = formats.raw_attributes(notice) or None
    return notice.text_for("sqs"), pairs(options)


def _for_function(subscription: Subscription, writer: formats.Writer) -> Content:
    return writer.function_event(subscription.arn), ()


def _for_stream(subscription: Subscription, writer: formats.Writer) -> Content:
    if _is_raw(subscription):
        return writer.notice.text_for("firehose"), ()
    return writer.record(subscription.arn), ()


def _for_web(subscription: Subscription, writer: formats.Writer) -> Content:
    notice, protocol = writer.notice, subscription.protocol
    content = subscriptions.effective_policy(subscription)["requestPolicy"]["headerContentType"]
    found = formats.headers("Notification", notice.id, notice.topic, subscription.arn, content)
    if _is_raw(subscription):
        return notice.text_for(protocol), web_options(found | {"x-amz-sns-rawdelivery": "true"})
    return writer.envelope(protocol, subscription.arn), web_options(found)


def web_options(headers: Mapping[str, str]) -> tuple[tuple[str, Any], ...]:
    """The options of a POST."""
    return (
        ("method", "POST"),
        ("timeout", TIMEOUT),
        *((f"header:{name}", value) for name, value in headers.items()),
    )


def _for_mail(subscription: Subscription, writer: formats.Writer) -> Content:
    notice, protocol = writer.notice, subscription.protocol
    name = subscription.topic.display_name or subscription.topic.name
    options = {"kind": protocol, "from": f"{name} <no-reply@sns.amazonaws.com>"}
    options["subject"] = notice.subject or "AWS Notification Message"
    if protocol == "email-json":
        return writer.envelope(protocol, subscription.arn), pairs(options)
    return formats.mail(notice, subscription.arn), pairs(options)


def _for_phone(subscription: Subscription, writer: formats.Writer) -> Content:
    from labkit.sandbox.services import _sns_mobile as mobile

    return writer.notice.text_for("sms"), mobile.sms_options(
        subscription.topic.sns_backend, writer.notice.attributes
    )


def _for_device(subscription: Subscription, writer: formats.Writer) -> Content:
    platform = subscription.endpoint.split(":", 5)[5].split("/")[1]
    return writer.notice.text_for(platform), (("kind", "push"),)


_CONTENT: Final[dict[str, Callable[[Subscription, formats.Writer], Content]]] = {
    "sqs": _for_queue, "lambda": _for_function, "firehose": _for_stream, "http": _for_web, "https": _for_web,
    "email": _for_mail, "email-json": _for_mail, "sms": _for_phone, "application": _for_device,
}  # fmt: skip
