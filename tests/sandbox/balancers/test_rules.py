"""Listener rules: which one a request meets, and what redirects and fixed answers say."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError


def answer_with(text: str) -> list[dict[str, Any]]:
    config = {"StatusCode": "200", "ContentType": "text/plain", "MessageBody": text}
    return [{"Type": "fixed-response", "FixedResponseConfig": config}]


def rule(front: Any, priority: int, text: str, *conditions: dict[str, Any]) -> str:
    made = front.api.create_rule(
        ListenerArn=front.listener, Priority=priority, Conditions=list(conditions), Actions=answer_with(text)
    )
    return str(made["Rules"][0]["RuleArn"])


def path(*values: str) -> dict[str, Any]:
    return {"Field": "path-pattern", "PathPatternConfig": {"Values": list(values)}}


@pytest.fixture
def web(front: Any) -> Any:
    front.api.modify_listener(ListenerArn=front.listener, DefaultActions=answer_with("default"))
    return front


@pytest.mark.parametrize(
    ("condition", "asked", "meets"),
    [
        (path("/users/*"), {"path": "/users/7"}, True),
        (path("/users/*"), {"path": "/users"}, False),
        (path("/users/*"), {"path": "/Users/7"}, False),  # case counts in paths
        (path("/v?/*"), {"path": "/v2/a"}, True),
        (path("/v?/*"), {"path": "/v22/a"}, False),
        (path("/a", "/b*"), {"path": "/beta"}, True),
        (path("/a"), {"path": "/a?x=1"}, True),  # the query is not part of it
        ({"Field": "path-pattern", "Values": ["/old*"]}, {"path": "/older"}, True),
        ({"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com"]}},
         {"headers": {"Host": "API.Example.com"}}, True),
        ({"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com"]}}, {}, False),
        ({"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Tier", "Values": ["gold*"]}},
         {"headers": {"x-tier": "GOLD-1"}}, True),
        ({"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Tier", "Values": ["gold*"]}}, {}, False),
        ({"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["PUT", "POST"]}},
         {"method": "POST"}, True),
        ({"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["PUT", "POST"]}}, {}, False),
        ({"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "2*"}]}},
         {"path": "/?V=2.1"}, True),
        ({"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "2*"}]}},
         {"path": "/?v=1&w=2"}, False),
        ({"Field": "query-string", "QueryStringConfig": {"Values": [{"Value": "beta"}]}}, {"path": "/?x=beta"}, True),
        ({"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "q", "Value": "\\*"}]}},
         {"path": "/?q=ab"}, False),
        ({"Field": "source-ip", "SourceIpConfig": {"Values": ["198.51.100.0/24"]}}, {}, True),
        ({"Field": "source-ip", "SourceIpConfig": {"Values": ["192.0.2.0/24"]}}, {}, False),
    ],
)  # fmt: skip
def test_each_condition(web: Any, condition: dict[str, Any], asked: dict[str, Any], meets: bool) -> None:
    rule(web, 10, "met", condition)
    assert web.ask(asked.pop("path", "/"), **asked).text == ("met" if meets else "default")


def test_the_lowest_priority_number_wins_whenever_it_was_made(web: Any) -> None:
    rule(web, 20, "second", path("/a*"))
    rule(web, 3, "first", path("/a*"))
    assert web.ask("/ab").text == "first"


def test_all_conditions_of_a_rule_must_hold(web: Any) -> None:
    method = {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["POST"]}}
    rule(web, 1, "both", path("/a"), method)
    assert web.ask("/a").text == "default"
    assert web.ask("/a", method="POST").text == "both"


def test_a_redirect_keeps_what_it_does_not_name(web: Any) -> None:
    config = {"Protocol": "HTTPS", "Port": "443", "Path": "/new/#{path}", "StatusCode": "HTTP_301"}
    web.api.create_rule(
        ListenerArn=web.listener, Priority=1, Conditions=[path("/old/*")],
        Actions=[{"Type": "redirect", "RedirectConfig": config}],
    )  # fmt: skip
    answer = web.ask("/old/7?x=1")
    assert answer.status_code == 301
    assert answer.headers["Location"] == f"https://{web.dns}:443/new/old/7?x=1"


def test_rule_names_hang_on_the_seed_not_on_the_memory_of_the_machine(web: Any) -> None:
    found = web.api.describe_rules(ListenerArn=web.listener)["Rules"][-1]
    assert found["IsDefault"] is True
    assert len(found["RuleArn"].rpartition("/")[2]) == 16


def test_authentication_says_that_it_is_not_simulated(web: Any) -> None:
    config = {"UserPoolArn": "arn:x", "UserPoolClientId": "c", "UserPoolDomain": "d"}
    web.api.create_rule(
        ListenerArn=web.listener, Priority=1, Conditions=[path("/in")],
        Actions=[{"Type": "authenticate-cognito", "Order": 1, "AuthenticateCognitoConfig": config}],
    )  # fmt: skip
    assert "not simulated here" in web.ask("/in").text


# -- refusals ----------------------------------------------------------------------------------------


def refused(call: Any, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_what_the_api_refuses(front: Any) -> None:
    api = front.api
    assert refused(api.create_load_balancer, Name="two", Subnets=front.subnets[:1]) == (
        "ValidationError",
        "At least two subnets in two different Availability Zones must be specified",
    )
    assert refused(api.create_load_balancer, Name="shop", Subnets=front.subnets[:2])[0] == (
        "DuplicateLoadBalancerName"
    )
    code, text = refused(
        api.create_listener, LoadBalancerArn=front.arn, Protocol="HTTP", Port=80,
        DefaultActions=answer_with("x"),
    )  # fmt: skip
    assert (code, "already exists on this port" in text) == ("DuplicateListener", True)
    assert refused(
        api.create_listener,
        LoadBalancerArn=front.arn,
        Protocol="HTTPS",
        Port=443,
        DefaultActions=answer_with("x"),
    ) == ("ValidationError", "A certificate must be specified for HTTPS listeners")
    unknown = [{"Key": "patience", "Value": "1"}]
    assert refused(api.modify_target_group_attributes, TargetGroupArn=front.group, Attributes=unknown) == (
        "ValidationError", "Target group attribute key 'patience' is not recognized",
    )  # fmt: skip
    front.set(deregistration_delay__timeout_seconds="3600")
    kept = api.describe_target_group_attributes(TargetGroupArn=front.group)["Attributes"]
    assert {"Key": "deregistration_delay.timeout_seconds", "Value": "3600"} in kept
    rule(front, 1, "one", path("/a"))
    assert refused(
        api.create_rule, ListenerArn=front.listener, Priority=1, Conditions=[path("/b")], Actions=answer_with("x")
    )[0] == "PriorityInUse"  # fmt: skip
    assert refused(
        api.create_rule, ListenerArn=front.listener, Priority=50_001, Conditions=[path("/b")],
        Actions=answer_with("x"),
    ) == (
        "ValidationError",
        "1 validation error detected: Value '50001' at 'priority' failed to satisfy constraint: Member must have "
        "value less than or equal to 50000",
    )  # fmt: skip


def test_a_group_belongs_to_one_load_balancer(front: Any) -> None:
    other = front.api.create_load_balancer(Name="other", Subnets=front.subnets[:2])["LoadBalancers"][0]
    code, text = refused(
        front.api.create_listener, LoadBalancerArn=other["LoadBalancerArn"], Protocol="HTTP", Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": front.group}],
    )  # fmt: skip
    assert code == "TargetGroupAssociationLimit"
    assert front.group in text


def test_a_group_in_use_and_a_protected_load_balancer_stay(front: Any) -> None:
    assert refused(front.api.delete_target_group, TargetGroupArn=front.group)[0] == "ResourceInUse"
    front.api.modify_load_balancer_attributes(
        LoadBalancerArn=front.arn, Attributes=[{"Key": "deletion_protection.enabled", "Value": "true"}]
    )
    assert refused(front.api.delete_load_balancer, LoadBalancerArn=front.arn) == (
        "OperationNotPermitted",
        f"Load balancer '{front.arn}' cannot be deleted because deletion protection is enabled",
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"HealthCheckIntervalSeconds": 301}, "at 'healthCheckIntervalSeconds' failed"),
        ({"HealthCheckTimeoutSeconds": 121}, "at 'healthCheckTimeoutSeconds' failed"),
        ({"HealthyThresholdCount": 11}, "at 'healthyThresholdCount' failed"),
        ({"UnhealthyThresholdCount": 11}, "at 'unhealthyThresholdCount' failed"),
        ({"HealthCheckTimeoutSeconds": 30}, "must be smaller than the interval '30'"),
    ],
)
def test_health_check_settings_out_of_range(front: Any, settings: dict[str, Any], said: str) -> None:
    code, text = refused(front.api.modify_target_group, TargetGroupArn=front.group, **settings)
    assert code == "ValidationError"
    assert said in text


@pytest.mark.parametrize("name", ["i-0123456789abcdef0", "8.8.8.8", "somewhere"])
def test_targets_that_cannot_be(front: Any, name: str) -> None:
    code, text = refused(front.api.register_targets, TargetGroupArn=front.group, Targets=[{"Id": name}])
    assert code in ("ValidationError", "InvalidTarget")
    assert name in text
    assert front.health() == {}


def test_an_instance_that_is_not_there(front: Any) -> None:
    group = front.make_group("machines", TargetType="instance")
    for name in ("10.0.0.5", "i-0123456789abcdef0"):
        assert refused(front.api.register_targets, TargetGroupArn=group, Targets=[{"Id": name}])[0] in (
            "ValidationError",
            "InvalidTarget",
        )
    assert refused(front.api.deregister_targets, TargetGroupArn=group, Targets=[{"Id": "i-1"}])[0] == (
        "InvalidTarget"
    )
