"""`lab.placement("shop")`: tasks by capacity provider and zone, on EC2 by instance."""

from __future__ import annotations

import pytest

from labkit.drawing.placement import placement
from labkit.errors import NotFound, UsageError
from labkit.sandbox import Sandbox
from tests.drawing.structure import texts
from tests.sandbox.containers import capacitykit as capacity
from tests.sandbox.containers import servicekit as kit
from tests.sandbox.containers import taskkit

PROVIDERS = [
    {"capacityProvider": "FARGATE", "base": 2, "weight": 1}, {"capacityProvider": "FARGATE_SPOT", "weight": 1},
]  # fmt: skip


def test_tasks_stand_by_provider_and_zone(sandbox: Sandbox) -> None:
    kit.cluster(capacityProviders=["FARGATE", "FARGATE_SPOT"], defaultCapacityProviderStrategy=[])
    kit.create(count=6, capacityProviderStrategy=PROVIDERS)
    kit.stable()
    picture = placement(sandbox, "shop")
    assert picture.title == "Placement in shop: 6 tasks"
    assert sum(int(word) for word in picture.description.split() if word.isdigit()) == 6
    assert "user running" in picture.twin
    assert {"FARGATE", "4 tasks", "FARGATE_SPOT", "2 tasks", "eu-west-1c"} <= set(texts(picture))


def test_a_task_that_starts_or_stops_says_so(sandbox: Sandbox) -> None:
    arn = taskkit.start(taskkit.simple())
    assert "1 user starting" in placement(sandbox).twin
    taskkit.until(arn, "RUNNING")
    assert "1 user running" in placement(sandbox).twin
    taskkit.stop(arn)
    assert "1 user stopping" in placement(sandbox).twin


def test_instances_show_what_is_taken_of_them(sandbox: Sandbox) -> None:
    capacity.cluster()
    [name] = capacity.machines(sandbox, 1)
    capacity.ecs().run_task(
        cluster="shop", taskDefinition=capacity.job(cpu=512, memory=1000), launchType="EC2"
    )
    told = placement(sandbox).twin
    assert f"eu-west-1b: {name} (m5.large, ACTIVE), 512 of 2,048 CPU units and 1,000 of 7," in told
    assert "1 job" in told


def test_two_services_with_the_same_letter_are_told_apart(sandbox: Sandbox) -> None:
    taskkit.start(taskkit.simple(repository="order"))
    taskkit.start(taskkit.simple(repository="outbox"))
    found = set(texts(placement(sandbox)))
    assert {"o", "ou", "order", "outbox"} <= found


def test_looking_changes_nothing(sandbox: Sandbox) -> None:
    taskkit.start(taskkit.simple())
    before = sandbox.digest()
    placement(sandbox)
    assert sandbox.digest() == before


def test_bad_names_are_told(sandbox: Sandbox) -> None:
    with pytest.raises(UsageError, match="There is no cluster yet"):
        placement(sandbox)
    kit.cluster()
    kit.ecs().create_cluster(clusterName="other")
    with pytest.raises(UsageError, match="There are other, shop"):
        placement(sandbox)
    with pytest.raises(NotFound, match="shop"):
        placement(sandbox, "shpo")
    assert placement(sandbox, "shop").text().startswith("FIGURE  Placement in shop: 0 tasks")
