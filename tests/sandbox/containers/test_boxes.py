"""Programs and the boxes they run in: load, memory, latency, exit codes, and bad programs."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from labkit.sandbox.fleet import boxes, programs
from labkit.sandbox.fleet.boxes import Box, Request

NOW = 999_960.0
"""The beginning of a minute: usage is kept by minutes."""


class Home:
    """Somebody who runs boxes and writes down what they tell."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.over: list[str] = []
        self.stirs = 0

    def said(self, box: Box, line: str) -> None:
        self.lines.append(line)

    def client(self, box: Box, service: str, region: str | None) -> Any:
        raise AssertionError("nobody asked for a client")

    def ended(self, box: Box) -> None:
        self.over.append(box.name)

    def stirred(self, box: Box) -> None:
        self.stirs += 1


@pytest.fixture
def home() -> Any:
    found = boxes.HOMES["test"] = Home()
    yield found
    del boxes.HOMES["test"]


def box(source: str, **more: Any) -> Box:
    return Box(name="app", source=source, digest="", home="test", seed="1", **more)


def started(source: str, **more: Any) -> Box:
    made = box(source, **more)
    boxes.start(made, NOW)
    return made


def ask(where: Box, at: float, path: str = "/", weight: float = 1.0) -> boxes.Response:
    return boxes.serve(where, Request(path=path, weight=weight), NOW + at)


def test_a_program_answers_once_it_listens(home: Home) -> None:
    app = started("PORT = 80\nSTARTS_IN = 2.0\ndef handle(request, box):\n    return request.path\n")
    assert ask(app, 1.9).error == "connection refused"
    assert (ask(app, 2.0, "/tea").status, ask(app, 2.0, "/tea").body) == (200, "/tea")


def test_a_job_listens_nowhere(home: Home) -> None:
    assert ask(started("RUNS_FOR = 10\n"), 5).status == 0


def test_latency_is_waiting_and_cpu_and_the_rest(home: Home) -> None:
    app = started("PORT = 80\nCPU = 0\nCPU_PER_REQUEST = 0.1\nLATENCY = 0.5\n", vcpus=0.5)
    assert ask(app, 10).latency == pytest.approx(0.2 + 0.5)
    assert ask(app, 10).latency == pytest.approx(0.2 + 0.2 + 0.5)
    assert ask(app, 10.4).latency == pytest.approx(0.2 + 0.5)


def test_one_request_uses_one_core_at_most(home: Home) -> None:
    app = started("PORT = 80\nCPU = 0\nCPU_PER_REQUEST = 0.1\nLATENCY = 0\n", vcpus=4)
    assert ask(app, 10).latency == pytest.approx(0.1)


def test_usage_is_what_the_requests_needed(home: Home) -> None:
    app = started("PORT = 80\nCPU = 0.01\nCPU_PER_REQUEST = 0.02\nMEMORY = 100\n", vcpus=1)
    for number in range(60):
        ask(app, 60 + number)
    used = boxes.usage(app, NOW + 60, NOW + 180)
    assert used.cpu_seconds == pytest.approx(120 * 0.01 + 60 * 0.02, rel=0.02)
    assert used.requests == pytest.approx(60)
    assert used.memory == pytest.approx(100.5)


def test_a_sample_loads_like_the_requests_it_stands_for(home: Home) -> None:
    source = (
        "PORT = 80\nCPU = 0\nCPU_PER_REQUEST = 0.02\nMEMORY = 100\nMEMORY_PER_REQUEST = 1\nLATENCY = 0.1\n"
    )
    single, sampled = started(source, vcpus=1), started(source, vcpus=1)
    for number in range(2_000):
        ask(single, 60 + number * 0.05)
    for number in range(100):
        ask(sampled, 60 + number, weight=20)
    one, many = (boxes.usage(each, NOW + 60, NOW + 160) for each in (single, sampled))
    assert many.cpu_seconds == pytest.approx(one.cpu_seconds, rel=0.05)
    assert many.requests == pytest.approx(one.requests, rel=0.05)
    assert many.memory == pytest.approx(one.memory, abs=1.5)


def test_requests_in_flight_hold_memory_until_it_is_too_much(home: Home) -> None:
    app = started(
        "PORT = 80\nMEMORY = 100\nMEMORY_PER_REQUEST = 10\nLATENCY = 5\n", vcpus=1, memory_limit=200
    )
    for _ in range(10):
        assert ask(app, 10).status == 200
    assert ask(app, 10).error == "connection reset"
    assert (app.exit_code, app.reason) == (137, boxes.OUT_OF_MEMORY)
    assert home.over == ["app"]
    assert ask(app, 11).error == "connection refused"


def test_a_leak_kills_slowly(home: Home) -> None:
    app = started("PORT = 80\nMEMORY = 100\nLEAKS = 1\nMEMORY_PER_REQUEST = 0\n", memory_limit=150)
    served = sum(ask(app, 10 + number).status == 200 for number in range(60))
    assert served == 50


def test_a_handler_that_raises_answers_500_and_says_why(home: Home) -> None:
    app = started("PORT = 80\ndef handle(request, box):\n    return 1 / 0\n")
    assert ask(app, 10).status == 500
    assert home.lines[-1] == "ZeroDivisionError: division by zero"
    assert app.alive(NOW + 11)


def test_a_handler_that_exits_ends_the_process(home: Home) -> None:
    app = started("PORT = 80\ndef handle(request, box):\n    box.exit(7)\n")
    ask(app, 10)
    assert (app.exit_code, app.alive(NOW + 11), home.over) == (7, False, ["app"])


def test_a_request_in_flight_is_cut_when_the_process_ends(home: Home) -> None:
    app = started("PORT = 80\nLATENCY = 10\nSTOPS_IN = 3.0\n")
    boxes.terminate(app, NOW + 10)
    assert ask(app, 11).error == "connection reset"


def test_state_and_dice_go_with_the_box_and_not_with_the_program(home: Home) -> None:
    source = "PORT = 80\ndef handle(request, box):\n"
    source += "    box.state['n'] = box.state.get('n', 0) + 1\n    return str(box.state['n'])\n"
    one, other = started(source), started(source)
    ask(one, 10)
    copy = pickle.loads(pickle.dumps(one))
    assert (ask(one, 11).body, ask(copy, 11).body, ask(other, 11).body) == ("2", "2", "1")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def main(:\n", "SyntaxError"), ("import nothing_like_this\n", "ModuleNotFoundError"),
        ("PORT = 'eighty'\n", "PORT is a number"), ("MEMORY = -1\n", "MEMORY is a number"),
        ("CPU = float('nan')\n", "CPU is a number"), ("handle = 3\n", "handle is a function"),
        ("COMMANDS = ['migrate']\n", "COMMANDS is a mapping"), ("EXIT_CODE = 300\n", "EXIT_CODE is a number"),
        ("raise SystemExit(3)\n", "SystemExit"),
    ],
)  # fmt: skip
def test_a_bad_program_says_what_is_wrong_and_crashes_in_its_box(
    home: Home, source: str, reason: str
) -> None:
    with pytest.raises(programs.BadProgram) as bad:
        programs.load(source)
    assert reason in bad.value.reason
    app = box(source)
    assert boxes.start(app, NOW) == NOW
    assert app.exit_code == 1
    assert any(reason in line for line in home.lines)
    assert boxes.usage(app, NOW, NOW + 60) == (0.0, 0.0, 0.0)


def test_what_an_answer_may_be(home: Home) -> None:
    app = started("PORT = 80\ndef handle(request, box):\n    return ANSWERS[request.path]\nANSWERS = {\n"
                  "'/none': None, '/text': 'tea', '/full': {'statusCode': 404, 'body': 'no'},\n"
                  "'/odd': {'statusCode': 'x'}, '/list': [1]}\n")  # fmt: skip
    found = {path: ask(app, 10, path)[:2] for path in ("/none", "/text", "/full", "/odd", "/list")}
    assert found == {
        "/none": (200, ""), "/text": (200, "tea"), "/full": (404, "no"), "/odd": (500, ""), "/list": (200, "[1]")
    }  # fmt: skip
