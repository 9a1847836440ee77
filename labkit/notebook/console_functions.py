"""Functions as tables of the console: how they are set up, what calls them, how they ran, and what they wrote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from labkit.drawing.queue_state import backends
from labkit.drawing.services._mappings import filters
from labkit.drawing.timeline_words import clock_time, cut
from labkit.judging.card import plural
from labkit.notebook.console_section import LONGEST, Section, alerting, elsewhere
from labkit.sandbox.trace import Event, short_name

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

Row = tuple[str, ...]
_SHORT: Final = 30
_RUNS: Final = 8
_LINES: Final = 12
_LONGEST_LINE: Final = 110


def sections(sandbox: Sandbox) -> Iterator[Section]:
    """Functions and what polls for them; their last runs and log lines only for who asks for functions."""
    runs = [event for event in sandbox.trace if event.kind == "invocation"]
    yield _functions(sandbox, runs)
    yield _mappings(sandbox)
    yield _runs(runs)
    yield _log()


def _functions(sandbox: Sandbox, runs: Sequence[Event]) -> Section:
    counts, failed = Counter[str](), Counter[str]()
    for event in runs:
        counts[event.resource] += 1
        failed[event.resource] += bool(event.error)
    rows: list[Row] = []
    for account, region, backend in backends("lambda"):
        where = elsewhere(sandbox, account, region)
        for name, kept in backend._lambdas._functions.items():
            latest = kept["latest"]
            if latest is None:
                continue
            arn = latest.function_arn.removesuffix(":$LATEST")
            aliases = sorted(backend._lambdas._get_function_aliases(name))
            published = [plural(len(kept["versions"]), "version")] if kept["versions"] else []
            errors = failed[arn]
            rows.append((
                cut(name, LONGEST) + where, str(latest.run_time or "image"), f"{latest.memory_size} MB",
                f"{latest.timeout} s", cut(short_name(str(latest.role)), _SHORT),
                cut(", ".join([*published, *aliases]), _SHORT), f"{counts[arn]:,}",
                f"{errors:,} failed" if errors else "",
            ))  # fmt: skip
    columns = ("function", "runtime", "memory", "timeout", "role", "versions", "#runs", "errors")
    return Section(
        "function", "AWS Lambda", columns, tuple(rows), ("function", "functions"), alerting(rows, ("",))
    )


def _mappings(sandbox: Sandbox) -> Section:
    rows: list[Row] = []
    for account, region, backend in backends("lambda"):
        where = elsewhere(sandbox, account, region)
        for one in backend._event_source_mappings.values():
            window = getattr(one, "max_batch_window", None)
            rows.append((
                cut(short_name(str(one.event_source_arn)), LONGEST) + where,
                cut(short_name(str(one.function_arn)), _SHORT), f"{one.batch_size or ''}",
                f"{window} s" if window else "", cut(filters(one.filter_criteria)[0].removeprefix("if "), _SHORT),
                "on" if one.enabled else "disabled",
            ))  # fmt: skip
    columns = ("polled", "for", "#batch", "window", "filter", "state")
    return Section(
        "function", "Event source mappings", columns, tuple(rows), ("mapping", "mappings"), alerting(rows, ("on",)),
    )  # fmt: skip


def _runs(runs: Sequence[Event]) -> Section:
    last = list(reversed(runs[-_RUNS:]))
    rows = [
        (
            clock_time(event.time), cut(short_name(event.resource), _SHORT), str(event.params.get("Version", "")),
            f"{float(event.params.get('DurationMs') or 0):,.0f} ms",
            "cold" if event.params.get("ColdStart") else "warm", _outcome(event),
        )
        for event in last
    ]  # fmt: skip
    columns = ("time (UTC)", "function", "version", "#took", "start", "outcome")
    alerts = alerting(rows, ("ok",))
    return Section("function", "Last runs", columns, tuple(rows), ("run", "runs"), alerts, deep=True)


def _outcome(event: Event) -> str:
    if not event.error:
        return "ok"
    return cut(f"{event.error}: {event.message}" if event.message else event.error, _LONGEST_LINE)


def _log() -> Section:
    """The newest lines that functions wrote, oldest first."""
    found: list[tuple[int, str, str]] = []
    for _, _, backend in backends("logs"):
        for group in backend.groups.values():
            if group.name.startswith("/aws/lambda/"):
                found += _lines(group)
    found.sort(key=lambda line: line[0])
    rows = tuple(
        (clock_time(at / 1000), cut(name, _SHORT), cut(text, _LONGEST_LINE))
        for at, name, text in found[-_LINES:]
    )
    return Section(
        "function",
        "Last log lines",
        ("time (UTC)", "function", "line"),
        rows,
        ("line", "lines"),
        deep=True,
    )


def _lines(group: Any) -> Iterator[tuple[int, str, str]]:
    name = short_name(group.name.removeprefix("/aws/lambda/"))
    for stream in group.streams.values():
        for event in stream.events[-_LINES:]:
            yield int(event.timestamp), name, str(event.message)
