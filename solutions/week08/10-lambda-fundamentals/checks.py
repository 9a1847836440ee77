"""What the finished exercises of lab 10 do. Each check plays the callers, the colleagues and the passing of time."""

from __future__ import annotations

import io
import zipfile
from typing import Any, Final

from labkit.judging import question

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


def short(thing: object, most: int = 160) -> str:
    """A value in few words."""
    text = repr(thing)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def said(run: Any) -> str:
    """What a call answered, or how it failed."""
    return (
        f"It answered {short(run.answer)}." if run.ok else f"It failed with {short(run.trouble, 300)[1:-1]}."
    )


def zipped(files: dict[str, str]) -> bytes:
    """A zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()
