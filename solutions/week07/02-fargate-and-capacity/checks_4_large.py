"""A job that Fargate has no size for: 2.6."""

from __future__ import annotations

from typing import Any, Final

from labkit.judging import Expect, World, exercise

from . import CLUSTER, DOCS

VCPUS: Final = 32
MEMORY: Final = 98_304


@exercise(
    "A job of 32 vCPU",
    points=10,
    minutes=12,
    covers=("L13-L24",),
    hints=(
        "The table of Fargate ends at 16 vCPU. Other capacity has larger machines, and one provider of your cluster "
        "chooses and looks after them for you.",
        "`run_task` with `capacityProviderStrategy`. The task definition must fit Managed Instances. See "
        f"{DOCS}/developerguide/ManagedInstances.html",
        "```\n"
        'ecs.run_task(cluster="orchard", taskDefinition="forecast", networkConfiguration=inside,\n'
        '    capacityProviderStrategy=[{"capacityProvider": "____", "weight": 1}])\n```\n'
        "Leave out `launchType`.",
    ),
)
def large_job(world: World, expect: Expect) -> None:
    """A task with 32 vCPUs runs on an instance that AWS has chosen."""
    prove_refused(world)
    cluster = world.cluster(CLUSTER)
    tasks = cluster.tasks("forecast", stopped=True) if cluster is not None else []
    expect(
        "exists",
        bool(tasks),
        "There is a task of the family `forecast` in the cluster `orchard`.",
        seen="There is none: no task has been asked for, or ECS has refused it.",
        why="A launch type and a strategy exclude each other, and no launch type leads to Managed Instances.",
        action="Read what ECS says to your call. Leave out `launchType`.",
    )
    if not tasks:
        return
    with world.rehearsal():
        world.until(lambda: any(one.status == "RUNNING" for one in tasks), 240, step=10)
        task = max(tasks, key=lambda one: (one.running, str(one.settings.get("createdAt"))))
        found = task.settings
        judge(world, expect, task, found)


def judge(world: World, expect: Expect, task: Any, found: dict[str, Any]) -> None:
    """One task, four minutes later at most."""
    expect(
        "runs",
        task.running or task.exit_codes == [0],
        "It runs.",
        seen=f"It is {found.get('lastStatus')}. {task.told}",
        why="A job that does not start has no forecast in the morning.",
        action="The reason is in `stoppedReason`. Keep the image and the role of `FORECAST`.",
    )
    vcpus, memory = int(found.get("cpu") or 0) / 1024, int(found.get("memory") or 0)
    expect(
        "size",
        vcpus == VCPUS and memory == MEMORY,
        "It has 32 vCPU and 96 GB.",
        seen=f"It has {vcpus:g} vCPU and {memory / 1024:g} GB.",
        why="With half of the CPU the forecast takes twice as long, and is too late.",
        action="Keep `cpu` and `memory` of `FORECAST`, and change where it runs.",
    )
    provider = str(found.get("capacityProviderName") or "")
    asked = world.client("ecs").describe_capacity_providers(capacityProviders=[provider]) if provider else {}
    kinds = [one.get("type") for one in asked.get("capacityProviders", ())]
    expect(
        "managed",
        kinds == ["MANAGED_INSTANCES"],
        "It is on an instance that AWS looks after.",
        seen=f"Its capacity provider is {provider or 'none: it was started with a launch type'}.",
        why="Fargate ends at 16 vCPU. An instance of your own would want your care.",
        action="Name the provider `orchard-managed` in the strategy.",
    )


def prove_refused(world: World) -> None:
    """Fargate refuses 32 vCPUs. If it does not, that is our fault and not the learner's."""
    from botocore.exceptions import ClientError

    try:
        world.client("ecs").register_task_definition(
            family=f"check-{world.word()}",
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu=str(VCPUS * 1024),
            memory=str(MEMORY),
            containerDefinitions=[{"name": "app", "image": "public.ecr.aws/nginx/nginx:1.29"}],
        )
    except ClientError:
        return
    raise RuntimeError("Fargate takes 32 vCPUs, and it should not")
