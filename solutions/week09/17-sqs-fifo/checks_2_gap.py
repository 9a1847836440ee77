"""The gap behind exactly once: 17.3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final
from unittest.mock import patch

from labkit.judging import Expect, World, exercise, number

from . import another_worker, new_fifo

# -- 17.3 ------------------------------------------------------------------------------------------------

CARDS: Final = "gift-cards"
PAYMENTS: Final = "payments"
CONFLICT: Final = "Transaction is ongoing for the item"


class PowerOff(BaseException):
    """The machine is off. No `except Exception` of a learner's code goes on after it."""


@contextmanager
def power_fails(before: int) -> Iterator[None]:
    """Inside, the power fails before API call number `before`, counted from 1. No call after it gets through."""
    from botocore.client import BaseClient

    original, made = BaseClient._make_api_call, []

    def call(self: Any, operation: str, params: Any) -> Any:
        made.append(operation)
        if len(made) >= before:
            raise PowerOff
        return original(self, operation, params)

    with patch.object(BaseClient, "_make_api_call", call):
        yield


@contextmanager
def somebody_else_has_the_card() -> Iterator[None]:
    """Inside, the first write to a table meets somebody else's transaction. Nothing is written then."""
    from botocore.client import BaseClient
    from botocore.exceptions import ClientError

    original, met = BaseClient._make_api_call, []

    def call(self: Any, operation: str, params: Any) -> Any:
        if operation not in ("TransactWriteItems", "UpdateItem") or met:
            return original(self, operation, params)
        met.append(operation)
        if operation == "UpdateItem":
            told = {"Error": {"Code": "TransactionConflictException", "Message": CONFLICT}}
            raise self.exceptions.TransactionConflictException(told, operation)
        parts = params["TransactItems"]
        reasons = [{"Code": "None"} for _ in parts]
        reasons[place_of_card(parts)] = {"Code": "TransactionConflict", "Message": CONFLICT}
        codes = ", ".join(one["Code"] for one in reasons)
        message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
        told = {"Error": {"Code": "TransactionCanceledException", "Message": message}}
        raise self.exceptions.TransactionCanceledException(
            {**told, "Message": message, "CancellationReasons": reasons}, operation
        )

    with patch.object(BaseClient, "_make_api_call", call), suppress(ClientError):
        yield


def place_of_card(parts: list[dict[str, Any]]) -> int:
    """Which part of a transaction changes a gift card."""
    tables = [next(iter(part.values()), {}).get("TableName") for part in parts]
    return tables.index(CARDS) if CARDS in tables else 0


class Till:
    """Gift cards, orders that were paid with them, and a queue between."""

    def __init__(self, world: World, cards: Any) -> None:
        self._world, self._cards = world, cards
        self.queue = new_fifo(world, VisibilityTimeout="30")
        self._began: dict[str, int] = {}

    def card(self) -> str:
        """A new gift card."""
        name, balance = f"card-{self._world.word()}", self._world.random.randrange(400, 900)
        self._began[name] = balance
        self._cards.put({"card": name, "balance": balance})
        return name

    def order(self, card: str) -> dict[str, Any]:
        """An order that is to be paid with a card."""
        total = self._world.random.randrange(20, 90)
        return {"id": f"order-{self._world.word()}", "card": card, "total": total}

    def send(self, order: dict[str, Any]) -> None:
        """The shop sends an order, or sends it again."""
        self.queue.send(order, group=order["card"], deduplication=order["id"])

    def taken(self, card: str) -> float:
        """How much is gone from a card."""
        balance = (self._cards.get(card) or {}).get("balance", 0)
        return self._began[card] - float(balance)


@exercise(
    "Prove the gap",
    points=10,
    minutes=14,
    star=True,
    covers=("L244-L247",),
    hints=(
        "SQS cannot see what your worker did to a gift card. Somebody has to write down that this order was paid. When "
        "must that be written, so that no power cut can come between the payment and the note?",
        "One call that does both or neither: `transact_write_items`. A condition in it makes the second attempt fail, "
        "with `TransactionCanceledException`. See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/"
        "transaction-apis.html",
        '```\n{"Put": {\n    "TableName": "payments",\n    "Item": {"order_id": order["id"]},\n'
        '    "ConditionExpression": "attribute_not_exists(____)",\n}}\n```',
    ),
)
def charge_once(world: World, expect: Expect, *, work: Callable[..., Any]) -> None:
    """Wherever the power fails, and however often an order is sent: its card pays once."""
    tables = {name: world.table(name) for name in (CARDS, PAYMENTS)}
    cards = expect.found(
        "exists",
        tables[CARDS] if all(tables.values()) else None,
        "There are the tables `gift-cards` and `payments`.",
        action="Run the cell that makes them again; it stands above the exercise.",
    )
    calm = judge_calm(world, expect, work, cards)
    safe = judge_cuts(world, expect, work, cards)
    known = judge_resent(world, expect, work, cards)
    if calm and safe and known:
        judge_conflict(world, expect, work, cards)


def run(expect: Expect, work: Callable[..., Any], till: Till) -> None:
    """One round of the worker."""
    expect.call(
        "runs",
        work,
        till.queue.url,
        wanted="`work` runs without an error, also when an order has been paid before.",
        why="An error in one message must not stop the worker for all others.",
        action="Is this an error that you expect? Then catch exactly this one, and go on.",
    )


def judge_calm(world: World, expect: Expect, work: Callable[..., Any], cards: Any) -> bool:
    """Three orders, two of them with one card, and nothing goes wrong."""
    with world.rehearsal():
        till = Till(world, cards)
        one, two = till.card(), till.card()
        orders = [till.order(one), till.order(two), till.order(one)]
        for order in orders:
            till.send(order)
        for _ in range(5):
            run(expect, work, till)
        wanted = {
            card: sum(order["total"] for order in orders if order["card"] == card) for card in (one, two)
        }
        wrong = [card for card in wanted if abs(till.taken(card) - wanted[card]) > 0.001]
        return expect(
            "paid",
            not wrong,
            "Each order takes its total off the card.",
            seen=f"{number(sum(o['card'] == wrong[0] for o in orders), 'order')} of {wrong[0]} cost {wanted[wrong[0]]} "
            f"together. {till.taken(wrong[0]):g} is gone from the card."
            if wrong
            else "",
            why="One card can pay many orders.",
            action="The note must be about the order, not about the card or the message.",
        )


def judge_cuts(world: World, expect: Expect, work: Callable[..., Any], cards: Any) -> bool:
    """The power fails before the first call, before the second, and so on; then another worker takes over."""
    paid: dict[int, float] = {}
    left: dict[int, int] = {}
    forget = another_worker(work)
    for cut in range(1, 12):
        with world.rehearsal():
            till = Till(world, cards)
            card = till.card()
            order = till.order(card)
            till.send(order)
            survived = True
            with power_fails(before=cut):
                try:
                    work(till.queue.url)
                except PowerOff:
                    survived = False
            if survived:
                break
            for _ in range(2):
                world.clock.advance(seconds=31)
                forget()
                run(expect, work, till)
            paid[cut] = till.taken(card) / order["total"]
            left[cut] = len(till.queue.messages())
    twice = [cut for cut, times in paid.items() if times > 1.001]
    never = [cut for cut, times in paid.items() if times < 0.999]
    kept = [cut for cut, messages in left.items() if messages]
    where = "The power failed {}, another worker took over after 30 seconds, and {}."
    once = expect(
        "twice",
        not twice,
        "Wherever the power fails, no order is paid twice.",
        seen=where.format(moment(twice[0]), f"the card had paid {number(round(paid[twice[0]]), 'time')}")
        if twice
        else "",
        why="SQS cannot see your side effect. It only sees that the message was not deleted.",
        action="Note in the same step as the payment that this order is paid. Let that step fail the second time.",
    )
    paid_all = expect(
        "lost",
        not never,
        "Wherever the power fails, no order stays unpaid.",
        seen=where.format(moment(never[0]), "in the end nothing was taken off the card") if never else "",
        why="The note said that the order was paid, or the message was gone. So nobody took the money any more.",
        action="The payment and its note belong into one step. And the message is deleted after it.",
    )
    gone = expect(
        "deleted",
        not kept,
        "In the end the message is gone.",
        seen="The order was paid, and its message stayed in the queue and came again and again."
        if kept
        else "",
        why="On a FIFO queue a message that nobody deletes also holds up everything behind it in its group.",
        action="Delete the message also when the order turns out to be paid already.",
    )
    return once and paid_all and gone


def moment(cut: int) -> str:
    """When the power failed, in words."""
    return f"before call number {cut} of `work`" if cut > 1 else "before its first call"


def judge_resent(world: World, expect: Expect, work: Callable[..., Any], cards: Any) -> bool:
    """The shop sends the same order again after six minutes: for the queue it is a new message."""
    forget = another_worker(work)
    with world.rehearsal():
        till = Till(world, cards)
        card = till.card()
        order = till.order(card)
        for _ in range(2):
            forget()
            till.send(order)
            for _ in range(2):
                run(expect, work, till)
            world.clock.advance(minutes=6)
        times = till.taken(card) / order["total"]
        return expect(
            "resent",
            abs(times - 1) < 0.001,
            "An order that is sent again six minutes later is still paid once.",
            seen=f"The shop sent the order {order['id']!r} again after six minutes. The card has paid "
            f"{number(round(times), 'time')}.",
            why="After five minutes the queue has forgotten the deduplication id. To SQS this is a new message with a "
            "new message id.",
            action="Recognise the order by its own id, not by anything that SQS gave it.",
        )


def judge_conflict(world: World, expect: Expect, work: Callable[..., Any], cards: Any) -> None:
    """At the wrong moment somebody else, perhaps an editor of gift cards, changes the same card."""
    forget = another_worker(work)
    with world.rehearsal():
        till = Till(world, cards)
        card = till.card()
        order = till.order(card)
        till.send(order)
        with somebody_else_has_the_card():
            work(till.queue.url)
        for _ in range(2):
            world.clock.advance(seconds=31)
            forget()
            run(expect, work, till)
        times = till.taken(card) / order["total"]
        expect(
            "conflict",
            abs(times - 1) < 0.001,
            "When somebody else changes the card at that moment, the order is paid later.",
            seen=f"DynamoDB cancelled the payment, because another transaction had the card. "
            f"In the end the order {order['id']!r} was "
            + (f"paid {number(round(times), 'time')}." if round(times) else "not paid at all."),
            why="DynamoDB cancels for several reasons. Only one of them means that the order was paid before.",
            action="Look at `CancellationReasons` in the response of the error. Is it not the condition? Then let the "
            "message come back.",
        )
