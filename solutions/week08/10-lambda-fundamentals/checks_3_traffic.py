"""Lab 10: a weighted alias, and connections that are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from labkit.judging import Expect, World, exercise, number

from . import DOCS, said, zipped

# -- 10.5 ------------------------------------------------------------------------------------------------

CALLS: Final = 2_000


@exercise(
    "Ten percent green",
    points=10,
    minutes=10,
    star=True,
    covers=("L138",),
    hints=(
        "First make two things that never change. Then make a sign that points at one of them, and sometimes at the "
        "other. To roll back is to turn the sign.",
        "`publish_version` gives a number. `create_alias` and `update_alias` take `RoutingConfig` with "
        f"`AdditionalVersionWeights`. See {DOCS}/dg/configuring-alias-routing.html",
        '```\npoint("checkout", "live", blue, RoutingConfig={"AdditionalVersionWeights": {green: ____}})\n```',
    ),
)
def weighted_alias(world: World, expect: Expect, *, roll_back: Callable[..., Any]) -> None:
    """One customer in ten meets the new version, nobody meets what is not published, and one call brings all back."""
    checkout = world.function("checkout")
    checkout = expect.found(
        "exists",
        checkout if checkout and checkout.alias("live") else None,
        "There is a function `checkout` with an alias `live`.",
        action='Deploy and publish it, then `point("checkout", "live", ...)`.',
    )
    colors = met(checkout, CALLS)
    green = colors["green"] / CALLS
    others = CALLS - colors["green"] - colors["blue"]
    expect(
        "share",
        abs(green - 0.1) <= 0.025 and not others,
        "Of many calls through `live`, about 10 % meet green and all others blue.",
        seen=f"Of {CALLS:,} calls, {green:.1%} met green"
        + (f" and {number(others, 'call')} neither green nor blue." if others else "."),
        why="If the new version is bad, few customers suffer.",
        action="Publish blue and green. The alias points at one of the two versions, and gives the other one a weight."
        if green in (0, 1) or others
        else "A weight is a share of 1. Ten percent is 0.1, for the version with the code `GREEN`.",
    )
    word = world.word()
    text = f"def handler(event, context):\n    return {{'order': event['order'], 'button': '{word}'}}\n"
    world.client("lambda").update_function_code(FunctionName="checkout", ZipFile=zipped({"app.py": text}))
    leaked = met(checkout, CALLS)[word]
    expect(
        "apart",
        not leaked,
        "When a colleague changes `$LATEST`, callers of `live` do not notice.",
        seen=f"A colleague tried something in `$LATEST`. {leaked:,} of {CALLS:,} calls through `live` met it.",
        why="An unfinished thought of a colleague would be in production.",
        action="Publish each of the two, and let the alias point at the numbers.",
    )
    with world.rehearsal() as rehearsal:
        expect.call(
            "runs",
            roll_back,
            wanted="`roll_back()` runs without an error.",
            action="Read what AWS says about that call, and repair it.",
        )
        made = len(rehearsal.trace.where(kind="call", service="lambda", caller="learner"))
        expect(
            "one",
            made <= 1,
            "`roll_back()` makes one call of the API.",
            seen=f"It made {number(made, 'call')}.",
            why="Somebody does this at three in the morning. One step cannot stop half-way.",
            action="The old version is still there. Only the alias has to change.",
        )
        colors = met(checkout, CALLS)
        still = CALLS - colors["blue"]
        expect(
            "back",
            not still,
            "After `roll_back()`, every call through `live` meets blue.",
            seen=f"{still:,} of {CALLS:,} calls met {', '.join(sorted(colors.keys() - {'blue'}))}.",
            why="The shop rolls back because green is broken.",
            action=how_to_go_back(colors),
        )


def how_to_go_back(colors: Counter[str]) -> str:
    """What to change in a rollback, by what customers met after it."""
    if "ResourceNotFoundException" in colors:
        return "Callers use the alias. Leave it there, and let it point at another version."
    if colors["blue"]:
        return "What you do not name in `update_alias` stays as it was. Name the weights, too."
    return "Which version does `live` point at, when no weight is left? It has to be the number of blue."


def met(checkout: Any, calls: int) -> Counter[str]:
    """Which button so many customers meet. Lambda routes each call; each version it chose runs once."""
    colors: Counter[str] = Counter()
    for version, count in checkout.routed(calls, "live").items():
        run = checkout.call({"order": f"{version}-{count}"}, version)
        colors[str(run.answer.get("button") if isinstance(run.answer, dict) else run.error)] += count
    return colors


# -- 10.6 ------------------------------------------------------------------------------------------------

ENVIRONMENTS: Final = 5
ROUNDS: Final = 40
SILENT_MINUTES: Final = 9


@exercise(
    "One connection for each environment",
    points=10,
    minutes=9,
    covers=("L161",),
    hints=(
        "Which lines of a module run once, and which run for each call? And if what you kept is broken, would you not "
        "throw it away and get another one?",
        "Keep the connection in a variable of the module. Catch `shopdb.ConnectionLost`, connect again, keep the new "
        f"one, and ask once more. See {DOCS}/dg/lambda-runtime-environment.html",
        "```\nconnection = None\n\n\ndef handler(event, context):\n    global ____\n```",
    ),
)
def connection(world: World, expect: Expect) -> None:
    """Five environments open five connections, and a connection that was closed is replaced."""
    points = expect.found(
        "exists",
        world.function("customer-points"),
        "There is a function named `customer-points`.",
        action="Run the cell of the exercise.",
    )
    asked, runs = 0, []
    for _ in range(ROUNDS):
        numbers = [world.random.randrange(1, 100_000) for _ in range(ENVIRONMENTS)]
        batch = points.together([{"customer": one} for one in numbers])
        wrong = [
            (one, run)
            for one, run in zip(numbers, batch, strict=True)
            if run.answer != {"customer": one, "points": one * 7 % 1000}
        ]
        runs += batch
        asked += ENVIRONMENTS
        if not expect(
            "answers",
            not wrong,
            "Every call gets the points of its customer.",
            seen=f"Customer {wrong[0][0]} was asked for. {said(wrong[0][1])}" if wrong else "",
            why="Another customer's points are worse than none."
            if all(run.ok for _, run in wrong)
            else "The customer sees an error.",
            action="Keep the connection, not the answer."
            if all(run.ok for _, run in wrong)
            else "Read the error. A variable that the handler assigns is its own, unless it says `global`. And has the "
            "function its layer?",
        ):
            return
    opened = connections(runs)
    expect(
        "few",
        opened <= ENVIRONMENTS,
        "200 calls on 5 environments open 5 connections at most.",
        seen=f"{asked} calls on {ENVIRONMENTS} environments opened {number(opened, 'connection')}, "
        f"{opened // ENVIRONMENTS:,} for each environment. A hundred environments would open {opened * 20:,}.",
        why="The database of the shop allows 200 connections.",
        action="An environment serves one call at a time: it needs one connection, for all its calls.",
    )
    world.clock.advance(minutes=SILENT_MINUTES)
    customer = world.random.randrange(1, 100_000)
    late = points.call({"customer": customer})
    if not expect(
        "stale",
        late.answer == {"customer": customer, "points": customer * 7 % 1000},
        "After nine silent minutes, a call still gets its answer.",
        seen=said(late),
        why="The server has closed the connection. The first customer of the morning would see an error.",
        action="When the query says that the connection is lost, open a new one and ask again.",
    ):
        return
    after = connections([points.call({"customer": world.random.randrange(1, 100_000)}) for _ in range(10)])
    expect(
        "mended",
        after <= 1,
        "The calls after that use the new connection.",
        seen=f"10 more calls opened {number(after, 'connection')}.",
        why="A variable of the handler is gone when the call ends. Only what stands outside it is kept.",
        action="Put the new connection where the next call looks for it: outside the handler. `global` lets the "
        "handler do that.",
    )


def connections(runs: list[Any]) -> int:
    """How many connections the database saw."""
    return sum(run.log.count("shopdb: a new connection") for run in runs)
