"""Which way to pay: 2.7. The arithmetic is that of AWS's bill.

Sources: https://aws.amazon.com/fargate/pricing/ (by the second from the pull of the image, at least a minute; Spot up
to 70 % less); https://docs.aws.amazon.com/savingsplans (a commitment for one or three years, paid for each hour of it).
The prices stand in data/prices.toml.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from labkit.judging import Expect, World, exercise

REGION: Final = "us-east-1"
INSTANCE: Final = "m7g.large"
MACHINE: Final = (2, 7.5)
"""vCPUs and GB of an instance that tasks can have."""
MONTH: Final = 730
YEAR: Final = 12
CLEAR: Final = 0.9
"""The best costs at most this part of the next: no profile is decided by the last cent."""
ENOUGH: Final = 18
WAYS: Final = ("fargate", "spot", "ec2")
KINDS: Final = {"steady": 4, "lock_in": 4, "bursts": 3, "redone": 3, "seconds": 3, "packing": 3}
"""What makes a profile difficult -> how many of them there are."""
LOOK: Final = {
    "steady": "The instances are full all year. What does an hour of all of them cost, and what on Fargate?",
    "lock_in": "How many months are paid for, and how many are needed?",
    "bursts": "The instances are needed for the busiest moment, and paid for all night.",
    "redone": "On Spot, work is lost and done again. You pay for it twice.",
    "seconds": "How long is the shortest run that Fargate puts on the bill?",
    "packing": "How many of these tasks fit on one instance, by CPU and by memory?",
}
SIZES: Final = ((0.25, 0.5), (0.25, 1), (0.5, 1), (0.5, 2), (1, 2), (1, 3))
HUNGRY: Final = ((0.25, 2), (0.5, 3), (0.5, 4), (1, 4), (1, 5), (1, 6))
"""Sizes that need more memory than an instance has for so much CPU."""


class Naive(NamedTuple):
    """What an answer may forget. Nothing: the right answer."""

    term: bool = False
    redo: bool = False
    least: float = 60
    memory: bool = False
    peak: bool = False


FORGETS: Final = {
    "steady": Naive(),
    "lock_in": Naive(term=True),
    "bursts": Naive(peak=True),
    "redone": Naive(redo=True),
    "seconds": Naive(least=30),
    "packing": Naive(memory=True),
}


def costs(profile: dict[str, Any], forgets: Naive = Naive()) -> dict[str, float]:  # noqa: B008
    """US dollars for the whole life of a workload, by each way."""
    from labkit.cost.compute import fargate_hour, instance_hour

    vcpus, memory = profile["vcpus"], profile["memory_gb"]
    monthly = profile["runs"] * max(forgets.least, profile["seconds"]) / 3600
    rate = fargate_hour(vcpus, memory, arm=True, region=REGION).cost
    fargate = monthly * profile["months"] * rate
    again = 0 if forgets.redo else profile["redo"]
    fit = MACHINE[0] // vcpus if forgets.memory else min(MACHINE[0] // vcpus, MACHINE[1] // memory)
    at_once = monthly / MONTH if forgets.peak else profile["peak"]
    term = profile["months"] if forgets.term else YEAR
    plan = instance_hour(INSTANCE, plan="1 year", region=REGION).cost
    return {
        "fargate": fargate,
        "spot": fargate * (1 + again) * (1 - profile["spot_discount"]),
        "ec2": math.ceil(at_once / fit) * plan * MONTH * term,
    }


def cheapest(profile: dict[str, Any], forgets: Naive = Naive()) -> str:  # noqa: B008
    """The way that costs least."""
    found = costs(profile, forgets)
    return min(found, key=lambda way: found[way])


def is_clear(profile: dict[str, Any]) -> bool:
    """Whether the best way is the best by far."""
    best, second, _ = sorted(costs(profile).values())
    return best <= CLEAR * second


def drawn(world: World, kind: str, number: int) -> dict[str, Any]:
    """A profile that is difficult in this way: who forgets the one thing, chooses wrong."""
    for _ in range(2_000):
        profile = sketch(world.random, kind, number)
        right = cheapest(profile)
        fooled = kind == "steady" or cheapest(profile, FORGETS[kind]) != right
        wanted = "ec2" if kind == "steady" else right
        if is_clear(profile) and fooled and right == wanted:
            return profile
    raise RuntimeError(f"No profile of the kind {kind} was found")


def sketch(dice: Any, kind: str, number: int) -> dict[str, Any]:
    """A profile that may be difficult in this way."""
    vcpus, memory = dice.choice(HUNGRY if kind == "packing" else SIZES)
    peak = dice.randrange(3, 30)
    always = {"runs": peak, "seconds": MONTH * 3600, "peak": peak}
    profile = {
        "vcpus": vcpus,
        "memory_gb": memory,
        **always,
        "months": dice.randrange(10, 13),
        "spot_discount": dice.choice((0.1, 0.15, 0.2)),
        "redo": round(dice.uniform(0.1, 0.4), 2),
    }
    if kind == "lock_in":
        profile["months"] = dice.randrange(2, 6)
        # Half of them are cheapest on Spot, half on Fargate: no single word is right for all.
        profile |= {"spot_discount": 0.2, "redo": 0.04} if number % 2 else {"spot_discount": 0.1, "redo": 0.4}
    elif kind == "bursts":
        seconds = dice.randrange(600, 3600, 60)
        profile |= {
            "runs": peak * MONTH * 3600 // seconds,
            "seconds": seconds,
            "peak": peak * dice.randrange(3, 6),
        }
        profile |= {"spot_discount": 0.3, "redo": 0.05}
    elif kind == "redone":
        profile |= {"spot_discount": dice.choice((0.4, 0.5)), "redo": round(dice.uniform(1.2, 2.0), 2)}
    elif kind == "seconds":
        profile |= {"runs": dice.randrange(100_000, 900_000, 1_000), "seconds": dice.randrange(4, 20)}
        busy = math.ceil(profile["runs"] * profile["seconds"] / 3600 / MONTH)
        profile["peak"] = busy * dice.randrange(2, 4)
    return profile


@exercise(
    "Which way is the cheapest?",
    points=10,
    minutes=18,
    covers=("L14-L18", "L20-L24"),
    hints=(
        "Utilisation decides: a plan is paid for each hour of its term, whether somebody works or not. Work out three "
        "sums for the whole life of the workload, and compare them.",
        "Fargate: billed hours of all tasks, times the price of one hour. Spot: the same, with the work that is done "
        "again, and the discount. EC2: instances for the busiest moment, times the hours of the term. See "
        "https://aws.amazon.com/fargate/pricing/ and https://docs.aws.amazon.com/savingsplans/latest/userguide/",
        "```\n"
        'hours = profile["runs"] * max(60, profile["seconds"]) / 3600 * profile["months"]\n'
        'fit = min(2 // profile["vcpus"], 7.5 // profile["memory_gb"])\n'
        'costs = {"fargate": ..., "spot": ..., "ec2": math.ceil(profile["peak"] / fit) * PLAN * 730 * 12}\n'
        "return min(costs, key=costs.____)\n```",
    ),
)
def cheapest_way(world: World, expect: Expect, *, choose: Callable[..., Any]) -> None:
    """Twenty workloads nobody has seen before, and at least eighteen right answers."""
    asked: list[tuple[str, dict[str, Any], Any]] = []
    for kind, count in KINDS.items():
        for number in range(count):
            profile = drawn(world, kind, number)
            found = expect.call(
                "runs",
                choose,
                dict(profile),
                wanted="`choose` runs without an error.",
                action="Call it by hand with this profile, and look at the line.",
            )
            if not expect(
                "name",
                isinstance(found, str) and found in WAYS,
                "`choose` returns one of three words: `fargate`, `spot` or `ec2`.",
                seen=f"It returned {found!r}.",
                why="Somebody has to read it and act.",
                action="Return the key of the smallest sum, not the sum.",
            ):
                return
            asked.append((kind, profile, found))
    judge(expect, asked)


def judge(expect: Expect, asked: list[tuple[str, dict[str, Any], Any]]) -> None:
    """Count the right ones, and look at those with a short life."""
    missed = [one for one in asked if one[2] != cheapest(one[1])]
    kinds = [one[0] for one in missed]
    # A wrong answer about the term has a criterion of its own: here speaks what else is missed most.
    kind = max(KINDS, key=lambda one: (one != "lock_in" and one in kinds, kinds.count(one) / KINDS[one]))
    expect(
        "right",
        len(asked) - len(missed) >= ENOUGH,
        "At least 18 of 20 answers are the cheapest way.",
        seen=f"{len(asked) - len(missed)} of {len(asked)} were. {told([one for one in missed if one[0] == kind])}",
        why="A wrong choice is paid for in each month.",
        action=LOOK[kind],
    )
    short = [one for one in missed if one[0] == "lock_in"]
    expect(
        "lock_in",
        not short,
        "Where the work ends before the commitment does, you choose what costs least until then.",
        seen=told(short),
        why="A Savings Plan has a term. It is paid to its end, also when the work is over.",
        action=LOOK["lock_in"],
    )


def told(missed: list[tuple[str, dict[str, Any], Any]]) -> str:
    """The first miss in words."""
    if not missed:
        return ""
    _, profile, found = missed[0]
    sums, best = costs(profile), cheapest(profile)
    words = ", ".join(f"{name} {value:,}" for name, value in profile.items())
    return f"For {words} you chose {found}: {sums[found]:,.0f} USD. {best} costs {sums[best]:,.0f} USD."
