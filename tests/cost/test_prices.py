"""The price table: dated, sourced, honest about what was verified; and what a broken one says."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from labkit.cost import prices
from labkit.cost.prices import NotPriced, Price
from labkit.errors import LabkitError, NotFound

ALL = prices.table().prices
AWS = ("https://aws.amazon.com/", "https://docs.aws.amazon.com/", "https://raw.githubusercontent.com/aws/",
       "https://pricing.us-east-1.amazonaws.com/")  # fmt: skip
GOOD = """
[[price]]
service = "sqs"
unit = "requests"
region = "eu-west-1"
amount = 0.40
per = 1000000
currency = "USD"
as_of = 2026-09-11
status = "unverified"
source = "https://aws.amazon.com/sqs/pricing/"
seen = "a page"
"""


def name(price: Price) -> str:
    return f"{price.service} {price.unit} {price.region}"


@pytest.mark.parametrize("price", ALL, ids=name)
def test_every_price_has_a_source_and_a_date(price: Price) -> None:
    assert price.source.startswith(AWS)
    assert date(2026, 8, 1) <= price.as_of <= date(2026, 11, 23)
    assert price.seen.strip()
    assert price.currency == "USD"
    assert price.status in ("verified", "unverified")
    assert not price.free or price.free_source


def test_a_verified_price_was_read_in_a_text_of_aws() -> None:
    verified = [one for one in ALL if one.verified]
    assert verified
    for one in verified:
        assert "AWS's own text" in one.seen or "AWS's page" in one.seen, name(one)
        assert not one.source.startswith("https://pricing."), f"{name(one)}: nobody has opened that file"


def test_what_was_read_in_somebody_elses_repository_is_not_verified() -> None:
    assert not any(one.verified for one in ALL if "public repositor" in one.seen)
    assert not any(one.verified for one in ALL if one.seen.startswith("github.com/"))


def test_a_price_that_nobody_wrote_down_is_not_in_the_table() -> None:
    assert not [name(one) for one in ALL if "memory" in one.seen]


def test_the_home_region_has_a_price_for_what_the_labs_use_most() -> None:
    home = {(one.service, one.unit) for one in ALL if one.region == "eu-west-1"}
    wanted = {
        ("sqs", "requests"), ("sqs", "fifo_requests"), ("sns", "requests"), ("lambda", "requests"),
        ("lambda", "gb_seconds"), ("lambda", "gb_seconds_arm"), ("stepfunctions", "transitions"),
        ("stepfunctions", "express_gb_seconds"),
        ("dynamodb", "read_units"), ("dynamodb", "write_units"), ("kms", "requests"), ("kms", "key_months"),
        ("s3", "put_requests"), ("s3", "get_requests"), ("logs", "gb_ingested"),
        ("secretsmanager", "secret_months"), ("secretsmanager", "requests"), ("fargate", "vcpu_hours"),
        ("fargate", "gb_hours"), ("fargate", "vcpu_hours_arm"), ("fargate", "gb_hours_arm"),
        ("fargate", "storage_gb_hours"), ("ec2", "m5.large_hours"), ("ec2", "nat_gateway_hours"),
        ("ecr", "gb_months"), ("elbv2", "alb_hours"),
    }  # fmt: skip
    assert wanted <= home


def test_fargate_spot_has_no_price_because_it_is_a_market_price() -> None:
    assert not any(one.unit.startswith("spot") for one in ALL)


def test_tiers_are_paid_step_by_step() -> None:
    price = prices.table().get("sqs", "requests", "eu-west-1")
    # 100,000 M at 0.40 = 40,000; 100,000 M at 0.30 = 30,000; 50,000 M at 0.24 = 12,000
    assert price.cost(250e9) == pytest.approx(40_000 + 30_000 + 12_000)
    assert price.cost(100e9) == pytest.approx(40_000)
    assert price.cost(0) == 0


def test_the_free_tier_comes_off_before_the_tiers_are_counted() -> None:
    price = prices.table().get("sqs", "requests", "eu-west-1")
    assert price.cost(101e9 + 1e6, free=1e6) == pytest.approx(40_000 + 1_000 * 0.30)


def test_unknown_names_offer_the_nearest() -> None:
    table = prices.table()
    with pytest.raises(NotFound, match="Did you mean 'sqs'"):
        table.get("sqss", "requests", "eu-west-1")
    with pytest.raises(NotFound, match=r"no unit of sqs named 'request'.*'requests'"):
        table.get("sqs", "request", "eu-west-1")


def test_a_region_without_the_price_is_told_which_has_it() -> None:
    with pytest.raises(NotPriced, match=r'in eu-west-1\. It has one for us-east-1: pass region="us-east-1"'):
        prices.table().get("ec2", "m7g.large_hours", "eu-west-1")
    with pytest.raises(NotPriced, match="no price for sqs requests in mars-1"):
        prices.table().get("sqs", "requests", "mars-1")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("[[price]]", "[[price"), "cannot be read"),
        (("[[price]]", "[[prices]]"), "holds no prices"),
        (('service = "sqs"\n', ""), "It has no service"),
        (('source = "https://aws.amazon.com/sqs/pricing/"\n', ""), "It has no source"),
        (("as_of = 2026-09-11\n", ""), "It has no as_of"),
        (("as_of = 2026-09-11", 'as_of = "last year"'), "Its as_of is no date"),
        (("amount = 0.40", "amount = -0.40"), "Its amount and per must be numbers"),
        (("amount = 0.40", 'amount = "0.40"'), "Its amount and per must be numbers"),
        (("amount = 0.40", "amount = nan"), "Its amount and per must be numbers"),
        (("per = 1000000", "per = 0"), "per not 0"),
        (('"USD"', '"EUR"'), "Its currency is not USD"),
        (('"unverified"', '"sure"'), "Its status is 'sure'; it can be verified or unverified"),
        (('seen = "a page"', 'seen = " "'), "Its seen is no text"),
        (('seen = "a page"', 'seen = "a page"\nprize = 1'), "a key that means nothing: prize"),
        (('seen = "a page"', 'seen = "a page"\nfree = 10'), "needs a free_source"),
        (('seen = "a page"', 'seen = "a page"\ntiers = 3'), "Its tiers must be a list"),
        (
            (
                'seen = "a page"',
                'seen = "a page"\ntiers = [{above = 9, amount = 1}, {above = 2, amount = 1}]',
            ),
            "not in rising order",
        ),
    ],
)
def test_a_corrupt_table_names_the_flaw_and_the_cure(
    tmp_path: Path, change: tuple[str, str], told: str
) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(GOOD.replace(*change), encoding="utf-8")
    with pytest.raises(LabkitError) as caught:
        prices.read(path)
    assert told in str(caught.value)
    assert "Restore data/prices.toml" in str(caught.value)


def test_a_table_that_is_missing_or_no_text_says_so(tmp_path: Path) -> None:
    with pytest.raises(LabkitError, match=r"is missing\. Restore"):
        prices.read(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LabkitError, match=r"cannot be read.*Restore"):
        prices.read(tmp_path / "bytes.toml")


def test_two_prices_for_one_thing_are_refused(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text(GOOD + GOOD, encoding="utf-8")
    with pytest.raises(LabkitError, match="prices sqs requests eu-west-1 twice"):
        prices.read(tmp_path / "prices.toml")


def test_the_good_table_is_good(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text(GOOD, encoding="utf-8")
    assert prices.read(tmp_path / "prices.toml").get("sqs", "requests", "eu-west-1").cost(
        5e6
    ) == pytest.approx(2.0)
