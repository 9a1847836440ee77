"""Exercises 14.5 and 14.6: undo what was done, and wait for somebody else."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from labkit.judging import Expect, World, exercise, number, shown

from . import DOCS, Run, play, start, the_machine

PLACES: Final = ("take-money", "take-money answer", "hold-stock", "hold-stock answer", "ship")
READY: Final = "Run the cells that create the tables and queues again; they stand above the exercise."


@exercise(
    "The saga",
    points=20,
    minutes=18,
    covers=("L205", "L207"),
    hints=(
        "Walk back the way you came, and undo each step. A step that failed may have done its work all the same: undo "
        "that one as well. Undoing what was never done does no harm here.",
        "Each Task takes a `Catch` with `ErrorEquals`, `ResultPath` and `Next`. The compensations are Tasks with a "
        f"`Retry`. See {DOCS}/concepts-error-handling.html",
        '```\nundo = [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "____"}]\n```',
    ),
)
def saga(world: World, expect: Expect) -> None:
    """Whatever fails, the customer has her money back, the stock is free, and one letter says sorry."""
    machine = the_machine(world, expect, "saga")
    books, letters = world.table("books"), world.queue("letters")
    books = expect.found(
        "ready",
        books if letters else None,
        "There are the table `books` and the queue `letters`.",
        action=READY,
    )
    assert letters is not None
    letters.purge()
    error = world.word().partition("-")[0].title() + "Error"
    quiet = [order(world, {place: [error]}) for place in PLACES]
    twice = [
        order(world, {"ship": [error], "refund": [error, 3]}),
        order(world, {"ship": [error], "release": [error, 3]}),
    ]
    good = order(world, {})
    done, *runs = play(world, machine, good, *quiet, *twice)
    bodies = [message.body for message in letters.messages()]
    kept = books.get(good["order_id"]) or {}
    fine = {name: kept.get(name) for name in ("money", "stock", "parcels")}
    about = [body for body in bodies if good["order_id"] in body]
    expect(
        "good",
        set(fine.values()) == {1} and done.status == "SUCCEEDED" and not about,
        "A good order succeeds: it is paid, reserved and shipped once, and there is no letter.",
        seen=f"It ended as {done.end}, with {fine} in the books and {number(len(about), 'letter')}.",
        why="Most orders are good. They must not notice any of this.",
        action="The last good step leads to `Done`.",
    )
    judge_books(expect, books, quiet)
    told = [sum(one["order_id"] in body for body in bodies) for one in (*quiet, *twice)]
    lost = len(bodies) - sum(told) - len(about)
    expect(
        "letter",
        told[: len(quiet)] == [1] * len(quiet) and not lost,
        "Each customer whose order failed gets one letter with the order id.",
        seen=f"{len(quiet)} orders failed at different steps. They had "
        f"{', '.join(map(str, told[: len(quiet)]))} letters.",
        why="Silence makes people angry, and three letters make them laugh.",
        action="Does the order still travel when an error was caught? And do all ways end in one letter?",
    )
    wrong = [run for run in runs[: len(quiet)] if run.error != "OrderFailed"]
    expect(
        "failed",
        not wrong,
        "The execution of an order that failed ends as FAILED, with the error `OrderFailed`.",
        seen=f"One ended as {wrong[0].end}." if wrong else "",
        why="Who counts the executions that failed sees how many customers were disappointed.",
        action="After the letter comes the state `Failed`.",
    )
    rows = [books.get(one["order_id"]) or {} for one in twice]
    expect(
        "again",
        all(not row.get("money") and not row.get("stock") for row in rows) and told[len(quiet) :] == [1, 1],
        "A compensation that fails three times is tried a fourth time.",
        seen="`refund` failed three times for one order, `release` for another. "
        f"Money: {shown([r.get('money', 0) for r in rows])}. Stock: "
        f"{shown([r.get('stock', 0) for r in rows])}. Letters: {shown(told[len(quiet) :])}.",
        why="A refund that got lost is the one thing a customer does not forgive.",
        action="Give both compensations a `Retry`.",
    )


def order(world: World, trouble: dict[str, Any]) -> dict[str, Any]:
    """A fresh order, and what will happen to it."""
    return {"order_id": world.word(), "total": world.random.randint(5, 99), "trouble": trouble}


def judge_books(expect: Expect, books: Any, orders: list[dict[str, Any]]) -> None:
    """Nothing is left of an order that failed."""
    rows = [books.get(one["order_id"]) or {} for one in orders]
    money = [place for place, row in zip(PLACES, rows, strict=True) if row.get("money")]
    stock = [place for place, row in zip(PLACES, rows, strict=True) if row.get("stock")]
    expect(
        "money",
        not money,
        "Whichever step fails, the customer has her money back.",
        seen=f"The money was kept when this step failed: {shown([said(one) for one in money])}.",
        why="A step can fail after its work: the bank took the money, and the line broke before it could say so.",
        action="Which compensation runs after that step, and does it get the order as its input?",
    )
    expect(
        "stock",
        not stock,
        "Whichever step fails, nothing stays reserved.",
        seen=f"Stock stayed reserved when this step failed: {shown([said(one) for one in stock])}.",
        why="What is reserved for nobody cannot be sold to anybody.",
        action="Which compensation runs after that step, and does it get the order as its input?",
    )


def said(place: str) -> str:
    """Where an order failed, in words."""
    return f"`{place.removesuffix(' answer')}`, after its work" if place.endswith("answer") else f"`{place}`"


# -- 14.6 ------------------------------------------------------------------------------------------------


@exercise(
    "Wait for the payment partner",
    points=15,
    minutes=16,
    covers=("L205", "L208"),
    hints=(
        "Give them a ticket, and wait for whoever comes back with it. But notice when nobody says anything any more: "
        "that is something else than waiting for long.",
        "`.waitForTaskToken` at the end of the resource, `$$.Task.Token` in the message, `HeartbeatSeconds` for the "
        "silence and a `Catch` for `States.Timeout`. A late answer gets the error `TaskTimedOut`. See "
        f"{DOCS}/connect-to-resource.html",
        '```\n"Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",\n"HeartbeatSeconds": ____,\n```',
    ),
)
def partner_flow(world: World, expect: Expect, *, answer: Callable[..., Any]) -> None:
    """An answer continues the order, silence calls for help after ten minutes, and a late answer does no harm."""
    machine = the_machine(world, expect, "partner-flow")
    partner, desk = world.queue("partner"), world.queue("help-desk")
    partner = expect.found(
        "ready",
        partner if desk else None,
        "There are the queues `partner` and `help-desk`.",
        action=READY,
    )
    assert desk is not None
    partner.purge()
    desk.purge()
    orders = [order(world, {}) for _ in range(3)]
    arns = [start(world, machine, one) for one in orders]
    world.clock.advance(seconds=5)
    tickets = [ticket(partner.messages(), one) for one in orders]
    if not expect(
        "asked",
        all(tickets) and len(partner.messages()) == len(orders),
        "The partner gets one message for each order, with a token and the whole order.",
        seen=f"Three orders were sent. The queue has {number(len(partner.messages()), 'message')}, and "
        f"{sum(bool(one) for one in tickets)} of them had both `token` and the right `order`.",
        why="Without a token the partner cannot say which order it is speaking of.",
        action="Put the token from the context object and the whole input into the message, and let the resource wait "
        "for the token.",
    ):
        return
    quick, slow, silent = zip(orders, arns, tickets, strict=True)
    judge_quick(world, expect, answer, *quick)
    judge_slow(world, expect, answer, *slow)
    judge_silence(world, expect, desk, *silent[:2])
    judge_late(world, expect, answer, *silent[1:])


def ticket(messages: Any, one: dict[str, Any]) -> str:
    """The token that came with this order, or nothing."""
    for message in messages:
        with suppress(ValueError, AttributeError):
            told = json.loads(message.body)
            if told.get("order") == one and isinstance(told.get("token"), str):
                return str(told["token"])
    return ""


def ask(expect: Expect, answer: Callable[..., Any], token: str, result: dict[str, Any]) -> Any:
    """Call the learner's function as the partner does."""
    return expect.call(
        "runs",
        answer,
        token,
        result,
        wanted="`answer` runs without an error for an answer that comes in time.",
        action="Read what Step Functions says about that call. `output` is a text with JSON.",
    )


def judge_quick(
    world: World, expect: Expect, answer: Callable[..., Any], one: dict[str, Any], arn: str, token: str
) -> None:
    """The answer comes after some minutes."""
    world.clock.advance(minutes=4)
    result = {"receipt": world.word()}
    told = ask(expect, answer, token, result)
    run = Run(world, arn)
    expect(
        "goes_on",
        told is True and run.status == "SUCCEEDED" and run.output == one | {"paid": result},
        "After the answer, the execution succeeds. Its output is the order with the answer in `paid`.",
        seen=f"`answer` returned {told!r}. The execution is {run.end}, and its output {json.dumps(run.output)[:160]}.",
        why="The next step needs both: what was ordered, and what was paid.",
        action="The order is right. Let `answer` return True when Step Functions took the answer."
        if run.output == one | {"paid": result}
        else "`send_task_success` ends the Task, and its `output` is the result of the Task. `ResultPath` says where "
        "it goes.",
    )


def judge_slow(
    world: World, expect: Expect, answer: Callable[..., Any], one: dict[str, Any], arn: str, token: str
) -> None:
    """The partner says that it is still at it, and answers after 40 minutes."""
    with world.rehearsal():
        client = world.client("stepfunctions")
        for _ in range(4):
            with suppress(client.exceptions.TaskTimedOut):
                client.send_task_heartbeat(taskToken=token)
            world.clock.advance(minutes=9)
        result = {"receipt": world.word()}
        told = ask(expect, answer, token, result)
        run = Run(world, arn)
    expect(
        "alive",
        told is True and run.output == one | {"paid": result},
        "A partner that sends a heartbeat every nine minutes may take 40 minutes.",
        seen=f"The answer came after 40 minutes. `answer` returned {told!r}, and the execution is {run.end}, after "
        f"{run.seconds / 60:.0f} minutes."
        if run.seconds < float("inf")
        else f"The answer came after 40 minutes. `answer` returned {told!r}, and the execution is still {run.end}.",
        why="Some payments take long. Who says so is not silent.",
        action="The order is right. Let `answer` return True when Step Functions took the answer."
        if run.output == one | {"paid": result}
        else "`TimeoutSeconds` counts from the beginning, `HeartbeatSeconds` from the last sign of life.",
    )


def judge_silence(world: World, expect: Expect, desk: Any, one: dict[str, Any], arn: str) -> None:
    """Nobody says anything."""
    world.clock.advance(minutes=5)
    early = len([message for message in desk.messages() if one["order_id"] in message.body])
    world.clock.advance(minutes=2)
    calls = [message.body for message in desk.messages() if one["order_id"] in message.body]
    expect(
        "silence",
        not early and len(calls) == 1,
        "After ten minutes of silence the help desk has one message with the order.",
        seen=f"After 9 minutes it had {number(early, 'message')} about the order, after 11 minutes "
        f"{number(len(calls), 'message')}.",
        why="Without that the execution waits for up to a year, and nobody knows.",
        action="`HeartbeatSeconds` ends the Task with an error that a `Catch` can name. Keep the order when "
        "you catch it.",
    )


def judge_late(world: World, expect: Expect, answer: Callable[..., Any], arn: str, token: str) -> None:
    """The answer comes when nobody waits any more."""
    world.clock.advance(minutes=30)
    before = Run(world, arn).end
    raised, told = "", None
    try:
        told = answer(token, {"receipt": world.word()})
    except Exception as error:  # whatever it is, it is the finding
        raised = type(error).__name__
    expect(
        "late",
        told is False and Run(world, arn).end == before,
        "For an answer that comes too late, `answer` returns False, and nothing changes.",
        seen=f"`answer` raised {raised}."
        if raised
        else f"`answer` returned {told!r}. The execution was {before} and is now {Run(world, arn).end}.",
        why="Networks are slow and partners are human. A late answer is no reason to wake anybody.",
        action="Catch the error `TaskTimedOut`: `sfn.exceptions.TaskTimedOut`.",
    )
