"""What the finished exercises of lab 01 do. Each check plays customers, accidents and the passing of time."""

from __future__ import annotations

from typing import Any, Final

from labkit.judging import World, question

DOCS: Final = "https://docs.aws.amazon.com/AmazonECS/latest"
CLUSTER: Final = "orchard-dev"

# -- questions -------------------------------------------------------------------------------------------

who_counts = question(
    "You start three tasks with `run_task`. One of them dies at night. Nobody does anything. How many run in the "
    "morning?",
    a="Three: ECS starts a new one",
    b="Two",
    c="None: they belong together",
    answer="b",
    because="`run_task` starts tasks, and that is all. Nobody keeps the number. A service does.",
    why_not={
        "a": "ECS replaces a task only for a service, which has a desired count.",
        "c": "Each task lives by itself.",
    },
)

moved_tag = question(
    "A service runs three tasks of `shop:latest`. Somebody pushes another image as `latest`. Then a task dies, and "
    "the service "
    "replaces it. What does the new task run?",
    a="The new image: the tag points there now",
    b="The old image, as the two others do",
    c="Nothing: the old image is gone",
    answer="b",
    because="For a service, ECS looks up the digest behind a tag once in each deployment, and starts every task of "
    "this deployment "
    "from that digest. So nothing new runs until the next deployment. A task that you run yourself has no "
    "deployment: it takes what "
    "the tag points at when it starts.",
    why_not={
        "a": "So it was until 2024. Now ECS keeps the digest of the deployment. That is called version consistency.",
        "c": "An image that has lost its tag is still in the registry, under its digest, until somebody deletes it.",
    },
)

who_killed_it = question(
    "A container has ended with exit code 137. What do you know?",
    a="It needs more memory",
    b="It was killed. Other fields say why",
    c="The program has a bug",
    answer="b",
    because="137 is 128 + 9: SIGKILL. Linux sends it when memory runs out, and then the container's `reason` begins "
    "with "
    "OutOfMemoryError. ECS sends it, too, when a program has not ended before its `stopTimeout`. Then no field "
    "speaks of memory.",
    why_not={
        "a": "That is one cause. The container's `reason` would say OutOfMemoryError.",
        "c": "A program that fails by itself ends with a code of its own, often 1.",
    },
)


# -- what the checks share -------------------------------------------------------------------------------


def attempt(cluster: Any, definition: str) -> tuple[Any, str]:
    """One task of a definition: the task or None, and what ECS says when it refuses."""
    from botocore.exceptions import ClientError

    try:
        task = cluster.run(definition)
    except ClientError as error:
        return None, f"ECS refused to run it: {error.response['Error']['Message']}"
    return task, "" if task is not None else "ECS found no place for it."


def health(task: Any) -> str:
    """How a task is, in few words."""
    status = task.status if task.status == "STOPPED" else f"{task.status}, {task.health}"
    return status + (f": {task.told}" if task.told else "")


def logged(world: World, words: str, group: str) -> list[str]:
    """The log lines with these words in a log group."""
    client = world.client("logs")
    try:
        events = client.filter_log_events(logGroupName=group, filterPattern=f'"{words}"')["events"]
    except client.exceptions.ResourceNotFoundException:
        return []
    return [event["message"] for event in events]


def push(program: str, repository: str, tag: str, world: World, **changes: Any) -> str:
    """Push a program, by name or by its text, as the checker. Its digest. Raises what the registry raises."""
    from labkit.workload import pushing

    return pushing.push(lambda _: world.client("ecr"), program, repository, tag, **changes)
