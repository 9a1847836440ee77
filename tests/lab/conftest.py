"""A small workbook of two labs, so that these tests do not depend on what the real labs say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import labkit.lab
from labkit.lab import Lab
from labkit.lab import open as open_lab

CHECKS = '''
from collections.abc import Callable

from labkit.judging import Expect, World, exercise, question


@exercise("Make a queue", minutes=5, star=True, hints=("think", "`create_queue`", "```\\nsqs.____()\\n```"))
def make(world: World, expect: Expect) -> None:
    """There is a queue that keeps messages."""
    orders = expect.found("exists", world.queue("orders"), "There is a queue named `orders`.",
                          action="Create it with `sqs.create_queue(...)`.")
    word = world.word()
    orders.send(word)
    got = [one.body for one in orders.drain()]
    expect("keeps", word in got, "A message sent is received.", seen=f"Received: {got}.")
    expect("hides", orders.visibility_timeout >= 30, "A message stays hidden for 30 seconds.",
           seen=f"It was hidden for {orders.visibility_timeout} s.", why="Workers need the time.",
           action="Set `VisibilityTimeout`.")


@exercise("Double a number", minutes=8, hints=("twice", "`*`", "x * ____"))
def double(world: World, expect: Expect, *, worker: Callable[[int], int] | None = None) -> None:
    """The function doubles."""
    number = world.random.randrange(1000)
    got = expect.call("runs", worker, number, wanted="The function runs.")
    expect("doubles", got == 2 * number, "It returns the double.", seen=f"{number} gave {got}.")


@exercise("Broken", hints=("a", "b", "c"))
def broken(world: World, expect: Expect) -> None:
    """Breaks."""
    if world.queue("orders") is None:
        raise ZeroDivisionError("ours")
    expect("never", True, "Never judged.")


how_many = question("How many times?", a="once", b="twice", answer="b", because="At least once.",
                    why_not={"a": "It comes again."})
'''

LAB: dict[str, Any] = {
    "version": 1,
    "key": "16-sqs-standard-queues",
    "number": "16",
    "title": "SQS standard queues",
    "week": 9,
    "minutes": 100,
    "services": ["sqs"],
    "covers": ["L236"],
    "objectives": ["Own the life cycle of a message.", "Poll cheaply."],
    "verified": "2026-11-23",
    "exercises": [
        {"name": "make", "number": "16.1", "title": "Make a queue", "points": 10, "minutes": 5, "star": True,
         "covers": []},
        {"name": "double", "number": "16.2", "title": "Double a number", "points": 10, "minutes": 8,
         "star": False, "covers": []},
        {"name": "broken", "number": "16.3", "title": "Broken", "points": 10, "minutes": 3, "star": False,
         "covers": []},
    ],
    "cells": [
        {"role": "setup", "source": "import boto3\nsqs = boto3.client('sqs')", "exercise": None},
        {"role": "code", "source": "greeting = 'hello'\nprint(greeting)", "exercise": None},
        {"role": "stub", "source": "# make the queue", "exercise": "make"},
        {"role": "solution", "source": "url = sqs.create_queue(QueueName='orders')['QueueUrl']",
         "exercise": "make"},
        {"role": "right", "source": "pass", "exercise": "make", "because": "by another way"},
        {"role": "wrong", "source": "sqs.create_queue(QueueName='orders', Attributes={'VisibilityTimeout': '1'})",
         "exercise": "make", "because": "minutes for seconds", "finds": ["hides"]},
        {"role": "check", "source": 'lab.check("make")', "exercise": "make"},
        {"role": "stub", "source": "twice = None", "exercise": "double"},
        {"role": "solution", "source": "def twice(x):\n    return 2 * x", "exercise": "double"},
        {"role": "check", "source": 'lab.check("double", worker=twice)', "exercise": "double"},
        {"role": "stub", "source": "", "exercise": "broken"},
        {"role": "solution", "source": "", "exercise": "broken"},
    ],
}  # fmt: skip

COURSE = """
[[notebook]]
number = "00"
title = "Start here"
week = 0
minutes = 35
[[notebook]]
number = "16"
title = "SQS standard queues"
week = 9
minutes = 100
[[notebook]]
number = "17"
title = "SQS FIFO & <fair> queues"
week = 9
minutes = 75
"""


def _write_lab(root: Path, place: str, lab: dict[str, Any], checks: str) -> None:
    folder = root / "solutions" / place
    folder.mkdir(parents=True)
    (folder / "lab.json").write_text(json.dumps(lab), encoding="utf-8")
    (folder / "checks.py").write_text(checks, encoding="utf-8")
    notebook = root / "labs" / f"{place}.ipynb"
    notebook.parent.mkdir(parents=True, exist_ok=True)
    notebook.write_text("{}", encoding="utf-8")


def write_workbook(root: Path) -> None:
    """A workbook with lab 00 and lab 16; lab 17 is planned."""
    start = {**LAB, "key": "00-start-here", "number": "00", "title": "Start here", "week": 0}
    start["exercises"] = [{**one, "number": f"00.{one['number'][3:]}"} for one in LAB["exercises"]]
    _write_lab(root, "00-start-here", start, CHECKS)
    _write_lab(root, "week09/16-sqs-standard-queues", LAB, CHECKS)
    (root / "data").mkdir()
    (root / "data" / "course.toml").write_text(COURSE, encoding="utf-8")


@pytest.fixture
def workbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small workbook; the learner works in it."""
    root = tmp_path / "workbook"
    write_workbook(root)
    monkeypatch.setenv("LABKIT_WORKBOOK", str(root))
    monkeypatch.chdir(root / "labs")
    return root


@pytest.fixture
def opened(workbook: Path) -> Iterator[Callable[..., Lab]]:
    """`labkit.open` whose account is closed after the test."""
    yield open_lab
    if labkit.lab._open_lab is not None:
        labkit.lab._open_lab.sandbox.stop()
        labkit.lab._open_lab = None


@pytest.fixture
def lab(opened: Callable[..., Lab]) -> Lab:
    """Lab 16, open."""
    return opened("16")
