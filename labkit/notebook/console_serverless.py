"""Topics, buses, schedules, pipes, log groups, roles and keys as tables of the console."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from labkit.drawing.queue_state import backends
from labkit.drawing.services._filters import phrase
from labkit.drawing.timeline_words import cut, moment
from labkit.notebook.console_section import LONGEST, Section, alerting, elsewhere
from labkit.sandbox.trace import short_name

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

Row = tuple[str, ...]
_SHORT = 30
_ON = ("on", "confirmed", "kept")


def sections(sandbox: Sandbox) -> Iterator[Section]:
    """A table for every kind of thing; empty ones too."""
    yield from _sns(sandbox)
    yield from _events(sandbox)
    yield _schedules(sandbox)
    yield _pipes(sandbox)
    yield from _logs(sandbox)
    yield _roles(sandbox)
    yield _keys(sandbox)


def _listed(names: list[str], most: int = 3) -> str:
    told = ", ".join(cut(name, _SHORT) for name in names[:most])
    return told + (f" and {len(names) - most:,} more" if len(names) > most else "")


# -- Amazon SNS ------------------------------------------------------------------------------------


def _sns(sandbox: Sandbox) -> Iterator[Section]:
    topics: list[Row] = []
    ends: list[Row] = []
    for account, region, backend in backends("sns"):
        where = elsewhere(sandbox, account, region)
        for topic in backend.topics.values():
            own = [one for one in backend.subscriptions.values() if one.topic is topic]
            to = _listed([f"{one.protocol}: {short_name(str(one.endpoint))}" for one in own])
            topics.append((cut(topic.name, LONGEST) + where, f"{len(own):,}", to))
            ends += [_subscription(topic.name, one) for one in own]
    yield Section("sns", "Amazon SNS", ("topic", "#subscriptions", "to"), tuple(topics), ("topic", "topics"))
    columns = ("topic", "protocol", "endpoint", "filter", "dead letters", "state")
    yield Section(
        "sns", "Amazon SNS subscriptions", columns, tuple(ends), ("subscription", "subscriptions"),
        alerting(ends, _ON),
    )  # fmt: skip


def _subscription(topic: str, one: Any) -> Row:
    waits = one.attributes.get("PendingConfirmation") == "true"
    scope = "body: " if one.attributes.get("FilterPolicyScope") == "MessageBody" else ""
    asked = phrase(one.attributes.get("FilterPolicy"))
    return (
        cut(topic, _SHORT), str(one.protocol), cut(short_name(str(one.endpoint)), _SHORT),
        cut(f"{scope}{asked}", _SHORT) if asked else "",
        short_name(_member(one.attributes.get("RedrivePolicy"), "deadLetterTargetArn")),
        "not confirmed" if waits else "confirmed",
    )  # fmt: skip


def _member(document: Any, name: str) -> str:
    """A member of a JSON document, or nothing when there is none."""
    try:
        told = json.loads(document) if isinstance(document, str) and document else document
    except ValueError:
        return ""
    return str(told.get(name) or "") if isinstance(told, dict) else ""


# -- Amazon EventBridge ----------------------------------------------------------------------------


def _events(sandbox: Sandbox) -> Iterator[Section]:
    buses: list[Row] = []
    rules: list[Row] = []
    archives: list[Row] = []
    for account, region, backend in backends("events"):
        where = elsewhere(sandbox, account, region)
        for bus in backend.event_buses.values():
            own = [rule for rule in bus.rules.values() if not rule.managed_by]
            if bus.name != "default" or own:
                kept = [one.name for one in backend.archives.values() if one.event_bus_name == bus.name]
                buses.append((cut(bus.name, LONGEST) + where, f"{len(own):,}", _listed(kept)))
            rules += [_rule(bus.name, rule) for rule in own]
        archives += [_archive(one, where) for one in backend.archives.values()]
    yield Section(
        "eventbridge",
        "Amazon EventBridge",
        ("bus", "#rules", "archives"),
        tuple(buses),
        ("event bus", "event buses"),
    )
    columns = ("rule", "bus", "when", "targets", "state")
    yield Section(
        "rule",
        "EventBridge rules",
        columns,
        tuple(rules),
        ("rule", "rules"),
        alerting(rules, _ON),
    )
    columns = ("archive", "bus", "#events", "keeps", "state")
    yield Section(
        "archive", "EventBridge archives", columns, tuple(archives), ("archive", "archives"), alerting(archives, _ON)
    )  # fmt: skip


def _rule(bus: str, rule: Any) -> Row:
    asked = phrase(rule.event_pattern.get_pattern() or {})
    when = ", ".join(filter(None, (rule.scheduled_expression, asked)))
    targets = _listed([short_name(str(one.get("Arn", ""))) for one in rule.targets])
    off = rule.state == "DISABLED"
    return (
        cut(rule.name, _SHORT),
        cut(bus, _SHORT),
        cut(when, LONGEST),
        targets,
        "disabled" if off else "on",
    )


def _archive(one: Any, where: str) -> Row:
    keeps = f"{one.retention} days" if one.retention else "for ever"
    state = "on" if one.state == "ENABLED" else str(one.state).lower()
    return (
        cut(one.name, LONGEST) + where,
        cut(one.event_bus_name, _SHORT),
        f"{len(one.events):,}",
        keeps,
        state,
    )


# -- Scheduler and Pipes ---------------------------------------------------------------------------


def _schedules(sandbox: Sandbox) -> Section:
    rows: list[Row] = []
    for account, region, backend in backends("scheduler"):
        where = elsewhere(sandbox, account, region)
        for group in backend.schedule_groups.values():
            for one in group.schedules.values():
                due = getattr(one, "labkit_due", None)
                name = one.name if group.name == "default" else f"{group.name}/{one.name}"
                rows.append(
                    (
                        cut(name, LONGEST) + where,
                        cut(one.schedule_expression, _SHORT),
                        str(one.schedule_expression_timezone or "UTC"),
                        f"{moment(due.when)} UTC" if due is not None else "",
                        cut(short_name(str(one.target.get("Arn", ""))), _SHORT),
                        "on" if one.state == "ENABLED" else "disabled",
                    )
                )
    columns = ("schedule", "expression", "time zone", "next", "target", "state")
    return Section(
        "scheduler",
        "EventBridge Scheduler",
        columns,
        tuple(rows),
        ("schedule", "schedules"),
        alerting(rows, _ON),
    )


def _pipes(sandbox: Sandbox) -> Section:
    rows: list[Row] = []
    for account, region, backend in backends("pipes"):
        where = elsewhere(sandbox, account, region)
        for one in backend.pipes.values():
            ends = [
                cut(short_name(str(end or "")), _SHORT) for end in (one.source, one.enrichment, one.target)
            ]
            state = str(one.current_state).lower().replace("_", " ")
            rows.append((cut(one.name, LONGEST) + where, *ends, "on" if state == "running" else state))
    columns = ("pipe", "from", "through", "to", "state")
    return Section("pipes", "EventBridge Pipes", columns, tuple(rows), ("pipe", "pipes"), alerting(rows, _ON))


# -- logs, roles, keys -----------------------------------------------------------------------------


def _logs(sandbox: Sandbox) -> Iterator[Section]:
    rows: list[Row] = []
    for account, region, backend in backends("logs"):
        where = elsewhere(sandbox, account, region)
        for group in backend.groups.values():
            keeps = f"{group.retention_in_days} days" if group.retention_in_days else "for ever"
            count = sum(len(stream.events) for stream in group.streams.values())
            goes = _listed(
                [short_name(str(one.destination_arn)) for one in group.subscription_filters.values()]
            )
            rows.append(
                (cut(group.name, LONGEST) + where, f"{len(group.streams):,}", f"{count:,}", keeps, goes)
            )
    columns = ("log group", "#streams", "#events", "keeps", "sends to")
    yield Section("logs", "CloudWatch Logs", columns, tuple(rows), ("log group", "log groups"))


def _roles(sandbox: Sandbox) -> Section:
    rows: list[Row] = []
    for account, region, backend in backends("iam"):
        where = elsewhere(sandbox, account, region)
        for role in backend.roles.values():
            if str(role.path).startswith("/aws-service-role/"):
                continue
            policies = [*role.policies, *(short_name(str(arn)) for arn in role.managed_policies)]
            trusted = list(dict.fromkeys(_trusted(role.assume_role_policy_document)))
            told = _listed(policies) if policies else "no policy"
            rows.append((cut(role.name, LONGEST) + where, _listed(trusted), told))
    columns = ("role", "may be assumed by", "policies")
    alerts = frozenset(place for place, row in enumerate(rows) if row[-1] == "no policy")
    return Section("iam", "IAM roles", columns, tuple(rows), ("role", "roles"), alerts)


def _trusted(document: Any) -> Iterator[str]:
    """Who may assume a role, by its trust policy."""
    try:
        told = json.loads(document) if isinstance(document, str) else document
    except ValueError:
        return
    statements = told.get("Statement", []) if isinstance(told, dict) else []
    for statement in [statements] if isinstance(statements, dict) else statements:
        named = statement.get("Principal") if statement.get("Effect") == "Allow" else None
        for who in named.values() if isinstance(named, dict) else [named] if named else []:
            for one in [who] if isinstance(who, str) else who:
                yield short_name(str(one)).removesuffix(".amazonaws.com")


def _keys(sandbox: Sandbox) -> Section:
    rows: list[Row] = []
    for account, region, backend in backends("kms"):
        where = elsewhere(sandbox, account, region)
        for key in backend.keys.values():
            names = [one.alias_name for one in key.aliases.values()]
            if key.key_manager == "CUSTOMER" and not any(name.startswith("alias/aws/") for name in names):
                state = str(key.key_state)
                told = "on" if state == "Enabled" else state.lower()
                rows.append((key.id[:8] + where, _listed(names), cut(key.description, LONGEST), told))
    columns = ("key", "aliases", "description", "state")
    return Section("kms", "AWS KMS", columns, tuple(rows), ("key", "keys"), alerting(rows, _ON))
