"""What-if questions and hours of computing, against sums made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.cost.compute import fargate_hour, instance_hour
from labkit.cost.meter import estimate
from labkit.cost.prices import NotPriced
from labkit.errors import LabkitError, NotFound, UsageError


def pay(service: str, unit: str, amount: float, region: str = "eu-west-1") -> float:
    line = estimate(service, unit, amount, region)
    return line.cost - line.free


@pytest.mark.parametrize(
    ("service", "unit", "amount", "dollars"),
    [
        ("sqs", "requests", 50e6, 19.60),  # (50 - 1) M x 0.40
        ("sqs", "requests", 1e6, 0.0),  # all of it is free
        ("sqs", "requests", 1, 0.0),
        ("sqs", "requests", 0, 0.0),
        ("sqs", "fifo_requests", 11e6, 5.0),  # (11 - 1) M x 0.50
        ("sns", "requests", 3e6, 1.0),  # (3 - 1) M x 0.50
        ("lambda", "requests", 6e6, 1.0),  # (6 - 1) M x 0.20
        ("lambda", "gb_seconds", 1_400_000, 16.6667),  # (1,400,000 - 400,000) x 0.0000166667
        ("lambda", "gb_seconds_arm", 1_400_000, 13.3334),
        ("stepfunctions", "transitions", 104_000, 2.5),  # (104,000 - 4,000) / 1,000 x 0.025
        ("dynamodb", "write_units", 10e6, 7.05),
        ("kms", "requests", 120_000, 0.30),  # (120,000 - 20,000) / 10,000 x 0.03
        ("logs", "gb_ingested", 15, 5.70),  # (15 - 5) x 0.57
        ("secretsmanager", "secret_months", 10, 4.0),
        ("fargate", "vcpu_hours", 730, 29.5504),  # 730 x 0.04048
        ("iam", "requests", 1e9, 0.0),
    ],
)
def test_a_month_costs_what_the_hand_calculates(
    service: str, unit: str, amount: float, dollars: float
) -> None:
    assert pay(service, unit, amount) == pytest.approx(dollars)


def test_another_region_has_its_own_price() -> None:
    assert pay("logs", "gb_ingested", 15, "us-east-1") == pytest.approx(5.0)
    assert pay("logs", "gb_ingested", 15, "eu-west-1") == pytest.approx(5.7)


@pytest.mark.parametrize("amount", [-1, float("nan"), float("inf"), "many", None, True, [1]])
def test_an_amount_that_is_none_is_refused(amount: Any) -> None:
    with pytest.raises(
        UsageError, match=r'amount is a number, 0 or more: lab\.price\("sqs", "requests", 50_000_000\)'
    ):
        estimate("sqs", "requests", amount, "eu-west-1")


@pytest.mark.parametrize(
    ("service", "unit"), [(3, "requests"), ("", "requests"), ("sqs", None), ("sqs", "  ")]
)
def test_names_that_are_no_texts_are_refused(service: Any, unit: Any) -> None:
    with pytest.raises(UsageError, match=r"is a text: lab\.price"):
        estimate(service, unit, 1, "eu-west-1")


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(NotFound, match="Did you mean 'lambda'"):
        estimate("lamda", "requests", 1, "eu-west-1")
    with pytest.raises(NotFound, match="'gb_seconds'"):
        estimate("lambda", "gb_second", 1, "eu-west-1")
    with pytest.raises(NotPriced):
        estimate("sqs", "requests", 1, "eu-west-9")


# -- hours ------------------------------------------------------------------------------------------------


def test_an_hour_of_fargate_is_its_vcpus_and_gigabytes() -> None:
    # 0.25 x 0.04048 + 0.5 x 0.004445 = 0.01012 + 0.0022225
    assert fargate_hour(0.25, 0.5).cost == pytest.approx(0.0123425)
    # 4 x 0.03238 + 8 x 0.00356 = 0.12952 + 0.02848
    assert fargate_hour(4, 8, arm=True).cost == pytest.approx(0.158)
    # 1 x 0.04048 + 2 x 0.004445 + (50 - 20) x 0.000111
    assert fargate_hour(1, 2, storage_gb=50).cost == pytest.approx(0.04048 + 0.00889 + 0.00333)
    assert not fargate_hour(1, 2).verified


def test_spot_is_a_guess_of_the_caller() -> None:
    assert fargate_hour(1, 2, spot_discount=0.5).cost == pytest.approx(0.5 * fargate_hour(1, 2).cost)
    with pytest.raises(UsageError, match="up to 70 %"):
        fargate_hour(1, 2, spot_discount=0.9)


def test_commitments_are_cheaper_where_the_table_has_them() -> None:
    # 1 x 0.032384 + 2 x 0.003556
    assert fargate_hour(1, 2, plan="1 year", region="us-east-1").cost == pytest.approx(0.039496)
    assert instance_hour("m7g.large", plan="3 years", region="us-east-1").cost == pytest.approx(0.0414)
    with pytest.raises(NotPriced, match="us-east-1"):
        fargate_hour(1, 2, plan="1 year")


def test_an_instance_and_the_fee_of_managed_instances() -> None:
    assert instance_hour("m5.large").cost == pytest.approx(0.107)
    with pytest.raises(NotFound, match="unit of ec2"):
        instance_hour("z9.huge")
    with pytest.raises(NotPriced):
        instance_hour("m7g.large")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: fargate_hour(0, 1),
        lambda: fargate_hour(1, -1),
        lambda: fargate_hour(True, 1),
        lambda: fargate_hour("1", 1),  # type: ignore[arg-type]
        lambda: fargate_hour(1, 2, plan="5 years"),
        lambda: fargate_hour(1, 2, plan="1 year", spot_discount=0.5),
        lambda: fargate_hour(1, 2, plan="1 year", arm=True),
        lambda: instance_hour(""),
        lambda: instance_hour(4),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: Any) -> None:
    with pytest.raises(LabkitError):
        wrong()
