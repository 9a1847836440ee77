"""SQS: queues, their dead-letter queues, and the messages in them."""

from __future__ import annotations

from typing import Any, Final

from labkit.drawing.scene import Scene
from labkit.judging.card import plural

CALLS: Final = ("SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage", "DeleteMessageBatch")
_WORDS: Final = {"available": "visible", "in flight": "in flight", "delayed": "delayed"}
MOVES: Final = {"MessageMovedToDLQ": "DeadLetterQueueArn"}


def show(scene: Scene, backend: Any) -> None:
    """Queues, and where messages go that failed too often."""
    for queue in backend.queues.values():
        scene.resource(queue.queue_arn, "sqs", queue.name, _detail(queue))
        policy = queue.redrive_policy
        if isinstance(policy, dict):
            receives = plural(int(policy.get("maxReceiveCount", 0)), "receive")
            scene.link(
                queue.queue_arn, policy.get("deadLetterTargetArn"), f"after {receives}", style="failure"
            )


def _detail(queue: Any) -> str:
    kind = "FIFO, " if queue.fifo_queue else ""
    count = getattr(queue._messages, "count", None)  # moto's own list has a method of that name
    told = ""
    if isinstance(count, dict):
        parts = [f"{count[state]} {word}" for state, word in _WORDS.items() if count.get(state)]
        told = "; " + ", ".join(parts) if parts else ""
    return f"{kind}visibility {queue.visibility_timeout} s{told}"
