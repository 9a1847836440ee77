"""Amazon EventBridge in the lab's account.

Simulated here:
- Buses, rules and PutEvents; delivery to SQS queues, log groups and other buses; archives.
- Event patterns: the whole documented language, refused with AWS's reason when they are not valid, and
  TestEventPattern.
- A disabled rule is silent. A rule with a schedule only does not react to events.

Differs on AWS:
- A rule delivers here whatever the policy of its target says.
- Changed rules take a moment to be in force on AWS. Here they hold at once.

Not simulated:
- Schedules that fire, other targets, retries and dead-letter queues of targets, Scheduler, Pipes, schemas.

Sources:
- https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
- https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TestEventPattern.html
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any, Final

from moto.core.exceptions import JsonRESTError
from moto.events import exceptions

from labkit.sandbox.hooks import hook

if TYPE_CHECKING:
    from labkit.sandbox.patterns import Pattern

_NEEDED: Final = ("id", "account", "source", "time", "region", "resources", "detail-type")
"""What TestEventPattern wants to see in an event (API reference, TestEventPattern, parameter Event)."""


@functools.lru_cache(maxsize=256)
def _pattern(text: str) -> Pattern:
    # moto loads its EventBridge with IAM, so every lab loads this module; the matcher waits until it is needed.
    from labkit.sandbox.patterns import Pattern

    return Pattern.parse(text, dialect="eventbridge")


def _checked(text: str) -> Pattern:
    from labkit.sandbox.patterns import InvalidPattern

    try:
        return _pattern(text)
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
    return True if not self._raw_pattern else _pattern(self._raw_pattern).matches(event)


@hook("moto.events.models:Rule.send_to_targets")
def send_to_targets(original: Any, self: Any, original_event: Any, *args: Any, **kwargs: Any) -> None:
    """Only a rule that is switched on and has a pattern reacts to events."""
    if self.state != "DISABLED" and self.event_pattern.dump():
        original(self, original_event, *args, **kwargs)


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
