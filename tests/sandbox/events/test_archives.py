"""Archives and replays: what is kept, for how long, and what is sent again."""

from __future__ import annotations

import datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

BUS = "arn:aws:events:eu-west-1:123456789012:event-bus/default"
START = datetime.datetime(2026, 1, 5, 10, tzinfo=datetime.UTC)
MINUTE, HOUR = datetime.timedelta(minutes=1), datetime.timedelta(hours=1)


def archive(shop: Any, **extra: Any) -> str:
    return str(shop.events.create_archive(ArchiveName="tape", EventSourceArn=BUS, **extra)["ArchiveArn"])


def replay(
    shop: Any, start: datetime.datetime, end: datetime.datetime, *rules: str, name: str = "again"
) -> None:
    shop.events.start_replay(
        ReplayName=name, EventSourceArn=BUS.replace("event-bus/default", "archive/tape"),
        EventStartTime=start, EventEndTime=end, Destination={"Arn": BUS, "FilterArns": list(rules)},
    )  # fmt: skip


def state(shop: Any, name: str = "again") -> str:
    return str(shop.events.describe_replay(ReplayName=name)["State"])


def test_an_archive_counts_what_it_keeps(shop: Any) -> None:
    archive(shop)
    for number in range(3):
        shop.put({"n": number})
    found = shop.events.describe_archive(ArchiveName="tape")
    assert found["EventCount"] == 3
    one = len("shop") + len("Order Placed") + len('{"n": 0}') + len("2026-01-05T10:00:00Z")
    assert found["SizeBytes"] == 3 * one
    assert shop.events.list_archives()["Archives"][0]["EventCount"] == 3


def test_a_pattern_chooses_and_can_be_changed(shop: Any) -> None:
    archive(shop, EventPattern='{"detail": {"n": [1]}}')
    shop.put({"n": 1})
    shop.put({"n": 2})
    assert shop.events.describe_archive(ArchiveName="tape")["EventCount"] == 1
    shop.events.update_archive(ArchiveName="tape", EventPattern='{"detail": {"n": [2]}}')
    shop.put({"n": 1})
    shop.put({"n": 2})
    shop.put({"n": 2})
    assert shop.events.describe_archive(ArchiveName="tape")["EventCount"] == 3


def test_events_leave_the_archive_after_the_retention(shop: Any) -> None:
    archive(shop, RetentionDays=2)
    shop.put()
    shop.clock.advance(days=1)
    shop.put()
    assert shop.events.describe_archive(ArchiveName="tape")["EventCount"] == 2
    shop.clock.advance(days=1, minutes=1)
    assert shop.events.describe_archive(ArchiveName="tape")["EventCount"] == 1
    shop.events.update_archive(ArchiveName="tape", RetentionDays=0)
    shop.put()
    shop.clock.advance(days=300)
    assert shop.events.describe_archive(ArchiveName="tape")["EventCount"] >= 1


def test_only_the_window_is_replayed_to_the_chosen_rule_in_the_order_of_minutes(shop: Any) -> None:
    archive(shop)
    chosen = shop.rule("chosen", shop.queue("chosen"))
    shop.rule("other", shop.queue("other"))
    for number in (3, 0, 1, 2, -1):
        shop.put({"n": number}, Time=START + number * MINUTE)
    shop.texts("chosen")
    shop.texts("other")

    replay(shop, START, START + 3 * MINUTE, chosen)
    assert state(shop) == "STARTING"
    shop.clock.advance(minutes=1)

    bodies = shop.bodies("chosen")
    assert [body["detail"]["n"] for body in bodies] == [0, 1, 2]
    assert list(bodies[0])[7:] == ["replay-name", "resources", "detail"]
    assert bodies[0]["replay-name"] == "again"
    assert bodies[0]["time"] == "2026-01-05T10:00:00Z"
    assert shop.bodies("other") == []
    found = shop.events.describe_replay(ReplayName="again")
    assert found["State"] == "COMPLETED"
    assert found["EventLastReplayedTime"] == START + 2 * MINUTE
    assert found["ReplayEndTime"] > found["ReplayStartTime"]


def test_replayed_events_are_not_archived_again(shop: Any) -> None:
    archive(shop)
    shop.rule("orders", shop.queue("orders"))
    shop.put(Time=START)
    replay(shop, START, START + HOUR)
    shop.clock.advance(minutes=1)
    assert len(shop.bodies("orders")) == 2
    assert shop.events.describe_archive(ArchiveName="tape")["EventCount"] == 1


def test_a_replay_passes_through_its_states_on_the_clock(shop: Any) -> None:
    archive(shop)
    for number in range(20):
        shop.put(Time=START + number * MINUTE)
    replay(shop, START, START + HOUR)
    seen = [state(shop)]
    for _ in range(30):
        shop.clock.advance(seconds=1)
        if state(shop) != seen[-1]:
            seen.append(state(shop))
    assert seen == ["STARTING", "RUNNING", "COMPLETED"]
    assert [one["ReplayName"] for one in shop.events.list_replays(State="COMPLETED")["Replays"]] == ["again"]
    assert shop.events.list_replays(State="RUNNING")["Replays"] == []


def test_a_cancelled_replay_stops(shop: Any) -> None:
    archive(shop)
    shop.rule("orders", shop.queue("orders"))
    for number in range(20):
        shop.put(Time=START + number * MINUTE)
    shop.texts("orders")
    replay(shop, START, START + HOUR)
    shop.clock.advance(seconds=5)
    assert shop.events.cancel_replay(ReplayName="again")["State"] == "CANCELLING"
    shop.clock.advance(minutes=5)
    assert state(shop) == "CANCELLED"
    assert 0 < len(shop.bodies("orders")) < 20
    with pytest.raises(ClientError, match="Replay again is not in a valid state for this operation"):
        shop.events.cancel_replay(ReplayName="again")


def test_the_archive_is_deleted_in_the_middle(shop: Any) -> None:
    archive(shop)
    for number in range(20):
        shop.put(Time=START + number * MINUTE)
    replay(shop, START, START + HOUR)
    shop.clock.advance(seconds=5)
    shop.events.delete_archive(ArchiveName="tape")
    shop.clock.advance(minutes=5)
    assert state(shop) == "FAILED"


def test_a_reset_in_the_middle_of_a_replay(shop: Any) -> None:
    archive(shop)
    shop.put(Time=START)
    replay(shop, START, START + HOUR)
    shop.sandbox.reset()
    shop.clock.advance(minutes=5)
    assert shop.events.list_replays()["Replays"] == []


def test_an_eleventh_replay_is_refused_while_ten_are_active(shop: Any) -> None:
    archive(shop)
    # boto3 would try again, in virtual time, until the first ones are over.
    shop.events = boto3.client("events", config=Config(retries={"total_max_attempts": 1}))
    with shop.clock.paused():  # on a busy machine the first one is over before the eleventh begins
        for number in range(10):
            replay(shop, START, START + HOUR, name=f"r{number}")
        with pytest.raises(ClientError) as error:
            replay(shop, START, START + HOUR)
    assert error.value.response["Error"]["Code"] == "LimitExceededException"
    shop.clock.advance(minutes=1)
    replay(shop, START, START + HOUR)


def test_a_replay_goes_to_the_bus_of_its_archive_only(shop: Any) -> None:
    archive(shop)
    other = shop.events.create_event_bus(Name="other")["EventBusArn"]
    with pytest.raises(ClientError, match="Cross event bus replay is not permitted"):
        shop.events.start_replay(
            ReplayName="again", EventSourceArn=BUS.replace("event-bus/default", "archive/tape"),
            EventStartTime=START, EventEndTime=START + HOUR, Destination={"Arn": other},
        )  # fmt: skip
    with pytest.raises(ClientError, match="EventStartTime must be before EventEndTime"):
        replay(shop, START + HOUR, START)
