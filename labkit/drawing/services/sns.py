"""SNS: topics, their subscriptions with filters, and where goes what could not be delivered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from labkit.drawing.scene import Scene
from labkit.drawing.services._filters import in_full, phrase
from labkit.judging.card import plural
from labkit.sandbox.trace import short_name

CALLS: Final = ("Publish", "PublishBatch")
_PLACES: Final = {
    "email": ("email", "mailto:"), "email-json": ("email", "mailto:"), "sms": ("sms", "tel:"),
    "http": ("webhook", ""), "https": ("webhook", ""), "application": ("phone", ""),
}  # fmt: skip
"""Protocol -> the word of what is at its end, and how its address begins in the trace."""
_MOST: Final = 3
"""Addresses of a kind drawn one by one for each topic; more are drawn as a pile."""


def show(scene: Scene, backend: Any) -> None:
    """Topics, and what subscribes to them: queues, functions, streams, and addresses outside AWS."""
    for topic in backend.topics.values():
        detail = "FIFO" if str(topic.arn).endswith(".fifo") else ""
        scene.resource(topic.arn, "sns", topic.name, detail)
        ends = [one for one in backend.subscriptions.values() if one.topic is topic]
        crowds = {word for word in ("email", "sms", "webhook", "phone") if _count(ends, word) > _MOST}
        for one in ends:
            _show_subscription(scene, backend, topic, one, crowds)


def _count(subscriptions: list[Any], word: str) -> int:
    return sum(_PLACES.get(one.protocol, ("", ""))[0] == word for one in subscriptions)


def _show_subscription(scene: Scene, backend: Any, topic: Any, one: Any, crowds: set[str]) -> None:
    waits = one.attributes.get("PendingConfirmation") == "true"
    target = str(one.endpoint)
    if one.protocol in _PLACES:
        target = _outside(scene, backend, topic, one, crowds)
    more = in_full(one.attributes.get("FilterPolicy"))
    scene.link(
        topic.arn, target, ", ".join(_said(one, waits)), off=waits, more=f"Filter: {more}" if more else ""
    )
    redrive = one.attributes.get("RedrivePolicy")
    if redrive and (dead := _dead_letters(redrive)):
        name = scene.resources[target].name if target in scene.resources else short_name(target)
        scene.link(topic.arn, dead, f"for {name}", style="failure")


def _said(one: Any, waits: bool) -> Iterator[str]:
    if waits:
        yield "not confirmed"
    if one.attributes.get("RawMessageDelivery") == "true":
        yield "raw"
    if asked := phrase(one.attributes.get("FilterPolicy")):
        where = "body: " if one.attributes.get("FilterPolicyScope") == "MessageBody" else ""
        yield f"if {where}{asked}"


def _outside(scene: Scene, backend: Any, topic: Any, one: Any, crowds: set[str]) -> str:
    """The key of an address. Many of a kind are one pile, which all of them mean."""
    word, begins = _PLACES[one.protocol]
    key = f"{begins}{one.endpoint}"
    if word in crowds:
        pile = f"{topic.arn}/{word}"
        made = scene.outside(pile, word, word)
        made.count = sum(
            _PLACES.get(other.protocol, ("", ""))[0] == word
            for other in backend.subscriptions.values()
            if other.topic is topic
        )
        made.name = plural(made.count, *_NOUNS[word])
        scene.alias(key, pile)
        return pile
    made = scene.outside(key, word, _name(backend, one))
    endpoint = getattr(backend, "platform_endpoints", {}).get(one.endpoint)
    made.off = endpoint is not None and endpoint.attributes.get("Enabled") == "false"
    return key


_NOUNS: Final = {
    "email": ("e-mail address", "e-mail addresses"), "sms": ("phone number", "phone numbers"),
    "webhook": ("web address", "web addresses"), "phone": ("mobile app", "mobile apps"),
}  # fmt: skip


def _name(backend: Any, one: Any) -> str:
    """What people know an address by. The host of a web address comes first."""
    if one.protocol in ("http", "https"):
        return str(one.endpoint).partition("://")[2].partition("?")[0].rstrip("/")
    endpoint = getattr(backend, "platform_endpoints", {}).get(one.endpoint)
    return str(endpoint.token) if endpoint is not None else str(one.endpoint)


def _dead_letters(policy: Any) -> str:
    try:
        told = json.loads(policy) if isinstance(policy, str) else policy
        return str(told.get("deadLetterTargetArn") or "")
    except (ValueError, AttributeError):
        return ""
