"""Requests at a load balancer: who answers, and what the load balancer says itself."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections import Counter
from typing import Any

import pytest
import requests

from labkit.sandbox import Sandbox

CRASHES = """
PORT = 8080
def handle(request, box):
    if request.path == "/boom":
        raise SystemExit(3)
    if request.path == "/error":
        raise ValueError("no such user")
    return "fine"
"""
SLOW = "PORT = 8080\nLATENCY = 61.0\nHEALTH_PATH = '/up'\ndef health(box): return True\n"
NAMED = """
PORT = 8080
def handle(request, box):
    return {"statusCode": 200, "body": box.name}
"""


def ready(front: Any, standing: Any, *ips: str, source: str = "") -> None:
    for ip in ips:
        standing.run(ip, *([source] if source else []))
    front.register(*ips)
    front.pass_time(36)


def test_a_request_reaches_a_program_and_takes_virtual_time(
    front: Any, standing: Any, sandbox: Sandbox
) -> None:
    ready(front, standing, "10.0.0.5")
    before = sandbox.clock.time()
    answer = requests.get(f"http://{front.dns}/users/7?full=1", timeout=5)
    assert (answer.status_code, answer.text) == (200, "10.0.0.5 /users/7?full=1")
    assert answer.headers["X-Seen"] == front.dns
    assert sandbox.clock.time() - before == pytest.approx(0.02, abs=1e-3)


def test_urllib_works_as_well(front: Any, standing: Any) -> None:
    ready(front, standing, "10.0.0.5")
    with urllib.request.urlopen(f"http://{front.dns}/a") as answer:
        assert (answer.status, answer.read()) == (200, b"10.0.0.5 /a")
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://{front.dns}:81/")


def test_urllib_is_its_own_again_when_the_account_is_closed() -> None:
    import boto3

    usual = urllib.request.AbstractHTTPHandler.do_open
    with Sandbox():
        subnets = [one["SubnetId"] for one in boto3.client("ec2").describe_subnets()["Subnets"]]
        boto3.client("elbv2").create_load_balancer(Name="web", Subnets=subnets[:2])
        assert urllib.request.AbstractHTTPHandler.do_open is not usual
    assert urllib.request.AbstractHTTPHandler.do_open is usual


def test_the_endpoint_answers_for_a_load_balancer(front: Any, standing: Any, sandbox: Sandbox) -> None:
    from labkit.sandbox.endpoint import of

    ready(front, standing, "10.0.0.5")
    endpoint = of(sandbox)
    label = front.dns.partition(".")[0]
    for where in (f"{label}.elb.eu-west-1", f"{label}.80.elb.eu-west-1"):
        with urllib.request.urlopen(f"{endpoint.url}/_at/{where}/users/7?x=1") as answer:
            assert answer.read() == b"10.0.0.5 /users/7?x=1"
    assert endpoint.public_url(f"http://{front.dns}/users") == (
        f"{endpoint.url}/_at/{label}.elb.eu-west-1/users"
    )


def test_targets_take_turns(front: Any, standing: Any) -> None:
    ips = ("10.0.0.5", "10.0.0.6", "10.0.1.5")
    ready(front, standing, *ips)
    seen = Counter(front.ask("/").text.split()[0] for _ in range(30))
    assert seen == dict.fromkeys(ips, 10)


def test_only_healthy_targets_get_requests(front: Any, standing: Any) -> None:
    ready(front, standing, "10.0.0.5", "10.0.0.6")
    standing.kill("10.0.0.6")
    answers = [front.ask("/").status_code for _ in range(4)]
    assert sorted(answers) == [200, 200, 502, 502]  # not noticed yet
    front.pass_time(61)
    assert {front.ask("/").status_code for _ in range(4)} == {200}


def test_without_targets_503(front: Any) -> None:
    answer = front.ask("/")
    assert answer.status_code == 503
    assert answer.headers["Server"] == "awselb/2.0"
    assert "<h1>503 Service Temporarily Unavailable</h1>" in answer.text


def test_all_unhealthy_fails_open(front: Any, standing: Any) -> None:
    front.api.modify_target_group(TargetGroupArn=front.group, Matcher={"HttpCode": "299"})
    ready(front, standing, "10.0.0.5")
    assert front.states() == ["unhealthy"]
    assert front.ask("/").status_code == 200


def test_a_target_that_closes_is_502_and_its_error_is_its_own(front: Any, standing: Any) -> None:
    ready(front, standing, "10.0.0.5", source=CRASHES)
    assert front.ask("/error").status_code == 500
    answer = front.ask("/boom")
    assert (answer.status_code, answer.headers["Server"]) == (502, "awselb/2.0")


def test_a_target_that_is_silent_for_a_minute_is_504(front: Any, standing: Any, sandbox: Sandbox) -> None:
    front.api.modify_target_group(TargetGroupArn=front.group, HealthCheckPath="/up")
    standing.run("10.0.0.5", SLOW)
    front.register("10.0.0.5")
    front.pass_time(10)
    before = sandbox.clock.time()
    assert front.ask("/", timeout=100).status_code == 504
    assert sandbox.clock.time() - before == pytest.approx(60, abs=0.1)
    front.api.modify_load_balancer_attributes(
        LoadBalancerArn=front.arn, Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "120"}]
    )
    assert front.ask("/", timeout=100).status_code == 200


def test_a_client_that_gives_up_has_waited_so_long(front: Any, standing: Any, sandbox: Sandbox) -> None:
    standing.run("10.0.0.5", "PORT = 8080\nLATENCY = 3.0\n")
    front.register("10.0.0.5")
    front.pass_time(10)
    before = sandbox.clock.time()
    with pytest.raises(requests.exceptions.ReadTimeout):
        front.ask("/", timeout=2)
    assert sandbox.clock.time() - before == pytest.approx(2, abs=0.1)


def test_a_container_killed_while_it_works_answers_502(front: Any, standing: Any, sandbox: Sandbox) -> None:
    standing.run("10.0.0.5", "PORT = 8080\nLATENCY = 3.0\n")
    front.register("10.0.0.5")
    front.pass_time(10)
    STANDING["it"] = standing
    sandbox.clock.schedule(sandbox.clock.time() + 1, kill_it, "10.0.0.5")
    assert front.ask("/").status_code == 502


STANDING: dict[str, Any] = {}


def kill_it(ip: str) -> None:
    STANDING["it"].kill(ip)


def test_nobody_is_there(front: Any) -> None:
    with pytest.raises(requests.exceptions.ConnectionError):
        front.ask("/", port=81)
    gone = front.dns
    front.api.delete_load_balancer(LoadBalancerArn=front.arn)
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(f"http://{gone}/", timeout=5)


def test_a_target_learns_who_asked(front: Any, standing: Any) -> None:
    echo = (
        "PORT = 8080\ndef handle(request, box):\n    return {'body': repr(sorted(request.headers.items()))}\n"
    )
    ready(front, standing, "10.0.0.5", source=echo)
    seen = dict(eval(front.ask("/", headers={"X-Forwarded-For": "203.0.113.9", "X-Mine": "7"}).text))
    assert seen["x-forwarded-for"] == "203.0.113.9, 198.51.100.10"
    assert (seen["x-forwarded-proto"], seen["x-forwarded-port"], seen["x-mine"]) == ("http", "80", "7")


def test_trace_and_too_many_forwarders_are_refused(front: Any, standing: Any) -> None:
    ready(front, standing, "10.0.0.5")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(f"http://{front.dns}/", method="TRACE"))
    assert caught.value.code == 405
    many = ", ".join(["203.0.113.9"] * 31)
    assert front.ask("/", headers={"X-Forwarded-For": many}).status_code == 463


# -- who gets it -------------------------------------------------------------------------------------


def test_weights_share_out_the_requests(front: Any, standing: Any) -> None:
    other = front.make_group("next")
    ready(front, standing, "10.0.0.5", source=NAMED)
    standing.run("10.0.0.6", NAMED)
    weights = [
        {"TargetGroupArn": front.group, "Weight": 95}, {"TargetGroupArn": other, "Weight": 5},
    ]  # fmt: skip
    front.api.modify_listener(
        ListenerArn=front.listener, DefaultActions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": weights}}]
    )  # fmt: skip
    front.register("10.0.0.6", group=other)
    front.pass_time(10)
    seen = Counter(front.ask("/").text for _ in range(100))
    assert seen == {"10.0.0.5": 95, "10.0.0.6": 5}


def test_a_group_with_weight_zero_gets_nothing(front: Any, standing: Any) -> None:
    other = front.make_group("next")
    ready(front, standing, "10.0.0.5")
    weights = [{"TargetGroupArn": front.group, "Weight": 1}, {"TargetGroupArn": other, "Weight": 0}]
    front.api.modify_listener(
        ListenerArn=front.listener, DefaultActions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": weights}}]
    )  # fmt: skip
    assert {front.ask("/").status_code for _ in range(5)} == {200}


def test_slow_start_gives_a_new_target_a_growing_share(front: Any, standing: Any) -> None:
    ready(front, standing, "10.0.0.5", source=NAMED)
    front.set(slow_start__duration_seconds="100")
    standing.run("10.0.0.6", NAMED)
    front.register("10.0.0.6")
    front.pass_time(5 + 25)
    early = Counter(front.ask("/").text for _ in range(100))
    assert 10 < early["10.0.0.6"] < 30
    front.pass_time(100)
    late = Counter(front.ask("/").text for _ in range(100))
    assert late["10.0.0.6"] == 50


def test_a_cookie_keeps_a_client_with_its_target(front: Any, standing: Any) -> None:
    front.set(stickiness__enabled="true", stickiness__type="lb_cookie")
    ready(front, standing, "10.0.0.5", "10.0.0.6", source=NAMED)
    with requests.Session() as client:
        seen = {client.get(f"http://{front.dns}/", timeout=5).text for _ in range(6)}
        assert len(seen) == 1
        standing.kill(seen.pop())
        front.pass_time(61)
        assert client.get(f"http://{front.dns}/", timeout=5).status_code == 200
    assert len({front.ask("/").text for _ in range(2)}) == 1


def test_without_cross_zone_each_zone_gets_the_same_share(front: Any, standing: Any) -> None:
    front.set(load_balancing__cross_zone__enabled="false")
    ready(front, standing, "10.0.0.5", "10.0.0.6", "10.0.1.5", source=NAMED)
    seen = Counter(front.ask("/").text for _ in range(40))
    assert seen["10.0.1.5"] == 20


def test_a_network_load_balancer_passes_through(front: Any, standing: Any) -> None:
    made = front.api.create_load_balancer(Name="pipe", Type="network", Subnets=front.subnets[:1])[
        "LoadBalancers"
    ][0]
    assert ":loadbalancer/net/pipe/" in made["LoadBalancerArn"]
    assert made["DNSName"].endswith(".elb.eu-west-1.amazonaws.com")
    group = front.make_group("tcp", Protocol="TCP")
    front.api.create_listener(
        LoadBalancerArn=made["LoadBalancerArn"], Protocol="TCP", Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )  # fmt: skip
    standing.run("10.0.0.5", NAMED)
    front.register("10.0.0.5", group=group)
    front.pass_time(10)
    assert front.states(group) == ["healthy"]
    assert requests.get(f"http://{made['DNSName']}/", timeout=5).text == "10.0.0.5"
