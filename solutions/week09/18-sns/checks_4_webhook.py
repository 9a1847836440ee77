"""Exercise 18.5: real, foreign, forged and replayed posts."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final
from unittest.mock import patch
from urllib.parse import urlsplit

from labkit.judging import GOODS, Expect, World, exercise
from labkit.sandbox import delivery
from labkit.sandbox.parcels import Parcel

from . import DOCS, topic

Post = tuple[dict[str, str], str]
ADDRESS: Final = "http://127.0.0.1:9/webhook"
# As AWS's own libraries have it: with fewer letters, sns.s3.amazonaws.com would fit, a bucket named "sns".
SNS: Final = re.compile(r"sns\.[a-zA-Z0-9-]{3,}\.amazonaws\.com")
BAD_PLACES: Final = {
    "https://sns.eu-west-1.amazonaws.com.{word}.example/cert.pem": "Its host only begins like that of SNS.",
    "https://sns-{word}.s3.amazonaws.com/cert.pem": "That is a bucket of S3, and anybody can have one.",
    "https://sns.s3.amazonaws.com/{word}.pem": "That is a bucket with the name `sns`, and somebody has it.",
    "https://{word}.example/sns.eu-west-1.amazonaws.com/cert.pem": "Its host is what stands before the third slash.",
    "https://sns.eu-west-1.amazonaws.com@{word}.example/cert.pem": "Its host is what stands after the @.",
    "http://sns.eu-west-1.amazonaws.com/{word}.pem": "On the way, somebody can change what comes over http.",
}


class Door:
    """A web address of the checker. It keeps every post that SNS sends there."""

    def __init__(self) -> None:
        self.posts: list[Post] = []

    def accept(self, parcel: Parcel) -> str:
        """Take one post."""
        found = {name[7:]: str(value) for name, value in parcel.options if name.startswith("header:")}
        self.posts.append((found, parcel.body))
        return "HTTP 200"


@contextmanager
def open_door() -> Iterator[Door]:
    """Inside, every HTTP post of SNS comes to the checker, and nothing goes over a wire."""
    door = Door()
    with patch.dict(delivery.receivers, {"http": delivery.Receiver((), door.accept)}):
        yield door


@exercise(
    "Who really wrote?",
    points=10,
    minutes=14,
    star=True,
    covers=("L282",),
    hints=(
        "Everything in a post is written by its sender, also the name of the topic and the place of the proof. Which "
        "one thing can a forger not make? And what is it worth when he may choose where you look it up?",
        "Look at the host of `SigningCertURL` with `urlsplit(...).netloc`, at `TopicArn`, then at the "
        "signature; keep each "
        f"`MessageId`. `confirm_subscription` takes `TopicArn` and `Token`. See "
        f"{DOCS}/dg/sns-verify-signature-of-message.html",
        '```\nplace, region = urlsplit(post["SigningCertURL"]), parcels.split(":")[3]\n'
        'if place.scheme != "https" or place.netloc != f"sns.{region}.____":\n    return 403\n```',
    ),
)
def webhook(world: World, expect: Expect, *, webhook: Callable[..., Any]) -> None:
    """Only posts that SNS signed for the own topic count, each of them once."""
    arn = expect.found(
        "exists",
        topic(world, "parcels"),
        "There is a topic `parcels`.",
        action="Run the cell again that creates it.",
    )
    with open_door() as door, forgers_server(world) as forge:
        judge_real(world, expect, webhook, arn, door)
        judge_foreign(world, expect, webhook, arn, door)
        judge_forged(world, expect, webhook, arn, door)
        judge_places(world, expect, webhook, arn, door, forge)


def subscribe(world: World, arn: str) -> str:
    """Subscribe an address of the checker to a topic."""
    endpoint = f"{ADDRESS}/{world.word()}"
    answer = world.client("sns").subscribe(
        TopicArn=arn, Protocol="http", Endpoint=endpoint, ReturnSubscriptionArn=True
    )
    return str(answer["SubscriptionArn"])


def confirmed(world: World, subscription: str) -> bool:
    """Whether somebody said yes."""
    sns = world.client("sns")
    try:
        attributes = sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
    except sns.exceptions.NotFoundException:
        return False
    return bool(attributes["PendingConfirmation"] == "false")


def notification(world: World, arn: str, door: Door) -> tuple[Post, str]:
    """A post that SNS really sends for a message, and the text of the message."""
    subscription = subscribe(world, arn)
    token = json.loads(door.posts[-1][1])["Token"]
    world.client("sns").confirm_subscription(TopicArn=arn, Token=token)
    text = f"{world.random.choice(GOODS)} {world.word()}"
    world.client("sns").publish(TopicArn=arn, Message=text)
    post = next(post for post in reversed(door.posts) if json.loads(post[1])["Message"] == text)
    world.client("sns").unsubscribe(SubscriptionArn=subscription)
    return post, text


def judge_real(world: World, expect: Expect, webhook: Callable[..., Any], arn: str, door: Door) -> None:
    """Posts of the own topic: they confirm, they deliver, and only once."""
    vans: list[Any] = []
    subscription = subscribe(world, arn)
    asked = door.posts[-1]
    status = called(expect, webhook, asked, vans)
    expect(
        "confirms",
        confirmed(world, subscription) and good(status),
        "It confirms a subscription to your own topic, and answers 200.",
        seen=f"SNS asked whether it may send. The webhook answered {status!r}, and the subscription "
        f"{'was confirmed' if confirmed(world, subscription) else 'still waits'}.",
        why="Without a yes, SNS sends nothing, and deletes the subscription after two days.",
        action="Return 200 when you have confirmed."
        if confirmed(world, subscription)
        else "For a post of the type `SubscriptionConfirmation`, call `sns.confirm_subscription`.",
    )
    post, text = notification(world, arn, door)
    status = called(expect, webhook, post, vans)
    expect(
        "takes",
        vans == [text] and good(status),
        "It hands the text of a real message to `deliver`, and answers 200.",
        seen=f"The message was {text!r}. `deliver` was {handed(vans)}, and the answer was {status!r}.",
        why="An answer other than 2xx tells SNS that the message did not arrive.",
        action="Take `Message` out of the post, hand it to `deliver`, and return 200.",
    )
    vans.clear()
    called(expect, webhook, post, vans)
    world.clock.advance(hours=3)
    called(expect, webhook, post, vans)
    expect(
        "replayed",
        not vans,
        "A post that comes again, now or hours later, is not delivered a second time.",
        seen=f"The same post came three times. `deliver` was called {len(vans) + 1} times.",
        why="SNS can send a message twice, and a thief can post an old letter that is signed as it should be.",
        action="Keep the `MessageId` of each message that you delivered, and look there first.",
    )


def judge_foreign(world: World, expect: Expect, webhook: Callable[..., Any], arn: str, door: Door) -> None:
    """A stranger subscribes this webhook to a topic of his own: everything is signed by SNS."""
    other = world.client("sns").create_topic(Name=world.word(), Attributes={"SignatureVersion": "2"})[
        "TopicArn"
    ]
    vans: list[Any] = []
    subscription = subscribe(world, other)
    headers, body = door.posts[-1]
    # The sender writes the headers as he likes.
    asked = ({**headers, "x-amz-sns-topic-arn": arn}, body)
    status = called(expect, webhook, asked, vans)
    said_yes = confirmed(world, subscription)
    (headers, body), _ = notification(world, other, door)
    second = called(expect, webhook, ({**headers, "x-amz-sns-topic-arn": arn}, body), vans)
    expect(
        "foreign",
        not said_yes and not vans and refused(status) and refused(second),
        "It refuses posts of other topics, and does not confirm them.",
        seen=f"A stranger subscribed your webhook to a topic of his own. It answered {status!r}"
        f"{' and confirmed' if said_yes else ''}. To the stranger's message it answered {second!r}"
        f"{' and delivered it' if vans else ''}.",
        why="SNS signs the posts of everybody's topics. The signature says that SNS wrote, not that you published.",
        action="Compare the `TopicArn` in the body with your own. Answer 403 when it differs.",
    )


def judge_forged(world: World, expect: Expect, webhook: Callable[..., Any], arn: str, door: Door) -> None:
    """A real post with another text, or with a signature of another post."""
    post, _ = notification(world, arn, door)
    other, _ = notification(world, arn, door)
    headers, body = post
    real = json.loads(body)
    strange = json.loads(other[1])["Signature"]
    changes = (
        {"Message": f"give it all to {world.word()}", "MessageId": world.word()},
        {"MessageId": world.word()},
        {"Signature": strange},
    )
    for change in changes:
        vans: list[Any] = []
        status = called(expect, webhook, (headers, json.dumps(real | change)), vans)
        expect(
            "forged",
            not vans and refused(status),
            "It refuses a post whose signature does not fit.",
            seen=f"In a real post somebody changed {' and '.join(change)}. The webhook answered {status!r}"
            f"{' and called `deliver`' if vans else ''}.",
            why="The address of a webhook is public. Without the signature, anybody can send your vans around.",
            action="Ask `signature_fits` before you believe anything in the post.",
        )


def judge_places(
    world: World,
    expect: Expect,
    webhook: Callable[..., Any],
    arn: str,
    door: Door,
    forge: Callable[[dict[str, Any]], str],
) -> None:
    """A forger signs with a key of his own and says where its certificate lies: on his web server."""
    (headers, body), _ = notification(world, arn, door)
    now = datetime.fromtimestamp(world.clock.time(), UTC)
    for place, remark in BAD_PLACES.items():
        url = place.format(word=world.word())
        post = json.loads(body) | {
            "Message": f"give it all to {world.word()}",
            "MessageId": world.word(),
            "SigningCertURL": url,
            "Timestamp": f"{now:%Y-%m-%dT%H:%M:%S.000Z}",
        }
        post["Signature"] = forge(post)
        vans: list[Any] = []
        status = called(expect, webhook, (headers, json.dumps(post)), vans)
        expect(
            "certificate",
            not vans and refused(status),
            "It fetches certificates only from SNS, over https.",
            seen=f"A forger signed a post with a key of his own. His certificate lay at {url}. {remark} The webhook "
            f"answered {status!r}{' and called `deliver`' if vans else ''}.",
            why="A signature proves only that the owner of the certificate signed. So it matters whose "
            "certificate it is.",
            action="Compare the whole host name, from its first letter to its last, and the scheme. Then fetch.",
        )


def called(expect: Expect, webhook: Callable[..., Any], post: Post, vans: list[Any]) -> Any:
    """Hand one post to the learner's webhook; returns its answer."""
    headers, body = post
    answer = expect.call(
        "runs",
        webhook,
        dict(headers),
        body,
        vans.append,
        wanted="`webhook` answers every post without an error.",
        why="An error in a web server is an answer of 500, and SNS sends the post again and again.",
        action="Print one post, and see which keys it has. Then repair that line.",
    )
    # Many web servers want a status and a text.
    return answer[0] if isinstance(answer, tuple) and answer else answer


def handed(vans: list[Any]) -> str:
    """What `deliver` was called with, in few words."""
    if not vans:
        return "not called"
    first = repr(vans[0]) if len(repr(vans[0])) < 60 else f"{type(vans[0]).__name__} {repr(vans[0])[:50]}..."
    return f"called with {first}" + (f", and {len(vans) - 1} times more" if len(vans) > 1 else "")


def good(status: Any) -> bool:
    """Whether an HTTP status says that all is well."""
    return isinstance(status, int) and 200 <= status < 300


def refused(status: Any) -> bool:
    """Whether an HTTP status says that the sender is not welcome."""
    return isinstance(status, int) and 400 <= status < 500


# -- the forger ------------------------------------------------------------------------------------------


@cache
def forgers_key() -> tuple[Any, bytes]:
    """A private key, and a certificate that its owner made himself. Making one takes long, so it is made once."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(18).not_valid_before(begin).not_valid_after(begin + timedelta(days=3650))
    return key, builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@contextmanager
def forgers_server(world: World) -> Iterator[Callable[[dict[str, Any]], str]]:
    """Inside, the forger's web servers answer `requests` with his certificate. Gives what signs a post for him."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    from requests import Response
    from requests.adapters import HTTPAdapter

    key, certificate = forgers_key()
    original = HTTPAdapter.send

    def send(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        parts = urlsplit(request.url)
        if parts.scheme == "https" and SNS.fullmatch(parts.hostname or ""):
            return original(self, request, *args, **kwargs)
        answer = Response()
        answer.status_code, answer._content, answer.url = 200, certificate, request.url
        return answer

    def sign(post: dict[str, Any]) -> str:
        names = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
        text = "".join(f"{name}\n{post[name]}\n" for name in names if name in post)
        return base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()

    with patch.object(HTTPAdapter, "send", send):
        yield sign
