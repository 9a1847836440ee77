"""Fair queues: 17.7."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from labkit.judging import GOODS, Expect, World, exercise, number

from . import DOCS, alike, read

# -- 17.7 ------------------------------------------------------------------------------------------------

HANDS: Final = 32  # workers, each with one order at a time
BUSY: Final = 160  # orders of the busy seller, in half a second
IN_TIME: Final = 12  # seconds; the workers need six for all orders
QUIET: Final = 18  # orders of all others, in four seconds: one in ten


@exercise(
    "A noisy tenant",
    points=10,
    minutes=8,
    covers=("L239-L242",),
    hints=(
        "The queue cannot be fair to sellers as long as it does not know who they are. Tell it.",
        "A standard queue takes a `MessageGroupId`, too. There it does not mean order: it names the tenant. See "
        f"{DOCS}/SQSDeveloperGuide/sqs-fair-queues.html",
        "```\nsqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(order), MessageGroupId=____)\n```",
    ),
)
def fair(world: World, expect: Expect, *, place_order: Callable[..., Any]) -> None:
    """While one seller sends nine of ten orders, the orders of the others wait two seconds at most."""
    from labkit.workload import Traffic, steady

    name = f"orchard-{world.word()}"
    world.client("sqs").create_queue(QueueName=name)
    queue = world.queue(name)
    assert queue is not None
    busy, *others = [world.word() for _ in range(7)]
    sent: list[dict[str, str]] = []

    def send(request: Any) -> None:
        order = {
            "id": f"order-{world.word()}",
            "seller": request.user,
            "wants": world.random.choice(GOODS),
        }
        sent.append(order)
        expect.call(
            "runs",
            place_order,
            queue.url,
            dict(order),
            wanted="`place_order` runs without an error.",
            action="This is a standard queue. Which of your arguments does it take?",
        )

    flood: Traffic = world.traffic(steady(BUSY * 2, seconds=0.5), send, users=[busy], evenly=True)
    drops: Traffic = world.traffic(steady(QUIET / 4, seconds=4), send, users=others, evenly=True)
    crew = world.workers(queue.url, count=HANDS, seconds=lambda _: world.random.uniform(0.7, 1.3))
    world.play(flood, drops, crew, seconds=IN_TIME)
    done = Counter(alike(read(one.body)) for one in crew.handled if one.done)
    missing = sum(done[alike(order)] != 1 for order in sent)
    expect(
        "all",
        not missing,
        "Every order is handled once within 12 seconds, also those of the busy seller.",
        seen=f"{len(sent)} orders were placed. {number(missing, 'order was', 'orders were')} not handled exactly once "
        f"in that time. {HANDS} workers could do all of them in six seconds.",
        why="A busy seller is a good customer. Fair means that others do not wait, not that this one is sent away.",
        action="Send each order whole and at once: `json.dumps(order)`.",
    )
    waits = sorted(one.waited for one in crew.handled if read(one.body).get("seller") in others)
    slow = waits[max(0, -(-len(waits) * 95 // 100) - 1)] if waits else 0.0
    expect(
        "quiet",
        waits and slow <= 2,
        "95 % of the orders of the quiet sellers wait at most 2 seconds.",
        seen=f"One seller sent {BUSY} orders, six others {QUIET} together. 95 % of those {QUIET} waited "
        f"up to {slow:.1f} seconds.",
        why="They stand behind the orders of somebody they do not know.",
        action="Say on each message whose it is. SQS does the rest.",
    )
