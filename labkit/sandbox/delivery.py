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

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from labkit.sandbox import Sandbox, current, lineage
from labkit.sandbox.parcels import Failure, Parcel, Refused, Unavailable, Undelivered

if TYPE_CHECKING:
    from labkit.sandbox.authorization import Decision
    from labkit.sandbox.authorization.account import Caller

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


_USES_OF_A_KEY: Final = ("kms:GenerateDataKey", "kms:Decrypt")
"""What a service needs to do with the key of an encrypted target (SQS developer guide, key management)."""
_LATEST_DUPLICATE: Final = 20.0
"""Seconds after which a duplicate arrives at the latest. The figure is ours; AWS gives none."""


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
    over, with the
    account's lock held; what it returns (an id) goes into the trace. `find` raises `Refused` when the target does
    not exist; it is asked first. `resource` names the ARN that permissions are about, where it isn't the target.
    Both may raise `Refused` and `Unavailable`; any other exception is our fault.
    """

    actions: tuple[str, ...] | Callable[[Parcel], tuple[str, ...]]
    accept: Callable[[Parcel], str]
    find: Callable[[Parcel], None] = _anything
    resource: Callable[[Parcel], str] = _target


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


_receivers: dict[str, Receiver] = {}
_senders: dict[str, Sender] = {}


def receives(kind: str, receiver: Receiver) -> None:
    """Register how a kind of target takes parcels; the kinds are the keys of `RECEIVERS`."""
    if kind not in RECEIVERS:
        raise ValueError(f"{kind!r} is no kind of target. Name it in labkit/sandbox/delivery.py, RECEIVERS.")
    _receivers[kind] = receiver


def sends(name: str, sender: Sender) -> None:
    """Register a sender, by the name its parcels carry."""
    _senders[name] = sender


def kind_of(target: str) -> str:
    """The kind of a target: `arn:sqs` for a queue's ARN, `https` for a URL."""
    head, _, rest = target.partition(":")
    return f"arn:{rest.split(':')[1]}" if head == "arn" and rest.count(":") >= 4 else head


def receiver_of(target: str) -> Receiver | None:
    """Who receives for this target, or None when nothing here can."""
    kind = kind_of(target)
    if kind not in _receivers and kind in RECEIVERS:
        try:
            importlib.import_module(f"labkit.sandbox.services.{RECEIVERS[kind]}")
        except ModuleNotFoundError as error:
            if not str(error.name).startswith("labkit.sandbox.services"):
                raise
    return _receivers.get(kind)


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
        _permission(parcel, receiver)
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


def _attempt(sandbox: Sandbox, parcel: Parcel) -> None:
    if not parcel.attempt:
        parcel = parcel._replace(born=sandbox.clock.time())
    parcel = parcel._replace(attempt=parcel.attempt + 1)
    sequence, at = sandbox.trace.reserve(), sandbox.clock.time()
    ways = ""
    try:
        with sandbox.trace.caused_by(sequence, parcel.principal or parcel.sender):
            receiver, ways = _way(sandbox, parcel)
            arrived = _hand_over(receiver, _sender(parcel).prepare(parcel))
    except Undelivered as error:
        _note(
            sandbox, parcel, sequence, at,
            error=error.code, message=str(error), note=error.note, refused=_final(error),
        )  # fmt: skip
        with sandbox.trace.caused_by(sequence):
            _not_delivered(sandbox, parcel, error)
        return
    _note(sandbox, parcel, sequence, at, arrived=arrived, note=ways)
    with sandbox.trace.caused_by(sequence):
        _sender(parcel).ended(parcel, None)


def _way(sandbox: Sandbox, parcel: Parcel) -> tuple[Receiver, str]:
    """The receiver, and which statement lets the parcel through. Raises `Undelivered`."""
    receiver = receiver_of(parcel.target)
    if receiver is None:
        raise _not_simulated(parcel)
    whom = (parcel.id, parcel.target, parcel.attempt)
    if sandbox.faults.strikes("delivery.unavailable", *whom, target=parcel.target):
        raise Unavailable("ServiceUnavailable", "The fault delivery.unavailable is switched on in this lab.")
    receiver.find(parcel)
    return receiver, _permission(parcel, receiver)


def _hand_over(receiver: Receiver, parcel: Parcel) -> str:
    try:
        return receiver.accept(parcel)
    except NotImplementedError:
        raise _not_simulated(parcel) from None


def _not_simulated(parcel: Parcel) -> Refused:
    return Refused("NotSimulated", f"Delivery to {parcel.target} is not simulated here; it exists on AWS.")


def _sender(parcel: Parcel) -> Sender:
    return _senders.get(parcel.sender) or Sender()


# -- permissions -------------------------------------------------------------------------------------


def _permission(parcel: Parcel, receiver: Receiver) -> str:
    """Which statement allows it, in a sentence. Raises `Refused` when policy, role or key do not."""
    actions = receiver.actions(parcel) if callable(receiver.actions) else receiver.actions
    if not actions or not (parcel.principal or parcel.role):
        return ""
    from labkit.sandbox.authorization import keys, resources

    resource = receiver.resource(parcel)
    owner = _account(resource) or _account(parcel.source)
    # A role's session calls as anybody would; only a service says on whose behalf it comes.
    context = {} if parcel.role else _on_behalf_of(parcel)
    caller, policy = _caller(parcel), resources.policy_of(resource)
    said = ""
    for action in actions:
        decision = caller.may(
            action, resource, account=owner, policies=[policy] if policy else [], context=context
        )
        if not decision.allowed:
            raise _denied(decision)
        said = said or decision.sentence
    if key := resources.key_of(resource):
        service, region = resource.split(":")[2:4]
        refusal = keys.key_refusal(caller, key, owner, region, _USES_OF_A_KEY, context, via=service)
        if refusal is not None:
            raise Refused(refusal.code, refusal.message, refusal.note)
    return said


def _caller(parcel: Parcel) -> Caller:
    """Who delivers: the service itself, or a session of the role it was given."""
    from labkit.sandbox.authorization.account import Caller, may_assume, session_of

    service = Caller.service(parcel.principal)
    if not parcel.role:
        return service
    decision = may_assume(service, parcel.role, context=_on_behalf_of(parcel))
    if not decision.allowed:
        raise _denied(decision)
    session = session_of(parcel.role, parcel.id or parcel.sender)
    if session is None:
        raise Refused("AccessDenied", f"There is no role {parcel.role}.")
    return session


def _on_behalf_of(parcel: Parcel) -> dict[str, str]:
    account = _account(parcel.source) or str(parcel.told("account", ""))  # the ARN of a bucket has none
    return {"aws:SourceArn": _sender(parcel).shown_as(parcel), "aws:SourceAccount": account}


def _denied(decision: Decision) -> Refused:
    return Refused("AccessDenied", decision.aws_message, decision.sentence)


def _account(arn: str) -> str:
    parts = arn.split(":")
    return parts[4] if len(parts) > 5 else ""


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
    sender = _sender(parcel)
    if not parcel.dead_letter:
        note = "It has no dead-letter queue: it is gone."
        _note_end(sandbox, parcel, "Dropped", failure, note)
    else:
        _bury(sandbox, parcel, sender.letter(parcel, failure), failure)
    sender.ended(parcel, failure)


def _bury(sandbox: Sandbox, parcel: Parcel, letter: Letter, failure: Failure) -> None:
    """One attempt to put it into the dead-letter queue, with the same rights as any delivery."""
    options = [*letter.options, *((f"attribute:{name}", value) for name, value in letter.attributes)]
    if parcel.dead_letter.endswith(".fifo"):
        options.append(("MessageGroupId", letter.group or parcel.option("MessageGroupId") or parcel.id))
        options.append(("MessageDeduplicationId", parcel.id))
    role = parcel.role if _sender(parcel).buries_as_role else ""
    last = parcel._replace(target=parcel.dead_letter, body=letter.body, role=role, options=tuple(options))
    try:
        receiver, _ = _way(sandbox, last)
        _hand_over(receiver, last)
    except Undelivered as error:
        note = "The dead-letter queue did not take it either: it is gone."
        _note_end(sandbox, last, "Dropped", Failure(error.code, str(error)), note)
    else:
        _note_end(sandbox, last, "DeadLettered", failure, "")


def _note(
    sandbox: Sandbox,
    parcel: Parcel,
    sequence: int,
    at: float,
    *,
    arrived: str = "",
    error: str = "",
    message: str = "",
    note: str = "",
    refused: bool = False,
) -> None:
    """One attempt, for the trace."""
    params = {
        "source": parcel.source, "target": parcel.target, "via": parcel.via, "Attempt": parcel.attempt,
        "Id": parcel.id, "Arrived": arrived,
    }  # fmt: skip
    sandbox.trace.record(
        "refused" if refused else "delivery", parcel.sender,
        "DeliveryRefused" if refused else "DeliveryFailed" if error else "Delivered",
        resource=parcel.source, caller=parcel.principal or parcel.sender,
        params={name: value for name, value in params.items() if value != ""},
        error=error, message=message, note=note, sequence=sequence, time=at,
    )  # fmt: skip


def _note_end(sandbox: Sandbox, parcel: Parcel, action: str, failure: Failure, note: str) -> None:
    params = {
        "source": parcel.source, "target": parcel.target, "via": parcel.via, "Id": parcel.id,
        "Retries": failure.retried, "Condition": failure.condition,
    }  # fmt: skip
    dropped = action == "Dropped"
    sandbox.trace.record(
        "refused" if dropped else "delivery", parcel.sender, action, resource=parcel.source,
        params={name: value for name, value in params.items() if value != ""},
        error=failure.code if dropped else "", message=failure.message, note=note,
    )  # fmt: skip
