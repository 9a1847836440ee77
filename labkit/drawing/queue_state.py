"""What is in the account, read from moto's own objects without touching anything.

No API call is made, no backend is made, and nothing that fell due is played: what a timeout has done since the
account was last used is worked out. So a look changes nothing, not even the trace.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from labkit.sandbox.trace import short_name

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

_AS_SEEN: Final = {"available": "waiting", "in flight": "in flight", "delayed": "delayed"}


@dataclass(frozen=True, slots=True)
class MessageState:
    """One message in a queue. `until` is when its state ends by itself (seconds since 1970, virtual), or 0."""

    id: str
    body: str
    state: str
    receives: int
    until: float
    source: str


@dataclass(frozen=True, slots=True)
class QueueState:
    """One SQS queue now. `dead_letter` is the name of its dead-letter queue, `serves` the queues whose it is."""

    name: str
    arn: str
    region: str
    account: str
    visible: int
    in_flight: int
    delayed: int
    dead_letter: str
    serves: tuple[str, ...]
    messages: tuple[MessageState, ...]
    sent_first: float

    @property
    def total(self) -> int:
        """All messages in it."""
        return self.visible + self.in_flight + self.delayed


def backends(service: str) -> Iterator[tuple[str, str, Any]]:
    """(account, Region, moto's backend) for everything of a service that exists."""
    for registry in registries():
        if registry.service_name == service:
            for account, regions in list(dict.items(registry)):
                for region, backend in list(dict.items(regions)):
                    yield account, region, backend


def registries() -> list[Any]:
    """moto's registries of backends, one per service that was used."""
    loaded = sys.modules.get("moto.core.base_backend")
    return [] if loaded is None else list(loaded.BackendDict._instances)


def queues(sandbox: Sandbox) -> list[QueueState]:
    """Every queue of every account and Region, in the order they were made."""
    now = sandbox.clock.time()
    found = [
        (account, region, queue)
        for account, region, backend in backends("sqs")
        for queue in backend.queues.values()
    ]
    targets = {queue.queue_arn: _dead_letter_arn(queue) for _, _, queue in found}
    return [_queue(queue, account, region, targets, now) for account, region, queue in found]


def _queue(queue: Any, account: str, region: str, targets: Mapping[str, str], now: float) -> QueueState:
    arn = str(queue.queue_arn)
    messages = tuple(_messages(queue, now))
    states = [message.state for message in messages]
    entries = getattr(queue._messages, "entries", {})
    return QueueState(
        name=str(queue.name),
        arn=arn,
        region=region,
        account=account,
        visible=states.count("waiting"),
        in_flight=states.count("in flight"),
        delayed=states.count("delayed"),
        dead_letter=short_name(targets[arn]),
        serves=tuple(short_name(source) for source, target in targets.items() if target == arn),
        messages=messages,
        sent_first=min((entry.enqueued for entry in entries.values() if entry.state != "gone"), default=0.0),
    )


def _messages(queue: Any, now: float) -> Iterator[MessageState]:
    retention = float(queue.message_retention_period)
    for entry in getattr(queue._messages, "entries", {}).values():
        message = entry.message
        if message is None or entry.enqueued + retention <= now:
            continue  # it has expired, though nobody has looked since
        passed = 0 < entry.due <= now
        if entry.state == "hidden" and not passed:
            continue  # the second copy of an at-least-once delivery: nobody can know of it yet
        state = "waiting" if passed else _AS_SEEN.get(entry.state, "waiting")
        until = 0.0 if passed else entry.due
        source = short_name(entry.source) if entry.source else ""
        receives = int(message.approximate_receive_count)
        yield MessageState(str(message.id), str(message.body), state, receives, until, source)


def _dead_letter_arn(queue: Any) -> str:
    policy = queue.redrive_policy
    if isinstance(policy, str):
        policy = json.loads(policy or "{}")
    return str((policy or {}).get("deadLetterTargetArn", ""))
