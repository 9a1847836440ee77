"""What the finished exercises of lab 10 do. Each check plays the callers, the colleagues and the passing of time."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from labkit.judging import Expect, World, exercise, question
from labkit.sandbox import delivery
from labkit.sandbox.parcels import Parcel

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

what_a_version_sees = question(
    "You publish version 1 of a function. Then you change an environment variable and the code of the function. You "
    "call version 1. What does it see?",
    a="The old code and the old variable",
    b="The old code and the new variable: configuration is shared",
    c="The new code and the new variable",
    answer="a",
    because="A version is a copy of code and settings together. Neither ever changes again. So a version that worked "
    "still works tomorrow.",
    why_not={
        "b": "Settings belong to the version, too: variables, memory, timeout, layers.",
        "c": "That is what `$LATEST` sees.",
    },
)

without_permission = question(
    "Nobody has allowed the rule `new-stock` to call `stock-sync`. A matching event comes. What does the sender of the "
    "event see?",
    a="An error: the event is refused",
    b="Nothing: all is well, and the function does not run",
    c="Nothing: all is well, and the function runs, because both are in one account",
    answer="b",
    because="EventBridge took the event. That it cannot deliver it is its own business: a metric, FailedInvocations, "
    "counts it. The sender never learns of it.",
    why_not={
        "a": "The sender talks to EventBridge, not to the function. It took the event.",
        "c": "A service is not your account. It needs a statement in the function's resource policy.",
    },
)

which_way_streams = question(
    "A function can stream up to 200 MB. Which problem does that solve?",
    a="A caller wants to send a request of 20 MB",
    b="A caller waits for an answer of 20 MB",
    c="An asynchronous event is larger than 1 MB",
    answer="b",
    because="Only answers can be streamed. A request of 20 MB goes to S3 first, and the event carries a pointer to it.",
    why_not={
        "a": "A request is never streamed: 6 MB is all that a synchronous call takes.",
        "c": "Events are not streamed either, and nobody waits for their answer.",
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
    minutes=7,
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
        action="Compare the names of the files in the zip with the first half of the handler setting. It has no `.py`.",
    ):
        return
    if not expect(
        "imports",
        first.error != "Runtime.ImportModuleError" and not first.error.startswith("Runtime.UserCodeSyntax"),
        "Everything that the file imports is in the package.",
        seen=said(first),
        why="Nothing of your own is in Lambda but what you pack. On your machine the import worked.",
        action="Put the missing file beside the other one."
        if missing
        else "A file of the package is not what the runtime can read. The message says which, and where.",
    ):
        return
    if not expect(
        "handler",
        first.error not in ("Runtime.HandlerNotFound", "Runtime.MalformedHandlerName"),
        "The file has the function that the handler setting names.",
        seen=said(first),
        why="The setting has two halves with a dot between. The second is the name of a function, as it stands in the file.",
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
    minutes=10,
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
        if not isinstance(start, int) or len(printed) > 2 * labels:
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
    cut = isinstance(start, int)  # nobody would drive it any further
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
        seen="Missing: " + ", ".join(f"delivery-fee-{name}" for name, one in functions.items() if one is None),
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
                return f"`delivery-fee-{stage}` was asked for {village}. {said(run)}" + (
                    f" Right is {right} cents." if run.ok else ""
                )
            if run.answer.get("stage") != stage:
                return f"`delivery-fee-{stage}` named its stage {short(run.answer.get('stage'))}."
    return ""



# -- 10.5 ------------------------------------------------------------------------------------------------

CALLS: Final = 2_000


@exercise(
    "Ten percent green",
    points=10,
    minutes=10,
    star=True,
    covers=("L138",),
    hints=(
        "First make two things that never change. Then make a sign that points at one of them, and sometimes at the "
        "other. To roll back is to turn the sign.",
        "`publish_version` gives a number. `create_alias` and `update_alias` take `RoutingConfig` with "
        f"`AdditionalVersionWeights`. See {DOCS}/dg/configuring-alias-routing.html",
        '```\npoint("checkout", "live", blue, RoutingConfig={"AdditionalVersionWeights": {green: ____}})\n```',
    ),
)
def weighted_alias(world: World, expect: Expect, *, roll_back: Callable[..., Any]) -> None:
    """One customer in ten meets the new version, nobody meets what is not published, and one call brings all back."""
    checkout = world.function("checkout")
    checkout = expect.found(
        "exists",
        checkout if checkout and checkout.alias("live") else None,
        "There is a function `checkout` with an alias `live`.",
        action='Deploy and publish it, then `point("checkout", "live", ...)`.',
    )
    colors = met(checkout, CALLS)
    green = colors["green"] / CALLS
    others = CALLS - colors["green"] - colors["blue"]
    expect(
        "share",
        abs(green - 0.1) <= 0.025 and not others,
        "Of many calls through `live`, about 10 % meet green and all others blue.",
        seen=f"Of {CALLS:,} calls, {green:.1%} met green"
        + (f" and {number(others, 'call')} neither green nor blue." if others else "."),
        why="If the new version is bad, few customers suffer.",
        action="A weight is a share of 1. Ten percent is 0.1, for the version with the code `GREEN`.",
    )
    word = world.word()
    text = f"def handler(event, context):\n    return {{'order': event['order'], 'button': '{word}'}}\n"
    world.client("lambda").update_function_code(FunctionName="checkout", ZipFile=zipped({"app.py": text}))
    leaked = met(checkout, CALLS)[word]
    expect(
        "apart",
        not leaked,
        "When a colleague changes `$LATEST`, callers of `live` do not notice.",
        seen=f"A colleague tried something in `$LATEST`. {leaked:,} of {CALLS:,} calls through `live` met it.",
        why="An unfinished thought of a colleague would be in production.",
        action="Publish each of the two, and let the alias point at the numbers.",
    )
    with world.rehearsal() as rehearsal:
        expect.call(
            "runs",
            roll_back,
            wanted="`roll_back()` runs without an error.",
            action="Read what AWS says about that call, and repair it.",
        )
        made = len(rehearsal.trace.where(kind="call", service="lambda", caller="learner"))
        expect(
            "one",
            made <= 1,
            "`roll_back()` makes one call of the API.",
            seen=f"It made {number(made, 'call')}.",
            why="Somebody does this at three in the morning. One step cannot stop half-way.",
            action="The old version is still there. Only the alias has to change.",
        )
        colors = met(checkout, CALLS)
        still = CALLS - colors["blue"]
        expect(
            "back",
            not still,
            "After `roll_back()`, every call through `live` meets blue.",
            seen=f"{still:,} of {CALLS:,} calls met {', '.join(sorted(colors.keys() - {'blue'}))}.",
            why="The shop rolls back because green is broken.",
            action="What you do not name in `update_alias` stays as it was. Name the weights, too.",
        )


def met(checkout: Any, calls: int) -> Counter[str]:
    """Which button so many customers meet through the alias. Lambda routes each call; each version it chose runs once."""
    colors: Counter[str] = Counter()
    for version, count in checkout.routed(calls, "live").items():
        run = checkout.call({"order": f"{version}-{count}"}, version)
        colors[str(run.answer.get("button") if isinstance(run.answer, dict) else run.error)] += count
    return colors


# -- 10.6 ------------------------------------------------------------------------------------------------

ENVIRONMENTS: Final = 5
ROUNDS: Final = 40
SILENT_MINUTES: Final = 9


@exercise(
    "One connection for each environment",
    points=10,
    minutes=9,
    covers=("L161",),
    hints=(
        "Which lines of a module run once, and which run for each call? And if what you kept is broken, would you not "
        "throw it away and get another one?",
        "Keep the connection in a variable of the module. Catch `shopdb.ConnectionLost`, connect again, keep the new "
        f"one, and ask once more. See {DOCS}/dg/lambda-runtime-environment.html",
        "```\nconnection = None\n\n\ndef handler(event, context):\n    global ____\n```",
    ),
)
def connection(world: World, expect: Expect) -> None:
    """Five environments open five connections, and a connection that was closed is replaced."""
    points = expect.found(
        "exists",
        world.function("customer-points"),
        "There is a function named `customer-points`.",
        action="Run the cell of the exercise.",
    )
    asked, runs = 0, []
    for _ in range(ROUNDS):
        numbers = [world.random.randrange(1, 100_000) for _ in range(ENVIRONMENTS)]
        batch = points.together([{"customer": one} for one in numbers])
        wrong = [
            (one, run)
            for one, run in zip(numbers, batch, strict=True)
            if run.answer != {"customer": one, "points": one * 7 % 1000}
        ]
        runs += batch
        asked += ENVIRONMENTS
        if not expect(
            "answers",
            not wrong,
            "Every call gets the points of its customer.",
            seen=f"Customer {wrong[0][0]} was asked for. {said(wrong[0][1])}" if wrong else "",
            why="Another customer's points are worse than none.",
            action="Keep the connection, not the answer."
            if all(run.ok for _, run in wrong)
            else "Read the error. A variable that the handler assigns is its own, unless it says `global`. And has the "
            "function its layer?",
        ):
            return
    opened = connections(runs)
    expect(
        "few",
        opened <= ENVIRONMENTS,
        "200 calls on 5 environments open 5 connections at most.",
        seen=f"{asked} calls on {ENVIRONMENTS} environments opened {number(opened, 'connection')}, "
        f"{opened // ENVIRONMENTS:,} for each environment. A hundred environments would open {opened * 20:,}.",
        why="The database of the shop allows 200 connections.",
        action="An environment serves one call at a time: it needs one connection, for all its calls.",
    )
    world.clock.advance(minutes=SILENT_MINUTES)
    customer = world.random.randrange(1, 100_000)
    late = points.call({"customer": customer})
    if not expect(
        "stale",
        late.answer == {"customer": customer, "points": customer * 7 % 1000},
        "After nine silent minutes, a call still gets its answer.",
        seen=said(late),
        why="The server has closed the connection. The first customer of the morning would see an error.",
        action="When the query says that the connection is lost, open a new one and ask again.",
    ):
        return
    after = connections([points.call({"customer": world.random.randrange(1, 100_000)}) for _ in range(10)])
    expect(
        "mended",
        after <= 1,
        "The calls after that use the new connection.",
        seen=f"10 more calls opened {number(after, 'connection')}.",
        why="The old connection is still in the variable, and every call finds it broken.",
        action="Put the new connection where the old one was: `global` lets the handler do that.",
    )


def connections(runs: list[Any]) -> int:
    """How many connections the database saw."""
    return sum(run.log.count("shopdb: a new connection") for run in runs)


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
        f"`SourceAccount`. Then `put_bucket_notification_configuration`. See {DOCS}/dg/permissions-function-services.html",
        "```\nlambda_client.add_permission(\n    FunctionName=\"stock-sync\", StatementId=\"from-rule\",\n"
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
    arns = sorted({stock.arn, *targets(world)})
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
            seen=f"{how_often(rehearsal, stock)} {why_not(rehearsal)}",
            why="New stock is in the warehouse, and the shop says: sold out.",
            action="Who calls whom? The *function* needs a statement that lets the rule in. Its role is for what it does.",
        )
    with world.rehearsal() as rehearsal:
        world.client("s3").put_object(Bucket=uploads, Key=f"stock/{world.word()}.csv", Body=b"tea,12")
        world.clock.advance(seconds=60)
        expect(
            "bucket",
            ran(rehearsal, stock) == 1,
            "A new file in your bucket sets the function off.",
            seen=f"A file came. {how_often(rehearsal, stock)} {why_not(rehearsal)}",
            why="Suppliers send their stock as files.",
            action="Let the bucket in, then tell the bucket whom to call: `put_bucket_notification_configuration`.",
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
    """How often it ran, in a sentence."""
    times = ran(rehearsal, stock)
    return f"The function ran {times} times." if times else "The function did not run."


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


# -- 10.8 ------------------------------------------------------------------------------------------------

KB: Final = 1_024
MB: Final = 1_024 * KB


@exercise(
    "Choose the way",
    points=10,
    minutes=12,
    star=True,
    covers=("L148",),
    hints=(
        "Ask two questions of each payload: does somebody wait for the answer, and how heavy is it? A parcel that does "
        "not fit into the letter box goes to the depot, and the box gets a card with its number.",
        '`invoke` with `InvocationType="Event"` does not wait. `put_object` and a pointer carry what is too heavy. '
        f"Measure `len(payload)` in bytes of JSON. See {DOCS}/dg/gettingstarted-limits.html",
        "```\nif len(payload) <= ____ and not need_reply:\n"
        '    lambda_client.invoke(FunctionName="photo-book", InvocationType="____", Payload=payload)\n```',
    ),
)
def payloads(world: World, expect: Expect, *, send: Callable[..., Any]) -> None:
    """Every request and every reply arrives by a way that AWS allows, and by the short one where it fits."""
    book = expect.found(
        "exists",
        world.function("photo-book"),
        "There is a function named `photo-book`.",
        action="Deploy it with `deploy_book`.",
    )
    account = book.arn.split(":")[4]
    bucket = f"orchard-books-{account}"
    for size, said_size in ((200 * KB, "200 KB"), (900 * KB, "900 KB"), (int(1.2 * MB), "1.2 MB"), (7 * MB, "7 MB")):
        judge_event(world, expect, send, bucket, size, said_size)
    for size, wanted, said_size in (
        (int(5.9 * MB), 2_000, "5.9 MB"),
        (7 * MB, 5 * MB, "7 MB"),
        (2_000, 7 * MB, "2 KB"),
    ):
        judge_reply(world, expect, send, bucket, size, wanted, said_size)


def a_request(world: World, size: int, wanted: int) -> dict[str, Any]:
    """A request of about `size` bytes of JSON, for a book of `wanted` bytes."""
    page = f"{world.word()}+"
    return {
        "title": world.word(),
        "photos": (page * (size // len(page) + 1))[: size - 60],
        "size": wanted + world.random.randrange(99),
    }


def sent(expect: Expect, send: Callable[..., Any], request: dict[str, Any], need_reply: bool) -> Any:
    """Let the learner's function send a request."""
    return expect.call(
        "runs",
        send,
        dict(request),
        need_reply,
        wanted="`send` sends requests of 200 KB to 7 MB without an error.",
        why="An asynchronous event may have 1 MB, a synchronous request 6 MB.",
        action="Measure the payload before you choose the way. Where an answer has an `errorMessage`, the function failed.",
    )


def judge_event(
    world: World, expect: Expect, send: Callable[..., Any], bucket: str, size: int, said_size: str
) -> None:
    """Nobody waits for this one."""
    request = a_request(world, size, 500)
    with world.rehearsal() as rehearsal:
        sent(expect, send, request, False)
        puts = stored(rehearsal, bucket)
        calls = [one for one in rehearsal.trace.where(kind="call", service="lambda", caller="learner")]
        waited = [one for one in calls if one.params.get("InvocationType") != "Event"]
        world.clock.advance(seconds=30)
        there = arrived(world, bucket, request)
        expect(
            "arrive",
            there == digest(request),
            "Every request arrives as it was sent.",
            seen=f"Of a request of {said_size}, "
            + ("nothing arrived." if not there else "something else arrived than was sent."),
            why="A customer has paid for every photo.",
            action="Send all of it: in the event, or in S3 with a pointer in the event.",
        )
        if size <= MB:
            expect(
                "patient",
                not waited,
                "A caller who needs no reply does not wait, up to 1 MB.",
                seen=f"With {said_size} and no reply needed, `send` waited until the function had ended.",
                why="The customer at the counter would look at your program instead of going home.",
                action="Without a reply, choose the type of call that Lambda queues.",
            )
            judge_direct(expect, puts, f"An event of {said_size}", "1 MB")


def judge_direct(expect: Expect, puts: int, what: str, most: str) -> None:
    """What fits does not go through S3."""
    expect(
        "direct",
        not puts,
        "What fits into a call goes without S3.",
        seen=f"{what} went through S3. It works, and you paid for one write and one read more.",
        why=f"It may have {most}."
        + (" (Older courses say 256 KB for asynchronous events; that was so until 2025.)" if most == "1 MB" else ""),
        action="Use S3 only from the limit on.",
    )


def judge_reply(
    world: World, expect: Expect, send: Callable[..., Any], bucket: str, size: int, wanted: int, said_size: str
) -> None:
    """Somebody waits for this one."""
    request = a_request(world, size, wanted)
    with world.rehearsal() as rehearsal:
        answer = sent(expect, send, request, True)
        page = f"{request['title']} "
        book = (page * (request["size"] // len(page) + 1))[: request["size"]]
        large = f"{wanted // MB} MB" if wanted >= MB else "2 KB"
        expect(
            "replies",
            answer == book,
            "Who needs the reply gets the whole book.",
            seen=f"A request of {said_size} for a book of {large}: `send` returned "
            + (f"{len(answer):,} characters, not those of the book." if isinstance(answer, str) else f"{short(answer)}."),
            why="The customer waits at the counter.",
            action="An answer may have 6 MB. A larger book goes to S3, and `opened` finds it by its pointer.",
        )
        if size <= 6 * MB:
            judge_direct(expect, stored(rehearsal, bucket), f"A request of {said_size}", "6 MB")
        by_function = stored(rehearsal, bucket, "assumed-role") - 1  # one note says what arrived
        if wanted <= 5 * MB:
            expect(
                "answered",
                by_function <= 0,
                "A book that fits into an answer is in the answer.",
                seen=f"A book of {large} went through S3.",
                why="It costs a write and a read more, and the customer waits longer.",
                action="In `reply`, look at the size first.",
            )


def stored(rehearsal: Any, bucket: str, caller: str = "learner") -> int:
    """How many objects somebody has put into the bucket."""
    calls = rehearsal.trace.where(kind="call", service="s3")
    return sum(one.action in ("PutObject", "CreateMultipartUpload") and one.caller.startswith(caller) for one in calls)


def arrived(world: World, bucket: str, request: dict[str, Any]) -> str:
    """What the function wrote down about a request."""
    client = world.client("s3")
    with suppress(client.exceptions.ClientError):
        found = client.get_object(Bucket=bucket, Key=f"arrived/{request['title']}")
        return str(found["Body"].read(), "ascii")
    return ""


def digest(request: dict[str, Any]) -> str:
    """The fingerprint of a request's photos."""
    return hashlib.sha256(request["photos"].encode()).hexdigest()
