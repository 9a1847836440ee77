"""A service that keeps its count, and a release that nobody notices: 1.4 and 1.5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from labkit.judging import Expect, World, exercise, number
from labkit.judging.containers import network

from . import CLUSTER, DOCS, logged, push

WITHIN: Final = 60
"""Seconds in which the dead are replaced. A hung one takes longer: first its health check has to fail twice."""


@exercise(
    "Three copies of `user`",
    points=10,
    minutes=12,
    star=True,
    covers=("L10",),
    hints=(
        "Who notices a death? Not the call that starts tasks: it starts them and forgets them. Something has to keep "
        "the "
        "number.",
        "`create_service` takes the task definition, the launch type, the network, and how many there shall be. See "
        f"{DOCS}/APIReference/API_CreateService.html",
        '```\necs.create_service(\n    cluster="orchard-dev", serviceName="user", taskDefinition=user_1,\n'
        '    desiredCount=____, launchType="FARGATE", networkConfiguration=network,\n)\n```',
    ),
)
def service(world: World, expect: Expect) -> None:
    """Three healthy copies run. After two die and one hangs, three new ones stand in their place."""
    cluster = expect.found(
        "exists",
        world.cluster(CLUSTER),
        "There is a cluster named `orchard-dev`.",
        action="Do exercise 01.1 first, or create the cluster.",
    )

    def healthy() -> list[Any]:
        return [one for one in cluster.tasks(family="user") if one.running and one.health == "HEALTHY"]

    with world.rehearsal():
        world.until(lambda: len(healthy()) >= 3, 240)
        there = healthy()
        expect(
            "three",
            len(there) == 3,
            "Three healthy copies of `user` run in `orchard-dev`.",
            seen=f"After four minutes {number(len(there), 'healthy copy', 'healthy copies')} of `user` ran there.",
            why="Fewer cannot serve the customers; more cost money that nobody has planned.",
            action="Ask for three. Are tasks left from an earlier try? `list_tasks` shows them, `stop_task` ends them."
            if len(there) > 3
            else "Ask for three copies, of a task definition with a health check.",
        )
        hurt = world.random.sample(there, min(2, len(there)))
        counted = all(str(one.settings.get("group", "")).startswith("service:") for one in hurt)
        if hurt:
            hurt[0].kill()
        if len(hurt) > 1:
            hurt[1].crash()
        gone = {one.arn for one in hurt}
        number_before = len(there)
        world.until(lambda: len([one for one in healthy() if one.arn not in gone]) >= number_before, WITHIN)
        left = [one for one in healthy() if one.arn not in gone]
        expect(
            "kept",
            len(hurt) == 2 and len(left) >= number_before,
            "Two of them die. Within a minute as many are healthy as before.",
            seen="I killed one and crashed another. A minute later "
            f"{number(len(left), 'healthy copy', 'healthy copies')} remained."
            + ("" if counted else " Nobody keeps the count.")
            if len(hurt) == 2
            else "There were no two healthy copies that could die.",
            why="Tasks die: machines fail, programs fail. Somebody has to start others, at any hour.",
            action="Leave the count to ECS: a service compares it with what runs, all the time.",
        )
        judge_hung(world, expect, healthy, left)


def judge_hung(world: World, expect: Expect, healthy: Callable[[], list[Any]], left: list[Any]) -> None:
    """One of the three hangs: it runs, and does not work."""
    if left:
        left[0].sicken()
    arn = left[0].arn if left else ""
    world.until(lambda: len([one for one in healthy() if one.arn != arn]) >= len(left), 120)
    after = [one for one in healthy() if one.arn != arn]
    expect(
        "hung",
        bool(left) and len(after) >= len(left),
        "One of them hangs. Within two minutes another one is healthy in its place.",
        seen=f"I let one hang: its `/health` answered with an error. Two minutes later "
        f"{number(len(after), 'healthy copy', 'healthy copies')} ran beside it."
        if left
        else "There was no healthy copy that could hang.",
        why="A task that hangs still runs. Only its health check tells ECS.",
        action="Use `user_1`, which has a health check, and let a service keep three of them.",
    )


# -- 1.5 -------------------------------------------------------------------------------------------------


@exercise(
    "Release without an outage",
    points=10,
    minutes=20,
    covers=("L9", "L10"),
    hints=(
        "A revision never changes. So there has to be a new one, and somebody has to tell the service. Then think of "
        "the moment in "
        "between: how many old tasks may go before new ones are there?",
        "`register_task_definition` with `copy_of(...)`, then `update_service` with `taskDefinition` and "
        "`deploymentConfiguration`. See "
        f"{DOCS}/developerguide/deployment-type-ecs.html",
        '```\nmade = ecs.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"]\n'
        "ecs.update_service(\n"
        '    cluster="orchard-dev", service=service, taskDefinition=made,\n'
        '    deploymentConfiguration={"minimumHealthyPercent": ____, "maximumPercent": ____},\n)\n```',
    ),
)
def release(world: World, expect: Expect, *, release: Callable[..., Any]) -> None:
    """Under 20 requests a second the new version replaces the old one, and no request fails."""
    expect.found(
        "ground",
        ground(world),
        "The cluster, the repository `orchard/user`, the role `orchard-agent` and the log group are there.",
        action="Do exercise 01.1, and run the cells above exercise 01.2 again.",
    )
    with world.rehearsal():
        version = f"{world.random.randrange(3, 90)}.{world.random.randrange(10)}"
        image = pushed(world, version)
        shop, old = hasty_service(world)
        probe = Probe(world, shop)
        world.clock.advance(seconds=20)
        expect.call(
            "runs",
            release,
            shop.name,
            image,
            wanted="`release` runs without an error.",
            action="Read what ECS says about that line, and repair it.",
        )
        world.clock.advance(seconds=240)
        judge_release(world, expect, shop, image)
        failed = probe.end()
        expect(
            "outage",
            failed == 0,
            "No customer notices: of 20 requests a second none fails.",
            seen=outage(failed),
            why="When old tasks stop before new ones are healthy, nobody is there to answer.",
            action="Look at the two numbers of the deployment: how many have to be healthy, and how many may be "
            "there at once?",
        )
        judge_back(world, expect, shop, old)


def outage(failed: int) -> str:
    """How long nobody answered, in words that do not change with a second more or less."""
    seconds = failed / Probe.PER_SECOND
    if seconds < 5:
        return "Some requests failed."
    return f"For about {max(10, round(seconds, -1)):.0f} seconds nobody answered."


def judge_release(world: World, expect: Expect, shop: Any, image: str) -> None:
    """Four minutes later: which image runs, is it well, and does it keep its log?"""
    wanted = image.rpartition("@")[2]
    tasks = [one for one in shop.tasks() if one.running]
    new = [one for one in tasks if one.digests == [wanted]]
    expect(
        "released",
        len(new) == 3 == len(tasks),
        "Four minutes later three tasks run, all with the new image.",
        seen=f"{number(len(tasks), 'task')} ran, {len(new)} of them with the new image.",
        why="A running task never changes. It keeps the revision with which it began.",
        action="Register a revision with the new image, and tell the service to use that one.",
    )
    request_id = world.word()
    if new:
        new[0].request("/users/Noor", headers={"X-Request-Id": request_id})
    world.clock.advance(seconds=30)
    kept = bool(logged(world, request_id, "/orchard/user"))
    well = all(one.health == "HEALTHY" for one in new)
    expect(
        "same",
        not new or (kept and well),
        "The new tasks are HEALTHY and write to the same log: only the image is another one.",
        seen=f"A request with the id {request_id} {'is' if kept else 'is not'} in the log. The new tasks are "
        + (f"{new[0].health}." if new else "not there."),
        why="What nobody sees and nobody asks breaks in silence.",
        action="Take the old revision with `copy_of`, and change nothing but the image.",
    )


def judge_back(world: World, expect: Expect, shop: Any, old: str) -> None:
    """The new version was a mistake. A colleague goes back."""
    from botocore.exceptions import ClientError

    trouble = ""
    try:
        shop.change(taskDefinition=old)
    except ClientError as error:
        trouble = error.response["Error"]["Message"]
    world.until(
        lambda: bool(shop.tasks()) and all(one.definition == old and one.running for one in shop.tasks()), 300
    )
    tasks = [one for one in shop.tasks() if one.running]
    expect(
        "back",
        not trouble and bool(tasks) and all(one.definition == old for one in tasks),
        "One call of `update_service` brings the old revision back.",
        seen=f"I went back to the old revision. ECS said: {trouble}" if trouble else "It did not come back.",
        why="The fastest repair of a bad release is to go back.",
        action="Leave the old revision as it is.",
    )


def ground(world: World) -> bool | None:
    """Whether what the cells above 01.2 make is there."""
    iam, ecr, logs = (world.client(name) for name in ("iam", "ecr", "logs"))
    try:
        iam.get_role(RoleName="orchard-agent")
        ecr.describe_repositories(repositoryNames=["orchard/user"])
    except (iam.exceptions.NoSuchEntityException, ecr.exceptions.RepositoryNotFoundException):
        return None
    if world.cluster(CLUSTER) is None:
        return None
    groups = logs.describe_log_groups(logGroupNamePrefix="/orchard/user")["logGroups"]
    return True if "/orchard/user" in [one["logGroupName"] for one in groups] else None


def pushed(world: World, version: str) -> str:
    """The address, by digest, of a version of `user` that is in the registry."""
    repository = world.client("ecr").describe_repositories(repositoryNames=["orchard/user"])["repositories"][
        0
    ]
    digest = push("user", "orchard/user", version, world, version=version)
    return f"{repository['repositoryUri']}@{digest}"


def hasty_service(world: World) -> tuple[Any, str]:
    """A service with three tasks of `user`, as the colleague made it. Returns it, and its task definition."""
    ecs, name = world.client("ecs"), f"user-{world.word()}"
    options = {
        "awslogs-group": "/orchard/user",
        "awslogs-region": world.sandbox.region,
        "awslogs-stream-prefix": name,
    }
    container = {
        "name": "user",
        "image": pushed(world, "1.1"),
        "portMappings": [{"containerPort": 8080}],
        "logConfiguration": {"logDriver": "awslogs", "options": options},
        "healthCheck": {
            "command": ["CMD-SHELL", "curl -f http://localhost:8080/health || exit 1"],
            "interval": 10,
            "retries": 2,
        },
    }
    made = ecs.register_task_definition(
        family=name,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        executionRoleArn=world.client("iam").get_role(RoleName="orchard-agent")["Role"]["Arn"],
        containerDefinitions=[container],
    )["taskDefinition"]["taskDefinitionArn"]
    ecs.create_service(
        cluster=CLUSTER,
        serviceName=name,
        taskDefinition=made,
        desiredCount=3,
        launchType="FARGATE",
        networkConfiguration=network(world),
        deploymentConfiguration={"minimumHealthyPercent": 0, "maximumPercent": 100},
    )
    shop = world.service(CLUSTER, name)
    world.until(lambda: len([one for one in shop.tasks() if one.health == "HEALTHY"]) == 3, 300)
    return shop, made


class Probe:
    """Twenty customers a second at a service, whoever moves the clock, until `end`."""

    PER_SECOND: Final = 20
    TOGETHER: Final = 5

    def __init__(self, world: World, shop: Any) -> None:
        from labkit.workload.http import door_to

        self._world = world
        self._door = door_to(world.sandbox, (shop.cluster, shop.name))
        self._on, self._open = True, list[tuple[float, Any]]()
        self.failed = 0
        self._again()

    def _again(self) -> None:
        _PROBES[id(self)] = self
        clock = self._world.clock
        clock.schedule(clock.time() + self.TOGETHER / self.PER_SECOND, knock, id(self))

    def knock(self) -> None:
        """Some customers come."""
        from labkit.sandbox.fleet.boxes import Request

        if not self._on:
            return
        self._settle()
        now = self._world.clock.time()
        for _ in range(self.TOGETHER):
            self._open.append((now, self._door.send(Request("GET", "/users/Noor"), now)))
        self._again()

    def _settle(self) -> None:
        for began, answer in self._open:
            self.failed += not 200 <= self._door.settled(answer, began).status < 400
        self._open.clear()

    def end(self) -> int:
        """No customer comes any more. How many requests failed."""
        self._on = False
        self._settle()
        _PROBES.pop(id(self), None)
        return self.failed


_PROBES: Final[dict[int, Probe]] = {}


def knock(probe: int) -> None:
    """Due work: customers of a probe come."""
    if probe in _PROBES:
        _PROBES[probe].knock()
