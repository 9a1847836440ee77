"""A check neither waits for a learner's sleep nor counts calls for ever."""

from __future__ import annotations

import time
from datetime import timedelta

import boto3
import pytest

from labkit.judging.watch import Enough, only, quick_sleep
from labkit.sandbox import Sandbox


def test_a_sleep_moves_the_virtual_clock_and_takes_no_time(sandbox: Sandbox) -> None:
    ahead, begun = sandbox.clock.ahead, time.perf_counter()
    with quick_sleep(sandbox.clock) as slept:
        time.sleep(600)
    assert slept == [600]
    assert sandbox.clock.ahead - ahead >= timedelta(seconds=599)
    assert time.perf_counter() - begun < 5


def test_a_sleep_imported_by_name_is_replaced_and_put_back(sandbox: Sandbox) -> None:
    names: dict = {}
    exec("from time import sleep as nap\ndef rest():\n    nap(3600)\n", names)
    original = names["nap"]
    with quick_sleep(sandbox.clock, names["rest"]) as slept:
        names["rest"]()
    assert slept == [3600]
    assert names["nap"] is original


def test_time_sleep_is_as_it_was_also_after_an_error(sandbox: Sandbox) -> None:
    original = time.sleep
    with pytest.raises(ValueError, match="oops"), quick_sleep(sandbox.clock):
        raise ValueError("oops")
    assert time.sleep is original


def test_an_endless_poll_ends(sandbox: Sandbox) -> None:
    sqs = boto3.client("sqs")
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    polls = []

    def poll_for_ever() -> None:
        while True:
            try:
                polls.append(sqs.receive_message(QueueUrl=queue))
            except Exception:
                continue

    with pytest.raises(Enough), only(5):
        poll_for_ever()
    assert len(polls) == 5
    assert sqs.receive_message(QueueUrl=queue)
