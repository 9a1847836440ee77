"""Who delivers and who receives: what a service gives the delivery mechanism, and where it is kept."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from labkit.sandbox.parcels import Failure, Parcel

RECEIVERS: Final[dict[str, str]] = {
    "arn:sqs": "sqs",
    "arn:sns": "sns",
    "arn:lambda": "lambda_",
    "arn:events": "events",
    "arn:logs": "logs",
    "arn:kinesis": "kinesis",
    "arn:firehose": "firehose",
    "arn:dynamodb": "dynamodb",
    "arn:states": "stepfunctions",
    "arn:ecs": "ecs",
    "arn:scheduler": "scheduler",
    "http": "web",
    "https": "web",
    "mailto": "sns",
    "tel": "sns",
}
"""Kind of target -> the service module that receives. `arn:` and the service, or the scheme of a URL."""


class Reply(NamedTuple):
    """What a target answered: the text of its payload, the kind of error if it failed (`Unhandled`), its version."""

    payload: str
    error: str = ""
    version: str = ""


class Letter(NamedTuple):
    """What a dead-letter queue gets: body, message attributes, a group, and options as a parcel has them."""

    body: str
    attributes: tuple[tuple[str, str], ...] = ()
    group: str | None = None
    options: tuple[tuple[str, Any], ...] = ()


def _anything(parcel: Parcel) -> None:
    """Every target of this kind exists."""


def _target(parcel: Parcel) -> str:
    return parcel.target


def _as_it_was(parcel: Parcel, failure: Failure) -> Letter:
    return Letter(parcel.body)


def _same(parcel: Parcel) -> Parcel:
    """Every attempt hands over the same."""
    return parcel


def _source(parcel: Parcel) -> str:
    return parcel.source


def _nothing(parcel: Parcel, failure: Failure | None) -> None:
    """Nothing is left to do."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """How one kind of target takes parcels.

    `actions` are what the sender must be allowed to do with the target, or tell them for one parcel. `accept` hands
    over, with the account's lock held; what it returns (an id) goes into the trace. `find` raises `Refused` when
    the target does not exist; it is asked first. `resource` names the ARN that permissions are about, where it isn't
    the target.
    Both may raise `Refused` and `Unavailable`; any other exception is our fault.
    """

    actions: tuple[str, ...] | Callable[[Parcel], tuple[str, ...]]
    accept: Callable[[Parcel], str]
    find: Callable[[Parcel], None] = _anything
    resource: Callable[[Parcel], str] = _target
    call: Callable[[Parcel, str, tuple[Any, ...]], None] | None = None
    """For `delivery.ask`: begin a call whose answer somebody waits for. See there."""


@dataclass(frozen=True, slots=True)
class Sender:
    """What one service does around its deliveries.

    `letter` makes what goes into the dead-letter queue. `ended` is called once for each parcel, with None when
    it arrived and with the failure when it was given up, after the dead-letter queue. A dead-letter queue is
    reached in the service's own name, so its policy must allow it, or with `buries_as_role` in the parcel's role.
    """

    letter: Callable[[Parcel, Failure], Letter] = _as_it_was
    ended: Callable[[Parcel, Failure | None], None] = _nothing
    buries_as_role: bool = False
    prepare: Callable[[Parcel], Parcel] = _same
    """What one attempt hands over; `attempt` tells which it is. The next attempt begins with the parcel as sent."""
    shown_as: Callable[[Parcel], str] = _source
    """The ARN that `aws:SourceArn` shows, where it isn't the source."""


receivers: Final[dict[str, Receiver]] = {}
senders: Final[dict[str, Sender]] = {}


def receives(kind: str, receiver: Receiver) -> None:
    """Register how a kind of target takes parcels; the kinds are the keys of `RECEIVERS`."""
    if kind not in RECEIVERS:
        raise ValueError(
            f"{kind!r} is no kind of target. Name it in labkit/sandbox/delivery/ends.py, RECEIVERS."
        )
    receivers[kind] = receiver


def sends(name: str, sender: Sender) -> None:
    """Register a sender, by the name its parcels carry."""
    senders[name] = sender


def kind_of(target: str) -> str:
    """The kind of a target: `arn:sqs` for a queue's ARN, `https` for a URL."""
    head, _, rest = target.partition(":")
    return f"arn:{rest.split(':')[1]}" if head == "arn" and rest.count(":") >= 4 else head


def receiver_of(target: str) -> Receiver | None:
    """Who receives for this target, or None when nothing here can."""
    kind = kind_of(target)
    if kind not in receivers and kind in RECEIVERS:
        try:
            importlib.import_module(f"labkit.sandbox.services.{RECEIVERS[kind]}")
        except ModuleNotFoundError as error:
            if not str(error.name).startswith("labkit.sandbox.services"):
                raise
    return receivers.get(kind)


def sender_of(parcel: Parcel) -> Sender:
    """Who sent it; a sender that registered nothing does nothing special."""
    return senders.get(parcel.sender) or Sender()
