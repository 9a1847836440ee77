"""What the finished exercises of lab 02 do. Each check plays customers and the Spot market."""

from __future__ import annotations

from typing import Any, Final

from labkit.judging import World, question

DOCS: Final = "https://docs.aws.amazon.com/AmazonECS/latest"
CLUSTER: Final = "orchard"

# -- questions -------------------------------------------------------------------------------------------

memory_decides = question(
    "A program needs 0.2 vCPU and 5 GB at its peak. Which is the smallest size that Fargate sells for it?",
    a="0.25 vCPU with 5 GB",
    b="0.5 vCPU with 5 GB",
    c="1 vCPU with 5 GB",
    answer="c",
    because="With 0.25 vCPU you get at most 2 GB, with 0.5 vCPU at most 4 GB. So you pay for a whole vCPU, "
    "because of the "
    "memory.",
    why_not={
        "a": "Fargate sells fixed pairs. With 0.25 vCPU there are 0.5, 1 and 2 GB.",
        "b": "With 0.5 vCPU there are 1 to 4 GB.",
    },
)

whose_base = question(
    "A service has the strategy FARGATE_SPOT with base 2 and weight 1, and nothing else. It runs ten tasks. "
    "AWS needs its "
    "Spot capacity back, and has no other. How many tasks remain?",
    a="Two: that is what the base is for",
    b="None",
    c="Ten: ECS moves them to FARGATE",
    answer="b",
    because="A base belongs to one provider. Here all ten tasks are on Spot, the two of the base, too. ECS goes to no "
    "provider that the strategy does not name.",
    why_not={
        "a": "The base says how many tasks go to that provider first. It does not protect them.",
        "c": "ECS uses only the providers of the strategy.",
    },
)

how_long = question(
    "AWS takes back a Spot task. Two minutes before, it gives notice. The task definition sets no `stopTimeout`. The "
    "program needs 60 seconds to finish its work. What happens?",
    a="It finishes: two minutes are enough",
    b="It is killed after 30 seconds",
    c="It is killed at once",
    answer="b",
    because="The notice is SIGTERM. From then on `stopTimeout` counts, and without a value it is 30 seconds. "
    "Then comes "
    "SIGKILL.",
    why_not={
        "a": "Two minutes are the most that you can have. You have to ask for them, with `stopTimeout`.",
        "c": "First comes SIGTERM, and the program can still work.",
    },
)

full_for_four = question(
    "On Fargate, 2 vCPU and 8 GB cost 68.07 USD a month. An instance of that size, with a plan of one year, costs "
    "43.73 USD a month. Your tasks keep it full day and night, for four months. Then nobody needs them any more. Which "
    "costs less?",
    a="The plan: it is cheaper in each month",
    b="Fargate",
    c="Both the same, because nothing is ever idle",
    answer="b",
    because="The plan is paid for twelve months: 524.72 USD. Four months on Fargate cost 272.26 USD.",
    why_not={
        "a": "It is cheaper in each month, and there are twelve of them.",
        "c": "It is full for four months. For the other eight, the plan pays for nothing.",
    },
)


# -- what the checks share -------------------------------------------------------------------------------


def said(error: Any) -> str:
    """What AWS said, in its own words."""
    return str(error.response["Error"]["Message"])


def told(tasks: list[Any]) -> list[dict[str, Any]]:
    """The tasks as DescribeTasks shows them, those that run."""
    return [found for one in tasks if (found := one.settings).get("lastStatus") == "RUNNING"]


def agent(world: World) -> str:
    """The ARN of an execution role that may pull images."""
    import json

    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    name, iam = f"check-{world.word()}", world.client("iam")
    made = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    policy = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
    iam.attach_role_policy(RoleName=name, PolicyArn=policy)
    return str(made["Role"]["Arn"])


def image(world: World, program: str) -> str:
    """The address of a new image with this program."""
    name = f"check/{world.word()}"
    made = world.client("ecr").create_repository(repositoryName=name)["repository"]
    return f"{made['repositoryUri']}@{world.push_image(program, name)}"
