"""Events arrive at a bus, its rules are asked, and parcels go to the targets of those that match.

Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html (size of an entry), the model of
PutEvents in botocore (ten entries, less than 1 MB in all), the API reference of PutEventsResultEntry (codes). The
words of the errors were recorded on AWS by LocalStack's validated tests.
"""

from __future__ import annotations

import functools
import json
import time
import weakref
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from moto.core.exceptions import JsonRESTError
from moto.moto_api._internal import mock_random

from labkit.sandbox import current, delivery, lineage, stores
from labkit.sandbox.parcels import NEVER, Failure, Parcel, Phase, Retry
from labkit.sandbox.services import _events_faults as faults
from labkit.sandbox.services import _events_input as inputs

if TYPE_CHECKING:
    from labkit.sandbox.patterns import Pattern

PRINCIPAL: Final = "events.amazonaws.com"
MOST_ENTRIES: Final = 10
MOST_BYTES: Final = 1_048_576
"""All entries of one call together stay below 1 MB."""
_TIME_BYTES: Final = 14
_DOUBLING, _LONGEST_WAIT, _JITTER = 10, 512.0, 0.1
"""Retries wait 1, 2, 4 ... 512 s, then 512 s each: so the default of 185 retries lasts about the default of 24 hours.
AWS says "exponential back off and jitter" without figures."""
HOP_SECONDS: Final = 1.0
"""An event that a delivery caused is this long on its way. So a loop of rules and functions takes time, as on AWS."""
ENABLED: Final = ("ENABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")


# -- PutEvents ---------------------------------------------------------------------------------------


def put_events(backend: Any, entries: list[dict[str, Any]], *, service: bool = False) -> list[dict[str, Any]]:
    """The entries' results. `service`: an AWS service speaks and may use sources that begin with `aws.`."""
    _check_types(entries)
    if len(entries) > MOST_ENTRIES:
        shown = ", ".join(_shown_entry(entry) for entry in entries)
        raise JsonRESTError(
            "ValidationException",
            f"1 validation error detected: Value '[{shown}]' at 'entries' failed to satisfy constraint: "
            f"Member must have length less than or equal to {MOST_ENTRIES}",
        )
    if sum(map(entry_size, entries)) >= MOST_BYTES:
        raise JsonRESTError(
            "ValidationException", "Total size of the entries in the request is over the limit."
        )
    return [_put(backend, entry, service) for entry in entries]


_TEXTS: Final = ("Source", "DetailType", "Detail", "EventBusName", "TraceHeader")


def _check_types(entries: Any) -> None:
    """Refuse what boto3 would not have sent."""
    from labkit.sandbox.services._events_constraints import wrong_type

    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise wrong_type("entries", "list of structures")
    for number, entry in enumerate(entries, 1):
        for name in _TEXTS:
            if not isinstance(entry.get(name, ""), (str, type(None))):
                raise wrong_type(f"entries.{number}.member.{name[0].lower()}{name[1:]}", "string")
        resources = entry.get("Resources") or []
        if not isinstance(resources, list) or not all(isinstance(one, str) for one in resources):
            raise wrong_type(f"entries.{number}.member.resources", "list of strings")
        if isinstance(entry.get("Time"), (dict, list, bool)):
            raise wrong_type(f"entries.{number}.member.time", "timestamp")


def _shown_entry(entry: dict[str, Any]) -> str:
    names = ("Time", "Source", "Resources", "DetailType", "Detail", "EventBusName", "TraceHeader")
    shown = [f"{name[0].lower()}{name[1:]}={entry.get(name, 'null')}" for name in names]
    return f"PutEventsRequestEntry({', '.join(shown)}, kmsKeyIdentifier=null, internalMetadata=null)"


def entry_size(entry: dict[str, Any]) -> int:
    """The bytes that count for one entry."""
    texts = [
        entry.get("Source"),
        entry.get("DetailType"),
        entry.get("Detail"),
        *(entry.get("Resources") or ()),
    ]
    size = sum(len(str(text).encode()) for text in texts if text)
    return size + (_TIME_BYTES if entry.get("Time") is not None else 0)


def _put(backend: Any, entry: dict[str, Any], service: bool) -> dict[str, Any]:
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            reason = f"Parameter {name} is not valid. Reason: {name} is a required argument."
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": reason}
    if not service and entry["Source"].startswith("aws."):
        return {
            "ErrorCode": "NotAuthorizedForSourceException",
            "ErrorMessage": "Not authorized for the source.",
        }
    detail = detail_of(entry["Detail"])
    if detail is None:
        return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    now = current().clock.time()
    event = new_event(
        entry["Source"], entry["DetailType"], detail, entry.get("Resources") or [],
        backend.account_id, backend.region_name, now if entry.get("Time") is None else _moment(entry["Time"]),
    )  # fmt: skip
    name = entry.get("EventBusName") or "default"
    bus = find_bus(name, backend)
    if bus is not None and not service and faults.strikes(bus, entry):
        return dict(faults.FAILED)
    if bus is None:
        # AWS answers with an event id all the same, and the event is gone.
        _lost(event["id"], name, f"There is no event bus {name}: the event is gone.")
    else:
        arrive(bus, event)
    return {"EventId": event["id"]}


def detail_of(text: Any) -> dict[str, Any] | None:
    """The detail as an object, or None when it is none."""
    try:
        detail = json.loads(text, parse_constant=_no_constant)
    except (ValueError, TypeError, RecursionError):
        return None
    return detail if isinstance(detail, dict) else None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _moment(given: Any) -> float:
    if isinstance(given, (int, float)):
        return float(given)
    from datetime import datetime

    from labkit.sandbox.services._events_constraints import wrong_type

    try:
        return datetime.fromisoformat(str(given)).timestamp()
    except ValueError:
        raise wrong_type("time", "timestamp") from None


def moment_text(moment: float) -> str:
    """A moment as events show it, in whole seconds UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def new_event(
    source: str, detail_type: str, detail: dict[str, Any], resources: Sequence[str], account: str, region: str,
    moment: float,
) -> dict[str, Any]:  # fmt: skip
    """An event, its fields in the order in which AWS shows them."""
    return {
        "version": "0",
        "id": str(mock_random.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": account,
        "time": moment_text(moment),
        "region": region,
        "resources": list(resources),
        "detail": detail,
    }


def find_bus(name: str, backend: Any = None) -> Any:
    """A bus by ARN, or by name in the backend's account and Region. None when there is none."""
    if name.startswith("arn:"):
        arn = stores.Arn.of(name)
        if arn is None:
            return None
        backend = stores.backend_of("events", arn.account, arn.region)
        name = arn.name.removeprefix("event-bus/")
    return backend.event_buses.get(name) if backend is not None else None


def _lost(event_id: str, bus: str, note: str) -> None:
    current().trace.record(
        "state", "events", "EventUnmatched", resource=bus, params={"Id": event_id}, note=note
    )


# -- rules -------------------------------------------------------------------------------------------


class Entry(NamedTuple):
    """A rule of a bus with what is asked for every event."""

    rule: Any
    pattern: Pattern
    arn: str


class Index:
    """The rules of a bus by the sources they name, so that an event asks only the rules it may concern."""

    def __init__(self, rules: Sequence[Any]) -> None:
        self.rules = rules
        self.by_source: dict[str, list[Entry]] = {}
        self.others: list[Entry] = []
        entries = [
            (Entry(rule, compiled(rule.event_pattern.dump()), rule.arn), _sources(rule))
            for rule in rules
            if rule.event_pattern.dump()
        ]
        for source in {source for _, sources in entries for source in sources or ()}:
            self.by_source[source] = [
                entry for entry, sources in entries if sources is None or source in sources
            ]
        self.others = [entry for entry, sources in entries if sources is None]

    def candidates(self, source: str) -> list[Entry]:
        """The rules whose patterns an event of this source may match, in the order they were made."""
        return self.by_source.get(source, self.others)


def _sources(rule: Any) -> list[str] | None:
    """The exact sources a pattern names, or None when it may match any."""
    wanted = rule.event_pattern.get_pattern().get("source")
    return wanted if isinstance(wanted, list) and all(isinstance(one, str) for one in wanted) else None


@functools.lru_cache(maxsize=1024)
def compiled(text: str) -> Pattern:
    """The matcher of a pattern's text. Raises `InvalidPattern`."""
    from labkit.sandbox.patterns import Pattern

    return Pattern.parse(text, dialect="eventbridge")


# Derived from the rules and made anew whenever they differ, so copies of the account need not carry it.
_indexes: weakref.WeakKeyDictionary[Any, Index] = weakref.WeakKeyDictionary()


def index_of(bus: Any) -> Index:
    """The index of a bus, fresh when its rules have changed."""
    rules = list(bus.rules.values())
    found = _indexes.get(bus)
    if found is None or found.rules != rules:
        found = _indexes[bus] = Index(rules)
    return found


def arrive(
    bus: Any,
    event: dict[str, Any],
    *,
    hops: int = 0,
    only: Iterable[str] | None = None,
    text: str = "",
    now: bool = False,
    quiet: bool = False,
) -> int:
    """An event is on the bus: send it to the targets of all rules that match. Returns how many did.

    `hops` counts the buses it came through. `only` names the rules (ARNs) that are asked in a replay. `now` when
    time has passed on the way already; `quiet` when it is no news that no rule matches.
    """
    sandbox = current()
    ingested = moment_text(sandbox.clock.time())
    text = text or inputs.compact(event)
    wait = HOP_SECONDS if sandbox.clock.playing and not (hops or now) else 0.0
    wanted = None if only is None else frozenset(only)
    matched = 0
    for rule, pattern, arn in index_of(bus).candidates(event["source"]):
        if rule.state not in ENABLED or (wanted is not None and arn not in wanted):
            continue
        if pattern.matches(event):
            matched += 1
            with lineage.carrying(""):  # Lambda does not follow a chain of calls through EventBridge
                send_to_targets(rule, arn, event, text, ingested, hops, wait)
    if not matched and not quiet:
        _lost(event["id"], bus.arn, f"No rule on the event bus {bus.name} matches this event.")
    return matched


def send_to_targets(
    rule: Any, arn: str, event: dict[str, Any], text: str, ingested: str, hops: int = 0, wait: float = 0.0
) -> None:
    """One parcel for each target of a rule."""
    for target in rule.targets:
        if target["Arn"].endswith(":::"):  # the target of the rule that feeds an archive
            from labkit.sandbox.services import _events_archives as archives

            archives.keep(rule, event, text)
            continue
        parcel = _parcel(target, arn, event, text, hops)
        try:
            body = (
                text
                if _is_bus(target["Arn"])
                else inputs.body_for(target, event, text, arn, rule.name, ingested)
            )
        except inputs.Invalid as error:
            delivery.give_up(parcel, Failure("INVALID_JSON", str(error)))
        else:
            delivery.send(parcel._replace(body=body), wait + _turn(target["Arn"]))


def _turn(target: str) -> float:
    """Seconds for which an API destination's own rate holds the event back."""
    if ":api-destination/" not in target:
        return 0.0
    from labkit.sandbox.services import _events_http as http

    return http.turn(target)


def _is_bus(target: str) -> bool:
    return ":event-bus/" in target


def _parcel(target: dict[str, Any], rule_arn: str, event: dict[str, Any], text: str, hops: int) -> Parcel:
    arn = target["Arn"]
    policy = target.get("RetryPolicy") or {}
    return Parcel(
        sender="events",
        source=rule_arn,
        target=arn,
        body=text,
        principal=PRINCIPAL,
        # Log groups are opened by their resource policy alone.
        role="" if ":logs:" in arn else target.get("RoleArn") or "",
        via=target["Id"],
        id=event["id"],
        options=_options(target, event, hops),
        about=(("event", text),),
        retry=plan(policy.get("MaximumRetryAttempts", 185), policy.get("MaximumEventAgeInSeconds", 86_400)),
        dead_letter=(target.get("DeadLetterConfig") or {}).get("Arn") or "",
    )


def _options(target: dict[str, Any], event: dict[str, Any], hops: int) -> tuple[tuple[str, Any], ...]:
    service = target["Arn"].split(":")[2]
    found: list[tuple[str, Any]] = []
    if service == "sqs" and (group := (target.get("SqsParameters") or {}).get("MessageGroupId")):
        found.append(("MessageGroupId", inputs.parameter(group, event)))
    elif service == "kinesis":
        path = (target.get("KinesisParameters") or {}).get("PartitionKeyPath", "")
        key = inputs.value_at(path, event) if path else inputs.MISSING
        text = key if isinstance(key, str) else "" if key is inputs.MISSING else inputs.compact(key)
        found.append(("PartitionKey", text or event["id"]))
    elif service == "ecs":
        found.append(("EcsParameters", inputs.compact(target.get("EcsParameters") or {})))
    elif service == "events":
        found.append(("hops", hops))
        if given := target.get("HttpParameters"):
            found.append(("HttpParameters", inputs.compact(_resolved(given, event))))
    return tuple(found)


def _resolved(given: Any, event: dict[str, Any]) -> Any:
    if isinstance(given, dict):
        return {name: _resolved(value, event) for name, value in given.items()}
    if isinstance(given, list):
        return [_resolved(value, event) for value in given]
    return inputs.parameter(str(given), event)


@functools.lru_cache(maxsize=128)
def plan(attempts: int, age: float) -> Retry:
    """The retries of a target: `attempts` of them at most, within `age` seconds."""
    if attempts <= 0:
        return NEVER
    doubling = min(attempts, _DOUBLING)
    phases = [Phase(doubling, 1.0, 2.0 ** (doubling - 1), "exponential")]
    if attempts > doubling:
        phases.append(Phase(attempts - doubling, _LONGEST_WAIT, _LONGEST_WAIT))
    return Retry(tuple(phases), most_age=float(age), jitter=_JITTER)


def announce(
    bus: Any, source: str, detail_type: str, detail: dict[str, Any], resources: Sequence[str]
) -> None:
    """An AWS service's own event. If no rule wants it, it leaves no trace."""
    account = stores.Arn.of(bus.arn)
    event = new_event(
        source, detail_type, detail, resources, account.account if account else "", bus.region,
        current().clock.time(),
    )  # fmt: skip
    arrive(bus, event, quiet=True)
