"""A request at a load balancer: listener, rule, target group, target, and what comes back.

Nothing here moves the clock: the answer says how long it took.

Sources: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html (502:
the target closed or refused the connection; 503: no registered targets; 504: no answer before the idle timeout; 405:
TRACE; 463: more than 30 addresses in X-Forwarded-For), x-forwarded-headers.html (headers a target gets; the
default is to append), botocore's model, elasticloadbalancingv2 (LoadBalancerAttribute: idle_timeout.timeout_seconds).
No text of AWS was found for the pages of errors: their words are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from labkit.sandbox.services import _elbv2_choice as choice
from labkit.sandbox.services import _elbv2_metrics as metrics
from labkit.sandbox.services import _elbv2_probe as probes
from labkit.sandbox.services import _elbv2_rules as rules
from labkit.sandbox.services import _elbv2_store as store
from labkit.sandbox.services._elbv2_rules import Asked

if TYPE_CHECKING:
    from labkit.sandbox.fleet.boxes import Box

IDLE: Final = "60"
"""Seconds a load balancer waits for a target: the default of idle_timeout.timeout_seconds."""
SOURCE: Final = "198.51.100.10"
"""The address requests from the notebook come from: one of a block for documentation (RFC 5737)."""
_PHRASES: Final = {503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}
_SERVER: Final = "awselb/2.0"


class Answer(NamedTuple):
    """What a client gets. Status 0: no answer, and `error` says why. `box` is the container that answered, if any."""

    status: int
    body: str = ""
    latency: float = 0.0
    error: str = ""
    headers: Mapping[str, str] = {}
    target: str = ""
    box: Box | None = None


def answer(
    host: str,
    request: Any,
    now: float,
    *,
    port: int = 80,
    scheme: str = "http",
    source: str = SOURCE,
) -> Answer:
    """The answer of the load balancer with this DNS name to a request (`fleet.boxes.Request`) that comes now.

    `path` of the request may end in a query. Names of its headers may be of any case.
    """
    balancer = store.balancer_at(host)
    if balancer is None:
        return Answer(0, error="unknown host")
    listener = next((one for one in balancer.listeners.values() if int(one.port or 0) == port), None)
    if listener is None:
        return Answer(0, error="connection timed out")
    path, _, query = request.path.partition("?")
    given = request.headers
    headers = {name.lower(): value for name, value in given.items()} if given else {}
    asked = Asked(
        request.method, headers.get("host", host), path or "/", query, headers, request.body, source,
        request.user, request.weight, scheme, port,
    )  # fmt: skip
    if balancer.type == "network":
        return _passed_through(balancer, listener, asked, now)
    found = _refused(asked)
    if found is None:
        rule = rules.rule_for(listener, asked)
        # Whatever comes before the last action, such as authentication, must not be passed over.
        action = next((one for one in rule.actions if one.type not in _ACTIONS), rule.actions[-1])
        act: Callable[..., Answer] = _ACTIONS.get(action.type, _not_simulated)
        found = act(balancer, rule, action, asked, now)
    return found


def _refused(asked: Asked) -> Answer | None:
    if asked.method == "TRACE":
        return page(405)
    forwarded = asked.headers.get("x-forwarded-for")
    if forwarded and forwarded.count(",") >= 30:
        return page(463)
    return None


def page(status: int, latency: float = 0.0, error: str = "") -> Answer:
    """An answer the load balancer makes itself."""
    try:
        phrase = _PHRASES.get(status) or HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    title = f"{status} {phrase}".strip()
    body = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        "</body>\r\n</html>\r\n"
    )
    headers = {"Server": _SERVER, "Content-Type": "text/html"}
    return Answer(status, body, latency, error, headers)


# -- actions -------------------------------------------------------------------------------------------


def _forward(balancer: Any, rule: Any, action: Any, asked: Asked, now: float) -> Answer:
    group = choice.group_for(rule, action)
    target = choice.target_for(group, balancer, asked, now) if group is not None else None
    if target is None:
        found = page(503)
        metrics.count(balancer, group, now, asked.weight, elb=503)
        return found
    box = probes.box_for(group, target, now)
    sent = _sent(box, asked, now)
    idle = float(store.attribute(balancer.attrs, "idle_timeout.timeout_seconds", IDLE))
    if sent.latency > idle:
        metrics.count(balancer, group, now, asked.weight, elb=504)
        choice.began(group, target, now + idle, asked.weight)
        return page(504, idle)._replace(target=target.key)
    choice.began(group, target, now + sent.latency, asked.weight)
    if sent.status == 0:
        metrics.count(balancer, group, now, asked.weight, elb=502, refused="refused" in sent.error)
        return page(502, sent.latency)._replace(target=target.key)
    metrics.count(balancer, group, now, asked.weight, target=sent.status, seconds=sent.latency)
    headers = sent.headers
    if choice.sticky(group):
        headers = {**headers, "Set-Cookie": f"{choice.COOKIE}={choice.cookie(target)}; Path=/"}
    return Answer(sent.status, sent.body, sent.latency, "", headers, target.key, box)


def _sent(box: Box | None, asked: Asked, now: float) -> Any:
    from labkit.sandbox.fleet import boxes

    if box is None:
        return boxes.REFUSED
    came = asked.headers.get("x-forwarded-for")
    headers = {
        **asked.headers, "host": asked.host, "x-forwarded-proto": asked.scheme, "x-forwarded-port": str(asked.port),
        "x-forwarded-for": f"{came}, {asked.source}" if came else asked.source,
    }  # fmt: skip
    path = f"{asked.path}?{asked.query}" if asked.query else asked.path
    request = boxes.Request(asked.method, path, headers, asked.body, asked.user, asked.weight)
    return boxes.serve(box, request, now)


def _fixed(balancer: Any, rule: Any, action: Any, asked: Asked, now: float) -> Answer:
    config = action.data.get("FixedResponseConfig") or {}
    status = int(config.get("StatusCode") or 200)
    metrics.count(balancer, None, now, asked.weight, elb=status, own="HTTP_Fixed_Response_Count")
    headers = {"Server": _SERVER, "Content-Type": str(config.get("ContentType") or "text/plain")}
    return Answer(status, str(config.get("MessageBody") or ""), headers=headers)


def _redirect(balancer: Any, rule: Any, action: Any, asked: Asked, now: float) -> Answer:
    config = action.data.get("RedirectConfig") or {}
    status = 301 if config.get("StatusCode") == "HTTP_301" else 302
    metrics.count(balancer, None, now, asked.weight, elb=status, own="HTTP_Redirect_Count")
    found = page(status)
    return found._replace(headers={**found.headers, "Location": rules.location(config, asked)})


def _not_simulated(balancer: Any, rule: Any, action: Any, asked: Asked, now: float) -> Answer:
    text = f"The action {action.type} of a listener is not simulated here; it exists on AWS."
    return Answer(500, text, error="NotSimulated", headers={"Content-Type": "text/plain"})


_ACTIONS: Final[dict[str, Callable[..., Answer]]] = {
    "forward": _forward,
    "fixed-response": _fixed,
    "redirect": _redirect,
}


# -- network load balancers ----------------------------------------------------------------------------


def _passed_through(balancer: Any, listener: Any, asked: Asked, now: float) -> Answer:
    """TCP: the bytes go to one target, and nobody speaks HTTP in between."""
    rule = listener._default_rule[0]
    group = choice.group_for(rule, rule.actions[-1])
    target = choice.target_for(group, balancer, asked, now) if group is not None else None
    if target is None:
        return Answer(0, error="connection timed out")
    box = probes.box_for(group, target, now)
    if box is None:
        return Answer(0, error="connection refused", target=target.key)
    from labkit.sandbox.fleet import boxes

    path = f"{asked.path}?{asked.query}" if asked.query else asked.path
    request = boxes.Request(asked.method, path, asked.headers, asked.body, asked.user, asked.weight)
    sent = boxes.serve(box, request, now)
    return Answer(sent.status, sent.body, sent.latency, sent.error, sent.headers, target.key, box)


# -- afterwards ----------------------------------------------------------------------------------------


def settled(found: Answer, began: float) -> Answer:
    """The same answer, seen from its end: a container that ended while it worked has sent nothing."""
    box = found.box
    if box is None or box.exits_at is None or box.exits_at >= began + found.latency:
        return found
    return page(502, max(0.0, box.exits_at - began))._replace(target=found.target)


def known(host: str) -> bool:
    """Whether a load balancer has this DNS name."""
    return store.balancer_at(host) is not None


def parts_of(url: str) -> tuple[str, str, int, str]:
    """Scheme, host name, port, and path with query of a URL."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    port = parts.port or (443 if scheme == "https" else 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return scheme, (parts.hostname or "").lower(), port, path
