"""Where tasks go: Fargate's zones, container instances, or an instance that has yet to come.

Looking for a place changes nothing. Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-placement.html
(CPU, memory and ports first, then attributes and constraints, then strategies), api_failures_messages.html (reasons),
task-placement-strategies.html (services spread over zones unless they say otherwise), cluster-auto-scaling.html (tasks
wait in PROVISIONING for an instance of a provider with managed scaling).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from labkit.sandbox import current
from labkit.sandbox.fleet import placing
from labkit.sandbox.fleet.nodes import Node, Thing
from labkit.sandbox.services import _ecs_fargate as fargate
from labkit.sandbox.services import _ecs_instances as instances
from labkit.sandbox.services import _ecs_networks as networks
from labkit.sandbox.services import _ecs_providers as providers
from labkit.sandbox.services import _ecs_queries as queries

ZONE_LOSS: Final = "ecs.zone_loss"
NO_SPOT: Final = "ecs.spot_unavailable"
UNAVAILABLE: Final = (
    "Capacity is unavailable at this time. Please try again later or in a different availability zone"
)
_ZONE: Final = "ecs.availability-zone"
_REASONS: Final = {
    "connected": "AGENT", "ready": "NO ACTIVE INSTANCES", "cpu": "RESOURCE:CPU", "memory": "RESOURCE:MEMORY",
    "ports": "RESOURCE:PORTS", "eni": "RESOURCE:ENI", "attribute": "ATTRIBUTE", "subnet": "ATTRIBUTE",
    "memberOf": "MemberOf placement constraint unsatisfied.",
    "distinct": "DistinctInstance placement constraint unsatisfied.",
}  # fmt: skip
_GROWING: Final = ("cpu", "memory", "ports", "eni", "none", "ready", "connected", "distinct", "subnet")
"""What a further instance would help against."""


class Where(NamedTuple):
    """A place for a task. Without `instance_arn`, a task that is not Fargate's waits for an instance."""

    launch_type: str
    capacity_provider: str | None = None
    platform_version: str | None = None
    platform_family: str | None = None
    instance_arn: str | None = None
    zone: str | None = None
    subnet: str = ""
    security_groups: tuple[str, ...] = ()
    public_ip: bool = False
    asked: Mapping[str, Any] = {}

    @property
    def waits(self) -> bool:
        """Whether the instance is yet to come."""
        return self.launch_type not in ("FARGATE", "EXTERNAL") and self.instance_arn is None


class Failure(NamedTuple):
    """Why a task found no place. `arn` is the instance that came closest, or empty."""

    arn: str
    reason: str
    detail: str = ""


def choose(
    backend: Any,
    cluster: Any,
    definition: Any,
    count: int,
    asked: Mapping[str, Any],
    running: Sequence[Any] = (),
) -> list[Where | Failure]:
    """A place, or why there is none, for each of `count` new tasks.

    `running` are the tasks that count for base, weights and spreads.
    """
    standing = [
        task for task in running if task.last_status != "STOPPED" and task.desired_status == "RUNNING"
    ]
    strategy = providers.asked_strategy(cluster, asked)
    names: list[str | None] = [None] * count
    if strategy:
        names = list(providers.share(strategy, count, [task.capacity_provider_name for task in standing]))
    search = _Search(backend, cluster, definition, asked, standing)
    return [search.next(name) for name in names]


def start_on(
    backend: Any, cluster: Any, definition: Any, name: str, asked: Mapping[str, Any]
) -> Where | Failure:
    """StartTask's place: this container instance, if it has room."""
    found = instances.find(backend, cluster, name)
    if found is None:
        return Failure(name, "MISSING")
    arn = found.container_instance_arn
    node = next(one for one in instances.nodes(backend, cluster, every=True) if one.name == arn)
    thing = instances.thing(definition, f"family:{definition.family}", asked.get("overrides"))
    if lack := ("connected" if lost(node.zone) else node.lacks(thing)):
        return Failure(arn, "INACTIVE" if lack == "ready" else _REASONS.get(lack, "RESOURCE"))
    return _Search(backend, cluster, definition, asked, ()).there(node, None, "EC2")


class _Search:
    """Looks for the places of some tasks, one after another. Each place that was found is taken for the next."""

    def __init__(
        self, backend: Any, cluster: Any, definition: Any, asked: Mapping[str, Any], standing: Sequence[Any]
    ) -> None:
        self._backend, self._cluster, self._definition, self._asked = backend, cluster, definition, asked
        self._network = networks.asked(backend, asked)
        self._zones: Counter[str] = Counter(task.availability_zone for task in standing)
        self._subnets: Counter[str] = Counter(getattr(task, "subnet", "") for task in standing)
        self._nodes: dict[str | None, list[Node]] = {}
        group = standing[0].group if standing else asked.get("group") or f"family:{definition.family}"
        self._thing = instances.thing(definition, group, asked.get("overrides"))
        names = sorted(task.task_arn for task in standing)
        self._dice = random.Random(
            f"{current().seed}/{cluster.arn}/{definition.arn}/{names}/{_made(backend)}"
        )

    def next(self, provider: str | None) -> Where | Failure:
        kind = providers.kind(self._backend, provider) if provider else self._asked.get("launchType") or "EC2"
        if kind == "FARGATE":
            return self._on_fargate(provider)
        return self._on_instance(provider, kind)

    def _on_fargate(self, provider: str | None) -> Where | Failure:
        if provider == providers.SPOT and current().faults.strikes(
            NO_SPOT, self._cluster.arn, sum(self._zones.values()), target=self._cluster.arn
        ):
            return Failure("", UNAVAILABLE, providers.SPOT)
        able = [one for one in self._network.subnets if not lost(one.zone)]
        if not able:
            return Failure("", UNAVAILABLE, "FARGATE")
        chosen = min(able, key=lambda one: (self._zones[one.zone], self._subnets[one.id]))
        self._zones[chosen.zone] += 1
        self._subnets[chosen.id] += 1
        family = fargate.platform_of({"runtimePlatform": self._definition.runtime_platform})
        asked = self._asked.get("platformVersion") or "LATEST"
        version = fargate.PLATFORMS[family][-1] if asked == "LATEST" else asked
        return Where(
            "FARGATE", provider, version, platform_family(self._definition), None, chosen.zone, chosen.id,
            self._network.groups, self._network.public,
        )  # fmt: skip

    def _on_instance(self, provider: str | None, kind: str) -> Where | Failure:
        if provider not in self._nodes:
            self._nodes[provider] = instances.nodes(self._backend, self._cluster, provider)
        nodes = [node for node in self._nodes[provider] if not lost(node.zone)]
        found = placing.place(self._thing, nodes, self._strategies(), self._constraints(), self._dice)
        if isinstance(found, Node):
            self._zones[found.zone] += 1
            return self.there(found, provider, kind)
        if found.reason in _GROWING and provider and _grows(self._backend, provider, kind):
            subnet = self._network.subnets[0].id if self._network.subnets else ""
            return Where(
                kind, provider, subnet=subnet, security_groups=self._network.groups, asked=dict(self._asked)
            )
        if found.reason == "none":
            place = "capacity provider" if provider else "cluster"
            return Failure("", f"No Container Instances were found in your {place}.")
        return Failure(found.node, _REASONS.get(found.reason, "RESOURCE"))

    def there(self, node: Node, provider: str | None, kind: str) -> Where:
        subnet = next((one.id for one in self._network.subnets if one.zone == node.zone), "")
        return Where(
            kind, provider or None, None, None, node.name, node.zone, subnet, self._network.groups, False
        )

    def _strategies(self) -> list[placing.Strategy]:
        asked = self._asked.get("placementStrategy") or [{"type": "spread", "field": f"attribute:{_ZONE}"}]
        return [
            placing.Strategy(one.get("type") or "random", _field(one.get("field") or "")) for one in asked
        ]

    def _constraints(self) -> list[placing.Constraint]:
        found: list[placing.Constraint] = []
        if self._network.subnets:
            found.append(self._in_a_subnet)
        own = [{"type": "memberOf", **one} for one in self._definition.placement_constraints or ()]
        for one in [*own, *(self._asked.get("placementConstraints") or ())]:
            if one.get("type") == "distinctInstance":
                found.append(placing.distinct)
            else:
                found.append(_member_of(str(one.get("expression") or "")))
        return found

    def _in_a_subnet(self, node: Node, _: Thing) -> str:
        return "" if any(one.zone == node.zone for one in self._network.subnets) else "subnet"


def _member_of(expression: str) -> placing.Constraint:
    test = queries.parse(expression)
    return lambda node, _: "" if test(node) else "memberOf"


def _field(text: str) -> str:
    if text.lower() in ("instanceid", "host"):
        return "node"
    return text.removeprefix("attribute:") if text.startswith("attribute:") else text.lower()


def _made(backend: Any) -> int:
    """How many tasks there are: so that dice fall anew for each call."""
    return sum(len(kept) for kept in backend.tasks.values())


def _grows(backend: Any, provider: str, kind: str) -> bool:
    if kind == "MANAGED_INSTANCES":
        return True
    found = providers.find(backend, provider)
    scaling = (found.auto_scaling_group_provider or {}).get("managedScaling") or {} if found else {}
    return bool(scaling.get("status") == "ENABLED")


def lost(zone: str) -> bool:
    """Whether a zone is down now."""
    return bool(zone) and current().faults.share(ZONE_LOSS, zone) > 0


def platform_family(definition: Any) -> str:
    """`Linux`, or Windows as tasks show it, such as `Windows_Server_2022_Core`."""
    family = str((definition.runtime_platform or {}).get("operatingSystemFamily") or "LINUX")
    return "_".join(part.capitalize() for part in family.split("_"))
