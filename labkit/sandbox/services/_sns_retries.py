"""Delivery policies of HTTP/S subscriptions, and how often SNS tries again for each kind of endpoint.

Source: https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html (phases by endpoint, the fields of a
delivery policy, their ranges and defaults, 3,600 seconds in all) and
https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html (the two forms of the policy).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from labkit.sandbox.parcels import Phase, Retry
from labkit.sandbox.services._sns_errors import invalid

MANAGED: Final = Retry((Phase(3), Phase(2, 1, 1), Phase(10, 1, 20, "exponential"), Phase(100_000, 20, 20)))
"""Amazon SQS, AWS Lambda and Amazon Data Firehose: 100,015 attempts over 23 days."""
CUSTOMER: Final = Retry((Phase(2, 10, 10), Phase(10, 10, 600, "exponential"), Phase(38, 600, 600)))
"""E-mail, SMS and mobile push: 50 attempts over 6 hours."""
LONGEST: Final = 3_600.0
"""Seconds for which a message is retried at an HTTP/S endpoint at most."""
CONTENT_TYPE: Final = "text/plain; charset=UTF-8"
DEFAULT_RETRIES: Final = {
    "minDelayTarget": 20, "maxDelayTarget": 20, "numRetries": 3, "numMaxDelayRetries": 0,
    "numNoDelayRetries": 0, "numMinDelayRetries": 0, "backoffFunction": "linear",
}  # fmt: skip
_CURVES: Final = ("arithmetic", "exponential", "geometric", "linear")
_LEAST: Final = {"minDelayTarget": 1, "maxDelayTarget": 1, "maxReceivesPerSecond": 1}
_MOST: Final = {"numRetries": 100, "minDelayTarget": 3_600, "maxDelayTarget": 3_600}
Policy = dict[str, Any]


# -- checking ----------------------------------------------------------------------------------------


def topic_policy(text: str, what: str) -> Policy:
    """The delivery policy of a topic as AWS keeps it; empty when there is none. `what` begins the errors."""
    given = _parsed(text, what)
    _members(given, {"http"}, "", what)
    http = given.get("http")
    if not http:
        return {}
    _members(
        http,
        {"defaultHealthyRetryPolicy", "disableSubscriptionOverrides", "defaultThrottlePolicy", "defaultRequestPolicy",
         "defaultSicklyRetryPolicy"},
        "http.", what,
    )  # fmt: skip
    _retry(http.get("defaultHealthyRetryPolicy"), "http.defaultHealthyRetryPolicy", what)
    _throttle(http.get("defaultThrottlePolicy"), "http.defaultThrottlePolicy", what)
    _request(http.get("defaultRequestPolicy"), "http.defaultRequestPolicy", what)
    kept = {name: value for name, value in http.items() if value is not None}
    kept.setdefault("disableSubscriptionOverrides", False)
    return {"http": kept}


def subscription_policy(text: str, what: str) -> Policy:
    """The delivery policy of a subscription; empty when there is none."""
    given = _parsed(text, what)
    if not given:
        return {}
    names = {"healthyRetryPolicy", "sicklyRetryPolicy", "throttlePolicy", "requestPolicy", "guaranteed"}
    _members(given, names, "", what)
    retry = _retry(given.get("healthyRetryPolicy"), "healthyRetryPolicy", what)
    _throttle(given.get("throttlePolicy"), "throttlePolicy", what)
    _request(given.get("requestPolicy"), "requestPolicy", what)
    return {
        "healthyRetryPolicy": retry,
        "sicklyRetryPolicy": given.get("sicklyRetryPolicy"),
        "throttlePolicy": given.get("throttlePolicy"),
        "requestPolicy": given.get("requestPolicy"),
        "guaranteed": bool(given.get("guaranteed", False)),
    }


def _parsed(text: str, what: str) -> Policy:
    if not text:
        return {}
    try:
        given = json.loads(text)
    except ValueError:
        raise invalid(f"{what}: failed to parse JSON.") from None
    if not isinstance(given, dict):
        raise invalid(f"{what}: failed to parse JSON.")
    return given


def _members(given: Any, known: set[str], path: str, what: str) -> None:
    if not isinstance(given, Mapping):
        raise invalid(f"{what}: {path.rstrip('.') or 'policy'} must be a JSON object")
    for name in given:
        if name not in known:
            raise invalid(f"{what}: Unexpected JSON member: {path}{name}")


def _retry(given: Any, path: str, what: str) -> Policy | None:
    if given is None:
        return None
    _members(given, set(DEFAULT_RETRIES), f"{path}.", what)
    for name, value in given.items():
        if name == "backoffFunction":
            if value not in _CURVES:
                raise invalid(f"{what}: {path}.backoffFunction must be one of {', '.join(_CURVES)}")
        else:
            _number(value, name, path, what)
    whole = {**DEFAULT_RETRIES, **given}
    if whole["minDelayTarget"] > whole["maxDelayTarget"]:
        raise invalid(f"{what}: {path}.minDelayTarget must be less than or equal to maxDelayTarget")
    parts = sum(whole[f"num{part}Retries"] for part in ("NoDelay", "MinDelay", "MaxDelay"))
    if parts > whole["numRetries"]:
        raise invalid(
            f"{what}: {path}.numRetries must be greater than or equal to the total of numNoDelayRetries, "
            "numMinDelayRetries and numMaxDelayRetries"
        )
    plan = plan_of(whole)
    if sum(plan.wait(done) or 0 for done in range(plan.attempts)) > LONGEST:
        raise invalid(
            f"{what}: {path}: the total retry time must be less than or equal to {LONGEST:.0f} seconds"
        )
    return whole


def _number(value: Any, name: str, path: str, what: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(f"{what}: {path}.{name} must be an integer")
    least, most = _LEAST.get(name, 0), _MOST.get(name)
    if value < least:
        raise invalid(f"{what}: {path}.{name} must be greater than or equal to {least}")
    if most is not None and value > most:
        raise invalid(f"{what}: {path}.{name} must be less than or equal to {most}")


def _throttle(given: Any, path: str, what: str) -> None:
    if given is not None:
        _members(given, {"maxReceivesPerSecond"}, f"{path}.", what)
        if given.get("maxReceivesPerSecond") is not None:
            _number(given["maxReceivesPerSecond"], "maxReceivesPerSecond", path, what)


def _request(given: Any, path: str, what: str) -> None:
    if given is not None:
        _members(given, {"headerContentType"}, f"{path}.", what)
        if not isinstance(given.get("headerContentType", ""), str):
            raise invalid(f"{what}: {path}.headerContentType must be a string")


# -- what holds --------------------------------------------------------------------------------------


def effective_topic(kept: Policy) -> Policy:
    """The topic's policy with the defaults of the system."""
    http = kept.get("http", {})
    whole = {
        "defaultHealthyRetryPolicy": {**DEFAULT_RETRIES, **(http.get("defaultHealthyRetryPolicy") or {})},
        "disableSubscriptionOverrides": http.get("disableSubscriptionOverrides", False),
        "defaultRequestPolicy": {
            "headerContentType": CONTENT_TYPE,
            **(http.get("defaultRequestPolicy") or {}),
        },
    }
    if http.get("defaultThrottlePolicy"):
        whole["defaultThrottlePolicy"] = http["defaultThrottlePolicy"]
    return {"http": whole}


def effective_subscription(kept: Policy, topic: Policy) -> Policy:
    """What holds for one subscription: its own policy before its topic's, before the defaults."""
    http = effective_topic(topic)["http"]
    own = {} if http["disableSubscriptionOverrides"] else kept
    return {
        "healthyRetryPolicy": own.get("healthyRetryPolicy") or http["defaultHealthyRetryPolicy"],
        "sicklyRetryPolicy": None,
        "throttlePolicy": own.get("throttlePolicy") or http.get("defaultThrottlePolicy"),
        "requestPolicy": own.get("requestPolicy") or http["defaultRequestPolicy"],
        "guaranteed": False,
    }


def plan_of(retries: Mapping[str, Any]) -> Retry:
    """The four phases of a retry policy: at once, before the back-off, the back-off, after it."""
    low, high = float(retries["minDelayTarget"]), float(retries["maxDelayTarget"])
    now, early, late = (retries[f"num{part}Retries"] for part in ("NoDelay", "MinDelay", "MaxDelay"))
    middle = retries["numRetries"] - now - early - late
    phases = (
        Phase(now),
        Phase(early, low, low),
        Phase(middle, low, high, retries["backoffFunction"]),
        Phase(late, high, high),
    )
    return Retry(tuple(phase for phase in phases if phase.times > 0), LONGEST)


def plan_for(protocol: str, effective: Callable[[], Policy]) -> Retry:
    """How often SNS tries again at an endpoint of this protocol."""
    if protocol in ("http", "https"):
        return plan_of(effective()["healthyRetryPolicy"])
    return MANAGED if protocol in ("sqs", "lambda", "firehose") else CUSTOMER
