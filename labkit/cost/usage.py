"""What a meter counts: usage, and the stretch of the account's story it is read from. Looking changes nothing."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox
    from labkit.sandbox.trace import Event

CHUNK: Final = 64 * 1024
"""Bytes that count as one request with SQS, SNS, EventBridge and Pipes.

"Each 64 KB chunk of a payload is billed as one event": https://aws.amazon.com/eventbridge/pricing/
"""
HOURS_IN_A_MONTH: Final = 730
"""What the AWS Pricing Calculator takes for a month (8,760 hours of a year, divided by 12)."""
_CUT: Final = re.compile(r"\.\.\. \(([\d,]+) characters\)$")
_SIZE: Final = re.compile(r"^\(([\d,]+) bytes\)$")
_ENDPOINT: Final = re.compile(r"^https?://[a-z0-9-]+\.([a-z]{2}-[a-z-]+-\d)\.amazonaws\.com")


@dataclass(frozen=True, slots=True)
class Usage:
    """So much of one thing that AWS has a price for. Times are seconds since 1970 on the account's clock."""

    service: str
    unit: str
    amount: float
    resource: str
    begin: float
    end: float
    region: str


@dataclass(frozen=True, slots=True)
class Period:
    """What a bill is about: the events since a moment, and the account as it is now.

    `events` are those of the period; `story` holds the earlier ones too, which tell how a resource was made.
    """

    sandbox: Sandbox
    begin: float
    end: float
    events: tuple[Event, ...]
    story: tuple[Event, ...]

    def calls(self, service: str, *actions: str) -> Iterator[Event]:
        """The API calls to a service that AWS answered, all or those named."""
        for event in self.events:
            answered = event.kind == "call" and not event.error
            if answered and event.service == service and (not actions or event.action in actions):
                yield event

    def at(self, event: Event, unit: str, amount: float, resource: str = "", service: str = "") -> Usage:
        """Usage that happened at one moment: that of an event."""
        arn = resource or event.resource
        return Usage(
            service or event.service,
            unit,
            amount,
            arn,
            event.time,
            event.time,
            self.region_of(event.resource),
        )

    def span(
        self, service: str, unit: str, per_hour: float, resource: str, begin: float, end: float | None
    ) -> Usage | None:
        """Usage by the hour of something that lived from `begin` to `end` (None: it lives still)."""
        first, last = max(begin, self.begin), min(self.end if end is None else end, self.end)
        if last <= first:
            return None
        hours = (last - first) / 3600
        return Usage(service, unit, hours * per_hour, resource, first, last, self.region_of(resource))

    def region_of(self, resource: str) -> str:
        """The Region an ARN or address names; the account's home Region for a bare name."""
        parts = resource.split(":", 5)
        if len(parts) == 6 and parts[0] == "arn" and parts[3]:
            return parts[3]
        found = _ENDPOINT.match(resource)
        return found[1] if found else self.sandbox.region

    def stores(self, module: str, registry: str) -> Iterator[tuple[str, Any]]:
        """Each Region of this account that a service of moto has been used in, with moto's store there."""
        regions = getattr(sys.modules.get(f"moto.{module}.models"), registry, None)
        held: Any = dict.get(regions, self.sandbox.account) if regions is not None else None
        for region in sorted(held or ()):
            store = dict.get(held, region)
            if store is not None:
                yield region, store

    def gone(self, service: str, action: str, name: str) -> float | None:
        """When a call removed a resource, by any form of its name. None when none did."""
        return next(
            (
                event.time
                for event in reversed(self.story)
                if event.kind == "call"
                and event.service == service
                and event.action == action
                and not event.error
                and name in (event.resource, last_part(event.resource))
            ),
            None,
        )


def size_of(value: Any) -> int:
    """Bytes of a parameter as the trace shows it. A long text is cut there and says how many characters it had."""
    if value is None:
        return 0
    if isinstance(value, str):
        cut = _CUT.search(value) or _SIZE.match(value)
        return int(cut[1].replace(",", "")) if cut else len(value.encode())
    if isinstance(value, (bytes, bytearray)):
        return len(value)
    if isinstance(value, Mapping):
        return sum(len(str(key)) + size_of(one) for key, one in value.items())
    if isinstance(value, (list, tuple)):
        return sum(size_of(one) for one in value)
    return len(json.dumps(value, default=str))


def chunks(size: int, of: int = CHUNK) -> int:
    """How many requests a payload counts as: at least one."""
    return max(1, math.ceil(size / of))


def last_part(resource: str) -> str:
    """The name at the end of an ARN or address."""
    return re.split(r"[:/]", resource)[-1]


def moment(value: Any) -> float | None:
    """A time as moto keeps it (a number, a datetime, ISO text) in seconds since 1970."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            return None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return None
