"""Exercise 13.8: a function that hears itself, and an alarm that would tell."""

from __future__ import annotations

import json
from typing import Any, Final

from labkit.judging import Expect, World, exercise, number, shown

from . import DOCS, function_arn, listen, rule_of

BUSY: Final = 20
LOOP: Final = 60


@exercise(
    "Do you listen to yourself?",
    points=15,
    minutes=14,
    covers=("L184", "L188-L196"),
    hints=(
        "The function hears everything, also its own voice. How can the rule tell the function's voice "
        "from the voice of the shop? And what number would have told you of the trouble in the first "
        "minute?",
        "`put_rule` replaces the pattern. `anything-but` fits every kind but one. For the alarm: "
        "`put_metric_alarm` on the metric `Invocations` with the statistic `Sum`. See "
        f"{DOCS}/userguide/eb-create-pattern-operators.html and {DOCS}/userguide/eb-monitoring.html",
        '```\n{"source": ["orchard.shop"], "detail-type": [{"anything-but": "____"}]}\n```',
    ),
)
def loop(world: World, expect: Expect) -> None:
    """The function runs once for each event of the shop and not for its own output, and an alarm would see a loop."""
    expect.found(
        "exists",
        function_arn(world, "enrich") if rule_of(world, "enrich", "default") else None,
        "There are the rule `enrich` on the bus `default` and the function `enrich`.",
        action="Run the cell that creates both again; it stands above the exercise.",
    )
    kinds = ["Order Placed", f"Order {world.word().title()}"]
    told = [one_event(world, kind, "orchard.shop") for kind in kinds]
    expect(
        "alone",
        all(runs <= 1 for runs, _ in told),
        "The function's own output does not start it again.",
        seen="One event of the shop, and half a minute later the function had run "
        f"{max(one for one, _ in told)} times.",
        why="Each run makes an event, and each event makes a run. AWS bills all of them.",
        action="Disable the rule first. Then narrow its pattern, so that it does not fit `Order Enriched`.",
    )
    missed = [kind for kind, (runs, results) in zip(kinds, told, strict=True) if not runs or not results]
    expect(
        "kept",
        not missed,
        "Every other event of the shop starts the function, and `Order Enriched` follows.",
        seen=f"An event {shown([repr(one) for one in missed])} of the shop was not enriched.",
        why="Next year the shop will have events that nobody has thought of yet. And a rule that is "
        "disabled matches nothing.",
        action="Say what the rule does not want, instead of listing what it wants.",
    )
    strange = [
        source
        for source in ("aws.s3", "aws.ec2", "orchard.returns")
        if one_event(world, "Order Placed", source)[0]
    ]
    expect(
        "strangers",
        not strange,
        "Events of AWS services and of other sources do not start the function.",
        seen=f"The function ran for an event with the source {shown(strange)}.",
        why="On the default bus, AWS services speak all day long.",
        action="Name the source in the pattern.",
    )
    judge_alarm(world, expect)


def one_event(world: World, kind: str, source: str) -> tuple[int, int]:
    """One event on the default bus, and half a minute: how often the function ran, and the results that it put."""
    with world.rehearsal() as rehearsal:
        results = listen(world, {"detail-type": ["Order Enriched"]}, bus="default")
        entry = {
            "Source": source,
            "DetailType": kind,
            "Detail": json.dumps({"order_id": world.word(), "total": 12.5}),
        }
        world.sandbox.backend("events").put_events([entry])
        world.clock.advance(seconds=30)
        return len(rehearsal.trace.where(kind="invocation", resource="enrich")), len(results.messages())


def judge_alarm(world: World, expect: Expect) -> None:
    """What the alarms of the account would do on a busy day and in a loop."""
    found = world.client("cloudwatch").describe_alarms(AlarmTypes=["MetricAlarm"])["MetricAlarms"]
    watching = [one for one in found if watches(one)]
    expect(
        "watches",
        watching,
        "An alarm watches the metric `Invocations` of the rule `enrich`.",
        seen=f"{number(len(found), 'alarm')} in the account, and none of them watches it.",
        why="A metric without its dimensions is another metric, and that one has no data.",
        action="Namespace `AWS/Events`, metric `Invocations`, and one dimension: `RuleName`.",
    )
    ringing = [one for one in watching if rings(one, LOOP)]
    expect(
        "rings",
        ringing,
        "In a loop with 60 calls a minute, the alarm rings within ten minutes.",
        seen="With 60 calls in each minute, no such alarm rings within ten minutes.",
        why="You want to hear of it before the bill comes.",
        action="Add the calls up (`Sum`) over a short period, and look for a threshold below what a loop "
        "makes.",
    )
    expect(
        "silent",
        watching and not any(rings(one, BUSY) for one in watching),
        "In the busiest minutes of the year, with 20 calls each, the alarm is silent.",
        seen="With 20 calls in each minute, an alarm rings." if watching else "There is no such alarm.",
        why="An alarm that rings for nothing is soon ignored.",
        action="How many calls are there in one period of your alarm on a busy day? The threshold must be "
        "higher.",
    )


def watches(alarm: dict[str, Any]) -> bool:
    """Whether an alarm is on the invocations of the rule, or of its function."""
    dimensions = [(one["Name"], one["Value"]) for one in alarm.get("Dimensions", [])]
    metric = alarm.get("Namespace"), alarm.get("MetricName"), dimensions
    return metric in (
        ("AWS/Events", "Invocations", [("RuleName", "enrich")]),
        ("AWS/Lambda", "Invocations", [("FunctionName", "enrich")]),
    )


def rings(alarm: dict[str, Any], per_minute: int) -> bool:
    """Whether an alarm rings within ten minutes of so many calls a minute."""
    period = alarm["Period"]
    needed = alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"]
    # Each call is one data point of the value 1.
    value = per_minute * period / 60 if alarm.get("Statistic") in ("Sum", "SampleCount") else 1
    over = {
        "GreaterThanThreshold": value > alarm["Threshold"],
        "GreaterThanOrEqualToThreshold": value >= alarm["Threshold"],
        "LessThanThreshold": value < alarm["Threshold"],
        "LessThanOrEqualToThreshold": value <= alarm["Threshold"],
    }
    return over.get(alarm["ComparisonOperator"], False) and needed * period <= 600
