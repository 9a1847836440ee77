"""Lab 10: a package that starts, and a job that stops in time."""

from __future__ import annotations

import math
import re
from collections.abc import Sized
from typing import Any, Final

from labkit.judging import Expect, World, exercise, number

from . import DOCS, said, short

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
        "The handler setting is `file.function`. The file lies at the top of the zip, beside everything it imports. "
        f"See {DOCS}/dg/python-package.html and {DOCS}/dg/python-handler.html",
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
        action="Compare the names of the files in the zip with the first half of the handler setting. A file ends with "
        "`.py`, the setting does not.",
    ):
        return
    if not expect(
        "imports",
        first.error != "Runtime.ImportModuleError" and not first.error.startswith("Runtime.UserCodeSyntax"),
        "Everything that the file imports is in the package.",
        seen=said(first),
        why="Nothing of your own is in Lambda but what you pack. On your machine the import worked.",
        action="Python looks for it from the top of the zip, too. What is the file called there, with `.py`?"
        if missing
        else "A file of the package is not what the runtime can read. The message says which, and where.",
    ):
        return
    if not expect(
        "handler",
        first.error not in ("Runtime.HandlerNotFound", "Runtime.MalformedHandlerName"),
        "The file has the function that the handler setting names.",
        seen=said(first),
        why="The setting has two halves with a dot between. The second is the name of a function in the file.",
        action="Look for `def` in the file, and write its name into the handler setting.",
    ):
        return
    runs = [first, *quote.calls(orders[1:])]
    wrong = [(order, run) for order, run in zip(orders, runs, strict=True) if run.answer != the_quote(order)]
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
        action='Return a dict at the end, too: `{"next": None}`.'
        if tiny.ok
        else "Read what Lambda says, and repair that line.",
    ):
        return
    for labels, pace in ((900, 0.05), (world.random.randrange(70, 90), 0.2)):
        judge_job(world, expect, printing, labels, pace)


def judge_job(world: World, expect: Expect, printing: Any, labels: int, pace: float) -> None:
    """One job, from its first call to the last, as the shop would drive it."""
    job, first = world.word(), world.random.randrange(0, 9)
    start: Any = first
    runs: list[Any] = []
    printed: list[int] = []
    for _ in range(MOST_CALLS):
        run = printing.call({"job": job, "start": start, "labels": labels, "pace": pace})
        runs.append(run)
        printed += [int(found) for found in re.findall(rf"label {re.escape(job)} (\d+)", run.log)]
        before, start = start, run.answer.get("next") if isinstance(run.answer, dict) else None
        for_ever = before == start and not is_a_label(start, labels)
        if not isinstance(start, int) or for_ever or len(printed) > 2 * labels:
            break
    what = f"A job of {labels} labels at {pace:g} seconds each"
    left = [
        run for run in runs if isinstance(run.answer, dict) and is_a_label(run.answer.get("next"), labels)
    ]
    lazy = min((run.seconds for run in left), default=LIMIT)
    # Nobody would drive it any further, so what is missing is not its worst fault.
    given_up = is_a_label(start, labels) and (lazy < LEAST_USED or len(printed) > 2 * labels)
    judge_ends(expect, runs, what)
    judge_printed(expect, what, set() if given_up else set(range(first, labels)), printed, start)
    expect(
        "done",
        not isinstance(start, int) or is_a_label(start, labels),
        'When all labels are printed, a call returns `{"next": None}`.',
        seen=f"{what}: all are printed, and a call still returned {{'next': {short(start)}}}.",
        why="Who calls the function goes on until it says None.",
        action="A number means that a label with this number is still to be printed.",
    )
    expect(
        "busy",
        lazy >= LEAST_USED,
        "A call that leaves work has used at least six of its ten seconds.",
        seen=f"{what}: a call gave up "
        + (f"after {number(math.floor(lazy), 'second')}." if lazy >= 1 else "in its first second."),
        why="Each call costs a request and has to be started by somebody.",
        action="The method gives milliseconds. Stop when one to three seconds are left.",
    )


def is_a_label(answer: object, labels: int) -> bool:
    """Whether an answer names a label that is still to be printed."""
    return isinstance(answer, int) and answer < labels


def judge_ends(expect: Expect, runs: list[Any], what: str) -> None:
    """How the calls of a job ended."""
    longest = max(run.seconds for run in runs)
    stopped = [run for run in runs if not run.ok]
    timed_out = not stopped or "Timedout" in stopped[0].error
    expect(
        "early",
        not stopped and longest <= LIMIT - SPARE,
        "Each call ends by itself, at least half a second before its 10 seconds are over.",
        seen=f"{what}: a call ended with {stopped[0].trouble}."
        if stopped
        else f"{what}: a call took {'more than' if longest > LIMIT else 'nearly'} {LIMIT:.0f} seconds.",
        why="Lambda ends a late call in the middle of a label, and nobody learns how far it came.",
        action="Before each label, ask how much time is left. Keep more than the slowest label needs."
        if timed_out
        else "A call ends by itself when it returns something. This one failed. Read the error.",
    )


def judge_printed(expect: Expect, what: str, wanted: set[int], printed: list[int], last: object) -> None:
    """Which labels a job printed. `last` is what its last call returned as "next"."""
    left_out = wanted - set(printed)
    odd = bool(left_out) and last is not None and not isinstance(last, int)
    expect(
        "all",
        not left_out,
        "When the job is done, every label is printed.",
        seen=f"{what}: {few(left_out, 'label is', 'labels are')} missing."
        + (f" A call returned {kind_of(last)} as `next`." if odd else ""),
        why="A parcel without a label stays in the shop.",
        action="Return the number itself, as the loop has it."
        if odd
        else "Return the number of the first label that is not printed yet. Return None only at the very end.",
    )
    twice = len(printed) - len(set(printed))
    expect(
        "once",
        not twice,
        "No label is printed twice.",
        seen=f"{what}: {few(range(twice), 'label was', 'labels were')} printed twice.",
        why="Two parcels would go to the same customer.",
        action='A call begins with the label `event["start"]`. It returns the first label that is not printed yet.',
    )


def kind_of(answer: object) -> str:
    """What was returned where a number belongs. Which label it is hangs on the speed of the machine."""
    return "a text" if isinstance(answer, str) else "something that is no whole number"


def few(labels: Sized, one: str, many: str) -> str:
    """How many labels, with their verb. Large numbers hang on the speed of the machine, and nobody needs them."""
    count = len(labels)
    return f"{number(count, one, many)}" if count <= 20 else f"more than 20 {many}"
