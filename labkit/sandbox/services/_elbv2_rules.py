"""Rules of a listener: which one a request meets.

Sources: botocore's model, elasticloadbalancingv2 (RuleCondition and the shapes of its conditions: wildcards, case,
what is compared), https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from labkit.sandbox.services import _elbv2_store as store


class Asked(NamedTuple):
    """A request as a listener sees it. Header names are small; `path` and `query` are as they were sent."""

    method: str
    host: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: str
    source: str
    user: str = ""
    weight: float = 1.0
    scheme: str = "http"
    port: int = 80


def rule_for(listener: Any, asked: Asked) -> Any:
    """The first rule, by priority, all of whose conditions the request meets."""
    if not listener._non_default_rules:
        return listener._default_rule[0]
    for rule in store.rules(listener):
        if all(_meets(condition, asked) for condition in rule.conditions):
            return rule
    return listener._default_rule[0]


def _meets(condition: Mapping[str, Any], asked: Asked) -> bool:
    judge = _JUDGES.get(condition.get("Field", ""))
    return judge is not None and judge(condition, asked)


def _values(condition: Mapping[str, Any], config: str) -> list[Any]:
    inner = condition.get(config) or {}
    return [*(condition.get("Values") or []), *(inner.get("Values") or [])]


def _path(condition: Mapping[str, Any], asked: Asked) -> bool:
    return any(_like(one).fullmatch(asked.path) for one in _values(condition, "PathPatternConfig"))


def _host(condition: Mapping[str, Any], asked: Asked) -> bool:
    host = asked.host.partition(":")[0].lower()
    return any(_like(one.lower()).fullmatch(host) for one in _values(condition, "HostHeaderConfig"))


def _header(condition: Mapping[str, Any], asked: Asked) -> bool:
    config = condition.get("HttpHeaderConfig") or {}
    value = asked.headers.get(str(config.get("HttpHeaderName", "")).lower())
    if value is None:
        return False
    return any(_like(one.lower()).fullmatch(value.lower()) for one in config.get("Values") or [])


def _method(condition: Mapping[str, Any], asked: Asked) -> bool:
    return asked.method in _values(condition, "HttpRequestMethodConfig")


def _query(condition: Mapping[str, Any], asked: Asked) -> bool:
    pairs = [(name.lower(), value.lower()) for name, value in parse_qsl(asked.query, keep_blank_values=True)]
    for wanted in _values(condition, "QueryStringConfig"):
        key, value = wanted.get("Key"), _like(str(wanted.get("Value", "")).lower())
        named = _like(key.lower()) if key else None
        for name, found in pairs:
            if (named is None or named.fullmatch(name)) and value.fullmatch(found):
                return True
            if named is None and value.fullmatch(f"{name}={found}" if found else name):
                return True
    return False


def _source(condition: Mapping[str, Any], asked: Asked) -> bool:
    address = ipaddress.ip_address(asked.source)
    return any(
        address in ipaddress.ip_network(one, strict=False) for one in _values(condition, "SourceIpConfig")
    )


_JUDGES: Final[dict[str, Callable[[Mapping[str, Any], Asked], bool]]] = {
    "path-pattern": _path,
    "host-header": _host,
    "http-header": _header,
    "http-request-method": _method,
    "query-string": _query,
    "source-ip": _source,
}


@functools.lru_cache(maxsize=512)
def _like(pattern: str) -> re.Pattern[str]:
    """A pattern in which `*` is any text, `?` one character, and a backslash takes both their meaning away."""
    parts = re.split(r"(\\[*?]|[*?])", pattern)
    signs = {"*": ".*", "?": "."}
    return re.compile(
        "".join(signs.get(one) or re.escape(one.removeprefix("\\")) for one in parts), re.DOTALL
    )


# -- where a redirect leads ----------------------------------------------------------------------------


def location(config: Mapping[str, Any], asked: Asked) -> str:
    """The Location of a redirect action: its parts, with the request's own in place of #{...}."""
    own = {
        "protocol": asked.scheme, "host": asked.host, "port": str(asked.port), "path": asked.path.lstrip("/"),
        "query": asked.query,
    }  # fmt: skip

    def filled(name: str, usual: str) -> str:
        text = str(config.get(name) or usual)
        return re.sub(r"#\{(protocol|host|port|path|query)\}", lambda found: own[found[1]], text)

    scheme, port = filled("Protocol", "#{protocol}").lower(), filled("Port", "#{port}")
    query = filled("Query", "#{query}")
    return f"{scheme}://{filled('Host', '#{host}')}:{port}{filled('Path', '/#{path}')}" + (
        f"?{query}" if query else ""
    )
