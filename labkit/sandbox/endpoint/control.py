"""`/_labkit/`: what the account offers to tools beside AWS's own API.

    GET  /_labkit/health           version, account, Region, clock
    GET  /_labkit/trace?n=20       the last events
    POST /_labkit/clock/advance    {"seconds": 31} (or minutes, hours, days)
    POST /_labkit/reset            empties the account

A web page must not reach this: a POST needs `Content-Type: application/json` or a header `X-Labkit`, which a page can
send only after a preflight that is never granted, and requests that say they come from a page are refused.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from labkit.errors import LabkitError

from .messages import Reply, Request

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

PREFIX: Final = "/_labkit/"
MOST_EVENTS: Final = 1_000


def answer(sandbox: Sandbox, request: Request) -> Reply:
    """The reply to a request for a path below `PREFIX`."""
    headers = request.headers
    if headers.get("Origin") is not None or headers.get("Sec-Fetch-Site", "none") not in (
        "none",
        "same-origin",
    ):
        return _said(403, error="Web pages may not control the lab's account.")
    where = request.path.removeprefix(PREFIX).strip("/")
    wanted = {"health": "GET", "trace": "GET", "clock/advance": "POST", "reset": "POST"}.get(where)
    if wanted is None:
        return _said(
            404, error=f"There is no {request.path}. There are: health, trace, clock/advance, reset."
        )
    if request.method != wanted:
        return Reply(
            405, {"Allow": wanted, "Content-Type": "application/json"}, _json({"error": f"Use {wanted}."})
        )
    if wanted == "POST" and not _deliberate(request):
        return _said(403, error="Send Content-Type: application/json, or a header X-Labkit.")
    try:
        return _ACTIONS[where](sandbox, request)
    except (LabkitError, TypeError) as error:
        return _said(400, error=str(error))


def _deliberate(request: Request) -> bool:
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or "X-Labkit" in request.headers


def _health(sandbox: Sandbox, _request: Request) -> Reply:
    from labkit import __version__

    clock = sandbox.clock
    return _said(
        200, version=__version__, account=sandbox.account, region=sandbox.region, clock=clock.now().isoformat(),
        ahead_seconds=round(clock.ahead.total_seconds(), 3), due=len(clock.waiting),
    )  # fmt: skip


def _trace(sandbox: Sandbox, request: Request) -> Reply:
    asked = request.query.get("n", ["20"])[0]
    if not asked.isdigit() or not 1 <= int(asked) <= MOST_EVENTS:
        return _said(400, error=f"n is how many events to show, from 1 to {MOST_EVENTS:,}. It is {asked!r}.")
    with sandbox.lock:
        events = [asdict(event) for event in sandbox.trace.last(int(asked))]
    return _said(200, events=events)


def _advance(sandbox: Sandbox, request: Request) -> Reply:
    try:
        given = json.loads(request.body or b"{}")
    except ValueError:
        return _said(400, error="The body is not valid JSON.")
    if not isinstance(given, dict) or not given or set(given) - {"seconds", "minutes", "hours", "days"}:
        return _said(400, error='Say how far, for example {"minutes": 5}: seconds, minutes, hours, days.')
    with sandbox.lock:
        moved = sandbox.clock.advance(**given)
        sandbox.lock.notify_all()
    return _said(200, seconds=moved.seconds, played=moved.played, clock=moved.now.isoformat())


def _reset(sandbox: Sandbox, _request: Request) -> Reply:
    sandbox.reset()
    return _said(200, clock=sandbox.clock.now().isoformat())


_ACTIONS: Final = {"health": _health, "trace": _trace, "clock/advance": _advance, "reset": _reset}


def _said(status: int, **facts: Any) -> Reply:
    return Reply(status, {"Content-Type": "application/json"}, _json(facts))


def _json(facts: dict[str, Any]) -> bytes:
    return json.dumps(facts, default=str).encode() + b"\n"
