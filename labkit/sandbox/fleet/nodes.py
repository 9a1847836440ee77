"""Nodes: machines with capacity, and what stands on them.

Nothing here knows a service. ECS describes its container instances so, an orchestrator of pods its machines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

CPU: Final = "cpu"
MEMORY: Final = "memory"


@dataclass(frozen=True, slots=True)
class Thing:
    """Something to place. `needs` are amounts of resources; `requires` attributes a node must have.

    Things of one `group` are those that strategies spread and constraints keep apart.
    """

    needs: Mapping[str, int] = field(default_factory=dict)
    ports: frozenset[str] = frozenset()
    requires: tuple[str, ...] = ()
    group: str = ""


@dataclass(slots=True)
class Node:
    """A machine. `capacity` and `used` are amounts by resource, `ports` those taken, such as `"8080/tcp"`."""

    name: str
    zone: str = ""
    capacity: dict[str, int] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    ports: set[str] = field(default_factory=set)
    attributes: dict[str, str] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    ready: bool = True
    """Whether it takes new things."""
    connected: bool = True
    """Whether whoever manages it can be reached."""
    facts: dict[str, str] = field(default_factory=dict)
    """What else expressions may ask about it."""

    def free(self, resource: str) -> int:
        """How much of a resource is left."""
        return self.capacity.get(resource, 0) - self.used.get(resource, 0)

    def lacks(self, thing: Thing) -> str:
        """What it lacks for a thing: `ready`, `connected`, a resource, `ports`, `attribute`; empty when it fits."""
        if not self.connected:
            return "connected"
        if not self.ready:
            return "ready"
        for resource, amount in thing.needs.items():
            if amount > self.free(resource):
                return resource
        if thing.ports & self.ports:
            return "ports"
        if any(name not in self.attributes for name in thing.requires):
            return "attribute"
        return ""

    def put(self, thing: Thing) -> None:
        """Have a thing stand here."""
        for resource, amount in thing.needs.items():
            self.used[resource] = self.used.get(resource, 0) + amount
        self.ports |= thing.ports
        self.groups.append(thing.group)

    def count(self, group: str) -> int:
        """How many things of a group stand here."""
        return self.groups.count(group)
