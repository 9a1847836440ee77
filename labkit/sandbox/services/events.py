"""Amazon EventBridge in the lab's account: buses, rules, targets, schedules, archives, API destinations.

Simulated here:
- PutEvents: ten entries, less than 1 MB, one result per entry, `aws.` sources refused, an unknown bus that takes the
  event and loses it. Events carry all their fields in AWS's order. Entries fail on purpose: `events.entry_fails`.
- Event patterns: the whole documented language, refused with AWS's reason when they are not valid, and
  TestEventPattern. Disabled rules are silent.
- Targets: queues, topics, functions, state machines, log groups, streams, delivery streams, tasks of ECS, other buses
  (also of other accounts and Regions, once), API destinations with API key, basic and OAuth authorization and their
  rate.
- The target's policy, or the role, decides whether a rule may deliver. Roles are checked when a target is put.
- Input, InputPath, InputTransformer with all variables, and dynamic parameters.
- Retries for 24 hours and 185 times, or as the target says, then the dead-letter queue with ERROR_CODE and the rest.
- Schedules on the clock: rate from the moment the rule is made or enabled, cron in UTC, each run at its own time.
- Archives with pattern and retention; replays with window and rules, minute by minute, their states and CancelReplay.
- Policies of buses, managed rules, the constraints of the API's model, and 5 targets a rule, 300 rules a bus.

Differs on AWS:
- Changed rules take a moment to be in force on AWS, and an event up to ten minutes to be in an archive. Here both
  hold at once. Counts of archives are exact here.
- Retries wait 1, 2, 4 ... 512 seconds and then 512 each, less up to 10 % by chance. AWS names no figures.
- An event that a delivery caused is on its way for 1 second, so a function that answers an event with a new one turns
  once a second here.
- A replay begins after 1 second and takes 1 second for each minute with events. A replayed event keeps its id and
  events of one minute their order; AWS does not document the id and promises no order.
- Which ERROR_CODE belongs to which error is documented by name only; the choice is ours. So are the words of errors for
  managed rules, dead-letter queues that don't fit, policies that are too long, and inputs for another account's bus.
- A null value fills a template as null, and an InputPath that leads nowhere gives null. AWS documents neither.
- API destinations reach only this machine, and plain http too.
- Another bus always receives the event as it is, whatever Input says.
- SizeBytes of an archive counts source, detail type, detail, resources and 20 bytes for each event.

Not simulated:
- Other targets (Batch, CodeBuild, Redshift, Systems Manager...): the trace says so.
- CloudWatch metrics, events from CloudTrail, X-Ray, schema registry and discovery, global endpoints, partner sources.
- Encryption of buses and archives with your own key, and the dead-letter queue of a bus.
- UpdateConnection does not change the connection's secret. Private connections. The second generation of buses.

Sources:
- https://docs.aws.amazon.com/eventbridge/latest/userguide/ with the pages eb-event-patterns.html, eb-targets.html,
  eb-transform-target-input.html, eb-rule-dlq.html, eb-rule-retry-policy.html, eb-bus-to-bus.html, eb-archive.html,
  eb-api-destinations.html, eb-quota.html
- botocore's model, events/2015-10-07/service-2.json; https://docs.aws.amazon.com/eventbridge/latest/APIReference/
- https://github.com/localstack/localstack/tree/main/tests/aws/services/events: answers recorded on AWS
"""

from __future__ import annotations

import json
from typing import Any, Final

from moto.core.exceptions import JsonRESTError
from moto.core.responses import BaseResponse
from moto.events import exceptions
from moto.events import notifications as _  # noqa: F401  # loaded now, so that its hook finds it
from moto.moto_api._internal import mock_random

from labkit.sandbox import delivery
from labkit.sandbox.hooks import hook
from labkit.sandbox.parcels import Failure, Parcel
from labkit.sandbox.services import _events_control as _control  # noqa: F401  # its hooks belong to ours

_NEEDED: Final = ("id", "account", "source", "time", "region", "resources", "detail-type")
"""What TestEventPattern wants to see in an event (API reference, TestEventPattern, parameter Event)."""
_UNCHECKED: Final = ("PutEvents", "TestEventPattern")
"""Their parameters have constraints of their own; PutEvents must be fast, too."""

# moto loads its EventBridge with IAM, so every lab loads this module. Its parts wait until they are needed.


# -- patterns ----------------------------------------------------------------------------------------


def _checked(text: str) -> Any:
    from labkit.sandbox.patterns import InvalidPattern
    from labkit.sandbox.services import _events_publish as publish

    try:
        return publish.compiled(text)
    except InvalidPattern as error:
        if error.code == "ValidationException":
            raise JsonRESTError(error.code, str(error)) from None
        raise exceptions.InvalidEventPatternException(reason=error.detail) from None


@hook("moto.events.models:EventPatternParser.parse")
def parse(original: Any, self: Any) -> dict[str, Any]:
    """A rule's or an archive's pattern is checked when it is stored."""
    if not self.pattern:
        return {}
    _checked(self.pattern)
    found: dict[str, Any] = json.loads(self.pattern)
    return found


@hook("moto.events.models:EventPattern.matches_event")
def matches_event(original: Any, self: Any, event: Any) -> bool:
    """Whether an event gets through. An archive without a pattern takes everything."""
    return True if not self._raw_pattern else bool(_checked(self._raw_pattern).matches(event))


@hook("moto.events.responses:EventsHandler.test_event_pattern")
def test_event_pattern(original: Any, self: Any) -> tuple[str, dict[str, Any]]:
    """TestEventPattern: whether an event would get through a pattern."""
    try:
        event = json.loads(self._get_param("Event"))
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise JsonRESTError("ValidationException", "Parameter Event is not valid.")
    pattern = _checked(self._get_param("EventPattern"))
    for name in _NEEDED:
        if name not in event:
            raise JsonRESTError(
                "ValidationException", f"Parameter Event is not valid. Reason: Missing: {name}."
            )
    return json.dumps({"Result": pattern.matches(event)}), self.response_headers


# -- events ------------------------------------------------------------------------------------------


@hook("moto.events.responses:EventsHandler.call_action", kind="new")
def call_action(self: Any) -> Any:
    """Every call: parameters that break the constraints of the API's model are refused first."""
    operation = self._get_action()
    if operation not in _UNCHECKED:
        from labkit.sandbox.services import _events_constraints as constraints

        try:
            constraints.check(operation, json.loads(self.body or "{}"))
        except JsonRESTError as error:
            return error.code, {**self.response_headers, "status": error.code}, error.description
    return BaseResponse.call_action(self)


@hook("moto.events.responses:EventsHandler._enrich_response", kind="new")
def enrich_response(self: Any, headers: dict[str, Any], body: Any) -> tuple[dict[str, Any], Any]:
    """A request id as EventBridge gives it, a UUID. moto draws its own letter by letter."""
    if "status" in headers:
        headers["status"] = str(headers["status"])
    headers["x-amzn-requestid"] = str(mock_random.uuid4())
    return headers, body


@hook("moto.events.responses:EventsHandler.put_events")
def put_events(original: Any, self: Any) -> str:
    """PutEvents."""
    from labkit.sandbox.services import _events_publish as publish

    results = publish.put_events(self.events_backend, self._get_param("Entries") or [])
    failed = sum("ErrorCode" in result for result in results)
    return json.dumps({"FailedEntryCount": failed, "Entries": results})


@hook("moto.events.models:EventsBackend.put_events")
def put_events_of_a_service(original: Any, self: Any, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How other services of moto send their events."""
    from labkit.sandbox.services import _events_publish as publish

    return publish.put_events(self, events, service=True)


@hook("moto.events.notifications:_send_safe_notification")
def no_notification(original: Any, *given: Any) -> None:
    """moto calls functions when a bucket is made. On AWS such an event comes from CloudTrail only."""


# -- deliveries ----------------------------------------------------------------------------------------


def _letter(parcel: Parcel, failure: Failure) -> delivery.Letter:
    from labkit.sandbox.services import _events_deliveries as deliveries

    return deliveries.letter(parcel, failure)


def _actions(parcel: Parcel) -> tuple[str, ...]:
    from labkit.sandbox.services import _events_deliveries as deliveries

    return deliveries.actions(parcel)


def _find(parcel: Parcel) -> None:
    from labkit.sandbox.services import _events_deliveries as deliveries

    deliveries.find(parcel)


def _accept(parcel: Parcel) -> str:
    from labkit.sandbox.services import _events_deliveries as deliveries

    return deliveries.accept(parcel)


delivery.receives("arn:events", delivery.Receiver(_actions, _accept, _find))
delivery.sends("events", delivery.Sender(letter=_letter))
