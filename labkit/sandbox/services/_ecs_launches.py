"""How a service starts and stops its tasks, and brings them to their load balancing.

Sources: "Amazon ECS service event messages" (service-event-messages-list.html), "Amazon ECS task lifecycle"
(task-lifecycle-explanation.html: targets leave while a task is DEACTIVATING), "Tagging Amazon ECS resources"
(ecs-using-tags.html: managed tags).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from labkit.sandbox import balancing, current, stores
from labkit.sandbox.services import _ecs_breaker as breaker
from labkit.sandbox.services import _ecs_deployments as deployments
from labkit.sandbox.services import _ecs_events as events
from labkit.sandbox.services import _ecs_health as health
from labkit.sandbox.services import _ecs_planning as planning

_ASKED: Final = (
    "launchType", "capacityProviderStrategy", "networkConfiguration", "platformVersion",
)  # fmt: skip
_PLACED: Final = ("placementStrategy", "placementConstraints")
RETRY: Final = 15.0
"""Seconds until a placement that failed is tried again; it grows as after failed tasks. The figure is ours."""
_STOP_REASON: Final = "Scaling activity initiated by (deployment {})"


def tasks(service: Any) -> list[Any]:
    """Every task of a service that is not STOPPED yet."""
    from labkit.sandbox.services import _ecs_store as store

    found = store.tasks(backend(service), cluster=service.cluster_name, service=service.arn)
    return [task for task in found if task.last_status not in health.GONE]


def backend(service: Any) -> Any:
    """moto's backend that a service lies in."""
    from labkit.sandbox.services import _ecs_store as store

    return store.backend(service.account_id, service.region_name)


def definition(task: Any) -> Any:
    """The definition of a task."""
    from labkit.sandbox.services import _ecs_store as store

    return store.definition(task.task_definition_arn)


def has_tasks(service: Any, deployment_id: str) -> bool:
    """Whether tasks of a deployment are still running or starting."""
    return any(
        task.deployment_id == deployment_id and task.last_status in (*health.PENDING, "RUNNING")
        for task in tasks(service)
    )


def leaving(task: Any) -> bool:
    """Whether a task has to go because its container instance drains."""
    instance = health.host(task)
    return instance is not None and getattr(instance, "status", "ACTIVE") == "DRAINING"


# -- starting ----------------------------------------------------------------------------------------


def start(
    service: Any,
    deployment: Any,
    count: int,
    running: Sequence[Any],
    *,
    replaced: int = 0,
    rebalance: bool = False,
) -> bool:
    """Start tasks of a deployment. Returns whether at least one was started."""
    from labkit.sandbox.services import _ecs_capacity as capacity
    from labkit.sandbox.services import _ecs_store as store
    from labkit.sandbox.services import _ecs_tasks as ecs_tasks

    what = store.definition(deployment.definition)
    cluster = store.cluster(backend(service), service.cluster_name)
    if what is None or cluster is None:
        return False
    places = capacity.choose(
        backend(service), cluster, what, count, asked(service, deployment), running=running
    )
    started, trouble = [], None
    for place in places:
        if not hasattr(place, "launch_type"):
            trouble = place
            continue
        started.append(
            ecs_tasks.launch(
                backend(service), cluster, what, place, group=f"service:{service.name}", started_by=deployment.id,
                tags=_tags(service, what), service_arn=service.arn, deployment_id=deployment.id,
                execute_command=bool(service.settings.get("enableExecuteCommand")),
            )
        )  # fmt: skip
    arns = [task.task_arn for task in started]
    if arns and rebalance:
        zone = started[0].availability_zone
        events.say(service, f"has started {len(arns)} tasks in {zone} to AZ Rebalance: {events.ids(arns)}.")
    elif arns:
        events.started(service, arns, replaced=min(replaced, len(arns)))
    if trouble is not None and not rebalance:
        _not_placed(service, deployment, trouble)
    return bool(arns)


def asked(service: Any, deployment: Any) -> dict[str, Any]:
    """What is asked of placement."""
    wanted = {name: deployment.settings.get(name) for name in _ASKED}
    wanted |= {name: service.settings.get(name) for name in _PLACED}
    if service.scheduling_strategy == "DAEMON":
        wanted["placementConstraints"] = [
            *(wanted["placementConstraints"] or []),
            {"type": "distinctInstance"},
        ]
    return {name: value for name, value in wanted.items() if value}


def _tags(service: Any, what: Any) -> list[dict[str, str]]:
    tags: dict[str, str] = {}
    if service.settings.get("enableECSManagedTags"):
        tags |= {"aws:ecs:clusterName": service.cluster_name, "aws:ecs:serviceName": service.name}
    source = {"SERVICE": service.tags, "TASK_DEFINITION": what.tags}.get(service.propagate_tags) or []
    tags |= {one["key"]: one.get("value", "") for one in source}
    return [{"key": key, "value": value} for key, value in tags.items()]


def _not_placed(service: Any, deployment: Any, trouble: Any) -> None:
    """Nothing could be started: say it once, count it, and try later."""
    deployment.never_ran += 1
    if deployment.state == "IN_PROGRESS":
        deployment.failed += 1
    wait = max(RETRY, planning.delay(deployment.never_ran))
    deployment.not_before = current().clock.time() + wait
    text = placement_text(service, deployment, trouble)
    if deployment.told == text:
        return
    deployment.told = text
    events.say(service, text)
    more = {"reason": trouble.reason}
    providers = [one["capacityProvider"] for one in deployment.settings.get("capacityProviderStrategy") or []]
    if providers:
        front = service.arn.split(":service/")[0]
        more["capacityProviderArns"] = [f"{front}:capacity-provider/{name}" for name in providers]
    events.action(service, "SERVICE_TASK_PLACEMENT_FAILURE", "ERROR", **more)


_RESOURCES: Final = {
    "RESOURCE:CPU": "has insufficient CPU units available", "RESOURCE:MEMORY": "has insufficient memory available",
    "RESOURCE:PORTS": "is already using a port required by your task",
    "RESOURCE:ENI": "has insufficient elastic network interfaces available",
    "AGENT": 'encountered error "AGENT"', "ATTRIBUTE": "is missing an attribute required by your task",
}  # fmt: skip
_GUIDE: Final = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."


def placement_text(service: Any, deployment: Any, trouble: Any) -> str:
    """The event message for a failure of placement."""
    if str(trouble.reason).startswith("Capacity is unavailable"):
        return (
            "was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a "
            f"different availability zone. {_GUIDE}"
        )
    front = "was unable to place a task because no container instance met all of its requirements."
    reason = str(trouble.reason)
    if ":container-instance/" in str(trouble.arn):
        name = trouble.arn.rpartition("/")[2]
        said = _RESOURCES.get(reason, f'encountered error "{reason}"')
        return f"{front} The closest matching (container-instance {name}) {said}. {_GUIDE}"
    if reason in (
        "EMPTY CAPACITY PROVIDER",
        "RESOURCE",
        "No Container Instances were found in your cluster.",
    ):
        reason = "No Container Instances were found in your cluster."
    return f"{front} Reason: {reason.rstrip('.')}. {_GUIDE}"


# -- stopping ----------------------------------------------------------------------------------------


def stop(service: Any, going: Sequence[Any], *, quietly: bool = False) -> None:
    """Stop tasks: out of their load balancers first, then SIGTERM."""
    from labkit.sandbox.services import _ecs_tasks as ecs_tasks

    running = [task.task_arn for task in going if task.last_status == "RUNNING"]
    deregister(service, going)
    if not quietly and going:
        events.stopped(service, running, pending=len(going) - len(running))
        events.action(service, "TASKS_STOPPED")
    for task in going:
        task.judged = True
        complaint = getattr(task, "complaint", "")
        if complaint == "container":
            reason = "Task failed container health checks"
        elif complaint:
            reason = f"Task failed ELB health checks in (target-group {complaint})"
        else:
            newest = deployments.primary(service)
            reason = _STOP_REASON.format(newest.id if newest is not None else task.deployment_id)
        ecs_tasks.stop(task, reason, "ServiceSchedulerInitiated")


def drain(service: Any) -> None:
    """A deleted service: stop what is left; INACTIVE when all of it is stopping."""
    left = tasks(service)
    going = [task for task in left if task.desired_status == "RUNNING"]
    if going:
        stop(service, going)
    if any(task.last_status in (*health.PENDING, "RUNNING", "DEACTIVATING") for task in tasks(service)):
        return
    service.status = "INACTIVE"
    service.rollouts = []
    current().trace.record("state", "ecs", "ServiceInactive", resource=service.arn)
    current().changed()


# -- load balancers ----------------------------------------------------------------------------------


def register(service: Any, task: Any) -> None:
    """Register a task with its target groups, once."""
    if getattr(task, "registered", None) is not None:
        return
    places = health.targets(service, task)
    if not places:
        return
    task.registered = [tuple(place) for place in places]
    for place in places:
        balancing.register(place.group, place.ip, place.port, place.zone)
        events.say(service, f"registered 1 targets in (target-group {place.group})")


def deregister(service: Any, going: Sequence[Any]) -> None:
    """Take tasks from their target groups, once."""
    leaving_ = [task for task in going if getattr(task, "registered", None)]
    if not leaving_:
        return
    groups: Counter[str] = Counter()
    for task in leaving_:
        for group, ip, port, _ in task.registered:
            balancing.deregister(group, ip, port)
            groups[group] += 1
        task.registered = []
    for group, count in groups.items():
        events.say(service, f"deregistered {count} targets in (target-group {group})")
    events.say(service, f"has begun draining connections on {len(leaving_)} tasks.")


def complain(service: Any, task: Any) -> None:
    """Say which target group thinks a task unhealthy, and why."""
    place = next((one for one in health.targets(service, task) if one.group == task.complaint), None)
    if place is None:
        return
    reason = balancing.why(place.group, place.ip, place.port)
    short = task.task_arn.rpartition("/")[2]
    events.say(
        service,
        f"(task {short}) (port {place.port}) is unhealthy in (target-group {place.group}) due to "
        f"(reason {reason}).",
    )


# -- what else decides -------------------------------------------------------------------------------


def alarming(service: Any) -> list[str]:
    """The deployment alarms that are in ALARM."""
    names = breaker.watched(service.settings["deploymentConfiguration"])
    kept = stores.backend_of("cloudwatch", service.account_id, service.region_name) if names else None
    if kept is None:
        return []
    return [name for name in names if name in kept.alarms and kept.alarms[name].state_value == "ALARM"]


def count_daemons(service: Any) -> None:
    """A DAEMON service wants one task on each active container instance that can take one."""
    if service.scheduling_strategy != "DAEMON":
        return
    kept = backend(service).container_instances.get(service.cluster_name, {})
    hosts = [one for one in kept.values() if one.status == "ACTIVE"]
    if service.desired_count != len(hosts):
        service.desired_count = len(hosts)
        events.action(service, "SERVICE_DESIRED_COUNT_UPDATED", desiredCount=len(hosts))
