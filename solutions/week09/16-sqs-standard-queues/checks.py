"""What the finished exercises of lab 16 do. Each check plays the shop, the other workers and the passing of time."""

from __future__ import annotations

from typing import Any, Final

from labkit.judging import World, question

DOCS: Final = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest"

# -- questions -------------------------------------------------------------------------------------------

after_a_minute = question(
    "A worker receives an order from a queue with a visibility timeout of 30 seconds. Its program stops before it "
    "deletes the message. Nobody does anything for a minute. Where is the order?",
    a="It is gone: the worker has received it",
    b="It waits in the queue again, for any worker",
    c="It is hidden until somebody calls the queue for help",
    answer="b",
    because="Receiving does not remove a message. It only hides it for the visibility timeout. After 30 seconds "
    "everybody can receive it again.",
    why_not={
        "a": "Only DeleteMessage (or the end of the retention period) removes a message.",
        "c": "Nobody has to call. The visibility timeout ends by itself.",
    },
)

idle_calls = question(
    "An idle worker asks the queue again as soon as it has an answer, about ten times a second. How many calls is "
    "that in one hour without a single order?",
    a="About 360",
    b="About 3,600",
    c="About 36,000",
    answer="c",
    because="10 calls a second, 3,600 seconds: 36,000 calls, each of them billed, and no order packed.",
    why_not={
        "a": "That is one call every ten seconds.",
        "b": "That is one call every second.",
    },
)


managed_key = question(
    "A queue is encrypted with `alias/aws/sqs`, the key that AWS made for SQS in your account. Its queue policy lets "
    "SNS send. You publish an order to a topic that the queue is subscribed to. What happens?",
    a="The order arrives, encrypted",
    b="`publish` raises an error",
    c="`publish` succeeds, and nothing arrives",
    answer="c",
    because="`publish` only hands the order to the topic. The delivery comes afterwards, and there SNS may not use the "
    "key: its policy names the people and roles of your account, no service, and nobody can change it.",
    why_not={
        "a": "The queue lets SNS in, but the key does not. Both have to.",
        "b": "Whoever publishes never hears what becomes of a delivery.",
    },
)


# -- the plan ------------------------------------------------------------------------------------------------


def figure() -> Any:
    """The queues of the finished lab, for `lab.draw(expected=True)`."""
    from labkit import Diagram  # only who draws waits for it

    plan = Diagram("Orders that fail")
    with plan.account(), plan.region():
        orders, dead = plan.sqs("orders"), plan.sqs("orders-dlq")
        orders.to(dead, "after 3 receives")
    return plan


# -- what the checks share -------------------------------------------------------------------------------


def new_queue(world: World, **attributes: str) -> Any:
    """A queue nobody has seen before."""
    name = f"orchard-{world.word()}"
    world.client("sqs").create_queue(QueueName=name, Attributes=attributes)
    return world.queue(name)


def seconds_said(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


def shown(things: list[Any]) -> str:
    """The first few things of a list, in few words."""
    text = ", ".join(repr(one) if isinstance(one, str) else f"a {type(one).__name__}" for one in things[:3])
    return f"{text} and {len(things) - 3} more" if len(things) > 3 else text or "nothing"
