"""A cluster, a task definition, a job: 1.1 to 1.3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from labkit.judging import Expect, World, exercise, number
from labkit.judging.containers import new_cluster, newest

from . import CLUSTER, DOCS, attempt, health, logged, push

PUBLIC: Final = "public.ecr.aws/nginx/nginx:1.29"

# -- 1.1 -------------------------------------------------------------------------------------------------


@exercise(
    "A cluster that measures each task",
    points=10,
    minutes=8,
    star=True,
    covers=("L8",),
    hints=(
        "How closely ECS looks is a setting of the cluster, with three steps. Which of them reaches down to the "
        "single task?",
        "`create_cluster` and `update_cluster_settings` take `settings`, a list of names and values. See "
        f"{DOCS}/APIReference/API_ClusterSetting.html",
        '```\necs.update_cluster_settings(\n    cluster="orchard-dev", '
        'settings=[{"name": "containerInsights", "value": "____"}]\n)\n```',
    ),
)
def insights(world: World, expect: Expect) -> None:
    """A task that runs in the cluster shows its own CPU and memory in CloudWatch."""
    cluster = expect.found(
        "exists",
        world.cluster(CLUSTER),
        "There is a cluster named `orchard-dev`.",
        seen="There is no such cluster.",
        action="Create it with `create_cluster`.",
    )
    with world.rehearsal():
        family = f"check-{world.word()}"
        world.client("ecs").register_task_definition(
            family=family,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[{"name": "web", "image": PUBLIC}],
        )
        task = cluster.run(family)
        world.clock.advance(minutes=6)
        cpu, memory = (
            measured(world, task, name) for name in ("TaskCpuUtilization", "TaskMemoryUtilization")
        )
    expect(
        "tasks",
        cpu and memory,
        "CloudWatch shows CPU and memory of each task.",
        seen=f"A task ran for some minutes. CloudWatch has {number(cpu, 'value')} for its CPU and {memory} for its "
        "memory.",
        why="The numbers of a whole cluster do not say which task ate the memory.",
        action="Look at the three values that `containerInsights` can have. Which one reaches down to the tasks?",
    )


def measured(world: World, task: Any, metric: str) -> int:
    """How many values CloudWatch has for one task."""
    client = world.client("cloudwatch")
    found = client.list_metrics(
        Namespace="ECS/ContainerInsights",
        MetricName=metric,
        Dimensions=[{"Name": "TaskId", "Value": task.id}],
    )["Metrics"]
    end = world.clock.now()
    values = 0
    for one in found:
        answer = client.get_metric_statistics(
            Namespace="ECS/ContainerInsights",
            MetricName=metric,
            Dimensions=one["Dimensions"],
            StartTime=end.timestamp() - 3_600,
            EndTime=end.timestamp() + 60,
            Period=60,
            Statistics=["Average"],
        )
        values += len(answer["Datapoints"])
    return values


# -- 1.2 -------------------------------------------------------------------------------------------------


@exercise(
    "A task definition for production",
    points=10,
    minutes=25,
    star=True,
    covers=("L9", "L28-L49"),
    hints=(
        "What does ECS have to do before the first line of your code runs, and while it runs? It fetches bytes, it "
        "keeps a log, and "
        "it asks how you are. For each of these there is a field.",
        "`executionRoleArn` in the definition; `logConfiguration` and `healthCheck` in the container. "
        "`ecr.describe_images` gives "
        f"you the digest behind a tag. See {DOCS}/developerguide/task_definition_parameters.html",
        '```\n"image": f"{user_image}@____",\n"logConfiguration": {\n    "logDriver": "awslogs",\n    "options": '
        '{"awslogs-group": "/orchard/user", "awslogs-region": region, "awslogs-stream-prefix": "user"},\n},\n'
        '"healthCheck": {"command": ["CMD-SHELL", "curl -f http://localhost:8080/health || exit 1"]},\n```',
    ),
)
def production(world: World, expect: Expect) -> None:
    """It starts, is healthy, keeps a log, notices when it hangs, and runs the same image after the tag has moved."""
    definition = expect.found(
        "exists",
        newest(world, "user"),
        "There is a task definition of the family `user`.",
        action="Run the cell that registers it.",
    )
    with world.rehearsal():
        cluster = new_cluster(world)
        task, refused = attempt(cluster, definition["taskDefinitionArn"])
        if task is not None:
            world.until(lambda: task.health != "UNKNOWN" or task.status == "STOPPED", 180)
        if not expect(
            "runs",
            task is not None and task.running,
            "A task of it starts and runs.",
            seen=refused or f"The task is {health(task)}.",
            why="ECS pulls the image and opens the log before your program starts. It needs a role for that, and all "
            "has to be there.",
            action="Read the reason. Look at `executionRoleArn`, the image and the log group.",
        ):
            return
        judge_user(world, expect, task)
        judge_pinned(world, expect, cluster, definition["taskDefinitionArn"], task)
        judge_notices(world, expect, task)


def judge_user(world: World, expect: Expect, task: Any) -> None:
    """A customer comes, with a name and a request id nobody has heard before."""
    name, request_id = world.word(), world.word()
    answer = task.request(f"/users/{name}", headers={"X-Request-Id": request_id})
    expect(
        "program",
        answer.status == 200 and name in answer.body,
        "It is the program `user`: it greets a customer by name.",
        seen=f"A customer asked for `/users/{name}` and got status {answer.status}: {answer.body[:80]!r}."
        if answer.status
        else f"A customer asked for `/users/{name}`, and nobody answered ({answer.error}).",
        why="The image decides what runs.",
        action="Use the image in `user_image`.",
    )
    expect(
        "healthy",
        task.health == "HEALTHY",
        "ECS says that the task is HEALTHY.",
        seen=f"Three minutes after its start it is {task.health}.",
        why="Without a health check that passes, ECS does not know whether the program works.",
        action="Give the container a `healthCheck` that asks the program itself, on its own port.",
    )
    world.clock.advance(seconds=30)
    lines = logged(world, request_id, "/orchard/user")
    expect(
        "logs",
        len(lines) > 0,
        "What the program prints is in the log group `/orchard/user`.",
        seen=f"The request had the id {request_id}. No line in `/orchard/user` names it.",
        why="A task is gone an hour after it stops, with all that it knew.",
        action="Give the container a `logConfiguration` with the log driver `awslogs`.",
    )


def judge_pinned(world: World, expect: Expect, cluster: Any, definition: str, first: Any) -> None:
    """Somebody pushes another image as 1.0. A new task starts."""
    moved = push_again(world)
    second, refused = attempt(cluster, definition)
    if second is not None:
        world.until(lambda: second.running or second.status == "STOPPED", 180)
    same = second is not None and second.running and second.digests == first.digests
    expect(
        "pinned",
        same,
        "A new task still runs the same image after somebody has pushed another one as 1.0.",
        seen=refused
        or (
            "I pushed another image as 1.0 and started a task: two versions run side by side."
            if second is not None and second.running
            else f"I pushed another image as 1.0 and started a task. It is {health(second)}."
        ),
        why="A tag can move. Then the same task definition runs something else, and nobody has released it."
        if moved
        else "The same task definition has to run the same program.",
        action="Name the image by its digest, or make the tags of the repository immutable.",
    )


def push_again(world: World) -> bool:
    """Push another program as 1.0 of orchard/user. Whether the registry let it happen."""
    from botocore.exceptions import ClientError

    client = world.client("ecr")
    before = client.describe_images(repositoryName="orchard/user", imageIds=[{"imageTag": "1.0"}])
    try:
        push("user", "orchard/user", "1.0", world, version=world.word())
    except ClientError:
        return False
    after = client.describe_images(repositoryName="orchard/user", imageIds=[{"imageTag": "1.0"}])
    return bool(before["imageDetails"][0]["imageDigest"] != after["imageDetails"][0]["imageDigest"])


def judge_notices(world: World, expect: Expect, task: Any) -> None:
    """The program hangs: it runs, and its health page is an error."""
    was = task.health == "HEALTHY"
    task.sicken()
    after = world.until(lambda: task.health == "UNHEALTHY", 120)
    expect(
        "notices",
        was and after is not None,
        "When the program does not answer on `/health` any more, ECS says within two minutes that the task is "
        "UNHEALTHY.",
        seen=f"I made `/health` answer with an error. Two minutes later the task was {health(task)}."
        if was
        else "It never was HEALTHY, so nobody can see when it stops being so.",
        why="A program that hangs still runs. Only a question to the program itself finds out.",
        action="Let the health check ask the program with `curl -f`, and look at `interval` and `retries`.",
    )


# -- 1.3 -------------------------------------------------------------------------------------------------


@exercise(
    "Run the migration once",
    points=10,
    minutes=12,
    covers=("L11",),
    hints=(
        "A job is not a service. Nobody shall start it again when it has ended. Which call starts tasks, and does "
        "nothing else?",
        "`run_task`. Its `overrides` change the environment of a container for this one task. See "
        f"{DOCS}/APIReference/API_RunTask.html",
        '```\necs.run_task(\n    cluster="orchard-dev", taskDefinition=____, launchType="FARGATE", '
        "networkConfiguration=network,\n"
        '    overrides={"containerOverrides": [{"name": "migrate", "environment": [{"name": "TO", "value": '
        "str(to)}]}]},\n)\n```",
    ),
)
def migrate_once(world: World, expect: Expect, *, migrate: Callable[..., Any]) -> None:
    """One task runs the migration to the schema that was asked for, ends with 0, and never comes again."""
    cluster = expect.found(
        "exists",
        world.cluster(CLUSTER),
        "There is a cluster named `orchard-dev`.",
        action="Do exercise 01.1 first, or create the cluster.",
    )
    expect.found(
        "defined",
        newest(world, "migrate"),
        "There is a task definition of the family `migrate`.",
        action="Run the cell above the exercise.",
    )
    with world.rehearsal():
        before = {one.arn for one in cluster.tasks(stopped=True)}
        schema = world.random.randrange(100, 1_000)
        answer = expect.call(
            "runs",
            migrate,
            schema,
            wanted="`migrate` runs without an error.",
            action="Read what ECS says about that line, and repair it.",
        )
        world.clock.advance(minutes=4)
        new = [one for one in cluster.tasks(stopped=True) if one.arn not in before]
        judge_run(world, expect, new, schema)
        expect(
            "answer",
            isinstance(answer, str) and answer in {one.arn for one in new},
            "It returns the ARN of the task.",
            seen=f"It returned {answer!r}."[:200],
            why="Whoever calls it wants to know how the migration went.",
            action="The answer of `run_task` has a list `tasks`. Its first entry has a `taskArn`.",
        )
        world.clock.advance(minutes=10)
        later = [one for one in cluster.tasks(stopped=True) if one.arn not in before]
        expect(
            "once",
            len(later) == len(new),
            "In the ten minutes that follow nobody runs it again.",
            seen=f"Ten minutes later {few(len(later))} had run.",
            why="A migration that runs again and again can destroy data.",
            action="A service starts again what has ended. Take the call that runs a task, and no more.",
        )


def few(count: int) -> str:
    """A count of tasks; many are "more than 2 tasks": how many depends on seconds."""
    return number(count, "task") if count <= 2 else "more than 2 tasks"


def judge_run(world: World, expect: Expect, new: list[Any], schema: int) -> None:
    """What four minutes later is to be seen of it."""
    expect(
        "one",
        len(new) == 1,
        "One task starts.",
        seen=f"In four minutes {few(len(new))} started in `orchard-dev`.",
        why="Two migrations at the same time get in each other's way.",
        action="Start one task in the cluster `orchard-dev`.",
    )
    codes = [code for one in new for code in one.exit_codes]
    expect(
        "done",
        bool(new)
        and codes[:1] == [0]
        and all(one.settings.get("stopCode") in (None, "EssentialContainerExited") for one in new),
        "It ends by itself, with exit code 0.",
        seen=f"Four minutes later: {health(new[0])}." if new else "There was no task.",
        why="Any other end means that the migration is half done.",
        action="Let it work. It needs a network to pull its image, and about twenty seconds for its work.",
    )
    lines = logged(world, f"to {schema}", "/orchard/migrate")
    expect(
        "schema",
        len(lines) > 0,
        "It brings the database to the schema that was asked for.",
        seen=f"I asked for schema {schema}. No line in the log says so.",
        why="The task definition says 8. What this run needs comes with the call.",
        action="Give this one run another `TO`, by an override of the container's environment.",
    )
