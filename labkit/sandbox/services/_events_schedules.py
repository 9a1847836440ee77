"""Rules that fire on the clock.

Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html and
eb-scheduled-rule-pattern.html beside it (a rate begins when the rule is created; cron is in UTC). The event is the one
LocalStack recorded on AWS.
"""

from __future__ import annotations

from typing import Any

from moto.core.exceptions import JsonRESTError

from labkit.sandbox import current, stores
from labkit.sandbox.schedules import Expression, InvalidSchedule
from labkit.sandbox.services import _events_input as inputs
from labkit.sandbox.services import _events_publish as publish


def check(text: str) -> Expression:
    """The expression, when PutRule takes it."""
    try:
        return Expression.parse(text, kind="rule")
    except InvalidSchedule as error:
        raise JsonRESTError("ValidationException", error.message) from None


def arm(rule: Any) -> None:
    """Have a rule fire from now on. Without a schedule, or disabled, it does not."""
    disarm(rule)
    if rule.scheduled_expression and rule.state in publish.ENABLED:
        _wait(rule, current().clock.time(), None)


def disarm(rule: Any) -> None:
    """Let a rule fire no more."""
    current().clock.cancel(vars(rule).pop("labkit_due", None))


def _wait(rule: Any, now: float, start: float | None) -> None:
    expression = Expression.parse(rule.scheduled_expression, kind="rule")
    when = expression.next(now, start=start)
    if when is not None:
        rule.labkit_due = current().clock.schedule(when, fire, rule.arn, when)


def fire(arn: str, when: float) -> None:
    """Due work: a scheduled rule runs at its time, and waits for the next."""
    rule = rule_at(arn)
    due = vars(rule).get("labkit_due") if rule is not None else None
    if due is None or due.when != when:
        return  # deleted, disabled or changed
    _wait(rule, when, when)
    event = publish.new_event(
        "aws.events", "Scheduled Event", {}, [arn], rule.account_id, rule.region_name, when
    )
    publish.send_to_targets(rule, arn, event, inputs.compact(event), event["time"])


def rule_at(arn: str) -> Any:
    """The rule with this ARN, or None."""
    parts = stores.Arn.of(arn)
    backend = stores.backend_of("events", parts.account, parts.region) if parts else None
    if parts is None or backend is None:
        return None
    bus, _, name = parts.name.removeprefix("rule/").rpartition("/")
    found = backend.event_buses.get(bus or "default")
    return found.rules.get(name) if found is not None else None
