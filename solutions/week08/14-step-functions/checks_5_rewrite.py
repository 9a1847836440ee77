"""Exercise 14.8: JSONata and variables, a test with mocks, and a redrive."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from labkit.judging import Expect, World, exercise, number, shown

from . import DOCS, Run, machine_of, play

COUNT: Final = 20


@exercise(
    "Rewrite, test, redrive",
    points=20,
    minutes=20,
    covers=("L205", "L209"),
    hints=(
        "Two fields do the work of five. What one state knows and a later one needs goes into a variable. For the "
        "test: the mock says what the function would have said. For the stuck order: first repair, then continue.",
        "`Arguments`, `Output` and `Assign` with `{% ... %}`; `$count(...)` counts, `&` joins texts. "
        "`sfn.test_state` takes `definition`, `stateName`, `input` and `mock`. `sfn.redrive_execution` continues. See "
        f"{DOCS}/transforming-data.html and {DOCS}/redrive-executions.html",
        '```\n"Assign": {"name": "{% $states.input.____ %}"},\n```',
    ),
)
def rewrite(world: World, expect: Expect, *, try_charge: Callable[..., Any], stuck: str) -> None:
    """The new flow does what the old one did, its test calls nobody, and the stuck order goes on."""
    old, new = machine_of(world, "bill"), machine_of(world, "bill-2")
    expect.found(
        "exist",
        old and new,
        "There are the state machines `bill` and `bill-2`.",
        action="Run the cell that deploys `bill`, and deploy your `bill-2`.",
    )
    assert old is not None
    assert new is not None
    judge_same(world, expect, old, new)
    judge_tests(world, expect, try_charge, json.loads(new["definition"]))
    judge_redrive(world, expect, stuck)


def judge_same(world: World, expect: Expect, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Twenty orders, two flows."""
    orders = [
        {
            "order_id": world.word(),
            "customer": {"name": world.word().partition("-")[0].title(), "city": world.word()},
            "items": [
                {"sku": world.word(), "quantity": world.random.randint(2, 9)}
                for _ in range(place if place < 3 else world.random.randint(0, 6))
            ],
            "total": world.random.randint(100, 9_999) / 100,
        }
        for place in range(COUNT)
    ]
    before, after = play(world, old, *orders, hours=0.1), play(world, new, *orders, hours=0.1)
    wrong = [
        (one, run)
        for one, run in zip(before, after, strict=True)
        if (one.output, one.status) != (run.output, run.status)
    ]
    expect(
        "same",
        not wrong,
        "For twenty orders, `bill-2` gives the same output as `bill`.",
        seen=f"{len(wrong)} of {COUNT} outputs differ. `bill` gave {json.dumps(wrong[0][0].output)}, and "
        f"`bill-2` {told(wrong[0][1])}."
        if wrong
        else "",
        why="A rewrite that changes the result is not a rewrite.",
        action="Compare the two outputs, field by field.",
    )
    kept = [
        event for event in after[-1].events if "assignedVariables" in event.get("stateExitedEventDetails", {})
    ]
    languages = languages_in(json.loads(new["definition"]))
    expect(
        "jsonata",
        languages == {"JSONata"} and kept,
        "All states of `bill-2` are in JSONata, and at least one assigns a variable.",
        seen=f"The states are in {' and '.join(sorted(languages))}, and "
        f"{'a' if kept else 'no'} variable was assigned.",
        why="Two languages in one flow are harder to read than either.",
        action='Write `"QueryLanguage": "JSONata"` at the top of the definition, and use `Assign`.',
    )


def told(run: Run) -> str:
    """What an execution gave, or how it ended."""
    return json.dumps(run.output) if run.output is not None else f"{run.end}: {run.cause[:120]}"


def languages_in(definition: dict[str, Any]) -> set[str]:
    """The query languages of its states."""
    above = definition.get("QueryLanguage", "JSONPath")
    return {str(state.get("QueryLanguage", above)) for state in definition["States"].values()}


def judge_tests(world: World, expect: Expect, try_charge: Callable[..., Any], new: dict[str, Any]) -> None:
    """Three tests of the learner's flow, and one of a stranger's."""
    far = world.word()
    charge = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": "charge", "Payload": "{% $states.input %}"},
        "Output": {"about": "{% $states.input.order_id %}"},  # fails when nobody passes the order
        "Catch": [{"ErrorEquals": ["Throttled"], "Next": far}],
        "End": True,
    }
    strange = {
        "QueryLanguage": "JSONata",
        "StartAt": "Charge",
        "States": {"Charge": charge, far: {"Type": "Succeed"}},
    }
    order = {"order_id": world.word(), "total": world.random.randint(5, 99)}
    paid = {"result": json.dumps({"StatusCode": 200, "Payload": {"paid": order["total"]}})}
    stolen, throttled = (
        {"errorOutput": {"error": name, "cause": "mock"}} for name in ("CardStolen", "Throttled")
    )
    follower = new["States"].get("Charge", {}).get("Next")
    cases = ((new, paid), (new, stolen), (new, throttled), (strange, throttled), (strange, paid))
    with world.rehearsal() as rehearsal:
        answers = [
            expect.call(
                "runs",
                try_charge,
                definition,
                dict(order),
                dict(mock),
                wanted="`try_charge` runs without an error.",
                action="Read what Step Functions says. `definition` and `input` are texts with JSON, `mock` is a dict.",
            )
            for definition, mock in cases
        ]
        calls = len(rehearsal.trace.where(kind="invocation"))
    pairs = [tuple(one) if isinstance(one, (tuple, list)) else one for one in answers]
    expect(
        "tests",
        pairs[3:] == [("CAUGHT_ERROR", far), ("SUCCEEDED", None)],
        "`try_charge` tells status and next state for any definition and any mock.",
        seen=f"For a Charge that catches Throttled and then goes to `{far}`, it returned {pairs[3]!r} for the mocked "
        f"error and {pairs[4]!r} for a mocked result. After a result that flow ends. Its Output needs the `order_id`.",
        why="A test that does not look at its subject finds nothing.",
        action="Pass the definition, the order and the mock to `test_state`, and return `status` and `nextState`.",
    )
    expect(
        "unasked",
        not calls,
        "While it tests, no function runs.",
        seen=f"Functions ran {number(calls, 'time')}.",
        why="A test that charges cards is not a test.",
        action="With a `mock`, `test_state` calls nobody.",
    )
    client = world.client("stepfunctions")
    mine = [
        client.test_state(definition=json.dumps(new), stateName="Charge", input=json.dumps(order), mock=mock)[
            "status"
        ]
        if "Charge" in new["States"]
        else "missing"
        for mock in (paid, stolen, throttled)
    ]
    expect(
        "kept",
        mine == ["SUCCEEDED", "CAUGHT_ERROR", "RETRIABLE"] and follower,
        "The new `Charge` succeeds, catches `CardStolen` and tries again after `Throttled`, as the old one.",
        seen=f"With three mocks it gave {shown(mine)}.",
        why="The unusual cases get lost most easily in a rewrite.",
        action="Keep the name of the state, its `Retry` and its `Catch`.",
    )


def judge_redrive(world: World, expect: Expect, stuck: str) -> None:
    """The order that was stuck."""
    client = world.client("stepfunctions")
    world.clock.advance(minutes=1)
    try:
        run = Run(world, stuck)
    except (client.exceptions.ExecutionDoesNotExist, client.exceptions.InvalidArn):
        run = None
    status = run.status if run else "not there"
    expect(
        "goes_on",
        status == "SUCCEEDED",
        "The stuck order is ready.",
        seen=f"Its execution is {run.end if run else status}.",
        why="The customer has waited since this morning.",
        action="Repair the function `till` first, then call `redrive_execution`. A redrive needs an execution "
        "that failed.",
    )
    held = world.table("books")
    order_id = json.loads(run.told["input"]).get("order_id") if run else ""
    row = (held.get(order_id) if held and order_id else None) or {}
    expect(
        "once",
        run is not None and run.told.get("redriveCount", 0) >= 1 and row.get("stock") == 1,
        "It went on where it failed: its stock was reserved once.",
        seen=f"The execution was continued {number(run.told.get('redriveCount', 0) if run else 0, 'time')}, and "
        f"stock was reserved {number(int(row.get('stock', 0)), 'time')}.",
        why="A new execution does everything again, also what was done already.",
        action="`redrive_execution` continues the same execution, with its states that succeeded left alone.",
    )
