"""Rules, their targets and the policies of buses: what AWS takes and what it refuses.

Sources: the API reference and botocore's model of PutRule, PutTargets, DeleteRule and PutPermission; the quotas at
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html (rules of a bus, targets of a rule). The words of
errors were recorded on AWS by LocalStack's validated tests; which services need a role was measured in
September 2026 by the rules of "cdk-preflight".
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from moto.core.exceptions import JsonRESTError
from moto.events import exceptions

from labkit.sandbox.services import _events_input as inputs
from labkit.sandbox.services import _events_publish as publish
from labkit.sandbox.services import _events_schedules as schedules

MOST_RULES: Final = 300
MOST_TARGETS: Final = 5
_MOST_POLICY_BYTES: Final = 10_240
_ARN: Final = re.compile(r"arn:[\w-]+:[\w-]+:[\w-]*:\d*:.*", re.DOTALL)
_BY_ROLE: Final = frozenset({
    "batch", "codebuild", "codepipeline", "ecs", "events", "firehose", "glue", "inspector", "kinesis",
    "redshift", "sagemaker", "ssm", "ssm-incidents", "states",
})  # fmt: skip
"""Services that EventBridge reaches in a role only."""


def _invalid(message: str) -> JsonRESTError:
    return JsonRESTError("ValidationException", message)


def _too_many() -> JsonRESTError:
    return JsonRESTError(
        "LimitExceededException", "The requested resource exceeds the maximum number allowed."
    )


def no_rule(name: str, bus: str) -> exceptions.ResourceNotFoundException:
    """The error for a rule that is not there."""
    return exceptions.ResourceNotFoundException(f"Rule {name} does not exist on EventBus {bus}.")


def find(backend: Any, name: str, bus_name: str | None) -> Any:
    """A rule by name and bus. Raises AWS's error for a bus or a rule that is not there."""
    bus = backend._get_event_bus(backend._normalize_event_bus_arn(bus_name))
    rule = bus.rules.get(name)
    if rule is None:
        raise no_rule(name, bus.name)
    return rule


def check_managed(rule: Any, force: object) -> None:
    """A rule that belongs to an AWS service is left alone unless forced."""
    if rule is not None and rule.managed_by and not force:
        raise JsonRESTError(
            "ManagedRuleException", f"Rule {rule.name} is managed by {rule.managed_by} and can't be changed."
        )


def put_rule(original: Any, backend: Any, name: str, **given: Any) -> Any:
    """Make or replace a rule. Its targets stay."""
    bus_name = backend._normalize_event_bus_arn(given.get("event_bus_arn"))
    expression = given.get("scheduled_expression")
    if expression and bus_name == "default":
        schedules.check(expression)
    bus = backend.event_buses.get(bus_name)
    existing = bus.rules.get(name) if bus is not None else None
    if existing is None and bus is not None and len(bus.rules) >= MOST_RULES:
        raise _too_many()
    if existing is not None:
        given["tags"] = None  # tags count only for a new rule
    rule = original(backend, name, **given)
    if existing is not None:
        schedules.disarm(existing)
    schedules.arm(rule)
    return rule


def check_targets(backend: Any, rule: Any, targets: list[dict[str, Any]]) -> None:
    """Refuse targets that AWS refuses."""
    for target in targets:
        _check_target(backend, target)
    known = {target["Id"] for target in rule.targets} | {target["Id"] for target in targets}
    if len(known) > MOST_TARGETS:
        raise _too_many()


def _check_target(backend: Any, target: dict[str, Any]) -> None:
    arn, name = target["Arn"], target["Id"]
    if not _ARN.fullmatch(arn):
        raise _invalid(f"Parameter {arn} is not valid. Reason: Provided Arn is not in correct format.")
    service, _, account = arn.split(":")[2:5]
    if service == "sqs" and arn.endswith(".fifo") and not target.get("SqsParameters"):
        raise _invalid(f"Parameter(s) SqsParameters must be specified for target: {name}.")
    elsewhere = account != backend.account_id
    if not target.get("RoleArn") and (service in _BY_ROLE or (service == "sns" and elsewhere)):
        raise _invalid(f"RoleArn is required for target {arn}.")
    inputs.check(target)
    if ":event-bus/" in arn and elsewhere:
        for field in ("Input", "InputPath", "InputTransformer"):
            if target.get(field):
                raise _invalid(
                    f"{field} is not available for target {name}: an event bus of another account."
                )
    _check_dead_letter(target, backend.region_name)
    if role := target.get("RoleArn"):
        _check_role(role)


def _check_dead_letter(target: dict[str, Any], region: str) -> None:
    queue = (target.get("DeadLetterConfig") or {}).get("Arn")
    if not queue:
        return
    reason = ""
    parts = queue.split(":")
    if len(parts) != 6 or parts[2] != "sqs":
        reason = "It must be the ARN of an SQS queue."
    elif queue.endswith(".fifo"):
        reason = "Only standard queues are supported."
    elif parts[3] != region:
        reason = "The queue must be in the Region of the rule."
    if reason:
        raise _invalid(
            f"Parameter DeadLetterConfig.Arn is not valid for target {target['Id']}. Reason: {reason}"
        )


def _check_role(role: str) -> None:
    from labkit.sandbox.authorization.account import Caller, may_assume

    if not may_assume(Caller.service(publish.PRINCIPAL), role).allowed:
        raise _invalid(f"Provided role '{role}' cannot be assumed by principal '{publish.PRINCIPAL}'.")


# -- policies of buses ---------------------------------------------------------------------------------


class Statement:
    """One statement of a bus's policy, kept as it came."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self.principal = raw.get("Principal")

    def describe(self) -> dict[str, Any]:
        """The statement as it is shown."""
        return self.raw


def replace_policy(bus: Any, text: str) -> None:
    """Put a whole policy in place of the one the bus has."""
    from labkit.sandbox.authorization.resources import PolicyRefused, check_policy

    if len(text.encode()) > _MOST_POLICY_BYTES:
        raise JsonRESTError("PolicyLengthExceededException", "The event bus policy is longer than 10 KB.")
    try:
        policy = json.loads(text)
    except ValueError:
        raise _invalid("This policy contains invalid Json") from None
    try:
        check_policy("events", text)
    except PolicyRefused as error:
        raise JsonRESTError(error.code, str(error) or error.detail) from None
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    bus._statements.clear()
    for number, raw in enumerate(statements):
        bus._statements[raw.get("Sid") or f"labkit-{number}"] = Statement(raw)


def add_permission(bus: Any, name: str, action: str, principal: Any, condition: Any) -> None:
    """Add one statement, or replace the one of this name."""
    account = principal["AWS"].split(":")[4] if isinstance(principal, dict) else principal
    raw = {
        "Sid": name, "Effect": "Allow", "Principal": "*" if account == "*" else principal,
        "Action": action, "Resource": bus.arn,
    }  # fmt: skip
    if condition:
        raw["Condition"] = condition
    bus._statements[name] = Statement(raw)
