"""Subscriptions: their attributes, who must confirm them, and how they end.

moto keeps them in the account of the topic; all attributes are texts, as the API shows them.

Sources: Subscribe, ConfirmSubscription, Unsubscribe and SetSubscriptionAttributes in botocore's service model (tokens
are valid for two days; who gets a cancellation message), https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
(same account and Region), https://docs.aws.amazon.com/sns/latest/dg/sns-delete-subscription-topic.html (48 hours).
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from moto.sns.models import Subscription, Topic

from labkit.sandbox import current
from labkit.sandbox.services import _sns_endpoints as endpoints
from labkit.sandbox.services import _sns_retries as retries
from labkit.sandbox.services import _sns_topics as topics
from labkit.sandbox.services._sns_errors import check_arn, invalid, no_subscription, refusal
from labkit.sandbox.services._sns_messages import DEFAULT_SIZE

if TYPE_CHECKING:
    from labkit.sandbox.patterns import Pattern

VALID: Final = 2 * 86_400.0
"""Seconds for which a token confirms, and after which an unconfirmed subscription is deleted."""
SCOPES: Final = {"MessageAttributes": "sns-attributes", "MessageBody": "sns-body"}
SETTABLE: Final = (
    "RawMessageDelivery", "DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy",
    "SubscriptionRoleArn", "ReplayPolicy",
)  # fmt: skip
_IDENTITY: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TOKEN: Final = re.compile(r"[0-9a-f]{64,}")
_QUEUE: Final = re.compile(r"arn:[\w-]+:sqs:[\w-]+:\d{12}:[\w-]+(\.fifo)?")


# -- finding ------------------------------------------------------------------------------------------


def of_topic(topic: Topic) -> list[Subscription]:
    """All subscriptions of a topic, pending ones too."""
    return [one for one in topic.sns_backend.subscriptions.values() if one.topic is topic]


def is_pending(subscription: Subscription) -> bool:
    """Whether it waits to be confirmed."""
    return str(subscription.attributes.get("PendingConfirmation")).lower() == "true"


def backend_of(arn: str) -> Any:
    """moto's SNS of the account and Region in an ARN, or None when nobody has used it."""
    from labkit.sandbox import stores

    parts = arn.split(":")
    return stores.backend_of("sns", parts[4], parts[3]) if len(parts) > 5 else None


def look_up(arn: str) -> Subscription | None:
    """The subscription with this ARN, or None."""
    backend = backend_of(arn)
    found: Subscription | None = backend.subscriptions.get(arn) if backend is not None else None
    return found


def get(arn: str | None, region: str) -> Subscription:
    """The subscription with this ARN. Raises SNS's errors for a wrong form and for one that is not there."""
    _check_subscription_arn(arn, region)
    found = look_up(str(arn))
    if found is None:
        raise no_subscription()
    return found


def _check_subscription_arn(arn: str | None, region: str) -> None:
    if not arn:
        raise invalid("SubscriptionArn", "no value for required parameter")
    parts = check_arn(arn, "SubscriptionArn")
    if parts[2] != "sns" or parts[3] != region:
        raise invalid("SubscriptionArn")
    if not _IDENTITY.fullmatch(parts[5].rpartition(":")[2]):
        raise invalid("SubscriptionId")


def row(subscription: Subscription) -> dict[str, str]:
    """A subscription as lists show it."""
    return {
        "SubscriptionArn": "PendingConfirmation" if is_pending(subscription) else subscription.arn,
        "Owner": subscription.owner,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "TopicArn": subscription.topic.arn,
    }


def shown(subscription: Subscription) -> dict[str, str]:
    """All attributes, as GetSubscriptionAttributes answers."""
    found = {name: str(value) for name, value in subscription.attributes.items() if value != ""}
    if "FilterPolicy" in found:
        found.setdefault("FilterPolicyScope", "MessageAttributes")
    else:
        found.pop("FilterPolicyScope", None)
    if subscription.protocol in ("http", "https"):
        found["EffectiveDeliveryPolicy"] = json.dumps(effective_policy(subscription))
    return found


def effective_policy(subscription: Subscription) -> retries.Policy:
    """The delivery policy that holds for it."""
    text = subscription.attributes.get("DeliveryPolicy")
    own = json.loads(text) if text else {}
    return retries.effective_subscription(own, topics.delivery_policy(subscription.topic))


# -- subscribing --------------------------------------------------------------------------------------


def subscribe(
    topic: Topic,
    protocol: str | None,
    endpoint: str | None,
    given: Mapping[str, Any] | None,
    account: str,
    principal: str = "",
) -> tuple[Subscription, bool]:
    """Make a subscription, or find the one that is there. Returns it, and whether it has to be confirmed."""
    kind = endpoints.check_protocol(protocol)
    where = endpoints.check(topic, kind, endpoint)
    attributes = {name: topics._text(value) for name, value in (given or {}).items()}
    old = next((s for s in of_topic(topic) if s.protocol == kind and s.endpoint == where), None)
    fresh = _made(topic, kind, where, account, principal)
    put_all(fresh, attributes, "Attributes Reason: ", subscribing=True)
    if kind == "firehose" and not fresh.attributes.get("SubscriptionRoleArn"):
        raise invalid("Attributes", "SubscriptionRoleArn: must be specified for firehose subscriptions")
    if old is not None:
        now, before = shown(fresh), shown(old)
        if any(now.get(name) != before.get(name) for name in attributes):
            raise invalid("Attributes", "Subscription already exists with different attributes")
        return old, is_pending(old)
    _check_room(topic, kind)
    topic.sns_backend.subscriptions[fresh.arn] = fresh
    if is_pending(fresh):
        current().clock.schedule(current().clock.time() + VALID, forget_unconfirmed, fresh.arn)
    elif attributes.get("ReplayPolicy"):
        _start_replay(fresh)
    return fresh, is_pending(fresh)


def _made(topic: Topic, protocol: str, endpoint: str, account: str, principal: str) -> Subscription:
    subscription = Subscription(account, topic, endpoint, protocol)
    arn = endpoint.split(":")
    elsewhere = protocol in ("sqs", "lambda", "firehose") and arn[4] != account
    waits = protocol in endpoints.BY_OWNER or elsewhere
    subscription.attributes = {
        "SubscriptionArn": subscription.arn,
        "TopicArn": topic.arn,
        "Protocol": protocol,
        "Endpoint": endpoint,
        "Owner": account,
        "ConfirmationWasAuthenticated": str(not waits).lower(),
        "PendingConfirmation": str(waits).lower(),
        "RawMessageDelivery": "false",
    }
    if principal:
        subscription.attributes["SubscriptionPrincipal"] = principal
    subscription.confirmed = not waits
    return subscription


def _check_room(topic: Topic, protocol: str) -> None:
    if topics.largest(topic) <= DEFAULT_SIZE:
        return
    if protocol not in topics.LARGE_PROTOCOLS:
        raise invalid(
            "Protocol", "a topic with large messages can have sqs, firehose and lambda subscriptions only"
        )
    if len(of_topic(topic)) >= topics.MOST_SUBSCRIPTIONS_OF_LARGE:
        raise invalid("TopicArn", "a topic with large messages must have 100 or fewer subscriptions")


def forget_unconfirmed(arn: str) -> None:
    """Due work: nobody said yes in time."""
    subscription = look_up(arn)
    if subscription is not None and is_pending(subscription):
        del subscription.topic.sns_backend.subscriptions[arn]
        note = "It was not confirmed in two days."
        current().trace.record("state", "sns", "SubscriptionDeleted", resource=arn, note=note)


# -- attributes ---------------------------------------------------------------------------------------


def put_all(
    subscription: Subscription, given: Mapping[str, str], lead: str, *, subscribing: bool = False
) -> None:
    """Set several attributes: the scope first, because the filter policy depends on it."""
    for name in sorted(given, key=lambda one: (one != "FilterPolicyScope", one)):
        if name not in SETTABLE:
            raise (
                invalid("Attributes", f"Unknown attribute {name}")
                if subscribing
                else invalid("AttributeName")
            )
        put(subscription, name, given[name], lead)


def put(subscription: Subscription, name: str, value: str | None, lead: str = "") -> None:
    """Set one attribute. `lead` goes before the attribute's name in errors."""
    if name not in SETTABLE:
        raise invalid("AttributeName")
    text, what = value or "", lead + name
    kept: dict[str, Any] = subscription.attributes
    if name == "RawMessageDelivery":
        if text.lower() not in ("true", "false"):
            raise invalid(f"{what}: Invalid value [{text}]. Must be true or false.")
        kept[name] = text.lower()
    elif name in ("FilterPolicy", "FilterPolicyScope"):
        _put_filter(kept, name, text, lead)
    else:
        checked = _CHECKS[name](subscription, text, what)
        if checked:
            kept[name] = checked
        else:
            kept.pop(name, None)


def _put_filter(kept: dict[str, Any], name: str, text: str, lead: str) -> None:
    scope = text if name == "FilterPolicyScope" else kept.get("FilterPolicyScope") or "MessageAttributes"
    if scope not in SCOPES:
        raise invalid(
            "Attributes",
            f"FilterPolicyScope: Invalid value [{text}]. Please use either MessageBody or MessageAttributes",
        )
    policy = kept.get("FilterPolicy", "") if name == "FilterPolicyScope" else text
    if policy and policy != "{}":
        from labkit.sandbox.patterns import InvalidPattern

        try:
            pattern_of(policy, scope)
        except InvalidPattern as error:
            raise refusal("InvalidParameter", str(error)) from None
    if text and text != "{}":
        kept[name] = text
    else:
        kept.pop(name, None)


@functools.lru_cache(maxsize=256)
def pattern_of(text: str, scope: str) -> Pattern:
    """A filter policy, ready to match. Raises `InvalidPattern`."""
    from labkit.sandbox.patterns import Pattern

    return Pattern.parse(text, dialect=SCOPES[scope])


def _redrive(subscription: Subscription, text: str, what: str) -> str:
    if not text or text == "{}":
        return ""
    try:
        given = json.loads(text)
    except ValueError:
        raise invalid(f"{what}: failed to parse JSON.") from None
    arn = given.get("deadLetterTargetArn") if isinstance(given, dict) else None
    if not isinstance(arn, str) or not _QUEUE.fullmatch(arn):
        raise invalid(f"{what}: deadLetterTargetArn is an invalid arn")
    own, queue = subscription.arn.split(":"), arn.split(":")
    if own[3] != queue[3]:
        raise invalid(f"{what}: deadLetterTargetArn must be in the same Region as the subscription")
    if subscription.owner != queue[4]:
        raise invalid(f"{what}: deadLetterTargetArn must be in the same account as the subscription")
    fifo = subscription.endpoint.endswith(".fifo")
    if fifo and not arn.endswith(".fifo"):
        raise invalid(f"{what}: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic.")
    if not fifo and arn.endswith(".fifo"):
        raise invalid(f"{what}: must use a standard queue as DLQ for a standard Subscription.")
    return text


def _policy(subscription: Subscription, text: str, what: str) -> str:
    kept = retries.subscription_policy(text, what)
    if kept and subscription.protocol not in ("http", "https"):
        raise invalid(what, "Delivery policies are for http and https subscriptions only")
    return json.dumps(kept) if kept else ""


def _role(subscription: Subscription, text: str, what: str) -> str:
    if text and not re.fullmatch(r"arn:[\w-]+:iam::\d{12}:role/.+", text):
        raise invalid(what, "must be the ARN of an IAM role")
    return text


def _replay(subscription: Subscription, text: str, what: str) -> str:
    from labkit.sandbox.services import _sns_archive as archive

    return archive.check(subscription, text, what)


_CHECKS: Final = {
    "RedrivePolicy": _redrive, "DeliveryPolicy": _policy, "SubscriptionRoleArn": _role, "ReplayPolicy": _replay,
}  # fmt: skip


def set_attribute(subscription: Subscription, name: str, value: str | None) -> None:
    """SetSubscriptionAttributes."""
    put(subscription, name, value)
    if name == "ReplayPolicy" and value:
        _start_replay(subscription)


def _start_replay(subscription: Subscription) -> None:
    from labkit.sandbox.services import _sns_archive as archive

    archive.start(subscription)


# -- confirming ---------------------------------------------------------------------------------------


def new_token(subscription: Subscription) -> str:
    """A token that confirms the subscription within two days. Earlier ones are void."""
    now = current().clock.time()
    count = vars(subscription).get("tokens", 0) + 1
    seed = f"{subscription.arn} {now} {count}"
    token = "".join(hashlib.sha512(f"{seed} {part}".encode()).hexdigest() for part in range(3))[:288]
    vars(subscription).update(tokens=count, token=token, token_ends=now + VALID)
    return token


def confirm(
    topic_arn: str | None, token: str | None, region: str, *, signed: bool, locked: bool = False
) -> Subscription:
    """ConfirmSubscription. `locked` is AuthenticateOnUnsubscribe, which counts only in a signed request."""
    parts = (topic_arn or "").split(":", 5)
    if len(parts) < 6 or parts[2] != "sns" or parts[3] != region:
        raise invalid("Topic")
    if not _TOKEN.fullmatch(token or ""):
        raise refusal("InvalidParameter", "Invalid token")
    backend = backend_of(str(topic_arn))
    topic: Any = backend.topics.get(topic_arn) if backend is not None else None
    gone = list(vars(topic).get("cancelled", [])) if topic is not None else []
    candidates = [*(of_topic(topic) if topic is not None else ()), *gone]
    subscription = next((one for one in candidates if vars(one).get("token") == token), None)
    if subscription is None or current().clock.time() > vars(subscription)["token_ends"]:
        raise invalid("Token")
    if subscription in gone:
        vars(topic)["cancelled"].remove(subscription)
        backend.subscriptions[subscription.arn] = subscription
        topic.subscriptions_deleted = max(0, topic.subscriptions_deleted - 1)
    if is_pending(subscription) or subscription in gone:
        subscription.attributes["PendingConfirmation"] = "false"
        subscription.attributes["ConfirmationWasAuthenticated"] = str(signed and locked).lower()
        subscription.confirmed = True
        current().trace.record("state", "sns", "SubscriptionConfirmed", resource=subscription.arn)
    return subscription


def unsubscribe(arn: str | None, region: str, *, signed: bool) -> Subscription | None:
    """Unsubscribe. Returns the subscription when its endpoint has to be told, so that it can come back."""
    _check_subscription_arn(arn, region)
    subscription = look_up(str(arn))
    if subscription is None:
        return None
    if is_pending(subscription):
        raise invalid("SubscriptionArn", "Cannot unsubscribe a subscription that is pending confirmation")
    if not signed and subscription.attributes.get("ConfirmationWasAuthenticated") == "true":
        raise refusal(
            "AuthorizationError",
            f"User: anonymous is not authorized to perform: SNS:Unsubscribe on resource: {arn}",
        )
    topic = subscription.topic
    del topic.sns_backend.subscriptions[subscription.arn]
    topic.subscriptions_deleted += 1
    if signed:
        return None
    vars(topic).setdefault("cancelled", []).append(subscription)
    return subscription
