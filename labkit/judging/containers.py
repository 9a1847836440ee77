"""ECS as the outside world sees it, for checks: a cluster, a service, a task.

Operations and fields: the Amazon ECS API model in botocore (`ecs/2014-11-13/service-2.json`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from labkit.judging.world import World
    from labkit.sandbox.fleet.boxes import Response, Usage

SICK: Final = "\n\ndef health(box):\n    return False\n"
"""What makes a program unwell: it runs and answers, and its health page is an error."""


class ClusterView:
    """One cluster. It is looked up by name each time, so it stays right inside rehearsals."""

    def __init__(self, world: World, name: str, region: str) -> None:
        self._world = world
        self.name = name
        self.region = region

    @classmethod
    def find(cls, world: World, name: str, region: str) -> ClusterView | None:
        """The active cluster of this name, or None."""
        found = world.client("ecs", region).describe_clusters(clusters=[name])["clusters"]
        return cls(world, name, region) if found and found[0]["status"] == "ACTIVE" else None

    @property
    def _client(self) -> Any:
        return self._world.client("ecs", self.region)

    @property
    def arn(self) -> str:
        """Its ARN."""
        return str(self._client.describe_clusters(clusters=[self.name])["clusters"][0]["clusterArn"])

    def tasks(self, family: str | None = None, stopped: bool = False) -> list[TaskView]:
        """Its tasks that run or shall run, in the order of their ARNs; `stopped`: those that are over, too."""
        wanted = {"family": family} if family is not None else {}
        pages = self._client.get_paginator("list_tasks")
        found: list[str] = []
        for status in ("RUNNING", "STOPPED") if stopped else ("RUNNING",):
            for page in pages.paginate(cluster=self.name, desiredStatus=status, **wanted):
                found += page["taskArns"]
        return [TaskView(self._world, arn, self.region) for arn in sorted(set(found))]

    def run(self, definition: str, **settings: Any) -> TaskView | None:
        """Run one task on Fargate, as a colleague would. None when ECS names a failure instead of a task.

        Raises what ECS raises.
        """
        asked: dict[str, Any] = {
            "cluster": self.name,
            "taskDefinition": definition,
            "launchType": "FARGATE",
            "networkConfiguration": network(self._world, self.region),
        }
        made = self._client.run_task(**(asked | settings))["tasks"]
        return TaskView(self._world, made[0]["taskArn"], self.region) if made else None

    def service(self, name: str) -> ServiceView | None:
        """Its service of this name, or None."""
        return ServiceView.find(self._world, self.name, name, self.region)

    def __repr__(self) -> str:
        return f"<cluster {self.name}>"


class ServiceView:
    """One service. It is looked up by name each time, so it stays right inside rehearsals."""

    def __init__(self, world: World, cluster: str, name: str, region: str) -> None:
        self._world = world
        self.cluster = cluster
        self.name = name
        self.region = region

    @classmethod
    def find(cls, world: World, cluster: str, name: str, region: str) -> ServiceView | None:
        """The active service of this name, or None."""
        client = world.client("ecs", region)
        try:
            found = client.describe_services(cluster=cluster, services=[name])["services"]
        except client.exceptions.ClusterNotFoundException:
            return None
        return cls(world, cluster, name, region) if found and found[0]["status"] == "ACTIVE" else None

    @property
    def _client(self) -> Any:
        return self._world.client("ecs", self.region)

    @property
    def settings(self) -> dict[str, Any]:
        """What DescribeServices says."""
        answer = self._client.describe_services(cluster=self.cluster, services=[self.name])
        return dict(answer["services"][0])

    @property
    def arn(self) -> str:
        """Its ARN."""
        return str(self.settings["serviceArn"])

    def tasks(self, stopped: bool = False) -> list[TaskView]:
        """Its tasks that run or shall run; `stopped`: those that are over, too."""
        found: list[str] = []
        for status in ("RUNNING", "STOPPED") if stopped else ("RUNNING",):
            pages = self._client.get_paginator("list_tasks").paginate(
                cluster=self.cluster, serviceName=self.name, desiredStatus=status
            )
            for page in pages:
                found += page["taskArns"]
        return [TaskView(self._world, arn, self.region) for arn in sorted(set(found))]

    def change(self, **settings: Any) -> None:
        """UpdateService, as a colleague would call it. Undone with the rehearsal."""
        self._client.update_service(cluster=self.cluster, service=self.name, **settings)

    def __repr__(self) -> str:
        return f"<service {self.name}>"


class TaskView:
    """One task. It is looked up by its ARN each time, so it stays right inside rehearsals."""

    def __init__(self, world: World, arn: str, region: str) -> None:
        self._world = world
        self.arn = arn
        self.region = region

    @property
    def id(self) -> str:
        """The last part of its ARN, the 32 digits."""
        return self.arn.rpartition("/")[2]

    # -- what ECS says ---------------------------------------------------------------------------

    @property
    def settings(self) -> dict[str, Any]:
        """What DescribeTasks says. Empty when ECS does not show it any more."""
        cluster = self.arn.split("/")[1]
        answer = self._world.client("ecs", self.region).describe_tasks(cluster=cluster, tasks=[self.arn])
        return dict(answer["tasks"][0]) if answer["tasks"] else {}

    @property
    def status(self) -> str:
        """Its last status, such as RUNNING. STOPPED when it is not shown any more."""
        return str(self.settings.get("lastStatus", "STOPPED"))

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self.status == "RUNNING"

    @property
    def health(self) -> str:
        """HEALTHY, UNHEALTHY or UNKNOWN."""
        return str(self.settings.get("healthStatus", "UNKNOWN"))

    @property
    def definition(self) -> str:
        """The ARN of its task definition, with revision."""
        return str(self.settings.get("taskDefinitionArn", ""))

    @property
    def containers(self) -> list[dict[str, Any]]:
        """Its containers, as DescribeTasks shows them."""
        return list(self.settings.get("containers", []))

    @property
    def digests(self) -> list[str]:
        """The digests of the images that its containers run."""
        return [str(one.get("imageDigest", "")) for one in self.containers]

    @property
    def exit_codes(self) -> list[int | None]:
        """The exit codes of its containers; None for one that has none."""
        return [one.get("exitCode") for one in self.containers]

    @property
    def told(self) -> str:
        """In one line why it stopped: the task's reason, and exit codes and reasons of its containers."""
        settings = self.settings
        parts = [str(settings.get("stoppedReason", ""))]
        for one in self.containers:
            if "exitCode" in one:
                parts.append(f"exit code {one['exitCode']}")
            if one.get("reason") and str(one["reason"]) not in parts[0]:
                parts.append(str(one["reason"]))
        return ", ".join(part for part in parts if part)

    def usage(self, seconds: float) -> Usage:
        """What its containers used in the last seconds: vCPU-seconds, MiB at most, and requests."""
        from labkit.sandbox.fleet.boxes import Usage, usage

        now = self._world.clock.time()
        used = [usage(box, now - seconds, now) for box in self._boxes()]
        return Usage(sum(one[0] for one in used), sum(one[1] for one in used), sum(one[2] for one in used))

    # -- what the world does with it -------------------------------------------------------------

    def request(
        self,
        path: str = "/",
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        weight: float = 1.0,
    ) -> Response:
        """One request to the first of its containers that listens. Status 0: nobody answered."""
        from labkit.sandbox.fleet.boxes import REFUSED, Request, serve

        now = self._world.clock.time()
        for box in self._boxes():
            if box.listens(now):
                return serve(box, Request(method, path, headers or {}, weight=weight), now)
        return REFUSED

    def kill(self) -> None:
        """SIGKILL for its containers, as when their machine fails. Undone with the rehearsal."""
        from labkit.sandbox.services import _ecs_tasks

        _ecs_tasks.kill(self.arn)

    def crash(self) -> None:
        """Its program ends by an error of its own. Undone with the rehearsal."""
        from labkit.sandbox.services import _ecs_tasks

        _ecs_tasks.crash(self.arn)

    def sicken(self) -> None:
        """Its programs run on, and from now on their health page is an error. Undone with the rehearsal."""
        from labkit.sandbox.fleet.boxes import HOMES

        for box in self._boxes():
            box.source, box.digest = box.source + SICK, ""
            box.quiet = False
            if box.home in HOMES:
                HOMES[box.home].stirred(box)

    def stop(self, reason: str = "") -> None:
        """StopTask, as a colleague would call it."""
        cluster = self.arn.split("/")[1]
        self._world.client("ecs", self.region).stop_task(cluster=cluster, task=self.arn, reason=reason)

    def _boxes(self) -> list[Any]:
        from labkit.sandbox.services import _ecs_store

        found = _ecs_store.task(self.arn)
        return [one.box for one in found.containers if one.box is not None] if found is not None else []

    def __repr__(self) -> str:
        return f"<task {self.id}>"


def network(world: World, region: str = "") -> dict[str, Any]:
    """A network configuration with the default subnets, as a task on Fargate needs one."""
    answer = world.client("ec2", region or world.sandbox.region).describe_subnets(
        Filters=[{"Name": "default-for-az", "Values": ["true"]}]
    )
    subnets = [one["SubnetId"] for one in answer["Subnets"]]
    return {"awsvpcConfiguration": {"subnets": subnets, "assignPublicIp": "ENABLED"}}


# -- what checks of containers look up and make ------------------------------------------------------


def newest(world: World, family: str) -> dict[str, Any] | None:
    """The newest active revision of a task definition's family as DescribeTaskDefinition shows it, or None."""
    client = world.client("ecs")
    try:
        found = client.describe_task_definition(taskDefinition=family)["taskDefinition"]
    except (client.exceptions.ClientException, client.exceptions.InvalidParameterException):
        return None
    return dict(found)


def new_cluster(world: World, **settings: Any) -> ClusterView:
    """A cluster nobody has seen before. `settings` go to CreateCluster, such as `capacityProviders`."""
    name = f"check-{world.word()}"
    world.client("ecs").create_cluster(clusterName=name, **settings)
    return ClusterView(world, name, world.sandbox.region)
