"""Load from a notebook: traffic and workers of an open lab."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from labkit.errors import LabkitError
from labkit.workload import Record, Records, steady


def test_a_lab_makes_load_and_plays_it(lab: Any) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    load = lab.traffic(
        steady(3, seconds=20), lambda one: sqs.send_message(QueueUrl=url, MessageBody=one.user), ["ana"]
    )
    crew = lab.workers(url, count=2, seconds=0.5)
    lab.play(load, crew, seconds=40)
    assert len(crew.handled) == len(load.records) > 30
    assert {event.caller for event in lab.sandbox.trace.where(service="sqs", kind="call")} == {"learner"}
    assert {one.body for one in crew.handled} == {"ana"}


def test_a_closed_lab_plays_nothing(lab: Any) -> None:
    lab.sandbox.stop()
    with pytest.raises(LabkitError):
        lab.play(seconds=1)


def test_a_lab_holds_its_requests_against_an_objective(lab: Any) -> None:
    records = Records(
        [Record(number, number, 0.1, "", 500 if number == 7 else 200) for number in range(1, 101)]
    )
    report = lab.slo(records, good=0.999, within=0.3)
    assert report.attainment == 0.99
    assert report.burn_rate == pytest.approx(10)
    assert "99 %: missed" in repr(report)
