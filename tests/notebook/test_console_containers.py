"""Containers in `lab.console()`."""

from __future__ import annotations

from labkit.notebook.console import Console, console
from labkit.sandbox import Sandbox
from tests.sandbox.containers import capacitykit as capacity
from tests.sandbox.containers import servicekit as kit
from tests.sandbox.containers import taskkit


def rows(card: Console, title: str) -> list[list[str]]:
    [section] = [one for one in card.sections if one.title == title]
    return [list(row) for row in section.rows]


def alerts(card: Console, title: str) -> set[int]:
    [section] = [one for one in card.sections if one.title == title]
    return set(section.alerts)


def test_services_with_their_counts_and_their_deployment(sandbox: Sandbox) -> None:
    kit.create(count=2)
    assert rows(console(sandbox), "Amazon ECS")[0][6] == "in progress"
    kit.stable()
    card = console(sandbox)
    assert rows(card, "Amazon ECS") == [["user", "shop", "2", "2", "0", "user:1", "completed"]]
    assert alerts(card, "Amazon ECS") == set()
    assert rows(card, "Amazon ECR") == [["user", "1", "1", "yes"]]
    assert "Tasks" not in [section.title for section in card.sections]


def test_tasks_are_for_who_asks_for_ecs(sandbox: Sandbox) -> None:
    good = taskkit.start(taskkit.simple(taskkit.JOB))
    taskkit.until(good, "STOPPED")
    bad = taskkit.start(taskkit.simple("RUNS_FOR = 1.0\nEXIT_CODE = 3\n", "broken"))
    taskkit.until(bad, "STOPPED")
    card = console(sandbox, "ecs")
    found = rows(card, "Tasks")
    assert [(row[1], row[-1]) for row in found] == [
        ("broken:1", "stopped, exit 3"),
        ("user:1", "stopped, exit 0"),
    ]
    assert alerts(card, "Tasks") == {0}


def test_instances_with_what_is_taken(sandbox: Sandbox) -> None:
    capacity.cluster()
    [name] = capacity.machines(sandbox, 0)
    capacity.ecs().run_task(
        cluster="shop", taskDefinition=capacity.job(cpu=512, memory=1000), launchType="EC2"
    )
    [row] = rows(console(sandbox), "Container instances")
    assert row[:5] == [name, "m5.large", "eu-west-1a", "1", "25%"]
    assert row[-1] == "active"
