"""Schedule expressions: AWS's own examples, refusals, time zones, and random ones against a slow reference."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from labkit.sandbox.schedules import Expression, InvalidSchedule, UnknownTimezone

# 2026-11-20 is a Friday.
NOW = "2026-11-20T09:30:00"


def seconds(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def runs(
    text: str, after: str = NOW, zone: str = "UTC", count: int = 3, kind: str = "scheduler"
) -> list[str]:
    """The next runs in UTC, written like 11-20 10:00."""
    expression = Expression.parse(text, "rule" if kind == "rule" else "scheduler")
    found: list[str] = []
    moment: float | None = seconds(after)
    for _ in range(count):
        moment = expression.next(moment or 0.0, zone)
        if moment is None:
            break
        found.append(f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M}")
    return found


# -- the examples of AWS's documentation -------------------------------------------------------------

DOCUMENTED = {
    "cron(0 10 * * ? *)": ["2026-11-20 10:00", "2026-11-21 10:00", "2026-11-22 10:00"],
    "cron(15 12 * * ? *)": ["2026-11-20 12:15", "2026-11-21 12:15", "2026-11-22 12:15"],
    "cron(0 18 ? * MON-FRI *)": ["2026-11-20 18:00", "2026-11-23 18:00", "2026-11-24 18:00"],
    "cron(0 8 1 * ? *)": ["2026-12-01 08:00", "2027-01-01 08:00", "2027-02-01 08:00"],
    "cron(0/15 * * * ? *)": ["2026-11-20 09:45", "2026-11-20 10:00", "2026-11-20 10:15"],
    "cron(0/10 * ? * MON-FRI *)": ["2026-11-20 09:40", "2026-11-20 09:50", "2026-11-20 10:00"],
    "cron(0/5 8-17 ? * MON-FRI *)": ["2026-11-20 09:35", "2026-11-20 09:40", "2026-11-20 09:45"],
    "cron(0/30 20-23 ? * MON-FRI *)": ["2026-11-20 20:00", "2026-11-20 20:30", "2026-11-20 21:00"],
    "cron(0/30 0-2 ? * MON-FRI *)": ["2026-11-23 00:00", "2026-11-23 00:30", "2026-11-23 01:00"],
    "cron(0 2 ? * SAT#3 *)": ["2026-11-21 02:00", "2026-12-19 02:00", "2027-01-16 02:00"],
    "cron(0 9 ? * 2#1 *)": ["2026-12-07 09:00", "2027-01-04 09:00", "2027-02-01 09:00"],
    "cron(0 12 ? * 3#2 *)": ["2026-12-08 12:00", "2027-01-12 12:00", "2027-02-09 12:00"],
    "cron(5,35 14 * * ? *)": ["2026-11-20 14:05", "2026-11-20 14:35", "2026-11-21 14:05"],
    "cron(15 10 ? * 6L 2026-2027)": ["2026-11-27 10:15", "2026-12-25 10:15", "2027-01-29 10:15"],
    "cron(15 10 ? * 6L 2002-2005)": [],
    "cron(1/10 * * * ? *)": ["2026-11-20 09:31", "2026-11-20 09:41", "2026-11-20 09:51"],
}


@pytest.mark.parametrize("text", DOCUMENTED)
@pytest.mark.parametrize("kind", ["rule", "scheduler"])
def test_documented_examples_run_when_the_documentation_says(text: str, kind: str) -> None:
    assert runs(text, kind=kind) == DOCUMENTED[text]


SPECIAL = {
    "cron(0 0 L * ? *)": ["2026-11-30 00:00", "2026-12-31 00:00", "2027-01-31 00:00"],
    "cron(0 0 L-2 * ? *)": ["2026-11-28 00:00", "2026-12-29 00:00", "2027-01-29 00:00"],
    "cron(0 0 LW * ? *)": ["2026-11-30 00:00", "2026-12-31 00:00", "2027-01-29 00:00"],
    "cron(0 0 3W * ? *)": ["2026-12-03 00:00", "2027-01-04 00:00", "2027-02-03 00:00"],
    # 2027-05-01 is a Saturday: the nearest weekday of the same month is Monday the third.
    "cron(0 0 1W 5 ? *)": ["2027-05-03 00:00", "2028-05-01 00:00", "2029-05-01 00:00"],
    # 2027-01-31 and 2028-12-31 are Sundays: it goes back to the Friday, not on into the next month.
    "cron(0 0 31W 1 ? *)": ["2027-01-29 00:00", "2028-01-31 00:00", "2029-01-31 00:00"],
    "cron(0 0 31 * ? *)": ["2026-12-31 00:00", "2027-01-31 00:00", "2027-03-31 00:00"],
    "cron(0 0 29 FEB ? *)": ["2028-02-29 00:00", "2032-02-29 00:00", "2036-02-29 00:00"],
    "cron(0 0 30 2 ? *)": [],
    "cron(0 0 ? * 6#5 *)": ["2027-01-29 00:00", "2027-04-30 00:00", "2027-07-30 00:00"],
    "cron(0 0 ? * L *)": ["2026-11-21 00:00", "2026-11-28 00:00", "2026-12-05 00:00"],
    "cron(0 0 ? JAN,JUL FRIL *)": ["2027-01-29 00:00", "2027-07-30 00:00", "2028-01-28 00:00"],
    "cron(0/30 20-2 ? * fri *)": ["2026-11-20 20:00", "2026-11-20 20:30", "2026-11-20 21:00"],
    "cron(0 22-1 * * ? *)": ["2026-11-20 22:00", "2026-11-20 23:00", "2026-11-21 00:00"],
    "cron(0 0 ? * FRI-MON *)": ["2026-11-21 00:00", "2026-11-22 00:00", "2026-11-23 00:00"],
    "cron(10-20/5 9 20 11 ? 2026/2)": ["2028-11-20 09:10", "2028-11-20 09:15", "2028-11-20 09:20"],
    "cron(30-30 13-13 ? * 2,4,6 *)": ["2026-11-20 13:30", "2026-11-23 13:30", "2026-11-25 13:30"],
    "cron(1-31/30 1-1 ? * 1,7 *)": ["2026-11-21 01:01", "2026-11-21 01:31", "2026-11-22 01:01"],
    "cron(59 23 31 12 ? 2199)": ["2199-12-31 23:59"],
}


@pytest.mark.parametrize("text", SPECIAL)
def test_wildcards_choose_the_right_days(text: str) -> None:
    assert runs(text) == SPECIAL[text]


# -- refusals ----------------------------------------------------------------------------------------

NEITHER = (
    "rate(10 seconds)", "rate(10 years)", "rate()", "rate(10)", "rate(10 minutess)", "rate(foo minutes)",
    "rate(0 minutes)", "rate(-10 minutes)", "rate(1.5 hours)", "rate( 10 minutes )", " rate(10 minutes)",
    "cron(0 1 * * * *)", "cron(0 1 ? * ? *)", "cron(7 20 * * NOT *)", "cron(INVALID)", "cron()", "cron(71 8 1 * ? *)",
    "cron(0 dummy ? * MON-FRI *)", "cron(0 10 * * ?)", "cron(0 0 10 * * ? *)", "cron(*/60 * * * ? *)",
    "cron(0 24 * * ? *)", "cron(0 0 32 * ? *)", "cron(0 0 0 * ? *)", "cron(0 0 1 13 ? *)", "cron(0 0 ? * 0 *)",
    "cron(0 0 ? * 8 *)", "cron(0 0 1 * ? 1969)", "cron(0 0 1 * ? 2200)", "cron(0 0 1 * ? 2030-2026)",
    "cron(0/0 * * * ? *)", "cron(5- * * * ? *)", "cron(,5 * * * ? *)", "cron(0 0 ? * 3#1,6#3 *)", "cron(0 0 ? * 3#6 *)",
    "cron(0 0 L,15 * ? *)", "cron(0 0 32W * ? *)", "cron(0 0 L-31 * ? *)", "cron(0 0 ? * MON/2 *)", "cron(? * * * ? *)",
    "cron(0 0 ?,1 * ? *)",
    "cron(0 0 * * ? *", "0 10 * * ? *", "at(10)", "at(2026-11-31T00:00:00)", "", "rate(\u0665 minutes)",
)  # fmt: skip
SCHEDULER_ONLY = ("at(2026-12-24T18:00:00)", "rate(1 minutes)", "rate(10 hour)", "rate(10 MINUTES)")


@pytest.mark.parametrize("text", [*NEITHER, *SCHEDULER_ONLY])
def test_a_rule_refuses_with_the_words_of_eventbridge(text: str) -> None:
    with pytest.raises(InvalidSchedule) as caught:
        Expression.parse(text, "rule")
    assert caught.value.message == "Parameter ScheduleExpression is not valid."
    assert caught.value.why


@pytest.mark.parametrize(
    "text", [*NEITHER, "at(2021-12-31T23:59:59Z)", "at(2021-12-31)", "at(2021-12-31T24:00:00)"]
)
def test_scheduler_refuses_with_its_own_words(text: str) -> None:
    with pytest.raises(InvalidSchedule) as caught:
        Expression.parse(text, "scheduler")
    assert caught.value.message == f"Invalid Schedule Expression {text}."


@pytest.mark.parametrize("text", SCHEDULER_ONLY)
def test_scheduler_takes_what_rules_do_not(text: str) -> None:
    assert Expression.parse(text, "scheduler").next(0) is not None


def test_an_unknown_time_zone_is_refused() -> None:
    expression = Expression.parse("cron(0 10 * * ? *)", "scheduler")
    for name in ("Mars/Phobos", "", "../etc/passwd", "Europe", "a" * 5000, "\0"):
        with pytest.raises(UnknownTimezone):
            expression.next(0, name)


# -- rate and at -------------------------------------------------------------------------------------


def test_a_rate_counts_from_its_last_run() -> None:
    assert runs("rate(5 minutes)", kind="rule") == [
        "2026-11-20 09:35",
        "2026-11-20 09:40",
        "2026-11-20 09:45",
    ]
    assert runs("rate(1 day)", kind="rule")[0] == "2026-11-21 09:30"


def test_a_rate_with_a_start_runs_at_the_start_first() -> None:
    expression = Expression.parse("rate(2 hours)", "scheduler")
    start = seconds("2026-11-20T12:10:00")
    assert expression.next(seconds(NOW), start=start) == start
    assert expression.next(start, start=start) == start + 7200
    assert expression.next(start + 7300, start=start) == start + 2 * 7200


def test_at_runs_once_in_its_time_zone() -> None:
    assert runs("at(2026-12-24T18:00:00)") == ["2026-12-24 18:00"]
    assert runs("at(2026-12-24T18:00:00)", zone="America/New_York") == ["2026-12-24 23:00"]
    assert runs("at(2026-07-01T18:00:00)") == []


# -- daylight saving time ----------------------------------------------------------------------------


def test_a_cron_time_keeps_to_the_clocks_of_its_zone() -> None:
    winter = runs("cron(0 9 * * ? *)", "2026-03-27T00:00:00", "Europe/Berlin", 3)
    assert winter == ["2026-03-27 08:00", "2026-03-28 08:00", "2026-03-29 07:00"]


def test_a_time_that_spring_skips_is_not_run() -> None:
    assert runs("cron(30 2 * * ? *)", "2026-03-28T00:00:00", "Europe/Berlin", 2) == [
        "2026-03-28 01:30",
        "2026-03-30 00:30",
    ]
    assert runs("cron(0/30 * * * ? *)", "2026-03-08T06:00:00", "America/New_York", 3) == [
        "2026-03-08 06:30",
        "2026-03-08 07:00",
        "2026-03-08 07:30",
    ]


def test_a_time_that_autumn_brings_twice_runs_once() -> None:
    assert runs("cron(30 2 * * ? *)", "2026-10-24T12:00:00", "Europe/Berlin", 2) == [
        "2026-10-25 00:30",
        "2026-10-26 01:30",
    ]
    # From within the second 02:30 the next run is tomorrow's.
    assert runs("cron(30 2 * * ? *)", "2026-10-25T01:29:00", "Europe/Berlin", 1) == ["2026-10-26 01:30"]


def test_a_rate_in_days_counts_24_hours_when_the_clocks_change() -> None:
    first = runs("rate(1 day)", "2026-10-24T12:00:00", "Europe/Berlin", 2)
    assert first == ["2026-10-25 12:00", "2026-10-26 12:00"]


def test_an_at_time_that_spring_skips_still_runs() -> None:
    assert runs("at(2026-03-29T02:30:00)", "2026-03-28T00:00:00", "Europe/Berlin") == ["2026-03-29 01:30"]


# -- random expressions against a slow reference -----------------------------------------------------


def field(dice: random.Random, low: int, high: int) -> tuple[str, set[int]]:
    """A random field without wildcards for days, and the values it means, spelled out."""
    shape = dice.choice(["*", "one", "list", "range", "step", "start/step", "range/step"])
    first, last = sorted((dice.randint(low, high), dice.randint(low, high)))
    step = dice.randint(1, max(1, (high - low) // 2))
    everything = range(low, high + 1)
    if shape == "*":
        return "*", set(everything)
    if shape == "one":
        return str(first), {first}
    if shape == "list":
        return f"{first},{last}", {first, last}
    if shape == "range":
        return f"{first}-{last}", {value for value in everything if first <= value <= last}
    if shape == "step":
        return f"*/{step}", {value for value in everything if (value - low) % step == 0}
    inside = {value for value in everything if value >= first and (value - first) % step == 0}
    if shape == "start/step":
        return f"{first}/{step}", inside
    return f"{first}-{last}/{step}", {value for value in inside if value <= last}


def slow_next(after: datetime, until: datetime, fields: list[set[int]], by_weekday: bool) -> datetime | None:
    """Looks at every minute."""
    minutes, hours, days, months = fields
    moment = after + timedelta(minutes=1)
    while moment <= until:
        day = moment.isoweekday() % 7 + 1 if by_weekday else moment.day
        if moment.month in months and day in days and moment.hour in hours and moment.minute in minutes:
            return moment
        moment += timedelta(minutes=1)
    return None


@pytest.mark.parametrize("seed", range(60))
def test_random_expressions_agree_with_a_scan_of_all_minutes(seed: int) -> None:
    dice = random.Random(seed)
    by_weekday = dice.random() < 0.5
    minute, minutes = field(dice, 0, 59)
    hour, hours = field(dice, 0, 23)
    day, days = field(dice, 1, 7) if by_weekday else field(dice, 1, 31)
    while by_weekday and "/" in day:
        day, days = field(dice, 1, 7)
    month, months = field(dice, 1, 12)
    start = datetime(
        dice.randint(2024, 2030), dice.randint(1, 12), dice.randint(1, 28), dice.randint(0, 23), 7
    )
    until = start + timedelta(days=40)
    text = f"cron({minute} {hour} {'?' if by_weekday else day} {month} {day if by_weekday else '?'} *)"
    expression = Expression.parse(text, "rule")
    expected = slow_next(start, until, [minutes, hours, days, months], by_weekday)
    got = expression.next(start.replace(tzinfo=UTC).timestamp())
    if expected is None:
        assert got is None or got > until.replace(tzinfo=UTC).timestamp(), text
    else:
        assert got == expected.replace(tzinfo=UTC).timestamp(), text


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])
@pytest.mark.parametrize(
    "change", ["2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01"]
)
def test_around_clock_changes_every_local_time_runs_exactly_once(zone: str, change: str) -> None:
    text, clocks = "cron(0/10 * * * ? *)", ZoneInfo(zone)
    expression = Expression.parse(text, "scheduler")
    moment = seconds(f"{change}T00:00:00") - 15 * 3600
    end = moment + 40 * 3600
    shown = {
        f"{datetime.fromtimestamp(moment + minute * 60, UTC).astimezone(clocks):%d %H:%M}"
        for minute in range(1, 40 * 60 + 1)
        if datetime.fromtimestamp(moment + minute * 60, UTC).astimezone(clocks).minute % 10 == 0
    }
    times: list[float] = []
    while (found := expression.next(times[-1] if times else moment, zone)) is not None and found <= end:
        times.append(found)
    local = [f"{datetime.fromtimestamp(time, UTC).astimezone(clocks):%d %H:%M}" for time in times]
    assert all(a < b for a, b in pairwise(times))
    assert len(set(local)) == len(local)
    assert set(local) == shown
