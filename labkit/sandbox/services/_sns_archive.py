"""The archive of a FIFO topic, and its replay to one subscription.

Source: https://docs.aws.amazon.com/sns/latest/dg/fifo-message-archiving-replay.html with its pages for topic owners
(retention of 1 to 365 days, BeginningArchiveTime) and subscribers (ReplayPolicy, ReplayStatus, the `Replayed` field,
the same MessageId and Timestamp; with an EndingPoint nothing new is delivered afterwards).
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from moto.sns.models import Subscription, Topic

from labkit.sandbox import current
from labkit.sandbox.services import _sns_formats as formats
from labkit.sandbox.services import _sns_topics as topics
from labkit.sandbox.services._sns_errors import invalid
from labkit.sandbox.services._sns_messages import Notice

_DAY = 86_400.0


def keep(topic: Topic, notice: Notice) -> None:
    """Put a message into the archive, and take out what is too old."""
    archive: list[Notice] = vars(topic).setdefault("archive", [])
    archive.append(notice)
    days = json.loads(topics.setting(topic, "ArchivePolicy"))["MessageRetentionPeriod"]
    oldest = current().clock.time() - days * _DAY
    while archive and archive[0].time < oldest:
        archive.pop(0)


def beginning(topic: Topic) -> str:
    """When the oldest message was published; nothing while there is none."""
    archive = vars(topic).get("archive") or []
    return formats.timestamp(archive[0].time) if archive else ""


def check(subscription: Subscription, text: str, what: str) -> str:
    """A replay policy as it is kept."""
    if not text or text == "{}":
        vars(subscription).pop("replay_ended", None)
        return ""
    topic = subscription.topic
    if not topic.fifo_topic or not topics.setting(topic, "ArchivePolicy"):
        raise invalid(what, "the topic has no ArchivePolicy")
    start, end = _points(text, what)
    if end is not None and end < start:
        raise invalid(what, "EndingPoint must not be before StartingPoint")
    return text


def _points(text: str, what: str) -> tuple[float, float | None]:
    try:
        given = json.loads(text)
        if given["PointType"] != "Timestamp":
            raise ValueError(given["PointType"])
        end = given.get("EndingPoint")
        return _moment(given["StartingPoint"]), _moment(end) if end else None
    except (ValueError, TypeError, KeyError):
        raise invalid(
            what, "PointType must be Timestamp, StartingPoint and EndingPoint times in ISO 8601"
        ) from None


def _moment(text: Any) -> float:
    at = datetime.fromisoformat(str(text))
    if at.tzinfo is None:
        raise ValueError(text)
    return at.timestamp()


def start(subscription: Subscription) -> None:
    """Begin to replay: as soon as the call has been answered."""
    if subscription.attributes.get("ReplayPolicy"):
        subscription.attributes["ReplayStatus"] = "Pending"
        current().clock.schedule(current().clock.time(), replay, subscription.arn)


def replay(arn: str) -> None:
    """Due work: send what the archive holds for the time that was asked for."""
    from labkit.sandbox.services import _sns_publish as publishing
    from labkit.sandbox.services import _sns_subscriptions as subscriptions

    subscription = subscriptions.look_up(arn)
    policy = subscription.attributes.get("ReplayPolicy") if subscription is not None else ""
    if subscription is None or not policy:
        return
    begin, end = _points(policy, "ReplayPolicy")
    topic = subscription.topic
    version = topics.setting(topic, "SignatureVersion", "1")
    for notice in list(vars(topic).get("archive") or []):
        if begin <= notice.time and (end is None or notice.time <= end):
            # A queue would drop the first id again within five minutes.
            again = notice._replace(
                replayed=True, deduplication=f"{notice.deduplication[:90]}-{notice.sequence}-replay"
            )
            publishing.send_to(subscription, formats.Writer(again, version))
    vars(subscription)["replay_ended"] = end is not None
    subscription.attributes["ReplayStatus"] = "Completed"
