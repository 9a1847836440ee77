"""A mix of on demand and Spot, and a day on which AWS takes Spot back: 2.3 and 2.4."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from labkit.judging import Expect, World, exercise, number

from . import CLUSTER, DOCS, told

SPOT: Final = "FARGATE_SPOT"


def on(tasks: list[Any]) -> Counter[str]:
    """How many running tasks each provider has. A launch type counts as the provider of that name."""
    return Counter(str(one.get("capacityProviderName") or one.get("launchType")) for one in told(tasks))


def mix(counted: Counter[str]) -> str:
    """The counts in words."""
    return " and ".join(f"{count} on {name}" for name, count in sorted(counted.items())) or "none"


# -- 2.3 -------------------------------------------------------------------------------------------------


@exercise(
    "Two that stay, and three quarters of the rest for less",
    points=10,
    minutes=12,
    covers=("L13-L24",),
    hints=(
        "There are two rules: some tasks first, and the rest in a proportion. The first number is an amount, "
        "the others are "
        "shares.",
        "`capacityProviderStrategy` is a list. Each entry names a provider and can have a `base` and a "
        "`weight`. A launch "
        f"type must not stand beside it. See {DOCS}/APIReference/API_CapacityProviderStrategyItem.html",
        '```\ncapacityProviderStrategy=[\n    {"capacityProvider": "FARGATE", "base": ____, "weight": 1},\n'
        '    {"capacityProvider": "FARGATE_SPOT", "weight": ____},\n]\n```',
    ),
)
def mixed(world: World, expect: Expect) -> None:
    """At any size two tasks are on demand, and of all others one in four."""
    shop = expect.found(
        "exists",
        world.service(CLUSTER, "storefront"),
        "There is a service `storefront` in the cluster `orchard`.",
        seen="There is none. Did ECS refuse your call?",
        action="A launch type and a strategy exclude each other. Give only one.",
    )
    with world.rehearsal():
        world.until(lambda: sum(on(shop.tasks()).values()) == 10, 300, step=10)
        ten = on(shop.tasks())
        expect(
            "ten",
            sum(ten.values()) == 10,
            "It runs ten tasks.",
            seen=f"After five minutes it had {mix(ten)}.",
            why="Ten are needed for the customers of a normal day.",
            action="Ask for ten tasks. Do both providers belong to the cluster?",
        )
        more = 2 + 4 * world.random.randrange(3, 6)
        grown = sized(world, shop, more)
        expect(
            "ratio",
            (ten["FARGATE"], ten[SPOT]) == (4, 6) and (grown["FARGATE"], grown[SPOT]) == wanted(more),
            "After two on demand, the rest is one to three: four and six of ten, and so on as it grows.",
            seen=f"Of ten it had {mix(ten)}. Then I asked for {more}, and it had {mix(grown)}. "
            f"That should be {wanted(more)[0]} and {wanted(more)[1]}.",
            why="Too much on demand costs money. Too much on Spot is a risk that nobody has agreed to.",
            action="Count: the base first, then the rest by the weights. Eight tasks at one to three are two and six.",
        )
        small = sized(world, shop, 2)
        expect(
            "base",
            small["FARGATE"] == 2,
            "When only two are left, both are on demand.",
            seen=f"At night I asked for two tasks. It had {mix(small)}.",
            why="A base belongs to one provider. Tasks on Spot can all go in the same minute.",
            action="Which provider has the tasks that must stay? That one gets the base.",
        )


def wanted(count: int) -> tuple[int, int]:
    """On demand and Spot, of so many tasks."""
    rest = (count - 2) // 4
    return 2 + rest, 3 * rest


def sized(world: World, shop: Any, count: int) -> Counter[str]:
    """The running tasks by provider, after somebody has asked for so many."""
    shop.change(desiredCount=count)
    world.until(lambda: len(shop.tasks()) == count == sum(on(shop.tasks()).values()), 300, step=10)
    return on(shop.tasks())


# -- 2.4 -------------------------------------------------------------------------------------------------

BEFORE: Final = 60
AFTER: Final = 240
EVERY: Final = 2


@exercise(
    "The minute when Spot goes",
    points=10,
    minutes=18,
    star=True,
    covers=("L20-L24",),
    hints=(
        "There are two questions. Who still answers when all of Spot is gone? And how long does a program "
        "have, from the "
        "notice to the end, to finish what it has begun?",
        "The strategy of the service has a base. `stopTimeout` in the container says how many seconds lie "
        "between SIGTERM "
        f"and SIGKILL. See {DOCS}/developerguide/fargate-capacity-providers.html",
        '```\nregister(stopTimeout=____)\nanew("receipts", taskDefinition="receipts", desiredCount=6, '
        "capacityProviderStrategy=[\n"
        '    {"capacityProvider": "FARGATE", "base": ____, "weight": 1},\n'
        '    {"capacityProvider": "FARGATE_SPOT", "weight": 3},\n])\n```',
    ),
)
def reclaimed(world: World, expect: Expect) -> None:
    """AWS takes all Spot tasks back. No customer is left without a receipt."""
    shop = expect.found(
        "exists",
        world.service(CLUSTER, "receipts"),
        "There is a service `receipts` in the cluster `orchard`.",
        action="Run your cell. Did ECS refuse your definition? The longest `stopTimeout` on Fargate is 120 seconds.",
    )
    with world.rehearsal():
        world.until(lambda: sum(on(shop.tasks()).values()) >= 6, 300, step=10)
        world.clock.advance(seconds=45)
        there = on(shop.tasks())
        expect(
            "spot",
            sum(there.values()) == 6 and there[SPOT] >= 3,
            "Six tasks run, at least three of them on Spot.",
            seen=f"It had {mix(there)}.",
            why="On demand for everything is safe, and too expensive for receipts.",
            action="Ask for six tasks, and give FARGATE_SPOT a weight. Do both providers belong to the cluster?",
        )
        day = Day(world, shop)
        day.pass_by()
        lost = [one for one in day.gone if 137 in one.exit_codes]
        expect(
            "drained",
            not lost,
            "Each task that AWS takes back ends by itself: none is killed.",
            seen=f"AWS took back {number(len(day.gone), 'task')}. {number(len(lost), 'was', 'were')} killed: "
            "exit code 137.",
            why="SIGKILL ends the program in the middle of its work.",
            action="`receipts` needs 60 seconds from SIGTERM to its end. Give it that time.",
        )
        expect(
            "base",
            day.least >= 2,
            "There are never fewer than two tasks on demand.",
            seen=f"At one moment {number(day.least, 'task')} on demand ran.",
            why="They are all that is left while there is no Spot.",
            action="A base binds one provider. Which one has no notice of two minutes?",
        )
        expect(
            "probes",
            not day.failed,
            "No customer waits for a receipt in vain.",
            seen=f"{day.failed} of {day.total} requests failed: {day.refused} found no task, and "
            f"{day.failed - day.refused} lost a receipt that had been begun.",
            why="A receipt takes 45 seconds. Who is killed has receipts on the desk.",
            action="Let two tasks stay, and let those that go finish their work.",
        )


class Day:
    """A customer every two seconds. After a minute AWS takes back all Spot tasks, and has no others for two minutes."""

    def __init__(self, world: World, shop: Any) -> None:
        from labkit.workload.http import door_to

        self._world, self._shop = world, shop
        self._door = door_to(world.sandbox, (shop.cluster, shop.name))
        self.gone: list[Any] = []
        self.least, self.failed, self.refused, self.total = 99, 0, 0, 0

    def pass_by(self) -> None:
        """Let it happen."""
        from labkit.sandbox.fleet.boxes import Request

        world, asked = self._world, list[tuple[float, Any]]()
        for second in range(0, BEFORE + AFTER, EVERY):
            if second == BEFORE:
                self._reclaim()
            now = world.clock.time()
            asked.append((now, self._door.send(Request("GET", "/receipt"), now)))
            world.clock.advance(seconds=EVERY)
            if second % 10 == 0:
                self.least = min(self.least, on(self._shop.tasks())["FARGATE"])
        world.clock.advance(seconds=60)
        for began, answer in asked:
            self.total += 1
            self.failed += self._door.settled(answer, began).status != 200
            self.refused += answer.box is None

    def _reclaim(self) -> None:
        tasks = self._shop.tasks()
        self.gone = [one for one in tasks if one.settings.get("capacityProviderName") == SPOT]
        faults = self._world.sandbox.faults
        faults.put("ecs.spot_unavailable", lasting=120)
        faults.put("ecs.spot_reclaim", target=self._shop.arn, lasting=1)
