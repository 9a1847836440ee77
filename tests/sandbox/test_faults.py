"""Faults: when they are in force, what they strike, and what they say to nonsense."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from labkit.errors import UsageError
from labkit.sandbox import Sandbox
from labkit.sandbox.faults import Faults

QUEUE = "arn:aws:sqs:eu-west-1:123456789012:orders"


def test_a_fault_is_in_force_from_then_to_then(sandbox: Sandbox) -> None:
    sandbox.faults.put("delivery.unavailable", 0.5, after=60, lasting=timedelta(hours=1))
    seen = []
    for _ in range(3):
        seen.append(sandbox.faults.share("delivery.unavailable"))
        sandbox.clock.advance(minutes=40)
    assert seen == [0.0, 0.5, 0.0]
    assert "over" in repr(sandbox.faults)


def test_it_strikes_what_it_is_meant_for() -> None:
    faults = Faults()
    faults.put("delivery.unavailable", target="orders")
    faults.put("delivery.unavailable", 0.25, target="arn:aws:sns:eu-west-1:123456789012:news")
    assert faults.share("delivery.unavailable", QUEUE) == 1.0
    assert faults.share("delivery.unavailable", "http://127.0.0.1:8000/hooks/orders") == 1.0
    assert faults.share("delivery.unavailable", QUEUE + "-2") == 0.0
    assert faults.share("delivery.unavailable", "arn:aws:sns:eu-west-1:123456789012:news") == 0.25
    assert faults.share("delivery.unavailable") == 0.0


def test_a_fault_without_a_target_strikes_everything() -> None:
    faults = Faults()
    faults.put("delivery.duplicate", 0.1)
    assert faults.share("delivery.duplicate", QUEUE) == faults.share("delivery.duplicate") == 0.1


def test_the_same_fault_again_replaces_the_first() -> None:
    faults = Faults()
    faults.put("sqs.duplicate", 0.1)
    faults.put("sqs.duplicate", 0.2, within=5)
    assert (faults.share("sqs.duplicate"), faults.details("sqs.duplicate")) == (0.2, {"within": 5})
    assert repr(faults).count("\n") == 0


def test_clearing_takes_one_target_one_name_or_all() -> None:
    faults = Faults()
    for target in ("orders", "news", None):
        faults.put("delivery.unavailable", target=target)
    faults.put("sqs.duplicate", 0.1)
    faults.clear("delivery.unavailable", "orders")
    assert repr(faults).count("delivery.unavailable") == 2
    faults.clear("delivery.unavailable")
    assert repr(faults).startswith("sqs.duplicate: 10%")
    faults.clear()
    assert repr(faults) == "No faults are switched on."


def test_the_same_thing_has_the_same_fate_and_the_share_holds() -> None:
    faults = Faults()
    faults.put("sqs.duplicate", 0.2)
    first = [faults.strikes("sqs.duplicate", number) for number in range(2_000)]
    assert first == [faults.strikes("sqs.duplicate", number) for number in range(2_000)]
    assert 320 < sum(first) < 480


@pytest.mark.parametrize(
    ("arguments", "cure"),
    [
        ({"name": "sqs.duplicates"}, "Did you mean 'sqs.duplicate'"),
        ({"name": "fire"}, "Known faults: api.error"),
        ({"name": "sqs.duplicate", "share": 3}, "0.03 for 3 %"),
        ({"name": "sqs.duplicate", "share": True}, "number from 0 to 1"),
        ({"name": "sqs.duplicate", "lasting": "1h"}, "seconds or a timedelta"),
        ({"name": "sqs.duplicate", "after": -1}, "seconds or a timedelta"),
        ({"name": "sqs.duplicate", "target": ""}, "name or ARN"),
        ({"name": "sqs.duplicate", "target": 7}, "name or ARN"),
    ],
)
def test_nonsense_is_refused_with_the_cure(arguments: dict[str, Any], cure: str) -> None:
    faults = Faults()
    with pytest.raises(UsageError) as caught:
        faults.put(**arguments)
    assert cure in str(caught.value)
    assert repr(faults) == "No faults are switched on."


def test_a_rehearsal_puts_faults_back(sandbox: Sandbox) -> None:
    sandbox.faults.put("sqs.duplicate", 0.1)
    with sandbox.rehearsal():
        sandbox.faults.clear()
        sandbox.faults.put("sqs.disorder")
    assert "sqs.duplicate" in repr(sandbox.faults)
    assert "sqs.disorder" not in repr(sandbox.faults)
