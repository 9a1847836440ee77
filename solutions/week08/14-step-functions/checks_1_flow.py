"""Exercises 14.1 and 14.2: all types of states, and the order nobody thought of."""

from __future__ import annotations

from typing import Any, Final

from labkit.judging import Expect, World, exercise, number, shown

from . import DOCS, Run, play, the_machine

COOLING: Final = 600
TYPES: Final = {"Task", "Choice", "Parallel", "Wait", "Pass", "Map", "Succeed", "Fail"}


def order(world: World, items: int, **more: Any) -> dict[str, Any]:
    """A fresh order."""
    things = [{"sku": world.word(), "quantity": world.random.randint(1, 9)} for _ in range(items)]
    total = world.random.randint(500, 9_000) / 100
    return {"order_id": world.word(), "items": things, "total": total, "cancelled": False} | more


@exercise(
    "One order, eight types of states",
    points=15,
    minutes=18,
    covers=("L205", "L207", "L208", "L209", "L210"),
    hints=(
        "Draw the way of an order on paper first. Each box that says what to do is a state. Which boxes end the "
        "way? Which box does the same for each item, and which does two different things at once?",
        "Each state is a dict with a `Type`, and with `Next` or `End` (a Fail has neither). A Map has `ItemsPath` "
        "and an `ItemProcessor` with `StartAt` and `States`; a Parallel has `Branches`, a list of the same form. "
        f"See {DOCS}/state-map-inline.html and {DOCS}/state-parallel.html",
        '```\n"Reserve": {\n    "Type": "____",\n    "ItemsPath": "$.items",\n'
        '    "ItemProcessor": {"StartAt": "One", "States": {"One": task("reserve", End=True)}},\n'
        '    "ResultPath": None,\n    "Next": "How paid?",\n}\n```',
    ),
)
def order_flow(world: World, expect: Expect) -> None:
    """Eight orders take eight ways, and each way does what the story says."""
    machine = the_machine(world, expect, "order-flow")
    empty = order(world, 0)
    cancelled = order(world, 2, cancelled=True)
    alive = [
        order(world, items, payment=payment, express=express)
        for items, payment, express in (
            (1, "card", True),
            (3, "card", False),
            (2, "invoice", True),
            (1, "invoice", False),
            (world.random.randint(4, 7), "card", True),
            (world.random.randint(4, 7), "invoice", False),
        )
    ]
    for one in alive:
        one["express"] = bool(one["express"])
    nothing, called_off, *runs = play(world, machine, empty, cancelled, *alive)
    judge_ends(expect, nothing, called_off, runs)
    pairs = list(zip(alive, runs, strict=True))
    judge_items(expect, pairs)
    judge_payment(expect, pairs)
    judge_wait(expect, pairs)
    judge_parallel(expect, pairs)
    seen = set().union(*(run.states for run in (nothing, called_off, *runs)))
    expect(
        "types",
        seen >= TYPES,
        "Together, the eight orders go through all eight types of states.",
        seen=f"No order went through a state of the type {shown(sorted(TYPES - seen))}.",
        why="Each type exists because the others do its work badly. This is the one lab where you need all of them.",
        action="Which part of the story is done by another type now?",
    )


def judge_ends(expect: Expect, nothing: Run, called_off: Run, runs: list[Run]) -> None:
    """How executions end."""
    expect(
        "empty",
        (nothing.status, nothing.error) == ("FAILED", "EmptyOrder") and not nothing.calls,
        "An order without items ends as FAILED with the error `EmptyOrder`, and nobody is asked to do anything.",
        seen=f"An order without items ended as {nothing.end}, after {number(len(nothing.calls), 'call')} of functions.",
        why="An execution that fails shows up in every list and every alarm. An order without items is a mistake "
        "of the shop, and somebody should see it.",
        action="A Fail state ends an execution with your own `Error`.",
    )
    bad = [run for run in (called_off, *runs) if run.status != "SUCCEEDED"]
    extra = called_off.calls
    expect(
        "good",
        not bad and not extra,
        "All other orders end as SUCCEEDED. For a cancelled order no function is called.",
        seen=f"{number(len(bad), 'execution')} did not succeed. The first: {bad[0].end}. {bad[0].cause[:150]}"
        if bad
        else f"For a cancelled order, {shown([one.function for one in extra])} was called.",
        why="Whoever looks for trouble looks at the executions that failed.",
        action="Open the history of that execution: "
        "`sfn.get_execution_history(executionArn=..., reverseOrder=True)`.",
    )


def judge_items(expect: Expect, pairs: list[tuple[dict[str, Any], Run]]) -> None:
    """Each item is reserved."""
    wrong = [
        (one, run)
        for one, run in pairs
        if sorted(sku_of(item) for item in run.called("reserve"))
        != sorted(item["sku"] for item in one["items"])
    ]
    first = wrong[0] if wrong else pairs[0]
    expect(
        "items",
        not wrong,
        "`reserve` is called once for each item, and gets that item.",
        seen=f"An order had {number(len(first[0]['items']), 'item')}. `reserve` was called "
        f"{number(len(first[1].called('reserve')), 'time')}, with {shown(first[1].called('reserve'))}.",
        why="The warehouse reserves one kind of thing at a time.",
        action="Use a Map over the list in `items`. Its inner state gets one element as its input.",
    )


def sku_of(item: Any) -> str:
    """The sku that a call of `reserve` names."""
    return str(item.get("sku")) if isinstance(item, dict) else str(item)


def judge_payment(expect: Expect, pairs: list[tuple[dict[str, Any], Run]]) -> None:
    """Cards are charged, invoices are not, and those who pack know which."""
    asked = [(one, run.called("charge")) for one, run in pairs]
    wrong = [
        one["payment"]
        for one, paid in asked
        if [told.get("order_id") for told in paid] != ([one["order_id"]] if one["payment"] == "card" else [])
    ]
    expect(
        "paid",
        not wrong,
        "Orders paid by card are charged once, the others never.",
        seen=f"For {shown(wrong)}, `charge` was called another number of times, or without the order.",
        why="Nobody wants to pay twice.",
        action="Follow `Next` from the Choice `How paid?`, with the lab's figure. The input of `charge` must still be "
        "the whole order.",
    )
    told = [[one["payment"], said.get("due_days")] for one, run in pairs for said in run.called("label")]
    right = [[one["payment"], 30 if one["payment"] == "invoice" else None] for one, _ in pairs]
    expect(
        "invoice",
        told == right,
        "For an invoice the order says `due_days` 30 from then on. For a card it does not.",
        seen=f"`label` was told this, as payment and due_days: {shown(told)}.",
        why="The label is printed with a date to pay by.",
        action="A Pass state can add a constant: `Result` is the value, and `ResultPath` the place where it goes.",
    )


def judge_wait(expect: Expect, pairs: list[tuple[dict[str, Any], Run]]) -> None:
    """Ten minutes to think, unless it is express."""
    waits = [(bool(one["express"]), packed(run)) for one, run in pairs]
    wrong = [
        (express, seconds)
        for express, seconds in waits
        if (seconds < COOLING - 1) != express or seconds > 660
    ]
    expect(
        "wait",
        not wrong,
        "An express order is packed at once. Any other is packed ten minutes later.",
        seen="One order "
        + ("with" if wrong and wrong[0][0] else "without")
        + " `express` was "
        + (
            "never packed."
            if wrong and wrong[0][1] == float("inf")
            else f"packed after {wrong[0][1] if wrong else 0:.0f} seconds."
        ),
        why="In ten minutes many customers remember what they forgot. Who pays for express has no time for that.",
        action="A Wait state takes `Seconds`.",
    )


def packed(run: Run) -> float:
    """Seconds from the beginning until `label` was called."""
    began = run.told["startDate"].timestamp()
    return min((one.at - began for one in run.calls if one.function == "label"), default=float("inf"))


def judge_parallel(expect: Expect, pairs: list[tuple[dict[str, Any], Run]]) -> None:
    """Label and mail at once."""
    gaps = [apart(run) for _, run in pairs]
    expect(
        "together",
        all(run.counts["label"] == run.counts["mail"] == 1 for _, run in pairs) and max(gaps) < 1,
        "`label` and `mail` are called once each, at the same moment.",
        seen=f"`label` was called {number(pairs[0][1].counts['label'], 'time')} and `mail` "
        f"{number(pairs[0][1].counts['mail'], 'time')} for one order, up to {max(gaps):.0f} seconds apart."
        if max(gaps) < float("inf")
        else "One of the two was not called.",
        why="Each of them takes some seconds, and neither needs the other.",
        action="A Parallel state has a list of `Branches`. All of them begin at once, with the same input.",
    )
    lost = [run for one, run in pairs if not is_order(run.output, one)]
    expect(
        "kept",
        not lost,
        "The output of the execution is still the order.",
        seen=f"Of {len(pairs)} executions, {len(lost)} ended without it. The first output is "
        + (described(lost[0].output) if lost else "fine")
        + ".",
        why="A Parallel gives a list with one result for each branch, and a Map one for each item. Without a "
        "`ResultPath` that list takes the place of the order.",
        action='Set `"ResultPath": None` where you want to keep the input, as `task` does.',
    )


def described(output: Any) -> str:
    """What an output is, in words."""
    if isinstance(output, list):
        return f"a list with {number(len(output), 'result')}"
    return f"an object with {shown(sorted(output)) or 'nothing'}" if isinstance(output, dict) else "missing"


def is_order(output: Any, one: dict[str, Any]) -> bool:
    """Whether an output is still that order."""
    return isinstance(output, dict) and output.get("order_id") == one["order_id"]


def apart(run: Run) -> float:
    """Seconds between the calls of `label` and `mail`."""
    at = {one.function: one.at for one in run.calls}
    return abs(at["label"] - at["mail"]) if {"label", "mail"} <= at.keys() else float("inf")


# -- 14.2 ------------------------------------------------------------------------------------------------


@exercise(
    "What else?",
    points=10,
    minutes=8,
    covers=("L206", "L210"),
    hints=(
        'Every question needs an answer for "else". Two kinds of orders have no answer yet: one with a method nobody '
        "knows, and one that says nothing about its payment.",
        "`Default` names the state for all that no rule matches. A rule cannot look at a field that is not there: "
        f"ask with `IsPresent` first. See {DOCS}/state-choice.html",
        '```\n{"Variable": "$.payment", "IsPresent": ____, "Next": "Unknown"},\n```',
    ),
)
def unknown_payment(world: World, expect: Expect) -> None:
    """Any payment nobody knows ends with the shop's own error; the known ones go on as before."""
    machine = the_machine(world, expect, "payment-flow")
    strange = [order(world, 1, payment=how) for how in (world.word(), world.random.randint(2, 9), "", None)]
    silent = order(world, 1)
    known = [order(world, 1, payment=how) for how in ("card", "invoice", "card")]
    *odd, quiet, first, second, third = play(world, machine, *strange, silent, *known)
    wrong = [
        (one["payment"], run) for one, run in zip(strange, odd, strict=True) if run.error != "UnknownPayment"
    ]
    expect(
        "unknown",
        not wrong,
        "An order with an unknown method ends as FAILED with the error `UnknownPayment`.",
        seen=f"The payment was {wrong[0][0]!r}, and the execution ended as {wrong[0][1].end}."
        if wrong
        else "",
        why="`States.Runtime` tells only that something is wrong with the definition. Your own error tells what "
        "is wrong with the order, and whoever starts this flow can react to it.",
        action="Give the Choice a `Default` that leads to a Fail state.",
    )
    expect(
        "silent",
        quiet.error == "UnknownPayment",
        "An order that says nothing about its payment ends with the same error.",
        seen=f"The order had no field `payment`, and the execution ended as {quiet.end}.",
        why="A rule that looks at a field that is not there fails with `States.Runtime`. A `Default` does not help.",
        action="Make `IsPresent` the first question.",
    )
    calls = [run.counts["charge"] for run in (first, second, third)]
    ends = [run.status for run in (first, second, third)]
    expect(
        "known",
        calls == [1, 0, 1] and set(ends) == {"SUCCEEDED"},
        "Card and invoice go on as before: a card is charged once, an invoice is not.",
        seen=f"A card, an invoice and another card: `charge` was called {shown(calls)} times. They ended as "
        f"{shown(ends)}.",
        why="Who adds a case must not lose the others.",
        action="Keep both rules, each with its own `Next`.",
    )
    expect(
        "untouched",
        not any(run.calls for run in (*odd, quiet)),
        "For a payment nobody knows, no function is called.",
        seen=f"`charge` was called {number(sum(len(run.calls) for run in (*odd, quiet)), 'time')}.",
        why="Money that was taken by mistake has to be given back.",
        action="Where does an order go that no rule matches?",
    )
