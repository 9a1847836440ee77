"""The operations of SNS that need more than one step: from a request of moto's to its answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from moto.core.responses import ActionResult, EmptyResult
from moto.sns.models import Subscription, Topic, sns_backends

from labkit.sandbox.services import _sns_confirmations as confirmations
from labkit.sandbox.services import _sns_mobile as mobile
from labkit.sandbox.services import _sns_publish as publishing
from labkit.sandbox.services import _sns_subscriptions as subscriptions
from labkit.sandbox.services import _sns_topics as topics
from labkit.sandbox.services._sns_errors import check_arn, invalid, key_refused, no_topic, refusal

Request = Any
PAGE: Final = 100
_ACTIONS: Final = frozenset({
    "GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic", "Subscribe",
    "ListSubscriptionsByTopic", "Publish", "Receive",
})  # fmt: skip


def topic_of(request: Request, name: str = "TopicArn") -> Topic:
    """The topic that a request names."""
    return topics.find(request._get_param(name), request.region, name)


def tags_of(request: Request) -> dict[str, str]:
    """The tags of a request; no key twice."""
    rows = request._get_param("Tags", []) or []
    tags = {str(row["Key"]): str(row["Value"]) for row in rows}
    if len(tags) < len(rows):
        raise invalid("Duplicated keys are not allowed.")
    return tags


def page(request: Request, name: str, rows: list[Any]) -> ActionResult:
    """At most a hundred rows, and a token for the next ones."""
    token = request._get_param("NextToken") or "0"
    if not token.isdigit():
        raise invalid("NextToken")
    size = min(int(request._get_param("MaxResults") or PAGE), PAGE)
    begin = int(token)
    answer: dict[str, Any] = {name: rows[begin : begin + size]}
    if begin + size < len(rows):
        answer["NextToken"] = str(begin + size)
    return ActionResult(answer)


def is_signed(request: Request) -> bool:
    """Whether the call carries a signature: a visited link does not."""
    return "Authorization" in request.headers or "X-Amz-Signature" in str(getattr(request, "uri", ""))


# -- topics ------------------------------------------------------------------------------------------


def delete_topic(request: Request) -> ActionResult:
    """DeleteTopic."""
    arn = request._get_param("TopicArn")
    parts = check_arn(arn, "TopicArn")
    if parts[2] != "sns" or parts[3] != request.region:
        raise invalid("TopicArn")
    sns_backends[parts[4]][request.region].delete_topic(arn)
    return EmptyResult()


def add_permission(request: Request) -> ActionResult:
    """AddPermission: one more statement in the topic's policy."""
    topic, label = topic_of(request), str(request._get_param("Label") or "")
    accounts = [str(one) for one in request._get_param("AWSAccountId", [])]
    actions = [str(one) for one in request._get_param("ActionName", [])]
    if not label:
        raise invalid("Label")
    if any(statement.get("Sid") == label for statement in topic._policy_json["Statement"]):
        raise refusal("InvalidParameter", "Invalid parameter: Statement already exists")
    if not actions or any(one not in _ACTIONS for one in actions):
        raise refusal("InvalidParameter", "Invalid parameter: Policy statement action out of service scope!")
    if not accounts or any(not re.fullmatch(r"\d{12}", one) for one in accounts):
        raise invalid("AWSAccountId")
    principals = [f"arn:aws:iam::{one}:root" for one in accounts]
    whole = [f"SNS:{one}" for one in actions]
    topic._policy_json["Statement"].append(
        {
            "Sid": label,
            "Effect": "Allow",
            "Principal": {"AWS": principals[0] if len(principals) == 1 else principals},
            "Action": whole[0] if len(whole) == 1 else whole,
            "Resource": topic.arn,
        }
    )
    return EmptyResult()


def remove_permission(request: Request) -> ActionResult:
    """RemovePermission: the statement with this label is gone, if there was one."""
    topic, label = topic_of(request), request._get_param("Label")
    kept = [one for one in topic._policy_json["Statement"] if one.get("Sid") != label]
    topic._policy_json["Statement"] = kept
    return EmptyResult()


# -- subscriptions -----------------------------------------------------------------------------------


def subscribed(
    topic: Topic,
    protocol: str | None,
    endpoint: str | None,
    attributes: Mapping[str, Any],
    account: str,
    principal: str = "",
) -> tuple[Subscription, bool]:
    """A subscription and whether it waits. The owner of the endpoint is asked, each time somebody subscribes."""
    found, pending = subscriptions.subscribe(topic, protocol, endpoint, attributes, account, principal)
    if pending:
        confirmations.ask(found)
    return found, pending


def subscribe(request: Request) -> ActionResult:
    """Subscribe."""
    given = request._get_param
    found, pending = subscribed(
        topic_of(request), given("Protocol"), given("Endpoint"), given("Attributes", {}) or {},
        request.current_account, _principal(request),
    )  # fmt: skip
    whole = str(given("ReturnSubscriptionArn") or "").lower() == "true"
    return ActionResult({"SubscriptionArn": found.arn if whole or not pending else "pending confirmation"})


def _principal(request: Request) -> str:
    from labkit.sandbox.authorization.account import caller_of

    caller = caller_of(request.access_key)
    return caller.principal.arn if caller is not None else ""


def confirm(request: Request) -> ActionResult:
    """ConfirmSubscription: by a call, or by a visit of SubscribeURL."""
    locked = str(request._get_param("AuthenticateOnUnsubscribe") or "").lower() == "true"
    found = subscriptions.confirm(
        request._get_param("TopicArn"), request._get_param("Token"), request.region,
        signed=is_signed(request), locked=locked,
    )  # fmt: skip
    return ActionResult({"SubscriptionArn": found.arn})


def unsubscribe(request: Request) -> ActionResult:
    """Unsubscribe: by a call, or by a visit of UnsubscribeURL."""
    gone = subscriptions.unsubscribe(
        request._get_param("SubscriptionArn"), request.region, signed=is_signed(request)
    )
    if gone is not None:
        confirmations.tell_end(gone)
    return EmptyResult()


def owned(request: Request) -> list[dict[str, str]]:
    """The caller's subscriptions in this Region."""
    account = request.current_account
    backends = [
        regions[request.region] for regions in list(sns_backends.values()) if request.region in regions
    ]
    return [
        subscriptions.row(one)
        for backend in backends
        for one in backend.subscriptions.values()
        if one.owner == account
    ]


# -- publishing --------------------------------------------------------------------------------------

_PUBLISHED: Final = (
    "Message", "Subject", "MessageStructure", "MessageAttributes", "MessageGroupId", "MessageDeduplicationId",
)  # fmt: skip


def publish(request: Request) -> ActionResult:
    """Publish."""
    given = {name: request._get_param(name) for name in _PUBLISHED}
    topic_arn, target, number = (
        request._get_param(name) for name in ("TopicArn", "TargetArn", "PhoneNumber")
    )
    if sum(one is not None for one in (topic_arn, target, number)) > 1:
        raise invalid("TopicArn or TargetArn or PhoneNumber", "Only one is allowed")
    if number is not None:
        return ActionResult({"MessageId": mobile.publish_sms(request.backend, number, given)})
    name = "TopicArn" if target is None else "TargetArn"
    arn = topic_arn if target is None else target
    if arn is None:
        raise invalid("TopicArn or TargetArn", "no value for required parameter")
    if ":endpoint/" in arn:
        return ActionResult({"MessageId": mobile.publish_to_device(request.backend, arn, given)})
    topic = topics.find(arn, request.region, name)
    check_key(request, topic)
    return ActionResult(publishing.answer(publishing.publish(topic, given)))


def publish_batch(request: Request) -> ActionResult:
    """PublishBatch."""
    topic = topic_of(request)
    check_key(request, topic)
    done = publishing.publish_batch(topic, request._get_param("PublishBatchRequestEntries", []) or [])
    return ActionResult({"Successful": done, "Failed": []})


def check_key(request: Request, topic: Topic) -> None:
    """Whoever publishes to an encrypted topic needs its key."""
    if not topic.kms_master_key_id:
        return
    from labkit.sandbox.authorization import keys
    from labkit.sandbox.authorization.account import caller_of

    caller = caller_of(request.access_key)
    if caller is None:
        raise no_topic()
    refused = keys.key_refusal(
        caller, topic.kms_master_key_id, topic.account_id, topic.sns_backend.region_name,
        ("kms:GenerateDataKey", "kms:Decrypt"), {"kms:EncryptionContext:aws:sns:topicArn": topic.arn}, via="sns",
    )  # fmt: skip
    if refused is not None:
        raise key_refused(refused.code, refused.message)
