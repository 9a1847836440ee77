"""Lab 10: who may call a function."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from labkit.judging import Expect, World, exercise
from labkit.sandbox import delivery
from labkit.sandbox.parcels import Parcel

from . import DOCS

# -- 10.7 ------------------------------------------------------------------------------------------------

STRANGER: Final = "999988887777"


@exercise(
    "Only your rule and your bucket",
    points=10,
    minutes=11,
    covers=("L135",),
    hints=(
        "Three questions at the door: which service are you, for which resource do you come, and to which account does "
        "that belong? The name of the one says the account; the name of the other does not.",
        "`add_permission` with `Principal` (the service), `SourceArn` and, where the ARN has no account number, "
        "`SourceAccount`. Then `put_bucket_notification_configuration`. "
        f"See {DOCS}/dg/permissions-function-services.html",
        '```\nlambda_client.add_permission(\n    FunctionName="stock-sync", StatementId="from-rule",\n'
        '    Action="lambda:InvokeFunction", Principal="events.amazonaws.com", SourceArn=____,\n)\n```',
    ),
)
def who_may_call(world: World, expect: Expect) -> None:
    """The shop's rule and bucket set the function off, and nobody else does."""
    stock = expect.found(
        "exists",
        world.function("stock-sync"),
        "There is a function named `stock-sync`.",
        action="Run the cell above the exercise again.",
    )
    account = stock.arn.split(":")[4]
    uploads = f"orchard-uploads-{account}"
    expect.found(
        "sources",
        targets(world) if bucket_is_there(world, uploads) else None,
        "There are a rule `new-stock` with a target, and the bucket `orchard-uploads-...`.",
        action="Run the cell above the exercise again.",
    )
    arns = sorted({stock.arn, *(targets(world) or [])})
    judge_friends(world, expect, stock, uploads)
    judge_strangers(world, expect, stock, arns, account, uploads)


def judge_friends(world: World, expect: Expect, stock: Any, uploads: str) -> None:
    """An event for the rule, and a file for the bucket."""
    with world.rehearsal() as rehearsal:
        entry = {"Source": "orchard.warehouse", "DetailType": world.word(), "Detail": "{}"}
        world.client("events").put_events(Entries=[entry])
        world.clock.advance(seconds=5)
        expect(
            "rule",
            ran(rehearsal, stock) == 1,
            "An event for the rule `new-stock` sets the function off.",
            seen=how_often(rehearsal, stock),
            why="New stock is in the warehouse, and the shop says: sold out.",
            action="Once is enough. Who else calls it for the same event? Look at the targets of your rules."
            if ran(rehearsal, stock)
            else "Who calls whom? The function needs a statement that lets the rule in. Its role is for what it does "
            "itself.",
        )
    with world.rehearsal() as rehearsal:
        world.client("s3").put_object(Bucket=uploads, Key=f"stock/{world.word()}.csv", Body=b"tea,12")
        world.clock.advance(seconds=60)
        expect(
            "bucket",
            ran(rehearsal, stock) == 1,
            "A new file in your bucket sets the function off.",
            seen=f"A file came. {how_often(rehearsal, stock)}",
            why="Suppliers send their stock as files.",
            action="Once is enough. Who else calls it for the same file?"
            if ran(rehearsal, stock)
            else "Let the bucket in, then tell the bucket whom to call, and when: "
            "`put_bucket_notification_configuration`.",
        )


def judge_strangers(
    world: World, expect: Expect, stock: Any, arns: list[str], account: str, uploads: str
) -> None:
    """Everybody else who could knock."""
    region, word = stock.region, world.word()
    came = knocks(world, stock, arns, "events", f"arn:aws:events:{region}:{account}:rule/{word}", account)
    expect(
        "other_rule",
        not came,
        "Another rule of the account cannot set it off.",
        seen=f"A rule named `{word}` in your account called the function, and it ran.",
        why="A colleague's rule for another purpose would change the stock.",
        action="Say in the statement which rule: `SourceArn`.",
    )
    came = knocks(world, stock, arns, "s3", f"arn:aws:s3:::{word}", account)
    expect(
        "other_bucket",
        not came,
        "Another bucket of the account cannot set it off.",
        seen=f"A bucket named `{word}` in your account called the function, and it ran.",
        why="A file with photos would be read as stock.",
        action="Say in the statement which bucket: `SourceArn`.",
    )
    came = knocks(world, stock, arns, "s3", f"arn:aws:s3:::{uploads}", STRANGER)
    expect(
        "other_account",
        not came,
        "A bucket of the same name in another account cannot set it off.",
        seen=f"A bucket named `{uploads}` in the account {STRANGER} called the function, and it ran.",
        why="If you ever delete the bucket, anybody may take its name. The ARN of a bucket names no account.",
        action="Say in the statement which account the bucket has to belong to.",
    )
    came = knocks(world, stock, arns, "sns", f"arn:aws:sns:{region}:{account}:{word}", account)
    expect(
        "stranger",
        not came,
        "Another service cannot set it off.",
        seen=f"A topic of SNS named `{word}` called the function, and it ran.",
        why="Each statement is a door. This one stands open to all.",
        action="Name one service in each statement, as `Principal`.",
    )


def knocks(world: World, stock: Any, arns: list[str], service: str, source: str, account: str) -> int:
    """Somebody calls the function on behalf of a resource. How often it ran."""
    with world.rehearsal() as rehearsal:
        for place, arn in enumerate(arns):
            delivery.send(
                Parcel(
                    service, source, arn, "{\"Records\": []}", principal=f"{service}.amazonaws.com",
                    id=f"{world.seed}-{place}", about=(("account", account),),
                )
            )  # fmt: skip
        world.clock.advance(seconds=5)
        return ran(rehearsal, stock)


def ran(rehearsal: Any, stock: Any) -> int:
    """How often the function ran for the first time with an event; its own errors are not asked about."""
    runs = rehearsal.trace.where(kind="invocation")
    return len({run.params.get("RequestId") for run in runs if f":function:{stock.name}" in run.resource})


def how_often(rehearsal: Any, stock: Any) -> str:
    """How often it ran, and what kept it from running, in words."""
    times = ran(rehearsal, stock)
    return f"The function ran {times} times." if times else f"The function did not run. {why_not(rehearsal)}"


def why_not(rehearsal: Any) -> str:
    """What refused a call, if anything did."""
    refused = rehearsal.trace.where(kind="refused")
    return f"Refused: {refused[0].note or refused[0].message}" if refused else "Nobody tried to call it."


def targets(world: World) -> list[str] | None:
    """Whom the rule calls; None when there is no such rule, or nobody."""
    client = world.client("events")
    with suppress(client.exceptions.ResourceNotFoundException):
        found = client.list_targets_by_rule(Rule="new-stock")["Targets"]
        return [one["Arn"] for one in found] or None
    return None


def bucket_is_there(world: World, name: str) -> bool:
    """Whether the account has this bucket."""
    return name in [one["Name"] for one in world.client("s3").list_buckets()["Buckets"]]
