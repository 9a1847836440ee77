"""Sizes that Fargate sells: 2.1 and 2.2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from labkit.judging import Expect, World, exercise, number
from labkit.judging.containers import new_cluster, newest

from . import DOCS, agent, image, said

# -- 2.1 -------------------------------------------------------------------------------------------------

LOAD: Final = 0.8
"""The share of its vCPUs that a task may use at its peak."""
SIZES: Final[dict[int, tuple[int, ...]]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4097, 1024)),
    1024: tuple(range(2048, 8193, 1024)),
    2048: tuple(range(4096, 16385, 1024)),
    4096: tuple(range(8192, 30721, 1024)),
    8192: tuple(range(16384, 61441, 4096)),
    16384: tuple(range(32768, 122881, 8192)),
}
PROGRAM: Final = '''"""A service of the checker, with a load that was measured."""

PORT = 8080
STARTS_IN = 1.0
MEMORY = {memory}
CPU = 0.01
CPU_PER_REQUEST = {work}
STOPS_IN = 1.0


def handle(request, box):
    return {{"statusCode": 200, "body": "ok"}}
'''


class Workload(NamedTuple):
    """What was measured at the peak: vCPUs and MiB."""

    vcpus: float
    memory: int

    @property
    def words(self) -> str:
        """As a learner reads it."""
        return f"{self.vcpus} vCPU and {self.memory:,} MiB"


def workloads(world: World) -> list[Workload]:
    """Five of them, each with a difficulty of its own."""
    dice = world.random
    return [
        Workload(round(dice.uniform(0.05, 0.18), 2), dice.randrange(300, 480)),
        Workload(round(dice.uniform(0.05, 0.18), 2), dice.randrange(1_100, 1_900)),
        Workload(round(dice.uniform(0.21, 0.24), 2), dice.randrange(600, 950)),
        Workload(round(dice.uniform(0.10, 0.30), 2), dice.randrange(2_200, 3_900)),
        Workload(round(dice.uniform(3.4, 5.8), 2), dice.randrange(16_800, 32_000)),
    ]


def price(cpu: int, memory: int) -> float:
    """US dollars for an hour of a task."""
    from labkit.cost.compute import fargate_hour

    return fargate_hour(cpu / 1024, memory / 1024).cost


def cheapest(one: Workload) -> float:
    """What the best size costs in an hour."""
    fits = [
        price(cpu, memory)
        for cpu, memories in SIZES.items()
        for memory in memories
        if cpu / 1024 * LOAD > one.vcpus and memory >= one.memory
    ]
    return min(fits)


@exercise(
    "The cheapest size that holds",
    points=10,
    minutes=15,
    star=True,
    covers=("L20-L24",),
    hints=(
        "Go through all that Fargate sells, and leave out what does not hold. Memory decides more often than "
        "CPU: it can "
        "push you into a row with more vCPUs than you need. What is left has a price.",
        f"The table of sizes is at {DOCS}/developerguide/task-cpu-memory-error.html. In the cell above it is "
        "`SIZES`, and "
        "`price(size)` says what one costs. Of the vCPUs count only 80 %.",
        "```\nvalid = [(cpu, mib) for cpu, memories in SIZES.items() for mib in memories\n"
        "         if cpu / 1024 * 0.8 > vcpus and mib >= memory]\nreturn min(valid, key=____)\n```",
    ),
)
def cheapest_size(world: World, expect: Expect, *, size: Callable[..., Any]) -> None:
    """Five measured workloads run under their own load, on sizes that cost at most 5 % more than the best."""
    with world.rehearsal():
        cluster, role = new_cluster(world), agent(world)
        running: list[tuple[Workload, int, int, Any]] = []
        for one in workloads(world):
            found = expect.call(
                "runs",
                size,
                one.vcpus,
                one.memory,
                wanted="`size` runs without an error.",
                action="Call it by hand with these two numbers, and look at the line.",
            )
            chosen = pair(found)
            if not expect(
                "pair",
                chosen is not None,
                "`size` returns two numbers: CPU units and MiB.",
                seen=f"`size({one.vcpus}, {one.memory})` returned {found!r}.",
                why="A task definition wants both, as in 256 and 512.",
                action="Return a pair such as `(256, 512)`.",
            ):
                return
            assert chosen is not None
            task, refused = launched(world, cluster, role, one, *chosen)
            expect(
                "sold",
                task is not None,
                "Fargate sells each of the sizes.",
                seen=f"For {one.words} you chose {chosen[0]} and {chosen[1]}. ECS said: {refused}",
                why="Fargate has fixed pairs. The parameter takes up to 196,608 units, but that is for instances; "
                "Fargate ends at 16,384.",
                action="Take only pairs that stand in `SIZES`.",
            )
            if task is not None:
                running.append((one, *chosen, task))
        world.until(lambda: all(task.running for *_, task in running), 240, step=10)
        replay(world, running)
        for one, cpu, memory, task in running:
            judge_size(expect, one, cpu, memory, task)


def pair(found: object) -> tuple[int, int] | None:
    """Two whole numbers, also when they are texts."""
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        return None
    try:
        return int(found[0]), int(found[1])
    except (TypeError, ValueError):
        return None


def launched(world: World, cluster: Any, role: str, one: Workload, cpu: int, memory: int) -> tuple[Any, str]:
    """A task of this workload in this size, or what ECS said."""
    from botocore.exceptions import ClientError

    program = PROGRAM.format(memory=one.memory, work=round((one.vcpus - 0.01) / 100, 6))
    try:
        made = world.client("ecs").register_task_definition(
            family=f"check-{world.word()}",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu=str(cpu),
            memory=str(memory),
            executionRoleArn=role,
            containerDefinitions=[{"name": "app", "image": image(world, program)}],
        )
    except ClientError as error:
        return None, said(error)
    return cluster.run(made["taskDefinition"]["taskDefinitionArn"]), ""


def replay(world: World, running: list[tuple[Workload, int, int, Any]]) -> None:
    """Two minutes of the load that was measured: a hundred requests in each second."""
    for _ in range(24):
        for *_, task in running:
            task.request("/", weight=500)
        world.clock.advance(seconds=5)


def judge_size(expect: Expect, one: Workload, cpu: int, memory: int, task: Any) -> None:
    """One task after its two minutes."""
    alive = task.running
    expect(
        "memory",
        alive,
        "Under the replayed load no task runs out of memory.",
        seen=f"For {one.words} you chose {cpu:,} CPU units and {memory:,} MiB. The task ended: {task.told}.",
        why="A container that asks for more than the task has is killed.",
        action="Leave out the sizes with less memory than was measured.",
    )
    load = task.usage(60).cpu_seconds / 60 / (cpu / 1024)
    expect(
        "cpu",
        not alive or load < LOAD,
        "Under the replayed load each task uses less than 80 % of its CPU.",
        seen=f"For {one.words} you chose {cpu:,} CPU units. The task used {load:.0%} of them.",
        why="A task without room to breathe answers late as soon as one more customer comes.",
        action="Count only 80 % of the vCPUs of a size.",
    )
    best, paid = cheapest(one), price(cpu, memory)
    expect(
        "cost",
        paid <= 1.05 * best,
        "Each size costs at most 5 % more than the cheapest one that holds.",
        seen=f"For {one.words} you chose {cpu:,} CPU units and {memory:,} MiB: {paid / best - 1:.0%} more than "
        "the cheapest "
        "size that holds.",
        why="You pay for what you have asked for, used or not, for every hour.",
        action="Of all sizes that hold, take the one with the lowest price.",
    )


# -- 2.2 -------------------------------------------------------------------------------------------------

PUBLIC: Final = "public.ecr.aws/nginx/nginx:1.29"
NEEDS: Final = {"prices": 8192, "labels": 1536, "mailer": 512, "search": 3072}
"""Family -> MiB that its program needs."""


@exercise(
    "Four definitions that Fargate refuses",
    points=10,
    minutes=10,
    star=True,
    covers=("L9", "L20-L24", "L51-L57"),
    hints=(
        "Fargate sells fixed sizes, and each task has a network card of its own. Read the four sentences: each "
        "names what "
        "is wrong.",
        "`networkMode`, and `cpu` and `memory` of the task. Fargate wants all three. See "
        f"{DOCS}/developerguide/fargate-tasks-services.html",
        '```\nprices = BROKEN["prices"] | {"cpu": "____"}\nmailer = BROKEN["mailer"] | {"networkMode": "____"}\n```',
    ),
)
def repair(world: World, expect: Expect) -> None:
    """Four definitions that were refused start on Fargate now, with the memory that their programs need."""
    prove_refused(world)
    found = {family: newest(world, family) for family in NEEDS}
    missing = [family for family, one in found.items() if one is None]
    expect(
        "registered",
        not missing,
        "There are task definitions of the families `prices`, `labels`, `mailer` and `search`.",
        seen=f"There is none of {', '.join(missing)}.",
        why="What was refused does not exist.",
        action="Read what ECS says to it, change that, and register it again.",
    )
    with world.rehearsal():
        cluster = new_cluster(world)
        started = {family: attempt(cluster, one) for family, one in found.items() if one is not None}
        world.until(lambda: all(task is None or task.running for task, _ in started.values()), 240, step=10)
        world.clock.advance(seconds=5)  # a program needs a moment until it listens
        for family, (task, refused) in started.items():
            runs = task is not None and task.running
            expect(
                "starts",
                runs,
                "All of them start on Fargate.",
                seen=f"{family}: {refused or 'it did not start. ' + task.told}",
                why="Fargate starts what is made for Fargate, and nothing else.",
                action="Look at `requiresCompatibilities` and at the image: both were right before.",
            )
            if runs:
                judge_needs(expect, family, task)


def prove_refused(world: World) -> None:
    """The four old ones are refused. If one is not, that is our fault and not the learner's."""
    from botocore.exceptions import ClientError

    register = world.client("ecs").register_task_definition
    given: dict[str, Any] = {
        "requiresCompatibilities": ["FARGATE"],
        "containerDefinitions": [{"name": "app", "image": PUBLIC}],
    }
    olds = (
        {"cpu": "256", "memory": "8192", "networkMode": "awsvpc"},
        {"cpu": "1024", "memory": "1536", "networkMode": "awsvpc"},
        {"cpu": "256", "memory": "512", "networkMode": "bridge"},
        {"cpu": "512", "networkMode": "awsvpc"},
    )
    for old in olds:
        try:
            register(family=f"check-{world.word()}", **given, **old)
        except ClientError:
            continue
        raise RuntimeError(f"Fargate takes {old}, and it should not")


def attempt(cluster: Any, definition: dict[str, Any]) -> tuple[Any, str]:
    """One task on Fargate: the task or None, and what ECS says when it refuses."""
    from botocore.exceptions import ClientError

    try:
        return cluster.run(definition["taskDefinitionArn"]), ""
    except ClientError as error:
        return None, said(error)


def judge_needs(expect: Expect, family: str, task: Any) -> None:
    """Whether the program has what it needs, and is the same program."""
    has = int(task.settings["memory"])
    expect(
        "room",
        has >= NEEDS[family],
        "Each has at least the memory that its program needs.",
        seen=f"`{family}` needs {NEEDS[family]:,} MiB. The task has {number(has, 'MiB', 'MiB')}.",
        why="It would start, and be killed at its peak.",
        action="Keep the memory, and change the CPU until the pair is one that Fargate sells.",
    )
    answer = task.request("/")
    expect(
        "same",
        answer.status == 200 and "nginx" in answer.body,
        "Each runs the same program as before.",
        seen=f"A request to `{family}` got status {answer.status}.",
        why="Only the size and the network were wrong.",
        action="Keep `containerDefinitions` as they are.",
    )
