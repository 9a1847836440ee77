"""Elastic Load Balancing (version 2) in the lab's account.

Simulated here:
- Application Load Balancers answer `requests` and `urllib` in the notebook, the account's endpoint and `lab.traffic`.
- Listeners and rules: priority, all six conditions with their wildcards, forward with weighted target groups,
  redirect, fixed-response. 502 when a target refuses or closes, 503 without targets, 504 after the idle timeout.
- Target groups of type ip (and instance, where a container of ECS has a port of that instance), several ports of one
  address, targets in zones that are not enabled.
- Health checks on the clock, with interval, timeout, thresholds, matcher, path and port; states, reasons and
  descriptions of AWS; one good check makes a new target healthy. Fail open when no target is healthy.
- Deregistration delay and draining; round robin, least outstanding requests, slow start, cross-zone on and off, the
  load balancer's own cookie (AWSALB).
- Network Load Balancers with TCP listeners pass a request through to a target.
- Metrics (RequestCount, HTTPCode_*, TargetResponseTime, RequestCountPerTarget, HealthyHostCount, ...), one point a
  minute. They can be looked back 24 hours.

Differs on AWS:
- A load balancer is active at once; AWS takes some minutes. Its nodes are one.
- The first health check comes 5 s after registration: our figure. Checks take no capacity, and a check that can only
  say what the last one said is not sent, so programs do not see each of them in their logs.
- Targets under initial checks count as not healthy: they get requests only when no target is healthy.
- Shares of weighted groups are dealt out exactly, not drawn. All requests from the notebook have one source address.
- Words for which no text of AWS was found: the pages of a balancer's own errors, names and target groups that are
  taken, addresses that cannot be targets, instances that do not exist, a balancer with one subnet.
- A request that still runs when the deregistration delay ends is let finish.
- A program that ends while it works on a request: the client gets 502 at that moment.

Not simulated:
- Security groups and network ACLs of load balancers and targets: every target can be reached. A later lab has them.
- Programs on EC2 instances that are not containers: such targets fail their health checks.
- TLS (an HTTPS listener answers without a certificate), authentication, AWS WAF, access logs, gRPC, WebSockets, UDP.
- Application cookies and stickiness of groups, regular expressions and URL rewrites in rules.
- Lambda functions and other load balancers as targets, Gateway Load Balancers.

Sources:
- https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
- https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
- https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
- https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
- API and limits: botocore's model, elasticloadbalancingv2/2015-12-01. More sources stand in the parts.
"""

from __future__ import annotations

import ipaddress
from types import SimpleNamespace
from typing import Any, Final

from moto.elbv2.exceptions import (
    ELBClientError,
    InvalidTargetError,
    LoadBalancerNotFoundError,
    TargetGroupNotFoundError,
)
from moto.moto_api._internal import mock_random

from labkit.sandbox import constraints, current
from labkit.sandbox.hooks import hook
from labkit.sandbox.services import _elbv2_store as store
from labkit.sandbox.services import _elbv2_targets as targets
from labkit.sandbox.services import _elbv2_web as web

_PRIVATE: Final = tuple(
    ipaddress.ip_network(one) for one in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")
)


def _refuse(code: str, message: str) -> None:
    raise ELBClientError(code, message)


# -- load balancers ------------------------------------------------------------------------------------


@hook("moto.elbv2.models:ELBv2Backend.create_load_balancer")
def create_load_balancer(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    """CreateLoadBalancer: names are taken once, an application needs two zones, the name of the host is AWS's."""
    name, kind = str(kwargs.get("name") or ""), kwargs.get("loadbalancer_type") or "application"
    scheme = kwargs.get("scheme") or "internet-facing"
    kwargs["scheme"] = scheme
    if any(one.name == name for one in self.load_balancers.values()):
        text = f"A load balancer with the same name '{name}' exists, but with different settings"
        _refuse("DuplicateLoadBalancerName", text)
    made = original(self, *args, **kwargs)
    if kind == "application" and len(set(store.zones(made))) < 2:
        del self.load_balancers[made.arn]
        text = "At least two subnets in two different Availability Zones must be specified"
        _refuse("ValidationError", text)
    before = made.arn
    if kind == "network":
        made.arn = before.replace(":loadbalancer/app/", ":loadbalancer/net/")
        self.load_balancers[made.arn] = self.load_balancers.pop(before)
        self.tagging_service.tag_resource(made.arn, kwargs.get("tags") or [])
        made.dns_name = f"{name}-{mock_random.get_random_hex(16)}.elb.{self.region_name}.amazonaws.com"
    else:
        front = "internal-" if scheme == "internal" else ""
        number = mock_random.randint(10**8, 2 * 10**9)
        made.dns_name = f"{front}{name}-{number}.{self.region_name}.elb.amazonaws.com"
    made.state = "active"
    web.make_reachable()
    _changed("LoadBalancerCreated", made.arn, made.dns_name)
    return made


@hook("moto.elbv2.models:ELBv2Backend.describe_load_balancers")
def describe_load_balancers(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    """DescribeLoadBalancers: an account that came from a snapshot is reachable from here on."""
    if self.load_balancers:
        web.make_reachable()
    return original(self, *args, **kwargs)


@hook("moto.elbv2.models:ELBv2Backend.delete_load_balancer")
def delete_load_balancer(original: Any, self: Any, arn: str) -> None:
    """DeleteLoadBalancer: not while it is protected. Its target groups are not in use any more."""
    found = self.load_balancers.get(arn)
    if found is None:
        return
    if str(found.attrs.get("deletion_protection.enabled")).lower() == "true":
        text = f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
        _refuse("OperationNotPermitted", text)
    original(self, arn)
    _groups_changed(self)
    _changed("LoadBalancerDeleted", arn)


# -- listeners and rules -------------------------------------------------------------------------------


@hook("moto.elbv2.models:ELBv2Backend.create_listener")
def create_listener(original: Any, self: Any, load_balancer_arn: str, *args: Any, **kwargs: Any) -> Any:
    """CreateListener: one for a port; a target group belongs to one load balancer."""
    found = self.load_balancers.get(load_balancer_arn)
    if found is None:
        raise LoadBalancerNotFoundError()
    port = kwargs.get("port", args[1] if len(args) > 1 else None)
    if any(str(one.port) == str(port) for one in found.listeners.values()):
        text = f"A listener already exists on this port for this load balancer '{load_balancer_arn}'"
        _refuse("DuplicateListener", text)
    if kwargs.get("protocol", args[0] if args else "") == "HTTPS" and not kwargs.get("certificate"):
        _refuse("ValidationError", "A certificate must be specified for HTTPS listeners")
    _one_balancer(self, load_balancer_arn, kwargs.get("actions", []))
    made = original(self, load_balancer_arn, *args, **kwargs)
    _groups_changed(self)
    return made


@hook("moto.elbv2.models:ELBv2Backend.modify_listener")
def modify_listener(original: Any, self: Any, arn: str, *args: Any, **kwargs: Any) -> Any:
    """ModifyListener."""
    actions = kwargs.get("actions", args[4] if len(args) > 4 else None)
    _one_balancer(self, _balancer_of(arn), actions or [])
    changed = original(self, arn, *args, **kwargs)
    _groups_changed(self)
    return changed


@hook("moto.elbv2.models:ELBv2Backend.delete_listener")
def delete_listener(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    """DeleteListener."""
    gone = original(self, *args, **kwargs)
    _groups_changed(self)
    return gone


@hook("moto.elbv2.models:ELBv2Backend.create_rule")
def create_rule(original: Any, self: Any, listener_arn: str, *args: Any, **kwargs: Any) -> Any:
    """CreateRule."""
    _one_balancer(self, _balancer_of(listener_arn), kwargs.get("actions", []))
    made = original(self, listener_arn, *args, **kwargs)
    _groups_changed(self)
    return made


@hook("moto.elbv2.models:ELBv2Backend.modify_rule")
def modify_rule(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    """ModifyRule."""
    rule_arn = kwargs.get("rule_arn") or args[0]
    _one_balancer(self, _balancer_of(rule_arn), kwargs.get("actions") or [])
    changed = original(self, *args, **kwargs)
    _groups_changed(self)
    return changed


@hook("moto.elbv2.models:ELBv2Backend.delete_rule")
def delete_rule(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    """DeleteRule."""
    gone = original(self, *args, **kwargs)
    _groups_changed(self)
    return gone


@hook("moto.elbv2.models:FakeRule.__init__")
def default_rule(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
    """The default rule of a listener. moto takes its name from the machine's memory: ours hangs on the seed."""
    original(self, *args, **kwargs)
    self.arn = f"{self.arn.rpartition('/')[0]}/{mock_random.get_random_hex(16)}"


def _balancer_of(arn: str) -> str:
    """The load balancer's ARN in that of a listener or rule."""
    head, _, tail = arn.partition(":listener")
    kind, name, number = tail.split("/")[1:4]
    return f"{head}:loadbalancer/{kind}/{name}/{number}"


def _one_balancer(backend: Any, arn: str, actions: list[dict[str, Any]]) -> None:
    for action in actions:
        for wanted in store.groups_in(SimpleNamespace(data=action)):
            group = backend.target_groups.get(wanted)
            if group is not None and any(one.arn != arn for one in store.users(group)):
                text = (
                    "The following target groups cannot be associated with more than one load balancer: "
                    f"{wanted}"
                )
                _refuse("TargetGroupAssociationLimit", text)


def _groups_changed(backend: Any) -> None:
    """Which load balancers use a target group, kept where moto keeps it; targets begin or end to be checked."""
    for group in list(backend.target_groups.values()):
        group.load_balancer_arns = [one.arn for one in store.users(group)]
        targets.used_anew(group)
    current().changed()


def _changed(action: str, arn: str, note: str = "") -> None:
    sandbox = current()
    sandbox.trace.record("state", "elbv2", action, resource=arn, note=note)
    sandbox.changed()


# -- target groups -------------------------------------------------------------------------------------


@hook("moto.elbv2.responses:ELBV2Response.create_target_group")
def create_target_group(original: Any, self: Any) -> Any:
    """CreateTargetGroup: the ranges of the model are held."""
    _check("CreateTargetGroup", self._get_params())
    return original(self)


_ATTRIBUTES: Final = (
    "deregistration_delay.timeout_seconds", "deregistration_delay.connection_termination.enabled",
    "stickiness.enabled", "stickiness.type", "stickiness.lb_cookie.duration_seconds",
    "stickiness.app_cookie.cookie_name", "stickiness.app_cookie.duration_seconds",
    "load_balancing.algorithm.type", "load_balancing.algorithm.anomaly_mitigation",
    "load_balancing.cross_zone.enabled", "target_group_health.dns_failover.minimum_healthy_targets.count",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
    "slow_start.duration_seconds", "lambda.multi_value_headers.enabled", "preserve_client_ip.enabled",
    "proxy_protocol_v2.enabled", "target_failover.on_deregistration", "target_failover.on_unhealthy",
    "target_health_state.unhealthy.connection_termination.enabled",
    "target_health_state.unhealthy.draining_interval_seconds", "tcp_keepalive.enabled",
    "send_tcp_reset.on_unhealthy.enabled", "send_tcp_reset.on_deregistration.enabled",
)  # fmt: skip
"""Attributes of target groups (API reference, TargetGroupAttribute)."""


@hook("moto.elbv2.models:ELBv2Backend.modify_target_group_attributes")
def modify_target_group_attributes(
    original: Any, self: Any, target_group_arn: str, attributes: dict[str, Any]
) -> Any:
    """ModifyTargetGroupAttributes: only those that there are; 3,600 seconds of delay are allowed."""
    for key in attributes:
        if key not in _ATTRIBUTES:
            _refuse("ValidationError", f"Target group attribute key '{key}' is not recognized")
    delay = "deregistration_delay.timeout_seconds"
    if attributes.get(delay) != "3600":
        return original(self, target_group_arn, attributes)
    done = original(self, target_group_arn, attributes | {delay: "3599"})
    self.target_groups[target_group_arn].attributes[delay] = "3600"
    return done


@hook("moto.elbv2.responses:ELBV2Response.modify_target_group")
def modify_target_group(original: Any, self: Any) -> Any:
    """ModifyTargetGroup: whoever is checked is checked anew."""
    params = self._get_params()
    _check("ModifyTargetGroup", params)
    group = self.elbv2_backend.target_groups.get(params.get("TargetGroupArn"))
    interval = int(params.get("HealthCheckIntervalSeconds") or 0)
    timeout = int(params.get("HealthCheckTimeoutSeconds") or 0)
    if group is not None and (interval or timeout):
        interval = interval or int(group.health_check_interval_seconds)
        timeout = timeout or int(group.health_check_timeout_seconds)
        if timeout >= interval and group.protocol in ("HTTP", "HTTPS"):
            text = f"Health check timeout '{timeout}' must be smaller than the interval '{interval}'"
            _refuse("ValidationError", text)
    answer = original(self)
    if group is not None:
        code = (params.get("Matcher") or {}).get("HttpCode")
        if code:
            group.matcher["HttpCode"] = code
        targets.settings_changed(group)
    return answer


@hook("moto.elbv2.responses:ELBV2Response.create_rule")
def check_rule(original: Any, self: Any) -> Any:
    """CreateRule: the ranges of the model are held."""
    _check("CreateRule", self._get_params())
    return original(self)


def _check(operation: str, params: dict[str, Any]) -> None:
    try:
        constraints.check("elbv2", operation, params)
    except constraints.Broken as broken:
        _refuse("ValidationError", str(broken))


# -- targets -------------------------------------------------------------------------------------------


@hook("moto.elbv2.models:ELBv2Backend.register_targets")
def register_targets(original: Any, self: Any, target_group_arn: str, instances: list[Any]) -> None:
    """RegisterTargets: all of them, or none."""
    group = self.target_groups.get(target_group_arn)
    if group is None:
        raise TargetGroupNotFoundError()
    for one in instances:
        _require_target(group, str(one["Id"]))
        _check("RegisterTargets", {"Targets": [one]})
    for one in instances:
        targets.register(group.arn, str(one["Id"]), one.get("Port"), one.get("AvailabilityZone") or "")


def _require_target(group: Any, name: str) -> None:
    if group.target_type == "instance":
        instance = group.ec2_backend.get_instance_by_id(name) if name.startswith("i-") else None
        if not name.startswith("i-"):
            _refuse("ValidationError", f"Instance ID '{name}' is not valid")
        if instance is None or instance.state != "running":
            text = f"The following targets are not in a running state and cannot be registered: '{name}'"
            _refuse("InvalidTarget", text)
    elif group.target_type == "ip":
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            _refuse("ValidationError", f"The IP address '{name}' is not a valid IPv4 address")
            return
        subnets = [one for held in group.ec2_backend.subnets.values() for one in held.values()]
        known = [ipaddress.ip_network(one.cidr_block) for one in subnets if one.vpc_id == group.vpc_id]
        if not any(address in one for one in (*known, *_PRIVATE)):
            text = f"The IP address '{name}' is not in the target group's VPC and not a private address"
            _refuse("InvalidTarget", text)
    else:
        text = f"Target groups of type {group.target_type} are not simulated here; they exist on AWS."
        _refuse("NotSimulated", text)


@hook("moto.elbv2.models:ELBv2Backend.deregister_targets")
def deregister_targets(original: Any, self: Any, target_group_arn: str, instances: list[Any]) -> None:
    """DeregisterTargets."""
    group = self.target_groups.get(target_group_arn)
    if group is None:
        raise TargetGroupNotFoundError()
    for one in instances:
        if not targets.deregister(group.arn, str(one["Id"]), one.get("Port")):
            raise InvalidTargetError()


@hook("moto.elbv2.models:FakeTargetGroup.deregister_terminated_instances")
def deregister_terminated_instances(original: Any, self: Any, instance_ids: list[str]) -> None:
    """An instance was terminated: it is no target any more."""
    for name in instance_ids:
        targets.deregister(self.arn, name)


@hook("moto.elbv2.models:ELBv2Backend.describe_target_health")
def describe_target_health(original: Any, self: Any, target_group_arn: str, wanted: list[Any]) -> list[Any]:
    """DescribeTargetHealth: those that are asked for, or all that are registered or draining."""
    group = self.target_groups.get(target_group_arn)
    if group is None:
        raise TargetGroupNotFoundError()
    asked = wanted or targets.everyone(group)
    return [_described(group, str(one["Id"]), one.get("Port")) for one in asked]


def _described(group: Any, name: str, port: int | None) -> SimpleNamespace:
    seen = targets.see(group, name, port)
    port = port or group.port
    shown = {"Id": name} | ({"Port": int(port)} if port else {})
    found = next((one for one in targets.everyone(group) if one["Id"] == name), None)
    if found is not None and found.get("AvailabilityZone"):
        shown["AvailabilityZone"] = found["AvailabilityZone"]
    checked = str(group.health_check_port or "traffic-port")
    health = {"State": seen.state, "Reason": seen.reason or None, "Description": seen.description or None}
    return SimpleNamespace(
        target=shown,
        health_check_port=str(port) if checked == "traffic-port" else checked,
        target_health=health,
    )
