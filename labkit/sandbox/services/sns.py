"""Amazon SNS in the lab's account.

Simulated here:
- Topics, subscriptions, and delivery to SQS queues in the envelope of SNS or raw.
- Filter policies on message attributes and on the body, with every operator AWS documents, and refused with AWS's
  reason when they are not valid.

Differs on AWS:
- A changed filter policy takes up to 15 minutes to be in force on AWS. Here it holds at once.
- A topic delivers here whatever the policies of topic and queue say.
- A failed delivery is an error for the publisher here; on AWS the publisher never sees it.

Not simulated:
- Confirmation of HTTP, email and SMS subscriptions, delivery to them, and retries.
- Dead-letter queues of subscriptions, deduplication on FIFO topics, encryption, data protection.

Sources:
- https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
- https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any, Final

from moto.sns import exceptions

from labkit.sandbox.hooks import hook

if TYPE_CHECKING:
    from labkit.sandbox.patterns import Pattern

_DIALECTS: Final = {"MessageAttributes": "sns-attributes", "MessageBody": "sns-body"}


@functools.lru_cache(maxsize=256)
def _pattern(text: str, scope: str) -> Pattern:
    from labkit.sandbox.patterns import Pattern

    return Pattern.parse(text, dialect=_DIALECTS[scope])


@hook("moto.sns.utils:FilterPolicyMatcher.matches")
def matches(original: Any, self: Any, message_attributes: dict[str, Any] | None, message: str) -> bool:
    """Whether a message gets through a subscription's filter policy."""
    if not self.filter_policy:
        return True
    pattern = _pattern(json.dumps(self.filter_policy), self.filter_policy_scope)
    event: Any = message if self.filter_policy_scope == "MessageBody" else (message_attributes or {})
    return pattern.matches(event)


@hook("moto.sns.models:SNSBackend.set_subscription_attributes")
def set_subscription_attributes(original: Any, self: Any, arn: str, name: str, value: Any) -> None:
    """A filter policy is checked as AWS checks it, in the scope the subscription has."""
    from labkit.sandbox.patterns import InvalidPattern

    subscription = next((one for one in self.subscriptions.values() if one.arn == arn), None)
    if subscription is None or not value or name not in ("FilterPolicy", "FilterPolicyScope"):
        original(self, arn, name, value)
        return
    attributes = subscription.attributes
    scope = (
        value if name == "FilterPolicyScope" else attributes.get("FilterPolicyScope") or "MessageAttributes"
    )
    if scope not in _DIALECTS:
        reason = f"Invalid parameter: Attributes Reason: FilterPolicyScope: Invalid value [{value}]."
        raise exceptions.SNSInvalidParameter(f"{reason} Please use either MessageBody or MessageAttributes")
    text = value if name == "FilterPolicy" else attributes.get("FilterPolicy")
    try:
        if text:
            _pattern(text, scope)
    except InvalidPattern as error:
        raise exceptions.SNSInvalidParameter(str(error)) from None
    original(self, arn, name, value)
    if name == "FilterPolicyScope" and text:
        original(self, arn, "FilterPolicy", text)


@hook("moto.sns.models:SNSBackend._validate_filter_policy")
def validate_filter_policy(original: Any, self: Any, value: Any, scope: str | None) -> None:
    """Nothing to do: the policy was checked as a whole before it came here."""
