"""Workers that empty a queue side by side on the virtual clock: receive, work for a while, delete."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from labkit.errors import UsageError
from labkit.sandbox import Sandbox
from labkit.workload.records import percentile


class Handled(NamedTuple):
    """One message in the hands of one worker. Times are seconds since 1970 on the account's clock.

    `sent` is when the message came into the queue, `receives` how often it had been received by then. `done` says
    whether it was handled and deleted; `error` is the exception's name when it was not.
    """

    id: str
    body: str
    group: str
    receives: int
    worker: int
    sent: float
    began: float
    ended: float
    done: bool
    error: str = ""

    @property
    def waited(self) -> float:
        """Seconds in the queue before this worker had it."""
        return self.began - self.sent


class Story(list[Handled]):
    """What workers did, in the order in which they finished."""

    def by(self, group: str) -> Story:
        """The messages of one message group."""
        return Story(one for one in self if one.group == group)

    def waited(self, share: float = 0.95) -> float:
        """Seconds in the queue that this share of all messages did not exceed."""
        return percentile([one.waited for one in self], share)

    def __repr__(self) -> str:
        done = sum(one.done for one in self)
        return f"Messages handled: {done:,}, failed: {len(self) - done:,}. 95 % waited at most {self.waited():.1f} s."


class Workers:
    """`count` workers on one queue; a player of `play`.

    Each one receives up to `batch` messages, works `seconds` on each (a number, or a function of the message),
    calls `handle(message)` when that time is over, and deletes the message unless `handle` raises. `scale`, if
    given, is asked every `every` seconds how many workers there shall be: `scale(visible, in_flight, workers)`.
    New workers take `warm_up` seconds to start. Raises `UsageError` for values that make no sense.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        queue_url: str,
        *,
        count: int = 1,
        seconds: float | Callable[[Any], float] = 1.0,
        handle: Callable[[Any], object] | None = None,
        batch: int = 1,
        visibility: int | None = None,
        scale: Callable[[int, int, int], int] | None = None,
        every: float = 60.0,
        warm_up: float = 0.0,
        client: Any = None,
    ) -> None:
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise UsageError(f"count is how many workers there are, such as 4. It is {count!r}.")
        if not callable(seconds) and (isinstance(seconds, bool) or not 0 <= seconds < math.inf):
            raise UsageError(f"seconds is how long one message takes, such as 0.5. It is {seconds!r}.")
        if not 1 <= batch <= 10:
            raise UsageError(f"batch is how many messages one receive takes, 1 to 10. It is {batch!r}.")
        self.handled = Story()
        self.sizes: list[tuple[float, int]] = []
        """When the number of workers changed, and to what."""
        self._sandbox, self._url, self._count = sandbox, queue_url, count
        self._seconds, self._handle = seconds, handle
        self._batch, self._visibility = batch, visibility
        self._scale, self._every, self._warm_up = scale, every, warm_up
        self._sqs = client or sandbox.client("sqs")
        self._tie = itertools.count()
        self._diary: list[tuple[float, int, str, int, Any]] = []
        self._idle: list[int] = []
        self._alive: set[int] = set()
        self._names = itertools.count(1)
        self._look = False

    @property
    def lasts(self) -> float:
        """They work as long as the story goes on."""
        return math.inf

    @property
    def size(self) -> int:
        """How many workers there are now, those that start included."""
        return len(self._alive)

    def begin(self, now: float) -> None:
        """All workers start at once."""
        self.handled, self.sizes = Story(), []
        self._diary, self._idle, self._alive = [], [], set()
        self._resize(self._count, now, at_once=True)
        if self._scale is not None:
            self._note(now + self._every, "scale")

    def due(self) -> float | None:
        """When somebody finishes, starts, or is asked."""
        return self._diary[0][0] if self._diary else None

    def stirred(self, now: float) -> None:
        """A message may have come: those who wait look."""
        if self._idle and not self._look:
            self._look = True
            self._note(now, "look")

    def act(self, now: float) -> None:
        """Do the next thing in the diary."""
        _, _, what, worker, message = heapq.heappop(self._diary)
        if what == "scale":
            self._ask(now)
        elif what == "look":
            self._look = False
            while self._idle and self._receive(self._idle[0], now):
                self._idle.pop(0)
        elif worker not in self._alive and what == "ready":
            return  # it was sent home before it was ready
        elif what == "ready":
            self._next(worker, now)
        else:
            self._finish(worker, message, now)

    def _note(self, when: float, what: str, worker: int = 0, message: Any = None) -> None:
        heapq.heappush(self._diary, (when, next(self._tie), what, worker, message))

    def _next(self, worker: int, now: float) -> None:
        if not self._receive(worker, now):
            self._idle.append(worker)

    def _receive(self, worker: int, now: float) -> bool:
        timeout = {} if self._visibility is None else {"VisibilityTimeout": self._visibility}
        answer = self._sqs.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=self._batch, WaitTimeSeconds=0,
            MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"], **timeout,
        )  # fmt: skip
        began = now
        for message in answer.get("Messages", []):
            takes = self._seconds(message) if callable(self._seconds) else self._seconds
            self._note(began + takes, "done", worker, (message, began, message is answer["Messages"][-1]))
            began += takes
        return bool(answer.get("Messages"))

    def _finish(self, worker: int, work: Any, now: float) -> None:
        message, began, last = work
        error = ""
        try:
            if self._handle is not None:
                self._handle(message)
        except Exception as failure:  # a worker survives a message that fails, as a real one does
            error = type(failure).__name__
        else:
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        about = message.get("Attributes", {})
        self.handled.append(
            Handled(
                message["MessageId"], message["Body"], about.get("MessageGroupId", ""),
                int(about.get("ApproximateReceiveCount", 1)), worker,
                int(about.get("SentTimestamp", 0)) / 1000, began, now, not error, error,
            )
        )  # fmt: skip
        if last and worker in self._alive:
            self._next(worker, now)

    def _ask(self, now: float) -> None:
        assert self._scale is not None
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]
        wanted = self._scale(int(found[names[0]]), int(found[names[1]]), self.size)
        if isinstance(wanted, bool) or not isinstance(wanted, int) or wanted < 0:
            raise UsageError(f"scale returns how many workers there shall be, such as 4. It gave {wanted!r}.")
        self._resize(wanted, now)
        self._note(now + self._every, "scale")

    def _resize(self, wanted: int, now: float, *, at_once: bool = False) -> None:
        while len(self._alive) > wanted:
            # Those who wait go first; a busy one goes when its message is done.
            leaving = self._idle.pop() if self._idle else max(self._alive)
            self._alive.discard(leaving)
        while len(self._alive) < wanted:
            worker = next(self._names)
            self._alive.add(worker)
            self._note(now + (0.0 if at_once else self._warm_up), "ready", worker)
        if not self.sizes or self.sizes[-1][1] != wanted:
            self.sizes.append((now, wanted))

    def __repr__(self) -> str:
        return f"Workers: {self.size}. {self.handled!r}"
