"""What AWS services tell the world: their events on the default event bus.

Any service may announce something without knowing EventBridge. Where nobody has made a rule, nothing happens.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from labkit.sandbox import stores


def announce(
    source: str,
    detail_type: str,
    detail: Mapping[str, Any],
    resources: Sequence[str] = (),
    *,
    account: str,
    region: str,
) -> None:
    """Put a service's event on the default bus of an account and Region.

    `source` begins with `aws.`, such as `aws.ecs`; `resources` are ARNs. Whatever follows happens later, on the clock.
    """
    backend = stores.backend_of("events", account, region)
    bus = backend.event_buses.get("default") if backend is not None else None
    if bus is None or not bus.rules:
        return
    publish = importlib.import_module("labkit.sandbox.services._events_publish")
    publish.announce(bus, source, detail_type, dict(detail), resources)
