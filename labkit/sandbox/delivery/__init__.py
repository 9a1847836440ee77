"""The one way in which services deliver to each other.

A sender calls `send(parcel)`. The first attempt is made when the call that caused it has been answered, so
whoever published never sees what becomes of it. Each attempt asks whether the target is there, whether its
policy (or the sender's role) and its key allow it, and then hands over to the target's receiver:

* it arrives: one event of kind "delivery" in the trace;
* `Refused`: kind "refused", and no further attempt;
* `Unavailable`: kind "delivery" with an error, and the next attempt on the clock, as the parcel's `Retry` says.

What was given up goes to the dead-letter queue, if there is one, else it is gone; the trace says so. Who
may deliver is decided by `labkit.sandbox.authorization`, here and nowhere else.

A service that receives registers with `receives`, one that sends with `sends`, both at the end of their modules.
"""

from __future__ import annotations

from typing import Any, Final

from labkit.sandbox import Sandbox, current, lineage
from labkit.sandbox.delivery import record
from labkit.sandbox.delivery.ends import (
    RECEIVERS,
    Letter,
    Receiver,
    Reply,
    Sender,
    kind_of,
    receiver_of,
    receivers,
    receives,
    sender_of,
    senders,
    sends,
)
from labkit.sandbox.delivery.permission import permission
from labkit.sandbox.parcels import Failure, Parcel, Refused, Unavailable, Undelivered

__all__ = [
    "RECEIVERS",
    "Letter",
    "Receiver",
    "Reply",
    "Sender",
    "ask",
    "attempt",
    "give_up",
    "hand_over",
    "kind_of",
    "receiver_of",
    "receivers",
    "receives",
    "refusal",
    "send",
    "senders",
    "sends",
]

_LATEST_DUPLICATE: Final = 20.0
"""Seconds after which a duplicate arrives at the latest. The figure is ours; AWS gives none."""


# -- sending -----------------------------------------------------------------------------------------


def send(parcel: Parcel, after: float = 0.0) -> None:
    """Put a parcel on its way: at once, or after so many seconds."""
    sandbox = current()
    now = sandbox.clock.time()
    if (header := lineage.carried()) and not parcel.option(lineage.ATTRIBUTE):
        parcel = parcel._replace(options=(*parcel.options, (lineage.ATTRIBUTE, header)))
    sandbox.clock.schedule(now + after, attempt, *parcel)
    if not parcel.attempt and sandbox.faults.strikes(
        "delivery.duplicate", parcel.id, parcel.target, target=parcel.target
    ):
        later = sandbox.faults.dice("delivery.duplicate", parcel.id).uniform(0, _LATEST_DUPLICATE)
        sandbox.clock.schedule(now + after + later, attempt, *parcel)


def refusal(parcel: Parcel) -> Undelivered | None:
    """Why a parcel would not be let in now, or None. For services that look at a destination before they keep it."""
    receiver = receiver_of(parcel.target)
    if receiver is None:
        return _not_simulated(parcel)
    try:
        receiver.find(parcel)
        permission(parcel, receiver)
    except Undelivered as error:
        return error
    return None


def give_up(parcel: Parcel, failure: Failure) -> None:
    """A parcel that is not even tried: straight to its dead-letter queue."""
    _give_up(current(), parcel, failure)


def attempt(*fields: Any) -> None:
    """Due work: one attempt to deliver. Takes a parcel's fields."""
    parcel = Parcel(*fields)
    with lineage.carrying(str(parcel.option(lineage.ATTRIBUTE) or "")):
        _attempt(current(), parcel)


def hand_over(parcel: Parcel) -> str:
    """One attempt, now, for a reader that waits for the answer; returns what the target answered.

    It has the rights and the record of any delivery. Raises `Undelivered`: nothing is tried again and nothing is
    buried, that is the reader's business.
    """
    sandbox = current()
    return _try(sandbox, parcel._replace(attempt=1, born=sandbox.clock.time()), sandbox.trace.reserve())


def ask(parcel: Parcel, done: str, *args: Any) -> None:
    """Call a target, now, for a caller that wants its answer but cannot stand still until it comes.

    `done` names a function of a module (`package.module:function`); it is called with a `Reply` (None when the answer
    was lost) and `args`, before this returns or later. Raises `Undelivered` when the target is not even called.
    """
    sandbox = current()
    parcel = parcel._replace(attempt=1, born=sandbox.clock.time())
    sequence, at = sandbox.trace.reserve(), sandbox.clock.time()
    try:
        with sandbox.trace.caused_by(sequence, parcel.principal or parcel.sender):
            receiver, ways = _way(sandbox, parcel)
            if receiver.call is None:
                raise _not_simulated(parcel)
            record.attempted(sandbox, parcel, sequence, at, arrived=parcel.id, note=ways)
            receiver.call(parcel, done, args)
    except Undelivered as error:
        record.attempted(
            sandbox, parcel, sandbox.trace.reserve(), at,
            error=error.code, message=str(error), note=error.note, refused=_final(error),
        )  # fmt: skip
        raise


def _attempt(sandbox: Sandbox, parcel: Parcel) -> None:
    if not parcel.attempt:
        parcel = parcel._replace(born=sandbox.clock.time())
    parcel = parcel._replace(attempt=parcel.attempt + 1)
    sequence = sandbox.trace.reserve()
    try:
        _try(sandbox, parcel, sequence)
    except Undelivered as error:
        with sandbox.trace.caused_by(sequence, parcel.principal or parcel.sender):
            _not_delivered(sandbox, parcel, error)
        return
    with sandbox.trace.caused_by(sequence, parcel.principal or parcel.sender):
        sender_of(parcel).ended(parcel, None)


def _try(sandbox: Sandbox, parcel: Parcel, sequence: int) -> str:
    """One attempt, with its event. Raises `Undelivered`."""
    at = sandbox.clock.time()
    try:
        with sandbox.trace.caused_by(sequence, parcel.principal or parcel.sender):
            receiver, ways = _way(sandbox, parcel)
            arrived = _accept(receiver, sender_of(parcel).prepare(parcel))
    except Undelivered as error:
        record.attempted(
            sandbox, parcel, sequence, at,
            error=error.code, message=str(error), note=error.note, refused=_final(error),
        )  # fmt: skip
        raise
    record.attempted(sandbox, parcel, sequence, at, arrived=arrived, note=ways)
    return arrived


def _way(sandbox: Sandbox, parcel: Parcel) -> tuple[Receiver, str]:
    """The receiver, and which statement lets the parcel through. Raises `Undelivered`."""
    receiver = receiver_of(parcel.target)
    if receiver is None:
        raise _not_simulated(parcel)
    whom = (parcel.id, parcel.target, parcel.attempt)
    if sandbox.faults.strikes("delivery.unavailable", *whom, target=parcel.target):
        raise Unavailable("ServiceUnavailable", "The fault delivery.unavailable is switched on in this lab.")
    receiver.find(parcel)
    return receiver, permission(parcel, receiver)


def _accept(receiver: Receiver, parcel: Parcel) -> str:
    try:
        return receiver.accept(parcel)
    except NotImplementedError:
        raise _not_simulated(parcel) from None


def _not_simulated(parcel: Parcel) -> Refused:
    return Refused("NotSimulated", f"Delivery to {parcel.target} is not simulated here; it exists on AWS.")


# -- afterwards --------------------------------------------------------------------------------------


def _final(error: Undelivered) -> bool:
    return isinstance(error, Refused)


def _not_delivered(sandbox: Sandbox, parcel: Parcel, error: Undelivered) -> None:
    done = parcel.attempt - 1
    condition, wait = "", None if _final(error) else parcel.retry.wait(done)
    if wait is not None:
        dice = sandbox.faults.dice("delivery.jitter", parcel.id, parcel.target, parcel.attempt)
        wait = max(wait * (1 - parcel.retry.jitter * dice.random()), error.after)
        if sandbox.clock.time() + wait - parcel.born <= parcel.retry.most_age:
            send(parcel, wait)
            return
        condition = "MaximumEventAgeInSeconds"
    elif not _final(error):
        condition = "MaximumRetryAttempts"
    _give_up(sandbox, parcel, Failure(error.code, str(error), done, condition))


def _give_up(sandbox: Sandbox, parcel: Parcel, failure: Failure) -> None:
    sender = sender_of(parcel)
    if not parcel.dead_letter:
        note = "It has no dead-letter queue: it is gone."
        record.ended(sandbox, parcel, "Dropped", failure, note)
    else:
        _bury(sandbox, parcel, sender.letter(parcel, failure), failure)
    sender.ended(parcel, failure)


def _bury(sandbox: Sandbox, parcel: Parcel, letter: Letter, failure: Failure) -> None:
    """One attempt to put it into the dead-letter queue, with the same rights as any delivery."""
    options = [*letter.options, *((f"attribute:{name}", value) for name, value in letter.attributes)]
    if parcel.dead_letter.endswith(".fifo"):
        options.append(("MessageGroupId", letter.group or parcel.option("MessageGroupId") or parcel.id))
        options.append(("MessageDeduplicationId", parcel.id))
    role = parcel.role if sender_of(parcel).buries_as_role else ""
    last = parcel._replace(target=parcel.dead_letter, body=letter.body, role=role, options=tuple(options))
    try:
        receiver, _ = _way(sandbox, last)
        _accept(receiver, last)
    except Undelivered as error:
        note = "The dead-letter queue did not take it either: it is gone."
        record.ended(sandbox, last, "Dropped", Failure(error.code, str(error)), note)
    else:
        record.ended(sandbox, last, "DeadLettered", failure, "")
