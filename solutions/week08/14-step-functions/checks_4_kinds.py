"""Exercise 14.7: four workloads, two types of state machines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from labkit.judging import Expect, World, exercise, number

from . import DOCS, Run, machine_of, start

MONTHLY: Final = {"quote": 10_000_000, "clicks": 50_000_000, "report": 30, "approval": 2_000}
LIMIT: Final = 100
STEP: Final = 0.025 / 1000
REQUEST: Final = 1 / 1_000_000
GB_SECOND: Final = 0.00001667
"""US dollars; https://aws.amazon.com/step-functions/pricing/: a step in Europe (Ireland), the rest from its example."""
CHUNK: Final = 64 / 1024


@exercise(
    "Standard or Express",
    points=15,
    minutes=14,
    covers=("L201", "L202"),
    hints=(
        "Ask each workload three questions. Does somebody wait for the result? Does it last longer than five minutes? "
        "Are there millions of them? And what happens when one of them runs twice?",
        'The third value of `deploy` is the type of the state machine: "STANDARD" or "EXPRESS". For the clicks: '
        "`dynamodb:putItem` writes an item, and writing the same item twice changes nothing. See "
        f"{DOCS}/choosing-workflow-type.html",
        '```\nkinds = {"quote": "EXPRESS", "clicks": "____", "report": "STANDARD", "approval": "____"}\n```',
    ),
)
def four_workloads(world: World, expect: Expect) -> None:
    """Each workload runs as the shop needs it, twice does no harm, and the bill stays small."""
    found = {name: machine_of(world, name) for name in MONTHLY}
    missing = [name for name, machine in found.items() if machine is None]
    expect.found(
        "exist",
        None if missing else found,
        "There are four state machines: `quote`, `clicks`, `report` and `approval`.",
        seen=f"Missing: {', '.join(missing)}.",
        action="Deploy all four. When Step Functions refuses a definition, read why: Express cannot do everything.",
    )
    machines = {name: machine for name, machine in found.items() if machine is not None}
    clicks, approvals = world.table("clicks"), world.queue("approvals")
    clicks = expect.found(
        "ready",
        clicks if approvals else None,
        "There are the table `clicks` and the queue `approvals`.",
        action="Run the cell that creates them again; it stands above the exercise.",
    )
    judge_quote(world, expect, machines["quote"])
    judge_clicks(world, expect, machines["clicks"], clicks)
    judge_report(world, expect, machines["report"])
    judge_approval(world, expect, machines["approval"], approvals)
    costs = {name: cost(machine) * MONTHLY[name] for name, machine in machines.items()}
    worst = max(costs, key=lambda name: costs[name])
    expect(
        "cost",
        sum(costs.values()) <= LIMIT,
        "All four together cost at most 100 USD a month.",
        seen=f"They cost at least {sum(costs.values()):,.0f} USD a month. The most expensive is `{worst}`: "
        f"{MONTHLY[worst]:,} executions for {costs[worst]:,.0f} USD.",
        why="Standard bills each step. With many millions of them, that is most of the bill.",
        action="Which type bills by the execution and not by the step?",
    )


def cost(machine: Mapping[str, Any]) -> float:
    """The least an execution costs: one step, or a tenth of a second with 64 MB."""
    return STEP if machine["type"] == "STANDARD" else REQUEST + 0.1 * CHUNK * GB_SECOND


def judge_quote(world: World, expect: Expect, machine: Mapping[str, Any]) -> None:
    """The web page waits for the answer."""
    client = world.client("stepfunctions")
    net, tax = world.random.randint(5, 90), world.random.randint(1, 20)
    try:
        told = client.start_sync_execution(
            stateMachineArn=machine["stateMachineArn"], input=json.dumps({"net": net, "tax": tax})
        )
        seen = f"The answer was {told.get('output') or told.get('error')}."
        fine = json.loads(told.get("output") or "null") == {"price": net + tax}
    except client.exceptions.ClientError as error:
        seen, fine = f"`start_sync_execution` said {error.response['Error']['Code']}.", False
    expect(
        "quote",
        fine,
        "The web page gets its price in one call, with `start_sync_execution`.",
        seen=seen,
        why="A page that has to ask again and again is slow.",
        action="Only one of the two types lets the caller wait.",
    )


def judge_clicks(world: World, expect: Expect, machine: Mapping[str, Any], clicks: Any) -> None:
    """AWS may run an Express execution twice."""
    with world.rehearsal():
        clicks.clear()
        page, first, second = world.word(), world.word(), world.word()
        for click in (first, second, first):
            start(world, machine, {"click_id": click, "page": page})
            world.clock.advance(seconds=5)
        rows = sorted((one.get("id"), one.get("page")) for one in clicks.items())
    expect(
        "twice",
        rows == sorted([(first, page), (second, page)]),
        "A click is one item in `clicks`, also when its execution runs twice.",
        seen=f"There were two clicks on one page, and one of them ran twice. The table has "
        f"{number(len(rows), 'item')}: {rows}.",
        why="An asynchronous Express execution runs at least once. Whoever adds 1 each time counts too many.",
        action="Write an item whose key comes from the click. The same key again is the same item.",
    )


def judge_report(world: World, expect: Expect, machine: Mapping[str, Any]) -> None:
    """Twenty minutes for the count."""
    client = world.client("stepfunctions")
    arn = start(world, machine, {})
    world.clock.advance(minutes=19)
    early = ended(client, machine, arn)
    world.clock.advance(minutes=5)
    late = ended(client, machine, arn)
    expect(
        "report",
        early == "RUNNING" and late == "SUCCEEDED",
        "`report` is ready when the count of the stock is ready, after 20 minutes.",
        seen=f"After 19 minutes it was {early}, after 24 minutes {late}.",
        why="A report about half a count is wrong.",
        action="`.sync:2` waits for the other execution. Which type can do that?",
    )


def ended(client: Any, machine: Mapping[str, Any], arn: str) -> str:
    """How an execution is; an Express one does not say."""
    if machine["type"] == "EXPRESS":
        return "not to be asked"
    return str(client.describe_execution(executionArn=arn)["status"])


def judge_approval(world: World, expect: Expect, machine: Mapping[str, Any], approvals: Any) -> None:
    """The boss is away for two days."""
    client = world.client("stepfunctions")
    approvals.purge()
    arn = start(world, machine, {"order_id": world.word()})
    world.clock.advance(days=2)
    before = ended(client, machine, arn)
    tokens = [told["token"] for one in approvals.messages() if (told := token_in(one.body))]
    word = world.word()
    for token in tokens:
        client.send_task_success(taskToken=token, output=json.dumps({"yes": word}))
    world.clock.advance(seconds=5)
    after = ended(client, machine, arn)
    fine = before == "RUNNING" and after == "SUCCEEDED" and Run(world, arn).output == {"yes": word}
    expect(
        "approval",
        fine,
        "`approval` waits until the boss answers, for two days if need be.",
        seen=f"After two days it was {before}. Then the boss said yes, and it was {after}.",
        why="People sleep, travel and forget.",
        action="Which type lasts longer than five minutes, and knows task tokens?",
    )


def token_in(body: str) -> dict[str, Any]:
    """The message of an approval."""
    try:
        told = json.loads(body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) and "token" in told else {}
