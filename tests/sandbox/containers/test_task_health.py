"""Container health checks: what they see, when they turn, and that they rest when nothing can change."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.sandbox import Sandbox
from labkit.sandbox.fleet import boxes
from labkit.sandbox.services import _ecs_store as store
from tests.sandbox.containers import taskkit as tasks

CURL = ["CMD-SHELL", "curl -f http://localhost:8080/health || exit 1"]
SICKENS = """
PORT = 8080
STARTS_IN = 1.0
def handle(request, box):
    if request.path == "/poison":
        box.state["sick"] = True
    if request.path == "/cure":
        box.state.clear()
    return "ok"
def health(box):
    return not box.state.get("sick")
"""


def check(**more: Any) -> dict[str, Any]:
    return {"command": CURL, **more}


def box_of(arn: str) -> boxes.Box:
    task = store.task(arn)
    assert task is not None
    box = task.containers[0].box
    assert box is not None
    return box


def ask(sandbox: Sandbox, arn: str, path: str = "/", weight: float = 1.0) -> boxes.Response:
    request = boxes.Request(path=path, weight=weight)
    return boxes.serve(box_of(arn), request, sandbox.clock.time())


def test_without_a_check_health_is_unknown(sandbox: Sandbox) -> None:
    arn = tasks.running()
    sandbox.clock.advance(minutes=5)
    assert tasks.look(arn)["healthStatus"] == "UNKNOWN"


def test_the_first_check_comes_after_thirty_seconds(sandbox: Sandbox) -> None:
    arn = tasks.running(healthCheck=check())
    sandbox.clock.advance(seconds=29)
    assert tasks.look(arn)["healthStatus"] == "UNKNOWN"
    sandbox.clock.advance(seconds=1.5)
    assert tasks.look(arn)["healthStatus"] == "HEALTHY"
    assert tasks.first(tasks.look(arn))["healthStatus"] == "HEALTHY"


def test_three_failures_make_it_unhealthy(sandbox: Sandbox) -> None:
    arn = tasks.running("PORT = 8080\ndef health(box):\n    return False\n", healthCheck=check())
    sandbox.clock.advance(seconds=89)
    assert tasks.look(arn)["healthStatus"] == "UNKNOWN"
    sandbox.clock.advance(seconds=2)
    task = tasks.look(arn)
    assert (task["healthStatus"], task["lastStatus"]) == ("UNHEALTHY", "RUNNING")


def test_failures_in_the_start_period_do_not_count(sandbox: Sandbox) -> None:
    slow = "PORT = 8080\nSTARTS_IN = 100.0\n"
    arn = tasks.running(slow, healthCheck=check(interval=10, retries=2, startPeriod=120))
    sandbox.clock.advance(seconds=95)
    assert tasks.look(arn)["healthStatus"] == "UNKNOWN"
    sandbox.clock.advance(seconds=16)
    assert tasks.look(arn)["healthStatus"] == "HEALTHY"


def test_a_program_that_sickens_is_noticed_and_heals(sandbox: Sandbox) -> None:
    arn = tasks.running(SICKENS, healthCheck=check(interval=10, retries=2))
    sandbox.clock.advance(minutes=30)
    ask(sandbox, arn, "/poison")
    sandbox.clock.advance(seconds=21)
    assert tasks.look(arn)["healthStatus"] == "UNHEALTHY"
    ask(sandbox, arn, "/cure")
    sandbox.clock.advance(seconds=11)
    assert tasks.look(arn)["healthStatus"] == "HEALTHY"


def test_a_program_that_is_overrun_fails_its_check_in_time(sandbox: Sandbox) -> None:
    arn = tasks.running("PORT = 8080\nCPU_PER_REQUEST = 0.05\n", healthCheck=check(interval=10, retries=2))
    sandbox.clock.advance(minutes=5)
    with sandbox.clock.paused():
        for _ in range(200):
            ask(sandbox, arn, weight=2)
        sandbox.clock.advance(seconds=21)
        assert tasks.look(arn)["healthStatus"] == "UNHEALTHY"
        sandbox.clock.advance(seconds=180)
        assert tasks.look(arn)["healthStatus"] == "HEALTHY"


def test_a_healthy_task_causes_no_work_while_nothing_happens(sandbox: Sandbox) -> None:
    arn = tasks.running(SICKENS, healthCheck=check())
    sandbox.clock.advance(minutes=5)
    assert sandbox.clock.advance(hours=24).played == 0
    assert tasks.look(arn)["healthStatus"] == "HEALTHY"


def test_a_check_that_reads_the_clock_is_asked_each_time(sandbox: Sandbox) -> None:
    source = "PORT = 8080\ndef main(box):\n    box.state['end'] = box.now + 600\n"
    source += "def health(box):\n    return box.now < box.state['end']\n"
    arn = tasks.running(source, healthCheck=check())
    sandbox.clock.advance(minutes=9)
    assert tasks.look(arn)["healthStatus"] == "HEALTHY"
    sandbox.clock.advance(minutes=3)
    assert tasks.look(arn)["healthStatus"] == "UNHEALTHY"


@pytest.mark.parametrize(
    ("command", "good"),
    [
        (["CMD-SHELL", "exit 0"], True), (["CMD-SHELL", "exit 1"], False), (["CMD", "true"], True),
        (["CMD", "curl", "-f", "http://localhost:8080/health"], True),
        (["CMD-SHELL", "curl -f http://localhost:8081/health || exit 1"], False),
        (["CMD-SHELL", "wget -q -O /dev/null http://127.0.0.1:8080/ || exit 1"], True),
        (["CMD-SHELL", "curl -sf http://localhost:8080/missing"], False),
        (["CMD-SHELL", "curl -s http://localhost:8080/missing > /dev/null"], True),
        (["CMD", "python", "check.py"], False), (["CMD-SHELL", "nc -z localhost 8080"], True),
    ],
)  # fmt: skip
def test_what_a_check_command_says(sandbox: Sandbox, command: list[str], good: bool) -> None:
    source = "PORT = 8080\nSTARTS_IN = 1.0\ndef handle(request, box):\n"
    source += "    return {'statusCode': 404 if request.path == '/missing' else 200}\n"
    arn = tasks.running(source, healthCheck={"command": command, "interval": 5, "retries": 1})
    sandbox.clock.advance(seconds=6)
    assert tasks.look(arn)["healthStatus"] == ("HEALTHY" if good else "UNHEALTHY")
