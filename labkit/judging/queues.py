"""A queue as the outside world sees it, for checks.

Everything but `messages()` is an ordinary API call of the checker. Operations and attributes: the Amazon SQS
API model in botocore (`sqs/2012-11-05/service-2.json`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from labkit.judging.world import World

MOST: Final = 10_000
"""Messages `drain` takes at most, so that a queue that never empties cannot stop a check."""


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message as ReceiveMessage gave it.

    `count` is ApproximateReceiveCount. `attributes` are the message attributes as SQS returns them
    ({name: {"DataType", "StringValue"}}), `system` the system attributes as texts.
    """

    id: str
    body: str
    handle: str
    count: int
    attributes: dict[str, dict[str, Any]]
    system: dict[str, str]


@dataclass(frozen=True, slots=True)
class PeekedMessage:
    """A message seen without receiving it. Times are virtual, in seconds since 1970.

    `visible` says whether a consumer could receive it now; `visible_at` is when that was or will be so.
    """

    id: str
    body: str
    count: int
    visible: bool
    visible_at: float
    sent: float
    attributes: dict[str, Any]
    group: str | None


class QueueView:
    """One SQS queue. It is looked up by name each time, so it stays right inside rehearsals."""

    def __init__(self, world: World, name: str, url: str, region: str) -> None:
        self._world = world
        self.name = name
        self.url = url
        self.region = region

    @classmethod
    def find(cls, world: World, name: str, region: str) -> QueueView | None:
        """The queue of this name, or None."""
        client = world.client("sqs", region)
        try:
            url = client.get_queue_url(QueueName=name)["QueueUrl"]
        except client.exceptions.QueueDoesNotExist:
            return None
        return cls(world, name, url, region)

    @property
    def _client(self) -> Any:
        return self._world.client("sqs", self.region)

    # -- settings --------------------------------------------------------------------------------

    @property
    def attributes(self) -> dict[str, str]:
        """All queue attributes, as GetQueueAttributes gives them."""
        answer = self._client.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])
        return dict(answer.get("Attributes", {}))

    def number(self, attribute: str) -> int:
        """A queue attribute as a whole number; 0 when the queue does not have it."""
        return int(self.attributes.get(attribute) or 0)

    @property
    def arn(self) -> str:
        """The queue's ARN."""
        return self.attributes["QueueArn"]

    @property
    def visibility_timeout(self) -> int:
        """VisibilityTimeout in seconds."""
        return self.number("VisibilityTimeout")

    @property
    def wait(self) -> int:
        """ReceiveMessageWaitTimeSeconds."""
        return self.number("ReceiveMessageWaitTimeSeconds")

    @property
    def delay(self) -> int:
        """DelaySeconds."""
        return self.number("DelaySeconds")

    @property
    def retention(self) -> int:
        """MessageRetentionPeriod in seconds."""
        return self.number("MessageRetentionPeriod")

    @property
    def visible(self) -> int:
        """ApproximateNumberOfMessages: messages a consumer could receive now."""
        return self.number("ApproximateNumberOfMessages")

    @property
    def in_flight(self) -> int:
        """ApproximateNumberOfMessagesNotVisible: received, and neither deleted nor timed out."""
        return self.number("ApproximateNumberOfMessagesNotVisible")

    @property
    def delayed(self) -> int:
        """ApproximateNumberOfMessagesDelayed: sent, and not yet to be received."""
        return self.number("ApproximateNumberOfMessagesDelayed")

    @property
    def tags(self) -> dict[str, str]:
        """The queue's tags."""
        return dict(self._client.list_queue_tags(QueueUrl=self.url).get("Tags", {}))

    @property
    def redrive(self) -> dict[str, Any] | None:
        """RedrivePolicy, or None."""
        return _json(self.attributes.get("RedrivePolicy"))

    @property
    def redrive_allow(self) -> dict[str, Any] | None:
        """RedriveAllowPolicy, or None."""
        return _json(self.attributes.get("RedriveAllowPolicy"))

    @property
    def dead_letter(self) -> QueueView | None:
        """The queue that poison messages of this one move to, or None."""
        target = str((self.redrive or {}).get("deadLetterTargetArn", ""))
        if target.count(":") != 5:
            return None
        _, _, _, region, _, name = target.split(":")
        return self._world.queue(name, region)

    # -- messages --------------------------------------------------------------------------------

    def send(
        self,
        body: str | Mapping[str, Any],
        *,
        attributes: Mapping[str, Mapping[str, Any]] | None = None,
        delay: int | None = None,
        group: str | None = None,
        deduplication: str | None = None,
    ) -> str:
        """Send one message and return its id. A dict is sent as JSON. `delay` is in seconds."""
        optional = {
            "MessageAttributes": attributes,
            "DelaySeconds": delay,
            "MessageGroupId": group,
            "MessageDeduplicationId": deduplication,
        }
        text = body if isinstance(body, str) else json.dumps(body)
        given = {name: value for name, value in optional.items() if value is not None}
        return str(self._client.send_message(QueueUrl=self.url, MessageBody=text, **given)["MessageId"])

    def receive(
        self,
        max: int = 1,  # noqa: A002 - the short word of MaxNumberOfMessages
        wait: int = 0,
        visibility: int | None = None,
    ) -> list[ReceivedMessage]:
        """Receive at most `max` (1-10) messages. `wait` and `visibility` are virtual seconds."""
        given = {} if visibility is None else {"VisibilityTimeout": visibility}
        answer = self._client.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=max,
            WaitTimeSeconds=wait,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
            **given,
        )
        return [_received(message) for message in answer.get("Messages", [])]

    def delete(self, message: ReceivedMessage) -> None:
        """Delete a received message."""
        self._client.delete_message(QueueUrl=self.url, ReceiptHandle=message.handle)

    def drain(self) -> list[ReceivedMessage]:
        """Receive and delete every visible message. Returns them in the order they came."""
        drained: list[ReceivedMessage] = []
        while len(drained) < MOST and (batch := self.receive(max=10)):
            for message in batch:
                self.delete(message)
            drained += batch
        return drained

    def purge(self) -> None:
        """Take every message out, also those in flight and delayed."""
        # SQS allows one purge in 60 seconds, and the learner may have used it.
        self._backend_queue().last_purged_at = None
        self._client.purge_queue(QueueUrl=self.url)

    def messages(self) -> list[PeekedMessage]:
        """Every message in the queue, without receiving: nothing is counted and nothing hidden."""
        now = self._world.clock.time()
        return [_peeked(message, now) for message in self._stored()]

    def _backend_queue(self) -> Any:
        return self._world.sandbox.backend("sqs", region=self.region).queues[self.name]

    def _stored(self) -> list[Any]:
        return list(self._backend_queue()._messages)

    def __repr__(self) -> str:
        return f"<queue {self.name}>"


def _json(text: str | None) -> dict[str, Any] | None:
    return dict(json.loads(text)) if text else None


def _received(message: dict[str, Any]) -> ReceivedMessage:
    system = dict(message.get("Attributes", {}))
    return ReceivedMessage(
        id=message["MessageId"],
        body=message["Body"],
        handle=message["ReceiptHandle"],
        count=int(system.get("ApproximateReceiveCount", 1)),
        attributes=dict(message.get("MessageAttributes", {})),
        system=system,
    )


def _peeked(message: Any, now: float) -> PeekedMessage:
    # moto keeps times in milliseconds; a message is hidden by a receive or by a delay.
    free_at = max(message.visible_at, message.delayed_until) / 1000
    return PeekedMessage(
        id=message.id,
        body=message.body,
        count=message.approximate_receive_count,
        visible=free_at <= now,
        visible_at=free_at,
        sent=(message.sent_timestamp or 0) / 1000,
        attributes=dict(message.message_attributes),
        group=message.group_id,
    )
