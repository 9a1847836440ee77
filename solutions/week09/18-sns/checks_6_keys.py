"""Exercise 18.7: services of AWS publish to an encrypted topic."""

from __future__ import annotations

import json
from typing import Any, Final

from labkit.judging import Expect, World, exercise
from labkit.sandbox import delivery
from labkit.sandbox.parcels import Parcel

from . import DOCS, account, subscriptions, text_of, topic

STRANGER: Final = "s3.amazonaws.com"


@exercise(
    "A key of your own",
    points=10,
    minutes=8,
    covers=("L278-L279",),
    hints=(
        "Follow one message from the service to the queue. At which doors does somebody need a key? Who "
        "stands there each time: "
        "the service, or SNS?",
        "`kms.create_key(Policy=...)` with a statement for the service principals of EventBridge, CloudWatch "
        "and SNS, and one for "
        "the account. Then `KmsMasterKeyId` of the topic and of the queue. See "
        f"{DOCS}/dg/sns-key-management.html",
        '```\n"Principal": {"Service": ["events.amazonaws.com", "cloudwatch.amazonaws.com", "____"]},\n'
        '"Action": ["kms:GenerateDataKey*", "kms:Decrypt"],\n```',
    ),
)
def own_key(world: World, expect: Expect) -> None:
    """EventBridge and CloudWatch reach an encrypted queue through an encrypted topic; another service does not."""
    arn, board = topic(world, "alarms"), world.queue("alarm-board")
    linked = arn is not None and board is not None and board.arn in subscriptions(world, arn)
    expect.found(
        "exists",
        board if linked else None,
        "The queue `alarm-board` is subscribed to the topic `alarms`.",
        action="Run the cell above the exercise again.",
    )
    queue: Any = board
    topic_key = world.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"].get("KmsMasterKeyId", "")
    expect(
        "topic_key",
        own(world, topic_key),
        "The topic `alarms` is encrypted with a key of your own.",
        seen=f"Its key is {topic_key}." if topic_key else "It is not encrypted.",
        why="Nobody can change who may use the ready key, so no service of AWS can publish with it.",
        action="Make a key with `kms.create_key`, and set `KmsMasterKeyId` of the topic.",
    )
    queue_key = queue.attributes.get("KmsMasterKeyId", "")
    expect(
        "queue_key",
        own(world, queue_key),
        "The queue `alarm-board` is encrypted with a key of your own.",
        seen=f"Its key is {queue_key}." if queue_key else "It has no KMS key.",
        why="A copy that waits in a queue should be kept as safe as the topic.",
        action="Set `KmsMasterKeyId` of the queue.",
    )
    came, why = from_eventbridge(world, str(arn), queue)
    expect(
        "events",
        came,
        "An event from EventBridge reaches the queue.",
        seen=f"A rule sent an event to the topic. It did not reach the queue. {why}",
        why="The publisher needs the topic's key. SNS needs the queue's key.",
        action="Which principal was refused, and by which policy? Let it in there.",
    )
    came, why = from_service(world, str(arn), queue, "cloudwatch.amazonaws.com")
    expect(
        "cloudwatch",
        came,
        "An alarm from CloudWatch reaches the queue.",
        seen=f"CloudWatch published an alarm to the topic. It did not reach the queue. {why}",
        why="The publisher needs the topic's key. SNS needs the queue's key.",
        action="Which principal was refused, and by which policy? Let it in there.",
    )
    came, _ = from_service(world, str(arn), queue, STRANGER)
    mine = own(world, topic_key) and own(world, queue_key)
    through_policy = mine and from_service(world, str(arn), queue, STRANGER, keys=(topic_key, queue_key))[0]
    through_key = own(world, topic_key) and from_service(world, str(arn), queue, STRANGER, let_in=True)[0]
    expect(
        "stranger",
        not (came or through_policy or through_key),
        "Another service of AWS can neither publish nor use the key.",
        seen=f"{STRANGER} published to the topic, and it arrived."
        if came
        else f"Somebody let {STRANGER} use your keys. Its message arrived: the policy of the topic stopped nothing."
        if through_policy
        else f"Somebody let {STRANGER} into the policy of the topic. Its message arrived: your key stopped nothing.",
        why="There are two locks, the topic's policy and the key's. A mistake in one of them should not be enough.",
        action="Name the services in the policies, one by one.",
    )


def own(world: World, key: str) -> bool:
    """Whether this is a key of the customer."""
    if not key:
        return False
    kms = world.client("kms")
    try:
        found = kms.describe_key(KeyId=key)["KeyMetadata"]
    except kms.exceptions.NotFoundException:
        return False
    return bool(found["KeyManager"] == "CUSTOMER") and "alias/aws/" not in key


def from_eventbridge(world: World, arn: str, queue: Any) -> tuple[bool, str]:
    """Whether an event of a new rule reaches the queue, and what refused it."""
    with world.rehearsal() as rehearsal:
        events, word = world.client("events"), world.word()
        events.put_rule(Name=word, EventPattern=json.dumps({"source": [word]}))
        events.put_targets(Rule=word, Targets=[{"Id": "topic", "Arn": arn}])
        entry = {"Source": word, "DetailType": "test", "Detail": json.dumps({"word": word})}
        events.put_events(Entries=[entry])
        world.clock.advance(seconds=5)
        return any(word in text_of(one.body) for one in queue.messages()), refusal(rehearsal.trace)


def from_service(
    world: World, arn: str, queue: Any, service: str, *, let_in: bool = False, keys: tuple[str, ...] = ()
) -> tuple[bool, str]:
    """Whether a message in the name of a service reaches the queue.

    `let_in` makes a policy of the topic that lets the service in; `keys` are opened for everybody.
    """
    with world.rehearsal() as rehearsal:
        for key in keys:
            open_for_all(world, key)
        word, name = world.word(), service.partition(".")[0]
        if let_in:
            statement = {
                "Effect": "Allow",
                "Principal": {"Service": service},
                "Action": "sns:Publish",
                "Resource": arn,
            }
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            world.client("sns").set_topic_attributes(
                TopicArn=arn, AttributeName="Policy", AttributeValue=policy
            )
        source = f"arn:aws:{name}:{world.sandbox.region}:{account(world)}:alarm:{word}"
        with world.sandbox.lock:
            delivery.send(Parcel(name, source, arn, f"alarm {word}", principal=service, id=word))
        world.clock.advance(seconds=5)
        return any(word in text_of(one.body) for one in queue.messages()), refusal(rehearsal.trace)


def open_for_all(world: World, key: str) -> None:
    """Let everybody use a key."""
    kms = world.client("kms")
    found = kms.describe_key(KeyId=key)["KeyMetadata"]["KeyId"]
    statement = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    kms.put_key_policy(KeyId=found, PolicyName="default", Policy=policy)


def refusal(trace: Any) -> str:
    """The last refusal in the words of the lab."""
    refused = trace.where(kind="refused", action="DeliveryRefused")
    return str(refused[-1].note or refused[-1].message) if refused else ""
