"""Tasks on instances: packed, or spread: 2.5."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from labkit.judging import Expect, World, exercise, number
from labkit.judging.containers import new_cluster

from . import DOCS, said

MACHINES: Final = (3, 2, 2)
"""How many instances each of three zones has."""
TASKS: Final = 12
CLUSTERS: Final = 3
"""How often `even` has to be even: once in twenty, chance is."""
PUBLIC: Final = "public.ecr.aws/nginx/nginx:1.29"


@exercise(
    "As few machines as you can, or as many zones",
    points=10,
    minutes=15,
    covers=("L14-L18",),
    hints=(
        "The two goals conflict. To save money, fill one machine before you begin the next. To survive, put "
        "the eggs into "
        "different baskets: which basket can fail as a whole?",
        "`placementStrategy` is a list of rules with `type` and `field`. See "
        f"{DOCS}/developerguide/task-placement-strategies.html",
        '```\ntight = [{"type": "____", "field": "memory"}]\n'
        'even = [{"type": "spread", "field": "attribute:ecs.____"}]\n```',
    ),
)
def placed(world: World, expect: Expect, *, tight: Any, even: Any) -> None:
    """Twelve tasks stand on the fewest instances; twelve others survive the loss of a zone."""
    with world.rehearsal():
        cluster, zones = fleet(world)
        memory = world.random.choice((1_900, 2_400))  # with larger ones chance would often do as well
        job = definition(world, memory)
        packed = start(world, expect, cluster, job, tight)
        if packed is None:
            return
        used = {one["containerInstanceArn"] for one in packed}
        fewest = -(-TASKS // (7_782 // memory))
        expect(
            "fewest",
            len(packed) == TASKS and len(used) == fewest,
            "With `tight`, twelve tasks stand on as few instances as can be.",
            seen=f"Each task takes {memory:,} MiB. {number(len(packed), 'task')} stood on "
            f"{number(len(used), 'instance')}; "
            f"{fewest} would do.",
            why="An instance that carries nothing can be switched off. One with a single task cannot.",
            action="Which type of strategy fills the fullest instance first? By which field?",
        )
    with world.rehearsal():
        job, tries = definition(world, 1_000), []
        for _ in range(CLUSTERS):
            cluster, zones = fleet(world)
            spread = start(world, expect, cluster, job, even)
            if spread is None:
                return
            counts = Counter(dict.fromkeys(zones, 0))
            counts.update(one["availabilityZone"] for one in spread)
            tries.append((cluster, spread, counts))
        cluster, spread, counts = max(tries, key=lambda one: max(one[2].values()) - min(one[2].values()))
        listed = ", ".join(f"{count} in {zone}" for zone, count in sorted(counts.items()))
        expect(
            "even",
            len(spread) == TASKS and max(counts.values()) - min(counts.values()) <= 1,
            "With `even`, the zones differ by at most one task.",
            seen=f"The tasks by zone: {listed}.",
            why="A zone is a group of data centres. It can fail as a whole.",
            action="Spread over zones, not over instances: the zones have different numbers of instances.",
        )
        world.sandbox.faults.put(
            "ecs.zone_loss", target=max(counts, key=lambda zone: counts[zone]), lasting=60
        )
        world.clock.advance(seconds=30)
        left = sum(one.running for one in cluster.tasks())
        expect(
            "survives",
            left >= 8,
            "With `even`, at least eight of twelve still run when a zone fails.",
            seen=f"I let the zone with the most tasks fail. {number(left, 'task')} still ran.",
            why="Two thirds of the tasks can carry the load for some minutes.",
            action="Look at how many tasks your fullest zone had.",
        )


def fleet(world: World) -> tuple[Any, list[str]]:
    """A cluster of its own with seven instances in three zones, and the names of the zones."""
    ec2, cluster = world.client("ec2"), new_cluster(world)
    joins = f"#!/bin/bash\necho ECS_CLUSTER={cluster.name} >> /etc/ecs/ecs.config\n"
    found = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    subnets = sorted(found, key=lambda one: str(one["AvailabilityZone"]))[: len(MACHINES)]
    for subnet, count in zip(subnets, world.random.sample(MACHINES, len(MACHINES)), strict=True):
        ec2.run_instances(
            ImageId="ami-12c6146b",
            InstanceType="m5.large",
            MinCount=count,
            MaxCount=count,
            SubnetId=subnet["SubnetId"],
            UserData=joins,
        )
    world.clock.advance(seconds=61)
    return cluster, [one["AvailabilityZone"] for one in subnets]


def definition(world: World, memory: int) -> str:
    """A task definition for instances."""
    made = world.client("ecs").register_task_definition(
        family=f"check-{world.word()}",
        containerDefinitions=[{"name": "app", "image": PUBLIC, "cpu": 64, "memory": memory}],
    )
    return str(made["taskDefinition"]["taskDefinitionArn"])


def start(world: World, expect: Expect, cluster: Any, job: str, strategy: Any) -> list[dict[str, Any]] | None:
    """Twelve tasks with this strategy, in two calls; None when ECS refuses."""
    from botocore.exceptions import BotoCoreError, ClientError

    told = ""
    for _ in range(2):
        try:
            world.client("ecs").run_task(
                cluster=cluster.name,
                taskDefinition=job,
                count=TASKS // 2,
                launchType="EC2",
                placementStrategy=strategy,
            )
        except ClientError as error:
            told = said(error)
        except BotoCoreError as error:
            told = str(error)
    expect(
        "takes",
        not told,
        "ECS takes both strategies.",
        seen=f"ECS said: {told}",
        why="A strategy has a type, and a field that this type knows.",
        action="Compare type and field with the page of the strategies.",
    )
    if told:
        return None
    world.until(lambda: all(one.running for one in cluster.tasks()), 60, step=10)
    return [one.settings for one in cluster.tasks()]
