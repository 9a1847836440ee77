"""Words and lengths that all timelines share: times, counts, names that fit."""

from __future__ import annotations

from datetime import UTC, datetime

from labkit.drawing.text import safe


def clock_time(time: float, seconds: bool = True) -> str:
    """A time of day, such as "10:00:05"."""
    at = datetime.fromtimestamp(time, UTC)
    return f"{at:%H:%M:%S}" if seconds else f"{at:%H:%M}"


def date_of(time: float) -> str:
    """The date, such as "2026-11-23"."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d}"


def moment(time: float, day: str = "") -> str:
    """A time of day, with the date in front when it is another day than `day`."""
    return clock_time(time) if date_of(time) == day else f"{date_of(time)} {clock_time(time)}"


def spoken(seconds: float) -> str:
    """A length of time in its two largest units, such as "2 h 5 min"."""
    rest, parts = round(seconds), []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def about(seconds: float) -> str:
    """A length of time in one unit, such as "8 min"."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{round(seconds / size)} {unit}"
    return f"{round(seconds)} s" if seconds >= 1 else f"{round(seconds * 1000)} ms"


def times(count: int) -> str:
    """How often, in words."""
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def ordinal(count: int) -> str:
    """A number as a place: 1st, 2nd, 3rd, 4th."""
    last = count % 10 if count % 100 not in (11, 12, 13) else 0
    return f"{count}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(last, 'th') }"


def cut(text: object, most: int) -> str:
    """A foreign text on one line, safe to show, of at most `most` characters."""
    line = safe(str(text)[: 4 * most + 100])
    return line if len(line) <= most else line[: most - 3].rstrip() + "..."
