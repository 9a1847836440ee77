"""Nodes, things and strategies by themselves, and the query language that selects instances."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from labkit.sandbox.fleet.nodes import Node, Thing
from labkit.sandbox.fleet.placing import NoPlace, Strategy, distinct, place
from labkit.sandbox.services._ecs_queries import BadQuery, parse


def nodes(*zones: str, memory: int = 4_000) -> list[Node]:
    return [
        Node(f"n{number}", zone, {"cpu": 2_048, "memory": memory}, attributes={"zone-name": zone})
        for number, zone in enumerate(zones)
    ]


THING = Thing({"cpu": 256, "memory": 1_000}, group="g")


def put(there: list[Node], count: int, *strategies: Strategy, seed: int = 1) -> list[str]:
    dice = random.Random(seed)
    found = [place(THING, there, strategies, dice=dice) for _ in range(count)]
    return [one.name if isinstance(one, Node) else one.reason for one in found]


def test_binpack_fills_one_node_after_the_other() -> None:
    found = put(nodes("a", "b", "c"), 6, Strategy("binpack", "memory"))
    assert sorted(Counter(found).values()) == [2, 4]


def test_spread_keeps_zones_equal_and_the_next_strategy_decides_within() -> None:
    there = nodes("a", "a", "b", "b")
    found = put(there, 4, Strategy("spread", "zone"), Strategy("binpack", "memory"))
    assert len(set(found)) == 2, "one node for each zone, both filled"
    assert {node.zone for node in there if node.groups} == {"a", "b"}


def test_spread_counts_only_the_own_group() -> None:
    there = nodes("a", "b")
    there[0].put(Thing({"memory": 100}, group="others"))
    there[1].put(Thing({"memory": 100}, group="g"))
    assert put(there, 1, Strategy("spread", "node")) == ["n0"]


def test_random_falls_as_the_seed_says() -> None:
    first, again = (put(nodes("a", "b", "c"), 9, Strategy("random"), seed=5) for _ in range(2))
    assert first == again
    assert len(set(first)) > 1


def test_the_closest_node_says_what_it_lacks() -> None:
    there = nodes("a", "b", memory=500)
    there[1].capacity["memory"], there[1].ports = 9_000, {"80/tcp"}
    found = place(Thing({"cpu": 1, "memory": 600}, frozenset({"80/tcp"})), there)
    assert found == NoPlace("ports", "n1")
    there[1].connected = False
    assert place(Thing({"memory": 600}), there) == NoPlace("memory", "n0")
    assert place(Thing(), []) == NoPlace("none")


def test_a_constraint_keeps_things_apart() -> None:
    there = nodes("a", "b")
    found = [place(THING, there, constraints=[distinct]) for _ in range(3)]
    assert [isinstance(one, Node) for one in found] == [True, True, False]
    assert isinstance(found[2], NoPlace)
    assert found[2].reason == "distinct"


NODE = Node(
    "n", attributes={"ecs.instance-type": "m5.large", "stack": "prod", "gpu": ""},
    groups=["service:user", "family:job"],
    facts={"agentVersion": "1.98.0", "registeredAt": "2026-11-23T10:00:00+00:00", "ec2InstanceId": "i-1"},
)  # fmt: skip


@pytest.mark.parametrize(
    "query",
    [
        "attribute:ecs.instance-type == m5.large", "attribute:ecs.instance-type =~ m5.*", "attribute:stack != test",
        "attribute:stack in [test, prod]", "attribute:stack !in [test]", "attribute:gpu exists",
        "attribute:arm !exists", "not(attribute:stack == test)", "!(attribute:stack == test)",
        "attribute:stack == prod and attribute:gpu exists", "attribute:stack == x or attribute:stack == prod",
        "attribute:stack == x || (attribute:stack == prod && attribute:gpu exists)", "agentConnected == true",
        "agentVersion >= 1.9.0", "agentVersion < 1.100.0", "task:group == service:user",
        "not(task:group == service:web)", "runningTasksCount == 2", "registeredAt > 2026-11-22",
        "ec2InstanceId in ['i-1', 'i-2']", "attribute:stack equals prod", "attribute:stack not_in [test]",
    ],
)  # fmt: skip
def test_a_query_selects(query: str) -> None:
    assert parse(query)(NODE)


@pytest.mark.parametrize(
    "query",
    [
        "attribute:stack == test", "attribute:arm == x", "agentConnected == false", "agentVersion > 1.98.0",
        "runningTasksCount > 2", "task:group == service:web", "attribute:ecs.instance-type =~ t3.*",
        "attribute:stack == prod and attribute:gpu !exists",
    ],
)  # fmt: skip
def test_a_query_leaves_out(query: str) -> None:
    assert not parse(query)(NODE)


@pytest.mark.parametrize(
    "query",
    [
        "", "zone == a", "attribute:stack", "attribute:stack ==", "attribute:stack ~~ x", "(attribute:stack exists",
        "attribute:stack in prod", "attribute:stack in [prod", "attribute:stack =~ [", "attribute:a exists b",
    ],
)  # fmt: skip
def test_a_query_that_cannot_be_read_is_no_query(query: str) -> None:
    with pytest.raises(BadQuery):
        parse(query)
