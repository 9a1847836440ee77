"""How many calls a second a FIFO queue takes.

The quota holds while the clock stands still but for moves, as in a story of traffic: there the rate is exact. Cells
that loop in real time are never throttled: they go faster than any network would let them.

Sources: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html (300 calls a
second per API action; high throughput in Europe (Ireland): 70,000; 300 per partition) and
.../SQSDeveloperGuide/troubleshooting-fifo-throttling-issues.html; a message group lives in one partition:
.../SQSDeveloperGuide/high-throughput-fifo.html. RequestThrottled: botocore's model, SendMessage.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Final

from labkit.sandbox import current
from labkit.sandbox.services import _sqs_errors as errors

DEFAULT: Final = 300
"""Calls a second per action, for the queue, or for one partition of a queue with high throughput."""
HIGH_THROUGHPUT: Final = 70_000
"""Calls a second per action for a queue with high throughput in Europe (Ireland)."""


def check(queue: Any, action: str, groups: Iterable[str | None] = ()) -> None:
    """Count one call of `action` on a FIFO queue. Raises RequestThrottled when it is one too many in a second.

    `groups` are the message groups the call is about, as far as it names them.
    """
    clock = current().clock
    if not queue.fifo_queue or not clock.stands_still:
        return
    now = clock.time()
    high = queue.fifo_throughput_limit == "perMessageGroupId"
    recent: dict[tuple[str, str], deque[float]] = vars(queue).setdefault("_recent_calls", {})
    limits = {(action, ""): HIGH_THROUGHPUT if high else DEFAULT}
    if high:
        limits.update({(action, str(group)): DEFAULT for group in set(groups) if group})
    for key, limit in limits.items():
        calls = recent.setdefault(key, deque())
        while calls and calls[0] <= now - 1:
            calls.popleft()
        if len(calls) >= limit:
            raise errors.refusal("RequestThrottled", "Rate exceeded")
    for key in limits:
        recent[key].append(now)
