"""Where a thing goes: the nodes that can take it, and among them the one that strategies prefer.

Strategies apply one after another: the first narrows the choice, the next decides among what it left. The dice fall
for the seed, so that a story can be told twice.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from labkit.sandbox.fleet.nodes import Node, Thing

Constraint = Callable[[Node, Thing], str]
"""Says why a node is out of the question for a thing; empty when it is not."""

_ORDER: Final = ("connected", "ready", "cpu", "memory")


@dataclass(frozen=True, slots=True)
class Strategy:
    """`random`, `spread` over a field of the nodes (`node`, `zone`, or an attribute), `binpack` by a resource."""

    kind: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class NoPlace:
    """Why nothing could be placed: what the closest node lacks. Without any node, `node` is empty."""

    reason: str
    node: str = ""


def place(
    thing: Thing,
    nodes: Sequence[Node],
    strategies: Sequence[Strategy] = (),
    constraints: Sequence[Constraint] = (),
    dice: random.Random | None = None,
) -> Node | NoPlace:
    """The node a thing goes to; it stands there from then on. Or why there is none."""
    if not nodes:
        return NoPlace("none")
    lacking = [(node, _missing(node, thing, constraints)) for node in nodes]
    fitting = [node for node, lack in lacking if not lack]
    if not fitting:
        node, lack = max(lacking, key=lambda one: _closeness(one[1]))
        return NoPlace(lack, node.name)
    for strategy in strategies:
        fitting = _best(strategy, fitting, nodes, thing)
    fitting.sort(key=lambda node: node.name)
    chosen = (dice or random.Random(0)).choice(fitting)
    chosen.put(thing)
    return chosen


def distinct(node: Node, thing: Thing) -> str:
    """The constraint that no two things of a group share a node."""
    return "distinct" if node.count(thing.group) else ""


def _missing(node: Node, thing: Thing, constraints: Sequence[Constraint]) -> str:
    return node.lacks(thing) or next((said for one in constraints if (said := one(node, thing))), "")


def _closeness(lack: str) -> int:
    """The later in the order of questions a node failed, the closer it was."""
    return _ORDER.index(lack) if lack in _ORDER else len(_ORDER)


def _best(strategy: Strategy, fitting: list[Node], nodes: Sequence[Node], thing: Thing) -> list[Node]:
    if strategy.kind == "spread":
        counts: Counter[str] = Counter()
        for node in nodes:
            counts[value_of(node, strategy.field)] += node.count(thing.group)
        least = min(counts[value_of(node, strategy.field)] for node in fitting)
        return [node for node in fitting if counts[value_of(node, strategy.field)] == least]
    if strategy.kind == "binpack":
        least = min(node.free(strategy.field) for node in fitting)
        return [node for node in fitting if node.free(strategy.field) == least]
    return fitting


def value_of(node: Node, field: str) -> str:
    """What a node has in a field that things are spread over."""
    if field == "node":
        return node.name
    return node.zone if field == "zone" else node.attributes.get(field, "")
