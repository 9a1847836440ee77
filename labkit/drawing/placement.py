"""Where the tasks of a cluster stand: by capacity provider and Availability Zone, on EC2 by instance.

`lab.placement("orchard")` looks at the account as it is. Nothing here changes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from labkit.drawing.picture import Picture
from labkit.drawing.timeline_words import cut
from labkit.errors import NotFound, UsageError
from labkit.judging.card import plural
from labkit.sandbox import stores
from labkit.sandbox.trace import short_name

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

NOWHERE: Final = "no zone yet"
_STOPPING: Final = ("DEACTIVATING", "STOPPING", "DEPROVISIONING")


@dataclass(frozen=True, slots=True)
class Block:
    """One task. `state` is starting, running, unhealthy or stopping; `cpu` in CPU units, `memory` in MiB."""

    owner: str
    id: str
    state: str
    cpu: int
    memory: int


@dataclass(frozen=True, slots=True)
class Host:
    """An EC2 instance that runs tasks, with what is registered and what is taken of it (CPU units, MiB)."""

    name: str
    kind: str
    status: str
    cpu: tuple[int, int]
    memory: tuple[int, int]
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of capacity: a capacity provider or a launch type. Zone -> tasks, zone -> hosts."""

    name: str
    blocks: dict[str, list[Block]] = field(default_factory=dict)
    hosts: dict[str, list[Host]] = field(default_factory=dict)

    def count(self, zone: str) -> int:
        """How many tasks stand in a zone."""
        return len(self.blocks.get(zone, ())) + sum(len(host.blocks) for host in self.hosts.get(zone, ()))


@dataclass(frozen=True, slots=True)
class Board:
    """A cluster as it stands."""

    cluster: str
    zones: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def owners(self) -> list[str]:
        """Services and families with a task here, in the order of their names."""
        return sorted({block.owner for row in self.rows for block in everything(row)})


def everything(row: Row) -> Iterator[Block]:
    """All tasks of a row."""
    for blocks in row.blocks.values():
        yield from blocks
    for hosts in row.hosts.values():
        for host in hosts:
            yield from host.blocks


def placement(sandbox: Sandbox, cluster: str | None = None) -> Picture:
    """The placement view of a cluster; without a name, of the only one.

    Raises `NotFound` for a cluster that is not there, and `UsageError` when there are several and none is named.
    """
    from labkit.drawing.placement_svg import board_svg

    with sandbox.lock:
        backend = stores.backend_of("ecs", sandbox.account, sandbox.region)
        names = list(backend.clusters) if backend is not None else []
        wanted = short_name(cluster) if cluster else ""
        if not wanted:
            if len(names) != 1:
                told = f"There are {', '.join(sorted(names))}" if names else "There is no cluster yet"
                raise UsageError(
                    f'{told}: name one, such as lab.placement("{names[0] if names else "shop"}").'
                )
            wanted = names[0]
        if wanted not in names:
            raise NotFound("cluster", wanted, dict.fromkeys(names))
        board = _board(backend, wanted)
    count = sum(1 for row in board.rows for _ in everything(row))
    title = f"Placement in {cut(board.cluster, 60)}: {plural(count, 'task')}"
    if not board.rows:
        return Picture("", title, "Nothing is placed, and there is no instance.", "", kind="placement")
    return Picture(board_svg(board), title, _notice(board), _twin(board), kind="placement")


def boards(backend: Any) -> list[Board]:
    """Every cluster of one account and Region."""
    return [_board(backend, name) for name in backend.clusters]


def _board(backend: Any, cluster: str) -> Board:
    rows: dict[str, Row] = {}
    hosts: dict[str, list[Block]] = {}
    for task in backend.tasks.get(cluster, {}).values():
        if task.last_status == "STOPPED":
            continue
        block = _block(task)
        if task.container_instance_arn:
            hosts.setdefault(task.container_instance_arn, []).append(block)
            continue
        row = rows.setdefault(_capacity(task), Row(_capacity(task)))
        row.blocks.setdefault(task.availability_zone or NOWHERE, []).append(block)
    for told in _instances(backend, cluster):
        attributes = {one["name"]: one.get("value", "") for one in told["attributes"]}
        host = _host(
            told, attributes.get("ecs.instance-type", ""), tuple(hosts.get(told["containerInstanceArn"], ()))
        )
        name, zone = (
            told.get("capacityProviderName") or "EC2",
            attributes.get("ecs.availability-zone") or NOWHERE,
        )
        rows.setdefault(name, Row(name)).hosts.setdefault(zone, []).append(host)
    zones = sorted({zone for row in rows.values() for zone in (*row.blocks, *row.hosts)})
    return Board(cluster, tuple(zones), tuple(rows[name] for name in sorted(rows)))


def _capacity(task: Any) -> str:
    return str(task.capacity_provider_name or task.launch_type or "EC2")


def _instances(backend: Any, cluster: str) -> list[dict[str, Any]]:
    """Container instances as ECS describes them."""
    if not backend.container_instances.get(cluster):
        return []
    from labkit.sandbox.services import _ecs_instances as instances

    here = backend.clusters[cluster]
    return [instances.described(backend, here, one) for one in instances.all_in(backend, here)]


def _block(task: Any) -> Block:
    if task.last_status in _STOPPING or task.desired_status == "STOPPED":
        state = "stopping"
    elif task.last_status != "RUNNING":
        state = "starting"
    else:
        state = "unhealthy" if task.health_status == "UNHEALTHY" else "running"
    owner = (
        short_name(getattr(task, "service_arn", "")) or short_name(task.task_definition_arn).partition(":")[0]
    )
    return Block(owner, task.id, state, int(task.cpu or 0), int(task.memory or 0))


def _host(told: dict[str, Any], kind: str, blocks: tuple[Block, ...]) -> Host:
    whole, left = _resources(told["registeredResources"]), _resources(told["remainingResources"])
    cpu, memory = ((whole.get(name, 0) - left.get(name, 0), whole.get(name, 0)) for name in ("CPU", "MEMORY"))
    status = told["status"] if told["agentConnected"] else "agent disconnected"
    return Host(str(told["ec2InstanceId"]), kind, str(status), cpu, memory, blocks)


def _resources(given: list[dict[str, Any]]) -> dict[str, int]:
    return {one["name"]: int(one.get("integerValue") or 0) for one in given}


# -- in words ----------------------------------------------------------------------------------------


def _notice(board: Board) -> str:
    told = []
    for row in board.rows:
        where = ", ".join(f"{row.count(zone)} in {zone}" for zone in board.zones if row.count(zone))
        hosts = sum(map(len, row.hosts.values()))
        on = f" on {plural(hosts, 'instance')}" if hosts else ""
        told.append(f"{row.name}{on}: {where or 'no task'}.")
    return " ".join(told)


def _twin(board: Board) -> str:
    lines: list[str] = []
    for row in board.rows:
        lines.append(row.name)
        for zone in board.zones:
            lines += [f"  {zone}: {_said(row.blocks[zone])}"] if row.blocks.get(zone) else []
            for host in row.hosts.get(zone, ()):
                lines.append(
                    f"  {zone}: {host.name} ({host.kind}, {host.status}), {host.cpu[0]:,} of {host.cpu[1]:,} CPU units "
                    f"and {host.memory[0]:,} of {host.memory[1]:,} MiB taken: {_said(host.blocks) or 'no task'}"
                )
    return "\n".join(lines)


def _said(blocks: list[Block] | tuple[Block, ...]) -> str:
    counted = Counter((block.owner, block.state) for block in blocks)
    return ", ".join(f"{count} {owner} {state}" for (owner, state), count in sorted(counted.items()))
