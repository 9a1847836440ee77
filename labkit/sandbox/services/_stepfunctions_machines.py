"""State machines: what CreateStateMachine and UpdateStateMachine check, versions, aliases, and deletion.

Sources: API reference (CreateStateMachine: idempotent for equal definition, type, logging and tracing; names);
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-state-machine-version.html and -alias.html.
"""

from __future__ import annotations

import json
from typing import Any, Final

from labkit.sandbox.services import _stepfunctions_engine as engine
from labkit.sandbox.services import _stepfunctions_roles as roles
from labkit.sandbox.services._stepfunctions_errors import no_machine, refused
from labkit.sandbox.states import definition as definitions

LARGEST_DEFINITION: Final = 1_048_576
"""Bytes of a definition: 1 MB (botocore's model, Definition)."""


def check_type(kind: str | None) -> None:
    """Raise ValidationException for a type that does not exist."""
    if kind not in (None, "STANDARD", "EXPRESS"):
        said = (
            f"1 validation error detected: Value '{kind}' at 'type' failed to satisfy constraint: "
            "Member must satisfy enum value set: [STANDARD, EXPRESS]"
        )
        raise refused("ValidationException", said)


def check_definition(text: str, kind: str) -> None:
    """Raise InvalidDefinition, naming the states, for what AWS refuses."""
    if len(text.encode()) > LARGEST_DEFINITION:
        raise refused(
            "InvalidDefinition", "Invalid State Machine Definition: 'The definition is larger than 1 MB'"
        )
    if said := definitions.refusal(text, kind == "EXPRESS"):
        raise refused("InvalidDefinition", said)


def check_role(role: str, machine_arn: str) -> None:
    """Raise AccessDeniedException for a role that Step Functions cannot assume."""
    if not roles.trusted(role, machine_arn):
        raise refused("AccessDeniedException", roles.NOT_TRUSTED)


def check_logging(config: dict[str, Any] | None) -> None:
    """Raise InvalidLoggingConfiguration for a level without a destination."""
    if not config or config.get("level", "OFF") == "OFF":
        return
    groups = [
        one.get("cloudWatchLogsLogGroup", {}).get("logGroupArn", "")
        for one in config.get("destinations") or ()
    ]
    if len(groups) != 1 or not groups[0].endswith(":*"):
        said = "Invalid Logging Configuration: The CloudWatch Logs Resource ARN must end with ':*'."
        raise refused("InvalidLoggingConfiguration", said)


def check_same(machine: Any, wanted: dict[str, Any]) -> None:
    """CreateStateMachine with a name in use: fine if all is the same, else an error."""
    if getattr(machine, "labkit_deleting", False):
        raise refused("StateMachineDeleting", f"State Machine is being deleted: '{machine.arn}'")
    same = (
        json.loads(machine.definition) == json.loads(wanted["definition"])
        and machine.type == (wanted["type"] or "STANDARD")
        and machine.loggingConfiguration == (wanted["logging"] or {"level": "OFF"})
    )
    if not same:
        raise refused("StateMachineAlreadyExists", f"State Machine Already Exists: '{machine.arn}'")


def delete(backend: Any, arn: str) -> None:
    """DeleteStateMachine: executions under way end first; until then the machine is DELETING."""
    backend._validate_machine_arn(arn)
    machine = engine.machine_of(backend, arn)
    if machine is None:
        return
    if any(one.status == "RUNNING" for one in machine.executions):
        machine.labkit_deleting = True
    else:
        engine.remove(backend, machine)


# -- versions ----------------------------------------------------------------------------------------


def publish(backend: Any, arn: str, description: str | None) -> dict[str, Any]:
    """PublishStateMachineVersion: the same revision is published once."""
    machine = engine.machine_of(backend, arn)
    if machine is None:
        raise no_machine(arn)
    latest = machine.latest_version
    if latest is None or getattr(machine, "labkit_published", None) != _revision(machine):
        machine.publish(description)
        machine.labkit_published = _revision(machine)
        latest = machine.latest_version
    return {"stateMachineVersionArn": latest.arn, "creationDate": latest.creation_date}


def _revision(machine: Any) -> tuple[str, str]:
    return machine.definition, machine.roleArn


def versions(backend: Any, arn: str) -> list[dict[str, Any]]:
    """ListStateMachineVersions, newest first."""
    machine = engine.machine_of(backend, arn)
    if machine is None:
        raise no_machine(arn)
    found = sorted(machine.versions.values(), key=lambda one: -one.version)
    return [{"stateMachineVersionArn": one.arn, "creationDate": one.creation_date} for one in found]


def delete_version(backend: Any, arn: str) -> None:
    """DeleteStateMachineVersion: not while an alias points to it."""
    machine = engine.machine_of(backend, arn)
    number = arn.rpartition(":")[2]
    if machine is None or not number.isdigit() or int(number) not in machine.versions:
        return
    for alias in machine.aliases.values():
        if any(route["stateMachineVersionArn"] == arn for route in alias.routing_configuration):
            said = (
                "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this "
                f"version: [{alias.name}]"
            )
            raise refused("ConflictException", said)
    del machine.versions[int(number)]


def new_alias(backend: Any, name: str, routes: list[dict[str, Any]]) -> None:
    """What CreateStateMachineAlias checks before moto does its part."""
    machine = engine.machine_of(backend, routes[0]["stateMachineVersionArn"]) if routes else None
    if machine is not None and name in machine.aliases:
        arn = machine.aliases[name].arn
        raise refused(
            "ConflictException",
            f"Failed to create alias because an alias with the same name already exists: {arn}",
        )
