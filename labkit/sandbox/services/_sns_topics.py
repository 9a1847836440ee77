"""Topics: names, attributes, policies. moto keeps a topic; what it has no field for is in `topic.settings`.

Sources: CreateTopic and SetTopicAttributes in botocore's service model (names, values, ranges),
https://docs.aws.amazon.com/sns/latest/dg/large-message-payloads.html, and
https://docs.aws.amazon.com/sns/latest/dg/message-archiving-and-replay-topic-owner.html (1 to 365 days).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from moto.sns.exceptions import TopicNotFound
from moto.sns.models import Topic, sns_backends

from labkit.sandbox.services import _sns_retries as retries
from labkit.sandbox.services._sns_errors import check_arn, invalid, no_topic, refusal
from labkit.sandbox.services._sns_messages import DEFAULT_SIZE

LARGEST: Final = 1_048_576
MOST_SUBSCRIPTIONS_OF_LARGE: Final = 100
LARGE_PROTOCOLS: Final = ("sqs", "firehose", "lambda")
_PROTOCOLS: Final = ("HTTP", "Firehose", "Lambda", "Application", "SQS")
_FEEDBACK: Final = {
    f"{protocol}{what}"
    for protocol in _PROTOCOLS
    for what in ("SuccessFeedbackRoleArn", "SuccessFeedbackSampleRate", "FailureFeedbackRoleArn")
}
_FIFO_ONLY: Final = ("ContentBasedDeduplication", "FifoThroughputScope", "ArchivePolicy")
_CHOICES: Final = {
    "SignatureVersion": ("1", "2"),
    "TracingConfig": ("PassThrough", "Active"),
    "FifoThroughputScope": ("Topic", "MessageGroup"),
}
KNOWN: Final = {
    "DeliveryPolicy", "DisplayName", "Policy", "KmsMasterKeyId", "MaximumMessageSize",
    *_CHOICES, *_FIFO_ONLY, *_FEEDBACK,
}  # fmt: skip
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
_ROLE: Final = re.compile(r"arn:[\w-]+:iam::\d{12}:role/.+")


def find(arn: str | None, region: str, name: str = "TopicArn") -> Topic:
    """The topic with this ARN, which must be in the Region that is asked."""
    parts = check_arn(arn, name)
    if parts[2] != "sns" or parts[3] != region:
        raise invalid(name)
    try:
        return sns_backends[parts[4]][region].get_topic(str(arn))
    except (TopicNotFound, KeyError):
        raise no_topic() from None


def settings(topic: Topic) -> dict[str, str]:
    """The attributes moto has no field for, as texts."""
    kept: dict[str, str] = vars(topic).setdefault("settings", {})
    return kept


def setting(topic: Topic, name: str, otherwise: str = "") -> str:
    """One of these attributes. Looking makes nothing."""
    return str(vars(topic).get("settings", {}).get(name, otherwise))


def largest(topic: Topic) -> int:
    """Bytes of the largest message."""
    return int(setting(topic, "MaximumMessageSize") or DEFAULT_SIZE)


def delivery_policy(topic: Topic) -> retries.Policy:
    """The topic's delivery policy as it was set, or nothing."""
    kept: retries.Policy = json.loads(topic.delivery_policy) if topic.delivery_policy else {}
    return kept


# -- making and changing ------------------------------------------------------------------------------


def check_name(name: str | None, fifo: bool) -> None:
    """A FIFO topic's name ends in .fifo, another's does not."""
    body = (name or "").removesuffix(".fifo") if fifo else name or ""
    if not _NAME.fullmatch(body) or len(name or "") > 256 or (fifo and not str(name).endswith(".fifo")):
        raise invalid("Topic Name")


def create(backend: Any, name: str | None, attributes: Mapping[str, Any], tags: Mapping[str, str]) -> Topic:
    """Make a topic, or find the one with the same name, attributes and tags."""
    given = {key: _text(value) for key, value in attributes.items()}
    fifo = _boolean(given.pop("FifoTopic", "false"), "FifoTopic")
    check_name(name, fifo)
    fresh = Topic(str(name), backend)
    fresh.fifo_topic = fifo
    old: Topic | None = backend.topics.get(fresh.arn)
    for key, value in given.items():
        if key not in KNOWN:
            raise invalid("Attributes", f"Unknown attribute {key}")
        put(fresh, key, value, "Attributes Reason: ")
    if old is None:
        fresh._tags = dict(tags)
        backend.topics[fresh.arn] = fresh
        return fresh
    if tags and dict(tags) != old._tags:
        raise invalid("Tags", "Topic already exists with different tags")
    shown_new, shown_old = shown(fresh), shown(old)
    if any(shown_new.get(key) != shown_old.get(key) for key in given):
        raise invalid("Attributes", "Topic already exists with different attributes")
    return old


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value)


def _boolean(value: str, what: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise invalid(f"{what}: Invalid value [{value}]. Must be true or false.")
    return value.lower() == "true"


def put(topic: Topic, name: str, value: str | None, lead: str = "") -> None:
    """Set one attribute. `lead` goes before the attribute's name in errors."""
    if name not in KNOWN:
        raise invalid("AttributeName")
    text, what = value or "", lead + name
    if name in _FIFO_ONLY and not topic.fifo_topic:
        raise invalid(f"{what}", "This attribute is valid for FIFO topics only")
    setter = _SETTERS.get(name)
    if setter is not None:
        setter(topic, text, what)
    elif name in _CHOICES:
        if text not in _CHOICES[name]:
            raise invalid(what, f"must be one of {', '.join(_CHOICES[name])}")
        settings(topic)[name] = text
    else:
        _put_feedback(topic, name, text, what)


def _put_feedback(topic: Topic, name: str, text: str, what: str) -> None:
    if text and name.endswith("SampleRate"):
        if not text.isdigit() or int(text) > 100:
            raise invalid(what, "must be an integer from 0 to 100")
    elif text and not _ROLE.fullmatch(text):
        raise invalid(what, "must be the ARN of an IAM role")
    _keep(topic, name, text)


def _keep(topic: Topic, name: str, text: str) -> None:
    if text:
        settings(topic)[name] = text
    else:
        settings(topic).pop(name, None)


def _put_delivery_policy(topic: Topic, text: str, what: str) -> None:
    kept = retries.topic_policy(text, what)
    topic.delivery_policy = json.dumps(kept) if kept else ""


def _put_display_name(topic: Topic, text: str, what: str) -> None:
    if len(text) > 100:
        raise invalid(what)
    topic.display_name = text


def _put_policy(topic: Topic, text: str, what: str) -> None:
    from labkit.sandbox.authorization.resources import PolicyRefused, check_policy

    if not text:
        topic._policy_json = topic._create_default_topic_policy(
            topic.sns_backend.region_name, topic.account_id, topic.name
        )
        return
    try:
        check_policy("sns", text)
    except PolicyRefused as error:
        raise refusal(error.code, str(error)) from None
    topic._policy_json = json.loads(text)


def _put_key(topic: Topic, text: str, what: str) -> None:
    topic.kms_master_key_id = text


def _put_by_content(topic: Topic, text: str, what: str) -> None:
    topic.content_based_deduplication = _boolean(text, what)


def _put_size(topic: Topic, text: str, what: str) -> None:
    from labkit.sandbox.services._sns_subscriptions import of_topic

    if not text.isdigit() or not 1_024 <= int(text) <= LARGEST:
        raise invalid(what, f"must be an integer from 1024 to {LARGEST}")
    if int(text) > DEFAULT_SIZE:
        subscribed = of_topic(topic)
        if len(subscribed) > MOST_SUBSCRIPTIONS_OF_LARGE:
            raise invalid(what, "a topic with large messages must have 100 or fewer subscriptions")
        if any(one.protocol not in LARGE_PROTOCOLS for one in subscribed):
            raise invalid(
                what, "a topic with large messages can have sqs, firehose and lambda subscriptions only"
            )
    settings(topic)["MaximumMessageSize"] = text


def _put_archive(topic: Topic, text: str, what: str) -> None:
    if text in ("", "{}"):
        settings(topic).pop("ArchivePolicy", None)
        vars(topic).pop("archive", None)
        return
    try:
        days = int(json.loads(text)["MessageRetentionPeriod"])
    except (ValueError, TypeError, KeyError):
        raise invalid(what, "MessageRetentionPeriod is required") from None
    if not 1 <= days <= 365:
        raise invalid(what, "MessageRetentionPeriod must be between 1 and 365")
    settings(topic)["ArchivePolicy"] = json.dumps({"MessageRetentionPeriod": days})


_SETTERS: Final = {
    "DeliveryPolicy": _put_delivery_policy,
    "DisplayName": _put_display_name,
    "Policy": _put_policy,
    "KmsMasterKeyId": _put_key,
    "ContentBasedDeduplication": _put_by_content,
    "MaximumMessageSize": _put_size,
    "ArchivePolicy": _put_archive,
}


# -- showing ------------------------------------------------------------------------------------------


def shown(topic: Topic) -> dict[str, str]:
    """All attributes, as GetTopicAttributes answers."""
    from labkit.sandbox.services._sns_subscriptions import is_pending, of_topic

    subscribed = of_topic(topic)
    pending = sum(map(is_pending, subscribed))
    kept = delivery_policy(topic)
    found = {
        "TopicArn": topic.arn,
        "Owner": topic.account_id,
        "Policy": topic.policy,
        "DisplayName": topic.display_name,
        "SubscriptionsPending": str(pending),
        "SubscriptionsConfirmed": str(len(subscribed) - pending),
        "SubscriptionsDeleted": str(topic.subscriptions_deleted),
        "EffectiveDeliveryPolicy": json.dumps(retries.effective_topic(kept)),
    }
    if kept:
        found["DeliveryPolicy"] = json.dumps(kept)
    if topic.kms_master_key_id:
        found["KmsMasterKeyId"] = topic.kms_master_key_id
    if topic.fifo_topic:
        found["FifoTopic"] = "true"
        found["ContentBasedDeduplication"] = str(bool(topic.content_based_deduplication)).lower()
    if topic.fifo_topic and "archive" in vars(topic) and setting(topic, "ArchivePolicy"):
        from labkit.sandbox.services._sns_archive import beginning

        found["BeginningArchiveTime"] = beginning(topic)
    kept_settings: dict[str, str] = vars(topic).get("settings", {})
    return found | kept_settings
