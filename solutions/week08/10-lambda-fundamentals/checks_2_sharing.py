"""Lab 10: layers, and configuration that lies elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from labkit.judging import Expect, World, exercise

from . import DOCS, said, short, zipped

# -- 10.3 ------------------------------------------------------------------------------------------------


@exercise(
    "Share code, and pin its version",
    points=10,
    minutes=10,
    covers=("L132",),
    hints=(
        "Python does not search a whole disk for a module. It looks in a few folders, and a layer has to bring one of "
        "them. And what must not change any more, you have to publish before you change the original.",
        "A layer's files for Python lie in the folder `python/` of its zip. Then `publish_layer_version`, `deploy(..., "
        f"Layers=[arn])`, `publish_version`, `create_alias`. See {DOCS}/dg/python-layers.html",
        '```\npackage({"____/orchard_common.py": text})\n'
        'point("receipt", "stable", lambda_client.____(FunctionName="receipt")["Version"])\n```',
    ),
)
def layers(world: World, expect: Expect) -> None:
    """Each alias keeps the layer version it was published with."""
    receipt = expect.found(
        "exists",
        world.function("receipt"),
        "There is a function named `receipt`.",
        action='Deploy it: `deploy("receipt", ...)`.',
    )
    expect.found(
        "aliases",
        (receipt.alias("stable") and receipt.alias("next")) or None,
        "`receipt` has the aliases `stable` and `next`.",
        seen="Missing: " + ", ".join(name for name in ("stable", "next") if receipt.alias(name) is None),
        action='Publish a version, then point an alias at it: `point("receipt", "stable", ...)`.',
    )
    orders = [{"order": world.word(), "cents": world.random.randrange(100, 99_999)} for _ in range(4)]
    stable, coming = (list(receipt.calls(orders, name)) for name in ("stable", "next"))
    failed = next((run for run in (*stable, *coming) if not run.ok), None)
    if not expect(
        "starts",
        failed is None,
        "Both aliases start: the layer's module is found.",
        seen=said(failed) if failed else "",
        why="Lambda unpacks a layer into `/opt`. Python looks for modules in one folder of it.",
        action="`receipt` has no layer. Give it one: `deploy(..., Layers=[arn])`. Then publish it again."
        if not receipt.settings.get("Layers")
        else "What is the path of the module in the layer's zip file: which folder, which name? Publish the layer "
        "again, and the function.",
    ):
        return
    judge_forms(expect, orders, stable, coming)
    from_layer = layered(world, receipt)
    expect(
        "layer",
        from_layer.ok and "checker" in str(from_layer.answer),
        "`receipt` takes `orchard_common` from its layer.",
        seen="The checker gave `receipt` another layer with the same module. " + said(from_layer),
        why="A copy in the function's own zip file comes first. Then each function has a copy of its own to repair.",
        action="Take `orchard_common.py` out of the function's own package.",
    )
    again = [*receipt.calls(orders, "stable"), *receipt.calls(orders, "next")]
    before = [run.answer for run in (*stable, *coming)]
    expect(
        "pinned",
        [run.answer for run in again] == before,
        "What the aliases serve does not change while a colleague works on the function.",
        seen="A colleague gave `$LATEST` another layer. After that, an alias answered "
        f"{short(next((run.answer for run, old in zip(again, before, strict=True) if run.answer != old), ''))}.",
        why="`$LATEST` is a workbench. A published version never changes.",
        action="Point each alias at the number of a published version.",
    )


def judge_forms(expect: Expect, orders: list[dict[str, Any]], stable: list[Any], coming: list[Any]) -> None:
    """The form of the amounts, through both aliases."""
    for key, runs, form in (("old", stable, "EUR {:.2f}"), ("new", coming, "{:.2f} EUR")):
        wanted = [{"order": one["order"], "total": form.format(one["cents"] / 100)} for one in orders]
        wrong = [(run.answer, right) for run, right in zip(runs, wanted, strict=True) if run.answer != right]
        told = f"It answered {short(wrong[0][0])}. Right is {short(wrong[0][1])}." if wrong else "It does."
        if key == "old":
            expect(
                "old",
                not wrong,
                "Through `stable`, amounts still have the old form.",
                seen=told,
                why="The tax office reads receipts in this form.",
                action="Publish `receipt` while it has the first layer version, and point `stable` at that number.",
            )
        else:
            expect(
                "new",
                not wrong,
                "Through `next`, amounts have the new form.",
                seen=told,
                why="A function uses the layer version that it names, not the newest.",
                action="Give `receipt` the ARN of the second layer version, and publish it once more.",
            )


def layered(world: World, receipt: Any) -> Any:
    """What the newest code answers with a layer of the checker's."""
    client, word = world.client("lambda"), world.word()
    text = f"def money(cents):\n    return 'checker {word}'\n"
    made = client.publish_layer_version(
        LayerName=f"checker-{word}", Content={"ZipFile": zipped({"python/orchard_common.py": text})}
    )
    receipt.change(Layers=[made["LayerVersionArn"]])
    return receipt.call({"order": word, "cents": 100})


# -- 10.4 ------------------------------------------------------------------------------------------------

STAGES: Final = ("dev", "prod")


def a_price_list(world: World) -> dict[str, int]:
    """About 5 KB of prices."""
    return {f"{world.word()}-{place}": world.random.randrange(100, 999) for place in range(240)}


@exercise(
    "One code, two stages, long lists",
    points=10,
    minutes=14,
    star=True,
    covers=("L139", "L150"),
    hints=(
        "A note on the door says where the book lies. The note is short, however long the book is. Whoever wants to "
        "read the book also needs the key to that room, and has to look again from time to time.",
        "`put_parameter` with a tier for long values, or `put_object`. In the function: `get_parameter`, with a name "
        f"from `os.environ`. The role: `put_role_policy`. See {DOCS}/dg/configuration-envvars.html",
        '```\nparameter = ssm.get_parameter(Name=os.environ["CONFIG_____"])["Parameter"]\n'
        'prices = json.loads(parameter["Value"])\n```',
    ),
)
def configuration(world: World, expect: Expect, *, set_prices: Callable[..., Any]) -> None:
    """Both stages run the same code and answer from long lists of their own, which can change at any time."""
    functions = {stage: world.function(f"delivery-fee-{stage}") for stage in STAGES}
    expect.found(
        "exists",
        functions if all(functions.values()) else None,
        "There are functions named `delivery-fee-dev` and `delivery-fee-prod`.",
        seen="Missing: "
        + ", ".join(f"delivery-fee-{name}" for name, one in functions.items() if one is None),
        action="Run the cell above the exercise again.",
    )
    lists = {stage: a_price_list(world) for stage in STAGES}
    for stage in STAGES:
        told(expect, set_prices, stage, lists[stage])
    wrong = wrong_prices(world, functions, lists)
    if not expect(
        "answers",
        not wrong,
        "Each stage answers from its own list and names its stage.",
        seen=wrong,
        why="A price that is only being tried must not reach a customer.",
        action="Let the environment variable of each function say where its list lies. May the role read it there?",
    ):
        return
    lists["prod"] = a_price_list(world)
    told(expect, set_prices, "prod", lists["prod"])
    minutes(world, functions, lists)
    wrong = wrong_prices(world, functions, lists)
    expect(
        "fresh",
        not wrong,
        "New prices are in force after five minutes, though the function was never idle.",
        seen=f"Five minutes after `set_prices('prod', ...)`: {wrong}" if wrong else "They are.",
        why="What stands outside the handler is read once, when an environment starts. A busy one lives for hours.",
        action="Read the list in the handler, or read it again when what you keep is some minutes old.",
    )
    dev, prod = (functions[stage].files for stage in STAGES)  # type: ignore[union-attr]
    expect(
        "same",
        dev == prod,
        "Both functions have the same code.",
        seen="The files in their packages differ.",
        why="What you tried in `dev` is then really what runs in `prod`.",
        action="What differs between the stages lies outside the code. An environment variable says where.",
    )


def told(expect: Expect, set_prices: Callable[..., Any], stage: str, prices: dict[str, int]) -> None:
    """Set the prices of a stage, as the people of the shop would."""
    expect.call(
        "runs",
        set_prices,
        stage,
        dict(prices),
        wanted="`set_prices` takes a list of 5 KB, again and again.",
        why="All environment variables of a function together may have 4 KB. A standard parameter is as small. And the "
        "list is set many times.",
        action="Read the error. Choose a place that holds 5 KB and can be written again. The environment variable "
        "names that place.",
    )


def minutes(world: World, functions: dict[str, Any], lists: dict[str, dict[str, int]]) -> None:
    """Five minutes in which the functions are called all the time."""
    for _ in range(5):
        world.clock.advance(seconds=61)
        for stage in STAGES:
            functions[stage].call({"village": next(iter(lists[stage]))})


def wrong_prices(world: World, functions: dict[str, Any], lists: dict[str, dict[str, int]]) -> str:
    """What a customer sees that is not right; nothing where all is well."""
    for stage in STAGES:
        for village in world.random.sample(sorted(lists[stage]), 3):
            run, right = functions[stage].call({"village": village}), lists[stage][village]
            if not isinstance(run.answer, dict) or run.answer.get("cents") != right:
                return f"`delivery-fee-{stage}` was asked for {village}. {said(run)}" + (
                    f" Right is {right} cents." if run.ok else ""
                )
            if run.answer.get("stage") != stage:
                return f"`delivery-fee-{stage}` named its stage {short(run.answer.get('stage'))}."
    return ""
