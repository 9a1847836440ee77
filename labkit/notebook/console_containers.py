"""Containers as tables of the console: services, tasks that run by themselves, instances, repositories; all tasks for
who asks for ECS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from labkit.drawing.queue_state import backends
from labkit.drawing.timeline_words import cut, spoken
from labkit.notebook.console_section import LONGEST, Section, alerting, elsewhere
from labkit.sandbox.trace import short_name

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

Row = tuple[str, ...]
_SHORT: Final = 30
_SERVICES: Final = ("service", "cluster", "#desired", "#running", "#pending", "task definition", "deployment")
_TASKS: Final = ("task", "of", "capacity", "zone", "age", "health", "status")
_INSTANCES: Final = ("instance", "type", "zone", "#tasks", "CPU taken", "memory taken", "status")
_GOOD: Final = ("completed", "none")
_COMING: Final = (
    "provisioning",
    "pending",
    "activating",
    "running",
    "deactivating",
    "stopping",
    "deprovisioning",
)
_FINE: Final = (*_COMING, "stopped", "stopped, exit 0")


def sections(sandbox: Sandbox) -> Iterator[Section]:
    """Services, EC2 instances and repositories; tasks, the newest first, only for who asks for them."""
    places = list(backends("ecs"))
    rows = [row for place in places for row in _services(sandbox, *place)]
    yield Section("ecs", "Amazon ECS", _SERVICES, tuple(rows), ("service", "services"), alerting(rows, _GOOD))
    found = [row for place in places for row in _instances(sandbox, *place)]
    yield Section(
        "ecs", "Container instances", _INSTANCES, tuple(found), ("instance", "instances"), alerting(found, ("active",))
    )  # fmt: skip
    told = [row for _, _, backend in places for row in _tasks(backend, sandbox.clock.time())]
    yield Section("ecs", "Tasks", _TASKS, tuple(told), ("task", "tasks"), alerting(told, _FINE), True)
    kept = [row for place in backends("ecr") for row in _repositories(sandbox, *place)]
    columns = ("repository", "#images", "tags", "tags can move")
    yield Section("ecr", "Amazon ECR", columns, tuple(kept), ("repository", "repositories"))


def _services(sandbox: Sandbox, account: str, region: str, backend: Any) -> Iterator[Row]:
    for service in backend.services.values():
        if service.status == "INACTIVE":
            continue
        deployments = service.deployments or []
        primary = next((one for one in deployments if _of(one, "status") == "PRIMARY"), None)
        state = (
            str(_of(primary, "rolloutState", "rollout_state") or "none") if primary is not None else "none"
        )
        yield (
            cut(service.name, LONGEST) + elsewhere(sandbox, account, region), cut(service.cluster_name, _SHORT),
            f"{service.desired_count:,}", f"{service.running_count:,}", f"{service.pending_count:,}",
            cut(short_name(service.task_definition or ""), _SHORT), state.lower().replace("_", " "),
        )  # fmt: skip


def _of(thing: Any, *names: str) -> Any:
    for name in names:
        found = thing.get(name) if isinstance(thing, dict) else getattr(thing, name, None)
        if found is not None:
            return found
    return None


def _tasks(backend: Any, now: float) -> Iterator[Row]:
    kept = [task for tasks in backend.tasks.values() for task in tasks.values()]
    for task in sorted(kept, key=lambda one: -one.created_at):
        status = str(task.last_status).lower()
        exits = sorted({one.exit_code for one in task.containers if one.exit_code is not None})
        if status == "stopped":
            status += f", exit {', '.join(map(str, exits))}" if exits else ", never ran"
        of = short_name(task.service_arn) or short_name(task.task_definition_arn)
        yield (
            task.id[:8], cut(of, _SHORT), cut(str(task.capacity_provider_name or task.launch_type), _SHORT),
            task.availability_zone or "", spoken(now - task.created_at), str(task.health_status).lower(), status,
        )  # fmt: skip


def _instances(sandbox: Sandbox, account: str, region: str, backend: Any) -> Iterator[Row]:
    from labkit.drawing.placement import boards

    for board in boards(backend):
        for row in board.rows:
            for zone, hosts in row.hosts.items():
                for host in hosts:
                    yield (
                        cut(host.name, LONGEST) + elsewhere(sandbox, account, region), host.kind, zone,
                        f"{len(host.blocks):,}", _share(host.cpu), _share(host.memory), host.status.lower(),
                    )  # fmt: skip


def _share(taken: tuple[int, int]) -> str:
    return f"{taken[0] / taken[1]:.0%}" if taken[1] else ""


def _repositories(sandbox: Sandbox, account: str, region: str, backend: Any) -> Iterator[Row]:
    for repository in backend.repositories.values():
        tags = [tag for image in repository.images for tag in image.image_tags if tag]
        shown = ", ".join(sorted(tags)[:4]) + (" ..." if len(tags) > 4 else "")
        moves = "yes" if "IMMUTABLE" not in str(repository.image_tag_mutability) else "no"
        name = cut(repository.name, LONGEST) + elsewhere(sandbox, account, region)
        yield name, f"{len(repository.images):,}", cut(shown, LONGEST), moves
