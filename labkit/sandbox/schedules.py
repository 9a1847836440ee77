"""When a schedule fires: the `rate`, `cron` and `at` expressions of EventBridge rules and EventBridge Scheduler.

Two dialects. "rule" is what PutRule takes: `rate` and `cron`, always in UTC, and a unit that agrees with its number
(`rate(1 minute)`, `rate(5 minutes)`). "scheduler" is what CreateSchedule takes: also `at`, in a time zone, and
either form of the unit.

Daylight saving time is that of EventBridge Scheduler: a `cron` time that the clock skips in spring is not
run; one that comes twice in autumn runs once, the first time it comes; a `rate` counts real hours, so a day has 24.

Sources: "Schedule types in EventBridge Scheduler" (docs.aws.amazon.com/scheduler/latest/UserGuide/
schedule-types.html), "Setting a schedule pattern for scheduled rules" (docs.aws.amazon.com/eventbridge/latest/
userguide/eb-scheduled-rule-pattern.html), and the model of CreateSchedule in botocore. They do not say what
becomes of an `at` time that the clock skips: here it runs as late after midnight as it would on any other day.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

Kind = Literal["rule", "scheduler"]
Form = Literal["rate", "cron", "at"]

_UNITS: Final = {"minute": 60, "hour": 3600, "day": 86400}
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIRST_YEAR, _LAST_YEAR = 1970, 2199


class InvalidSchedule(ValueError):
    """The text is no schedule. `message` is what AWS says, `why` says what is wrong, for people."""

    def __init__(self, message: str, why: str) -> None:
        super().__init__(f"{message} {why}")
        self.message = message
        self.why = why


class _Wrong(Exception):
    """What is wrong with an expression."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One schedule expression, read and found valid."""

    text: str
    kind: Kind
    form: Form
    period: float = 0.0
    """Seconds between two runs of a `rate`."""
    cron: Cron | None = None
    once: datetime | None = None
    """The local time of an `at`."""

    @staticmethod
    def parse(text: str, kind: Kind) -> Expression:
        """Read an expression. Raises `InvalidSchedule`."""
        try:
            return _read(text, kind)
        except _Wrong as wrong:
            said = (
                "Parameter ScheduleExpression is not valid."
                if kind == "rule"
                else f"Invalid Schedule Expression {text}."
            )
            raise InvalidSchedule(said, str(wrong)) from None

    @property
    def recurring(self) -> bool:
        """Whether it can run more than once."""
        return self.form != "at"

    def next(self, after: float, timezone: str = "UTC", *, start: float | None = None) -> float | None:
        """When it runs next, strictly after a moment; both in seconds since 1970. None: never again.

        A `rate` runs every `period` seconds from `start`, which is the first run; without one it runs a period
        after `after`. `timezone` is a name of the IANA database; raises `UnknownTimezone` for others.
        """
        if self.form == "rate":
            return _next_rate(self.period, after, start)
        zone = zone_of(timezone)
        if self.once is not None:
            moment = self.once.replace(tzinfo=zone).timestamp()
            return moment if moment > after else None
        return self.cron.next(after, zone) if self.cron else None


class UnknownTimezone(ValueError):
    """No time zone has this name."""


def zone_of(name: str) -> ZoneInfo:
    """The time zone of a name from the IANA database. Raises `UnknownTimezone`."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UnknownTimezone(name) from None


def _next_rate(period: float, after: float, start: float | None) -> float:
    if start is None:
        return after + period
    if after < start:
        return start
    return start + ((after - start) // period + 1) * period


# -- reading -----------------------------------------------------------------------------------------


def _read(text: str, kind: Kind) -> Expression:
    match = re.fullmatch(r"(rate|cron|at)\((.*)\)", text)
    if match is None:
        forms = "rate(...) and cron(...)" if kind == "rule" else "rate(...), cron(...) and at(...)"
        raise _Wrong(f"A schedule is one of {forms}, without spaces around it.")
    form, inside = match.groups()
    if form == "rate":
        return Expression(text, kind, "rate", period=_rate(inside, kind))
    if form == "cron":
        return Expression(text, kind, "cron", cron=Cron.parse(inside))
    if kind == "rule":
        raise _Wrong("Rules know no one-time schedules; EventBridge Scheduler does.")
    return Expression(text, kind, "at", once=_at(inside))


def _rate(inside: str, kind: Kind) -> float:
    flags = 0 if kind == "rule" else re.IGNORECASE
    match = re.fullmatch(r"([0-9]+)\s+(minute|hour|day)(s?)", inside, flags)
    if match is None:
        raise _Wrong("A rate is a whole number and minutes, hours or days, such as rate(5 minutes).")
    value, unit, plural = int(match[1]), match[2].lower(), bool(match[3])
    if value < 1:
        raise _Wrong("A rate is at least 1.")
    if kind == "rule" and plural != (value > 1):
        raise _Wrong(f"With {value} the unit is {unit}{'s' if value > 1 else ''}.")
    if value * _UNITS[unit] > (_LAST_YEAR - _FIRST_YEAR) * 366 * 86400:
        raise _Wrong("That is longer than schedules last.")
    return float(value * _UNITS[unit])


def _at(inside: str) -> datetime:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}", inside):
        raise _Wrong("A time is written at(yyyy-mm-ddThh:mm:ss), without a time zone.")
    try:
        moment = datetime.fromisoformat(inside)
    except ValueError:
        raise _Wrong(f"There is no such date or time: {inside}.") from None
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise _Wrong(f"The year is from {_FIRST_YEAR} to {_LAST_YEAR}.")
    return moment


# -- cron --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cron:
    """The six fields of a cron expression. Exactly one of `days` and `weekdays` is None: it was `?`."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: DaysOfMonth | None
    months: tuple[int, ...]
    weekdays: DaysOfWeek | None
    years: tuple[int, ...]

    @staticmethod
    def parse(inside: str) -> Cron:
        """Read what stands between the brackets."""
        fields = inside.split()
        if len(fields) != 6 or inside != inside.strip():
            raise _Wrong(
                "A cron expression has six fields: minutes, hours, day of month, month, day of week, year."
            )
        minutes, hours, day, month, weekday, year = (field.upper() for field in fields)
        if (day == "?") == (weekday == "?"):
            raise _Wrong("Exactly one of day of month and day of week is a question mark.")
        return Cron(
            _values(minutes, "minute", 0, 59),
            _values(hours, "hour", 0, 23),
            None if day == "?" else DaysOfMonth.parse(day),
            _values(month, "month", 1, 12, _MONTHS),
            None if weekday == "?" else DaysOfWeek.parse(weekday),
            _values(year, "year", _FIRST_YEAR, _LAST_YEAR),
        )

    def next(self, after: float, zone: ZoneInfo) -> float | None:
        """The first time after `after` (seconds since 1970) that is on the clocks of `zone`."""
        local = datetime.fromtimestamp(max(after, 0.0), UTC).astimezone(zone).replace(tzinfo=None)
        for candidate in self._times(local.replace(second=0, microsecond=0)):
            # `fold` stays 0: of a time that comes twice this is the first.
            moment = candidate.replace(tzinfo=zone).timestamp()
            if moment > after and _exists(candidate, moment, zone):
                return moment
        return None

    def _times(self, start: datetime) -> Iterator[datetime]:
        """All local times from `start` on, in order."""
        for day in self._days(start.date()):
            same = day == start.date()
            for hour in self.hours:
                if same and hour < start.hour:
                    continue
                for minute in self.minutes:
                    if not (same and hour == start.hour and minute < start.minute):
                        yield datetime(day.year, day.month, day.day, hour, minute)

    def _days(self, start: date) -> Iterator[date]:
        for year in self.years:
            if year < start.year:
                continue
            for month in self.months:
                if (year, month) < (start.year, start.month):
                    continue
                for day in self._of_month(year, month):
                    found = date(year, month, day)
                    if found >= start:
                        yield found

    def _of_month(self, year: int, month: int) -> tuple[int, ...]:
        chosen = self.days or self.weekdays
        return chosen.of(year, month) if chosen else ()


def _exists(local: datetime, moment: float, zone: ZoneInfo) -> bool:
    """Whether the clocks of the zone ever show this local time."""
    return datetime.fromtimestamp(moment, UTC).astimezone(zone).replace(tzinfo=None) == local


@dataclass(frozen=True, slots=True)
class DaysOfMonth:
    """The day-of-month field: plain days, or `L`, `L-n`, `LW` or `nW`."""

    values: tuple[int, ...] = ()
    before_last: int | None = None
    near: int | None = None
    """The day whose nearest weekday is meant; 0 is the last day of the month (`LW`)."""

    @staticmethod
    def parse(field: str) -> DaysOfMonth:
        """Read the field."""
        if match := re.fullmatch(r"L(?:-([0-9]{1,2}))?", field):
            before = int(match[1] or 0)
            if before > 30:
                raise _Wrong("L-n goes back 30 days at most.")
            return DaysOfMonth(before_last=before)
        if match := re.fullmatch(r"(L|[0-9]{1,2})W", field):
            return DaysOfMonth(near=0 if match[1] == "L" else _number(match[1], "day of month", 1, 31))
        return DaysOfMonth(_values(field, "day of month", 1, 31))

    def of(self, year: int, month: int) -> tuple[int, ...]:
        """The days of one month that are meant, in order."""
        last = monthrange(year, month)[1]
        if self.before_last is not None:
            return (last - self.before_last,) if last > self.before_last else ()
        if self.near is None:
            return tuple(day for day in self.values if day <= last)
        if self.near > last:
            return ()
        return (last_weekday(year, month) if self.near == 0 else nearest_weekday(year, month, self.near),)


@dataclass(frozen=True, slots=True)
class DaysOfWeek:
    """The day-of-week field, Sunday is 1: plain days, the last such day (`6L`), or the nth (`6#3`)."""

    values: tuple[int, ...]
    nth: int = 0
    """0: every week. -1: the last of the month."""

    @staticmethod
    def parse(field: str) -> DaysOfWeek:
        """Read the field."""
        if field == "L":
            return DaysOfWeek((7,))
        if match := re.fullmatch(r"([0-9A-Z]+)#([0-9]+)", field):
            nth = _number(match[2], "number after #", 1, 5)
            return DaysOfWeek((_number(match[1], "day of week", 1, 7, _DAYS),), nth)
        if match := re.fullmatch(r"([0-9]|[A-Z]{3})L", field):
            return DaysOfWeek((_number(match[1], "day of week", 1, 7, _DAYS),), -1)
        if "/" in field:
            raise _Wrong("The day of week takes no increments.")
        return DaysOfWeek(_values(field, "day of week", 1, 7, _DAYS))

    def of(self, year: int, month: int) -> tuple[int, ...]:
        """The days of one month that are meant, in order."""
        first, last = monthrange(year, month)
        # `monthrange` counts from Monday as 0, the field from Sunday as 1.
        days = [day for day in range(1, last + 1) if (first + day) % 7 + 1 in self.values]
        if not self.nth:
            return tuple(days)
        return tuple(days[-1:] if self.nth < 0 else days[self.nth - 1 : self.nth])


def last_weekday(year: int, month: int) -> int:
    """The last day of a month that is no Saturday or Sunday."""
    last = date(year, month, monthrange(year, month)[1])
    return (last - timedelta(days=max(last.weekday() - 4, 0))).day


def nearest_weekday(year: int, month: int, day: int) -> int:
    """The day from Monday to Friday that is nearest to a day, in the same month."""
    weekday = date(year, month, day).weekday()
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < monthrange(year, month)[1] else day - 2
    return day


def _values(field: str, name: str, low: int, high: int, names: tuple[str, ...] = ()) -> tuple[int, ...]:
    """All values of a field that is a list of numbers, ranges and increments."""
    found: set[int] = set()
    for part in field.split(","):
        found.update(_part(part, name, low, high, names))
    return tuple(sorted(found))


def _part(part: str, name: str, low: int, high: int, names: tuple[str, ...]) -> list[int]:
    span, slash, increment = part.partition("/")
    step = _number(increment, f"increment of the {name}", 1, high) if slash else 1
    first, dash, last = span.partition("-")
    if span == "*":
        return list(range(low, high + 1, step))
    start = _number(first, name, low, high, names)
    if not dash:
        return list(range(start, high + 1, step)) if slash else [start]
    end = _number(last, name, low, high, names)
    if end < start and low == _FIRST_YEAR:
        raise _Wrong("The first year is after the last.")
    # A range may go over the end: 20-2 are the hours from 20 to 2 of the next morning.
    length = (end - start) % (high - low + 1)
    return [low + (start - low + offset) % (high - low + 1) for offset in range(0, length + 1, step)]


def _number(text: str, name: str, low: int, high: int, names: tuple[str, ...] = ()) -> int:
    if text in names:
        return names.index(text) + 1
    if not re.fullmatch(r"[0-9]{1,4}", text):
        raise _Wrong(f"The {name} cannot be {text!r}.")
    if not low <= int(text) <= high:
        raise _Wrong(f"The {name} is from {low} to {high}, not {text}.")
    return int(text)
