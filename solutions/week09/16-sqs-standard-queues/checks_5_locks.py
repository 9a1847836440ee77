"""Who may send, and who may read: 16.7."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, Final

import boto3
from botocore.exceptions import ClientError

from labkit.judging import Expect, World, exercise

from . import DOCS

QUEUE: Final = "packing"
TOPIC: Final = "orders"


@exercise(
    "Two locks on one queue",
    points=10,
    minutes=20,
    star=True,
    covers=("L254",),
    hints=(
        "There are two locks, and each has its own policy. The queue's policy says who may send. The key's policy "
        "says who may use the key. A delivery from SNS has to open both. Which of the two says no in the trace?",
        "The key's policy lets `sns.amazonaws.com` do `kms:GenerateDataKey` and `kms:Decrypt`. The queue's policy has "
        "a statement with the condition `aws:SourceArn`, and one that denies when `aws:SecureTransport` is false. See "
        f"{DOCS}/SQSDeveloperGuide/sqs-key-management.html",
        '```\nfor_sns = {\n    "Effect": "Allow",\n    "Principal": {"Service": "sns.____.com"},\n'
        '    "Action": ["kms:GenerateDataKey", "kms:____"],\n    "Resource": "*",\n}\n```',
    ),
)
def two_locks(world: World, expect: Expect) -> None:
    """Of all topics only `orders` reaches the queue, no call comes over plain HTTP, and reading needs the key."""
    packing = expect.found(
        "exists",
        world.queue(QUEUE),
        "There is a queue named `packing`.",
        action="Run the cell that creates it again; it stands above the exercise.",
    )
    topic = expect.found(
        "topic",
        topic_named(world, TOPIC),
        "There is a topic named `orders`.",
        action="Run the cell that creates it again; it stands above the exercise.",
    )
    with suppress(ClientError):  # a policy may refuse everybody, us included
        packing.purge()
    judge_topics(world, expect, packing, topic)
    judge_plain_http(world, expect, packing)
    judge_workers(world, expect, packing, topic)


def topic_named(world: World, name: str) -> str | None:
    """The ARN of the topic with this name, or None."""
    pages = world.client("sns").get_paginator("list_topics").paginate()
    arns = [topic["TopicArn"] for page in pages for topic in page["Topics"]]
    return next((arn for arn in arns if arn.endswith(f":{name}")), None)


def judge_topics(world: World, expect: Expect, packing: Any, topic: str) -> None:
    """The shop publishes an order, and another team publishes something of its own."""
    came, reason = published(world, packing, topic)
    expect(
        "delivers",
        came,
        "An order that is published to the topic `orders` arrives in `packing`.",
        seen=f"An order was published, and nothing arrived. {reason}",
        why="Whoever publishes sees no error. The order is lost without a sound.",
        action="Find out which of the two locks refused SNS, and give SNS what it needs there.",
    )
    with world.rehearsal():
        sns = world.client("sns")
        other = sns.create_topic(Name=f"{TOPIC}-{world.word()}")["TopicArn"]
        sns.subscribe(TopicArn=other, Protocol="sqs", Endpoint=arn_of(world, packing))
        came, _ = published(world, packing, other)
    name = other.rpartition(":")[2]
    expect(
        "only",
        not came,
        "A message from any other topic does not arrive.",
        seen=f"A topic named `{name}` sent something, and it arrived in `packing`.",
        why="Anybody who can make a topic could put orders into your queue.",
        action="Let the queue's policy look at the ARN of the topic that sends: the whole ARN.",
    )


def arn_of(world: World, queue: Any) -> str:
    """The queue's ARN, also when its policy does not let us ask."""
    return f"arn:aws:sqs:{queue.region}:{world.sandbox.account}:{queue.name}"


def published(world: World, packing: Any, topic: str) -> tuple[bool, str]:
    """Publish something, say whether it came into the queue, and if not, what the trace says about it."""
    text = f"two lamps for {world.word()}"
    with world.rehearsal() as rehearsal:
        world.client("sns").publish(TopicArn=topic, Message=text)
        world.clock.advance(seconds=5)
        came = any(text in message.body for message in packing.messages())
        refused = [event for event in rehearsal.trace.where(kind="refused") if event.error]
    if came or not refused:
        return came, "The queue is not subscribed to the topic." if not came else ""
    first = refused[0]
    return False, f"SNS was refused with {first.error}. {first.note}".strip()


def judge_plain_http(world: World, expect: Expect, packing: Any) -> None:
    """An old program of the shop that never learned TLS. It may do everything else in the account."""
    plain = boto3.client("sqs", region_name=packing.region, use_ssl=False)
    calls = {
        "SendMessage": lambda: plain.send_message(QueueUrl=packing.url, MessageBody=world.word()),
        "ReceiveMessage": lambda: plain.receive_message(QueueUrl=packing.url),
        "GetQueueAttributes": lambda: plain.get_queue_attributes(
            QueueUrl=packing.url, AttributeNames=["All"]
        ),
    }
    with world.rehearsal():
        allowed = [name for name, call in calls.items() if not refused(call)]
    expect(
        "tls",
        not allowed,
        "No call reaches the queue over plain HTTP.",
        seen=f"Over plain HTTP these calls were allowed: {', '.join(allowed)}.",
        why="Without TLS, everybody on the way can read the order and the address of the customer.",
        action="Add a statement that denies every SQS action on this queue when the call did not come over TLS.",
    )


def refused(call: Any) -> str:
    """AWS's error code when it refuses a call, or nothing."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def judge_workers(world: World, expect: Expect, packing: Any, topic: str) -> None:
    """Two workers may receive from the queue. One of the two may use keys, too."""
    text = f"a kettle for {world.word()}"
    world.client("sns").publish(TopicArn=topic, Message=text)
    world.clock.advance(seconds=5)
    if not packing.messages():
        with suppress(ClientError):  # the check of the delivery has said so already
            packing.send(text)
    sqs_only = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    code, got = received_as(world, packing, [*sqs_only, "kms:Decrypt"])
    expect(
        "worker",
        not code and (got or not packing.messages()),
        "A worker whose role allows `kms:Decrypt` receives the orders.",
        seen=f"Its role allows `sqs:ReceiveMessage` and `kms:Decrypt`. It was refused with {code}."
        if code
        else "It received nothing, although a message waits.",
        why="A queue that nobody can read is no use, however safe it is.",
        action="Keep the statement of the key's policy that lets IAM decide, and refuse nothing that comes over TLS.",
    )
    code, _ = received_as(world, packing, sqs_only)
    expect(
        "stranger",
        code,
        "A worker whose role does not allow `kms:Decrypt` receives nothing.",
        seen=""
        if code
        else f"It may receive from the queue, and no key stopped it. {how_encrypted(packing)}",
        why="The second lock is there for the day on which somebody gives away too much at the first.",
        action="Encrypt the queue with a key of your own. Let its policy name SNS and the account, and nobody else.",
    )


def received_as(world: World, packing: Any, actions: list[str]) -> tuple[str, bool]:
    """Receive in a fresh role that may do these actions. Returns AWS's error code and whether something came."""
    iam, name = world.client("iam"), f"worker-{world.word()}"
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    may = document({"Effect": "Allow", "Action": actions, "Resource": "*"})
    iam.put_role_policy(RoleName=name, PolicyName="work", PolicyDocument=may)
    keys = world.client("sts").assume_role(RoleArn=role, RoleSessionName=name)["Credentials"]
    worker = boto3.client(
        "sqs",
        region_name=packing.region,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    got: list[Any] = []
    code = refused(
        lambda: got.extend(
            worker.receive_message(QueueUrl=packing.url, VisibilityTimeout=0).get("Messages", [])
        )
    )
    return code, bool(got)


def document(*statements: dict[str, Any]) -> str:
    """A policy as the text that AWS takes."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def how_encrypted(packing: Any) -> str:
    """Which key encrypts the queue, in a sentence."""
    key = packing.attributes.get("KmsMasterKeyId", "")
    if not key:
        return "The queue is encrypted with a key of SQS, which asks nobody."
    if "alias/aws/" in key:
        return f"The queue is encrypted with `{key}`, and everybody in the account may use that through SQS."
    return "The queue is encrypted with a key of yours, and that key's policy lets everybody in."
