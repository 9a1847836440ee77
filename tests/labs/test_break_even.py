"""Lab 02's figure of Fargate and a Savings Plan, and the question beside it, say what the table of prices says."""

from __future__ import annotations

from pathlib import Path

from labkit.cost.compute import fargate_hour, instance_hour
from labkit.judging.exercises import load_checks

LAB = Path(__file__).parents[2] / "solutions" / "week07" / "02-fargate-and-capacity"
MONTH = 730
FARGATE = fargate_hour(2, 8, arm=True, region="us-east-1")
PLAN = instance_hour("m7g.large", plan="1 year", region="us-east-1")


def test_the_figure_s_numbers_are_those_of_the_table() -> None:
    drawn = (LAB / "break-even.svg").read_text("utf-8")
    assert f"up to {FARGATE.cost * MONTH:.2f} USD" in drawn
    assert f"one year: {PLAN.cost * MONTH:.2f} USD" in drawn
    assert f"break-even: {PLAN.cost / FARGATE.cost:.0%}".replace("%", " %") in drawn
    assert ("unverified" in drawn) is not (FARGATE.verified and PLAN.verified)


def test_the_lines_are_where_the_numbers_are() -> None:
    drawn = (LAB / "break-even.svg").read_text("utf-8")
    left, right, bottom, dollar = 100, 820, 330, 3.5
    cross = left + (right - left) * PLAN.cost / FARGATE.cost
    assert f"M{left} {bottom}L{right} {bottom - dollar * FARGATE.cost * MONTH:.1f}" in drawn
    assert f"M{left} {bottom - dollar * PLAN.cost * MONTH:.1f}H{right}" in drawn
    assert f'cx="{cross:.1f}"' in drawn


def test_the_question_and_the_text_say_the_same() -> None:
    asked = load_checks(LAB / "checks.py").question("full_for_four")
    assert f"{FARGATE.cost * MONTH:.2f} USD a month" in asked.text
    assert f"{PLAN.cost * MONTH:.2f} USD a month" in asked.text
    assert f"twelve months: {12 * PLAN.cost * MONTH:.2f} USD" in asked.because
    assert f"cost {4 * FARGATE.cost * MONTH:.2f} USD" in asked.because
    text = (LAB / "lab.py").read_text("utf-8")
    assert f"{FARGATE.cost * MONTH:.2f}" in text
    assert f"flat at {PLAN.cost * MONTH:.2f}" in text
