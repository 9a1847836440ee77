"""CloudWatch metrics of services and tasks, made when somebody reads them. Until then they cost nothing.

Boxes remember for some hours, minute by minute, what they used. Here that becomes data points: of AWS/ECS for each
service, and where the cluster has Container Insights, of ECS/ContainerInsights too. What a task has used stays known
when it is stopped and forgotten.

Sources: ECS developer guide, cloudwatch-metrics.html (AWS/ECS: percent of what is reserved, one point a minute, only
for running tasks); CloudWatch user guide, Container-Insights-metrics-ECS.html and
Container-Insights-enhanced-observability-metrics-ECS.html (names, units, dimensions).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from labkit.sandbox import current, metrics
from labkit.sandbox.fleet import boxes
from labkit.sandbox.services import _ecs_store as store

NAMESPACE: Final = "AWS/ECS"
INSIGHTS: Final = "ECS/ContainerInsights"
_BACK: Final = 180
"""Minutes that can be looked back."""

Place = tuple[tuple[str, str], ...]


class Sample(NamedTuple):
    """What one task, or one container, used in one minute. CPU in units, memory in MiB."""

    cpu: float
    cpu_reserved: float
    memory: float
    memory_reserved: float

    @property
    def cpu_percent(self) -> float:
        """Percent of the reserved CPU."""
        return 100 * self.cpu / self.cpu_reserved if self.cpu_reserved else 0.0

    @property
    def memory_percent(self) -> float:
        """Percent of the reserved memory."""
        return 100 * self.memory / self.memory_reserved if self.memory_reserved else 0.0


@dataclass(slots=True)
class PastContainer:
    """A container that is over, as far as metrics ask."""

    name: str
    definition: dict[str, Any]
    box: boxes.Box


@dataclass(slots=True)
class Past:
    """A task that is over, as far as metrics ask."""

    task_arn: str
    service_arn: str
    task_definition_arn: str
    cpu: str | None
    memory: str | None
    started_at: float | None
    stopping_at: float | None
    stopped_at: float | None
    containers: list[PastContainer]


def keep(task: Any) -> None:
    """A task is stopped: what it used is kept beside its cluster for as long as metrics go back."""
    cluster = store.cluster(store.backend_for(task.task_arn), task.cluster_name)
    if cluster is None or task.started_at is None:
        return
    now = current().clock.time()
    past: list[Past] = vars(cluster).setdefault("labkit_past", [])
    while past and (past[0].stopped_at or 0.0) < now - (_BACK + 2) * 60:
        del past[0]
    parts = [
        PastContainer(one.name, one.definition, _relic(one.box))
        for one in task.containers
        if one.box is not None
    ]
    past.append(
        Past(
            task.task_arn, task.service_arn, task.task_definition_arn, task.cpu, task.memory, task.started_at,
            task.stopping_at, task.stopped_at, parts,
        )
    )  # fmt: skip


def _relic(box: boxes.Box) -> boxes.Box:
    """A box that is over, as far as it tells what was used."""
    box.state, box.environment, box.dice, box.flying = {}, {}, None, 0.0
    box.in_flight.clear()
    return box


def _tasks(found_in: Any, cluster: Any) -> list[Any]:
    """The tasks of a cluster that have run: those that are there, and those that were."""
    if cluster is None:
        return []
    there = [one for one in store.tasks(found_in, cluster=cluster) if one.last_status != "STOPPED"]
    return [one for one in [*vars(cluster).get("labkit_past", ()), *there] if one.started_at is not None]


def sample(task: Any, start: float) -> Sample | None:
    """What a task used in the minute from `start`; None when it did not run in it."""
    began = task.started_at
    ended = task.stopping_at or task.stopped_at
    if began is None or began >= start + 59 or (ended is not None and ended <= start):
        return None
    parts = [_container(one, start) for one in task.containers if one.box is not None]
    cpu = sum(one.cpu for one in parts)
    memory = sum(one.memory for one in parts)
    return Sample(
        cpu, float(task.cpu or 0) or sum(one.cpu_reserved for one in parts),
        memory, float(task.memory or 0) or sum(one.memory_reserved for one in parts),
    )  # fmt: skip


def _container(container: Any, start: float) -> Sample:
    used = boxes.usage(container.box, start, start + 60)
    begin, end = (
        max(start, container.box.started or start),
        min(start + 60, container.box.exits_at or math.inf),
    )
    seconds = max(1.0, end - begin)
    reserved = container.definition.get("memoryReservation") or container.definition.get("memory") or 0
    units = float(container.definition.get("cpu") or 0)
    return Sample(used.cpu_seconds / seconds * 1024, units, used.memory, float(reserved))


def value(
    account: str, region: str, name: str, dimensions: Mapping[str, str], start: float, statistic: str
) -> float | None:
    """One data point of AWS/ECS of a service. An alarm asks so, without making the others."""
    found_in = store.backend(account, region)
    cluster, service = dimensions.get("ClusterName", ""), dimensions.get("ServiceName", "")
    kept = found_in.services.get(f"{cluster}:{service}") if found_in is not None else None
    if kept is None:
        return None
    mine = (one for one in _tasks(found_in, store.cluster(found_in, cluster)) if one.service_arn == kept.arn)
    samples = [sample(one, start) for one in mine]
    values = [_percent(one, name) for one in samples if one is not None]
    if not values:
        return None
    if statistic == "Maximum":
        return max(values)
    if statistic == "Minimum":
        return min(values)
    if statistic in ("Sum", "SampleCount"):
        return sum(values) if statistic == "Sum" else float(len(values))
    return sum(values) / len(values)


def _percent(one: Sample, name: str) -> float:
    return one.cpu_percent if name.startswith("CPU") else one.memory_percent


# -- for those who read ------------------------------------------------------------------------------


def read(account: str, region: str, asked: metrics.Asked) -> Iterator[metrics.Point]:
    """All data points that somebody asks for. Looking changes nothing."""
    found_in = store.backend(account, region)
    if found_in is None or not asked.names({NAMESPACE, INSIGHTS}):
        return
    now = current().clock.time()
    last = int(now // 60) * 60 - 60
    first = max(last - _BACK * 60, int(asked.start // 60) * 60)
    for cluster in list(found_in.clusters.values()):
        tasks = _tasks(found_in, cluster)
        if not tasks:
            continue
        insights = _insights(cluster)
        begin = max(first, int(min(one.started_at or 0.0 for one in tasks) // 60) * 60)
        for start in range(int(begin), int(min(last, asked.end)) + 1, 60):
            yield from _minute(cluster, tasks, insights, float(start), asked)


def _insights(cluster: Any) -> str:
    for setting in cluster.settings or []:
        if setting.get("name") == "containerInsights":
            return str(setting.get("value"))
    return "disabled"


def _minute(
    cluster: Any, tasks: Sequence[Any], insights: str, start: float, asked: metrics.Asked
) -> Iterator[metrics.Point]:
    """The points of one cluster for one minute."""
    sums: dict[tuple[str, str, Place, str], list[float]] = defaultdict(list)
    totals: dict[tuple[str, Place, str], float] = defaultdict(float)
    for task in tasks:
        used = sample(task, start)
        if used is None:
            continue
        for namespace, name, place, unit, number in _of_task(cluster, task, used, insights, start):
            if asked.wants(namespace, name):
                sums[namespace, name, place, unit].append(number)
        if insights != "disabled":
            for name, place, unit, number in _totals(cluster, task, used):
                if asked.wants(INSIGHTS, name):
                    totals[name, place, unit] += number
    at = datetime.fromtimestamp(start, UTC).replace(tzinfo=None)
    for (namespace, name, place, unit), numbers in sums.items():
        yield metrics.Point(namespace, name, place, at, unit, numbers)
    for (name, place, unit), number in totals.items():
        yield metrics.Point(INSIGHTS, name, place, at, unit, [number])


def _service_name(task: Any) -> str:
    return str(task.service_arn.rpartition("/")[2])


def _of_task(
    cluster: Any, task: Any, used: Sample, insights: str, start: float
) -> Iterator[tuple[str, str, Place, str, float]]:
    """Points of which each task gives one: averages, lowest and highest are taken over the tasks."""
    whole, service = ("ClusterName", str(cluster.name)), _service_name(task)
    if service:
        place: Place = (whole, ("ServiceName", service))
        yield NAMESPACE, "CPUUtilization", place, "Percent", used.cpu_percent
        yield NAMESPACE, "MemoryUtilization", place, "Percent", used.memory_percent
    if insights != "enhanced":
        return
    identifier = ("TaskId", task.task_arn.rpartition("/")[2])
    family = ("TaskDefinitionFamily", task.task_definition_arn.rpartition("/")[2].partition(":")[0])
    places: list[Place] = [(whole,), (whole, family), (whole, family, identifier)]
    if service:
        places += [(whole, ("ServiceName", service)), (whole, ("ServiceName", service), identifier)]
    for place in places:
        yield INSIGHTS, "TaskCpuUtilization", place, "Percent", used.cpu_percent
        yield INSIGHTS, "TaskMemoryUtilization", place, "Percent", used.memory_percent
    for container in task.containers:
        if container.box is None:
            continue
        part = _container(container, start)
        cpu = part.cpu_percent if part.cpu_reserved else 100 * part.cpu / (used.cpu_reserved or 1)
        memory = (
            part.memory_percent if part.memory_reserved else 100 * part.memory / (used.memory_reserved or 1)
        )
        named = ("ContainerName", container.name)
        for place in [(*one, named) for one in places if len(one) > 1]:
            yield INSIGHTS, "ContainerCpuUtilization", place, "Percent", cpu
            yield INSIGHTS, "ContainerMemoryUtilization", place, "Percent", memory


def _totals(cluster: Any, task: Any, used: Sample) -> Iterator[tuple[str, Place, str, float]]:
    """Points that are sums over the tasks."""
    whole, service = ("ClusterName", cluster.name), _service_name(task)
    family = ("TaskDefinitionFamily", task.task_definition_arn.rpartition("/")[2].partition(":")[0])
    places: list[Place] = [(whole,), (whole, family)]
    yield "TaskCount", (whole,), "Count", 1.0
    if service:
        places.append((whole, ("ServiceName", service)))
        yield "RunningTaskCount", places[-1], "Count", 1.0
    for place in places:
        yield "CpuUtilized", place, "None", used.cpu
        yield "CpuReserved", place, "None", used.cpu_reserved
        yield "MemoryUtilized", place, "Megabytes", used.memory
        yield "MemoryReserved", place, "Megabytes", used.memory_reserved


metrics.SOURCES["ecs"] = read
metrics.VALUES[NAMESPACE] = value
