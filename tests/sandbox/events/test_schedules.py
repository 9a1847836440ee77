"""Rules with schedules fire on the clock."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError


def scheduled(shop: Any, expression: str, name: str = "clock", **extra: Any) -> str:
    arn = shop.events.put_rule(Name=name, ScheduleExpression=expression, **extra)["RuleArn"]
    shop.target(
        name,
        shop.queue("ticks", MessageRetentionPeriod="1209600")
        if "ticks" not in shop.urls
        else "arn:aws:sqs:eu-west-1:123456789012:ticks",
    )
    return str(arn)


def times(shop: Any) -> list[datetime.datetime]:
    return [datetime.datetime.fromisoformat(body["time"]) for body in shop.bodies("ticks")]


def test_the_event_of_a_schedule(shop: Any) -> None:
    arn = scheduled(shop, "rate(1 minute)")
    shop.clock.advance(minutes=1)
    body = shop.bodies("ticks")[0]
    assert body.pop("id")
    assert body.pop("time")
    assert body == {
        "version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "account": "123456789012",
        "region": "eu-west-1", "resources": [arn], "detail": {},
    }  # fmt: skip


def test_a_rate_counts_from_the_rule_and_a_long_step_misses_nothing(shop: Any) -> None:
    start = shop.clock.now()
    scheduled(shop, "rate(6 hours)")
    shop.clock.advance(days=2)
    found = times(shop)
    assert len(found) == 8
    gaps = [(moment - start).total_seconds() for moment in found]
    assert gaps == pytest.approx([6 * 3600 * n for n in range(1, 9)], abs=5)


def test_cron_is_in_utc_and_each_run_has_its_own_time(shop: Any) -> None:
    scheduled(shop, "cron(30 8 ? * MON-FRI *)")
    shop.clock.advance(days=13)
    found = times(shop)
    assert len(found) in (9, 10)
    assert {(moment.hour, moment.minute, moment.second) for moment in found} == {(8, 30, 0)}
    assert {moment.weekday() for moment in found} == {0, 1, 2, 3, 4}


def test_disabled_it_is_silent_and_enabled_it_counts_anew(shop: Any) -> None:
    scheduled(shop, "rate(10 minutes)")
    shop.clock.advance(minutes=9)
    shop.events.disable_rule(Name="clock")
    shop.clock.advance(minutes=60)
    assert times(shop) == []
    shop.events.enable_rule(Name="clock")
    shop.clock.advance(minutes=9)
    assert times(shop) == []
    shop.clock.advance(minutes=2)
    assert len(times(shop)) == 1


def test_made_disabled_it_waits(shop: Any) -> None:
    scheduled(shop, "rate(1 minute)", State="DISABLED")
    shop.clock.advance(minutes=5)
    assert times(shop) == []


def test_deleted_it_stops(shop: Any) -> None:
    scheduled(shop, "rate(1 minute)")
    shop.events.remove_targets(Rule="clock", Ids=["one"])
    shop.events.delete_rule(Name="clock")
    shop.clock.advance(minutes=5)
    assert times(shop) == []
    assert not [due for due in shop.clock.waiting if due.action.__name__ == "fire"]


def test_put_again_it_runs_by_the_new_schedule_only(shop: Any) -> None:
    scheduled(shop, "rate(1 minute)")
    shop.events.put_rule(Name="clock", ScheduleExpression="rate(30 minutes)")
    shop.clock.advance(minutes=31)
    assert len(times(shop)) == 1


def test_a_schedule_survives_snapshots_and_rehearsals(shop: Any) -> None:
    scheduled(shop, "rate(1 hour)")
    snapshot = shop.sandbox.snapshot()
    with shop.sandbox.rehearsal():
        shop.clock.advance(hours=3)
        assert len(times(shop)) == 3
    assert times(shop) == []
    shop.clock.advance(hours=2)
    assert len(times(shop)) == 2
    shop.sandbox.restore(snapshot)
    shop.clock.advance(hours=1)
    assert len(times(shop)) == 1


def test_a_rule_may_have_a_schedule_and_a_pattern(shop: Any) -> None:
    scheduled(shop, "rate(1 hour)", EventPattern='{"source":["shop"]}')
    shop.put()
    shop.clock.advance(hours=1)
    assert [body["source"] for body in shop.bodies("ticks")] == ["shop", "aws.events"]


def test_events_do_not_start_a_schedule(shop: Any) -> None:
    scheduled(shop, "rate(1 hour)")
    shop.put()
    assert shop.bodies("ticks") == []


def test_a_scheduled_constant(shop: Any) -> None:
    shop.events.put_rule(Name="clock", ScheduleExpression="rate(1 hour)")
    shop.target("clock", shop.queue("ticks"), Input='{"job": "report"}')
    shop.clock.advance(hours=1)
    assert shop.bodies("ticks") == [{"job": "report"}]


@pytest.mark.parametrize(
    "text",
    [
        "rate(1 minutes)",
        "rate(5 minute)",
        "rate(0 minutes)",
        "cron(0 8 * * *)",
        "at(2030-01-01T00:00:00)",
        "x",
    ],
)
def test_a_schedule_that_is_none_is_refused(shop: Any, text: str) -> None:
    with pytest.raises(ClientError, match=r"Parameter ScheduleExpression is not valid\.") as error:
        shop.events.put_rule(Name="clock", ScheduleExpression=text)
    assert error.value.response["Error"]["Code"] == "ValidationException"


def test_schedules_live_on_the_default_bus_only(shop: Any) -> None:
    shop.events.create_event_bus(Name="own")
    with pytest.raises(ClientError, match="ScheduleExpression is supported only on the default event bus"):
        shop.events.put_rule(Name="clock", EventBusName="own", ScheduleExpression="rate(1 hour)")
