"""What costs by the time it exists: Fargate tasks, keys, secrets, instances, gateways."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from labkit.cost import meter
from labkit.cost.services import fargate
from labkit.sandbox import Sandbox

Units = Callable[..., dict[str, float]]
ARN = "arn:aws:ecs:eu-west-1:123456789012:task/shop/0123"


def task(**changes: Any) -> SimpleNamespace:
    """A task as ECS keeps it: 0.25 vCPU and 0.5 GB on Fargate, pulled at 1000."""
    given = {
        "task_arn": ARN, "launch_type": "FARGATE", "capacity_provider_name": None, "pull_started_at": 1000.0,
        "stopped_at": None, "cpu": "256", "memory": "512", "ephemeral_storage": None, "attributes": [],
    }  # fmt: skip
    return SimpleNamespace(**{**given, **changes})


def billed(
    sandbox: Sandbox, one: SimpleNamespace, begin: float = 0, end: float = 100_000
) -> dict[str, float]:
    period = meter.Period(sandbox, begin, end, (), ())
    return {usage.unit: usage.amount for usage in fargate.of_task(period, "eu-west-1", one)}


def test_a_task_pays_from_the_pull_until_it_has_stopped(sandbox: Sandbox) -> None:
    # two hours of 0.25 vCPU and 0.5 GB
    assert billed(sandbox, task(stopped_at=8200.0)) == {"vcpu_hours": 0.5, "gb_hours": 1.0}


def test_seconds_are_rounded_up_and_the_first_minute_is_the_least(sandbox: Sandbox) -> None:
    # 7,200.2 s are billed as 7,201
    assert billed(sandbox, task(stopped_at=8200.2))["vcpu_hours"] == pytest.approx(0.25 * 7201 / 3600)
    # 12 s are billed as 60
    assert billed(sandbox, task(stopped_at=1012.0))["vcpu_hours"] == pytest.approx(0.25 * 60 / 3600)


def test_a_task_that_never_pulled_costs_nothing(sandbox: Sandbox) -> None:
    assert billed(sandbox, task(pull_started_at=None, stopped_at=1100.0)) == {}


def test_a_running_task_pays_until_now_and_only_for_the_period(sandbox: Sandbox) -> None:
    assert billed(sandbox, task(), end=4600)["vcpu_hours"] == pytest.approx(0.25)
    assert billed(sandbox, task(), begin=2800, end=4600)["vcpu_hours"] == pytest.approx(0.125)
    assert billed(sandbox, task(stopped_at=2000.0), begin=2800, end=4600) == {}
    # the minute was paid when the task began; later only seconds count
    assert billed(sandbox, task(), begin=4590, end=4600)["vcpu_hours"] == pytest.approx(0.25 * 10 / 3600)


def test_arm_storage_and_spot_have_units_of_their_own(sandbox: Sandbox) -> None:
    arm = task(stopped_at=4600.0, attributes=[{"name": "ecs.cpu-architecture", "value": "arm64"}])
    assert billed(sandbox, arm) == {"vcpu_hours_arm": 0.25, "gb_hours_arm": 0.5}
    big = task(stopped_at=4600.0, ephemeral_storage={"sizeInGiB": 50})
    assert billed(sandbox, big)["storage_gb_hours"] == 30
    spot = task(stopped_at=4600.0, launch_type="", capacity_provider_name="FARGATE_SPOT")
    assert billed(sandbox, spot) == {"spot_vcpu_hours": 0.25, "spot_gb_hours": 0.5}


def test_a_task_on_an_instance_costs_nothing_itself(sandbox: Sandbox) -> None:
    assert billed(sandbox, task(launch_type="EC2", stopped_at=4600.0)) == {}


def test_a_real_task_is_billed_while_it_runs_and_after_ecs_has_forgotten_it(
    sandbox: Sandbox, units: Units
) -> None:
    ecs = boto3.client("ecs")
    ecs.create_cluster(clusterName="shop")
    iam = boto3.client("iam")
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="pulls", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
    ecs.register_task_definition(
        family="user", cpu="256", memory="512", networkMode="awsvpc", requiresCompatibilities=["FARGATE"],
        executionRoleArn=role,
        containerDefinitions=[{"name": "user", "image": "public.ecr.aws/docker/library/nginx:latest"}],
    )  # fmt: skip
    subnet = boto3.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    network = {"awsvpcConfiguration": {"subnets": [subnet], "assignPublicIp": "ENABLED"}}
    run = ecs.run_task(
        cluster="shop", taskDefinition="user", launchType="FARGATE", networkConfiguration=network
    )
    sandbox.clock.advance(hours=4)
    assert units()["fargate vcpu_hours"] == pytest.approx(4 * 0.25, rel=0.01)
    assert units()["fargate gb_hours"] == pytest.approx(4 * 0.5, rel=0.01)
    ecs.stop_task(cluster="shop", task=run["tasks"][0]["taskArn"])
    sandbox.clock.advance(minutes=10)
    stopped = units()
    sandbox.clock.advance(hours=30)
    assert not ecs.describe_tasks(cluster="shop", tasks=[run["tasks"][0]["taskArn"]])["tasks"]
    after = units()
    assert {name: after[name] for name in stopped} == pytest.approx(stopped)


def test_keys_and_secrets_pay_by_the_hour(sandbox: Sandbox, units: Units) -> None:
    kms, secrets = boto3.client("kms"), boto3.client("secretsmanager")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    secrets.create_secret(Name="password", SecretString="x")
    sandbox.clock.advance(hours=73)
    found = units()
    assert found["kms key_months"] == pytest.approx(0.1, rel=0.01)  # 73 of 730 hours
    assert found["secretsmanager secret_months"] == pytest.approx(0.1, rel=0.01)
    kms.schedule_key_deletion(KeyId=key)
    secrets.delete_secret(SecretId="password")
    sandbox.clock.advance(hours=100)
    found = units()
    assert found["kms key_months"] == pytest.approx(0.1, rel=0.01)
    assert found["secretsmanager secret_months"] == pytest.approx(0.1, rel=0.01)


def test_an_instance_pays_by_the_second_and_at_least_a_minute(sandbox: Sandbox, units: Units) -> None:
    ec2 = boto3.client("ec2")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    made = ec2.run_instances(ImageId=image, InstanceType="m5.large", MinCount=1, MaxCount=1)["Instances"][0]
    assert units()["ec2 m5.large_hours"] == pytest.approx(60 / 3600)
    sandbox.clock.advance(hours=3)
    assert units()["ec2 m5.large_hours"] == pytest.approx(3, rel=0.01)
    ec2.terminate_instances(InstanceIds=[made["InstanceId"]])
    sandbox.clock.advance(hours=5)
    assert units()["ec2 m5.large_hours"] == pytest.approx(3, rel=0.01)


def test_an_instance_type_without_a_price_is_named(sandbox: Sandbox) -> None:
    ec2 = boto3.client("ec2")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    ec2.run_instances(ImageId=image, InstanceType="c7g.large", MinCount=1, MaxCount=1)
    assert "ec2: c7g.large hours in eu-west-1 (no price found)." in meter.bill(sandbox).not_priced


def test_a_period_is_a_mark_a_time_or_how_long_ago(sandbox: Sandbox, units: Units) -> None:
    boto3.client("kms").create_key()
    sandbox.clock.advance(hours=73)
    assert units(timedelta(hours=7.3))["kms key_months"] == pytest.approx(0.01, rel=0.01)
    assert units(sandbox.clock.now() - timedelta(hours=7.3))["kms key_months"] == pytest.approx(
        0.01, rel=0.01
    )
    assert "kms requests" not in units(timedelta(hours=1))
