"""What the finished exercises of lab 10 do. Each check plays the callers, the colleagues and the passing of time."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from labkit.judging import Expect, World, exercise, question

DOCS: Final = "https://docs.aws.amazon.com/lambda/latest"

# -- questions -------------------------------------------------------------------------------------------

what_stays = question(
    "A module has the line `calls = 0` outside the handler. The handler adds one and returns the number. You call the "
    "function three times, one call after the other. You wait an hour and call it once more. Which numbers come back?",
    a="1, 1, 1 and 1: each call starts from nothing",
    b="1, 2, 3 and 4: the function remembers",
    c="1, 2, 3 and 1: it remembers for a while",
    answer="c",
    because="The first call loads the module. The next calls find the same environment, with its variables. When it is "
    "idle for long, Lambda takes it away. AWS promises neither: never keep in a variable what you cannot lose.",
    why_not={
        "a": "That would be a new environment for each call. Lambda uses a free one again.",
        "b": "Nobody keeps an environment for ever. This one is gone after an hour without a call.",
    },
)


# -- what the checks share -------------------------------------------------------------------------------


def number(count: int, thing: str, plural: str = "") -> str:
    """A count with its word: "1 call", "3 calls"."""
    return f"{count:,} {thing if count == 1 else plural or thing + 's'}"


def short(thing: object, most: int = 160) -> str:
    """A value in few words."""
    text = repr(thing)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def said(run: Any) -> str:
    """What a call answered, or how it failed."""
    return f"It answered {short(run.answer)}." if run.ok else f"It failed with {short(run.trouble, 300)[1:-1]}."


# -- 10.1 ------------------------------------------------------------------------------------------------

FEES: Final = {"near": 290, "far": 590, "abroad": 1490}


@exercise(
    "A price quote that starts",
    points=10,
    minutes=8,
    star=True,
    covers=("L128-L130", "L159"),
    hints=(
        "Lambda unpacks your zip file and follows an address in it: first to a file, then to a function in that file. "
        "Whatever this file wants to have, has to be there, too.",
        "The handler setting is `file.function`. The file lies at the top of the zip, beside everything it imports. See "
        f"{DOCS}/dg/python-package.html and {DOCS}/dg/python-handler.html",
        '```\ndeploy("price-quote", {"app.py": QUOTE, "____": DELIVERY}, Handler="app.____")\n```',
    ),
)
def price_quote(world: World, expect: Expect) -> None:
    """The function starts and gives the right price for any order."""
    quote = expect.found(
        "exists",
        world.function("price-quote"),
        "There is a function named `price-quote`.",
        action='Deploy it under this name: `deploy("price-quote", ...)`.',
    )
    orders = [an_order(world) for _ in range(20)]
    first = quote.call(orders[0])
    missing = re.search(r"No module named '?([\w.]+)", first.message)
    file = str(quote.settings.get("Handler", "")).rpartition(".")[0].replace("/", ".")
    own = bool(missing) and file.startswith(missing[1]) if missing else False
    if not expect(
        "module",
        not own,
        "Lambda finds the file that the handler setting names.",
        seen=said(first),
        why="Lambda looks for it from the top of the zip file. A folder in between is part of the address.",
        action="Compare the names of the files in the zip with the first half of the handler setting.",
    ):
        return
    if not expect(
        "imports",
        first.error != "Runtime.ImportModuleError" and not first.error.startswith("Runtime.UserCodeSyntax"),
        "Everything that the file imports is in the package.",
        seen=said(first),
        why="Nothing of your own is in Lambda but what you pack. On your machine the import worked.",
        action="Put the missing file beside the other one.",
    ):
        return
    if not expect(
        "handler",
        first.error != "Runtime.HandlerNotFound" and "handler" not in first.message.lower(),
        "The file has the function that the handler setting names.",
        seen=said(first),
        why="The second half of the setting is the name of a function, exactly as it stands in the file.",
        action="Look for `def` in the file, and write its name into the handler setting.",
    ):
        return
    runs = [first, *quote.calls(orders[1:])]
    wrong = [
        (order, run) for order, run in zip(orders, runs, strict=True) if run.answer != the_quote(order)
    ]
    expect(
        "answers",
        not wrong,
        "20 orders that nobody has seen before get the right price.",
        seen=f"{len(wrong)} of 20 were wrong. For {short(wrong[0][0], 200)}: {said(wrong[0][1])} "
        f"Right is {wrong[0] and the_quote(wrong[0][0])}."
        if wrong
        else "All 20 were right.",
        why="A customer sees this number.",
        action="The code that was there is right. Pack it as it is.",
    )


def an_order(world: World) -> dict[str, Any]:
    """An order with fresh lines."""
    dice = world.random
    lines = [
        {"cents": dice.randrange(99, 9_999), "count": dice.randrange(1, 9)}
        for _ in range(dice.randrange(1, 5))
    ]
    return {"order": world.word(), "lines": lines, "zone": dice.choice(sorted(FEES))}


def the_quote(order: dict[str, Any]) -> dict[str, Any]:
    """What the function should answer."""
    goods = sum(line["cents"] * line["count"] for line in order["lines"])
    return {"order": order["order"], "cents": goods + FEES[order["zone"]]}


# -- 10.2 ------------------------------------------------------------------------------------------------

LIMIT: Final = 10.0
SPARE: Final = 0.5
LEAST_USED: Final = 6.0
MOST_CALLS: Final = 40


@exercise(
    "Stop before the clock does",
    points=10,
    minutes=12,
    covers=("L131", "L146"),
    hints=(
        "A worker who looks at the clock before each piece knows when not to begin another one. She leaves a note that "
        "says where the next one has to go on.",
        "The context knows how long is left: `context.get_remaining_time_in_millis()`. Ask it before each label. See "
        f"{DOCS}/dg/python-context.html",
        '```\nif context.____() < 1500:\n    return {"next": number}\n```',
    ),
)
def checkpoint(world: World, expect: Expect) -> None:
    """A long job takes several calls; each ends in time, and every label is printed once."""
    printing = expect.found(
        "exists",
        world.function("print-labels"),
        "There is a function named `print-labels`.",
        action="Run the cell above the exercise again.",
    )
    tiny = printing.call({"job": world.word(), "start": 3, "labels": 5, "pace": 0.001})
    if not expect(
        "runs",
        tiny.ok and isinstance(tiny.answer, dict) and "next" in tiny.answer,
        'A job of two labels runs without an error and returns a dict with "next".',
        seen=said(tiny),
        why="Who calls the function reads there where to go on.",
        action="Read what Lambda says, and repair that line.",
    ):
        return
    for labels, pace in ((900, 0.05), (world.random.randrange(70, 90), 0.2)):
        judge_job(world, expect, printing, labels, pace)


def judge_job(world: World, expect: Expect, printing: Any, labels: int, pace: float) -> None:
    """One job, from its first call to the last, as the shop would drive it."""
    job, start, runs, printed = world.word(), 0, [], []
    first = start = world.random.randrange(0, 9)
    for _ in range(MOST_CALLS):
        run = printing.call({"job": job, "start": start, "labels": labels, "pace": pace})
        runs.append(run)
        printed += [int(found) for found in re.findall(rf"label {re.escape(job)} (\d+)", run.log)]
        start = run.answer.get("next") if isinstance(run.answer, dict) else None
        if not isinstance(start, int):
            break
    what = f"A job of {labels} labels at {pace:g} seconds each"
    longest = max(run.seconds for run in runs)
    stopped = [run for run in runs if not run.ok]
    expect(
        "early",
        not stopped and longest <= LIMIT - SPARE,
        "Each call ends by itself, at least half a second before its 10 seconds are over.",
        seen=f"{what}: call {len(runs)} ended with {stopped[0].trouble}."
        if stopped
        else f"{what}: the longest call took {longest:.1f} seconds.",
        why="Lambda ends a late call in the middle of a label, and nobody learns how far it came.",
        action="Before each label, ask how much time is left. Keep more than the slowest label needs.",
    )
    cut = len(runs) == MOST_CALLS  # nobody would drive it any further
    left_out = [] if cut else sorted(set(range(first, labels)) - set(printed))
    expect(
        "all",
        not left_out,
        "When the job is done, every label is printed.",
        seen=f"{what}: {number(len(left_out), 'label is', 'labels are')} missing, "
        f"the first is number {left_out[0]}. The job took {number(len(runs), 'call')}."
        if left_out
        else "None is missing.",
        why="A parcel without a label stays in the shop.",
        action="Return the number of the first label that is not printed yet. Return None only at the very end.",
    )
    twice = len(printed) - len(set(printed))
    expect(
        "once",
        not twice,
        "No label is printed twice.",
        seen=f"{what}: {number(twice, 'label was', 'labels were')} printed twice." if twice else "None was.",
        why="Two parcels would go to the same customer.",
        action="The number you return is where the next call begins. Which label has the last one printed?",
    )
    lazy = [run.seconds for run in runs[:-1] if run.seconds < LEAST_USED]
    expect(
        "busy",
        not lazy,
        "A call that leaves work has used at least six of its ten seconds.",
        seen=f"{what}: a call gave up after {lazy[0]:.1f} seconds. In all there were {number(len(runs), 'call')}."
        if lazy
        else "All did.",
        why="Each call costs a request and has to be started by somebody.",
        action="The method gives milliseconds. Stop when one to three seconds are left.",
    )


# -- 10.3 ------------------------------------------------------------------------------------------------


@exercise(
    "Share code, and pin its version",
    points=10,
    minutes=12,
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
        action="Which folder has to be inside the layer's zip file? Publish the layer again, and the function.",
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
        wrong = [
            (run.answer, right) for run, right in zip(runs, wanted, strict=True) if run.answer != right
        ]
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


def zipped(files: dict[str, str]) -> bytes:
    """A zip file."""
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


# -- 10.4 ------------------------------------------------------------------------------------------------

STAGES: Final = ("dev", "prod")


def a_price_list(world: World) -> dict[str, int]:
    """About 5 KB of prices."""
    return {f"{world.word()}-{place}": world.random.randrange(100, 999) for place in range(240)}


@exercise(
    "One code, two stages, long lists",
    points=10,
    minutes=16,
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
        seen="Missing: " + ", ".join(f"delivery-fee-{name}" for name, one in functions.items() if one is None),
        action="Run the cell above the exercise again.",
    )
    lists = {stage: a_price_list(world) for stage in STAGES}
    for stage in STAGES:
        told(expect, set_prices, stage, lists[stage])
    wrong = wrong_prices(world, functions, lists)
    expect(
        "answers",
        not wrong,
        "Each stage answers from its own list and names its stage.",
        seen=wrong,
        why="A price that is only being tried must not reach a customer.",
        action="Let the environment variable of each function say where its list lies. May the role read it there?",
    )
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
    codes = {functions[stage].settings["CodeSha256"] for stage in STAGES}  # type: ignore[union-attr]
    expect(
        "same",
        len(codes) == 1,
        "Both functions have the same code.",
        seen="The hashes of their packages differ.",
        why="What you tried in `dev` is then really what runs in `prod`.",
        action="Put everything that differs between the stages into environment variables.",
    )


def told(expect: Expect, set_prices: Callable[..., Any], stage: str, prices: dict[str, int]) -> None:
    """Set the prices of a stage, as the people of the shop would."""
    expect.call(
        "runs",
        set_prices,
        stage,
        dict(prices),
        wanted="`set_prices` takes a list of 5 KB.",
        why="All environment variables of a function together may have 4 KB. A standard parameter is as small.",
        action="Choose a place that holds 5 KB, and let the environment variable name that place.",
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
                return f"`delivery-fee-{stage}` was asked for {village}. {said(run)} Right is {right} cents."
            if run.answer.get("stage") != stage:
                return f"`delivery-fee-{stage}` named its stage {short(run.answer.get('stage'))}."
    return ""

