"""Two roles, and why tasks stop: 1.6 and 1.7."""

from __future__ import annotations

from typing import Any, Final

from labkit.judging import Expect, World, exercise
from labkit.judging.containers import new_cluster, newest

from . import DOCS, attempt, health, logged

FAMILIES: Final = ("search", "courier", "points", "labels")


@exercise(
    "Two roles, two jobs",
    points=10,
    minutes=20,
    star=True,
    covers=("L9", "L11"),
    hints=(
        "Two callers work with two roles: ECS around your program, and your program itself. Which of the two wants "
        "to read the "
        "template? Which wants to write the log?",
        "The text of an AccessDenied names the role that called. Compare it with `executionRoleArn` and "
        "`taskRoleArn` of the "
        f"task definition. See {DOCS}/developerguide/security-iam-roles.html",
        '```\nallow("welcome-agent", "logs", WRITE_LOGS, "*")\niam.delete_role_policy(RoleName="welcome-agent", '
        'PolicyName="templates")\n'
        'allow("____", "templates", "s3:GetObject", f"arn:aws:s3:::{templates}/*")\n```',
    ),
)
def two_roles(world: World, expect: Expect) -> None:
    """The task starts, logs and greets with its template; neither role can do the other's job."""
    definition, bucket = expect.found(
        "exists",
        set_up(world),
        "The task definition `welcome` and the bucket for the templates are there.",
        action="Run the cell that sets them up; it stands above the exercise.",
    )
    with world.rehearsal():
        judge_welcome(world, expect, definition, bucket)
    judge_rights(world, expect, definition, bucket)


def set_up(world: World) -> tuple[dict[str, Any], str] | None:
    """The task definition and the bucket of the exercise, or None."""
    definition, bucket = newest(world, "welcome"), f"orchard-templates-{world.sandbox.account}"
    there = bucket in [one["Name"] for one in world.client("s3").list_buckets()["Buckets"]]
    return (definition, bucket) if definition is not None and there else None


def judge_welcome(world: World, expect: Expect, definition: dict[str, Any], bucket: str) -> None:
    """Somebody writes a new template. Then a task starts, and a customer comes."""
    secret, name, request_id = world.word(), world.word(), world.word()
    world.client("s3").put_object(Bucket=bucket, Key="user.html", Body=f"{secret}: hello NAME".encode())
    task, refused = attempt(new_cluster(world), definition["taskDefinitionArn"])
    if task is not None:
        world.until(lambda: task.health != "UNKNOWN" or task.status == "STOPPED", 180)
    starts = task is not None and task.running
    if not expect(
        "starts",
        starts,
        "A task of `welcome` starts and runs.",
        seen=refused or f"The task is {health(task)}.",
        why="ECS pulls the image and opens the log before the program starts.",
        action="Which role does the text name? Is it the one for ECS, and what does it lack?",
    ):
        return
    answer = task.request(f"/users/{name}", headers={"X-Request-Id": request_id})
    world.clock.advance(seconds=30)
    refusals = logged(world, "no template", "/orchard/welcome")
    expect(
        "reads",
        answer.status == 200 and secret in answer.body and name in answer.body,
        "A customer is greeted with the template from S3.",
        seen=f"The customer got status {answer.status}: {answer.body[:60]!r}."
        + (f" The log says: {refusals[-1]}" if refusals else ""),
        why="Your code is not the agent of ECS. The agent's role pulls the image; your code calls with the task role.",
        action="Give the right to read templates to the role with which the program calls.",
    )
    expect(
        "logs",
        bool(refusals) or any(logged(world, request_id, group) for group in groups_of(definition)),
        "What the program prints is in the log.",
        seen=f"The request had the id {request_id}. "
        + (
            f"No line in `{groups_of(definition)[0]}` names it."
            if groups_of(definition)
            else "The container has no log group."
        ),
        why="Without a log, the next fault is found by guessing.",
        action="Keep `logConfiguration`, and give the right to write logs to the role for ECS.",
    )


def groups_of(definition: dict[str, Any]) -> list[str]:
    """The log groups that the containers of a definition write to."""
    options = [
        one.get("logConfiguration", {}).get("options", {}) for one in definition["containerDefinitions"]
    ]
    return [one["awslogs-group"] for one in options if "awslogs-group" in one]


def judge_rights(world: World, expect: Expect, definition: dict[str, Any], bucket: str) -> None:
    """Which of the two roles may do what."""
    agent, code = (str(definition.get(key, "")) for key in ("executionRoleArn", "taskRoleArn"))
    template, group = (
        f"arn:aws:s3:::{bucket}/user.html",
        f"arn:aws:logs:{world.sandbox.region}:{world.sandbox.account}",
    )
    too_much = []
    if may(agent, "s3:GetObject", template):
        too_much.append(f"{short(agent)} (for ECS) can read the template")
    if may(code, "logs:CreateLogStream", f"{group}:log-group:/orchard/welcome:log-stream:x"):
        too_much.append(f"{short(code)} (for the program) can open logs")
    if may(code, "ecr:BatchGetImage", f"{group.replace(':logs:', ':ecr:')}:repository/orchard/welcome"):
        too_much.append(f"{short(code)} (for the program) can pull images")
    expect(
        "apart",
        not too_much,
        "Neither role can do the other's job.",
        seen=f"{'; '.join(too_much)}.",
        why="Whoever breaks into the program has the rights of its role. They should be few.",
        action="Take away from each role what only the other one needs.",
    )
    other = f"arn:aws:s3:::orchard-{world.word()}/salaries.csv"
    writes = may(code, "s3:PutObject", template) or may(code, "s3:DeleteObject", template)
    reads = may(code, "s3:GetObject", other)
    expect(
        "only",
        not reads and not writes,
        "The program can read its templates, and no other bucket.",
        seen="Its role can also read other buckets." if reads else "Its role can also change the templates.",
        why="The salaries lie in a bucket, too.",
        action="Name the action `s3:GetObject` and the ARN of the templates, without a star for the bucket.",
    )


def may(role: str, action: str, resource: str) -> bool:
    """Whether a session of the role may do it."""
    from labkit.sandbox.authorization.account import session_of

    caller = session_of(role, "check") if role else None
    return caller is not None and caller.may(action, resource, account=role.split(":")[4]).allowed


def short(role: str) -> str:
    """The name of a role."""
    return f"`{role.rpartition('/')[2]}`"


# -- 1.7 -------------------------------------------------------------------------------------------------


@exercise(
    "Four that stop",
    points=10,
    minutes=20,
    covers=("L11", "L28-L49"),
    hints=(
        "Read before you change: the reason of the task, the reason and exit code of its container, and the last "
        "lines of its log.",
        "`describe_tasks` has `stoppedReason`, and for each container `reason` and `exitCode`. For a new revision: "
        "`copy_of`, change, "
        f"`register_task_definition`. See {DOCS}/developerguide/stopped-task-error-codes.html and the field "
        "`stopTimeout` in "
        f"{DOCS}/APIReference/API_ContainerDefinition.html",
        '```\ncourier = copy_of("courier")\ncourier["containerDefinitions"][0]["____"] = 60\n'
        "ecs.register_task_definition(**courier)\n```",
    ),
)
def stopped(world: World, expect: Expect) -> None:
    """Each of the four becomes healthy, and stays so under what stopped it."""
    for family in FAMILIES:
        expect.found(
            "exist",
            newest(world, family),
            "There are task definitions of `search`, `courier`, `points` and `labels`.",
            seen=f"There is none of `{family}`.",
            action="Run the cell that makes them; it stands above the exercise.",
        )
    with world.rehearsal():
        cluster = new_cluster(world)
        tasks: dict[str, Any] = {}
        said: dict[str, str] = {}
        for family in FAMILIES:
            tasks[family], said[family] = attempt(cluster, family)
        world.until(lambda: all(one is None or one.health == "HEALTHY" for one in tasks.values()), 120)
        well = {family: one is not None and one.health == "HEALTHY" for family, one in tasks.items()}
        for family, one in tasks.items():
            said[family] = said[family] or f"It is {health(one)}."
        judge_program(world, expect, tasks)
        judge_starters(expect, well, said)
        judge_search(world, expect, tasks["search"], well["search"], said["search"])
        judge_courier(world, expect, tasks["courier"], well["courier"], said["courier"])


def judge_program(world: World, expect: Expect, tasks: dict[str, Any]) -> None:
    """Each runs an image of its own repository."""
    strangers = []
    for family, task in tasks.items():
        digests = [one for one in task.digests if one] if task is not None else []
        if digests and not set(digests) <= in_repository(world, f"orchard/{family}"):
            strangers.append(f"`{family}`")
    expect(
        "program",
        not strangers,
        "Each of the four runs the image of its own repository.",
        seen=f"{' and '.join(strangers)} ran an image that is not in its repository.",
        why="Another program in its place is no repair.",
        action="Change the task definition around the image, not the image.",
    )


def in_repository(world: World, name: str) -> set[str]:
    """The digests in a repository."""
    client = world.client("ecr")
    try:
        pages = client.get_paginator("describe_images").paginate(repositoryName=name)
        return {one["imageDigest"] for page in pages for one in page["imageDetails"]}
    except client.exceptions.RepositoryNotFoundException:
        return set()


def judge_starters(expect: Expect, well: dict[str, bool], said: dict[str, str]) -> None:
    """The two that did not come up at all."""
    expect(
        "points",
        well["points"],
        "`points` becomes healthy.",
        seen=said["points"],
        why="Exit code 1 is the program's own: it failed, and its log says how.",
        action="Read the last lines of `/orchard/points`. What did the program look for in its environment?",
    )
    expect(
        "labels",
        well["labels"],
        "`labels` becomes healthy.",
        seen=said["labels"],
        why="ECS cannot start what it cannot pull.",
        action="Compare the image in the reason with the images that `ecr.list_images` shows.",
    )


def judge_search(world: World, expect: Expect, task: Any, well: bool, said: str) -> None:
    """Fifty people search in the same moment."""
    failed = 0
    if well:
        for _ in range(50):
            failed += task.request("/").status != 200
        world.clock.advance(seconds=40)
        said = f"Then the task was {health(task)}."
    expect(
        "search",
        well and not failed and task.health == "HEALTHY",
        "`search` stays healthy when 50 people search in the same moment.",
        seen=("Some searches failed. " if failed else "") + said,
        why="OutOfMemoryError means: it used more memory than the task definition gives it.",
        action="How much memory does it have, and which sizes does Fargate offer?",
    )


def judge_courier(world: World, expect: Expect, task: Any, well: bool, said: str) -> None:
    """ECS stops it, as it does at each release."""
    code: int | None = None
    if well:
        task.stop("a release")
        world.until(lambda: task.status == "STOPPED", 180)
        code = next(iter(task.exit_codes), None)
        said = f"I stopped it. {health(task)}."
    expect(
        "courier",
        well and code == 0,
        "`courier` hands over its parcels before it ends: it ends with exit code 0.",
        seen=said,
        why="When ECS stops it, no reason speaks of memory. It is asked to end, and some time later it is killed.",
        action="How long does ECS wait between the two, and how long does the program need?",
    )
