"""Queues as readers reach them: through moto, whose methods our SQS engine has replaced."""

from __future__ import annotations

from typing import Any

from moto.sqs.exceptions import SQSException

from labkit.sandbox import stores
from labkit.sandbox.stores import Arn

Queue = Any
Message = Any


def find_queue(arn: str) -> Queue | None:
    """moto's queue, or None when it was deleted or never made."""
    parts = Arn.of(arn)
    return stores.queue(parts) if parts is not None else None


def receive(queue: Queue, most: int) -> list[Message]:
    """Receive up to `most` messages for the queue's own visibility timeout, without waiting."""
    backend = stores.backend_of("sqs", queue.account_id, queue.region)
    try:
        given: list[Message] = backend.receive_message(
            queue.name, most, 0, int(queue.visibility_timeout), ["All"]
        )
    except SQSException:  # too many in flight: they are given when some were deleted
        return []
    return given


def delete(queue: Queue, message: Message) -> bool:
    """Delete a received message. Returns whether the queue took it: a receipt handle may have expired."""
    try:
        queue.delete_message(message.receipt_handle)
    except SQSException:
        return False
    return True
