"""Rules, targets, policies of buses, archives, replays and connections: the hooks of EventBridge's control plane.

Every lab loads this module with IAM, so the parts that do the work wait until they are needed.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from moto.events import exceptions

from labkit.sandbox.hooks import hook

# -- rules and targets -------------------------------------------------------------------------------


@hook("moto.events.models:EventsBackend.put_rule")
def put_rule(original: Any, self: Any, name: str, *args: Any, **given: Any) -> Any:
    """A rule is made or replaced; its schedule runs from now on."""
    from labkit.sandbox.services import _events_rules as rules

    return rules.put_rule(original, self, name, *args, **given)


@hook("moto.events.models:EventsBackend.delete_rule")
def delete_rule(original: Any, self: Any, name: str, event_bus_arn: str | None) -> None:
    """A rule is deleted, with its schedule."""
    from labkit.sandbox.services import _events_schedules as schedules

    bus = self.event_buses.get(self._normalize_event_bus_arn(event_bus_arn))
    rule = bus.rules.get(name) if bus is not None else None
    original(self, name, event_bus_arn)
    if rule is not None:
        schedules.disarm(rule)


@hook("moto.events.models:Rule.enable")
def enable(original: Any, self: Any) -> None:
    """The rule works again; a rate counts from now."""
    from labkit.sandbox.services import _events_schedules as schedules

    original(self)
    schedules.arm(self)


@hook("moto.events.models:Rule.disable")
def disable(original: Any, self: Any) -> None:
    """The rule is silent."""
    from labkit.sandbox.services import _events_schedules as schedules

    original(self)
    schedules.disarm(self)


@hook("moto.events.models:EventsBackend.put_targets")
def put_targets(original: Any, self: Any, name: str, event_bus_arn: str | None, targets: Any) -> None:
    """Targets are checked before any of them is stored."""
    from labkit.sandbox.services import _events_rules as rules

    rule = rules.find(self, name, event_bus_arn)
    if not rule.managed_by:
        rules.check_targets(self, rule, targets)
    original(self, name, event_bus_arn, targets)


def _rule(handler: Any, field: str) -> Any:
    """The rule a request names. Raises AWS's error when it is not there."""
    from labkit.sandbox.services import _events_rules as rules

    return rules.find(handler.events_backend, handler._get_param(field), handler._get_param("EventBusName"))


def _own_rule(handler: Any, field: str, *, missing: bool = False) -> None:
    """Refuse to touch a rule that an AWS service manages. `missing`: it need not be there."""
    from labkit.sandbox.services import _events_rules as rules

    try:
        rule = _rule(handler, field)
    except exceptions.ResourceNotFoundException as error:
        if missing and "Rule" in str(error.message):
            return
        raise
    rules.check_managed(rule, handler._get_param("Force"))


@hook("moto.events.responses:EventsHandler.put_rule")
def answer_put_rule(original: Any, self: Any) -> Any:
    """PutRule."""
    _own_rule(self, "Name", missing=True)
    return original(self)


@hook("moto.events.responses:EventsHandler.delete_rule")
def answer_delete_rule(original: Any, self: Any) -> Any:
    """DeleteRule: calls for a rule that is gone succeed, those for a bus that is gone do not."""
    _own_rule(self, "Name", missing=True)
    return original(self)


@hook("moto.events.responses:EventsHandler.describe_rule")
def answer_describe_rule(original: Any, self: Any) -> Any:
    """DescribeRule."""
    return self._create_response(_rule(self, "Name").describe())


@hook("moto.events.responses:EventsHandler.enable_rule")
def answer_enable_rule(original: Any, self: Any) -> Any:
    """EnableRule."""
    _own_rule(self, "Name")
    return original(self)


@hook("moto.events.responses:EventsHandler.disable_rule")
def answer_disable_rule(original: Any, self: Any) -> Any:
    """DisableRule."""
    _own_rule(self, "Name")
    return original(self)


@hook("moto.events.responses:EventsHandler.put_targets")
def answer_put_targets(original: Any, self: Any) -> Any:
    """PutTargets."""
    _own_rule(self, "Rule")
    return original(self)


@hook("moto.events.responses:EventsHandler.remove_targets")
def answer_remove_targets(original: Any, self: Any) -> Any:
    """RemoveTargets."""
    _own_rule(self, "Rule")
    return original(self)


@hook("moto.events.responses:EventsHandler.list_targets_by_rule")
def answer_list_targets(original: Any, self: Any) -> Any:
    """ListTargetsByRule."""
    _rule(self, "Rule")
    return original(self)


@hook("moto.events.models:EventsBackend.list_rules")
def list_rules(original: Any, self: Any, prefix: str | None = None, **given: Any) -> Any:
    """The rules whose name begins so. moto reads the prefix as a pattern."""
    return original(self, prefix=re.escape(prefix) if prefix else prefix, **given)


# -- buses -------------------------------------------------------------------------------------------


@hook("moto.events.responses:EventsHandler.list_event_buses")
def answer_list_buses(original: Any, self: Any) -> Any:
    """ListEventBuses, with the times that moto leaves out."""
    body, headers = original(self)
    found = json.loads(body)
    for one in found["EventBuses"]:
        bus = self.events_backend.event_buses[one["Name"]]
        one["CreationTime"], one["LastModifiedTime"] = bus.creation_time, bus.last_modified_time
    return json.dumps(found), headers


@hook("moto.events.models:EventBus.add_permission")
def add_permission(
    original: Any, self: Any, statement_id: str, action: str, principal: Any, condition: Any
) -> None:
    """PutPermission adds a statement. Others for the same account stay."""
    from labkit.sandbox.services import _events_rules as rules

    rules.add_permission(self, statement_id, action, principal, condition)


@hook("moto.events.models:EventsBackend._put_permission_from_policy")
def put_policy(original: Any, event_bus: Any, policy: str) -> None:
    """PutPermission with a policy replaces the whole policy."""
    from labkit.sandbox.services import _events_rules as rules

    rules.replace_policy(event_bus, policy)


# -- archives and replays ------------------------------------------------------------------------------


@hook("moto.events.models:Archive.describe_short")
def archive_shown(original: Any, self: Any) -> dict[str, Any]:
    """An archive with its counts."""
    from labkit.sandbox.services import _events_archives as archives

    return archives.shown(original(self), self)


@hook("moto.events.models:Archive.update")
def update_archive(original: Any, self: Any, description: Any, event_pattern: Any, retention: Any) -> None:
    """A changed pattern also changes the rule that feeds the archive."""
    from labkit.sandbox.services import _events_archives as archives

    archives.update(self, description, event_pattern, retention)


@hook("moto.events.models:EventsBackend.start_replay")
def start_replay(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    """StartReplay: ten at a time."""
    from labkit.sandbox.services import _events_archives as archives

    archives.check_room(self)
    return original(self, *args, **kwargs)


@hook("moto.events.models:Replay.replay_events")
def replay_events(original: Any, self: Any, archive: Any) -> None:
    """A replay runs on the clock."""
    from labkit.sandbox.services import _events_archives as archives

    archives.begin(self)


@hook("moto.events.models:Replay.describe_short")
def replay_shown(original: Any, self: Any) -> dict[str, Any]:
    """A replay with how far it is."""
    from labkit.sandbox.services import _events_archives as archives

    return archives.describe(original(self), self)


@hook("moto.events.models:EventsBackend.cancel_replay")
def cancel_replay(original: Any, self: Any, name: str) -> dict[str, str]:
    """CancelReplay."""
    from labkit.sandbox.services import _events_archives as archives

    return archives.cancel(self._get_replay(name))


@hook("moto.events.models:EventsBackend.list_replays")
def list_replays(original: Any, self: Any, name_prefix: Any, source_arn: Any, state: Any) -> Any:
    """ListReplays, also by state."""
    from labkit.sandbox.services import _events_archives as archives

    found = original(self, name_prefix, source_arn, state)
    return found if not state else archives.with_state(self, state)


# -- connections ---------------------------------------------------------------------------------------

_SHORT: Final = ("ConnectionArn", "ConnectionState", "CreationTime", "LastModifiedTime")


@hook("moto.events.models:EventsBackend.create_connection")
def create_connection(original: Any, self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    """CreateConnection: a name is taken once; OAuth asks for its token on the clock."""
    from labkit.sandbox.services import _events_http as http

    if name in self.connections:
        raise exceptions.ResourceAlreadyExistsException(f"Connection {name} already exists.")
    connection = original(self, name, *args, **kwargs)
    http.begin(connection)
    return connection


@hook("moto.events.responses:EventsHandler.create_connection")
def answer_create_connection(original: Any, self: Any) -> Any:
    """CreateConnection, with the state as it is."""
    from labkit.sandbox.services import _events_http as http

    original(self)
    connection = self.events_backend.connections[self._get_param("Name")]
    return self._create_response(http.part(connection, *_SHORT))


@hook("moto.events.models:Connection.describe")
def describe_connection(original: Any, self: Any) -> dict[str, Any]:
    """A connection without its secrets."""
    from labkit.sandbox.services import _events_http as http

    return http.described(self)


@hook("moto.events.models:EventsBackend.update_connection")
def update_connection(original: Any, self: Any, name: str, **given: Any) -> dict[str, Any]:
    """UpdateConnection: it is authorized anew."""
    from labkit.sandbox.services import _events_http as http

    original(self, name, **given)
    connection = self.connections[name]
    http.begin(connection)
    return http.part(connection, *_SHORT, "LastAuthorizedTime")


@hook("moto.events.responses:EventsHandler.list_connections")
def list_connections(original: Any, self: Any) -> Any:
    """ListConnections."""
    from labkit.sandbox.services import _events_http as http

    prefix, state = self._get_param("NamePrefix") or "", self._get_param("ConnectionState")
    found = [http.shown(connection) for connection in self.events_backend.list_connections()]
    wanted = [
        one for one in found if one["Name"].startswith(prefix) and state in (None, one["ConnectionState"])
    ]
    return self._create_response({"Connections": wanted})
