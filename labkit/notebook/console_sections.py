"""The account's resources, service by service, as tables of words and numbers.

Queues and tables have readers here, functions in `console_functions`, topics, buses and the like in
`console_serverless`. For other services the names are taken from where moto keeps
them; a service nobody has thought of is still shown, by the names of whatever was made in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from labkit.drawing.queue_state import QueueState, backends, queues, registries
from labkit.drawing.timeline_words import cut, spoken
from labkit.notebook import console_containers, console_functions, console_serverless, console_states
from labkit.notebook.console_section import LONGEST, Section, elsewhere
from labkit.sandbox.trace import short_name

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

_NAMES: Final = 8
"""Names shown of one kind of thing that has no table of its own."""


_KINDS: Final = (
    # the word of its pictogram, moto's name of the service, where moto keeps the things, what they are
    ("s3", "s3", "buckets", "buckets"),
    ("ecs", "ecs", "clusters", "clusters"),
    ("apigateway", "apigateway", "apis", "APIs"),
    ("secretsmanager", "secretsmanager", "secrets", "secrets"),
    ("ssm", "ssm", "_parameters", "parameters"),
    ("iam", "iam", "users", "users"),
)
_READ: Final = frozenset(
    {
        "sqs", "dynamodb", "sns", "lambda", "events", "scheduler", "pipes", "logs", "kms", "stepfunctions", "ecr",
        *(service for _, service, *_ in _KINDS),
    }
)  # fmt: skip
_QUIET: Final = frozenset({"moto_api", "sts", "instance_metadata"})


def sections(sandbox: Sandbox) -> list[Section]:
    """Everything in the account. Services with nothing in them are left out."""
    found = [
        _queues(sandbox), _tables(sandbox), *console_functions.sections(sandbox),
        *console_serverless.sections(sandbox), *console_states.sections(sandbox),
        *console_containers.sections(sandbox), _others(sandbox),
    ]  # fmt: skip
    return [section for section in found if section.rows]


# -- services with a table of their own ------------------------------------------------------------


def _queues(sandbox: Sandbox) -> Section:
    now = sandbox.clock.time()
    found = queues(sandbox)
    columns = ("queue", "#visible", "#in flight", "#delayed", "#oldest", "dead-letter queue")
    return Section(
        "sqs",
        "Amazon SQS",
        columns,
        rows=tuple(_queue_row(queue, sandbox, now) for queue in found),
        noun=("queue", "queues"),
        alerts=frozenset(place for place, queue in enumerate(found) if queue.serves and queue.total),
    )


def _queue_row(queue: QueueState, sandbox: Sandbox, now: float) -> tuple[str, ...]:
    if queue.serves:
        role = "of " + ", ".join(cut(name, LONGEST) for name in queue.serves[:3])
        role = f"holds dead letters {role}" if queue.total else f"is one, {role}"
    else:
        role = cut(queue.dead_letter, LONGEST) or "none"
    age = spoken(now - queue.sent_first) if queue.total else ""
    name = cut(queue.name, LONGEST) + elsewhere(sandbox, queue.account, queue.region)
    return (name, f"{queue.visible:,}", f"{queue.in_flight:,}", f"{queue.delayed:,}", age, role)


def _tables(sandbox: Sandbox) -> Section:
    rows = []
    for account, region, backend in backends("dynamodb"):
        for table in backend.tables.values():
            name = cut(table.name, LONGEST) + elsewhere(sandbox, account, region)
            keys = sorted(table.schema, key=lambda part: str(part.get("KeyType")))
            key = ", ".join(str(part.get("AttributeName")) for part in keys)
            rows.append((name, f"{len(table):,}", cut(key, LONGEST)))
    return Section(
        "dynamodb", "Amazon DynamoDB", ("table", "#items", "key"), tuple(rows), ("table", "tables")
    )


# -- the others, by name ---------------------------------------------------------------------------


def _others(sandbox: Sandbox) -> Section:
    rows = [
        _named(service, what, _names(getattr(backend, kept, None)), _place(sandbox, account, region))
        for _, service, kept, what in _KINDS
        for account, region, backend in backends(service)
    ]
    for registry in registries():
        if registry.service_name not in _READ | _QUIET:
            rows += _unknown(sandbox, registry)
    columns = ("service", "what", "#how many", "names")
    kept_rows = tuple(row for row in rows if row)
    return Section(
        "generic", "Other services", columns, kept_rows, ("kind of resource", "kinds of resources")
    )


def _place(sandbox: Sandbox, account: str, region: str) -> str:
    return "" if "-" not in region else elsewhere(sandbox, account, region)


def _named(service: str, what: str, names: Sequence[str], place: str) -> tuple[str, ...]:
    if not names:
        return ()
    told = ", ".join(cut(name, LONGEST) for name in names[:_NAMES])
    more = f" and {len(names) - _NAMES:,} more" if len(names) > _NAMES else ""
    return (f"{service}{place}", what, f"{len(names):,}", told + more)


def _names(kept: Any) -> list[str]:
    """The names of the things moto keeps in a mapping, a list, or a store of its own."""
    if kept is None:
        return []
    if hasattr(kept, "latest"):  # functions: the newest version of each
        kept = kept.latest()
    items: Iterable[tuple[str, Any]]
    items = dict.items(kept) if isinstance(kept, dict) else (("", one) for one in kept)
    found = [_name(str(key), value) for key, value in list(items)]
    return [name for name in found if name and name != "default"]


def _name(key: str, thing: Any) -> str:
    told = vars(thing) if hasattr(thing, "__dict__") else {}
    for word in ("function_name", "name", "id"):
        if isinstance(told.get(word), str) and told[word]:
            return str(told[word])
    return short_name(key)


def _unknown(sandbox: Sandbox, registry: Any) -> Iterator[tuple[str, ...]]:
    """A service without a reader: whatever moto holds for it beyond what it begins with."""
    service = str(registry.service_name)
    for account, region, backend in backends(service):
        begins = _at_first(registry, account, region)
        for attribute, kept in list(vars(backend).items()):
            if attribute.startswith("_") or not isinstance(kept, dict):
                continue
            if len(kept) > begins.get(attribute, 0):
                what = attribute.replace("_", " ")
                yield _named(service, what, _names(kept), _place(sandbox, account, region))


_seeded: dict[str, Mapping[str, int]] = {}


def _at_first(registry: Any, account: str, region: str) -> Mapping[str, int]:
    """How many things a new backend of a service holds: default networks, machine images and the like."""
    service = str(registry.service_name)
    if service not in _seeded:
        from moto.moto_api._internal import mock_random

        dice = mock_random.getstate()  # a new backend draws ids; nobody may notice
        try:
            new = registry.backend(region, account_id=account)
        finally:
            mock_random.setstate(dice)
        _seeded[service] = {name: len(kept) for name, kept in vars(new).items() if isinstance(kept, dict)}
    return _seeded[service]
